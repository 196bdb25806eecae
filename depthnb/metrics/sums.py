"""Sums over pixels, in bands of true distance, from which the metrics are made; maps come as `measures` scores them.

The formulas stand once, in `_terms`; what adds up differs by device. On a CPU NumPy takes a few rows at a time, which stay in
its cache, and of them the pixels that count. On a GPU torch takes all at once and never asks how many pixels there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

Values = Tensor | np.ndarray

_PIECE = 16_384  # pixels at a time on a CPU
_SUMS = ("abs_rel", "sq_rel", "square", "log_abs", "delta1", "delta2", "delta3")


def pixel_sums(pred: Tensor, depth: Tensor, counts: Tensor, edges: Sequence[float] = ()) -> dict[str, Tensor]:
    """Sums over the pixels of each image, in bands of true distance.

    Args:
        pred, depth: [B,1,H,W] metres, above 0 where a pixel counts, finite on a GPU everywhere.
        counts: bool [B,1,H,W].
        edges: metres, rising; bands are [edges[i], edges[i + 1]). Without any all pixels are one band.

    Returns:
        dict of float64 tensors [B,bands + 1]; the last column holds the pixels of no band. "pixels", sums of errors, "log_mean"
        and "log_m2": mean and centred square sum of the log ratio.
    """
    given = (pred[:, 0], depth[:, 0], counts[:, 0])
    sums = _sums_by_pieces(*given, edges) if depth.device.type == "cpu" else _sums_by_products(*given, edges)
    return dict(zip(("pixels", "log_mean", "log_m2", *_SUMS), sums.unbind(-1), strict=True))


def _terms(library: ModuleType, pred: Values, depth: Values) -> tuple[Values, tuple[tuple[Values, ...], ...]]:
    """Of every pixel the log ratio, and what is summed in the order of `_SUMS`: one map, or two whose product it is.

    library: numpy or torch, whichever the maps belong to.
    """
    difference, ratio = pred - depth, pred / depth
    relative, log = difference / depth, library.log(ratio)
    worse = library.maximum(ratio, depth / pred)
    deltas = ((worse < 1.25**i,) for i in (1, 2, 3))
    return log, ((abs(relative),), (relative, difference), (difference, difference), (abs(log),), *deltas)


def _sums_by_products(pred: Tensor, depth: Tensor, counts: Tensor, edges: Sequence[float]) -> Tensor:
    """[B,H,W] -> float64 [B,bands + 1,3 + sums]: over the members of a band as a product, so that nothing waits for a GPU."""
    pred, depth, counts = (x.flatten(1) for x in (pred, depth, counts))
    borders = torch.tensor([float(edge) for edge in edges], dtype=depth.dtype, device=depth.device)
    band = torch.bucketize(depth, borders, right=True) - 1  # -1 before the first, as beyond the last: in no band
    columns = max(1, len(edges))
    number = torch.arange(columns, device=depth.device)
    # a product of float32 may silently be one of ten binary digits
    member = (((band % columns)[:, None] == number[:, None]) & counts[:, None]).double()  # [B,bands + 1,pixels]
    log, terms = _terms(torch, pred, depth)
    log = log.double()
    pixels = member.sum(-1)
    mean = (member @ log[..., None])[..., 0] / pixels
    centred = log - (mean.nan_to_num()[:, None] @ member)[:, 0]  # of every pixel the mean of its band
    errors = torch.stack([centred.square(), *(math.prod(term).double() for term in terms)], -1)
    return torch.cat([torch.stack([pixels, mean], -1), member @ errors], -1)


def _sums_by_pieces(pred: Tensor, depth: Tensor, counts: Tensor, edges: Sequence[float]) -> Tensor:
    """The same from the pixels that count, a few rows at a time, in the order of their bands: a band is then a slice."""
    columns, places, pieces = max(1, len(edges)), [], []
    rows = max(1, _PIECE // max(1, depth.shape[-1]))
    for image, maps in enumerate(zip(*(x.numpy() for x in (pred, depth, counts)), strict=True)):
        for start in range(0, depth.shape[-2], rows):
            guess, truth, inside = (x[start : start + rows] for x in maps)
            guess, truth = guess[inside], truth[inside]
            if not len(truth):
                continue
            order, bands = _by_band(truth, edges)
            log, terms = _terms(np, *((guess, truth) if order is None else (guess.take(order), truth.take(order))))
            places += [image * columns + band % columns for band, _ in bands]  # no band: the last column
            pieces += [_piece(log[part], [[x[part] for x in term] for term in terms]) for _, part in bands]
    sums = np.zeros((len(depth) * columns, 3 + len(_SUMS)))
    piece = np.array(pieces, dtype=float).reshape(-1, sums.shape[1])
    number, mean = piece[:, 0], piece[:, 1].copy()
    piece[:, 1] *= number
    np.add.at(sums, places, piece)
    with np.errstate(invalid="ignore"):  # no pixel, no mean
        sums[:, 1] /= sums[:, 0]
    # between the pieces as well as within them (Chan, Golub & LeVeque 1979)
    np.add.at(sums[:, 2], places, number * (mean - sums[places, 1]) ** 2)
    return torch.from_numpy(sums).view(len(depth), columns, -1)


def _piece(log: np.ndarray, terms: Sequence[Sequence[np.ndarray]]) -> list[float]:
    """Of a few pixels their number, the mean of the log ratio and its centred square sum, and the sums."""
    mean = log.sum() / len(log)
    centred = log - mean
    sums = [
        one.dot(*other) if other else np.count_nonzero(one) if one.dtype == bool else one.sum() for one, *other in terms
    ]
    return [len(log), mean, centred.dot(centred), *sums]


def _by_band(depth: np.ndarray, edges: Sequence[float]) -> tuple[np.ndarray | None, list[tuple[int, slice]]]:
    """The order of pixels [N] by their bands, None if they stand so; number of a band and its slice for each that has any.

    Band -1 lies before the first edge, the last one beyond the last edge.
    """
    edges = np.asarray(edges, dtype=depth.dtype)
    first, last = np.searchsorted(edges, (depth.min(), depth.max()), side="right").tolist()
    if first == last:
        return None, [(first - 1, slice(None))]
    kind = np.min_scalar_type(
        last - first
    ).type  # one byte is sorted by its value, several times as fast as by comparisons
    after = np.zeros(depth.shape, kind)
    for edge in edges[first:last]:
        after += depth >= edge
    order = np.argsort(after, kind="stable")
    starts = np.searchsorted(after, np.arange(last - first + 2), sorter=order).tolist()
    return order, [(band, slice(*part)) for band, part in enumerate(pairwise(starts), first - 1) if part[0] < part[1]]
