r"""A few frames of each split, read before anything is trained: what sizes, cameras, masks and depths a data set has."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from depthnb import files
from depthnb.data import cache
from depthnb.data.readers.arrays import DamagedFile
from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

FORMAT = 2  # raise when `Survey` changes, so that older files are not taken for current
FRAMES = 8  # of each split
_PIXELS, _KEPT, _TOPS = 100_000, 5000, 6  # depths of a frame: looked through, kept, largest distinct ones
_OFTEN, _LONELY = 0.01, 10  # what ends most frames and has this share, and is so many times the next, is no wall
_ALL_KEPT = 10_000_000  # depths of all frames together, where every frame is looked at
_SURVEYS: dict[str, Survey] = {}


@dataclass(frozen=True)
class Survey:
    """What a few frames of each split hold, before any range is applied; arrays with one entry [N] a frame.

    Attributes:
        rows: int, number in the index.
        sizes: int [N,2], (height, width).
        cameras: float [N,4], fx, fy, cx, cy in pixels, NaN where unknown.
        valid: int, pixels with valid depth.
        masked: int, pixels that hold a depth which the mask leaves out.
        tops, counts: [N,6], the largest distinct depths (metres, NaN where there are fewer) and how often each occurs.
        looked: int, among how many depths.
        depths: float32 [M], metres, evenly taken out of all.
        owner: int [M], whose they are (0 to N - 1).
        failed: int [F], rows that could not be read.
        errors: str [F], what their reader said.
        damaged: bool [F], whether no program could read one of their files.
    """

    rows: np.ndarray
    sizes: np.ndarray
    cameras: np.ndarray
    valid: np.ndarray
    masked: np.ndarray
    tops: np.ndarray
    counts: np.ndarray
    looked: np.ndarray
    depths: np.ndarray
    owner: np.ndarray
    failed: np.ndarray
    errors: np.ndarray
    damaged: np.ndarray

    def fillers(self) -> dict[float, float]:
        """Depths that stand for "nothing there": repeated, and the largest of all by far, or of most frames. Metres -> share.

        65.535, 655.35 and 10000 are the usual ones. A wall at the end of a corridor repeats as well, but there are depths
        just before it, and it is not in most frames.
        """
        counted: Counter[float] = Counter()
        for top, count in zip(self.tops.ravel().tolist(), self.counts.ravel().tolist(), strict=True):
            if count:
                counted[top] += count
        total, found = int(self.looked.sum()), {}
        largest = sorted(counted, reverse=True)
        for value, following in pairwise(largest):
            if counted[value] < max(10, 1e-4 * total) or following > 0.8 * value:
                break
            found[value] = counted[value] / total
        value = self._end_of_most()
        below = max((other for other in largest if other < value), default=0.0)
        if value and counted[value] > max(_OFTEN * total, _LONELY * counted[below]):
            found[value] = counted[value] / total
        return found

    def _end_of_most(self) -> float:
        """The largest depth of half of the frames and of three at least, to the last digit; 0 if there is none."""
        (value, frames), *_ = [*Counter(self.tops[self.valid > 0, 0].tolist()).most_common(1), (0.0, 0)]
        return value if frames >= max(3, np.count_nonzero(self.valid) / 2) else 0.0

    def measured(self) -> np.ndarray:
        """Which of `depths` are no fillers, bool [M]."""
        return ~np.isin(self.depths, np.array(list(self.fillers()), np.float32))


def look(source: Source, *, every: bool = False, told: Callable[[int, int], None] | None = None) -> Survey:
    """Look at up to `FRAMES` frames of each split, evenly spaced, or at all.

    Kept in the cache folder beside the prepared frames, if that can be written.

    Args:
        source: the data set. A frame that cannot be read is in `Survey.failed`.
        every: all frames.
        told: called after each frame with how many were read, and how many there are to read.
    """
    facts = repr((FORMAT, source.name, source.fingerprint, source.state, *(["every"] if every else [])))
    key = hashlib.sha256(facts.encode()).hexdigest()[:12]
    if key in _SURVEYS:
        return _SURVEYS[key]
    file = cache.cache_folder() / f"{source.name}-survey-{key}.npz"
    try:
        with np.load(file, allow_pickle=False) as stored:
            found = Survey(**stored)
    except Exception:  # missing or damaged: NumPy raises whatever it stumbles over
        found = _read_frames(source, every, told)
        with contextlib.suppress(OSError):  # a cache that cannot be written costs a second, no more
            files.write(file, lambda part: _save(part, found))
    _SURVEYS[key] = found
    return found


def rows_to_look_at(source: Source, *, every: bool = False) -> list[int]:
    """The frames that `look` reads."""
    split, chosen = source.index["split"].to_numpy(), []
    if every:
        return list(range(len(split)))
    for part in dict.fromkeys(split):
        rows = np.flatnonzero(split == part)
        chosen += rows[np.unique(np.linspace(0, len(rows) - 1, min(FRAMES, len(rows))).astype(int))].tolist()
    return chosen


def _save(part: Path, found: Survey) -> None:
    with open(part, "wb") as stream:
        np.savez_compressed(stream, **vars(found))


def _read_frames(source: Source, every: bool = False, told: Callable[[int, int], None] | None = None) -> Survey:
    lists = {name: [] for name in Survey.__dataclass_fields__}
    rows = rows_to_look_at(source, every=every)
    kept = min(_KEPT, max(100, _ALL_KEPT // len(rows)))
    for done, row in enumerate(rows, start=1):
        try:
            sample = source.read(row)
        except (OSError, ValueError) as error:
            damaged = isinstance(error, (DamagedFile, FileNotFoundError))
            for name, value in (("failed", row), ("errors", str(error)), ("damaged", damaged)):
                lists[name].append(value)
            continue
        finally:
            if told:
                told(done, len(rows))
        _note_frame(lists, row, sample, kept)
    shapes = {"sizes": (-1, 2), "cameras": (-1, 4), "tops": (-1, _TOPS), "counts": (-1, _TOPS)}
    joined = {name: np.concatenate(lists[name]) if lists[name] else np.empty(0) for name in ("depths", "owner")}
    whole = ("rows", "sizes", "valid", "masked", "counts", "looked", "owner", "failed")
    kinds = {**dict.fromkeys(whole, int), "errors": str, "damaged": bool}
    arrays = {name: np.asarray(joined.get(name, values), kinds.get(name, float)) for name, values in lists.items()}
    arrays["depths"] = arrays["depths"].astype(np.float32)
    return Survey(**{name: array.reshape(shapes.get(name, (-1,))) for name, array in arrays.items()})


def _note_frame(lists: dict[str, list], row: int, sample: dict[str, Tensor], most: int = _KEPT) -> None:
    depth, valid, K = (sample[key].numpy() for key in ("depth", "valid", "intrinsics"))
    every = depth[valid]
    some = every[:: 1 + len(every) // _PIXELS]
    tops, counts = (part[::-1][:_TOPS] for part in np.unique(some, return_counts=True))
    missing = _TOPS - len(tops)
    with np.errstate(invalid="ignore"):
        # the one place beside `statistics.depth` that reads depth where `valid` is False, in order to judge the mask
        masked = int((~valid & np.isfinite(depth) & (depth > 0)).sum())
    kept = some[:: 1 + len(some) // most]
    values = {
        "rows": row,
        "sizes": depth.shape[-2:],
        "cameras": (K[0, 0], K[1, 1], K[0, 2], K[1, 2]),
        "valid": int(valid.sum()),
        "masked": masked,
        "tops": np.pad(tops.astype(float), (0, missing), constant_values=np.nan),
        "counts": np.pad(counts, (0, missing)),
        "looked": len(some),
        "depths": kept,
        "owner": np.full(len(kept), len(lists["rows"])),
    }
    for name, value in values.items():
        lists[name].append(value)


def far_end(source: Source, ends: Sequence[float]) -> tuple[float, str]:
    """The least of several far ends of a range that holds the depth of a data set, and a sentence on it.

    99 % of the valid depth in the frames looked at lies below it. What only stands for "nothing there" is left aside
    (`Survey.fillers`), so a sky of 655.35 m does not make a street of a room.

    Args:
        source: the data set.
        ends: metres, in ascending order.
    """
    looked = look(source)
    depths = looked.depths[looked.measured()]
    frames = plural(len(looked.rows), "frame")
    if not depths.size:
        return ends[0], f"Depth counts up to {ends[0]:.0f} m: no valid depth in {frames} looked at."
    far = float(np.quantile(depths, 0.99))
    end = next((end for end in ends if far <= end), ends[-1])
    return end, f"Depth counts up to {end:.0f} m: 99 % of the valid pixels of {frames} lie below {far:.3g} m."
