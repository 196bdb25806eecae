r"""Do image and depth show the same view? Their edges, laid over each other, tell a shift and a turn.

Where a thing stands before another, depth has an edge, and mostly the image too. The edges of both are correlated over all
shifts of a few pixels, and the maps of many frames averaged: textures average out, what belongs together stays. Depth is
mirrored and turned as well, and asked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from depthnb.data.inspection.findings import Finding, lines_of
from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

_WIDTH = 640  # pixels; wider pictures are made smaller by a whole number
_REACH = 16  # pixels of that size in each direction
_SHIFT = 4  # pixels of that size; sensors in use are off by up to 2
_EDGE = 0.03  # bend of inverse depth between three neighbours, as a share of it
_AROUND = 25  # pixels; edges are told from the texture around them
_TURNED = 64  # frames whose depth is turned as well
_FRAMES, _SURE, _AGREE = (
    5,
    4.0,
    0.4,
)  # frames at least; standard errors; share of the frames that show it, within 2 pixels
_TURNS = {
    "upside down": lambda a: a[::-1],
    "mirrored left to right": lambda a: a[:, ::-1],
    "turned by 180 degrees": lambda a: a[::-1, ::-1],
}
_QUARTERS = {
    "turned by 90 degrees anticlockwise": lambda a: np.rot90(a, 1),
    "turned by 90 degrees clockwise": lambda a: np.rot90(a, -1),
}


class Pairs:
    """Collects how the edges of images and depth maps lie over each other."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.factors: list[int] = []
        self.maps: list[np.ndarray] = []
        self.turned: dict[str, list[np.ndarray]] = {}

    def add(self, row: int, image: Tensor, depth: Tensor, valid: Tensor) -> None:
        """Take in one frame.

        Args:
            row: of the index.
            image: [3,H,W].
            depth: float [1,H,W].
            valid: bool [1,H,W].
        """
        grey, depth, valid, factor = _small(image.float().mean(0).numpy(), depth[0].double().numpy(), valid[0].numpy())
        if min(grey.shape) < 2 * _AROUND:
            return
        bright, deep = _image_edges(grey), depth_edges(depth, valid)
        turns = _TURNS | (_QUARTERS if grey.shape[0] == grey.shape[1] else {}) if len(self.maps) < _TURNED else {}
        found = correlation(bright, [deep, *(turn(deep) for turn in turns.values())])
        if found is None:
            return
        self.rows.append(row)
        self.factors.append(factor)
        self.maps.append(found[0])
        for name, each in zip(turns, found[1:], strict=True):
            self.turned.setdefault(name, []).append(each)

    def findings(self, source: Source) -> list[Finding]:
        """At most one finding: depth that is turned, or else shifted, against its image."""
        if len(self.maps) < _FRAMES:
            return []
        maps = np.stack(self.maps)
        home = _best(maps, 3)
        better = {}
        for name, found in self.turned.items():
            turned, straight = np.stack(found), maps[:_TURNED]
            if len(turned) == len(straight):  # else some cannot be turned so
                best = _best(turned, 3)
                if best == _best(turned, _REACH) and self._stands_out(turned, best, straight, home):
                    better[name] = float(turned[:, *best].mean())
        if better:
            return [self._turned(source, max(better, key=better.get))]
        best = _best(maps, _REACH)
        down, right = (place - _REACH for place in best)
        if max(abs(down), abs(right)) >= _SHIFT and self._stands_out(maps, best, maps, _best(maps, 1)):
            return [self._shifted(source, right, down)]
        return []

    @staticmethod
    def _stands_out(maps: np.ndarray, place: tuple[int, int], others: np.ndarray, home: tuple[int, int]) -> bool:
        """Whether `maps` are higher at `place` than `others` at `home`: in the mean, surely, and in the same place in many."""
        here, there = maps[:, *place], others[:, *home]
        more = here - there
        error = more.std(ddof=1) / np.sqrt(len(more))
        tops = np.array([np.unravel_index(each.argmax(), each.shape) for each in maps])
        agree = (np.abs(tops - place).max(axis=1) <= 2).mean()
        return bool(more.mean() > _SURE * error and here.mean() > 1.5 * there.mean() and agree >= _AGREE)

    def _turned(self, source: Source, name: str) -> Finding:
        return Finding(
            False,
            f"The edges of the depth of {plural(len(self.rows), 'frame')} looked at fit those of their images better when the "
            f"depth is {name}.",
            "Turn one of the two, so that they show the same view pixel for pixel.",
            lines_of(source, self.rows),
        )

    def _shifted(self, source: Source, right: int, down: int) -> Finding:
        factor = int(np.median(self.factors))
        parts = [(right, "right", "left"), (down, "down", "up")]
        said = " and ".join(f"{abs(n) * factor} pixels {plus if n > 0 else minus}" for n, plus, minus in parts if n)
        return Finding(
            False,
            f"The edges of the depth of {plural(len(self.rows), 'frame')} looked at fit those of their images better when the "
            f"depth is moved {said}.",
            "Register depth to the image: project it into the colour camera, as the sensor's own program does.",
            lines_of(source, self.rows),
        )


def _best(maps: np.ndarray, reach: int) -> tuple[int, int]:
    """Where the mean of maps is highest within so many pixels of no shift."""
    middle = slice(_REACH - reach, _REACH + reach + 1)
    inner = maps[:, middle, middle].mean(axis=0)
    down, right = np.unravel_index(inner.argmax(), inner.shape)
    return int(down) + _REACH - reach, int(right) + _REACH - reach


def _small(grey: np.ndarray, depth: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The frame at most `_WIDTH` pixels wide, image averaged, of the depths the nearest; and the factor between the sizes."""
    factor = -(-max(grey.shape) // _WIDTH)
    height, width = (side // factor * factor for side in grey.shape)
    blocks = (height // factor, factor, width // factor, factor)
    nearest = np.where(valid, depth, np.inf)[:height, :width].reshape(blocks).min(axis=(1, 3))
    known = np.isfinite(nearest)
    grey = grey[:height, :width].reshape(blocks).mean(axis=(1, 3))
    return grey, np.where(known, nearest, 0.0), known, factor


def _image_edges(grey: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(grey.astype(float), 0.7)
    edges = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    edges = np.minimum(edges, np.quantile(edges, 0.97))
    return edges - ndimage.uniform_filter(edges, _AROUND)


def depth_edges(depth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Where inverse depth bends between three neighbours in a row or column; planes have no edges. [H,W], 0 to 0.3."""
    depth, valid = _without_shadows(depth, valid)
    inverse = np.zeros(depth.shape)
    inverse[valid] = 1 / depth[valid]
    edges = np.zeros(depth.shape)
    for axis in (0, 1):
        values, known, out = (np.moveaxis(each, axis, 0) for each in (inverse, valid, edges))
        before, here, after = values[:-2], values[1:-1], values[2:]
        both = known[:-2] & known[1:-1] & known[2:]
        bend = np.abs(before + after - 2 * here) / np.maximum(np.maximum(before, after), 1e-12)
        out[1:-1] = np.maximum(out[1:-1], np.where(both, bend, 0))  # a view: `edges` is written
    return np.where(edges > _EDGE, np.minimum(edges, 0.3), 0)


def _without_shadows(depth: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gaps in a row take the farther of their two ends: what a sensor with two eyes does not see lies behind."""
    height, width = depth.shape
    columns = np.arange(width)
    left = np.maximum.accumulate(np.where(valid, columns, -width), axis=1)
    right = np.minimum.accumulate(np.where(valid, columns, 2 * width)[:, ::-1], axis=1)[:, ::-1]
    narrow = right - left <= max(4, width // 25) + 1
    rows = np.arange(height)[:, None]
    farther = np.maximum(depth[rows, left.clip(0)], depth[rows, right.clip(max=width - 1)])
    return np.where(valid, depth, np.where(narrow, farther, 0)), valid | narrow


def correlation(image_edges: np.ndarray, depth_edges: Iterable[np.ndarray]) -> list[np.ndarray] | None:
    """Correlation of an image's edges with those of several depth maps of its size, at all shifts within `_REACH`.

    Returns:
        For each a map [33,33]; its [16 + y, 16 + x] is of the depth moved down by y and right by x. None where there are no
        edges.
    """
    from scipy import fft, ndimage

    maps, size = [], np.sqrt(np.square(image_edges).sum())
    shape = [fft.next_fast_len(side + 2 * _REACH, real=True) for side in image_edges.shape]
    spectrum = fft.rfft2(image_edges.astype(np.float32), shape)
    for edges in depth_edges:
        edges = (edges - ndimage.uniform_filter(edges, _AROUND)).astype(np.float32)
        both = float(size * np.sqrt(np.square(edges).sum()))
        if not both:
            return None
        found = fft.irfft2(spectrum * np.conj(fft.rfft2(edges, shape)), shape)
        found = np.roll(found, (_REACH, _REACH), (0, 1))
        maps.append(found[: 2 * _REACH + 1, : 2 * _REACH + 1] / both)
    return maps
