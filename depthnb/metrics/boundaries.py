"""Whether the outlines of things are where they are in truth, give or take a few pixels."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb.metrics.checks import check_maps
from depthnb.metrics.protocols import Protocol
from depthnb.metrics.ssim import trusted_windows
from depthnb.metrics.sums import ENOUGH_WHOLE
from depthnb.metrics.variation import log_as_scored


def boundary_f1(
    *, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol, radius: int = 1, step: float = 1.25
) -> Tensor:
    """How well the boundaries of a prediction and of the truth cover each other.

    A boundary pixel is one end of a pair of neighbours, across or down, that both count and whose depths differ by a factor of
    `step` or more. Steps as ratios are the same for near and far things, and for a prediction that is wrong by a factor.

    Args:
        pred, depth: [B,1,H,W] metres; anything where `valid` is False.
        valid: bool [B,1,H,W].
        protocol: a name or a `Protocol`: the prediction is clipped to its range, and true depths outside do not count.
        radius: pixels, across, down and diagonal, within which one boundary finds the other; 0 for the very pixel.
        step: the least factor of a boundary.

    Returns:
        [B]: harmonic mean of the share of predicted boundary pixels that are near a true one and the share of true ones that
        are near a predicted one. 0 where nothing is predicted; NaN for an image without a true boundary, and for sparse truth
        (fewer than half of the scored pixels have a whole 3x3 neighbourhood).

    Raises:
        ValueError: for maps that do not fit together, an unknown protocol, a radius below 0, or a step of 1 or less.

    Source: the idea of a tolerance is that of boundary benchmarks such as Martin et al. 2004, "Learning to detect natural image
    boundaries"; depth ratios as in Bochkovskii et al. 2024, arXiv:2410.02073, section 3.
    Deviates: pixels may be matched more than once; a square and not a circle is the neighbourhood.

    >>> depth = torch.tensor([[[[1.0, 1, 1, 2, 2, 2]] * 3]])
    >>> late = torch.tensor([[[[1.0, 1, 1, 1, 2, 2]] * 3]])
    >>> [round(float(boundary_f1(pred=late, depth=depth, valid=depth > 0, protocol="rooms", radius=r)), 2) for r in (0, 1)]
    [0.5, 1.0]
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    if radius < 0 or step <= 1:
        raise ValueError(f"radius is {radius} and step {step:g}; expected 0 or more pixels and a factor above 1")
    *logs, counts = log_as_scored(pred=pred, depth=depth, valid=valid, protocol=protocol)
    guess, true = (_boundaries(each, counts, math.log(step)) for each in logs)
    found = (guess & _grown(true, radius)).sum((1, 2, 3)).double()
    covered = (true & _grown(guess, radius)).sum((1, 2, 3)).double()
    precision = found / guess.sum((1, 2, 3)).clamp(min=1)
    recall = covered / true.sum((1, 2, 3)).clamp(min=1)
    score = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
    dense = trusted_windows(counts, 3, ENOUGH_WHOLE).any(-1).any(-1).any(-1)
    return torch.where(true.any(-1).any(-1).any(-1) & dense, score, torch.nan)


def _boundaries(logs: Tensor, counts: Tensor, step: float) -> Tensor:
    marked = torch.zeros_like(counts)
    for dim in (-2, -1):
        length = logs.shape[dim] - 1
        both = counts.narrow(dim, 0, length) & counts.narrow(dim, 1, length)
        edge = both & (logs.diff(dim=dim).abs() >= step)
        for start in (0, 1):
            part = marked.narrow(dim, start, length)
            part |= edge
    return marked


def _grown(mask: Tensor, radius: int) -> Tensor:
    side = 2 * radius + 1  # across, then down: far fewer pixels to ask than a square has
    across = F.max_pool2d(mask.float(), (1, side), stride=1, padding=(0, radius))
    return F.max_pool2d(across, (side, 1), stride=1, padding=(radius, 0)) > 0
