"""A server on this machine that does what real ones do on bad days."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Mapping

import pytest

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
PAGE = b"<!DOCTYPE html><html>sign in</html>"


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path with Range; `mood` says what goes wrong, `requests` holds (path, range) of each request.

    Only what has `only` in its path is served in that mood.

    Moods: cut (a part, then the connection closes), stall, drip (a byte now and then), long (more than announced), endless
    (chunks for ever), silent length (no length, and a cut), page, page as binary, empty, mute (not even headers), a status of
    three digits, loop (of redirections), reversed (the bytes), no range, changed (another file by the second request), late
    (the first headers come when nobody waits any more), wrong part, compressed (the header says gzip).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/file.bin": CONTENT}
        self.mood, self.only, self.requests, self.released = "", "", [], threading.Event()
        self.etag, self.linked, self.cut_at = True, False, 30_000
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_) -> None:
        pass  # a client that goes away is what is tested


def listed(name: str, content: bytes) -> dict:
    """A file as Hugging Face's hub lists it: what is large has a SHA-256, and everything has the name that Git gives it."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    large = {"lfs": {"sha256": hashlib.sha256(content).hexdigest()}} if len(content) > 1000 else {}
    return {"rfilename": name, "size": len(content), "blobId": git, **large}


def serve_repository(running: Server, repository: str, commit: str, contents: Mapping[str, bytes]) -> str:
    """Let a server be Hugging Face's hub with this repository as the newest; returns the path of its list."""
    siblings = [listed(*each) for each in contents.items()]
    path = f"/api/models/{repository}?blobs=true"
    running.files[path] = json.dumps({"id": repository, "sha": commit, "siblings": siblings}).encode()
    running.files |= {f"/{repository}/resolve/{commit}/{name}": content for name, content in contents.items()}
    return path


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        content = self.server.files.get(self.path)
        mood = self.server.mood if self.server.only in self.path else ""
        if content is None or mood.isdigit():
            return self.send_error(int(mood) if mood.isdigit() else 404)
        if mood == "loop":
            self.send_response(302)
            self.send_header("Location", self.path)
            return self.end_headers()
        if mood == "mute":
            return self.server.released.wait(20)
        if mood == "late" and len(self.server.requests) == 1:
            self.server.released.wait(0.8)
        if mood == "changed" and len(self.server.requests) > 1:
            content = content[::-1]
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        start = 0
        same = self.headers.get("If-Range", tag) == tag
        if asked and same and mood != "no range":
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                return self.end_headers()
        self._answer(content, start, tag, mood)

    def _answer(self, content: bytes, start: int, tag: str, mood: str) -> None:
        self.send_response(206 if start else 200)
        if start:
            first = start + 7 if mood == "wrong part" else start
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        body = {"page": PAGE, "page as binary": PAGE, "empty": b"", "reversed": content[::-1]}.get(
            mood, content[start:]
        )
        self.send_header("Content-Type", "text/html; charset=utf-8" if mood == "page" else "application/octet-stream")
        if mood == "compressed":
            self.send_header("Content-Encoding", "gzip")
        if mood == "endless":
            self.send_header("Transfer-Encoding", "chunked")
        elif mood != "silent length":
            announced = len(body) - 1000 if mood == "long" else len(body)
            self.send_header("Content-Length", str(announced))
        if self.server.etag:
            self.send_header("ETag", tag)
        if self.server.linked:
            self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        self._send(body, mood)

    def _send(self, body: bytes, mood: str) -> None:
        cut = self.server.cut_at
        if mood in ("cut", "silent length", "no range", "changed", "wrong part", "stall"):
            self.wfile.write(body[:cut])
            self.wfile.flush()
            if mood == "stall":
                self.server.released.wait(20)
        elif mood == "late":  # whoever gave the first answer up writes into a file that the second one is filling
            self.wfile.write(body[:70_000])
            self.wfile.flush()
            self.server.released.wait(0.3)
            self.wfile.write(body[70_000:])
        elif mood == "drip":
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                self.wfile.flush()
                if self.server.released.wait(0.05):
                    return
        elif mood == "endless":
            while not self.server.released.is_set():
                self.wfile.write(b"10000\r\n" + bytes(65536) + b"\r\n")
        else:
            self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server():
    """A `Server` that runs."""
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.released.set()
    running.shutdown()
    running.server_close()
