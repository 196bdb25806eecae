"""Figures of style transfer: painted pictures side by side, the grid of recipes, and a line that says what made a figure."""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from .palette import MARKERS, NEUTRAL, PALETTE
from .pictures import _batch, _draw_image, _frame, _same
from .style import MAX_WIDTH, Figure, house_style, new_figure, picture_axes, require_columns


def signed(figure: Figure, made_by: str) -> Figure:
    """Write over a figure what made it, such as the network and its weights; returns the figure."""
    figure.suptitle(f"made by {made_by}", x=0.01, ha="left", fontsize=9, color="#555555")
    figure.alt = f"{figure.alt} (made by {made_by})"
    return figure


@house_style
def painted(pictures: Mapping[str, ArrayLike], *, notes: Mapping[str, str] | None = None, per_row: int = 4) -> Figure:
    """Draw pictures in rows, each with its name below and a note (such as a number) above.

    Args:
        pictures: name -> [3,H,W] or [1,3,H,W] in 0..1, all of one size.
        notes: name -> text, for as many as have one.

    Raises:
        ValueError: for other shapes.
    """
    pictures = {name: _batch(each, 3) for name, each in pictures.items()}
    _same(**pictures)
    height, width = next(iter(pictures.values())).shape[-2:]
    rows, panel = -(-len(pictures) // per_row), min(2.0, MAX_WIDTH / per_row)
    inches = rows * (panel * height / width + (0.5 if notes else 0.3)) + 0.3
    figure = new_figure(panel * per_row, inches, alt=f"pictures: {', '.join(pictures)}", image_format="jpeg")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    axes = picture_axes(figure, rows, per_row)
    for ax in axes.flat[len(pictures) :]:
        ax.set_axis_off()
    for ax, (name, each) in zip(axes.flat, pictures.items(), strict=False):
        _draw_image(ax, each[0])
        _frame(ax)  # or a white picture would not be seen
        ax.set_xlabel(textwrap.fill(name, round(15 * panel)), fontsize=8)
        ax.set_title((notes or {}).get(name, ""), loc="right", color="#555555", fontsize=8)
    return figure


@house_style
def distances(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw how pictures were painted: content and style distance (logarithmic) and deviation of brightness by epoch.

    Args:
        histories: name -> table with the columns epoch, content, style and deviation (a `History` of `style_transfer.paint`).

    Raises:
        ValueError: for missing columns.
    """
    histories = {name: getattr(frame, "frame", frame) for name, frame in histories.items()}
    panels = {"content": "content distance", "style": "style distance", "deviation": "deviation of brightness"}
    for name, frame in histories.items():
        require_columns(frame, ["epoch", *panels], f"history {name!r}")
    figure = new_figure(
        9, 3, alt=f"content and style distance and deviation of brightness by epoch: {', '.join(histories)}"
    )
    axes = figure.subplots(1, 3)
    for ax, (column, title) in zip(axes, panels.items(), strict=True):
        for i, (name, frame) in enumerate(histories.items()):
            ax.plot(frame["epoch"], frame[column], color=PALETTE[i], marker=MARKERS[i], label=name)
        ax.set(title=title, xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if column == "deviation":
            ax.set_ylim(0, 1.1 * max(frame[column].max() for frame in histories.values()))
        elif all((frame[column] > 0).all() for frame in histories.values()):
            ax.set_yscale("log")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@house_style
def recipes(table: pd.DataFrame, opponents: Mapping[str, float], *, metric: str = "abs_rel") -> Figure:
    """Draw the grid of recipes: `metric` by style weight, one line a start, and one dot for each other variation.

    Args:
        table: as `style_transfer.grid.grid` returns it.
        opponents: name -> value, lines across both panels.

    Raises:
        ValueError: for missing columns.
    """
    require_columns(table, ["axis", "network", "layers", "start", "style_weight", metric], "grid")
    figure = new_figure(9, 3.8, alt=f"{metric} by style weight and start, and of other layers and networks")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    lines = table[table["axis"] == "weight and start"]
    for i, (how, rows) in enumerate(lines.groupby("start", sort=False)):
        label = f"starts from the {how}" if how != "noise" else "starts from noise"
        left.plot(rows["style_weight"], rows[metric], color=PALETTE[i], marker=MARKERS[i], label=label)
    others = table[table["axis"] != "weight and start"].reset_index(drop=True)
    names = [f"{row.axis}: {getattr(row, row.axis)}" for row in others.itertuples()]
    right.plot(range(len(others)), others[metric], "D", color=PALETTE[6])
    right.set_xticks(range(len(others)), names, rotation=40, ha="right")
    shades = (NEUTRAL, "#a0a0a0", *PALETTE[3:])
    for (name, value), shade in zip(opponents.items(), shades, strict=False):
        for ax in (left, right):
            ax.axhline(value, color=shade, linestyle="--", linewidth=1.3, label=name)
    left.set(xscale="log", xlabel="style weight (log)", ylabel=metric, title="weight and start")
    right.set(title="everything else as in the base")
    values = np.concatenate([table[metric].to_numpy(float), np.array(list(opponents.values()), float)])
    low, high = np.nanmin(values), np.nanmax(values)
    left.set_ylim(max(0, low - 0.15 * (high - low)), high + 0.1 * (high - low))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
