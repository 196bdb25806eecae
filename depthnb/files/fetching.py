r"""Fetching a file from a server that may cut, stall, lie or send something else: it is there whole, or not at all.

What arrives is kept as `.<name>.part` and goes on where it was stopped, if the server can do that and the file is still the
same (HTTP's Range and If-Range, RFC 9110, sections 13 and 14). It gets its name when size, checksum and kind are right.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from depthnb import files
from depthnb.files import locks
from depthnb.files.kinds import check_file
from depthnb.files.transfer import Broken, Refused, Transfer, drop

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
        checksum: "sha256:<hex>", "md5:<hex>" or "git:<hex>" (what Git calls the file), or its first digits; None only where
            nobody published one: then size and kind are checked, and the SHA-256 that Hugging Face sends along.
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
        _clear(target)
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
                Transfer(each, target, checksum, size, most, stall, told).run(tries)
                return target
            except (Broken, Refused, ValueError) as error:
                failed.append(error)
    reasons = "; ".join(dict.fromkeys(map(str, failed)))
    if all(isinstance(error, ValueError) for error in failed):
        raise ValueError(reasons) from failed[-1]
    raise Unreachable(f"cannot download {urls[0]} ({reasons}). {by_hand}", reasons) from failed[-1]


def words(error: OSError | ValueError) -> str:
    """Why a `fetch` failed, as one part of a sentence without a path of this machine."""
    if isinstance(error, Unreachable):
        return error.reason
    if not isinstance(error, OSError):
        return str(error)
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error  # its own sentence names the path
    said = cause.strerror or str(cause)
    return said[0].lower() + said[1:]


def _lock(target: Path) -> locks.Lock:
    return locks.Lock(target.with_name(f".{target.name}.lock"))


def _clear(target: Path) -> None:
    """Remove what a process left that was killed when the file had just got its name."""
    lock = _lock(target)
    if lock.take_left_over():
        drop(target)
        lock.release()


@contextlib.contextmanager
def _alone(target: Path):
    """The lock on a download; errors of the disk are said with their remedy."""
    lock = _lock(target)
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
