"""Maps of different units beside each other: what else can be called a depth."""

from collections.abc import Mapping

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import ArrayLike

from .palette import depth_colormap
from .pictures import _batch, _draw_image, _draw_map, _same
from .style import Figure, house_style, new_figure, picture_axes

COLOURS = {  # near is bright, whichever way the numbers go
    "near is small": depth_colormap(),
    "near is large": depth_colormap().reversed(),
    "grey": "gray",
}
_WIDTH, _LETTERS = 5.6, 8.5  # inches, points


@house_style
def quantities(image: ArrayLike, maps: Mapping[str, tuple[ArrayLike, str]], *, per_row: int = 3) -> Figure:
    """Draw a photograph and maps of different units, each map with a colour bar of its own.

    Args:
        image: [3,H,W] in 0..1, drawn first.
        maps: title, with the unit -> the map [1,H,W], NaN where it means nothing (drawn grey), and its colours, one of
            `COLOURS`. "grey" reaches from 0 to 1 and has no bar, the others from the first to the 99th percentile.
        per_row: pictures beside each other.

    Raises:
        ValueError: for shapes that do not fit together, or unknown colours.
    """
    image, drawn = _batch(image, 3), {title: (_batch(values, 1), kind) for title, (values, kind) in maps.items()}
    _same(image=image, **{title: values for title, (values, _) in drawn.items()})
    for title, (_, kind) in drawn.items():
        if kind not in COLOURS:
            raise ValueError(f"colours {kind!r} of {title!r} are unknown; choose one of {', '.join(COLOURS)}")
    barred = any(kind != "grey" for _, kind in drawn.values())
    rows, panel = -(-(1 + len(drawn)) // per_row), _WIDTH / per_row * image.shape[-2] / image.shape[-1]
    alt = f"a photograph; {'; '.join(drawn)}"
    figure = new_figure(_WIDTH, rows * (panel + (0.62 if barred else 0.25)), alt=alt, image_format="jpeg")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.02, wspace=0.01, hspace=0.01)
    axes = picture_axes(figure, rows, per_row).flat
    _draw_image(axes[0], image[0])
    axes[0].set_title("photograph", fontsize=_LETTERS)
    for ax, (title, (values, kind)) in zip(axes[1:], drawn.items(), strict=False):
        known = np.isfinite(values[0, 0])
        norm = Normalize(0, 1) if kind == "grey" else _most(values[0, 0][known])
        _draw_map(ax, values[0, 0], known, COLOURS[kind], norm)
        ax.set_title(title, fontsize=_LETTERS)
        if kind != "grey":
            # inside the map's own axes, so that the photograph beside it is drawn at the same height
            beside = figure.colorbar(
                ScalarMappable(norm, COLOURS[kind]),
                cax=ax.inset_axes((0.05, -0.1, 0.9, 0.05)),
                orientation="horizontal",
            )
            beside.outline.set_visible(False)
            beside.ax.grid(False)
    for ax in axes[1 + len(drawn) :]:
        ax.set_axis_off()
    return figure


def _most(values: np.ndarray) -> Normalize:
    """From the first to the 99th percentile, and a little farther for a map that is the same everywhere."""
    low, high = np.percentile(values, (1, 99)) if values.size else (0.0, 1.0)
    return Normalize(low, max(high, low + 1e-6 * max(abs(low), 1.0)))
