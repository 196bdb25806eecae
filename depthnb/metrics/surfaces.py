"""What surfaces of a prediction look like in space: bumps where the truth is flat, and how far they are turned away."""

from __future__ import annotations

import torch
from torch import Tensor

from depthnb.metrics.checks import check_maps
from depthnb.metrics.protocols import Protocol
from depthnb.metrics.protocols import protocol as resolve

LINES = 3  # rows and columns of a square that must have valid pixels: any two lines lie in one plane, whatever they are


def plane_residual(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    intrinsics: Tensor,
    protocol: str | Protocol,
    window: int = 16,
    flat: float = 0.003,
) -> Tensor:
    """How far from flat a prediction is where the truth is flat: 0 for planes, 0.01 for 1 % of the distance.

    The image is cut into squares of `window` pixels. The pixels of each that count are projected back into space and a plane
    is fitted to them, once for the truth and once for the prediction. A square counts when at least 24 of its pixels do, in
    three rows and three columns or more (the points of one or two scan lines lie in a plane whatever they show), they spread
    in two directions, and the truth stays within `flat` of its distance of its plane (root mean square).

    A tilted or misplaced but smooth surface counts as flat: this measures bumps, not errors. So a blank image is perfect, and
    the number means something only beside the sharpness of edges.

    Args:
        pred, depth: [B,1,H,W] metres; anything where `valid` is False.
        valid: bool [B,1,H,W].
        intrinsics: [B,3,3] in pixels of this size.
        protocol: a name or a `Protocol`: the prediction is clipped to its range, and true depths outside do not count.
        window: side of the squares in pixels.
        flat: the largest residual of a true plane, as a share of its distance.

    Returns:
        [B]: the median over these squares of the prediction's own root mean square distance from *its own* plane, over its
        mean distance; NaN for an image without one or with unknown intrinsics.

    Raises:
        ValueError: for maps that do not fit together, or an unknown protocol.
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    rule = resolve(protocol)
    pred, valid = rule.clipped(pred).double(), rule.in_range(depth=depth, valid=valid)
    rows = []
    for each in zip(pred, depth.double(), valid, intrinsics.double(), strict=True):
        rows.append(_plane_residual(*each, window=window, flat=flat))
    return torch.stack(rows).float() if rows else torch.zeros(0)


def normal_error(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    intrinsics: Tensor,
    protocol: str | Protocol,
    smooth: float = 1.1,
) -> Tensor:
    """How far the surfaces of a prediction are turned away from the true ones, in degrees: 0 is right, about 57 is random.

    The normal of a pixel is that of the triangle over its neighbours, across and down, two pixels apart. A scale that is wrong
    everywhere does not turn a surface, and waves that `abs_rel` hardly sees turn it a lot. The true depth's own noise counts
    too: the number means something beside that of other predictions of the same frames.

    Args:
        pred, depth: [B,1,H,W] metres; anything where `valid` is False.
        valid: bool [B,1,H,W].
        intrinsics: [B,3,3] in pixels of this size.
        protocol: a name or a `Protocol`: the prediction is clipped to its range, and true depths outside do not count.
        smooth: a pixel counts where the true depths of its four neighbours differ by less than this factor: the normal at the
            edge of a thing is nobody's.

    Returns:
        [B]: the mean angle between both normals over the pixels that count with their four neighbours; NaN for an image
        without one or with unknown intrinsics.

    Raises:
        ValueError: for maps that do not fit together, or an unknown protocol.
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    rule = resolve(protocol)
    pred, counts = rule.clipped(pred).double(), rule.in_range(depth=depth, valid=valid)
    rows = [
        _normal_error(*each, smooth=smooth)
        for each in zip(pred, depth.double(), counts, intrinsics.double(), strict=True)
    ]
    return torch.stack(rows).float() if rows else torch.zeros(0)


def _normal_error(pred: Tensor, depth: Tensor, valid: Tensor, intrinsics: Tensor, *, smooth: float) -> Tensor:
    if not intrinsics.isfinite().all():
        return intrinsics.new_tensor(torch.nan)
    inner, before, after = slice(1, -1), slice(None, -2), slice(2, None)
    four = [(0, inner, before), (0, inner, after), (0, before, inner), (0, after, inner)]
    true, rays = torch.where(valid, depth, 1.0), _rays(intrinsics, tuple(depth.shape[-2:]))
    around = torch.stack([true[each] for each in four])
    counts = valid[0, inner, inner] & torch.stack([valid[each] for each in four]).all(0)
    counts &= around.amax(0) < smooth * around.amin(0)
    normals = [_normals(each * rays) for each in (torch.where(valid, pred, 1.0), true)]
    cosine = (normals[0] * normals[1]).sum(0).clamp(-1, 1)
    return torch.rad2deg(torch.acos(cosine))[counts].mean()


def _rays(intrinsics: Tensor, size: tuple[int, int]) -> Tensor:
    """[3,H,W]: the points of depth 1 that the pixels see."""
    height, width = size
    v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)]).flatten(1).to(intrinsics)
    return (torch.linalg.inv(intrinsics) @ pixels).view(3, height, width)


def _normals(points: Tensor) -> Tensor:
    """Unit normals [3,H-2,W-2] of points [3,H,W]."""
    across = points[:, 1:-1, 2:] - points[:, 1:-1, :-2]
    down = points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    normal = torch.linalg.cross(across, down, dim=0)
    return normal / normal.square().sum(0).sqrt().clamp(min=1e-12)  # torch's own norm takes ten times as long here


def _plane_residual(
    pred: Tensor, depth: Tensor, valid: Tensor, intrinsics: Tensor, *, window: int, flat: float
) -> Tensor:
    if not intrinsics.isfinite().all():
        return intrinsics.new_tensor(torch.nan)
    height, width = depth.shape[-2:]
    rays = _rays(intrinsics, (height, width))

    def squares(x: Tensor) -> Tensor:  # [C,H,W] -> [squares, pixels, C]
        x = x[..., : height // window * window, : width // window * window]
        x = x.unfold(1, window, window).unfold(2, window, window)
        return x.flatten(3).flatten(1, 2).permute(1, 2, 0)

    counts = squares(valid)
    true, own = (_thickness(squares(torch.where(valid, x, 1.0) * rays), counts) for x in (depth, pred))
    chosen = _spread_out(counts, window) & (true["spread"] > 0.1) & (true["thickness"] < flat)
    return own["thickness"][chosen].median() if chosen.any() else intrinsics.new_tensor(torch.nan)


def _spread_out(valid: Tensor, window: int) -> Tensor:
    """Which squares [N,P,1] have enough valid pixels, in enough rows and columns, to tell a plane from a bent surface."""
    grid = valid.view(-1, window, window)
    lines = torch.minimum(grid.any(1).sum(1), grid.any(2).sum(1))
    return (grid.sum((1, 2)) >= 24) & (lines >= LINES)


def _thickness(points: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """Of each set of points [N,P,3]: distance from its plane over its mean depth, and breadth over length."""
    count = valid.sum(1, keepdim=True).clamp(min=1)
    mean = (points * valid).sum(1, keepdim=True) / count
    centred = (points - mean) * valid
    scatter = torch.linalg.eigvalsh(centred.transpose(1, 2) @ centred / count).clamp(min=0).sqrt()  # ascending
    return {"thickness": scatter[:, 0] / mean[:, 0, 2], "spread": scatter[:, 1] / scatter[:, 2].clamp(min=1e-12)}
