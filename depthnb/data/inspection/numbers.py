"""What the depth files hold beside depth: NaN, infinity, numbers below 0, and depth that was a picture of 8 bits once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.inspection.findings import Finding, lines_of
from depthnb.data.readers import arrays, pixels
from depthnb.data.survey import Survey
from depthnb.data.words import percent, plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

_LARGEST_8_BIT = 255


def numbers(source: Source, looked: Survey) -> list[Finding]:
    """What is stored in the depth files of an RGB-D folder that is no depth, in the frames looked at."""
    if "depth" not in source.index:
        return []
    return [*_no_depth(source, looked), *_eight_bits(source, looked)]


_REMEDIES = {  # what the numbers are -> what to do about them
    "NaN or infinite": "They count as no depth, as 0 does; nothing needs to be done if that was meant.",
    "below 0": "They count as no depth; where they were meant as depth (OpenGL looks along -z), store their size.",
    "65535, the largest of 16 bits": "It is taken for 'nothing there' and counts as no depth; 0 says so to every program.",
}


def _shares(path: Path) -> dict[str, float]:
    """How much of a depth file is each of the things that are no depth."""
    if path.suffix.lower() in arrays.SUFFIXES:
        stored = arrays.read_map(path, "depth")
    else:
        stored = pixels.read_depth_png(path)
    if not stored.size:
        return {}
    whole = stored.dtype.kind in "iu"
    saturated = whole and stored.max() == pixels.LARGEST_16_BIT
    found = (0.0 if whole else ~np.isfinite(stored), stored < 0, stored == pixels.LARGEST_16_BIT if saturated else 0.0)
    return {kind: float(np.mean(each)) for kind, each in zip(_REMEDIES, found, strict=True)}


def _no_depth(source: Source, looked: Survey) -> list[Finding]:
    """Numbers that the reader takes for no depth: it says so, since some of them may have been meant as one."""
    strange: dict[str, dict[int, float]] = {kind: {} for kind in _REMEDIES}
    for row in looked.rows.tolist():
        for kind, share in _shares(source.root / source.index["depth"].iloc[row]).items():
            if share:
                strange[kind][row] = share
    return [
        Finding(
            False,
            f"Depth files of {len(rows)} of {plural(len(looked.rows), 'frame')} looked at hold numbers that are {kind}: in "
            f"frame {source.index['id'].iloc[next(iter(rows))]!r} {percent(next(iter(rows.values())))} of them.",
            _REMEDIES[kind],
            lines_of(source, list(rows)),
        )
        for kind, rows in strange.items()
        if rows
    ]


def _eight_bits(source: Source, looked: Survey) -> list[Finding]:
    """Whole numbers up to 255 in every frame: a picture of depth that was stored with more bits."""
    png = ~source.index["depth"].iloc[looked.rows].str.lower().str.endswith(arrays.SUFFIXES).to_numpy(bool)
    there = png & (looked.valid > 0)
    if not there.any():
        return []
    scale = source.index["depth_scale"].iloc[looked.rows].astype(float).to_numpy()
    largest = np.round(looked.tops[:, 0] / scale)[there]
    if largest.max() > _LARGEST_8_BIT:
        return []
    return [
        Finding(
            False,
            f"The largest number stored in the depth of {plural(int(there.sum()), 'frame')} looked at is {largest.max():.0f}, "
            "so it has no more than 8 bits.",
            "A picture of depth with 256 shades is no measurement; store the depth that it was made of.",
            lines_of(source, looked.rows[there].tolist()),
        )
    ]
