"""What the numbers of a pinhole camera say before any picture is looked at."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

_WIDEST = 170.0  # degrees; a pinhole camera that sees more is none
_CENTRAL = 0.06  # relative; lenses are mounted so well before the middle of their sensor
_NEARLY_CENTRAL = 0.12  # relative; enough where only a factor between two sizes is to be told
_OTHER_SIZES = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 2, 2, 3, 4)  # times the stored one
# (width, height) of pictures as cameras and data sets store them
_USUAL_SIZES = (
    (320, 240), (512, 424), (640, 480), (848, 480), (960, 540), (1024, 768), (1224, 370), (1226, 370), (1238, 374),
    (1241, 376), (1242, 375), (1280, 720), (1280, 960), (1280, 1024), (1296, 968), (1600, 900), (1600, 1200), (1920, 1080),
    (1920, 1440), (1936, 1216), (2048, 1536), (2208, 1242), (3840, 2160), (4032, 3024),
)  # fmt: skip


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
    trouble = camera_trouble(intrinsics, size)
    return "; ".join(trouble) if trouble else None


def camera_trouble(intrinsics: Tensor | Sequence[float], size: Sequence[int]) -> tuple[str, str] | None:
    """As `camera_fault`, in two parts: what was found, and what was expected and helps."""
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
        shares = "; multiply fx and cx by the width, fy and cy by the height, and take 0.5 from cx and cy"
        guess = shares if max(fx, fy, cx, cy) < 5 else ""
        return f"{numbers}: it would see {angles[0]:.0f} x {angles[1]:.0f} degrees", remedy + guess
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        swapped = _is_plain((cx, cy, fx, fy), size)
        guess = f"; they look like those of a picture of {2 * cx + 1:.0f}x{2 * cy + 1:.0f}" if min(cx, cy) > 0 else ""
        if other := other_size((fx, fy, cx, cy), size):
            guess = f"; they look like those of a picture of {other[0]}, and for this one would be {other[1]}"
        guess = "; fx,fy and cx,cy look exchanged" if swapped else guess
        return f"{numbers}: the principal point (cx, cy) lies outside of the picture", remedy + guess
    return None


def other_size(camera: Sequence[float], size: Sequence[int]) -> tuple[str, str] | None:
    """The size of picture that a camera looks through the middle of, where it is a usual part or multiple of the stored one.

    Args:
        camera: fx, fy, cx, cy.
        size: (height, width) of the stored picture.

    Returns:
        That size, and the numbers for the stored picture, in words; None where they fit the stored one, or nothing usual.

    >>> other_size((590, 590, 319.5, 239.5), (240, 320))
    ('640x480, 2 times this size', 'fx 295, fy 295, cx 159.5, cy 119.5')
    >>> other_size((147.5, 147.5, 79.5, 59.5), (240, 320))[0], other_size((295, 295, 159.5, 119.5), (240, 320))
    ('160x120, 0.5 times this size', None)
    """
    fx, fy, cx, cy = (float(value) for value in camera)
    height, width = size
    for times in _OTHER_SIZES:
        meant = (fx / times, fy / times, (cx + 0.5) / times - 0.5, (cy + 0.5) / times - 0.5)
        if _is_plain(meant, size, _NEARLY_CENTRAL):
            numbers = zip(("fx", "fy", "cx", "cy"), meant, strict=True)
            said = f"{width * times:.0f}x{height * times:.0f}, {times:.3g} times this size"
            return said, ", ".join(f"{name} {value:.6g}" for name, value in numbers)
    return None


def meant_camera(camera: Sequence[float], size: Sequence[int]) -> tuple[tuple[float, float, float, float], str] | None:
    """What an impossible camera was meant to be, if one reading of its numbers leaves no doubt.

    Args:
        camera: fx, fy, cx, cy.
        size: (height, width) of the stored picture.

    Returns:
        fx, fy, cx, cy in pixels of that picture, and what the numbers were taken for. None where no reading gives a camera that
        looks through the middle of its picture, or several do.

    >>> meant_camera((0.9, 1.2, 0.5, 0.5), (480, 640))
    ((576.0, 576.0, 319.5, 239.5), 'taken for shares of the width and height')
    >>> meant_camera((600, 600, 319.5, 239.5), (48, 64))
    ((60.0, 60.0, 31.5, 23.5), 'taken for pixels of a picture of 640x480')
    >>> meant_camera((31.5, 23.5, 60, 60), (48, 64))
    ((60.0, 60.0, 31.5, 23.5), 'taken for exchanged: cx,cy,fx,fy')
    """
    fx, fy, cx, cy = (float(value) for value in camera)
    height, width = size
    if _is_plain((cx, cy, fx, fy), size):
        return (cx, cy, fx, fy), "taken for exchanged: cx,cy,fx,fy"
    if max(fx, fy, cx, cy) < 5:
        meant = (fx * width, fy * height, cx * width - 0.5, cy * height - 0.5)  # the left edge is at -0.5
        return (meant, "taken for shares of the width and height") if _is_plain(meant, size) else None
    found = []
    for wide, high in _USUAL_SIZES:
        for across, down in ((wide, high), (high, wide)):
            x, y = width / across, height / down
            if x < 1 and abs(x / y - 1) < 0.01:
                meant = (fx * x, fy * y, (cx + 0.5) * x - 0.5, (cy + 0.5) * y - 0.5)
                if _is_plain(meant, size):
                    found.append((meant, f"taken for pixels of a picture of {across}x{down}"))
    return found[0] if len(found) == 1 else None


def _is_plain(camera: Sequence[float], size: Sequence[int], most: float = _CENTRAL) -> bool:
    """Whether a camera is possible and looks through the middle of its picture."""
    height, width = size
    aside = max(abs(2 * (camera[2] + 0.5) / width - 1), abs(2 * (camera[3] + 0.5) / height - 1))
    return aside < most and camera_trouble(camera, size) is None
