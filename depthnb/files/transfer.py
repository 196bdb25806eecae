r"""One file from one server, over HTTP, with all that may go wrong; `fetching.fetch` is the way to use it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from depthnb import files
from depthnb.files import kinds

_CHUNK = (
    2**16
)  # bytes that must arrive within the time that a server may be silent: slower than this is as good as hanging


class Broken(Exception):
    """The transfer ended early; trying again may help."""


class Refused(Exception):
    """This server does not have the file, or something else in its place."""


def part_of(target: Path) -> Path:
    """Where what arrives is kept until it is whole."""
    return target.with_name(f".{target.name}.part")


def note_of(target: Path) -> Path:
    """Where it stands from which server that came, and in which state the file was there."""
    return target.with_name(f".{target.name}.part.json")


def drop(target: Path) -> None:
    """Remove what arrived of a file, and the note on it; for who holds its lock."""
    for path in (part_of(target), note_of(target)):
        path.unlink(missing_ok=True)
    files.clear(note_of(target))


class Transfer:
    """One file from one server."""

    def __init__(
        self,
        url: str,
        target: Path,
        checksum: str | None,
        size: int | None,
        most: int,
        stall: float,
        told: Callable[[int, int | None], None] | None,
    ) -> None:
        self.url, self.target, self.checksum, self.size = url, target, checksum, size
        self.most, self.stall, self.told = most, stall, told
        self.part = part_of(target)
        self.note = note_of(target)
        self.host = urlsplit(url).netloc.rpartition("@")[2]

    def run(self, tries: int) -> None:
        """Fetch, check and name the file; see `fetch`."""
        left, resumed, most = tries, False, self._there()
        while True:
            try:
                began, published = self._watched()
            except Broken:
                there = self._there()
                left, most = (tries, there) if there > most else (left - 1, most)
                if not left:
                    if not there:
                        drop(self.target)
                    raise
                time.sleep(min(self.stall / 4, 2.0))
                continue
            except (Refused, ValueError):
                drop(self.target)
                raise
            try:
                self._finish(self.checksum or published)
                return
            except ValueError:
                drop(self.target)
                if not began or resumed:
                    raise
                resumed = True  # its beginning may be of another file: once more, whole

    def _there(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _finish(self, checksum: str | None) -> None:
        kinds.check_file(self.part, checksum, self.size, f"download of {self.url}", self.target.suffix)
        with open(self.part, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(self.part, self.target)
        drop(self.target)

    def _watched(self) -> tuple[int, str | None]:
        """`_get` in a thread that can be left behind: a look-up of a server's name cannot be interrupted, and a socket's own
        time limit starts anew with every byte."""
        beat, came = _Beat(), []

        def work() -> None:
            try:
                came.append(self._get(beat))
            except BaseException as error:
                came.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while thread.is_alive() and time.monotonic() - beat.last < self.stall:
                thread.join(0.05)
            if not came:
                raise Broken(f"{self.host} was silent for {self.stall:g} s")
        finally:
            beat.give_up()
        if isinstance(came[0], BaseException):
            raise came[0]
        return came[0]

    def _get(self, beat: _Beat) -> tuple[int, str | None]:
        """Ask once; returns from which byte on, and the checksum that the server sent along."""
        import requests
        import urllib3

        start, validator = self._start()
        # the file as it is: a server that compresses on the way would announce another length
        headers = {"Accept-Encoding": "identity", "User-Agent": "depthnb"}
        if start:
            headers |= {"Range": f"bytes={start}-", **({"If-Range": validator} if validator else {})}
        try:
            with requests.get(self.url, headers=headers, stream=True, timeout=2 * self.stall) as response:
                beat()
                if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{start}":
                    return start, _published(response)  # it was all there, and only the name is missing
                with beat.at_work():
                    start, total = self._answer(response, start)
                self._receive(response, start, total, beat)
                return start, _published(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            words = "broke off" if self._there() > start else "cannot be reached"
            raise Broken(f"{self.host} {words} ({type(error).__name__})") from error

    def _start(self) -> tuple[int, str]:
        """From which byte to go on, and what the server must have still; 0 where that cannot be told."""
        try:
            note = json.loads(self.note.read_text())
            validator = note["validator"]
            if note["url"] == self.url and (validator or self.checksum):
                return self._there(), validator
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return (self._there() if self.checksum else 0), ""

    def _answer(self, response, start: int) -> tuple[int, int | None]:
        """From which byte on the answer is, and how many there are in all; what is no file is refused."""
        status, given = response.status_code, response.headers
        if status in (408, 416, 429) or status >= 500:
            if status == 416:  # the part is longer than the file
                drop(self.target)
            raise Broken(f"{self.host} answered {status}")
        if status not in (200, 206):
            raise Refused(f"{self.host} answered {status}")
        if given.get("Content-Type", "").startswith("text/html") and self.target.suffix not in (".html", ".htm"):
            raise Refused(f"{self.host} answered with a web page instead of the file")
        length = given.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        if status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", given.get("Content-Range", ""))
            if not found or int(found[1]) != start:
                drop(self.target)
                raise Broken(f"{self.host} answered with another part than was asked for")
            total = None if total is None else total + start
        else:
            start = 0
        limit = self.most if self.size is None else self.size
        if total is not None and (total > limit or self.size not in (None, total)):
            expected = "at most " * (self.size is None) + f"{limit}"
            raise ValueError(f"{self.url}: the server announces {total} bytes, expected {expected}; it is another file")
        self._note(given)
        return start, total

    def _note(self, given) -> None:
        """Keep what tells later whether the file is still the same; a weak ETag does not."""
        tag = given.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else given.get("Last-Modified", "")
        files.write_text(self.note, json.dumps({"url": self.url, "validator": validator}))

    def _receive(self, response, start: int, total: int | None, beat: _Beat) -> None:
        """Append to the part, never more than is expected."""
        if total is not None and (missing := total - start - shutil.disk_usage(self.part.parent).free) > 0:
            raise OSError(errno.ENOSPC, f"{total - start:,} bytes are needed, {missing:,} more than are free")
        limit, done = self.size or total or self.most, start
        with contextlib.ExitStack() as stack:
            with beat.at_work():
                stream = stack.enter_context(open(self.part, "r+b" if start else "wb", buffering=0))
                stream.truncate(start)
                stream.seek(start)
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                beat()
                if not done and kinds.is_web_page(chunk) and self.target.suffix not in (".html", ".htm"):
                    raise Refused(f"{self.host} answered with a web page instead of the file")
                if done + len(chunk) > limit:
                    raise ValueError(
                        f"{self.url}: more than the {limit} bytes that are expected at most arrive; it is another file"
                    )
                with beat.at_work():
                    _write_all(stream, chunk)
                done += len(chunk)
                if self.told:
                    self.told(done, total or self.size)
        if not done:
            raise Broken(f"{self.host} sent an empty answer")
        if done < (self.size or total or 0):
            raise Broken(f"{self.host} broke off after {done:,} of {self.size or total:,} bytes")


class _Beat:
    """When something last arrived; raises where nobody waits any more."""

    def __init__(self) -> None:
        self.last, self._given_up, self._lock = time.monotonic(), False, threading.Lock()

    def __call__(self) -> None:
        if self._given_up:
            raise TimeoutError
        self.last = time.monotonic()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """While files are touched: `give_up` waits for the end of it, and nothing is touched after that."""
        with self._lock:
            self()
            yield

    def give_up(self) -> None:
        """Nobody waits any more: what the thread still gets is for nobody, and the files belong to the next attempt."""
        with self._lock:
            self._given_up = True


def _write_all(stream: io.FileIO, chunk: bytes) -> None:
    """Unbuffered, so that nothing is left to be written when the file is closed by a thread that was given up."""
    left = memoryview(chunk)
    while left:
        left = left[stream.write(left) :]


def _published(response) -> str | None:
    """The SHA-256 that Hugging Face's hub sends with a large file, or with the redirection to it, as X-Linked-ETag."""
    for each in (response, *response.history):
        if found := re.fullmatch(r'"?([0-9a-f]{64})"?', each.headers.get("X-Linked-ETag", "")):
            return f"sha256:{found[1]}"
    return None
