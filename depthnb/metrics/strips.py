"""The sums of `sums` on a CPU: one pass over an image, a few rows at a time, which stay in the processor's cache.

By NumPy, because one thread of torch takes several times as long for comparisons, masks and slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from depthnb.metrics.ssim import Room, runs, ssim_strip
from depthnb.metrics.sums import ENOUGH_WHOLE, ENOUGH_WINDOWS, PIXEL_SUMS, SSIM_WINDOW, WINDOW_SUMS, edges, terms

_PIXELS, _ROWS = 64_000, 96  # of a strip, at most


def image_sums(
    pred: np.ndarray,
    depth: np.ndarray,
    mask: np.ndarray,
    *,
    low: float,
    high: float,
    borders: Sequence[float],
    windows: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """What `sums.pixel_sums` and `sums.window_sums` give of one image.

    Args:
        pred, depth: float [H,W] metres, finite everywhere; the prediction is clipped here to low..high.
        mask: bool [H,W]; what counts has a depth between low and high.
        low, high: metres; high is the data range of SSIM too.
        borders: of the bands, as for `sums.pixel_sums`.
        windows: whether SSIM and edges are wanted.

    Returns:
        float64 [bands + 1,sums] and [sums]; the second is 0 without `windows`.
    """
    height, width = depth.shape
    rows = max(1, min(_ROWS, _PIXELS // max(1, width)))
    halo = SSIM_WINDOW - 1 if windows else 0
    maps = np.empty((4, min(height, rows + halo), width), depth.dtype) if windows else None  # one for all strips
    low, high = depth.dtype.type(low), depth.dtype.type(high)
    pieces, found = [], _Windows(height, width)
    for start in range(0, height, rows):
        here = slice(start, start + rows + halo)
        truth = depth[here]
        counts = (truth > low) & (truth < high)
        counts &= mask[here]
        if not counts.any():
            continue
        pieces += _bands(*(x[:rows] for x in (pred[here], truth, counts)), low, high, borders)
        if windows:
            strip = maps[:, : len(truth)]
            np.clip(pred[here], low, high, out=strip[0])
            np.clip(truth, low, high, out=strip[1])
            found.add(strip, counts, rows, float(high))
    return _pooled(pieces, max(1, len(borders))), found.sums()


def _bands(
    pred: np.ndarray, depth: np.ndarray, counts: np.ndarray, low: float, high: float, borders: Sequence[float]
) -> Iterator[list[float]]:
    """Of the pixels of a strip, for each band that has any: its number, then the sums in the order of `PIXEL_SUMS`."""
    for band, member in _members(depth, counts, borders):
        truth = depth[member]
        pixels = len(truth)
        if pixels:
            guess = pred[member]
            np.clip(guess, low, high, out=guess)
            log, abs_rel, relative, difference, log_abs, *deltas = terms(np, guess, truth)
            mean = float(log.sum()) / pixels
            log -= log.dtype.type(mean)
            rest = float(log.sum()) / pixels  # what the first sum was rounded by
            square = log.dot(log) - pixels * rest**2
            sums = (abs_rel.sum(), relative.dot(difference), difference.dot(difference), log_abs.sum())
            yield [
                band,
                pixels,
                float(log.dtype.type(mean)) + rest,
                square,
                *sums,
                *(np.count_nonzero(delta) for delta in deltas),
            ]


def _members(depth: np.ndarray, counts: np.ndarray, borders: Sequence[float]) -> Iterator[tuple[int, np.ndarray]]:
    """The bands that pixels lie in, and which of those that count. -1 is before the first border, the last one beyond all."""
    borders = np.asarray(borders, dtype=depth.dtype)
    first = last = 0
    if len(borders):
        first, last = np.searchsorted(borders, (depth.min(), depth.max()), side="right").tolist()
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

    def __init__(self, height: int, width: int) -> None:
        self.width = width
        self.room = Room()
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
            of_strip = edges(np, strip[0].ravel(), strip[1].ravel(), line.ravel()[:-2], self.width)
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
