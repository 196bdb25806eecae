r"""Reading prepared frames: a slice of a memory map, whose checksum is looked at the first time only."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthnb.data.cache import layout

_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.EIO)
_OPEN = 32  # folders that one process keeps mapped, four files each: a process may often have 1,024 open


@functools.lru_cache(maxsize=_OPEN)
def _maps(folder: Path, frames: int, size: tuple[int, int]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The arrays of a folder and the checksums of its frames; opened on first use, closed when many others are open."""
    sums = layout.read_small(folder, "sums", frames, layout.read_index(folder))
    return layout.map_pixels(folder, frames, size), sums


class Prepared:
    """Arrays of one prepared split, mapped into memory when first needed (again in each process).

    Args:
        folder: a complete folder.
        facts: what it was made from.
        renew: called with what is wrong with the folder; makes it anew, or raises.
    """

    def __init__(self, folder: Path, facts: dict, renew: Callable[[str], None]) -> None:
        self.folder, self._renew = folder, renew
        self._frames, self._size = facts["frames"], tuple(facts["size"])
        self._seen: np.ndarray | None = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_seen": None}  # another process looks for itself

    @property
    def content(self) -> str:
        """What `cache.content` says of the frames, found when they were read."""
        return self._sound(lambda: layout.read_index(self.folder)["content"])

    def counts(self) -> np.ndarray:
        """What each frame holds at its native size, int64 [N,3]: pixels, valid ones, and those beyond the range."""
        return self._sound(
            lambda: layout.read_small(self.folder, "counts", self._frames, layout.read_index(self.folder))
        )

    def rows(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """Copy rows out of the map: image uint8, depth float32, valid bool, intrinsics float32, each [B, ...].

        A row that this process has not read before is checked. One whose checksum is wrong makes the whole folder anew, since a
        disk that spoils one block may have spoilt others.

        Raises:
            OSError, ValueError: where that cannot be done, such as in a cache that may not be written.
        """
        rows = self._sound(lambda: self._checked(numbers))
        return {key: torch.from_numpy(array) for key, array in rows.items()}

    def _checked(self, numbers: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        maps, sums = _maps(self.folder, self._frames, self._size)
        if self._seen is None:
            self._seen = np.zeros(self._frames, bool)
        rows = {key: array[numbers] for key, array in maps.items()}
        for place in np.flatnonzero(~self._seen[numbers]):
            if layout.frame_sum({key: array[place] for key, array in rows.items()}) != sums[numbers[place]]:
                raise ValueError(f"frame {numbers[place] + 1} does not have its checksum")
        self._seen[numbers] = True
        return rows

    def _sound(self, read: Callable):
        """What `read` gives; where the folder is damaged or gone, from one that is made anew."""
        try:
            return read()
        except OSError as error:
            if error.errno not in _GONE:  # such as too many open files: nothing is wrong with the folder
                raise
            fault = f"{Path(error.filename or self.folder).name}: {error.strerror or error}"
        except ValueError as error:
            fault = str(error)
        self._renew(fault)
        _maps.cache_clear()
        self._seen = None
        return read()
