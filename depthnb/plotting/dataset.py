"""Figures of a data set: scene types, depth histograms, where depth is valid, and the mean depth image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from .palette import INVALID, PALETTE, colors, depth_colormap
from .style import DEPTH_LABEL, Figure, house_style, named, new_figure, require_columns

if TYPE_CHECKING:
    from depthnb.data.statistics import DepthSummary


@house_style
def distribution(
    frames: pd.DataFrame | Mapping[str, pd.DataFrame], *, by: str = "scene_type", hue: str | None = None
) -> Figure:
    """Draw how many frames and scenes each scene type has, most frequent first; every population in a panel of its own.

    Populations never share a bar or an axis: they count different things.

    Args:
        frames: one row a frame with the columns `by` and scene (and `hue`, such as split), or already counted: `by`, frames and
            optionally scenes; or population name -> such a table.
        hue: the column by which frames are stacked (only for one row a frame).

    Raises:
        ValueError: for missing columns.
    """
    import seaborn

    populations = named(frames, "")
    counts = {name: _counts(table, by, name) for name, table in populations.items()}
    columns = 2 if any("scenes" in table for table in counts.values()) else 1
    heights = [0.75 + 0.23 * len(table) for table in counts.values()]
    figure = new_figure(
        9 if columns == 2 else 7,
        sum(heights) + 0.2,
        alt=(f"frames and scenes by {by}" + (f" in {', '.join(counts)}" if len(counts) > 1 else "")),
    )
    axes = figure.subplots(len(counts), columns, squeeze=False, height_ratios=heights)
    for row, (name, table) in zip(axes, counts.items(), strict=True):
        order = list(table[by])
        for ax, column, color in zip(row, ("frames", "scenes"), PALETTE[:2], strict=False):
            if column not in table:
                ax.set_axis_off()
                continue
            if hue and column == "frames" and hue in populations[name]:
                rows = populations[name].assign(**{by: pd.Categorical(populations[name][by], order)})
                hues = list(dict.fromkeys(rows[hue]))
                palette = dict(zip(hues, seaborn.light_palette(color, len(hues) + 1, reverse=True), strict=False))
                seaborn.histplot(
                    rows,
                    y=by,
                    hue=hue,
                    hue_order=hues[::-1],
                    multiple="stack",
                    shrink=0.75,
                    palette=palette,
                    alpha=1,
                    linewidth=0,
                    ax=ax,
                )
                seaborn.move_legend(ax, "lower right", title=None, reverse=True)
            else:
                seaborn.barplot(table, y=by, x=column, order=order, color=color, saturation=1, width=0.75, ax=ax)
            for y, value in enumerate(table[column]):
                ax.annotate(f" {value:,}", (value, y), va="center", fontsize=8.5)
            ax.set(xlabel="", ylabel="", title=f"{name + ': ' if name else ''}{table[column].sum():,} {column}")
            ax.margins(x=0.35 if hue and len(table) < 4 else 0.12)  # few bars leave no corner for the legend
            ax.grid(False, axis="y")
            ax.tick_params(axis="y", length=0)
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if columns == 2:
        for row in axes:
            row[1].set_yticklabels([])
    return figure


@house_style
def depth_histogram(summaries: DepthSummary | Mapping[str, DepthSummary]) -> Figure:
    """Draw the share of valid pixels by depth, one line a population (a split or a data set), with their medians.

    Shares are per metre, so that different bins compare; fine bins are joined to at most 50. Where nearly all pixels (99.5 %)
    lie in the nearer half of the range, the axis ends with them and says so.

    Args:
        summaries: a `DepthSummary` of `data.statistics.depth`, or name -> `DepthSummary`.
    """
    summaries = named(summaries, "")
    whole = max(s.edges[-1] for s in summaries.values())
    end = max(_nearly_all(s) for s in summaries.values())
    end = end if end < whole / 2 else whole
    figure = new_figure(7, 3.2, alt="share of valid pixels by depth in metres")
    ax = figure.subplots()
    for (name, s), color in zip(summaries.items(), colors(summaries).values(), strict=True):
        edges, pixels = _joined(s.edges, s.valid_pixels, end=end)
        density = pixels / max(pixels.sum(), 1) / np.diff(edges)
        median = float(np.interp(0.5, np.cumsum(s.valid_pixels) / max(s.valid_pixels.sum(), 1), s.edges[1:]))
        ax.stairs(
            density, edges, color=color, linewidth=1.8, label=f"{name + ': ' if name else ''}median {median:.1f} m"
        )
        if len(summaries) == 1:
            ax.stairs(density, edges, color=color, alpha=0.25, fill=True)
        ax.axvline(median, color=color, linewidth=1, linestyle=":")
    ax.set(
        xlabel="depth (m)"
        if end == whole
        else f"depth (m); under 0.5 % of the pixels lie between {end:.0f} and {whole:.0f} m",
        ylabel="share of valid pixels per m",
        xlim=(0, end),
        ylim=(0, None),
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend()
    return figure


@house_style
def valid_fraction(summary: DepthSummary) -> Figure:
    """Draw the share of valid pixels by image region, and by depth where depth is known at invalid pixels too.

    Args:
        summary: a `DepthSummary` of `data.statistics.depth`; without `known_pixels` the panel by depth is left out.
    """
    import seaborn

    by_depth = summary.known_pixels is not None
    share = summary.count / summary.frames
    figure = new_figure(
        9 if by_depth else 5, 3.3, alt=f"share of valid pixels by image region{' and by depth' if by_depth else ''}"
    )
    axes = figure.subplots(1, 2 if by_depth else 1, squeeze=False)[0]
    rows, columns = (6, 8) if share.shape[1] >= share.shape[0] else (8, 6)  # upright images leave less room across
    regions = [[cell.mean() for cell in np.array_split(band, columns, 1)] for band in np.array_split(share, rows, 0)]
    seaborn.heatmap(
        np.array(regions),
        ax=axes[0],
        vmin=0,
        vmax=1,
        cmap="Blues",
        annot=True,
        fmt=".0%",
        square=False,
        annot_kws={"fontsize": 8.5},
        xticklabels=False,
        yticklabels=False,
        cbar=False,
        linewidths=0.5,
    )
    axes[0].set(
        title=f"by image region, mean {share.mean():.0%}", aspect=share.shape[0] / share.shape[1] * columns / rows
    )
    if by_depth:
        edges, valid, known = _joined(summary.edges, summary.valid_pixels, summary.known_pixels)
        share_by_depth = valid / np.where(known > 0, known, np.nan)
        axes[1].stairs(share_by_depth, edges, baseline=None, color=PALETTE[0], linewidth=1.8)
        stored = summary.valid_pixels.sum() / max(summary.known_pixels.sum(), 1)
        # a sparse truth is denser at the data set's smaller size, where the panel by region was counted
        title = "by depth" if share.mean() < 1.5 * stored else f"by depth at the stored size, mean {stored:.0%}"
        axes[1].set(title=title, xlabel="depth (m)", ylabel="share of pixels that are valid", ylim=(0, 1.02))
        axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


@house_style
def mean_depth_image(summary: DepthSummary, *, max_depth: float | None = None, title: str = "") -> Figure:
    """Draw the mean depth image (the baseline that knows no image) with its means by row and by column.

    The overall mean in the title is over all valid pixels: the other baseline.

    Args:
        summary: a `DepthSummary` of `data.statistics.depth`; pixels that are never valid are grey.
        max_depth: metres; ends the colour bar, default the largest mean.
    """
    mean, count = summary.mean, summary.count
    overall = float(np.nansum(np.where(count > 0, mean, 0) * count) / max(count.sum(), 1))
    aspect = mean.shape[0] / mean.shape[1]
    figure = new_figure(
        9,
        1.4 + 5.2 * aspect if aspect < 0.5 else 3.6,
        alt="mean depth image of the data set and its mean by row and column",
        image_format="jpeg",
    )
    picture, profile = figure.subplots(1, 2, width_ratios=(1.5, 1))
    picture.set(
        xticks=[],
        yticks=[],
        title=f"{title + ': ' if title else ''}mean of {summary.frames:,} frames, {overall:.2f} m overall",
    )
    picture.grid(False)
    shown = picture.imshow(
        np.ma.masked_invalid(mean), cmap=depth_colormap(), vmin=0, vmax=max_depth or np.nanmax(mean), aspect="equal"
    )
    picture.spines[:].set_visible(False)
    # inside the picture's own box: the layout would put it below the labels of the panel beside it
    colorbar = figure.colorbar(shown, cax=picture.inset_axes((0, -0.1, 1, 0.05)), orientation="horizontal")
    colorbar.set_label(DEPTH_LABEL)
    colorbar.outline.set_visible(False)
    for axis, label, color in ((1, "row, from top", PALETTE[0]), (0, "column, from left", PALETTE[1])):
        weight = count.sum(axis)
        line = np.where(weight > 0, np.where(count > 0, mean * count, 0).sum(axis) / np.maximum(weight, 1), np.nan)
        profile.plot((np.arange(len(line)) + 0.5) / len(line), line, color=color, label=label)
    profile.axhline(overall, color=INVALID, linestyle="--", linewidth=1.2, label="overall mean")
    profile.set(xlabel="position in the image", ylabel="mean depth (m)", xlim=(0, 1), ylim=(0, None))
    profile.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    profile.legend()
    return figure


def _nearly_all(summary: DepthSummary) -> float:
    """The edge below which at least 99.5 % of the valid pixels lie."""
    pixels = np.cumsum(summary.valid_pixels)
    return float(summary.edges[1:][np.searchsorted(pixels, 0.995 * pixels[-1])])


def _joined(edges: np.ndarray, *counts: np.ndarray, end: float = np.inf, most: int = 50) -> list[np.ndarray]:
    """Edges and counts of equal bins, neighbours joined until at most `most` lie below `end`; whole groups only."""
    group = max(1, -(-int((edges[1:] <= end * (1 + 1e-9)).sum()) // most))
    starts = np.arange(0, len(edges) - 1, group)
    return [np.append(edges[starts], edges[-1]), *(np.add.reduceat(count, starts) for count in counts)]


def _counts(table: pd.DataFrame, by: str, name: str) -> pd.DataFrame:
    """Return `by`, frames and, if known, scenes, sorted by frames."""
    what = f"population {name!r}" if name else "table"
    require_columns(table, [by], what)
    if "frames" in table:
        counted = table[[c for c in (by, "frames", "scenes") if c in table]]
    else:
        require_columns(table, ["scene"], what)
        counted = (
            table.groupby(by, observed=True).agg(frames=("scene", "size"), scenes=("scene", "nunique")).reset_index()
        )
    return counted.sort_values(["frames", by], ascending=[False, True], ignore_index=True)
