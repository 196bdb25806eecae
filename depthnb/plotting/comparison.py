"""Figures that compare methods: against an opponent, against each other, against their cost, over seeds."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from depthnb import metrics
from depthnb.evaluation import MATTERS

from .palette import MARKERS, NEUTRAL, PALETTE, colors, markers
from .style import Figure, house_style, legend_outside, new_figure, require_columns


@house_style
def ranking(
    table: pd.DataFrame, *, columns: Sequence[str] = ("abs_rel", "rmse", "delta1"), opponent: str = "mean_image"
) -> Figure:
    """Draw how much of an opponent's error each method leaves, all measures on one axis: 1 is the opponent's own, 0 is perfect.

    Of a share of good pixels (delta1, edge F1) the share that is missing counts as the error. The smallest mean of the ratios
    is on top.

    Args:
        table: one row a method with the columns method, kind ("ours" or "baseline") and the metrics in `columns`, as
            `report.tables.table` makes it; NaN leaves a dot out.

    Raises:
        ValueError: for missing columns, or without the opponent.
    """
    require_columns(table, ["method", "kind", *columns], "comparison table")
    if opponent not in set(table["method"]):
        raise ValueError(f"no row {opponent!r} to compare with; the table has {', '.join(table['method'])}")
    missing = {name: 1 - table[name] if metrics.BETTER[name] == "higher" else table[name] for name in columns}
    errors = pd.DataFrame(missing).set_index(table["method"])
    ratios = errors / errors.loc[opponent]
    ratios = ratios.loc[ratios.mean(axis=1).sort_values(kind="stable").index]
    figure = new_figure(
        9,
        1.35 + 0.32 * len(ratios),
        alt=f"share of the error of the {opponent} that is left: {', '.join(ratios.index)}",
    )
    ax = figure.subplots()
    rows = np.arange(len(ratios))
    ax.hlines(rows, ratios.min(axis=1), ratios.max(axis=1), color=NEUTRAL, linewidth=1, alpha=0.6)
    for name, color, marker in zip(columns, PALETTE, MARKERS, strict=False):
        label = f"1 - {name}" if metrics.BETTER[name] == "higher" else name
        ax.plot(ratios[name], rows, marker, color=color, markersize=7, label=label)
    ax.axvline(1, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set(
        xlabel=f"share of the error of the {opponent.replace('_', ' ')} that is left (smaller is better)",
        ylim=(len(ratios) - 0.4, -0.6),
        xlim=(0, None),
    )
    ax.set_yticks(rows, [name.replace("_", " ") for name in ratios.index])
    legend_outside(figure, *ax.get_legend_handles_labels())
    return figure


@house_style
def pairs(table: pd.DataFrame, *, metric: str = "abs_rel", decided: str, same: str) -> Figure:
    """Draw every method against every one behind it: the change in percent, and whether it is decided.

    Filled: the verdict is `decided`. Grey: it is `same`. White: any other.

    Args:
        table: one row a pair, in the order of the ranking, with the columns better, worse, change (%) and verdict, as
            `studies.comparison.differences` makes it.

    Raises:
        ValueError: for missing columns or without a pair.
    """
    require_columns(table, ["better", "worse", "change (%)", "verdict"], "table of pairs")
    names = list(dict.fromkeys([*table["better"], *table["worse"]]))
    place = {name: i for i, name in enumerate(names)}
    size = len(names)
    figure = new_figure(
        min(9, max(6.2, 2.6 + 0.62 * size)), 1.5 + 0.42 * size, alt=f"change of {metric} between all pairs of methods"
    )
    ax = figure.subplots()
    shades = {decided: (PALETTE[0], "white"), same: ("#d9d9d9", "black")}
    for line in table.to_dict("records"):
        column, row = place[line["better"]], place[line["worse"]]
        back, front = shades.get(line["verdict"], ("white", "black"))
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=back, edgecolor=NEUTRAL, linewidth=0.6))
        text = "--" if pd.isna(line["change (%)"]) else f"{line['change (%)']:+z.0f}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=front)
    ax.set(xlim=(-0.5, size - 1.5), ylim=(size - 0.5, 0.5), xlabel="this method")
    ax.set_xticks(
        range(size - 1), [textwrap.fill(name, 14) for name in names[:-1]], rotation=45, ha="right", fontsize=8
    )
    ax.set_yticks(range(1, size), [textwrap.fill(name, 24) for name in names[1:]], fontsize=8)
    ax.set_title(f"change of {metric} in %, beside the method at the left", fontsize=10)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    marks = [Rectangle((0, 0), 1, 1, facecolor=color, edgecolor=NEUTRAL) for color in (PALETTE[0], "#d9d9d9", "white")]
    figure.legend(marks, ["decided", same, "undecided or not tested"], loc="outside lower center", ncols=3, fontsize=8)
    return figure


@house_style
def error_vs_cost(table: pd.DataFrame, *, metric: str = "abs_rel") -> Figure:
    """Draw an error against the number of parameters and against seconds, one point a method.

    Args:
        table: with the columns method, `metric`, parameters and seconds (both axes logarithmic; NaN or 0 leaves a point out).

    Raises:
        ValueError: for missing columns.
    """
    require_columns(table, ["method", metric, "parameters", "seconds"], "cost table")
    figure = new_figure(9, 3.6, alt=f"{metric} against parameters and seconds of {', '.join(table['method'])}")
    axes = figure.subplots(1, 2, sharey=True)
    shapes = markers(table["method"])
    for ax, column, label in zip(
        axes, ("parameters", "seconds"), ("parameters (log)", "training time (s, log)"), strict=True
    ):
        for name, color in colors(table["method"]).items():
            rows = table[(table["method"] == name) & (table[column] > 0)]
            ax.plot(
                rows[column],
                rows[metric],
                shapes[name],
                color=color,
                markersize=9,
                markeredgecolor="white",
                label=name,
            )
        ax.set(xscale="log", xlabel=label)
        ax.margins(0.1)
        # as many labels as have room: all minor ticks of a decade, or 1, 2, 5 of three, would lie one over the next
        low, high = np.log10(ax.get_xlim())
        digits = (1, 2, 5) if high - low < 1.5 else (1, 3) if high - low < 2.5 else (1,)
        ax.xaxis.set_major_locator(MaxNLocator(4) if high - low < 0.6 else LogLocator(subs=digits))
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel(_arrow(metric))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


@house_style
def spread(table: pd.DataFrame, metric: str = "abs_rel", *, by: str = "method") -> Figure:
    """Draw every seed's value of a metric with mean and standard deviation: what is difference, what is luck.

    The order is that of the table; mean, sample standard deviation and number of runs stand at the right (no deviation for a
    single run).

    Args:
        table: one row a run with the columns `by` (method or variant) and `metric`.

    Raises:
        ValueError: for missing columns.
    """
    import seaborn

    require_columns(table, [by, metric], "spread table")
    table = table.dropna(subset=[metric]).assign(**{by: lambda t: t[by].astype(str)})
    names = list(dict.fromkeys(table[by]))
    figure = new_figure(7, 0.9 + 0.36 * len(names), alt=f"{metric} of every seed by {by}")
    ax = figure.subplots()
    # a swarm sets equal values side by side without random jitter, which would also use up numpy's global generator;
    # so small that all runs of a row have room even where they agree
    size = min(6.0, 17 / max(table[by].value_counts(), default=1))
    seaborn.swarmplot(table, y=by, x=metric, order=names, hue=by, palette=colors(names), size=size, legend=False, ax=ax)
    for y, name in enumerate(names):
        values = table.loc[table[by] == name, metric].to_numpy(float)
        deviation = f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else ""
        ax.vlines(values.mean(), y - 0.3, y + 0.3, color="black", linewidth=2)
        ax.annotate(
            f"{values.mean():.3f}{deviation} ({len(values)})",
            (1.02, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
    ax.set(ylabel="", xlabel=_arrow(metric))
    ax.annotate("mean ± std (runs)", (1.02, 1.0), xycoords="axes fraction", va="bottom", fontsize=9, color=NEUTRAL)
    return figure


@house_style
def ablations(tables: Mapping[str, pd.DataFrame], *, metric: str = "abs_rel") -> Figure:
    """Draw what each change does to a metric: the effect with its 95 % interval over paired seeds, one panel a method.

    All panels share one axis of effects. The band is the range of effects that do not matter, 2 % on either side. The dot is
    filled where the interval leaves out 0; a change that was not compared has its note and no dot.

    Args:
        tables: name of a method -> table as `evidence.ablations` makes it, with the columns changed, beside, change (%), low,
            high and note; rows with nothing in beside are bases and not drawn.

    Raises:
        ValueError: for missing columns or without a table.
    """
    if not tables:
        raise ValueError("no table to draw; expected at least one method with its ablations")
    for name, table in tables.items():
        require_columns(table, ["changed", "beside", "change (%)", "low", "high", "note"], f"ablations of {name}")
    changes = {name: table[table["beside"] != ""] for name, table in tables.items()}
    sizes = [max(1, len(table)) for table in changes.values()]
    rows = [max(sizes[i : i + 2]) for i in range(0, len(sizes), 2)]
    figure = new_figure(9, 0.6 + sum(0.75 + 0.3 * count for count in rows), alt=f"ablations of {', '.join(tables)}")
    axes = figure.subplots(
        len(rows), min(2, len(tables)), squeeze=False, sharex=True, height_ratios=[3 + count for count in rows]
    )
    for ax in axes.flat[len(tables) :]:
        ax.axis("off")
    for ax, (name, table) in zip(axes.flat, changes.items(), strict=False):
        _effects(ax, table)
        ax.set_title(name, fontsize=10)
    figure.supxlabel(f"change of {_arrow(metric)}, %", fontsize=10)
    return figure


def _effects(ax: Axes, table: pd.DataFrame) -> None:
    """One row a change: effect and interval, or its note."""
    ax.axvspan(-MATTERS, MATTERS, color=NEUTRAL, alpha=0.2, linewidth=0)
    ax.axvline(0, color=NEUTRAL, linewidth=0.8)
    for y, row in enumerate(table.to_dict("records")):
        if pd.isna(row["change (%)"]):
            ax.annotate(row["note"], (0.5, y), xycoords=("axes fraction", "data"), ha="center", va="center", fontsize=8)
            continue
        apart = row["low"] > 0 or row["high"] < 0
        ax.hlines(y, row["low"], row["high"], color=PALETTE[0], linewidth=1.8)
        ax.plot(
            row["change (%)"],
            y,
            "o",
            color=PALETTE[0],
            markerfacecolor=PALETTE[0] if apart else "white",
            markersize=6,
        )
    names = [textwrap.fill(str(text), 24, break_on_hyphens=False) for text in table["changed"]]
    ax.set_yticks(range(len(table)), names, fontsize=8, linespacing=1.05)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.margins(x=0.08)
    ax.xaxis.set_major_locator(MaxNLocator(4))


def _arrow(metric: str) -> str:
    """Name of a metric with the direction of better; no arrow for a name that metrics does not know."""
    side = metrics.BETTER.get(metric)
    return f"{metric} (lower is better)" if side == "lower" else f"{metric} (higher is better)" if side else metric
