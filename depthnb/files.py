"""The one way to write a file (it is there whole or as it was before), and what stands for the content of one."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write(file: str | os.PathLike, writer: Callable[[Path], Any]) -> Path:
    """Write through a temporary name in the same folder, then rename; returns the path.

    Args:
        file: where it shall be; its folder is made.
        writer: called with the temporary path, in which it leaves the whole content.

    Raises:
        OSError: that names the file and says what to do; the file is then as it was, and nothing is left beside it. What else
            `writer` raises passes, a ConnectionError too, since a network that fails is no fault of the disk.
    """
    file = Path(file)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writer(part)
        with open(part, "rb+") as stream:
            os.fsync(stream.fileno())  # a rename may reach the disk before what was written
        os.replace(part, file)
    except ConnectionError:
        raise
    except OSError as error:
        raise OSError(
            error.errno, f"could not write {file} ({error.strerror or error}); free some space and try again"
        ) from error
    finally:
        with contextlib.suppress(OSError):  # where its folder is none, the error above says so
            part.unlink(missing_ok=True)
    return file


def write_bytes(file: str | os.PathLike, content: bytes) -> Path:
    """`write` of bytes that are at hand."""
    return write(file, lambda part: part.write_bytes(content))


def write_text(file: str | os.PathLike, text: str) -> Path:
    """`write` of a text, as UTF-8 with the line ends it has."""
    return write_bytes(file, text.encode("utf-8"))


def digest(path: str | os.PathLike) -> str:
    """Twelve hexadecimal digits that stand for what a file or a folder holds, wherever it lies and whatever it is called.

    Of a folder every file counts with its bytes and its place in it; what Git and Python keep there for themselves does not.

    Raises:
        OSError: if it is not there or cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:12]
    content = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        place = file.relative_to(path)
        if file.is_file() and not {".git", "__pycache__"} & set(place.parts):
            content.update(f"{place.as_posix()} {digest(file)}\n".encode())
    return content.hexdigest()[:12]
