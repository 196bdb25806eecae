"""Figures of films: frames that follow each other, and what a photometric loss sees of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from .palette import error_colormap
from .pictures import _draw_image, _draw_map, _frame, _grid
from .style import Figure, bar, house_style

_ERRORS = Normalize(0, 0.5)  # of a photometric error, which ends at about 1
_NOTHING = 0.8  # grey of what lies outside of a picture


@house_style
def film_grid(images: ArrayLike, *, titles: Sequence[str]) -> Figure:
    """Draw films as rows of their frames.

    Args:
        images: [films, frames, 3, H, W] in 0..1.
        titles: one a film.

    Raises:
        ValueError: for other shapes, or another number of titles.
    """
    images = np.asarray(images, np.float32)
    if images.ndim != 5 or images.shape[2] != 3 or len(titles) != len(images):
        raise ValueError(
            f"expected images [films,frames,3,H,W] and a title a film, got {list(images.shape)} and {len(titles)} titles"
        )
    films, frames = images.shape[:2]
    alt = f"{films} films of {frames} frames: {', '.join(titles)}"
    figure, axes = _grid(films, frames, images.shape[3] / images.shape[4], bars=0, titled=True, width=7.0, alt=alt)
    for line, film, title in zip(axes, images, titles, strict=True):
        for ax, image in zip(line, film, strict=True):
            _draw_image(ax, image)
        line[0].set_title(title, loc="left")
    return figure


@house_style
def photometric(views: Mapping[str, Mapping[str, ArrayLike]]) -> Figure:
    """Draw what a photometric loss sees of a frame, one row for each depth map that is tried.

    Grey is outside of the neighbour's picture, not known, or does not count.

    Args:
        views: name -> image, neighbour, moved float [3,H,W] in 0..1; inside, counts bool [1,H,W]; error unmoved, error moved
            float [1,H,W]: as `studies.self_supervised.look` gives them.

    Raises:
        ValueError: without a view.
    """
    if not views:
        raise ValueError("there is nothing to draw: expected at least one view")
    shape = np.shape(next(iter(views.values()))["image"])
    figure, axes = _grid(
        len(views),
        5,
        shape[-2] / shape[-1],
        bars=1,
        titled=True,
        alt=f"a frame, its neighbour moved by a depth map, and photometric errors: {', '.join(views)}",
    )
    for line, (name, view) in zip(axes, views.items(), strict=True):
        inside, counts = (np.asarray(view[key], bool)[0] for key in ("inside", "counts"))
        moved = np.where(inside, np.asarray(view["moved"], np.float32), _NOTHING)
        errors = {key: np.asarray(view[key], np.float32)[0] for key in ("error unmoved", "error moved")}
        _draw_image(line[0], np.asarray(view["image"], np.float32))
        _draw_image(line[1], moved)
        shown = (("error unmoved", np.ones_like(inside)), ("error moved", inside), ("error moved", inside & counts))
        for ax, (key, mask) in zip(line[2:], shown, strict=True):
            _draw_map(ax, errors[key], mask, error_colormap(), _ERRORS)
            _frame(ax)
        titles = ("the frame", name, "error, unmoved", "error, moved", "what counts")
        for ax, title in zip(line, titles, strict=True):
            ax.set_title(title, loc="left")
    bar(figure, ScalarMappable(_ERRORS, error_colormap()), axes.flat, "photometric error", extend="max")
    return figure
