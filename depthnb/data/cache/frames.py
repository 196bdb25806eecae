r"""Reading, resizing and fingerprinting frames in threads, in order, a few at a time."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from depthnb.data import transforms
from depthnb.data.cache import layout

if TYPE_CHECKING:
    from depthnb.data.source import Source


def digest(source: Source, row: int, sample: dict[str, Tensor] | None) -> bytes:
    """What stands for one frame: its line of the index, and the bytes of its files, else of what was read.

    Right after reading the files it costs little, since the system still has them in memory.
    """
    paths = source.files(row)
    parts = [Path(path).read_bytes() for path in paths]
    if not paths:
        sample = sample or source.read(row)
        parts = [sample[key].contiguous().numpy().tobytes() for key in layout.PIXELS]
    parts.append("\0".join(map(str, source.index.iloc[row])).encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


def threads() -> int:
    """How many threads decode: one a core that this process may use, eight at most."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def stream(source: Source, rows: Sequence[int], size: tuple[int, int]) -> Iterator[tuple[dict[str, np.ndarray], bytes]]:
    """Read and resize frames in threads (decoding and resizing leave Python's lock), handing them out in order.

    Each as the arrays of `layout.ARRAYS`, with what stands for its content (`digest`). Only a few frames are in flight, so
    memory stays small whatever the size of the data set.
    """

    def work(row: int) -> tuple[dict[str, np.ndarray], bytes]:
        frame = source.frame(int(row))
        counts = torch.tensor([frame["valid"].numel(), frame["valid"].sum(), frame["beyond"].sum()])
        sample = {**frame, "valid": frame["valid"] | frame["beyond"]}  # as the reader gave it
        stored = {**transforms.resize(frame, size), "counts": counts}
        arrays = {key: np.ascontiguousarray(stored[key].numpy(), dtype) for key, dtype in layout.ARRAYS.items()}
        return arrays, digest(source, int(row), sample)

    ahead = 2 * threads()
    # One torch thread in each of ours: else every thread starts as many again, and they wait for each other.
    torch_threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads(), initializer=torch.set_num_threads, initargs=(1,))
    try:
        waiting = deque(pool.submit(work, row) for row in rows[:ahead])
        for done in range(1, len(rows) + 1):
            yield waiting.popleft().result()
            if done + ahead <= len(rows):
                waiting.append(pool.submit(work, rows[done + ahead - 1]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(torch_threads)
