"""How much the depth of a film jumps from frame to frame although nothing jumps in front of the camera."""

from __future__ import annotations

import torch
from torch import Tensor

from depthnb.metrics.measures import KINDS


def flicker(
    *,
    before: Tensor,
    now: Tensor,
    after: Tensor,
    kind: str = "metric",
    reach: float | None = None,
    at: float = 0.5,
) -> dict[str, Tensor]:
    """How far three successive depth maps are from a steady change.

    A map is compared with what lies between its two neighbours, pixel by pixel and, for metres, in the logarithm. What changes
    by the same factor from frame to frame, as in front of a moving camera, counts nothing.

    Args:
        before, now, after: [B,1,H,W], one after the other: metres above 0, or inverse depth for `affine-inverse`.
        kind: `metric` or `affine-inverse`.
        reach: for `affine-inverse` alone, the range of the film's inverse depth, which has no unit of its own.
        at: when `now` was seen: 0 with `before`, 1 with `after`.

    Returns:
        Two [B], as fractions of the depth (metric) or of `reach`: `whole`, how far the whole picture jumps: the median over
        pixels; `parts`, how far pixels jump beside that: the median of the distance from it.

    Raises:
        ValueError: for maps of unlike sizes, an unknown kind, a reach that is missing, not above 0 or not asked for, or a
            time that does not lie between.

    Source: none; second differences in time are the usual measure of jitter. Methods of video depth use optical flow instead
    to follow each point, which would bring a second net, with errors of its own, into the measure.
    Deviates: a pixel that another thing enters jumps rightly; the median over pixels bears those unless they are many.

    >>> steady = [torch.full((1, 1, 2, 2), depth) for depth in (1.0, 1.1, 1.21)]
    >>> jumping = [torch.full((1, 1, 2, 2), depth) for depth in (1.0, 1.1, 1.0)]
    >>> [round(float(flicker(before=a, now=b, after=c)["whole"]), 3) for a, b, c in (steady, jumping)]
    [0.0, 0.1]
    """
    if not before.shape == now.shape == after.shape or now.ndim != 4:
        shapes = [tuple(each.shape) for each in (before, now, after)]
        raise ValueError(f"three maps of one shape [B,1,H,W] are needed; found {shapes}")
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if (kind == "metric") != (reach is None) or (reach is not None and not reach > 0):
        raise ValueError(f"reach is {reach}; expected above 0 for affine-inverse, and none for metric")
    if not 0 < at < 1:
        raise ValueError(f"at is {at}; expected between 0 and 1, since the middle map was seen between the others")
    if kind == "metric":
        first, middle, last = (each.clamp_min(1e-6).log() for each in (before, now, after))
        jump = (middle - torch.lerp(first, last, at)).expm1()
    else:
        jump = (now - torch.lerp(before, after, at)) / reach
    jump = jump.flatten(1)
    middle = torch.median(jump, 1, keepdim=True).values
    return {"whole": middle[:, 0].abs(), "parts": (jump - middle).abs().median(1).values}
