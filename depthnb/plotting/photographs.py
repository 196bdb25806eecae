"""Figures of photographs whose true depth nobody knows: what one net says, what several say, and what the camera changes."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from numpy.typing import ArrayLike

from .palette import NEUTRAL, colors, depth_colormap, markers
from .pictures import _batch, _draw_image, _draw_map, _extend, _limit, _low
from .style import (
    DEPTH_LABEL,
    DPI,
    MAX_WIDTH,
    Figure,
    bar,
    house_style,
    legend_outside,
    new_figure,
    picture_axes,
    require_columns,
)

INVERSE_LABEL = "inverse depth, no unit: near is bright"


@house_style
def depth_map(values: ArrayLike, *, label: str = DEPTH_LABEL, near_is_large: bool = False) -> Figure:
    """Draw one depth map in colours with its bar; near is bright.

    The colours reach from the first to the 99th percentile.

    Args:
        values: [1,H,W]: metres, or with `near_is_large` inverse depth.
    """
    values = _batch(values, 1)
    norm, colormap = _one_map(values, near_is_large)
    height, width = values.shape[-2:]
    across = 9.0 if width >= height else 5.0
    figure = new_figure(
        across,
        across * height / width + 0.7,
        alt="depth in colours, near is bright",
        image_format="jpeg",
        layout="constrained",
    )
    ax = picture_axes(figure, 1, 1)[0, 0]
    ax.imshow(values[0, 0], cmap=colormap, norm=norm, interpolation="antialiased")
    bar(figure, ScalarMappable(norm, colormap), [ax], label, extend=_extend(values, norm))
    return figure


def depth_colours(
    values: ArrayLike, *, near_is_large: bool = False, limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, float, float]:
    """The colours of `depth_map` alone, pixel for pixel: [1,H,W] -> float [H,W,3] in 0..1, and the ends of their range.

    Args:
        limits: the ends, where they shall not be the first and the 99th percentile.
    """
    values = _batch(values, 1)
    norm, colormap = _one_map(values, near_is_large)
    if limits is not None:
        norm = Normalize(*limits)
    return colormap(norm(values[0, 0]))[..., :3], float(norm.vmin), float(norm.vmax)


def _one_map(values: np.ndarray, near_is_large: bool) -> tuple[Normalize, Colormap]:
    low, high = _low(values), _limit(values, 99)
    span = max(high - low, 1e-6 * max(abs(high), 1e-6))  # of a map that is the same everywhere
    return Normalize(low, low + span), depth_colormap().reversed() if near_is_large else depth_colormap()


@house_style
def colour_bar(
    limits: tuple[float, float], width: int, *, label: str = DEPTH_LABEL, near_is_large: bool = False
) -> np.ndarray:
    """The colour bar of `depth_colours` as pixels, uint8 [H,width,3], to be laid below pictures.

    Args:
        limits: the ends of the colours; values beyond them have the colours of the ends.
    """
    across = min(MAX_WIDTH, max(3.0, width / DPI))  # inches; of a narrow picture the letters are small too
    dpi = width / across
    figure = new_figure(across, 0.62, alt="", layout="none")
    figure.set_dpi(dpi)
    colormap = depth_colormap().reversed() if near_is_large else depth_colormap()
    ax = figure.add_axes((0.04, 0.74, 0.92, 0.2))
    figure.colorbar(ScalarMappable(Normalize(*limits), colormap), cax=ax, orientation="horizontal", extend="both")
    ax.set_xlabel(label, labelpad=1)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return pixels[:, :width].copy()


@house_style
def answers(
    images: Sequence[ArrayLike],
    metres: Mapping[str, Sequence[ArrayLike]],
    inverses: Mapping[str, Sequence[ArrayLike]] | None = None,
    *,
    titles: Sequence[str] | None = None,
) -> Figure:
    """Draw photographs (columns) and what nets say of their depth (rows).

    Args:
        images: [3,H,W] in 0..1 each; sizes may differ.
        metres: net -> a map [1,h,w] for each photograph. One colour bar for all, from the first to the 99th percentile.
        inverses: the same for nets that know no metres: inverse depth, near is bright; each map has colours of its own.
        titles: one line a photograph.

    Raises:
        ValueError: where the numbers of photographs differ, or there is no net.
    """
    inverses = inverses or {}
    if not metres and not inverses:
        raise ValueError("no net to draw")
    rows = {**metres, **inverses}
    for name, maps in {**rows, **({"titles": titles} if titles else {})}.items():
        if len(maps) != len(images):
            raise ValueError(f"{len(images)} images, but {len(maps)} of {name}")
    aspect = max(image.shape[-2] / image.shape[-1] for image in images)
    label, width = 1.2, 9.0 if len(images) > 1 else 5.6
    panel = (width - label) / len(images)
    figure = new_figure(
        width,
        (1 + len(rows)) * (panel * aspect + 0.08) + (0.9 if metres else 0.3),
        alt=f"{len(images)} photographs, and their depth by {', '.join(rows)}",
        image_format="jpeg",
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    axes = picture_axes(figure, 1 + len(rows), len(images))
    known = np.concatenate([_batch(one, 1).ravel() for maps in metres.values() for one in maps]) if metres else None
    norm = Normalize(_low(known), _limit(known, 99)) if metres else None
    for column, image in enumerate(images):
        _draw_image(axes[0, column], _batch(image, 3)[0])
        if titles:
            axes[0, column].set_title(titles[column], fontsize=9)
        for ax, (name, maps) in zip(axes[1:, column], rows.items(), strict=True):
            values = _batch(maps[column], 1)
            own, colormap = (norm, depth_colormap()) if name in metres else _one_map(values, True)
            _draw_map(ax, values[0, 0], np.isfinite(values[0, 0]), colormap, own)
    for ax, name in zip(axes[:, 0], ["photograph", *rows], strict=True):
        note = "\n(no metres)" if name in inverses else ""
        ax.set_ylabel(textwrap.fill(name, 14) + note, rotation=0, ha="right", va="center")
    if metres:
        bar(figure, ScalarMappable(norm, depth_colormap()), axes.flat, DEPTH_LABEL, extend=_extend(known, norm))
    return figure


@house_style
def told(table: pd.DataFrame, *, true: float, metric: str = "abs_rel") -> Figure:
    """Draw what nets answer when they are told another field of view: the size of the depth, and the error.

    Args:
        table: with the columns net, told (degrees), ratio (predicted over true depth) and `metric`.
        true: the field of view of the camera, in degrees.

    Raises:
        ValueError: for missing columns.
    """
    require_columns(table, ["net", "told", "ratio", metric], "table of fields of view")
    figure = new_figure(
        8.4, 3.3, alt=f"predicted over true depth, and {metric}, against the field of view that is told"
    )
    left, right = figure.subplots(1, 2)
    palette, shapes = colors(table["net"]), markers(table["net"])
    for name, part in table.groupby("net", sort=False):
        style = {"color": palette[name], "marker": shapes[name], "label": name}
        left.plot(part["told"], part["ratio"], **style)
        right.plot(part["told"], part[metric], **style)
    for ax in (left, right):
        ax.axvline(true, color=NEUTRAL, linestyle=":", linewidth=1.2)
        ax.set_xlabel("told field of view (degrees; dotted: the camera's own)")
    left.axhline(1, color=NEUTRAL, linewidth=0.8)
    left.set(ylabel="predicted / true depth (median)", ylim=(0, None))
    right.set(ylabel=metric, ylim=(0, None))
    legend_outside(figure, left.get_lines()[: len(palette)], list(palette))
    return figure
