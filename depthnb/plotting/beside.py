"""Our numbers beside published ones: a panel for each way of measuring, so that nothing is ranked across them."""

import textwrap

import pandas as pd
from matplotlib.ticker import MaxNLocator

from depthnb import metrics

from .palette import NEUTRAL, PALETTE
from .style import Figure, house_style, new_figure, require_columns


@house_style
def beside_published(ours: pd.DataFrame, published: pd.DataFrame, *, metric: str = "abs_rel", measured: str) -> Figure:
    """Draw one metric of our methods and of published ones as dots, in panels with one axis but a ranking of their own.

    Args:
        ours: with the columns method, kind ("ours" or "baseline") and `metric`.
        published: with the columns method, dataset, split, protocol and `metric` (rows without a value are left out; it may be
            empty).
        measured: how ours was measured, the first panel's title; every other panel is titled with the data set, split and
            protocol its numbers were published under.

    Raises:
        ValueError: for missing columns.
    """
    require_columns(ours, ["method", "kind", metric], "our table")
    lower = metrics.BETTER[metric] == "lower"
    panels = [(f"ours: {measured}", ours.dropna(subset=[metric]))]
    if metric in published:
        known = published.dropna(subset=[metric])
        for (dataset, split, protocol), rows in known.groupby(["dataset", "split", "protocol"], sort=False):
            panels.append(
                (f"published: {dataset} {split}, {protocol or 'protocol not stated'}", rows.assign(kind="published"))
            )
    panels = [(textwrap.fill(title, 84), rows) for title, rows in panels]
    heights = [max(len(rows), 1) + 1.0 for _, rows in panels]
    lines = sum(title.count("\n") + 1 for title, _ in panels)
    names = ", ".join(str(name) for _, rows in panels for name in rows["method"])
    figure = new_figure(
        9, 0.6 + 0.22 * sum(heights) + 0.17 * lines, alt=f"{metric} of our and of published methods, apart: {names}"
    )
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    styles = {"ours": (PALETTE[0], "o"), "baseline": (NEUTRAL, "s"), "published": (PALETTE[1], "D")}
    for ax, (title, rows) in zip(axes, panels, strict=True):
        rows = rows.sort_values(metric, ascending=lower, kind="stable").reset_index(drop=True)
        for y, (kind, value) in enumerate(zip(rows["kind"], rows[metric], strict=True)):
            color, marker = styles[kind]
            ax.plot(value, y, marker, color=color, markerfacecolor="white" if kind == "published" else color)
            ax.annotate(f"{value:.3f}", (value, y), (7, 0), textcoords="offset points", va="center", fontsize=8)
        ax.set_yticks(range(len(rows)), rows["method"])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        ax.set_title(title, loc="left", fontsize=9)
        ax.grid(False, axis="y")
    axes[0].set_xlim(left=0)
    axes[0].margins(x=0.1)
    axes[-1].xaxis.set_major_locator(MaxNLocator(8))
    axes[-1].set_xlabel(
        f"{metric} ({'lower' if lower else 'higher'} is better); panels are not to be compared row by row"
    )
    return figure
