r"""Unpacking archives that may be damaged, or made to do harm."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from depthnb import files
from depthnb.files import locks

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_COMPRESSED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))
# An archive of pictures or arrays unpacks to two or three times its size; masks and empty frames to more.
_FACTOR, _FLOOR = 20, 64 * 2**20
# what the libraries raise for archives that are damaged, encrypted, or hold one name as a file and as a folder
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, FileExistsError,
    NotADirectoryError, IsADirectoryError, NotImplementedError, RuntimeError, UnicodeDecodeError,
)  # fmt: skip


def unpack(archive: Path | str, folder: Path | str, *, most: int | None = None) -> list[str]:
    """Unpack a .zip, .tar or compressed .tar into `folder`; nothing is written outside of it.

    All members are unpacked to a temporary folder, then moved in, so that a broken archive leaves nothing behind. What a killed
    process left is removed; of several processes one unpacks at a time.

    Args:
        archive, folder: from where to where.
        most: bytes that it may unpack to; None: 20 times its size, at least 64 MiB.

    Returns:
        Names of the members at the top.

    Raises:
        ValueError: for an absolute path, `..`, a link or a device in the archive, one that is damaged or unpacks to more than
            `most`, or what stands in the way in `folder`.
        OSError: if the disk is too small or may not be written.
    """
    archive, folder = Path(archive), Path(folder)
    most = max(_FACTOR * archive.stat().st_size, _FLOOR) if most is None else most
    with _alone(archive, folder) as temporary:
        try:
            (_unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar)(archive, temporary, most)
        except _BROKEN as error:
            words = str(error) or type(error).__name__
            raise ValueError(f"{archive}: not an archive that can be unpacked ({words}); get it again") from error
        top = sorted(temporary.iterdir())
        for part in top:
            _merge(part, folder / part.name)
        return [part.name for part in top]


def unpack_once(archive: Path, folder: Path, *, most: int | None = None) -> bool:
    """`unpack`, unless this very archive was unpacked there before and what it holds is there still; whether it was needed."""
    status = archive.stat()
    facts, note = [status.st_size, status.st_mtime_ns], folder / f".{archive.name}.unpacked.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(note.read_text())
        if said["archive"] == facts and said["top"] and all((folder / name).exists() for name in said["top"]):
            return False
    top = unpack(archive, folder, most=most)
    files.write_text(note, json.dumps({"archive": facts, "top": top}))
    return True


@contextlib.contextmanager
def _alone(archive: Path, folder: Path) -> Iterator[Path]:
    """An empty temporary folder inside, while no other process unpacks this archive there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = locks.Lock(folder / f".{archive.name}.unpacking.lock")
        lock.take(wait=lambda holder: print(f"{holder} unpacks {archive.name} already: waiting", flush=True))
        temporary = folder / f".{archive.name}.unpacking"
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            lock.release()
    except OSError as error:
        said = f"could not unpack {archive} into {folder} ({error.strerror or error}); {files.remedy(error)}"
        raise OSError(error.errno, said) from error


def _merge(source: Path, target: Path) -> None:
    """Move a file or folder to a place where a folder of that name may exist already."""
    if source.is_dir() and target.is_dir() and not target.is_symlink():
        for part in source.iterdir():
            _merge(part, target / part.name)
    elif target.is_dir() or (source.is_dir() and target.exists()):
        raise ValueError(f"{target} is in the way of what the archive holds by this name; move it away")
    else:
        source.replace(target)


def _inside(archive: Path, name: str) -> None:
    """Refuse an archive that was made to write elsewhere; the libraries would put its members inside without a word."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else ""):
        raise ValueError(f"{archive}: member {name!r} would be written outside the folder; do not trust this archive")


def _bounded(archive: Path, total: int, most: int) -> None:
    if total > most:
        raise ValueError(
            f"{archive}: {archive.stat().st_size:,} bytes that unpack to more than {most:,}, the most that is expected; do not "
            "trust this archive"
        )


def _unpack_zip(archive: Path, folder: Path, most: int) -> None:
    with zipfile.ZipFile(archive) as handle:
        for name in handle.namelist():
            _inside(archive, name)
        _bounded(archive, sum(member.file_size for member in handle.infolist()), most)
        handle.extractall(folder)  # never more of a member than its announced size


def _unpack_tar(archive: Path, folder: Path, most: int) -> None:
    total = 0

    def checked(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        nonlocal total
        _inside(archive, member.name)
        if not (member.isreg() or member.isdir()):
            raise ValueError(f"{archive}: member {member.name!r} is a link or device; do not trust this archive")
        total += member.size
        _bounded(archive, total, most)
        return tarfile.data_filter(member, path)

    with _opened(archive) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as handle:
            for member in handle:  # in turn: extractall would first read all headers, and what lies between them
                handle.extract(member, folder, filter=checked)
        while rest := stream.read(2**20):  # the checksum stands at the very end
            total += len(rest)
            _bounded(archive, total, most)


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[BinaryIO]:
    """The tar inside, whatever compressed it."""
    with open(archive, "rb") as handle:
        start = handle.read(8)
    opener = next((each for magic, each in _COMPRESSED if start.startswith(magic)), open)
    with opener(archive, "rb") as stream:
        yield stream
