r"""The cache: frames resized once, stored as plain arrays that any process maps into memory.

One folder for each (data, split, size) under `DEPTHNB_CACHE` (default: the user's cache folder), since data may be
read-only:

    rooms-train-120x160-<key>/  image.npy uint8 [N,3,H,W]   depth.npy float32 [N,1,H,W]   valid.npy bool [N,1,H,W]
                                intrinsics.npy float32 [N,3,3]   counts.npy int64 [N,3]
                                index.json (what it was made from, content, ids, sizes in bytes)

Counts are taken at a frame's native size: pixels, valid ones, and those whose depth lies outside of the protocol's range.

A folder is written under a temporary name and renamed when everything, index.json last, is on the disk. So a folder of
the right name is complete, however a preparation ended. Deleting the cache folder is always safe; it is made again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch
from torch import Tensor

from depthnb.data import transforms
from depthnb.files import locks

if TYPE_CHECKING:
    from depthnb.data.source import Source

FORMAT = 2  # raise when the arrays or the resizing change, so that older caches are not taken for current
READ = ("image", "depth", "valid", "intrinsics")  # what a reader gives
ARRAYS = {"image": np.uint8, "depth": np.float32, "valid": np.bool_, "intrinsics": np.float32, "counts": np.int64}
_QUIET_SECONDS = 10.0


def cache_folder() -> Path:
    """Folder of the cache: `DEPTHNB_CACHE` if set, else the user's cache folder. Not created here."""
    chosen = os.environ.get("DEPTHNB_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("depthnb"))


_MOST_OPEN = (
    32  # splits mapped at a time, each with four files; 1,024 files are all that many systems let a process open
)
_mapped: deque[weakref.ref[Prepared]] = deque()  # the oldest first


class Prepared:
    """Arrays of one prepared split, mapped into memory when needed (again in each process), the last `_MOST_OPEN` kept so."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._arrays: dict[str, np.ndarray] | None = None

    def __getstate__(self) -> dict:
        return {"folder": self.folder, "_arrays": None}  # a pickled memory map would carry all its data

    @property
    def content(self) -> str:
        """What `content` says of the frames, found when they were read."""
        return json.loads((self.folder / "index.json").read_text())["content"]

    def rows(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """Copy rows out of the map: image uint8, depth float32, valid bool, intrinsics float32, each [B, ...]."""
        arrays = self._arrays  # another thread may close it meanwhile
        if arrays is None:
            arrays = self._arrays = {key: np.load(self.folder / f"{key}.npy", mmap_mode="r") for key in READ}
            _mapped.append(weakref.ref(self))
            while len(_mapped) > _MOST_OPEN:
                if (oldest := _mapped.popleft()()) not in (None, self):
                    oldest._arrays = None  # mapped anew when it is asked
        return {key: torch.from_numpy(array[numbers]) for key, array in arrays.items()}

    def counts(self) -> np.ndarray:
        """What each frame holds at its native size, int64 [N,3]: pixels, valid ones, and those beyond the range."""
        return np.load(self.folder / "counts.npy")


def prepare(source: Source, split: str, size: Sequence[int]) -> Prepared:
    """Return the prepared arrays of one split at one size, preparing them if need be.

    Safe for several processes at once, also on several machines: one prepares, the others wait for it and say so.

    Args:
        source: where the frames come from.
        split: one of train, val, test.
        size: (height, width).

    Raises:
        OSError: if the cache folder cannot be written or the disk is full; nothing is left that looks complete.
        ValueError: from the reader, for a frame that cannot be read.
    """
    size = transforms.check_size(size)
    rows = np.flatnonzero(source.index["split"] == split)
    ids = source.index["id"].to_numpy()[rows].tolist()
    facts = {
        "format": FORMAT,
        "data": source.name,
        "protocol": source.protocol,
        "fingerprint": source.fingerprint,
        "state": hashlib.sha256(source.state.encode()).hexdigest()[:12],
        "split": split,
        "size": list(size),
        "frames": len(ids),
        "ids": hashlib.sha256("\0".join(ids).encode()).hexdigest()[:12],
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{source.name}-{split}-{size[0]}x{size[1]}-{key}"
    if _complete(folder, facts):
        return Prepared(folder)
    with _explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        if not _complete(folder, facts):  # another process may have finished while this one waited
            _write(source, rows, size, folder, facts)
    return Prepared(folder)


def content(source: Source, rows: Sequence[int]) -> str:
    """Twelve hexadecimal digits that stand for the frames of some rows, as their files hold them; reads all of these."""
    return _joined([_digest(source, int(row), None) for row in rows])


def _digest(source: Source, row: int, sample: dict[str, Tensor] | None) -> bytes:
    """What stands for one frame: its line of the index, and the bytes of its files, else of what was read.

    Right after reading the files it costs little, since the system still has them in memory.
    """
    paths = source.files(row)
    parts = [Path(path).read_bytes() for path in paths]
    if not paths:
        sample = sample or source.read(row)
        parts = [sample[key].contiguous().numpy().tobytes() for key in READ]
    parts.append("\0".join(map(str, source.index.iloc[row])).encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def _joined(digests: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()[:12]


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Say what an error of the cache means; errors of the data must not pass through here."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot write the cache of prepared frames in {folder.parent}: {error.strerror or error}. Free space "
            "there, or set DEPTHNB_CACHE to a folder that can be written. Nothing half-written will be used",
        ) from error


def _complete(folder: Path, facts: dict) -> bool:
    """Whether the folder holds what index.json promises. Files cut short by hand or by a bad disk are found by size."""
    try:
        stored = json.loads((folder / "index.json").read_text())
        return stored["made from"] == facts and all(
            (folder / name).stat().st_size == bytes_ for name, bytes_ in stored["bytes"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the lock of this folder; who must wait for it is told for whom."""
    lock = locks.Lock(folder.with_name(folder.name + ".lock"))
    with _explained(folder):
        lock.take(wait=lambda holder: print(f"{holder} prepares these frames already: waiting", flush=True))
    try:
        # nobody else is at work, so what a killed preparation left is rubbish
        for left_over in folder.parent.glob(folder.name + ".tmp-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield
    finally:
        lock.release()


def _write(source: Source, rows: np.ndarray, size: tuple[int, int], folder: Path, facts: dict) -> None:
    """Write all arrays under a temporary name, then rename."""
    with _explained(folder):
        need, free = _bytes(len(rows), size), shutil.disk_usage(folder.parent).free
        if need > free:
            raise OSError(errno.ENOSPC, f"{need / 1e6:.0f} MB needed, {free / 1e6:.0f} MB free")
        temporary = Path(tempfile.mkdtemp(prefix=folder.name + ".tmp-", dir=folder.parent))
    try:
        read = _write_arrays(source, rows, size, temporary, f"{source.name} {facts['split']}")
        with _explained(folder):
            temporary.chmod(0o755)  # mkdtemp makes it private, but any process of any user may read a shared cache
            sizes = {f"{key}.npy": (temporary / f"{key}.npy").stat().st_size for key in ARRAYS}
            ids = source.index["id"].iloc[rows].tolist()
            with open(temporary / "index.json", "w") as handle:
                json.dump({"made from": facts, "content": read, "bytes": sizes, "ids": ids}, handle)
                handle.flush()
                os.fsync(handle.fileno())
            _move(temporary, folder, facts)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(temporary: Path, folder: Path, facts: dict) -> None:
    """Give the finished folder its name, unless another process was faster: then its folder is as good."""
    if folder.exists() and not _complete(folder, facts):
        shutil.rmtree(folder)
    try:
        os.rename(temporary, folder)
    except OSError:
        if not _complete(folder, facts):
            raise


def _bytes(frames: int, size: tuple[int, int]) -> int:
    """Bytes of the arrays: 3 for the colours, 4 for depth, 1 for valid, the intrinsics and the counts."""
    return frames * (8 * size[0] * size[1] + 36 + 24)


def _write_arrays(source: Source, rows: np.ndarray, size: tuple[int, int], folder: Path, label: str) -> str:
    """Stream the frames into .npy files, in order, and return what `content` says of them.

    Written with plain writes, not through a memory map: on a full disk a write fails with an error that can be told to
    the user, a store into a map kills the process.
    """
    digests = []
    shapes = {"image": (3, *size), "depth": (1, *size), "valid": (1, *size), "intrinsics": (3, 3), "counts": (3,)}
    with contextlib.ExitStack() as stack:
        with _explained(folder):
            files = {key: open(folder / f"{key}.npy", "wb") for key in ARRAYS}
            for handle in files.values():
                stack.callback(_close, handle)
            for key, handle in files.items():
                header = {"descr": np.lib.format.dtype_to_descr(np.dtype(ARRAYS[key])), "fortran_order": False}
                np.lib.format.write_array_header_1_0(handle, {**header, "shape": (len(rows), *shapes[key])})
        for frame, digest in stack.enter_context(contextlib.closing(_frames(source, rows, size, label))):
            digests.append(digest)
            with _explained(folder):
                for key, handle in files.items():
                    handle.write(np.ascontiguousarray(frame[key].numpy(), dtype=ARRAYS[key]).data)
        with _explained(folder):
            for handle in files.values():
                handle.flush()
                os.fsync(handle.fileno())
    return _joined(digests)


def _close(handle: BinaryIO) -> None:
    """Close a file whose content is either safe on the disk or lost: closing flushes, and would fail once more."""
    with contextlib.suppress(OSError):
        handle.close()


def _frames(
    source: Source, rows: np.ndarray, size: tuple[int, int], label: str
) -> Iterator[tuple[dict[str, Tensor], bytes]]:
    """Read and resize frames in threads (decoding and resizing leave Python's lock), handing them out in order.

    Each with what stands for its content (`_digest`).

    Only a few frames are in flight, so memory stays small whatever the size of the data set. A line is printed every
    10 seconds.
    """

    def work(row: int) -> tuple[dict[str, Tensor], bytes]:
        frame = source.frame(int(row))
        counts = torch.tensor([frame["valid"].numel(), frame["valid"].sum(), frame["beyond"].sum()])
        sample = {**frame, "valid": frame["valid"] | frame["beyond"]}  # as the reader gave it
        return {**transforms.resize(frame, size), "counts": counts}, _digest(source, int(row), sample)

    threads = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    started = said = time.monotonic()
    # One torch thread in each of ours: else every thread starts as many again, and they wait for each other.
    torch_threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = deque(pool.submit(work, row) for row in rows[: 2 * threads])
        for done in range(1, len(rows) + 1):
            yield waiting.popleft().result()
            if done + 2 * threads <= len(rows):
                waiting.append(pool.submit(work, rows[done + 2 * threads - 1]))
            if time.monotonic() - said > _QUIET_SECONDS:
                said = time.monotonic()
                print(f"preparing {label}: {done} of {len(rows)} frames, {said - started:.0f} s", flush=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(torch_threads)
