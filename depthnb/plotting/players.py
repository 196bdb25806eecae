"""Figures of two players: how a generator and its discriminator fare, and what the discriminator says of a depth map."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from .palette import NEUTRAL, colors, depth_colormap, markers
from .pictures import _batch, _draw_image, _draw_map, _extend, _frame, _grid, _limit, _same
from .style import DEPTH_LABEL, Figure, bar, house_style, legend_outside, new_figure, require_columns

_PANELS = (  # title, then column (of the validation, where there is one) -> label of its line style
    ("loss of each player", {"discriminator": "discriminator", "adversarial": "generator (adversarial)"}),
    ("patches the discriminator calls right", {"true_recognised": "true depth", "false_recognised": "predicted depth"}),
    ("variation between photographs", {"variation": "predicted / true"}),
)
_GUESSING = (math.log(2), 0.5, None)
_STYLES = ("-", "--")


@house_style
def players(histories: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the curves of both players of adversarial trainings, one colour a training; on validation frames if there are any.

    Dotted lines mark what a discriminator that guesses would have: ln 2, and one half.

    Args:
        histories: name -> table with the columns epoch, adversarial, discriminator, true_recognised, false_recognised, their
            val_ twins and val_variation (a `History` of `adversarial.fit`).

    Raises:
        ValueError: for missing columns.
    """
    frames = {name: getattr(frame, "frame", frame) for name, frame in histories.items()}
    for name, frame in frames.items():
        require_columns(frame, ["epoch", *(c for _, columns in _PANELS[:2] for c in columns)], f"history {name!r}")
    figure = new_figure(9, 3.7, alt=f"losses, recognised patches and variation per epoch of {', '.join(frames)}")
    axes, palette, shapes = figure.subplots(1, 3), colors(frames), markers(frames)
    for ax, (title, columns), guess in zip(axes, _PANELS, _GUESSING, strict=True):
        for name, frame in frames.items():
            for (column, label), linestyle in zip(columns.items(), _STYLES, strict=False):
                column = f"val_{column}" if f"val_{column}" in frame else column
                if column in frame:
                    style = {"color": palette[name], "linestyle": linestyle, "label": f"{name}: {label}"}
                    ax.plot(frame["epoch"], frame[column], marker=shapes[name] if len(frame) <= 12 else None, **style)
        if guess is not None:
            ax.axhline(guess, color=NEUTRAL, linewidth=1.2, linestyle=":")
        ax.set(title=title, xlabel="epoch")
        ax.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if len(columns) > 1:
            for linestyle, label in zip(_STYLES, columns.values(), strict=True):
                ax.plot([], [], color=NEUTRAL, linestyle=linestyle, label=label)
            ax.plot([], [], color=NEUTRAL, linewidth=1.2, linestyle=":", label="guessing")
            ax.legend(handles=ax.lines[-3:], fontsize=8)
    axes[0].set_ylim(0, max(1.0, 1.05 * axes[0].get_ylim()[1]))
    axes[1].set_ylim(0, 1.03)
    axes[2].set_ylim(0, max(1.1, axes[2].get_ylim()[1]))
    axes[2].axhline(1, color=NEUTRAL, linewidth=1.2, linestyle=":")
    handles = [axes[2].plot([], [], "-", color=palette[name], marker=shapes[name], label=name)[0] for name in frames]
    legend_outside(figure, handles, list(frames))
    return figure


@house_style
def verdicts(
    image: ArrayLike, valid: ArrayLike, maps: Mapping[str, ArrayLike], said: Mapping[str, ArrayLike]
) -> Figure:
    """Draw two rows a frame: image and depth maps, and under each map what a discriminator makes of its patches.

    Invalid pixels are grey, also in predictions: this is what the discriminator was shown.

    Args:
        image: [B,3,H,W] in 0..1.
        valid: [B,1,H,W] bool, the mask under which all maps were judged.
        maps: name -> [B,1,H,W] metres.
        said: with the same names, -> [B,1,h,w], probability that a patch is true depth.

    Raises:
        ValueError: for shapes that do not fit together.
    """
    image, valid = _batch(image, 3), _batch(valid, 1).astype(bool)
    maps = {name: _batch(x, 1) for name, x in maps.items()}
    said = {name: _batch(said[name], 1) for name in maps}
    _same(image=image, valid=valid, **maps)
    figure, axes = _grid(
        2 * len(image),
        len(maps) + 1,
        image.shape[-2] / image.shape[-1],
        bars=1,
        titled=True,
        width=6.4,  # the maps are small
        alt=f"{len(image)} frames: depth maps ({', '.join(maps)}) and the discriminator's verdict on their patches",
    )
    depths = np.concatenate([x[valid] for x in maps.values()])
    norm, shade = Normalize(0, _limit(depths, 99)), Normalize(0, 1)
    for i, (upper, lower) in enumerate(zip(axes[::2], axes[1::2], strict=True)):
        _draw_image(upper[0], image[i])
        lower[0].set_axis_off()
        for j, name in enumerate(maps, 1):
            _draw_map(upper[j], maps[name][i, 0], valid[i, 0], depth_colormap(), norm)
            lower[j].imshow(said[name][i, 0], cmap="PuOr", norm=shade, aspect="auto")
            lower[j].set_box_aspect(image.shape[-2] / image.shape[-1])
            _frame(lower[j])
            upper[j].set_title(name, loc="left")
            lower[j].set_title(f"mean {said[name][i].mean():.2f}", loc="right", color="#555555")
        upper[0].set_title("image", loc="left")
    half = (len(maps) + 1) // 2
    bar(figure, ScalarMappable(norm, depth_colormap()), axes[:, :half].flat, DEPTH_LABEL, extend=_extend(depths, norm))
    bar(figure, ScalarMappable(shade, "PuOr"), axes[:, half:].flat, "looks like true depth (probability)")
    return figure
