"""Cameras that cannot be, or are strange, and what their numbers were meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.cameras import camera_trouble, field_of_view, meant_camera, other_size
from depthnb.data.inspection.findings import Finding, Mend, lines_of
from depthnb.data.survey import Survey
from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

_ASIDE = 0.15  # of a side: cameras look through the middle; cx and cy of half the picture are aside by 0.25, exchanged by 0.16


def cameras(source: Source, looked: Survey) -> list[Finding]:
    """One finding on impossible cameras; else one on strange ones. Those of published data are their reader's matter."""
    if not source.unchecked:
        return []
    every = list(zip(looked.rows.tolist(), looked.sizes.tolist(), looked.cameras.tolist(), strict=True))
    wrong = [each for each in every if camera_trouble(each[2], each[1])]
    if wrong:
        return [_impossible(source, wrong)]
    strange = [each for each in every if np.isfinite(each[2]).all() and _is_strange(*each[1:])]
    if not strange:
        return []
    row, (height, width), (fx, fy, cx, cy) = strange[0]
    fits, remedy = "", "Are the intrinsics pixels of the pictures as they are stored?"
    if other := other_size((fx, fy, cx, cy), (height, width)):
        fits = f" They fit a picture of {other[0]}."
        remedy = f"Give the intrinsics of the pictures as they are stored; for this one that would be {other[1]}."
    numbers = f"fx {fx:.6g}, fy {fy:.6g}, cx {cx:.6g}, cy {cy:.6g}"
    return [
        Finding(
            False,
            f"The cameras of {len(strange)} of {plural(len(every), 'frame')} looked at are unusual: {numbers} for a picture of "
            f"{width}x{height} pixels (width x height), in frame {source.index['id'].iloc[row]!r}.{fits}",
            remedy,
            lines_of(source, [row for row, *_ in strange]),
        )
    ]


def _is_strange(size: list[int], camera: list[float]) -> bool:
    (height, width), (fx, fy, cx, cy) = size, camera
    aside = max(abs(cx - (width - 1) / 2) / width, abs(cy - (height - 1) / 2) / height)
    narrowest = min(field_of_view(width, fx), field_of_view(height, fy))
    return aside > _ASIDE or not 1 / 3 < fx / fy < 3 or narrowest < 5


def _impossible(source: Source, wrong: list[tuple]) -> Finding:
    """The finding on cameras that cannot be, with what mends those whose meaning leaves no doubt."""
    row, size, camera = wrong[0]
    fault, remedy = camera_trouble(camera, size)
    more = len(wrong) - 1
    others = f" {plural(more, 'more frame')} looked at {'is' if more == 1 else 'are'} like it." if more else ""
    mends = []
    for row_, size_, camera_ in wrong:
        meant = meant_camera(camera_, size_)
        if meant and source.lines:
            cells = tuple(
                (name, f"{value:.7g}") for name, value in zip(("fx", "fy", "cx", "cy"), meant[0], strict=True)
            )
            mends.append(Mend(source.lines[row_], cells, meant[1]))
    return Finding(
        True,
        f"{source.root}: the intrinsics of frame {source.index['id'].iloc[row]!r} cannot be right, {fault}." + others,
        f"{remedy[:1].upper()}{remedy[1:]}.",
        lines_of(source, [row for row, *_ in wrong]),
        tuple(mends),
    )
