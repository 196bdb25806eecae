"""The sums of `sums` on a CPU: one pass over an image, a few rows at a time, which stay in the processor's cache.

By NumPy, because one thread of torch takes several times as long for comparisons, masks and slices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from depthnb.metrics.room import Room, room
from depthnb.metrics.ssim import runs, ssim_strip
from depthnb.metrics.sums import ENOUGH_WHOLE, ENOUGH_WINDOWS, PIXEL_SUMS, SSIM_WINDOW, WINDOW_SUMS, edges, terms

_MOST = 0.5  # of a strip's pixels
_PIXELS, _ROWS = 80_000, 144  # of a strip, at most; fewer are more calls, more leave the cache


def image_sums(
    pred: Tensor,
    depth: Tensor,
    mask: Tensor,
    *,
    low: float,
    high: float,
    borders: Sequence[float],
    windows: bool,
) -> tuple[np.ndarray, np.ndarray] | None:
    """What `sums.pixel_sums` and `sums.window_sums` give of one image.

    Args:
        pred, depth: float [H,W] metres, of one dtype, on the CPU; the prediction is clipped here to low..high.
        mask: bool [H,W]; what counts has a depth between low and high.
        low, high: metres; high is the data range of SSIM too.
        borders: of the bands, as for `sums.pixel_sums`.
        windows: whether SSIM and edges are wanted.

    Returns:
        float64 [bands + 1,sums] and [sums]; the second is 0 without `windows`. None where a value is NaN or a prediction
        infinite, wherever it lies: then fill what does not count, and ask again.
    """
    height, width = depth.shape
    rows = max(1, min(_ROWS, _PIXELS // max(1, width)))
    halo = SSIM_WINDOW - 1 if windows else 0
    own = room("steps")
    (maps,) = room("strip").take((4, min(height, rows + halo), width), dtype=pred.numpy().dtype)
    low, high = (float(maps.dtype.type(end)) for end in (low, high))
    pieces, found = [], _Windows(height, width, own)
    for start in range(0, height, rows):
        here = slice(start, start + rows + halo)
        strip = maps[:, : min(height, here.stop) - start]
        if not math.isfinite(pred[here].sum().item()):  # a glance: a sum is finite only where every value is
            return None
        for given, clipped in zip((pred, depth), strip[:2], strict=True):
            torch.clamp(given[here], low, high, out=torch.from_numpy(clipped))
        guess, truth = strip[:2]
        span = truth.min(), truth.max()
        if math.isnan(span[0]):
            return None
        # of what was clipped: neither end counts
        counts = truth > low
        counts &= truth < high
        counts &= mask[here].numpy()
        if not counts.any():
            continue
        pieces += _bands(*(x[:rows].ravel() for x in (guess, truth, counts)), borders, span, own)
        if windows:
            found.add(strip, counts, rows, high)
    return _pooled(pieces, max(1, len(borders))), found.sums()


def _bands(
    pred: np.ndarray,
    depth: np.ndarray,
    counts: np.ndarray,
    borders: Sequence[float],
    span: tuple[float, float],
    own: Room,
) -> Iterator[list[float]]:
    """Of the pixels of a strip, for each band that has any: its number, then the sums in the order of `PIXEL_SUMS`.

    Where most of them count, and in one band, the others become right predictions, whose terms are 0; else those that count are
    gathered, band by band, so that one call computes each term of all bands.

    Args:
        span: no depth lies outside.
    """
    bands, members = zip(*_members(depth, counts, borders, span), strict=True)
    numbers, others = [np.count_nonzero(member) for member in members], None
    if len(bands) == 1 and numbers[0] > _MOST * len(counts):
        others = ~counts
        np.copyto(pred, depth, where=others)
    else:
        pred, depth = (
            np.concatenate([x[member] for member in members], out=room(name).take((sum(numbers),), dtype=x.dtype)[0])
            for name, x in (("guess", pred), ("truth", depth))
        )
    found, stop = terms(np, pred, depth, own), 0
    for band, pixels in zip(bands, numbers, strict=True):
        if pixels:
            start, stop = stop, stop + (pixels if others is None else len(pred))
            yield [band, pixels, *_summed(pixels, others, *(term[start:stop] for term in found))]


def _summed(
    pixels: int,
    others: np.ndarray | None,
    log: np.ndarray,
    relative: np.ndarray,
    error: np.ndarray,
    log_size: np.ndarray,
    *deltas: np.ndarray,
) -> tuple[float, ...]:
    """The sums of a band with so many pixels, the first of `PIXEL_SUMS` left out; log is centred in place.

    Args:
        others: which entries are right predictions that do not count; None: none is.
    """
    mean = float(log.sum()) / pixels
    log -= log.dtype.type(mean)
    if others is not None:
        np.copyto(log, 0, where=others)
    rest = float(log.sum()) / pixels  # what the first sum was rounded by
    return (
        float(log.dtype.type(mean)) + rest,
        log.dot(log) - pixels * rest**2,
        relative.sum(),
        relative.dot(error),
        error.dot(error),
        log_size.sum(),
        *(np.count_nonzero(delta) - len(log) + pixels for delta in deltas),
    )


def _members(
    depth: np.ndarray, counts: np.ndarray, borders: Sequence[float], span: tuple[float, float]
) -> Iterator[tuple[int, np.ndarray]]:
    """The bands that pixels lie in, and which of those that count. -1 is before the first border, the last one beyond all."""
    borders = np.asarray(borders, dtype=depth.dtype)
    first, last = np.searchsorted(borders, span, side="right").tolist()
    beyond = counts
    for band in range(first, last):
        after = beyond & (depth >= borders[band])
        yield band - 1, beyond ^ after
        beyond = after
    yield last - 1, beyond


def _pooled(pieces: list[list[float]], columns: int) -> np.ndarray:
    """The sums of the bands from those of the strips."""
    piece = np.array(pieces, dtype=float).reshape(-1, 1 + len(PIXEL_SUMS))
    band, piece = (
        piece[:, 0].astype(int) % columns,
        piece[:, 1:],
    )  # before the first or beyond the last: the last column
    number, mean = piece[:, 0], piece[:, 1].copy()
    piece[:, 1] *= number
    sums = np.zeros((columns, len(PIXEL_SUMS)))
    np.add.at(sums, band, piece)
    with np.errstate(invalid="ignore"):  # no pixel, no mean
        sums[:, 1] /= sums[:, 0]
    # between the strips as well as within them (Chan, Golub & LeVeque 1979)
    np.add.at(sums[:, 2], band, number * (mean - sums[band, 1]) ** 2)
    return sums


class _Windows:
    """Sums over the wholly valid windows of the strips of an image."""

    def __init__(self, height: int, width: int, own: Room) -> None:
        self.width, self.room = width, own
        self.numbers = dict.fromkeys(
            (SSIM_WINDOW, 3), np.zeros(2)
        )  # of whole windows, and of windows whose middle counts
        self.found = np.zeros(len(WINDOW_SUMS))

    def add(self, strip: np.ndarray, counts: np.ndarray, rows: int, data_range: float) -> None:
        """Add a strip: maps [4,H,W], the prediction, the truth, and room for two more; the windows that begin in its rows."""
        whole = self._whole(counts, SSIM_WINDOW)
        if whole.any():
            similarity = ssim_strip(strip, self.room, data_range=data_range, window=SSIM_WINDOW)
            weight = np.zeros(similarity.shape, similarity.dtype)
            weight[:, : whole.shape[1]] = whole
            self.found[0] += similarity.ravel().dot(weight.ravel())
        strip, counts = strip[:2, : rows + 2], counts[: rows + 2]
        whole = self._whole(counts, 3)
        if whole.any():
            line = np.zeros((len(whole), self.width), bool)
            line[:, :-2] = whole
            of_strip = edges(np, strip[0].ravel(), strip[1].ravel(), line.ravel()[:-2], self.width, self.room)
            self.found[2:] += [np.count_nonzero(edge) for edge in of_strip]

    def _whole(self, counts: np.ndarray, window: int) -> np.ndarray:
        """The wholly valid windows of a strip, taken note of."""
        if min(counts.shape) < window:
            return np.zeros((0, 0), bool)
        whole, edge = runs(counts, window), window // 2
        middles = np.ascontiguousarray(counts[edge:-edge, edge:-edge])  # of what is not contiguous NumPy counts slowly
        self.numbers[window] = self.numbers[window] + [np.count_nonzero(whole), np.count_nonzero(middles)]
        return whole

    def sums(self) -> np.ndarray:
        """In the order of `WINDOW_SUMS`; 0 where too few windows are whole, as `ssim.trusted_windows` has it."""
        (windows, middles), (whole, pixels) = self.numbers[SSIM_WINDOW], self.numbers[3]
        self.found[1] = windows
        if windows < ENOUGH_WINDOWS * middles:
            self.found[:2] = 0
        if whole < ENOUGH_WHOLE * pixels:
            self.found[2:] = 0
        return self.found
