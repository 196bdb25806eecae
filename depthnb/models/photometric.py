r"""What a depth map is worth without a truth: whether it turns the neighbouring pictures into this one.

The sources of all formulas: Godard et al. 2019 (Monodepth2, arXiv:1806.01260), section 3, equations 1 to 5; the idea of
training on them: Zhou et al. 2017 (SfMLearner, arXiv:1704.07813).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb.models.warping import warp

ALPHA = 0.85  # weight of the structural part of the photometric error
_C1, _C2 = 0.01**2, 0.03**2  # of SSIM, for pictures in 0..1


def photometric_error(image: Tensor, other: Tensor, *, alpha: float = ALPHA) -> Tensor:
    r"""How different two pictures look at every pixel, [B,1,H,W], 0 where they are alike.

    $pe = \alpha\,(1 - SSIM) / 2 + (1 - \alpha)\,|I - I'|$, means over the three colours. SSIM with a window of 3 x 3 pixels,
    the border mirrored.

    Args:
        image, other: float [B,3,H,W] in 0..1.
        alpha: weight of the structural part.

    Source: Godard et al. 2019, equation 2.

    >>> flat = torch.full((1, 3, 4, 4), 0.5)
    >>> round(photometric_error(flat, flat + 0.1).mean().item(), 4), photometric_error(flat, flat).abs().max().item() < 1e-6
    (0.022, True)
    """
    return _errors(image, other[:, None], alpha)


def _errors(image: Tensor, others: Tensor, alpha: float) -> Tensor:
    """`photometric_error` of a picture [B,3,H,W] and several others [B,N,3,H,W] at once: [B,N,H,W]."""
    target = image[:, None]
    mean_i, mean_o = _window(target), _window(others)
    spread_i, spread_o = _window(target.square()) - mean_i.square(), _window(others.square()) - mean_o.square()
    both = mean_i * mean_o
    over = (2 * both + _C1) * (2 * (_window(target * others) - both) + _C2)
    under = (mean_i.square() + mean_o.square() + _C1) * (spread_i + spread_o + _C2)
    dissimilarity = ((1 - over / under) / 2).clamp(0, 1)
    return (alpha * dissimilarity + (1 - alpha) * (target - others).abs()).mean(2)


def _window(values: Tensor) -> Tensor:
    """Means over windows of 3x3 pixels of [B,N,3,H,W], the border mirrored."""
    x = F.pad(values.flatten(0, 1), (1, 1, 1, 1), mode="reflect")
    x = x[..., :-2, :] + x[..., 1:-1, :] + x[..., 2:, :]  # on a CPU three times as fast as avg_pool2d
    x = x[..., :-2] + x[..., 1:-1] + x[..., 2:]
    return (x / 9).unflatten(0, values.shape[:2])


@dataclass(frozen=True)
class Explained:
    """How well depth and motion explain a picture by its neighbours.

    Attributes:
        error: [B,1,H,W], at each pixel the least photometric error of all that explain it.
        counts: bool [B,1,H,W], whether a moved neighbour explains the pixel better than every unmoved one. Elsewhere the error
            is that of an unmoved neighbour, which no depth changes: no gradient comes from there.
    """

    error: Tensor
    counts: Tensor


def explained(
    image: Tensor,
    sources: Tensor,
    *,
    depth: Tensor,
    intrinsics: Tensor,
    motion: Tensor,
    alpha: float = ALPHA,
    auto_mask: bool = True,
    minimum: bool = True,
) -> Explained:
    r"""Warp every neighbour to the target camera, and compare.

    At each pixel the *least* error counts: what one neighbour does not see, because it is hidden or outside, another may see.
    The *auto-mask* lets the unmoved neighbours take part: where they fit better, the pixel says nothing about depth. That is
    so on a blank wall, on what moves with the camera, and everywhere if the camera did not move.

    Args:
        image: float [B,3,H,W] in 0..1, the target.
        sources: float [B,N,3,H,W], its neighbours.
        depth: float [B,1,H,W], metres, of the target.
        intrinsics: float [B,3,3].
        motion: float [B,N,4,4], target camera to each source camera.
        alpha: as for `photometric_error`.
        auto_mask: False: the unmoved neighbours count only where no moved one shows the pixel.
        minimum: False: the mean over the neighbours that show the pixel, in the place of the least.

    Source: Godard et al. 2019, equations 4 (minimum) and 5 (auto-mask). Deviation: a pixel that no neighbour shows has the
    error of the unmoved ones, so that the mean over all pixels cannot be made smaller by looking away.
    """
    count = sources.shape[1]
    seen = warp(
        sources.flatten(0, 1),
        depth=depth.repeat_interleave(count, 0),
        intrinsics=intrinsics.repeat_interleave(count, 0),
        motion=motion.flatten(0, 1),
    )
    inside, shown = (each.unflatten(0, sources.shape[:2]) for each in (seen.inside, seen.image))
    # outside, the target itself: a window beside the border then compares only what is seen
    errors = _errors(image, torch.where(inside, shown, image[:, None]), alpha)
    errors = torch.where(inside[:, :, 0], errors, torch.inf)
    with torch.no_grad():
        still = _errors(image, sources, alpha).amin(1, keepdim=True)
    if minimum:
        best = errors.amin(1, keepdim=True)
    else:
        known = inside[:, :, 0]
        best = torch.where(known, errors, 0.0).sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp_min(1)
        best = torch.where(known.any(1, keepdim=True), best, torch.inf)
    counts = best < still if auto_mask else best.isfinite()
    return Explained(torch.where(counts, best, still), counts)


def smoothness(disparity: Tensor, image: Tensor) -> Tensor:
    r"""How much the disparity changes where the picture does not, a scalar.

    $|\partial_x d^*|\,e^{-|\partial_x I|} + |\partial_y d^*|\,e^{-|\partial_y I|}$, means over all pixels. $d^* = d / \bar d$
    is divided by its mean over the picture: otherwise the cheapest scene would be one that is far away.

    Args:
        disparity: float [B,1,H,W], 1/m, above 0.
        image: float [B,3,H,W] in 0..1.

    Source: Godard et al. 2019, equation 3; the division by the mean: Wang et al. 2018 (arXiv:1712.00175).

    >>> ramp = torch.linspace(1, 2, 5).view(1, 1, 1, 5).expand(1, 1, 4, 5)
    >>> flat = torch.zeros(1, 3, 4, 5)
    >>> bool(torch.isclose(smoothness(ramp, flat), smoothness(7 * ramp, flat)))
    True
    """
    scaled = disparity / disparity.mean((2, 3), keepdim=True).clamp_min(1e-6)
    total = disparity.new_zeros(())
    for dim in (-2, -1):
        edge = image.diff(dim=dim).abs().mean(1, keepdim=True)
        total = total + (scaled.diff(dim=dim).abs() * (-edge).exp()).mean()
    return total


def photometric_loss(
    image: Tensor,
    sources: Tensor,
    *,
    depth: Tensor,
    intrinsics: Tensor,
    motion: Tensor,
    scales: int = 3,
    smooth: float = 1e-3,
    auto_mask: bool = True,
    minimum: bool = True,
    alpha: float = ALPHA,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of self-supervised depth: what stays unexplained at several sizes of the pictures, and the smoothness.

    A picture of half the size has half the disparities. A gradient reaches only as far as the neighbouring pixel, so the small
    pictures find the way where the large ones would be lost.

    Args:
        image, sources, depth, intrinsics, motion, auto_mask, minimum, alpha: as for `explained`.
        scales: of the pictures, each half of the one before; 1: their own size alone.
        smooth: weight of the smoothness, halved with each scale.

    Returns:
        The scalar loss, and parts of it that are worth watching: `photometric` (error at the full size), `smoothness`, and
        `counting` (share of pixels that a moved neighbour explains best).

    Raises:
        ValueError: for a picture too small for so many scales.

    Source: Godard et al. 2019, section 3.2. Deviation: they enlarge disparities of several sizes; here one disparity is
    reduced together with the pictures.
    """
    height, width = image.shape[-2:]
    if scales < 1 or min(height, width) >> (scales - 1) < 4:
        raise ValueError(
            f"{scales} scales of a picture of {height}x{width} (H x W): expected at least 1 scale, and 4 pixels a side in the "
            "smallest; take fewer scales"
        )
    parts: dict[str, Tensor] = {}
    loss, disparity, camera = depth.new_zeros(()), 1 / depth, intrinsics
    for scale in range(scales):
        if scale:
            image, disparity = F.avg_pool2d(image, 2), F.avg_pool2d(disparity, 2)
            sources = F.avg_pool2d(sources.flatten(0, 1), 2).unflatten(0, sources.shape[:2])
            camera = _halved(camera)
        given = {"depth": 1 / disparity, "intrinsics": camera, "motion": motion}
        found = explained(image, sources, **given, alpha=alpha, auto_mask=auto_mask, minimum=minimum)
        photometric, slope = found.error.mean(), smoothness(disparity, image)
        if not scale:
            parts = {"photometric": photometric, "smoothness": slope, "counting": found.counts.float().mean()}
        loss = loss + (photometric + smooth * slope / 2**scale) / scales
    return loss, parts


def _halved(intrinsics: Tensor) -> Tensor:
    """The camera of a picture whose blocks of 2x2 pixels became one each, pixel centres at integers."""
    camera = intrinsics.clone()
    camera[:, :2] *= 0.5
    camera[:, :2, 2] -= 0.25  # (c + 0.5) / 2 - 0.5
    return camera
