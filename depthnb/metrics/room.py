"""Memory for intermediate results that is used again: on a CPU new memory may cost more than what is computed in it."""

from __future__ import annotations

import math
import threading

import numpy as np
import torch

_KEPT = threading.local()
_LINE = 64  # bytes of a cache line


class Room:
    """Memory that every step of a computation takes anew from its beginning, so that it stays in the processor's cache.

    What is freed may go back to the system, and comes back as pages that it must clear one by one. And all arrays begin at a
    cache line here: where NumPy's own do not, a sum of two takes up to twice as long.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def take(self, *shapes: tuple[int, ...], dtype: np.dtype) -> list[np.ndarray]:
        """Arrays of these shapes, with whatever lies there; what was taken before is overwritten with them.

        >>> [each.shape for each in Room().take((2, 3), (5,), dtype=np.dtype("float32"))]
        [(2, 3), (5,)]
        """
        sizes = [math.prod(shape) * dtype.itemsize for shape in shapes]
        starts = [0]
        for size in sizes:
            starts.append(starts[-1] + -(-size // _LINE) * _LINE)
        if starts[-1] > len(self._memory):
            self._memory = torch.empty(starts[-1], dtype=torch.uint8).numpy()  # torch's begins at a cache line
        return [
            self._memory[start : start + size].view(dtype).reshape(shape)
            for start, size, shape in zip(starts, sizes, shapes, strict=False)
        ]


def room(purpose: str) -> Room:
    """The room of this thread for a purpose, kept from image to image; a few megabytes."""
    return _KEPT.__dict__.setdefault(purpose, Room())
