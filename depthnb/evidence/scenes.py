"""What other scenes would say of trained nets: means over scenes, with their spread."""

from __future__ import annotations

import numpy as np
import pandas as pd

_DRAWS = 2000  # of the bootstrap


def over_scenes(differences: pd.Series, scenes: pd.Series) -> tuple[float, float]:
    """Mean over scenes of a number of every frame, and two standard errors of that mean, for one trained net.

    Frames of one scene count as one observation: they show the same room. The error is infinite for fewer than two scenes.

    >>> over_scenes(pd.Series([1.0, 3.0, 5.0, 6.0]), pd.Series(["a", "a", "b", "c"]))
    (4.333333333333333, 2.4037008503093262)
    """
    means = differences.groupby(scenes).mean().dropna()
    return float(means.mean()), float(2 * means.sem()) if len(means) > 1 else float("inf")


def bootstrap(gain: pd.Series, scene: pd.Series) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean gain over bootstrap draws of scenes."""
    sums = gain.groupby(scene).agg(["sum", "count"])
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_DRAWS)
    means = draws @ sums["sum"].to_numpy() / np.maximum(draws @ sums["count"].to_numpy(), 1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))
