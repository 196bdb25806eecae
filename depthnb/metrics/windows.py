"""Sums over windows and edges, what a metric needs of a pixel's neighbours; maps come as `measures` scores them.

`depth` and `pred` are finite and above 0 wherever they are, also where `counts` is False. On a CPU a few rows are taken at a
time, which stay in its cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType

import numpy as np
import torch
from torch import Tensor

from depthnb.metrics.ssim import ssim_map, ssim_strip, trusted_windows
from depthnb.metrics.sums import Values
from depthnb.metrics.tally import number

EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_025": 0.25, "edge_f1_050": 0.5, "edge_f1_100": 1.0})
# relative to the depth: the two sides of the pixel differ by more than this share, near or far. Four is what the Sobel operator
# makes of a step of one
RELATIVE_EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_rel10": 4 * math.log(1.10)})
SSIM_WINDOW = 11
# Which share of the scored pixels must have a wholly valid neighbourhood (3x3, or the window of SSIM), or the image has no such
# score. On LiDAR's sparse truth the few whole ones are where two scan lines meet, nearly all of them "edges" of a large
# threshold, and noise scores better than the truth under a blur.
ENOUGH_WHOLE, ENOUGH_WINDOWS = 0.5, 0.05
_ROWS = 32  # of windows at a time on a CPU


def ssim_sums(pred: Tensor, depth: Tensor, counts: Tensor, data_range: float) -> dict[str, Tensor]:
    """Sum of SSIM over, and number of, the windows of each image that are wholly valid."""
    whole = trusted_windows(counts, SSIM_WINDOW, ENOUGH_WINDOWS)
    windows = number(whole).double()
    if whole.device.type != "cpu":
        similarity = ssim_map(pred=pred, depth=depth, data_range=data_range, window=SSIM_WINDOW)
        return {"ssim": (similarity * whole).sum((1, 2, 3), dtype=torch.float64), "ssim_windows": windows}
    total = torch.zeros_like(windows)
    for image in windows.nonzero()[:, 0].tolist():  # none on sparse truth (LiDAR) or tiny images
        for guess, truth, here in _strips(*(x[image, 0].numpy() for x in (pred, depth, whole)), SSIM_WINDOW):
            similarity = ssim_strip(pred=guess, depth=truth, data_range=data_range, window=SSIM_WINDOW)
            total[image] += float(similarity[here].sum())
    return {"ssim": total, "ssim_windows": windows}


def edge_counts(pred: Tensor, depth: Tensor, counts: Tensor) -> dict[str, Tensor]:
    """Numbers of edge pixels of each image: in the truth, in the prediction, in both."""
    whole = trusted_windows(counts, 3, ENOUGH_WHOLE)
    thresholds = (*EDGE_THRESHOLDS, *RELATIVE_EDGE_THRESHOLDS)
    if depth.device.type != "cpu":
        found = [torch.count_nonzero(edge, dim=(1, 2, 3)) for edge in _edges(torch, pred, depth, whole)]
    else:
        found = torch.zeros(3 * len(thresholds), len(depth), dtype=torch.int64)
        for image in number(whole).nonzero()[:, 0].tolist():  # none on sparse truth, or maps smaller than the operator
            for strip in _strips(*(x[image, 0].numpy() for x in (pred, depth, whole)), 3):
                found[:, image] += torch.tensor([np.count_nonzero(edge) for edge in _edges(np, *strip)])
    names = [f"{name}_{side}" for name in thresholds for side in ("true", "pred", "both")]
    return {name: each.double() for name, each in zip(names, found, strict=True)}


def _strips(pred: np.ndarray, depth: np.ndarray, whole: np.ndarray, window: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Maps [H,W] and which of their windows count, as strips that hold the windows of a few rows."""
    for start in range(0, len(whole), _ROWS):
        reach = slice(start, start + _ROWS + window - 1)
        yield pred[reach], depth[reach], whole[start : start + _ROWS]


def _edges(library: ModuleType, pred: Values, depth: Values, whole: Values) -> Iterator[Values]:
    """Where an edge is: in the truth, in the prediction, in both, for each threshold, in wholly valid neighbourhoods.

    library: numpy or torch, whichever the maps [...,H,W] belong to.
    """
    for thresholds, unit in ((EDGE_THRESHOLDS, library.positive), (RELATIVE_EDGE_THRESHOLDS, library.log)):
        true, guess = (_sobel_square(unit(x)) for x in (depth, pred))
        for threshold in thresholds.values():
            in_truth, in_pred = ((square > threshold**2) & whole for square in (true, guess))
            yield from (in_truth, in_pred, in_truth & in_pred)


def _sobel_square(x: Values) -> Values:
    """[...,H,W] -> [...,H - 2,W - 2], squared magnitude of the Sobel gradient.

    The plain operator, not divided by 8, as Hu et al. use it: a step of 1 m has magnitude 4. Own code, because kornia's
    pads and convolves, which takes about ten times as long on a CPU.
    """
    right, lower = x[..., 2:] - x[..., :-2], x[..., 2:, :] - x[..., :-2, :]
    # two sums of neighbours are the weights 1, 2, 1
    right, lower = right[..., 1:, :] + right[..., :-1, :], lower[..., 1:] + lower[..., :-1]
    across, down = right[..., 1:, :] + right[..., :-1, :], lower[..., 1:] + lower[..., :-1]
    across *= across
    down *= down
    across += down
    return across
