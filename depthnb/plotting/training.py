"""Figures of training: loss curves of one or several runs, and what an initialisation does to activations and gradients."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from .palette import MARKERS, NEUTRAL, PALETTE, colors, markers
from .style import Figure, house_style, legend_outside, named, new_figure, require_columns

# a schedule that changes more often than this, or in most epochs, decays smoothly: marks would say nothing
_MOST_DROPS = 8


@house_style
def step_losses(losses: Mapping[str, Sequence[float]], *, band: tuple[float, float] | None = None) -> Figure:
    """Draw the loss of every step on a logarithmic axis, a panel for each training.

    Args:
        losses: name -> loss of each step, in order; positive.
        band: (low, high) of a range to mark, such as one that was printed.

    Raises:
        ValueError: where there is nothing to draw.
    """
    if not losses or not all(len(values) for values in losses.values()):
        raise ValueError("no step to draw; expected at least one loss of each training")
    figure = new_figure(9, 2.3 * -(-len(losses) // 2), alt=f"Loss of every step: {', '.join(losses)}")
    axes = figure.subplots(-(-len(losses) // 2), min(2, len(losses)), squeeze=False).flatten()
    for ax, (name, values) in zip(axes, losses.items(), strict=False):
        if band:
            ax.axhspan(*band, color=NEUTRAL, alpha=0.25, label=f"{band[0]:g} to {band[1]:g}")
        ax.plot(np.arange(1, len(values) + 1), values, linewidth=1)
        ax.set(yscale="log", title=name, xlabel="step", ylabel="loss")
    for ax in axes[len(losses) :]:
        ax.set_axis_off()
    if band:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center")
    return figure


@house_style
def transfer(table: pd.DataFrame, *, usual: str) -> Figure:
    """Draw what weights of another task are worth: error against the number of training frames, and ways to treat the encoder.

    Args:
        table: one row a training with the columns run, abs_rel, mean_image, frames, taught (1 or 0) and way, as
            `studies.densenet.tried` makes it; rows with an empty run are the present run's own and drawn hollow.
        usual: what the way "" is called.

    Raises:
        ValueError: for missing columns, or without a row.
    """
    require_columns(table, ["run", "abs_rel", "mean_image", "frames", "taught", "way"], "table of trainings")
    if table.empty:
        raise ValueError("no training to draw")
    figure = new_figure(9, 4.0, alt="error against the number of training frames, and ways to treat the encoder")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    names, plain = {1.0: "ImageNet weights", 0.0: "random weights"}, table[table["way"] == ""]
    for i, (taught, name) in enumerate(names.items()):
        part = plain[plain["taught"] == taught]
        done, own = part[part["run"] != ""], part[part["run"] == ""]
        left.plot(done["frames"], done["abs_rel"], MARKERS[i], color=PALETTE[i], markersize=4, alpha=0.6)
        mean = done.groupby("frames")["abs_rel"].mean()
        left.plot(mean.index, mean, color=PALETTE[i], label=name)
        hollow = {"color": PALETTE[i], "markerfacecolor": "white", "markersize": 8}
        left.plot(own["frames"], own["abs_rel"], MARKERS[i], **hollow, label=f"{name}, this run" if len(own) else None)
    if table["mean_image"].notna().any():
        left.axhline(table["mean_image"].mean(), color=NEUTRAL, linestyle="--", linewidth=1, label="mean image")
    ticks = sorted(plain["frames"].unique())
    left.set(xscale="log", xlabel="training frames", ylabel="abs_rel (lower is better)")
    left.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
    left.xaxis.set_minor_formatter(NullFormatter())
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    _ways(right, table[(table["frames"] == max(ticks)) & (table["run"] != "")], usual)
    return figure


def _ways(ax: Axes, table: pd.DataFrame, usual: str) -> None:
    """One place a way to treat the encoder: a dot a training, a line at the mean."""
    ways = {usual: table[(table["way"] == "") & (table["taught"] == 1)]}
    ways |= {name: part for name, part in table.groupby("way", sort=False) if name}
    ways["random weights"] = table[(table["way"] == "") & (table["taught"] == 0)]
    ways = {name: part for name, part in ways.items() if len(part)}
    for x, part in enumerate(ways.values()):
        color = PALETTE[0] if part["taught"].iloc[0] else PALETTE[1]
        ax.plot([x] * len(part), part["abs_rel"], "o", color=color, markersize=4, alpha=0.6)
        ax.hlines(part["abs_rel"].mean(), x - 0.3, x + 0.3, color=color)
    ax.set_xticks(range(len(ways)), [textwrap.fill(name, 12, break_on_hyphens=False) for name in ways], fontsize=8)
    ax.set_xlim(-0.6, max(0.6, len(ways) - 0.4))
    ax.set_title("the encoder, all frames" if ways else "no finished run of the curve here", fontsize=10)


@house_style
def curves(
    histories: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    columns: Mapping[str, str] | None = None,
    log: bool = False,
    ylabel: str = "loss",
    drops: bool = True,
) -> Figure:
    """Draw losses against epochs, for one run or several.

    Several runs share one panel a column, in one colour a run; one run draws all columns in one panel and marks its least
    validation loss.

    Args:
        histories: a table with the columns epoch, train_loss, val_loss and optionally learning_rate and stage (a
            `History.frame` or history.csv), or name -> table.
        columns: column -> label of what to draw, default train_loss and val_loss; columns missing everywhere or wholly empty
            are left out.
        log: logarithmic loss axis.
        drops: mark epochs at which the learning rate fell by more than a tenth, unless these are more than 8 or more than half
            of all.

    Raises:
        ValueError: where a table lacks epoch or there is nothing to draw.
    """
    histories = _stages(named(histories, ""))
    for name, frame in histories.items():
        require_columns(frame, ["epoch"], f"history {name!r}")
    columns = dict(columns or {"train_loss": "training", "val_loss": "validation"})
    columns = {c: label for c, label in columns.items() if any(_has(f, c) for f in histories.values())}
    if not columns:
        raise ValueError(
            "no column to draw; found " + ", ".join(f"{n}: {list(f.columns)}" for n, f in histories.items())
        )
    if len(histories) == 1:
        return _one_run(next(iter(histories.values())), columns, log, ylabel, drops)
    figure = new_figure(9 if len(columns) > 1 else 7, 3.4, alt=f"{ylabel} per epoch of {len(histories)} runs")
    axes = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    palette = colors(histories)
    for ax, (column, label) in zip(axes, columns.items(), strict=True):
        for i, (name, frame) in enumerate(histories.items()):
            if _has(frame, column):
                _line(
                    ax,
                    frame,
                    column,
                    color=palette[name],
                    label=name,
                    linestyle=("-", "--", ":")[i // len(MARKERS) % 3],
                )
                if drops:
                    at = _drops(frame)
                    ax.plot(at["epoch"], at[column], "v", color=palette[name], markersize=8, markeredgecolor="white")
        _epoch_axis(ax, histories.values(), log)
        ax.set_title(label)
    axes[0].set_ylabel(_label(ylabel, log))
    handles, labels = max((ax.get_legend_handles_labels() for ax in axes), key=lambda pair: len(pair[1]))
    if drops and any(len(_drops(f)) for f in histories.values()):
        handles.append(axes[0].plot([], [], "v", color=NEUTRAL, markersize=8)[0])
        labels.append("learning rate reduced")
    figure.legend(handles, labels, loc="outside right upper")
    return figure


@house_style
def activation_stats(stats: pd.DataFrame) -> Figure:
    """Draw the standard deviation of activations and gradients in every layer, one line an initialisation.

    Axes are logarithmic; zeros and non-finite values are drawn as crosses at the edge of the panel, so that a vanished or
    exploded layer stays visible.

    Args:
        stats: with the columns initialisation, layer (names, in forward order), activation_std and gradient_std (of the loss by
            the layer's output).

    Raises:
        ValueError: for missing columns.
    """
    require_columns(stats, ["initialisation", "layer", "activation_std", "gradient_std"], "activation table")
    layers = list(dict.fromkeys(stats["layer"]))
    figure = new_figure(
        9, 3.6, alt="standard deviation of activations and of gradients in every layer, by initialisation"
    )
    axes = figure.subplots(1, 2)
    palette, shapes = colors(stats["initialisation"]), markers(stats["initialisation"])
    for ax, column, title in zip(
        axes, ("activation_std", "gradient_std"), ("activations, forward", "gradients, backward"), strict=True
    ):
        values = stats[column].to_numpy(float)
        usable = values[np.isfinite(values) & (values > 0)]
        low, high = (usable.min() / 3, usable.max() * 3) if usable.size else (0.1, 10)
        for name, rows in stats.groupby("initialisation", sort=False):
            x = rows["layer"].map(layers.index).to_numpy()
            y = rows[column].to_numpy(float)
            good = np.isfinite(y) & (y > 0)
            ax.plot(x[good], y[good], marker=shapes[name], color=palette[name], label=name)
            edge = np.where(y[~good] == 0, low, high)
            crosses = ax.plot(x[~good], edge, "x", color=palette[name], markersize=9, markeredgewidth=2, clip_on=False)
            crosses[0].set_in_layout(False)
        ax.set(yscale="log", ylim=(low, high), title=title)
        ax.axhline(1, color=NEUTRAL, linewidth=1, linestyle=":")
        ax.set_xticks(
            range(len(layers)),
            layers,
            rotation=40 if len(layers) > 5 else 0,
            ha="right" if len(layers) > 5 else "center",
        )
    axes[0].set_ylabel("standard deviation (log)")
    legend_outside(figure, *axes[0].get_legend_handles_labels())
    return figure


def _one_run(frame: pd.DataFrame, columns: Mapping[str, str], log: bool, ylabel: str, drops: bool) -> Figure:
    figure = new_figure(7, 3.3, alt=f"{ylabel} per epoch: {', '.join(columns.values())}")
    ax = figure.subplots()
    for (column, label), color in zip(columns.items(), colors(columns).values(), strict=True):
        if _has(frame, column):
            _line(ax, frame, column, color=color, label=label)
    if "val_loss" in columns and _has(frame, "val_loss"):
        best = frame.loc[frame["val_loss"].astype(float).idxmin()]
        ax.plot(
            best["epoch"],
            best["val_loss"],
            "o",
            markersize=9,
            markerfacecolor="none",
            markeredgecolor="black",
            label=f"least validation loss: {best['val_loss']:.4g} at epoch {int(best['epoch'])}",
        )
    if drops:
        for i, row in enumerate(_drops(frame).itertuples()):
            ax.axvline(
                row.epoch, color=NEUTRAL, linewidth=1, linestyle=":", label="learning rate reduced" if i == 0 else None
            )
            ax.annotate(
                f"{row.learning_rate:.3g}",
                (row.epoch, 1),
                xycoords=("data", "axes fraction"),
                color=NEUTRAL,
                xytext=(3, -2),
                textcoords="offset points",
                va="top",
                fontsize=8,
            )
    _epoch_axis(ax, [frame], log)
    ax.set_ylabel(_label(ylabel, log))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)  # inside it may lie on a curve
    return figure


def _stages(histories: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Split tables that hold several stages of training into one entry a stage, and unwrap History objects."""
    parts: dict[str, pd.DataFrame] = {}
    for name, frame in histories.items():
        frame = getattr(frame, "frame", frame)
        if "stage" in frame and frame["stage"].nunique() > 1:
            for stage, rows in frame.groupby("stage", sort=False):
                parts[f"{name} {stage}".strip()] = rows.reset_index(drop=True)
        else:
            parts[name] = frame.reset_index(drop=True)
    return parts


def _has(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and frame[column].notna().any()


def _line(ax: Axes, frame: pd.DataFrame, column: str, **style) -> None:
    marker = "o" if len(frame) <= 12 else None  # a run of one epoch is a point, not an invisible line
    ax.plot(frame["epoch"], frame[column].astype(float), marker=marker, **style)


def _drops(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in which the learning rate is more than a tenth below the row before; none for a smooth decay."""
    if "learning_rate" not in frame:
        return frame.iloc[:0]
    rate = frame["learning_rate"].astype(float)
    rows = frame[rate < 0.9 * rate.shift()]
    return rows if len(rows) <= min(_MOST_DROPS, len(frame) / 2) else frame.iloc[:0]


def _epoch_axis(ax: Axes, frames: Sequence[pd.DataFrame], log: bool) -> None:
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if log:
        ax.set_yscale("log")
        values = [v for line in ax.lines for v in np.asarray(line.get_ydata(), float) if np.isfinite(v) and v > 0]
        if values and max(values) < 100 * min(values):  # under two decades, 0.5 reads better than 5 x 10^-1
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            ax.yaxis.set_minor_formatter(NullFormatter())


def _label(ylabel: str, log: bool) -> str:
    return f"{ylabel} (log)" if log else ylabel
