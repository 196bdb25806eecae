"""Sums over pixels, windows and edges, from which the metrics are made. The formulas stand here once, for NumPy and for torch.

What adds up differs by device. On a CPU `strips` takes a few rows of an image at a time, which stay in its cache, and of them
what counts. On a GPU torch takes all images at once and never asks how many pixels there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType, ModuleType

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb.metrics.room import Room
from depthnb.metrics.ssim import ssim_map, trusted_windows

Values = Tensor | np.ndarray

EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_025": 0.25, "edge_f1_050": 0.5, "edge_f1_100": 1.0})
# relative to the depth: the two sides of the pixel differ by more than this share, near or far. Four is what the Sobel operator
# makes of a step of one
RELATIVE_EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_rel10": 4 * math.log(1.10)})
SSIM_WINDOW = 11
# Which share of the scored pixels must have a wholly valid neighbourhood (3x3, or the window of SSIM), or the image has no such
# score. On LiDAR's sparse truth the few whole ones are where two scan lines meet, nearly all of them "edges" of a large
# threshold, and noise scores better than the truth under a blur.
ENOUGH_WHOLE, ENOUGH_WINDOWS = 0.5, 0.05

PIXEL_SUMS = ("pixels", "log_mean", "log_m2", "abs_rel", "sq_rel", "square", "log_abs", "delta1", "delta2", "delta3")
WINDOW_SUMS = (
    "ssim",
    "ssim_windows",
    *(f"{name}_{side}" for name in (*EDGE_THRESHOLDS, *RELATIVE_EDGE_THRESHOLDS) for side in ("true", "pred", "both")),
)


def terms(library: ModuleType, pred: Values, depth: Values, room: Room | None = None) -> tuple[Values, ...]:
    """Of every pixel the log ratio, the sizes of the relative error, the error and the log ratio, and the three deltas.

    In the order of `PIXEL_SUMS`; sq_rel is the sum of relative error times error, and square that of error times error.

    Args:
        library: numpy or torch, whichever the maps belong to.
        pred, depth: metres, above 0.
        room: for NumPy, where the results go; None: new memory.
    """

    memory = [None] * 5 if room is None else room.take(*[pred.shape] * 5, dtype=pred.dtype)
    error = library.subtract(pred, depth, out=memory[0])
    error = library.abs(error, out=error)
    relative = library.divide(error, depth, out=memory[1])
    ratio, inverse = library.divide(pred, depth, out=memory[2]), library.divide(depth, pred, out=memory[3])
    log = library.log(ratio, out=memory[4])
    worse = library.maximum(ratio, inverse, out=ratio)
    log_size = library.abs(log, out=memory[3])
    return log, relative, error, log_size, *(worse < 1.25**i for i in (1, 2, 3))


def edges(
    library: ModuleType, pred: Values, depth: Values, whole: Values, width: int, room: Room | None = None
) -> Iterator[Values]:
    """Where an edge is: in the truth, in the prediction, in both, for each threshold in turn.

    Args:
        library: numpy or torch, whichever the maps belong to.
        pred, depth: [...,H * W] metres, above 0, row after row.
        whole: bool [...,(H - 2) * W - 2], whether the 3x3 neighbourhood that begins here counts wholly.
        width: W.
        room: as for `terms`.
    """
    *memory, unit = [None] * 5 if room is None else room.take(*[pred.shape] * 5, dtype=pred.dtype)
    for thresholds, relative in ((EDGE_THRESHOLDS, False), (RELATIVE_EDGE_THRESHOLDS, True)):
        squares = []
        for x, into in zip((depth, pred), memory, strict=False):
            x = library.log(x, out=unit) if relative else x
            squares.append(_sobel_square(library, x, width, into, *memory[2:]))
        for threshold in thresholds.values():
            in_truth, in_pred = (square > threshold**2 for square in squares)
            in_truth &= whole
            in_pred &= whole
            yield from (in_truth, in_pred, in_truth & in_pred)


def _sobel_square(library: ModuleType, x: Values, width: int, *memory: np.ndarray | None) -> Values:
    """[...,H * W] -> [...,(H - 2) * W - 2], squared magnitude of the Sobel gradient of the 3x3 pixels that begin here.

    The plain operator, not divided by 8, as Hu et al. use it: a step of 1 m has magnitude 4. Row after row, so that all
    differences are of one long line: what reaches over the end of a row means nothing. Own code, because kornia's pads and
    convolves, which takes about ten times as long on a CPU.

    memory: three lines as long as x for NumPy, the first for the result; None: new memory.
    """

    def apart(operation: Callable, x: Values, distance: int, line: int) -> Values:
        """An operation on the pixels so far apart, written to another line of the memory than that of x."""
        one, other = x[..., distance:], x[..., :-distance]
        return operation(one, other, out=None if memory[line] is None else memory[line][: len(one)])

    # twice the sum of two neighbours is the weights 1, 2, 1
    across = apart(library.subtract, x, 2, 0)
    across = apart(library.add, apart(library.add, across, width, 1), width, 0)
    down = apart(library.subtract, x, 2 * width, 1)
    down = apart(library.add, apart(library.add, down, 1, 2), 1, 1)
    across *= across
    down *= down
    across += down
    return across


def pixel_sums(pred: Tensor, depth: Tensor, counts: Tensor, borders: Sequence[float]) -> Tensor:
    """Sums over the pixels of each image, in bands of true distance, without a wait for a GPU.

    Args:
        pred, depth: [B,1,H,W] metres, finite and above 0 everywhere.
        counts: bool [B,1,H,W].
        borders: metres, rising; bands are [borders[i], borders[i + 1]). Without any all pixels are one band.

    Returns:
        float64 [B,bands + 1,sums] in the order of `PIXEL_SUMS`; the last band holds the pixels of none. "log_mean" and "log_m2"
        are mean and centred square sum of the log ratio, the mean NaN without a pixel.
    """
    pred, depth, counts = (x.flatten(1) for x in (pred, depth, counts))
    limits = torch.tensor([float(border) for border in borders], dtype=depth.dtype, device=depth.device)
    band = torch.bucketize(depth, limits, right=True) - 1  # -1 before the first, as beyond the last: in no band
    columns = max(1, len(borders))
    number = torch.arange(columns, device=depth.device)
    # a product of float32 may silently be one of ten binary digits
    member = (((band % columns)[:, None] == number[:, None]) & counts[:, None]).double()  # [B,bands + 1,pixels]
    log, relative, error, *others = (term.double() for term in terms(torch, pred, depth))
    errors = (relative, relative * error, error.square(), *others)
    pixels = member.sum(-1)
    mean = (member @ log[..., None])[..., 0] / pixels
    centred = log - (mean.nan_to_num()[:, None] @ member)[:, 0]  # of every pixel the mean of its band
    sums = member @ torch.stack([centred.square(), *errors], -1)
    return torch.cat([torch.stack([pixels, mean], -1), sums], -1)


def window_sums(pred: Tensor, depth: Tensor, counts: Tensor, data_range: float) -> Tensor:
    """Sums over the wholly valid windows of each image, and its numbers of edge pixels, without a wait for a GPU.

    Args:
        pred, depth, counts: as for `pixel_sums`.
        data_range: of SSIM.

    Returns:
        float64 [B,sums] in the order of `WINDOW_SUMS`, 0 where too few windows are whole.
    """
    whole = trusted_windows(counts, SSIM_WINDOW, ENOUGH_WINDOWS)
    similarity = ssim_map(pred=pred, depth=depth, data_range=data_range, window=SSIM_WINDOW)
    sums = [(similarity * whole).sum((1, 2, 3), dtype=torch.float64), whole.sum((1, 2, 3))]
    if min(pred.shape[-2:]) >= 3:
        whole = F.pad(trusted_windows(counts, 3, ENOUGH_WHOLE), (0, 2)).flatten(1)[:, :-2]
        found = edges(torch, pred.flatten(1), depth.flatten(1), whole, pred.shape[-1])
        sums += [torch.count_nonzero(edge, dim=1) for edge in found]
    else:  # smaller than the operator
        sums += [torch.zeros_like(sums[1])] * (len(WINDOW_SUMS) - len(sums))
    return torch.stack([each.double() for each in sums], -1)
