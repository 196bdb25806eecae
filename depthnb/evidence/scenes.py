"""What other scenes would say: comparisons of predictions of the same frames, and the spread of a mean over scenes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from depthnb.evidence.verdicts import Claim, Effect, untested

_DRAWS = 2000  # of the bootstrap


def paired(
    claim: str,
    before: pd.Series,
    after: pd.Series,
    scenes: pd.Series,
    *,
    direction: int,
    here: str = "",
    appendix: bool = False,
) -> Claim:
    """A claim about two predictions of the same frames between which nothing is trained.

    Args:
        claim: the text.
        before, after: a positive number of every frame.
        scenes: scene of every frame. Frames of one scene show the same room, so their mean makes one pair.
        direction: -1 the number falls, +1 it rises, 0 it hardly changes, says the claim.
        here: what stands before the effect.
        appendix: whether the line belongs to the appendix.
    """
    table = pd.DataFrame({"before": before, "after": after, "scene": scenes}).dropna()
    means = table.groupby("scene")[["before", "after"]].mean()
    effect = Effect.of(means["before"].to_dict(), means["after"].to_dict(), over="scenes")
    if effect.pairs < 2:
        reason = f"{here}; the frames show {effect.pairs} scene(s), it takes two".removeprefix("; ")
        return untested(claim, reason, appendix=appendix)
    return Claim(claim, here, effect=effect, direction=direction, appendix=appendix)


def bootstrap(gain: pd.Series, scene: pd.Series) -> tuple[float, float]:
    """2.5 and 97.5 % of the mean gain when the scenes are drawn again with replacement; frames of a scene stay together."""
    sums = gain.groupby(scene).agg(["sum", "count"])
    draws = _drawn_again(len(sums))
    means = draws @ sums["sum"].to_numpy() / np.maximum(draws @ sums["count"].to_numpy(), 1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def ratio(before: pd.Series, after: pd.Series, scene: pd.Series) -> tuple[float, float, float]:
    """The mean after over the mean before, and its 2.5 and 97.5 % when the scenes are drawn again with replacement.

    Args:
        before, after: a number above 0 of every frame; frames that lack one of the two do not count.
        scene: of every frame; frames of a scene stay together, and so do before and after.

    Returns:
        (ratio, low, high); NaN without a frame or where a scene has 0 before, and no interval with fewer than two scenes.

    >>> ratio(pd.Series([1.0, 3.0]), pd.Series([2.0, 6.0]), pd.Series(["a", "b"]))
    (2.0, 2.0, 2.0)
    """
    table = pd.DataFrame({"before": before, "after": after, "scene": scene}).dropna()
    sums = table.groupby("scene")[["before", "after"]].sum()
    if not len(sums) or (sums["before"] <= 0).any():
        return float("nan"), float("nan"), float("nan")
    whole = float(sums["after"].sum() / sums["before"].sum())
    if len(sums) < 2:
        return whole, float("nan"), float("nan")
    again = _drawn_again(len(sums)) @ sums.to_numpy()
    ratios = again[:, 1] / again[:, 0]
    return whole, float(np.quantile(ratios, 0.025)), float(np.quantile(ratios, 0.975))


def _drawn_again(scenes: int) -> np.ndarray:
    """How often each scene is in each of `_DRAWS` draws with replacement [draws, scenes]; the same in every call."""
    return np.random.default_rng(0).multinomial(scenes, np.full(scenes, 1 / scenes), size=_DRAWS)
