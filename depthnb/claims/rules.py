"""What a line of a table of claims is, and how runs decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import runs

HOLDS, FAILS = "holds", "does not hold"


def row(claim: str, here: str, holds: bool | None) -> dict[str, str]:
    """One line of a table of claims; holds None: not tested here."""
    return {"claim": claim, "here": here, "verdict": "not tested here" if holds is None else HOLDS if holds else FAILS}


def sweep(notebook: str, parameters: Sequence[str], *, metric: str = "abs_rel", on: str = "test") -> pd.DataFrame:
    """Finished sweep runs of a notebook, one row per combination of some parameters.

    parameters: names to group by; runs that differ in any *other* parameter than these and the seed are kept apart, and
    only the group of the most common other parameters is returned, so that one comparison changes one thing. Columns:
    parameters, `mean`, `low`, `high` of the metric on split `on` over the seeds, `seeds`; on "" means a number that run.json
    holds itself, such as training_seconds. Empty when no run named sweep-... is finished.
    """
    rows = []
    for each in runs.finished(notebook):
        scores = each["metrics"].get(on, {}) if on else each
        if each["run"].startswith("sweep") and scores.get(metric) is not None:
            others = {k: v for k, v in each["params"].items() if k not in (*parameters, "run", "seed", "device")}
            rows.append(
                {
                    **{name: each["params"].get(name) for name in parameters},
                    "others": repr(sorted(others.items())),
                    "value": scores[metric],
                }
            )
    columns = [*parameters, "mean", "low", "high", "seeds"]
    table = pd.DataFrame(rows)
    if table.empty:
        return pd.DataFrame(columns=columns)
    varied = table.groupby("others")[list(parameters)].nunique().max(axis=1)
    table = table[table["others"] == varied.idxmax()]
    grouped = table.groupby(list(parameters), dropna=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()[columns]


def compare(
    notebook: str,
    parameter: str,
    before: object,
    after: object,
    *,
    claim: str,
    metric: str = "abs_rel",
    on: str = "test",
    sign: int = -1,
) -> dict[str, str]:
    """A claim that changing one parameter changes the error on split `on`, judged by sweep runs and their spread over seeds.

    sign -1: the claim is that the error falls from `before` to `after`; +1 that it rises; 0 that it hardly changes. A
    difference counts when the ranges over the seeds do not overlap; with fewer than two seeds each nothing is decided.
    """
    table = sweep(notebook, [parameter], metric=metric, on=on).set_index(parameter)
    if before not in table.index or after not in table.index:
        return row(claim, f"needs the sweep runs with {parameter} {before} and {after}: make sweep", None)
    a, b = table.loc[before], table.loc[after]
    seeds = int(min(a["seeds"], b["seeds"]))
    if seeds < 2:
        return row(claim, f"one seed only: {a['mean']:.3f} -> {b['mean']:.3f}; the spread needs two: make sweep", None)
    apart = b["high"] < a["low"] or b["low"] > a["high"]
    change = (b["mean"] / a["mean"] - 1) * 100
    here = f"{on} {metric}".strip() + (
        f" {a['mean']:.3f} [{a['low']:.3f}, {a['high']:.3f}] -> {b['mean']:.3f} [{b['low']:.3f}, {b['high']:.3f}] "
        f"({change:+.0f} %) over {seeds} seeds; " + ("larger than" if apart else "within") + " the spread"
    )
    return row(claim, here, not apart if sign == 0 else bool(apart and np.sign(change) == sign))


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
