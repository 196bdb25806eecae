"""Sums over pixels, windows and edges, from which the metrics are made; maps come as `measures` scores them.

`depth` and `pred` are 1 wherever `counts` is False, so that nothing there is an error, a zero or a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from depthnb.metrics.ssim import ssim_map, trusted_windows

EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_025": 0.25, "edge_f1_050": 0.5, "edge_f1_100": 1.0})
# relative to the depth: the two sides of the pixel differ by more than this share, near or far. Four is what the Sobel operator
# makes of a step of one
RELATIVE_EDGE_THRESHOLDS: Mapping[str, float] = MappingProxyType({"edge_f1_rel10": 4 * math.log(1.10)})
SSIM_WINDOW = 11
# Which share of the scored pixels must have a wholly valid neighbourhood (3x3, or the window of SSIM), or the image has no such
# score. On LiDAR's sparse truth the few whole ones are where two scan lines meet, nearly all of them "edges" of a large
# threshold, and noise scores better than the truth under a blur.
ENOUGH_WHOLE, ENOUGH_WINDOWS = 0.5, 0.05
_TERMS = ("pixels", "log_mean", "abs_rel", "sq_rel", "square", "log_abs", "delta1", "delta2", "delta3")
_PIECE = 64  # pixels that are added in the maps' own precision; pieces are added in float64


def pixel_sums(pred: Tensor, depth: Tensor, counts: Tensor, edges: Sequence[float] = ()) -> dict[str, Tensor]:
    """Sums over the pixels of each image, in bands of true distance.

    Args:
        pred, depth: [B,1,H,W] metres.
        counts: bool [B,1,H,W].
        edges: metres, rising; bands are [edges[i], edges[i + 1]). Without any all pixels are one band.

    Returns:
        dict of float64 tensors [B,bands + 1]; the last column holds the pixels of no band. "pixels", sums of errors, "log_mean"
        and "log_m2": mean and centred square sum of the log ratio.
    """
    member = _members(depth.flatten(1), counts.flatten(1), edges)
    terms = _terms(pred.flatten(1), depth.flatten(1))
    sums = dict(zip(_TERMS, _product(terms.transpose(0, 1), member).unbind(1), strict=True))
    sums["log_mean"] = sums["log_mean"] / sums["pixels"]
    own = torch.nan_to_num(sums["log_mean"]).to(terms.dtype)
    centred = (terms[1] - (own[:, None] @ member)[:, 0]).square_()  # of every pixel the mean of its band
    sums["log_m2"] = _product(centred[:, None], member)[:, 0]
    return sums


def _members(depth: Tensor, counts: Tensor, edges: Sequence[float]) -> Tensor:
    """[B,bands + 1,N]: 1 where a pixel is in a band, else 0; a sum over a band is then a matrix product."""
    if not len(edges):
        return counts[:, None].to(depth.dtype)
    borders = torch.tensor([float(edge) for edge in edges], dtype=depth.dtype, device=depth.device)
    after = torch.bucketize(depth, borders, right=True, out_int32=True)  # how many borders lie before a pixel
    after.masked_fill_(after == len(edges), 0)  # beyond the last is in no band, as before the first
    after = torch.where(counts, after, -1).to(depth.dtype)
    number = torch.arange(1, len(edges) + 1, dtype=depth.dtype, device=depth.device) % len(edges)
    return torch.eq(after[:, None], number[:, None], out=depth.new_empty(len(depth), len(edges), depth.shape[-1]))


def _terms(pred: Tensor, depth: Tensor) -> Tensor:
    """What is summed, of every pixel: [terms,B,N] in the order of `_TERMS`."""
    terms = pred.new_empty(len(_TERMS), *pred.shape)
    difference = pred - depth
    ratio = pred / depth
    terms[0] = 1
    torch.log(ratio, out=terms[1])
    relative = difference / depth
    torch.abs(relative, out=terms[2])
    torch.mul(relative, difference, out=terms[3])
    torch.mul(difference, difference, out=terms[4])
    torch.abs(terms[1], out=terms[5])
    worse = torch.maximum(ratio, torch.div(depth, pred, out=relative), out=ratio)
    for i in (1, 2, 3):
        torch.lt(worse, 1.25**i, out=terms[5 + i])
    return terms


def _product(terms: Tensor, member: Tensor) -> Tensor:
    """[B,K,N] and [B,G,N] -> float64 [B,K,G], the sum of every term over every group."""
    if member.device.type != "cpu":  # where a product of float32 may silently be one of ten binary digits
        return terms.double() @ member.double().transpose(1, 2)
    whole = terms.shape[-1] // _PIECE * _PIECE
    rest = (terms[..., whole:] @ member[..., whole:].transpose(1, 2)).double()
    if not whole:
        return rest
    pieces = (each[..., :whole].unflatten(-1, (-1, _PIECE)).transpose(1, 2) for each in (terms, member))
    left, right = pieces
    return (left @ right.transpose(-2, -1)).double().sum(1) + rest


def ssim_sums(pred: Tensor, depth: Tensor, counts: Tensor, data_range: float) -> dict[str, Tensor]:
    """Sum of SSIM over, and number of, the windows of each image that are wholly valid."""
    whole = trusted_windows(counts, SSIM_WINDOW, ENOUGH_WINDOWS)
    windows = whole.sum((1, 2, 3)).double()
    if not windows.any():  # sparse truth (LiDAR) or tiny images
        return {"ssim": torch.zeros_like(windows), "ssim_windows": windows}
    similarity = ssim_map(pred=pred, depth=depth, data_range=data_range, window=SSIM_WINDOW)
    return {"ssim": (similarity * whole).sum((1, 2, 3), dtype=torch.float64), "ssim_windows": windows}


def edge_counts(pred: Tensor, depth: Tensor, counts: Tensor) -> dict[str, Tensor]:
    """Numbers of edge pixels of each image: in the truth, in the prediction, in both."""
    whole = trusted_windows(counts, 3, ENOUGH_WHOLE)
    numbers = {}
    for thresholds, unit in ((EDGE_THRESHOLDS, torch.positive), (RELATIVE_EDGE_THRESHOLDS, torch.log)):
        if not whole.any():  # sparse truth, or maps smaller than the operator
            true = guess = torch.zeros_like(whole, dtype=depth.dtype)
        else:  # 0, no edge, where the neighbourhood is not whole
            true, guess = (_sobel_square(unit(each)).mul_(whole) for each in (depth, pred))
        for name, threshold in thresholds.items():
            in_truth, in_pred = true > threshold**2, guess > threshold**2
            for part, edge in (("true", in_truth), ("pred", in_pred), ("both", in_truth & in_pred)):
                numbers[f"{name}_{part}"] = torch.count_nonzero(edge, dim=(1, 2, 3)).double()
    return numbers


def _sobel_square(x: Tensor) -> Tensor:
    """[B,1,H,W] -> [B,1,H - 2,W - 2], squared magnitude of the Sobel gradient.

    The plain operator, not divided by 8, as Hu et al. use it: a step of 1 m has magnitude 4. Own code, because kornia's
    pads and convolves, which takes about ten times as long on a CPU.
    """
    right, lower = x[..., 2:] - x[..., :-2], x[..., 2:, :] - x[..., :-2, :]
    across = (right[..., :-2, :] + right[..., 2:, :]).add_(right[..., 1:-1, :], alpha=2)
    down = (lower[..., :-2] + lower[..., 2:]).add_(lower[..., 1:-1], alpha=2)
    return across.square_().addcmul_(down, down)
