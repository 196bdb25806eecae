"""Figures of where the error lies: by distance, by scene type, predicted against true depth, from centre to corner."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.ticker import NullLocator, PercentFormatter
from numpy.typing import ArrayLike

from .palette import BASELINES, INVALID, MARKERS, NEUTRAL, PALETTE, colors, markers
from .style import Figure, house_style, legend_outside, named, new_figure, require_columns


@house_style
def by_distance(bands: pd.DataFrame | Mapping[str, pd.DataFrame], *, metric: str = "abs_rel") -> Figure:
    """Draw an error by bands of true depth for one or several methods, above the share of pixels in each band.

    Bands without pixels are left out, and those with under 0.5 % of the pixels do not stretch the axis: a line may leave the
    panel there. Bands that widen with depth are drawn on a logarithmic axis. The shares are those of the first method: all
    methods are scored on the same pixels.

    Args:
        bands: method -> table with the columns lower, upper (metres), pixels and `metric`, as by_distance.csv holds them (or
            one such table).

    Raises:
        ValueError: for missing columns.
    """
    bands = named(bands, "")
    for name, frame in bands.items():
        require_columns(frame, ["lower", "upper", "pixels", metric], f"bands of {name!r}")
    figure = new_figure(7.5 if len(bands) > 1 else 7, 3.9, alt=f"{metric} by true depth of {', '.join(bands)}")
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    palette, shapes = colors(bands), markers(bands)
    for name, frame in bands.items():
        frame = frame[frame["pixels"] > 0]
        left, right = _sides(frame)
        ax.plot(
            np.sqrt(left * right) if _widening(frame) else (left + right) / 2,
            frame[metric],
            color=palette[name],
            marker=shapes[name],
            label=name,
            linestyle="--" if name in BASELINES else "-",
        )
    first = next(iter(bands.values()))
    common = [frame.loc[frame["pixels"] >= 0.005 * frame["pixels"].sum(), metric].max() for frame in bands.values()]
    ax.set(ylabel=metric, ylim=(0, 1.15 * max(common)))
    left, right = _sides(first)
    below.bar(
        left, first["pixels"] / first["pixels"].sum(), right - left, align="edge", color=INVALID, edgecolor="white"
    )
    if _widening(first):
        below.set_xscale("log")
        below.set_xticks(right, [f"{edge:g}" for edge in right], minor=False)
        below.xaxis.set_minor_locator(NullLocator())
    below.set(xlabel="true depth (m)", ylabel="share of pixels", xlim=(left.min(), right.max()))
    below.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if len(bands) > 1:
        figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _widening(bands: pd.DataFrame) -> bool:
    width = bands["upper"] - bands["lower"]
    return bool(width.max() > 1.5 * width.min())


def _sides(bands: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Left and right sides of the bands as drawn: on a logarithmic axis a band from 0 begins at half its upper side."""
    left, right = bands["lower"], bands["upper"]
    return (left.where(left > 0, right / 2) if _widening(bands) else left), right


@house_style
def by_scene_type(per_image: pd.DataFrame | Mapping[str, pd.DataFrame], *, metric: str = "abs_rel") -> Figure:
    """Draw median and interquartile range over frames of an error, by scene type, for one or several methods.

    Scene types are ordered by the first method's median; the number of frames stands beside each name.

    Args:
        per_image: method -> table with the columns scene_type and `metric`, one row a frame (per_image.csv), or one such table.

    Raises:
        ValueError: for missing columns.
    """
    import seaborn

    per_image = named(per_image, "")
    for name, frame in per_image.items():
        require_columns(frame, ["scene_type", metric], f"per-image table of {name!r}")
    first = next(iter(per_image.values()))
    order = first.groupby("scene_type")[metric].median().sort_values().index
    labels = {t: f"{t} ({(first['scene_type'] == t).sum()})" for t in order}
    rows = pd.concat(
        [f[["scene_type", metric]].assign(method=name) for name, f in per_image.items()], ignore_index=True
    )
    rows["scene_type"] = rows["scene_type"].map(labels)
    count = len(per_image)
    figure = new_figure(
        7.5 if count > 1 else 7,
        1.0 + len(order) * max(0.3, 0.14 * count),
        alt=f"{metric} by scene type of {', '.join(per_image)}",
    )
    ax = figure.subplots()
    seaborn.pointplot(
        rows,
        y="scene_type",
        x=metric,
        hue="method",
        order=list(labels.values()),
        estimator="median",
        errorbar=("pi", 50),
        palette=colors(per_image),
        markers=list(markers(per_image).values()),
        linestyle="none",
        dodge=0.55 if count > 1 else False,
        err_kws={"linewidth": 1.4},
        markersize=5.5,
        legend="auto" if count > 1 else False,
        ax=ax,
    )
    ax.set(ylabel="", xlabel=f"{metric}: median and middle half of the frames", xlim=(0, None))
    ax.set_yticks(range(len(order)), [label.replace("_", " ") for label in labels.values()])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.grid(False, axis="y")
    for y in range(len(order) - 1):
        ax.axhline(y + 0.5, color="#e4e4e4", linewidth=0.7)
    if count > 1:
        seaborn.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title=None)
    return figure


@house_style
def by_place(table: pd.DataFrame, *, metric: str = "abs_rel") -> Figure:
    """Draw an error in several parts of the picture, one row a method, one mark a part.

    Args:
        table: with a column method, and one column for each part with the error there.

    Raises:
        ValueError: for missing columns.
    """
    require_columns(table, ["method"], "table of places")
    parts = [name for name in table.columns if name != "method"]
    figure = new_figure(
        7.5, 1.2 + 0.36 * len(table), alt=f"{metric} in {', '.join(parts)} of {', '.join(table['method'])}"
    )
    ax = figure.subplots()
    for i, name in enumerate(parts):
        ax.plot(table[name], range(len(table)), MARKERS[i], color=PALETTE[i], label=name, markersize=7)
    low, high = table[parts].min(axis=1), table[parts].max(axis=1)
    ax.hlines(range(len(table)), low, high, color=INVALID, linewidth=1.2, zorder=0)
    ax.set_yticks(range(len(table)), table["method"])
    ax.set(xlabel=metric, xlim=(0, None), ylim=(len(table) - 0.5, -0.5))
    ax.grid(False, axis="y")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper")
    return figure


@house_style
def scatter_truth_pred(
    *, pred: ArrayLike, depth: ArrayLike, valid: ArrayLike, max_depth: float, bins: int = 80
) -> Figure:
    """Draw how often each predicted depth meets each true depth, with the identity and the median prediction.

    Axes run from 0 to `max_depth` metres, or where nearly all true depths (99.5 %) are below half of that, to their end;
    predictions beyond it are counted at the edge. A median line flatter than the identity means compressed depth.

    Args:
        pred, depth, valid: tensors or arrays of one shape, metres and bool; all valid pixels count.

    Raises:
        ValueError: for different shapes or no valid pixel.
    """
    pred, depth, valid = (np.asarray(a) for a in (pred, depth, valid))
    if not pred.shape == depth.shape == valid.shape:
        raise ValueError(f"shapes differ: pred {pred.shape}, depth {depth.shape}, valid {valid.shape}")
    if not valid.any():
        raise ValueError("no valid pixel; nothing to draw")
    nearly_all = float(np.quantile(depth[valid], 0.995))
    max_depth = nearly_all if nearly_all < max_depth / 2 else max_depth
    true, predicted = depth[valid], np.clip(pred[valid], 0, max_depth)
    edges = np.linspace(0, max_depth, bins + 1)
    counts = np.histogram2d(true, predicted, bins=(edges, edges))[0]
    figure = new_figure(5.2, 4.4, alt="predicted against true depth in metres, as a two-dimensional histogram")
    ax = figure.subplots()
    mesh = ax.pcolormesh(edges, edges, np.ma.masked_equal(counts.T, 0), cmap="cividis", norm=LogNorm(), rasterized=True)
    ax.plot([0, max_depth], [0, max_depth], color="black", linewidth=1, linestyle="--", label="identity")
    bands = np.linspace(0, max_depth, 21)
    which = np.digitize(true, bands) - 1
    middle = [
        (bands[i : i + 2].mean(), np.median(predicted[which == i])) for i in range(20) if (which == i).sum() >= 50
    ]
    if middle:
        ax.plot(*zip(*middle, strict=True), color=PALETTE[1], linewidth=2, label="median prediction")
    ax.set(
        xlabel="true depth (m)", ylabel="predicted depth (m)", xlim=(0, max_depth), ylim=(0, max_depth), aspect="equal"
    )
    ax.legend(loc="upper left")
    colorbar = figure.colorbar(mesh, ax=ax, shrink=0.85)
    colorbar.set_label("pixels (log)")
    colorbar.outline.set_visible(False)
    return figure


def radial_table(preds: Mapping[str, ArrayLike], depth: ArrayLike, valid: ArrayLike, *, bins: int = 12) -> pd.DataFrame:
    """Average true and predicted depth over rings around the image centre.

    Args:
        preds: name -> [B,1,H,W] metres.
        depth: [B,1,H,W] metres.
        valid: [B,1,H,W] bool.

    Returns:
        One row a ring with the columns radius (0 at the centre, 1 at the corners), pixels, true, and one a prediction, all over
        valid pixels only. Rings without a valid pixel are left out.

    Raises:
        ValueError: for different shapes.
    """
    depth, valid = np.asarray(depth), np.asarray(valid).astype(bool)
    height, width = depth.shape[-2:]
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    ring = np.minimum((radius / max(radius.max(), 1e-9) * bins).astype(int), bins - 1)
    ring = np.broadcast_to(ring, depth.shape)[valid]
    pixels = np.bincount(ring, minlength=bins)
    table = {"radius": (np.arange(bins) + 0.5) / bins, "pixels": pixels}
    for name, values in {"true": depth, **preds}.items():
        values = np.asarray(values)
        if values.shape != depth.shape:
            raise ValueError(
                f"{name!r} has shape {values.shape}, the truth {depth.shape}; resize it to the truth first"
            )
        table[name] = np.bincount(ring, values[valid].astype(np.float64), bins) / np.maximum(pixels, 1)
    return pd.DataFrame(table)[pixels > 0].reset_index(drop=True)


@house_style
def radial_profile(table: pd.DataFrame) -> Figure:
    """Draw mean true and predicted depth, and their ratio, from the image centre to its corners.

    A prediction whose ratio to the truth changes with the radius is biased towards the centre or the border.

    Args:
        table: as `radial_table` returns it: radius (0 centre, 1 corner), pixels, true (metres), and a column a prediction.
    """
    require_columns(table, ["radius", "pixels", "true"], "radial table")
    names = [c for c in table.columns if c not in ("radius", "pixels", "true")]
    figure = new_figure(9, 3.7, alt=f"mean depth from the image centre to its corners: true and {', '.join(names)}")
    left, right = figure.subplots(1, 2)
    left.plot(table["radius"], table["true"], color="black", linewidth=2.2, label="true")
    right.axhline(1, color="black", linewidth=1.2)
    palette, shapes = colors(names), markers(names)
    for name in names:
        style = {"color": palette[name], "marker": shapes[name]}
        left.plot(table["radius"], table[name], **style, label=name)
        right.plot(table["radius"], table[name] / table["true"], **style)
    left.set(title="mean depth (m)", xlabel="distance from the centre (corner = 1)", xlim=(0, 1), ylim=(0, None))
    right.set(title="predicted / true (grey: within 5 %)", xlabel="distance from the centre (corner = 1)", xlim=(0, 1))
    right.axhspan(0.95, 1.05, color=NEUTRAL, alpha=0.12, linewidth=0)
    legend_outside(figure, *left.get_legend_handles_labels())
    return figure
