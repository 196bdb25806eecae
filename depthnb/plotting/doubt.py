"""Figures of uncertainty: what error is left without the least sure pixels, and where a net doubts beside where it errs."""

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from .palette import NEUTRAL, colors, error_colormap, markers
from .pictures import _batch, _draw_image, _draw_map, _grid
from .style import Figure, bar, house_style, new_figure, require_columns


@house_style
def sparsification(table: pd.DataFrame) -> Figure:
    """Draw the error of the rest against the share of pixels that is left out, least sure first.

    Args:
        table: with the columns `left out`, `oracle` and `random` of `metrics.uncertainty.sparsification`, and one more for each
            uncertainty, with its name.

    Raises:
        ValueError: for missing columns, or without an uncertainty.
    """
    require_columns(table, ["left out", "oracle", "random"], "sparsification table")
    names = [name for name in table.columns if name not in ("left out", "oracle", "random")]
    if not names:
        raise ValueError("no uncertainty to draw; expected a column beside left out, oracle and random")
    figure = new_figure(
        7, 3.4, alt=f"abs_rel of the pixels that are left, least sure left out first: {', '.join(names)}"
    )
    ax = figure.subplots()
    x = table["left out"]
    ax.plot(x, table["random"], color=NEUTRAL, linestyle="--", label="random order")
    palette, shapes = colors(names), markers(names)
    for name in names:
        ax.plot(x, table[name], color=palette[name], marker=shapes[name], markersize=4, label=name)
    ax.plot(x, table["oracle"], color="black", label="oracle: largest errors first")
    ax.set(xlabel="pixels left out", ylabel="abs_rel of the rest", xlim=(0, 1), ylim=(0, None))
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    return figure


@house_style
def doubts(image: ArrayLike, error: ArrayLike, unsure: ArrayLike, valid: ArrayLike, *, label: str) -> Figure:
    """Draw photograph, error and doubt of some frames side by side.

    The two maps have their own scales, the error's from 0 to its 98 % quantile, the doubt's from its 2 % quantile on: their
    places are to be compared, not their sizes.

    Args:
        image: [B,3,H,W] in 0..1.
        error, unsure: [B,1,H,W], relative to the depth.
        valid: [B,1,H,W] bool, where there is an error to see.
        label: whose doubt it is.

    Raises:
        ValueError: for shapes that do not fit.
    """
    image, error, unsure = _batch(image, 3), _batch(error, 1), _batch(unsure, 1)
    valid = _batch(valid, 1).astype(bool)
    if not image.shape[-2:] == error.shape[-2:] == unsure.shape[-2:] == valid.shape[-2:]:
        raise ValueError(f"sizes differ: {[x.shape for x in (image, error, unsure, valid)]}")
    figure, axes = _grid(
        len(image),
        3,
        image.shape[-2] / image.shape[-1],
        bars=1,
        titled=True,
        alt=f"{len(image)} frames: photograph, relative error, and {label}",
    )
    shades = [Normalize(0, float(np.quantile(error[valid], 0.98)) or 1.0)]
    low, high = np.quantile(unsure, (0.02, 0.98))  # a net may doubt everywhere; what is asked is where it doubts more
    shades.append(Normalize(float(low), float(high) if high > low else float(low) + 1.0))
    everywhere = np.ones_like(valid[0, 0])
    for i, row in enumerate(axes):
        _draw_image(row[0], image[i])
        _draw_map(row[1], error[i, 0], valid[i, 0], error_colormap(), shades[0])
        _draw_map(row[2], unsure[i, 0], everywhere, error_colormap(), shades[1])
    for ax, name in zip(axes[0], ("image", "error", label), strict=True):
        ax.set_title(name, loc="left")
    for column, (norm, name) in enumerate(
        zip(shades, ("|predicted - true| / true", "deviation of log depth"), strict=True), 1
    ):
        bar(figure, ScalarMappable(norm, error_colormap()), axes[:, column], label=name)
    return figure
