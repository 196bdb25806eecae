"""Pictures inside the page: WebP in a data address, with what it shows."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib.figure
import numpy as np
from PIL import Image

from depthnb import plotting

_MOST_PIXELS = 50_000_000  # of a figure


@dataclass(frozen=True)
class Picture:
    """A picture ready for the page.

    Attributes:
        caption: "" where the page has one of its own.
    """

    address: str
    alt: str
    caption: str
    width: int
    height: int


def of_file(file: Path, width: int, quality: int) -> Picture:
    """A figure of a run, made smaller.

    Raises:
        OSError, ValueError: for a file that is none.
    """
    try:
        with Image.open(file) as stored:
            if stored.width * stored.height > _MOST_PIXELS:
                raise ValueError(f"{stored.width} x {stored.height} pixels are no figure of a run")
            alt = stored.info.get("Description") or file.stem.replace("_", " ")
            picture = stored.convert("RGB")
    except (SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
        raise ValueError(str(error)) from error
    return _packed(picture, alt, file.stem.replace("_", " "), width, quality)


def of_figure(figure: matplotlib.figure.Figure, *, width: int = 900, quality: int = 80) -> Picture:
    """A figure that was drawn for the page."""
    alt = getattr(figure, "alt", "") or "a figure"
    with Image.open(io.BytesIO(plotting.encode(figure, "png"))) as drawn:
        return _packed(drawn.convert("RGB"), alt, "", width, quality)


def of_pixels(pixels: np.ndarray, alt: str, *, width: int = 640, quality: int = 80) -> Picture:
    """Colours [H,W,3] in 0..1."""
    picture = Image.fromarray((np.clip(pixels, 0, 1) * 255).round().astype(np.uint8))
    return _packed(picture, alt, "", width, quality)


def _packed(picture: Image.Image, alt: str, caption: str, width: int, quality: int) -> Picture:
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "webp", quality=quality, method=3)
    address = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(address, alt, caption, picture.width, picture.height)
