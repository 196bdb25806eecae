r"""Preparing a folder so that it can be stopped at any moment: what was written and is whole counts, the rest is made again.

Frames are appended to the arrays in `<folder>.part`, in order, and after each a record to its journal: the frame's checksum and
what stands for its content. Who finds such a folder keeps the frames up to the first whose bytes do not have the checksum, cuts
off what follows, and goes on. So it ends with the same bytes however often it was killed. The folder gets its name last.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from depthnb import files
from depthnb.data.cache import frames as decoding
from depthnb.data.cache import layout
from depthnb.data.cache.progress import Progress

if TYPE_CHECKING:
    from depthnb.data.source import Source

_RECORD = struct.Struct("<I32s")  # a frame's checksum and what stands for its content; a CRC of both follows
_ABANDONED_SECONDS = 7 * 24 * 3600  # since the last frame, after which nobody comes back to a folder of other data


class NotWritten(OSError):
    """The cache could not be written."""


class Overtaken(RuntimeError):
    """The lock was lost while this process slept, and another may be at work."""


def part_of(folder: Path) -> Path:
    """Where a folder is while it is written."""
    return folder.with_name(folder.name + ".part")


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Say what an error of the cache means, as NotWritten; errors of the data must not pass through here."""
    try:
        yield
    except OSError as error:
        raise NotWritten(
            error.errno,
            f"cannot write the cache of prepared frames in {folder.parent}: {error.strerror or error}. Free space "
            "there, or set DEPTHNB_CACHE to a folder that can be written. Nothing half-written will be used",
        ) from error


def write(
    source: Source, rows: Sequence[int], folder: Path, facts: dict, *, held: Callable[[], bool], content: str = ""
) -> None:
    """Make the folder, from where an earlier process was stopped; the caller holds its lock.

    Args:
        source, rows: where the frames come from, and which.
        folder: its name when it is whole.
        facts: what it is made from.
        held: whether the lock is held still.
        content: what the frames must be, where that is known.

    Raises:
        Overtaken: if the lock was lost.
        NotWritten: an OSError, if the disk is full or may not be written; nothing is left that takes space.
        OSError: from the reader; what was prepared stays.
        ValueError: from the reader, or for files that are not what they were; nothing is left either.
    """
    part = part_of(folder)
    try:
        if layout.fault(part, facts):  # else it was stopped between the last byte and the name
            with explained(folder):
                if not part.is_dir():
                    part.mkdir()
                    part.chmod(0o755)  # any process of any user may read a shared cache
            digests, sums = _write_frames(source, rows, part, folder, facts, held)
            found = joined(digests)
            if content and found != content:
                raise ValueError(
                    f"{source.root}: files of {source.name} were changed since it was opened, so its prepared frames cannot "
                    "be made again as they were; open the data set anew"
                )
            with explained(folder):
                _finish(part, facts, found, source.index["id"].iloc[rows].tolist(), sums)
        if not held():
            raise Overtaken
        with explained(folder):
            _name(part, folder)
    except (NotWritten, FileNotFoundError, ValueError):  # a disk that only stumbled is no reason: the next call goes on
        if held():
            shutil.rmtree(part, ignore_errors=True)
        raise


def joined(digests: Sequence[bytes]) -> str:
    """Twelve hexadecimal digits for what stands for several frames."""
    return hashlib.sha256(b"".join(digests)).hexdigest()[:12]


def sweep(folder: Path) -> None:
    """Remove what nobody will use: folders that were replaced, and ones begun long ago for a state of the data that is gone."""
    for replaced in folder.parent.glob(folder.name + ".old-*"):
        shutil.rmtree(replaced, ignore_errors=True)
    same_data, now = folder.name.rpartition("-")[0], time.time()
    for part in folder.parent.glob(same_data + "-*.part"):
        with contextlib.suppress(OSError):
            if now - (part / "journal").stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(part, ignore_errors=True)
    # one that was killed as it let go of a finished folder, whose lock nobody takes again
    for lock in folder.parent.glob(same_data + "-*.lock*"):
        with contextlib.suppress(OSError):
            if now - lock.stat().st_mtime > _ABANDONED_SECONDS:
                lock.unlink()


def _write_frames(
    source: Source, rows: Sequence[int], part: Path, folder: Path, facts: dict, held: Callable[[], bool]
) -> tuple[list[bytes], list[int]]:
    """Append the frames that are missing; returns what stands for each frame, and its checksum.

    Written with plain writes, not through a memory map: on a full disk a write fails with an error that can be told to
    the user, a store into a map kills the process.
    """
    size, frames = tuple(facts["size"]), len(rows)
    with contextlib.ExitStack() as stack:
        with explained(folder):
            arrays = {key: _opened(part / f"{key}.npy", stack) for key in layout.ARRAYS}
            journal = _opened(part / "journal", stack)
            sums, digests = _kept(arrays, journal, frames, size)
            _refuse_small_disk(part, frames - len(sums), size)
        progress = Progress(f"{source.name} {facts['split']}", frames, size, len(sums))
        stream = decoding.stream(source, rows[len(sums) :], size)
        for frame, digest in stack.enter_context(contextlib.closing(stream)):
            total = layout.frame_sum(frame)
            with explained(folder):
                for key, handle in arrays.items():
                    handle.write(frame[key].data)
                    handle.flush()
                record = _RECORD.pack(total, digest)
                journal.write(record + struct.pack("<I", zlib.crc32(record)))
                journal.flush()
            sums.append(total)
            digests.append(digest)
            if progress.step(len(sums)) and not held():
                raise Overtaken
        with explained(folder):
            for handle in arrays.values():
                os.fsync(handle.fileno())
    return digests, sums


def _opened(path: Path, stack: contextlib.ExitStack) -> BinaryIO:
    """A file to read and write, made if need be."""
    handle = open(path, "r+b" if path.exists() else "w+b")
    stack.callback(_close, handle)
    return handle


def _close(handle: BinaryIO) -> None:
    """Close a file whose content is either safe on the disk or lost: closing flushes, and would fail once more."""
    with contextlib.suppress(OSError):
        handle.close()


def _kept(
    arrays: dict[str, BinaryIO], journal: BinaryIO, frames: int, size: tuple[int, int]
) -> tuple[list[int], list[bytes]]:
    """Checksums and contents of the frames that are whole; what follows them is cut off, and the files stand at their end."""
    heads = {key: layout.header(key, frames, size) for key in arrays}
    each, sums, digests = layout.frame_bytes(size), [], []
    if all(handle.read(len(heads[key])) == heads[key] for key, handle in arrays.items()):
        for record in iter(lambda: journal.read(_RECORD.size + 4), b""):
            if len(sums) == frames or record[_RECORD.size :] != struct.pack("<I", zlib.crc32(record[: _RECORD.size])):
                break
            total, digest = _RECORD.unpack(record[: _RECORD.size])
            stored = {key: np.frombuffer(handle.read(each[key]), np.uint8) for key, handle in arrays.items()}
            if layout.frame_sum(stored) != total or stored["counts"].size != each["counts"]:
                break
            sums.append(total)
            digests.append(digest)
    for key, handle in arrays.items():
        _cut(handle, len(heads[key]) + len(sums) * each[key] if sums else 0)
        if not sums:
            handle.write(heads[key])
    _cut(journal, len(sums) * (_RECORD.size + 4))
    return sums, digests


def _cut(handle: BinaryIO, size: int) -> None:
    handle.seek(size)
    handle.truncate()


def _refuse_small_disk(part: Path, frames: int, size: tuple[int, int]) -> None:
    """OSError with the number of bytes that are missing for so many frames, before hours are spent."""
    need, free = layout.total_bytes(frames, size), shutil.disk_usage(part).free
    if need > free:
        raise OSError(errno.ENOSPC, f"{need:,} bytes are needed and {free:,} are free, {need - free:,} are missing")


def _finish(part: Path, facts: dict, content: str, ids: list[str], sums: list[int]) -> None:
    """Write what is known at the end, index.json last."""
    stored = np.array(sums, np.uint32)
    files.write(part / "sums.npy", lambda path: _save(path, stored))
    counts = (part / "counts.npy").read_bytes()[len(layout.header("counts", facts["frames"], facts["size"])) :]
    text = layout.index_text(facts, content, ids, {"counts": counts, "sums": stored.tobytes()})
    files.write_text(part / layout.INDEX, text)


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as handle:  # given a path, numpy would add its suffix
        np.save(handle, array)


def _name(part: Path, folder: Path) -> None:
    """Give the finished folder its name; what had it before is moved away first, since others may still read it."""
    for left_over in part.iterdir():  # the journal, and what a write that was killed left
        if left_over.name not in layout.NAMES:
            left_over.unlink()
    if folder.exists():
        old = folder.with_name(f"{folder.name}.old-{os.getpid()}")
        os.rename(folder, old)
        os.rename(part, folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.rename(part, folder)
