"""Colours and markers: of methods, baselines and other names, and the colormaps of depth and error."""

import itertools
import re
from collections.abc import Iterable

import matplotlib as mpl
from matplotlib.colors import Colormap

INVALID = "#b8b8b8"  # grey, in no colormap used here
NEUTRAL = "#6e6e6e"  # baselines and reference lines
# Okabe and Ito's qualitative palette, most distinct first; its yellow is left out because it is faint on white. Three more of
# Paul Tol's, since there are more than seven methods
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#882255", "#999933", "#332288")
BASELINES = {"mean_depth": NEUTRAL, "mean_image": "#a0a0a0"}
_LEVELS = 250  # colours of a map: with the grey under 256, so that a PDF stores one byte a pixel instead of three
MARKERS = ("o", "s", "^", "D", "v", "<", ">", "P", "X", "p")
# each has its own colour and marker in every figure, so that a reader knows it again
METHODS = (
    "BN-CNN",
    "Eigen",
    "U-Net",
    "DenseNet transfer",
    "HMA-Depth",
    "MiDaS recipe",
    "Style transfer",
    "Today's recipe",
    "GAN",
    "Self-supervised",
)


def colors(names: Iterable[str]) -> dict[str, str]:
    """Give every name a colour of the colour-blind-safe palette: a method its own, others in order of appearance.

    A method's colour goes to its name, or where that is missing to the first name that begins with it; further nets of this
    method are like any other name. The two baselines of every table, mean_depth and mean_image, are grey in all their
    forms and take no colour from the palette. From the eleventh name on colours repeat, with other markers (`markers`).

    >>> colors(["mean_depth", "coarse", "fine", "coarse"])
    {'mean_depth': '#6e6e6e', 'coarse': '#0072b2', 'fine': '#d55e00'}
    >>> colors(["Eigen", "BN-CNN", "something else"])
    {'Eigen': '#d55e00', 'BN-CNN': '#0072b2', 'something else': '#009e73'}
    """
    shades = {name: BASELINES.get(_baseline(name)) for name in names}
    return {n: shades[n] or PALETTE[place % len(PALETTE)] for n, place in _places(shades).items()}


def markers(names: Iterable[str]) -> dict[str, str]:
    """Give every name a marker, by the rule of `colors`; no two of a hundred names share both."""
    around = len(MARKERS)
    return {name: MARKERS[(place + place // len(PALETTE)) % around] for name, place in _places(names).items()}


def _places(names: Iterable[str]) -> dict[str, int]:
    """The place of each name in the order of colours and markers."""
    names = list(dict.fromkeys(names))
    own = {}
    for place, method in enumerate(METHODS):
        nets = [name for name in names if re.match(rf"{re.escape(method)}\b", name)]
        if nets:
            own[method if method in nets else nets[0]] = place
    greys = itertools.count()
    free = (place for place in itertools.count() if place not in own.values())
    return {n: own[n] if n in own else next(greys if _baseline(n) else free) for n in names}


def _baseline(name: str) -> str | None:
    """The baseline that a name begins with, also where it is written with a space."""
    return next((known for known in BASELINES if name.replace(" ", "_").startswith(known)), None)


def depth_colormap() -> Colormap:
    """Colormap of depth: viridis reversed (near is bright), grey where invalid."""
    return mpl.colormaps["viridis_r"].resampled(_LEVELS).with_extremes(bad=INVALID)


def error_colormap() -> Colormap:
    """Colormap of errors: magma (large is bright), grey where invalid."""
    return mpl.colormaps["magma"].resampled(_LEVELS).with_extremes(bad=INVALID)
