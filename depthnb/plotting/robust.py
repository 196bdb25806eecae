"""Figures of what a change of the room, the camera or the picture does to the error of nets."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from depthnb.evaluation import MATTERS

from .palette import NEUTRAL, colors, markers
from .style import Figure, house_style, legend_outside, new_figure, require_columns

_COLUMNS = ("method", "change", "strength", "said", "ratio", "low", "high")
_TICKS = (0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 70, 100)
_RATIO = "error beside the same net's on the unchanged photographs (log)"
_USELESS = 1 - MATTERS / 100  # share of the mean image's error from which on a net has no use


@house_style
def changes(table: pd.DataFrame) -> Figure:
    """Draw what each change of the room or the camera does to the error of each method: a dot with its 95 % interval.

    A dot is white where the column `beside` says that the mean image is as good.

    Args:
        table: one row a method and change with the columns method, change, strength, said, ratio, low, high, as
            `studies.robustness.robustness` makes it; corruptions, unchanged frames and ratios of NaN are left out.

    Raises:
        ValueError: for missing columns or without a change.
    """
    require_columns(table, _COLUMNS, "table of changes")
    table = table[(table["strength"] == 0) & (table["change"] != "base") & table["ratio"].notna()]
    require_columns(table, _COLUMNS, "table of changes, without corruptions and unchanged frames,")
    names, rows = list(dict.fromkeys(table["method"])), list(dict.fromkeys(table["said"]))
    step = 0.62 / max(1, len(names) - 1)
    figure = new_figure(9, 1.3 + len(rows) * (0.2 + 0.09 * len(names)), alt=_alt(table, "the changes of the room"))
    ax = figure.subplots()
    ax.axvspan(1 - MATTERS / 100, 1 + MATTERS / 100, color=NEUTRAL, alpha=0.2, linewidth=0)
    palette, shapes = colors(names), markers(names)
    for i, name in enumerate(names):
        own, color = table[table["method"] == name], palette[name]
        places = own["said"].map(rows.index) + (i - (len(names) - 1) / 2) * step * (len(names) > 1)
        ax.hlines(places, own["low"], own["high"], color=color, linewidth=1.5)
        _dots(ax, own["ratio"], places, own, shapes[name], color, name)
    _explained(ax, table)
    ax.axvline(1, color=NEUTRAL, linewidth=0.8)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(ylim=(len(rows) - 0.45, -0.55), xlabel=_RATIO, xscale="log")
    _log_ticks(ax.xaxis, ax.get_xlim())
    ax.grid(False, axis="y")
    legend_outside(figure, *ax.get_legend_handles_labels())
    return figure


@house_style
def corrupted(table: pd.DataFrame) -> Figure:
    """Draw error against strength, one panel a corruption, one line a method, with 95 % intervals; strength 0 is unchanged.

    A dot is white where the column `beside` says that the mean image is as good.

    Args:
        table: as for `changes`; rows of strength 0 are left out.

    Raises:
        ValueError: for missing columns or without a corruption.
    """
    require_columns(table, _COLUMNS, "table of corruptions")
    table = table[(table["strength"] > 0) & table["ratio"].notna()]
    require_columns(table, _COLUMNS, "table of corruptions, of strength 1 and more,")
    panels, names = list(dict.fromkeys(table["said"])), list(dict.fromkeys(table["method"]))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(9, 0.7 + 2.2 * rows, alt=_alt(table, "the corruptions"))
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    palette, shapes = colors(names), markers(names)
    for ax, panel in zip(axes.flat, panels, strict=False):
        for i, name in enumerate(names):
            color = palette[name]
            own = table[(table["said"] == panel) & (table["method"] == name)].sort_values("strength")
            places = own["strength"] + 0.07 * (i - (len(names) - 1) / 2)
            ax.plot([0, *places], [1, *own["ratio"]], color=color, linewidth=1.3, alpha=0.8)
            ax.vlines(places, own["low"], own["high"], color=color, linewidth=1.5)
            _dots(ax, places, own["ratio"], own, shapes[name], color, name)
        _explained(ax, table)
        ax.axhline(1, color=NEUTRAL, linewidth=0.8)
        ax.set(title=panel, yscale="log", xticks=sorted({0, *table["strength"]}))
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    _log_ticks(axes[0, 0].yaxis, axes[0, 0].get_ylim())
    figure.supxlabel("strength", fontsize=10)
    figure.supylabel("error beside the unchanged (log)", fontsize=10)
    legend_outside(figure, *axes[0, 0].get_legend_handles_labels(), "upper center")
    return figure


@house_style
def fields_of_view(table: pd.DataFrame, *, untold: str = ", not told") -> Figure:
    """Draw error against the camera's field of view, one line a method, with 95 % intervals.

    Args:
        table: with the columns of `changes` and `degrees`, as `studies.robustness.views` makes it.
        untold: a method whose name ends with this has the colour of the method without this ending, and a broken line.

    Raises:
        ValueError: for missing columns.
    """
    require_columns(table, [*_COLUMNS, "degrees"], "table of fields of view")
    table = table[table["ratio"].notna()].sort_values("degrees", kind="stable")
    names = list(dict.fromkeys(table["method"]))
    nets = [name.removesuffix(untold) for name in names]
    palette, shapes = colors(nets), markers(nets)
    figure = new_figure(9, 3.8, alt=_alt(table, "the field of view"))
    ax = figure.subplots()
    for i, (name, net) in enumerate(zip(names, nets, strict=True)):
        own, color = table[table["method"] == name], palette[net]
        style = "--" if name.endswith(untold) else "-"
        places = own["degrees"] + 0.5 * (i - (len(names) - 1) / 2)
        ax.plot(places, own["ratio"], style, color=color, linewidth=1.5)
        ax.vlines(places, own["low"], own["high"], color=color, linewidth=1.2)
        _dots(ax, places, own["ratio"], own, shapes[net] + style, color, name)
    _explained(ax, table)
    ax.axhline(1, color=NEUTRAL, linewidth=0.8)
    ax.set(xlabel="field of view across (degrees)", ylabel="error beside the unchanged (log)", yscale="log")
    degrees = sorted(set(table["degrees"]))
    ax.set_xticks(degrees, [f"{each:.0f}" for each in degrees])
    _log_ticks(ax.yaxis, ax.get_ylim())
    figure.legend(loc="outside right upper")
    return figure


def _dots(ax: Axes, x, y, own: pd.DataFrame, style: str, color: str, name: str) -> None:
    """Dots, white where the mean image is as good; the label is that of a full one.

    Args:
        style: marker, and the line's if any.
    """
    useless = _useless(own)
    ax.plot([], [], style, color=color, linewidth=1.5, label=name)
    for part, face in ((~useless, color), (useless, "white")):
        ax.plot(np.asarray(x)[part], np.asarray(y)[part], style[0], color=color, markerfacecolor=face, zorder=3)


def _useless(table: pd.DataFrame) -> pd.Series:
    """Where the mean image is as good; nowhere where the table does not say."""
    return table["beside"].ge(_USELESS) if "beside" in table else pd.Series(False, table.index)


def _explained(ax: Axes, table: pd.DataFrame) -> None:
    """A line of the legend that says what a white dot is, where there is one."""
    if _useless(table).any():
        ax.plot([], [], "o", color=NEUTRAL, markerfacecolor="white", label="white: mean image as good")


def _log_ticks(axis, limits: tuple[float, float]) -> None:
    """A few round numbers between the limits of a logarithmic axis."""
    shown = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
    shown = shown[::2] if len(shown) > 9 else shown
    axis.set_major_locator(FixedLocator(shown))
    axis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in shown]))
    axis.set_minor_locator(NullLocator())


def _alt(table: pd.DataFrame, what: str) -> str:
    """One sentence: who is drawn, and where the largest ratio is."""
    row = table.iloc[table["ratio"].argmax()]
    strength = f" at strength {row['strength']}" if row["strength"] else ""
    return (
        f"error under {what} beside the unchanged photographs of {', '.join(dict.fromkeys(table['method']))}; the largest, "
        f"{row['ratio']:.1f} times, is that of {row['method']} with {row['said']}{strength}"
    )
