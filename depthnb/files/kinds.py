r"""Whether a file is the one that it should be: by size and checksum, else by what its bytes tell of its kind."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import zipfile
import zlib
from pathlib import Path

_TAR_BLOCK = 512
# suffix -> first bytes, any of these
_BEGINNINGS = {
    ".gz": (b"\x1f\x8b",),
    ".tgz": (b"\x1f\x8b",),
    ".mat": (b"MATLAB",),
    ".h5": (b"\x89HDF\r\n\x1a\n",),
    ".parquet": (b"PAR1",),
    ".png": (b"\x89PNG",),
    ".npy": (b"\x93NUMPY",),
    ".pth": (b"PK", b"\x80"),
    ".pt": (b"PK", b"\x80"),
}


def is_web_page(start: bytes) -> bool:
    """Whether a file that begins so is HTML.

    >>> is_web_page(b"\\n<!DOCTYPE html>"), is_web_page(b"<html>"), is_web_page(b"PK")
    (True, True, False)
    """
    return start.lstrip(b"\xef\xbb\xbf\r\n\t ")[:14].lower().startswith((b"<!doctype html", b"<html"))


def fault(path: Path, suffix: str | None = None) -> str:
    """Why a file cannot be whole and of the kind of its name, as one part of a sentence; empty if nothing speaks against it.

    Of gzip everything is unpacked, which checks its CRC; of tar, zip and parquet the end is looked at.

    Args:
        path: the file.
        suffix: of the name that it shall have, if that is another.
    """
    suffix = (path.suffix if suffix is None else suffix).lower()
    with open(path, "rb") as handle:
        start = handle.read(_TAR_BLOCK)
        if not start:
            return "the file is empty"
        if is_web_page(start) and suffix not in (".html", ".htm"):
            return "a web page, not the file"
        if (known := _BEGINNINGS.get(suffix)) and not start.startswith(known):
            return f"not a {suffix} file"
        handle.seek(-min(2 * _TAR_BLOCK, os.path.getsize(path)), os.SEEK_END)
        end = handle.read()
    if suffix in (".gz", ".tgz"):
        return _gzip_fault(path)
    if suffix == ".zip" and not zipfile.is_zipfile(path):
        return "not a whole .zip file"
    if suffix == ".tar" and (len(end) < 2 * _TAR_BLOCK or any(end)):
        return "not a whole .tar file"
    if suffix == ".parquet" and not end.endswith(b"PAR1"):
        return "not a whole .parquet file"
    return ""


def _gzip_fault(path: Path) -> str:
    try:
        with gzip.open(path) as stream:
            while stream.read(2**20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        return f"not a whole .gz file ({error})"
    return ""


def check_file(
    path: Path, checksum: str | None, size: int | None, said: str | None = None, suffix: str | None = None
) -> None:
    """Raise ValueError if a file has another size or checksum than expected; without a checksum, if it is of another kind.

    Args:
        said: the beginning of the error, else the path.
        suffix: of the name that the file shall have, if that is another.
    """
    said = said or str(path)
    found = path.stat().st_size
    if size is not None and found != size:
        raise ValueError(
            f"{said}: {found} bytes, expected {size}; it is cut short or another file: delete it, get it again"
        )
    if checksum is None:
        if wrong := fault(path, suffix):
            raise ValueError(f"{said}: {wrong}; it is cut short or another file: delete it, get it again")
        return
    algorithm, expected, digest = _digest(path, checksum)
    if not digest.startswith(expected):
        raise ValueError(
            f"{said}: {algorithm} {digest}, expected {expected}; it is damaged or another file: get it again"
        )


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum, written as for `check_file`."""
    _, expected, digest = _digest(path, checksum)
    return digest.startswith(expected)


def _digest(path: Path, checksum: str) -> tuple[str, str, str]:
    """Algorithm, expected digits, digits of the file; what Git calls a file is the SHA-1 of its length and its bytes."""
    algorithm, _, expected = checksum.partition(":")
    if algorithm not in ("sha256", "md5", "git") or not re.fullmatch("[0-9a-fA-F]{8,}", expected):
        raise ValueError(f"checksum is {checksum!r}; expected 'sha256:<hex>', 'md5:<hex>' or 'git:<hex>'")
    with open(path, "rb") as handle:
        begun = hashlib.sha1(b"blob %d\0" % path.stat().st_size) if algorithm == "git" else hashlib.new(algorithm)
        return algorithm, expected.lower(), hashlib.file_digest(handle, lambda: begun).hexdigest()
