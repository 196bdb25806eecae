"""Figures that compare methods: against baselines and published numbers, against their cost, over seeds."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

from depthnb import metrics
from depthnb.evaluation import MATTERS

from .style import MARKERS, NEUTRAL, PALETTE, Figure, colors, house_style, new_figure, require_columns

KINDS = {  # how a row of `comparison` is drawn: colour, marker, filled
    "ours": (PALETTE[0], "o", True),
    "baseline": (NEUTRAL, "s", True),
    "published": (PALETTE[1], "D", False),
}


@house_style
def comparison(
    table: pd.DataFrame, *, columns: Sequence[str] = ("abs_rel", "rmse", "delta1"), sort: bool = True
) -> Figure:
    """Draw methods, baselines and published numbers as a dot plot, one panel a metric, an arrow towards better.

    `table` has one row a method with the columns method, kind ("ours", "baseline" or "published") and the metrics in
    `columns` (one to four; NaN leaves a dot out). `sort`: best value of the first metric on top, else the order given.
    The line through each panel is the best baseline. Raises ValueError for missing columns or unknown kinds.
    """
    require_columns(table, ["method", "kind", *columns], "comparison table")
    unknown = set(table["kind"]) - set(KINDS)
    if unknown:
        raise ValueError(f"kind is {sorted(unknown)}, expected one of {sorted(KINDS)}")
    if sort:
        lower = metrics.BETTER[columns[0]] == "lower"
        table = table.sort_values(columns[0], ascending=lower, na_position="last", kind="stable")
    table = table.reset_index(drop=True)
    figure = new_figure(9, 1.25 + 0.27 * len(table), alt=f"{', '.join(columns)} of {', '.join(table['method'])}")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for ax, column in zip(axes, columns, strict=True):
        for kind, (color, marker, filled) in KINDS.items():
            rows = table[table["kind"] == kind]
            ax.plot(
                rows[column],
                rows.index,
                marker,
                color=color,
                markersize=7,
                markerfacecolor=color if filled else "white",
                markeredgewidth=1.6,
                label=kind,
            )
        _best_baseline(ax, table, column)
        ax.set_title(_arrow(column))
        ax.margins(x=0.12)
        ax.xaxis.set_major_locator(MaxNLocator(4))
    axes[0].set_yticks(range(len(table)), table["method"])
    axes[0].set_ylim(len(table) - 0.4, -0.6)
    handles, labels = axes[0].get_legend_handles_labels()
    present = [(h, k) for h, k in zip(handles, labels, strict=True) if k in set(table["kind"])]
    figure.legend(*zip(*present, strict=True), loc="outside lower center", ncols=3)
    return figure


@house_style
def error_vs_cost(table: pd.DataFrame, *, metric: str = "abs_rel") -> Figure:
    """Draw an error against the number of parameters and against seconds, one point a method.

    `table` has the columns method, `metric`, parameters and seconds (both axes logarithmic; NaN or 0 leaves a point out).
    Raises ValueError for missing columns.
    """
    require_columns(table, ["method", metric, "parameters", "seconds"], "cost table")
    figure = new_figure(9, 3.6, alt=f"{metric} against parameters and seconds of {', '.join(table['method'])}")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, column, label in zip(
        axes, ("parameters", "seconds"), ("parameters (log)", "training time (s, log)"), strict=True
    ):
        for i, (name, color) in enumerate(colors(table["method"]).items()):
            rows = table[(table["method"] == name) & (table[column] > 0)]
            ax.plot(
                rows[column],
                rows[metric],
                MARKERS[(i + i // len(PALETTE)) % len(MARKERS)],
                color=color,
                markersize=9,
                markeredgecolor="white",
                label=name,
            )
        ax.set(xscale="log", xlabel=label)
        ax.margins(0.1)
        # as many labels as have room: all minor ticks of a decade, or 1, 2, 5 of three, would lie one over the next
        low, high = np.log10(ax.get_xlim())
        ax.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if high - low < 1.5 else (1, 3) if high - low < 2.5 else (1,))
        )
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel(_arrow(metric))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


@house_style
def spread(table: pd.DataFrame, metric: str = "abs_rel", *, by: str = "method") -> Figure:
    """Draw every seed's value of a metric with mean and standard deviation: what is difference, what is luck.

    `table` has one row a run with the columns `by` (method or variant) and `metric`. The order is that of the table;
    mean, sample standard deviation and number of runs stand at the right (no deviation for a single run).
    Raises ValueError for missing columns.
    """
    import seaborn

    require_columns(table, [by, metric], "spread table")
    table = table.dropna(subset=[metric]).assign(**{by: lambda t: t[by].astype(str)})
    names = list(dict.fromkeys(table[by]))
    figure = new_figure(7, 0.9 + 0.36 * len(names), alt=f"{metric} of every seed by {by}")
    ax = figure.subplots()
    # a swarm sets equal values side by side without random jitter, which would also use up numpy's global generator
    seaborn.swarmplot(table, y=by, x=metric, order=names, hue=by, palette=colors(names), size=6, legend=False, ax=ax)
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

    `tables`: name of a method -> table as `evidence.ablations` makes it, with the columns changed, change (%), low, high and
    note; its first row is the base. All panels share one axis of effects. The band is the range of effects that do not matter,
    2 % on either side. The dot is filled where the interval leaves out 0; a change that was not compared has its note and no
    dot. Raises ValueError for missing columns or without a table.
    """
    if not tables:
        raise ValueError("no table to draw; expected at least one method with its ablations")
    sizes = [max(1, len(table) - 1) for table in tables.values()]
    rows = [max(sizes[i : i + 2]) for i in range(0, len(sizes), 2)]
    figure = new_figure(9, 0.6 + sum(0.75 + 0.3 * count for count in rows), alt=f"ablations of {', '.join(tables)}")
    axes = figure.subplots(
        len(rows), min(2, len(tables)), squeeze=False, sharex=True, height_ratios=[3 + count for count in rows]
    )
    for ax in axes.flat[len(tables) :]:
        ax.axis("off")
    for ax, (name, table) in zip(axes.flat, tables.items(), strict=False):
        require_columns(table, ["changed", "change (%)", "low", "high", "note"], f"ablations of {name}")
        _effects(ax, table.iloc[1:])
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


def _best_baseline(ax: Axes, table: pd.DataFrame, column: str) -> None:
    values = table.loc[table["kind"] == "baseline", column].dropna()
    if len(values):
        ax.axvline(
            values.min() if metrics.BETTER[column] == "lower" else values.max(),
            color=NEUTRAL,
            linewidth=1,
            linestyle=":",
        )


def _arrow(metric: str) -> str:
    """Name of a metric with the direction of better; no arrow for a name that metrics does not know."""
    side = metrics.BETTER.get(metric)
    return f"{metric} (lower is better)" if side == "lower" else f"{metric} (higher is better)" if side else metric
