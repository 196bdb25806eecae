"""PNG files of 256 colours or fewer: a third of the size, with no difference to see."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

from .palette import BASELINES, PALETTE

_WHITE = 0xFFFFFF
FEW = 64  # colours that lines and text need on a screen: a fifth smaller than with 256


def small_png(picture: PIL.Image.Image, alt: str, reduced: Callable[[PIL.Image.Image], PIL.Image.Image]) -> bytes:
    """Store a picture as a PNG with its description and 256 colours at most: a third of the size, no difference to see."""
    text = PIL.PngImagePlugin.PngInfo()
    text.add_text("Description", alt)
    small = io.BytesIO()
    reduced(picture).save(small, "png", optimize=True, pnginfo=text)
    return small.getvalue()


def dithered(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Photographs and colour bars that stay smooth, on paper: an even palette, and noise between its colours."""
    palette = picture.quantize(256, method=PIL.Image.Quantize.FASTOCTREE)
    return picture.quantize(palette=palette, dither=PIL.Image.Dither.FLOYDSTEINBERG)


def with_mean_colours(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Photographs and maps on a screen, without noise: each colour near its own."""
    return picture.quantize(256, method=PIL.Image.Quantize.MEDIANCUT, dither=PIL.Image.Dither.NONE)


def with_exact_colours(picture: PIL.Image.Image, count: int = 256) -> PIL.Image.Image:
    """Lines and text with the most frequent colours as they are, all others as the nearest of these.

    Pillow's own methods take means of neighbours in the space of colours: two methods would get one colour in a legend. Those
    of methods and baselines are kept however rare they are: a lone dot has fewer pixels than each grey at the edge of letters.
    No more than a quarter is grey where there are tints enough: the pale edge of a line may not get another line's colour.
    """
    red, green, blue = np.moveaxis(np.asarray(picture).astype(np.int32), -1, 0)
    pixels = red << 16 | green << 8 | blue
    drawn = pixels != _WHITE  # most are not, and need not be sorted
    codes, positions, counts = np.unique(pixels[drawn], return_inverse=True, return_counts=True)
    places = np.full(pixels.shape, len(codes))
    places[drawn] = positions
    if len(positions) < pixels.size:
        codes, counts = np.append(codes, _WHITE), np.append(counts, pixels.size - len(positions))
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    own = np.isin(codes, [int(colour[1:], 16) for colour in (*PALETTE, *BASELINES.values())])
    greys, spare = np.flatnonzero(np.ptp(found, axis=1) == 0), np.zeros(len(codes), bool)
    spare[greys[np.argsort(-counts[greys], kind="stable")[count // 4 :]]] = True
    kept = found[np.lexsort((-counts, spare, ~own))[:count]]
    # the squared distances, less what is the same for all; whole numbers below 2**24, which float32 holds exactly
    lengths, towards = (kept**2).sum(1).astype(np.float32), -2 * kept.T.astype(np.float32)
    parts = np.array_split(found.astype(np.float32), 16)
    nearest = np.concatenate([(lengths + part @ towards).argmin(1) for part in parts])
    small = PIL.Image.fromarray(nearest[places].astype(np.uint8)).convert("P")
    small.putpalette(kept.astype(np.uint8).tobytes())
    return small


def with_few_colours(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Lines and text on a screen, where no number is drawn as a colour."""
    return with_exact_colours(picture, FEW)
