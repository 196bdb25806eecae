"""What a line of a table of claims is, and how runs decide it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

HOLDS, FAILS = "holds", "does not hold"
UNDECIDED = "undecided here"  # measured, and the numbers leave it open
UNTESTED = "not tested here"  # what it takes is not here
HARDLY = 5.0  # percent: a smaller change is none


def row(claim: str, here: str, holds: bool | str | None) -> dict[str, str]:
    """One line of a table of claims; holds: True, False, `UNDECIDED`, or None for `UNTESTED`."""
    verdict = holds if isinstance(holds, str) else UNTESTED if holds is None else HOLDS if holds else FAILS
    return {"claim": claim, "here": here, "verdict": verdict}


def more(one: float, other: float) -> bool | str | None:
    """Whether one number of a single training is larger than another; `UNDECIDED` where they hardly differ, None for NaN.

    >>> more(0.30, 0.20), more(0.20, 0.30), more(0.202, 0.200), more(float("nan"), 0.2)
    (True, False, 'undecided here', None)
    """
    if pd.isna(one) or pd.isna(other):
        return None
    return UNDECIDED if abs(one - other) < HARDLY / 100 * abs(other) else bool(one > other)


def beats(summary: Mapping[str, float], opponent: Mapping[str, float]) -> bool:
    """Whether a method beats an opponent in abs_rel, rmse and delta1, in all three.

    >>> beats({"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7}, {"abs_rel": 0.3, "rmse": 0.9, "delta1": 0.5})
    True
    """
    return (
        summary["abs_rel"] < opponent["abs_rel"]
        and summary["rmse"] < opponent["rmse"]
        and summary["delta1"] > opponent["delta1"]
    )


def against_baselines(name: str, summary: Mapping[str, float], opponents: Mapping) -> list[dict[str, str]]:
    """Our own claim in every notebook: the method knows more than the two constant opponents."""
    labels = {"mean_depth": "training-mean depth", "mean_image": "training-mean image"}
    return [
        row(
            f"(ours) {name} beats the {labels[key]} in abs_rel, rmse and delta1",
            ", ".join(f"{m} {summary[m]:.3f} against {each.summary[m]:.3f}" for m in ("abs_rel", "rmse", "delta1")),
            beats(summary, each.summary),
        )
        for key, each in opponents.items()
    ]
