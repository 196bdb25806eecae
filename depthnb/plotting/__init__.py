"""Every figure of the project: tables or tensors in, a Figure out, nothing shown and no pyplot state left behind."""

from .comparison import ablations, error_vs_cost, pairs, ranking, spread
from .dataset import (
    depth_histogram,
    distribution,
    mean_depth_image,
    valid_fraction,
)
from .doubt import doubts, sparsification
from .errors import by_distance, by_place, by_scene_type, radial_profile, radial_table, scatter_truth_pred
from .films import film_grid, photometric
from .painted import distances, painted, recipes, signed
from .palette import colors, depth_colormap, error_colormap
from .photographs import INVERSE_LABEL, answers, colour_bar, depth_colours, depth_map, told
from .pictures import depth_grid, methods_grid, predictions_grid, showcase
from .players import players, verdicts
from .quantities import quantities
from .robust import changes, corrupted, fields_of_view
from .scales import scales_grid
from .style import DEPTH_LABEL, DPI, MAX_WIDTH, Figure, encode, house_style, new_figure, printed, save, show
from .training import activation_stats, curves, step_losses, transfer

__all__ = [
    "DEPTH_LABEL",
    "DPI",
    "INVERSE_LABEL",
    "MAX_WIDTH",
    "Figure",
    "ablations",
    "activation_stats",
    "answers",
    "by_distance",
    "by_place",
    "by_scene_type",
    "changes",
    "colors",
    "colour_bar",
    "corrupted",
    "curves",
    "depth_colormap",
    "depth_colours",
    "depth_grid",
    "depth_histogram",
    "depth_map",
    "distances",
    "distribution",
    "doubts",
    "encode",
    "error_colormap",
    "error_vs_cost",
    "fields_of_view",
    "film_grid",
    "house_style",
    "mean_depth_image",
    "methods_grid",
    "new_figure",
    "painted",
    "pairs",
    "photometric",
    "players",
    "predictions_grid",
    "printed",
    "quantities",
    "radial_profile",
    "radial_table",
    "ranking",
    "recipes",
    "save",
    "scales_grid",
    "scatter_truth_pred",
    "show",
    "showcase",
    "signed",
    "sparsification",
    "spread",
    "step_losses",
    "told",
    "transfer",
    "valid_fraction",
    "verdicts",
]
