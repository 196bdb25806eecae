"""Frames of two splits that show the same view without being copies: neighbours in a video, or one picture saved twice."""

from __future__ import annotations

import filecmp
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from depthnb.data.inspection.findings import Finding, lines_of
from depthnb.data.readers.pixels import refuse_huge
from depthnb.data.words import plural

if TYPE_CHECKING:
    from torch import Tensor

    from depthnb.data.source import Source

_GRID = (12, 16)  # cells of a picture made so small that neighbours in a video are alike, (H, W)
# Correlation of two such pictures. A picture and itself moved by 3 % of its width: mostly 0.96, at least 0.83. The most
# alike of different rooms and streets that come with the clone: 0.82.
_ALIKE = 0.9
_SAME_DEPTH = 0.1  # median of |log ratio|; pictures of two rooms with the same carpet differ here
_CELLS = 8  # at least, that have depth in both frames
_JUDGED, _OTHERS = 1000, 10_000  # frames compared, unless all are to be looked at


def rows_compared(source: Source, *, every: bool = False) -> np.ndarray:
    """The frames whose pictures `alike` reads: all, or of a large set some, evenly spaced; int [N]. None without two splits."""
    if "image" not in source.index or source.index["split"].nunique() < 2:
        return np.empty(0, int)
    judged = source.index["split"].to_numpy() != "train"
    parts = (_some(np.flatnonzero(judged), _JUDGED, every), _some(np.flatnonzero(~judged), _OTHERS, every))
    return np.concatenate(parts)


def _some(rows: np.ndarray, most: int, every: bool) -> np.ndarray:
    if every or len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).astype(int)]


def alike(source: Source, *, every: bool = False, told: Callable[[int], None] | None = None) -> list[Finding]:
    """Frames of validation and test whose picture and depth are nearly those of a frame in another split.

    Pictures are compared in grey, 16 x 12 pixels, by correlation: brightness, contrast and a new compression change
    nothing. Where two are alike, their depth decides. Copies byte for byte are not named here: see `copies.copies`.

    Args:
        source: the data set.
        every: look at all frames of a large one.
        told: called with how many pictures were read.

    Returns:
        At most one finding. It is not sure: somebody has to look.
    """
    rows = rows_compared(source, every=every)
    marks = np.zeros((len(rows), _GRID[0] * _GRID[1]), np.float32)
    for done, row in enumerate(rows, start=1):
        marks[done - 1] = _mark(source.root / source.index["image"].iloc[row])
        if told:
            told(done)
    split = source.index["split"].to_numpy()[rows]
    pairs = []
    for first in np.flatnonzero(split != "train"):
        like = np.where(split != split[first], marks @ marks[first], -1.0)
        second = int(like.argmax())
        if like[second] >= _ALIKE and _one_view(source, rows[first], rows[second]):
            pairs.append((float(like[second]), int(rows[first]), int(rows[second])))
    return [_finding(source, pairs, int((split != "train").sum()))] if pairs else []


def _finding(source: Source, pairs: list[tuple[float, int, int]], looked: int) -> Finding:
    _, *best = max(pairs)
    (first, one), (second, other) = (source.index[["id", "split"]].iloc[row] for row in best)
    return Finding(
        False,
        f"Two splits hold nearly the same view: {first!r} in {one} and {second!r} in {other} for one "
        f"({len(pairs)} of {plural(looked, 'frame')} in val and test have such a twin).",
        "Neighbours in a video, or one picture saved twice, make scores too good; frames of one place belong into one "
        "split: give them one scene.",
        lines_of(source, [row for _, *pair in pairs for row in pair]),
    )


def _mark(path: Path) -> np.ndarray:
    """A picture as one unit vector without its mean; zeros for what cannot be read (that is said elsewhere) or is blank."""
    blank = np.zeros(_GRID[0] * _GRID[1], np.float32)
    if not path.is_file():
        return blank
    try:
        with Image.open(path) as picture:
            refuse_huge(picture)
            picture.draft("RGB", (8 * _GRID[1], 8 * _GRID[0]))  # a JPEG is decoded at an eighth where that is enough
            small = picture.convert("L").resize(_GRID[::-1], Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return blank
    vector = np.asarray(small, np.float32).ravel()
    vector = vector - vector.mean()
    return vector / max(float(np.linalg.norm(vector)), 1.0)


def _one_view(source: Source, first: int, second: int) -> bool:
    """Whether the depth of two frames agrees cell by cell, and they are not one file."""
    one, other = (source.root / source.index["image"].iloc[row] for row in (first, second))
    if filecmp.cmp(one, other, shallow=False):
        return False
    try:
        cells = [_cells(source.read(row)) for row in (first, second)]
    except (OSError, ValueError):
        return False
    ratio = np.abs(np.log(cells[0] / cells[1]))
    known = np.isfinite(ratio)
    return bool(known.sum() >= _CELLS and np.median(ratio[known]) < _SAME_DEPTH)


def _cells(sample: dict[str, Tensor]) -> np.ndarray:
    """Median valid depth of each cell of the grid, metres; NaN where there is none."""
    depth, valid = sample["depth"][0].numpy(), sample["valid"][0].numpy()
    rows, columns = (np.arange(side) * cells // side for side, cells in zip(depth.shape, _GRID, strict=True))
    cell = (rows[:, None] * _GRID[1] + columns)[valid]
    medians = np.full(_GRID[0] * _GRID[1], np.nan)
    order = np.argsort(cell, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        if len(part):
            medians[cell[part[0]]] = np.median(depth[valid][part])
    return medians
