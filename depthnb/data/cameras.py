"""What the numbers of a pinhole camera say before any picture is looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

_WIDEST = 170.0  # degrees; a pinhole camera that sees more is none


def field_of_view(side: float, focal: float) -> float:
    """Angle in degrees that a picture side and a focal length, both in pixels, take in."""
    return math.degrees(2 * math.atan2(side / 2, focal))


def camera_fault(intrinsics: Tensor | Sequence[float], size: Sequence[int]) -> str | None:
    """What is impossible about a camera, in words, or None.

    Args:
        intrinsics: float [3,3], or fx, fy, cx, cy; pixels with centres at integers; NaN where unknown.
        size: (height, width) of the picture.

    >>> camera_fault((60, 60, 31.5, 23.5), (48, 64)) is None
    True
    >>> camera_fault((600, 600, 319.5, 239.5), (48, 64)).partition(":")[0]
    'fx 600, fy 600, cx 319.5, cy 239.5 for a picture of 64x48 pixels (width x height)'
    """
    if isinstance(intrinsics, Tensor):
        intrinsics = [float(intrinsics[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2))]
    fx, fy, cx, cy = (float(value) for value in intrinsics)
    height, width = size
    if any(math.isnan(value) for value in (fx, fy, cx, cy)):
        return None
    numbers = (
        f"fx {fx:.6g}, fy {fy:.6g}, cx {cx:.6g}, cy {cy:.6g} for a picture of {width}x{height} pixels (width x height)"
    )
    remedy = "expected pixels of the stored picture, or four empty cells if they are unknown"
    angles = [field_of_view(side, focal) for side, focal in ((width, fx), (height, fy))]
    if max(angles) > _WIDEST:
        guess = "; multiply fx and cx by the width, fy and cy by the height" if max(fx, fy, cx, cy) < 5 else ""
        return f"{numbers}: it would see {angles[0]:.0f} x {angles[1]:.0f} degrees; {remedy}{guess}"
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        guess = f"; they look like those of a picture of {2 * cx + 1:.0f}x{2 * cy + 1:.0f}" if min(cx, cy) > 0 else ""
        return f"{numbers}: the principal point (cx, cy) lies outside of the picture; {remedy}{guess}"
    return None
