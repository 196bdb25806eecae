r"""Fetching a file from a server that may cut, stall, lie or send something else: it is there whole, or not at all.

What arrives is kept as `.<name>.part` and goes on where it was stopped, if the server can do that and the file is still the
same (HTTP's Range and If-Range, RFC 9110, sections 13 and 14). It gets its name when size, checksum and kind are right.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from depthnb import files
from depthnb.files import kinds, locks

_STALL_SECONDS = 60.0
_TRIES = 3  # without a byte of progress, before a server is given up
_CHUNK = (
    2**16
)  # bytes that must arrive within the time that a server may be silent: slower than this is as good as hanging
_MOST = 200 * 10**9  # bytes of a file of unknown size; the largest that is known here has 81 GB


class Unreachable(ConnectionError):
    """No server gave the file; `reason` says why in one part of a sentence without a path."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class _Broken(Exception):
    """The transfer ended early; trying again may help."""


class _Refused(Exception):
    """This server does not have the file, or something else in its place."""


def offline() -> bool:
    """Whether `DEPTHNB_OFFLINE` keeps everything from asking the network."""
    return os.environ.get("DEPTHNB_OFFLINE", "0").lower() not in ("", "0", "false", "no", "off")


def fetch(
    url: str | Sequence[str],
    target: Path | str,
    *,
    checksum: str | None,
    size: int | None = None,
    most: int = _MOST,
    stall: float = _STALL_SECONDS,
    tries: int = _TRIES,
    anew: bool = False,
    told: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download one file to `target`, unless a file is there already that passes the check.

    Args:
        url: http or https; or several, tried in turn.
        target: path of the file; its folder is made.
        checksum: "sha256:<hex>" or "md5:<hex>", or its first digits; None only where nobody published one: then size and
            kind are checked, and the SHA-256 that Hugging Face sends along.
        size: bytes expected, or None.
        most: bytes at most where the size is not known; more is cut off and refused.
        stall: seconds without 64 kB from the server after which to give up.
        tries: how often a server that breaks off is asked without progress.
        anew: fetch even if a file is there, and replace it.
        told: called with bytes that are there and bytes in all (None: not known).

    Returns:
        `target`.

    Raises:
        Unreachable: a ConnectionError: if no server can be reached, or all stall, break off or refuse; with what to do
            without a network. What arrived is kept, and the next call goes on.
        ValueError: if what came has another checksum, size or kind; nothing is left.
        OSError: if the disk is too small, with the number of bytes that are missing, or may not be written.
    """
    target, urls = Path(target).expanduser(), [url] if isinstance(url, str) else list(url)
    wrong = next((each for each in urls if urlsplit(each).scheme not in ("http", "https")), None)
    if wrong is not None or not urls:
        raise ValueError(f"address {wrong!r}; expected one that begins with http:// or https://")
    if target.is_file() and not anew:
        check_file(target, checksum, size)
        return target
    by_hand = f"Get the file elsewhere and put it at {target}"
    if offline():
        raise Unreachable(f"cannot download {urls[0]}: DEPTHNB_OFFLINE is set. {by_hand}", "DEPTHNB_OFFLINE is set")
    with _alone(target):
        if target.is_file() and not anew:  # another process has fetched it meanwhile
            check_file(target, checksum, size)
            return target
        failed: list[Exception] = []
        for each in urls:
            try:
                _Transfer(each, target, checksum, size, most, stall, told).run(tries)
                return target
            except (_Broken, _Refused, ValueError) as error:
                failed.append(error)
    reasons = "; ".join(dict.fromkeys(map(str, failed)))
    if all(isinstance(error, ValueError) for error in failed):
        raise ValueError(reasons) from failed[-1]
    raise Unreachable(f"cannot download {urls[0]} ({reasons}). {by_hand}", reasons) from failed[-1]


@contextlib.contextmanager
def _alone(target: Path):
    """The lock on a download; errors of the disk are said with their remedy."""
    lock = locks.Lock(target.with_name(f".{target.name}.lock"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock.take(wait=lambda holder: print(f"{holder} fetches {target.name} already: waiting", flush=True))
        try:
            yield
        finally:
            lock.release()
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(
            error.errno, f"could not write {target} ({error.strerror or error}); {files.remedy(error)}"
        ) from error


def check_file(
    path: Path, checksum: str | None, size: int | None, said: str | None = None, suffix: str | None = None
) -> None:
    """Raise ValueError if a file has another size or checksum than expected; without a checksum, if it is of another kind.

    said: the beginning of the error, else the path. suffix: of the name that the file shall have, if that is another.
    """
    said = said or str(path)
    found = path.stat().st_size
    if size is not None and found != size:
        raise ValueError(
            f"{said}: {found} bytes, expected {size}; it is cut short or another file: delete it, get it again"
        )
    if checksum is None:
        if fault := kinds.fault(path, suffix):
            raise ValueError(f"{said}: {fault}; it is cut short or another file: delete it, get it again")
        return
    algorithm, _, expected = checksum.partition(":")
    if algorithm not in ("sha256", "md5") or not re.fullmatch("[0-9a-fA-F]{8,}", expected):
        raise ValueError(f"checksum is {checksum!r}; expected 'sha256:<hex>' or 'md5:<hex>'")
    with open(path, "rb") as handle:
        digest = hashlib.file_digest(handle, algorithm).hexdigest()
    if not digest.startswith(expected.lower()):
        raise ValueError(
            f"{said}: {algorithm} {digest}, expected {expected}; it is damaged or another file: get it again"
        )


class _Transfer:
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
        self.part = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")
        self.host = urlsplit(url).netloc.rpartition("@")[2]

    def run(self, tries: int) -> None:
        """Fetch, check and name the file; see `fetch`."""
        left, resumed, most = tries, False, self._there()
        while True:
            try:
                began, published = self._watched()
            except _Broken:
                there = self._there()
                left, most = (tries, there) if there > most else (left - 1, most)
                if not left:
                    if not there:
                        self._drop()
                    raise
                time.sleep(min(self.stall / 4, 2.0))
                continue
            except (_Refused, ValueError):
                self._drop()
                raise
            try:
                self._finish(self.checksum or published)
                return
            except ValueError:
                self._drop()
                if not began or resumed:
                    raise
                resumed = True  # its beginning may be of another file: once more, whole

    def _there(self) -> int:
        return self.part.stat().st_size if self.part.is_file() else 0

    def _drop(self) -> None:
        for path in (self.part, self.note):
            path.unlink(missing_ok=True)

    def _finish(self, checksum: str | None) -> None:
        check_file(self.part, checksum, self.size, f"download of {self.url}", self.target.suffix)
        with open(self.part, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(self.part, self.target)
        self.note.unlink(missing_ok=True)

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
                raise _Broken(f"{self.host} was silent for {self.stall:g} s")
        finally:
            beat.given_up = True
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
                if response.status_code == 416 and response.headers.get("Content-Range") == f"bytes */{start}":
                    return start, _published(response)  # it was all there, and only the name is missing
                start, total = self._answer(response, start)
                self._receive(response, start, total, beat)
                return start, _published(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            words = "broke off" if self._there() > start else "cannot be reached"
            raise _Broken(f"{self.host} {words} ({type(error).__name__})") from error

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
                self._drop()
            raise _Broken(f"{self.host} answered {status}")
        if status not in (200, 206):
            raise _Refused(f"{self.host} answered {status}")
        if given.get("Content-Type", "").startswith("text/html") and self.target.suffix not in (".html", ".htm"):
            raise _Refused(f"{self.host} answered with a web page instead of {self.target.name}")
        length = given.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        if status == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", given.get("Content-Range", ""))
            if not found or int(found[1]) != start:
                self._drop()
                raise _Broken(f"{self.host} answered with another part than was asked for")
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
            raise OSError(28, f"{total - start:,} bytes are needed, {missing:,} more than are free")
        limit, done = self.size or total or self.most, start
        with open(self.part, "r+b" if start else "wb") as stream:
            stream.truncate(start)
            stream.seek(start)
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                beat()
                if not done and kinds.is_web_page(chunk) and self.target.suffix not in (".html", ".htm"):
                    raise _Refused(f"{self.host} answered with a web page instead of {self.target.name}")
                if done + len(chunk) > limit:
                    raise ValueError(
                        f"{self.url}: more than the {limit} bytes that are expected at most arrive; it is another file"
                    )
                stream.write(chunk)
                stream.flush()
                done += len(chunk)
                if self.told:
                    self.told(done, total or self.size)
        if not done:
            raise _Broken(f"{self.host} sent an empty answer")
        if done < (self.size or total or 0):
            raise _Broken(f"{self.host} broke off after {done:,} of {self.size or total:,} bytes")


class _Beat:
    """When something last arrived; raises where nobody waits any more."""

    def __init__(self) -> None:
        self.last, self.given_up = time.monotonic(), False

    def __call__(self) -> None:
        if self.given_up:
            raise TimeoutError
        self.last = time.monotonic()


def _published(response) -> str | None:
    """The SHA-256 that Hugging Face's hub sends with a large file, or with the redirection to it, as X-Linked-ETag."""
    for each in (response, *response.history):
        if found := re.fullmatch(r'"?([0-9a-f]{64})"?', each.headers.get("X-Linked-ETag", "")):
            return f"sha256:{found[1]}"
    return None
