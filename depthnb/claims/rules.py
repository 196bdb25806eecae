"""What a line of a table of claims is, and how runs decide it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import runs

HOLDS, FAILS = "holds", "does not hold"
UNDECIDED = "undecided here"  # measured, and the numbers leave it open
UNTESTED = "not tested here"  # what it takes is not here
HARDLY = 5.0  # percent: a smaller change is none
SWEEP = re.compile(r"sweep-(?P<name>.+)-(?P<seed>\d+)")
NOT_COMPARED = ("run", "seed", "device", "data_root")


def row(claim: str, here: str, holds: bool | str | None) -> dict[str, str]:
    """One line of a table of claims; holds: True, False, `UNDECIDED`, or None for `UNTESTED`."""
    verdict = holds if isinstance(holds, str) else UNTESTED if holds is None else HOLDS if holds else FAILS
    return {"claim": claim, "here": here, "verdict": verdict}


def swept(notebook: str) -> list[tuple[str, dict]]:
    """Finished sweep runs of a notebook as (name of the line, run.json), sorted, on the same frames as most of them.

    Of runs with the same parameters and seed the first counts. An encoder that was to start from ImageNet weights and found
    none is told from one that did: its parameter `pretrained` reads "none" here, whatever was asked for.
    """
    found, seen = [], set()
    for each in runs.finished(notebook, "sweep-*"):
        name = SWEEP.fullmatch(each["run"])
        if not name:
            continue
        params = dict(each["params"])
        if "pretrained" in params and str(each.get("origin", "")).startswith("random weights"):
            params["pretrained"] = "none"
        frames = json.dumps(each.get("data"), sort_keys=True)
        same = repr(sorted((k, v) for k, v in params.items() if k not in NOT_COMPARED))
        if (key := (name["name"], same, params.get("seed"), frames)) not in seen:
            seen.add(key)
            found.append((name["name"], {**each, "params": params}, frames))
    most = Counter(frames for *_, frames in found).most_common(1)
    return [(name, each) for name, each, frames in found if frames == most[0][0]]


def sweep(notebook: str, parameters: Sequence[str], *, metric: str = "abs_rel", on: str = "test") -> pd.DataFrame:
    """Finished sweep runs of a notebook, one row per combination of some parameters.

    parameters: names to group by; runs that differ in any *other* parameter than these and the seed are kept apart, and
    only the group in which these vary most is returned, so that one comparison changes one thing. Columns:
    parameters, `mean`, `low`, `high` of the metric on split `on` over the seeds, `seeds`; on "" means a number that run.json
    holds itself, such as training_seconds. Empty when no run named sweep-... is finished.
    """
    rows = []
    for _, each in swept(notebook):
        scores = each["metrics"].get(on, {}) if on else each
        if scores.get(metric) is not None:
            others = {k: v for k, v in each["params"].items() if k not in (*parameters, *NOT_COMPARED)}
            rows.append(
                {
                    **{name: each["params"].get(name) for name in parameters},
                    "others": repr(sorted(others.items())),
                    "value": scores[metric],
                    "seed": each["params"].get("seed"),
                }
            )
    columns = [*parameters, "mean", "low", "high", "seeds"]
    table = pd.DataFrame(rows)
    if table.empty:
        return pd.DataFrame(columns=columns)
    varied = table.groupby("others")[list(parameters)].nunique().max(axis=1)
    table = table[table["others"] == varied.idxmax()]
    table = table.drop_duplicates([*parameters, "seed"])  # two lines of the sweep may come to the same training
    grouped = table.groupby(list(parameters), dropna=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()[columns]


def apart(one: Mapping, other: Mapping) -> bool | None:
    """Whether the ranges over seeds (`low` to `high`) of two groups do not overlap; None with fewer than two seeds in either.

    >>> apart({"low": 0.1, "high": 0.2, "seeds": 3}, {"low": 0.3, "high": 0.4, "seeds": 3})
    True
    """
    if min(one["seeds"], other["seeds"]) < 2:
        return None
    return bool(one["high"] < other["low"] or one["low"] > other["high"])


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

    sign -1: the claim is that the error falls from `before` to `after`; +1 that it rises; 0 that it hardly changes, which
    means by less than 5 %. A difference counts when the ranges over the seeds do not overlap (`apart`). Where they do, the
    claim does not hold if no two of the runs differ by 5 % in its direction, else it is undecided; so is "hardly" where runs
    differ by more than that. Nothing is tested with fewer than two seeds each, nor where both came to the very same numbers,
    because what was changed never took effect.
    """
    table = sweep(notebook, [parameter], metric=metric, on=on).set_index(parameter)
    if before not in table.index or after not in table.index:
        return row(claim, f"needs the sweep runs with {parameter} {before} and {after}: make sweep", None)
    a, b = table.loc[before], table.loc[after]
    counts = apart(a, b)
    if counts is None:
        return row(claim, f"one seed only: {a['mean']:.3f} -> {b['mean']:.3f}; the spread needs two: make sweep", None)
    if (a[["mean", "low", "high"]] == b[["mean", "low", "high"]]).all():
        same = f"{on} {metric} {a['mean']:.3f} with {parameter} {before} and with {after}, to the last digit".strip()
        return row(claim, f"{same}: in these trainings it never took effect", None)
    change = (b["mean"] / a["mean"] - 1) * 100
    here = f"{on} {metric}".strip() + (
        f" {a['mean']:.3f} [{a['low']:.3f}, {a['high']:.3f}] -> {b['mean']:.3f} [{b['low']:.3f}, {b['high']:.3f}] "
        f"({change:+.0f} %) over {int(min(a['seeds'], b['seeds']))} seeds; "
        + ("larger than" if counts else "within")
        + " the spread"
    )
    if sign == 0:
        widest = (max(a["high"], b["high"]) / min(a["low"], b["low"]) - 1) * 100
        if abs(change) < HARDLY:
            return row(claim, here, True if widest < HARDLY else UNDECIDED)
        return row(claim, here, False if counts else UNDECIDED)
    if counts:
        return row(claim, here, bool(np.sign(change) == sign))
    if not min(a["low"], a["high"]) > 0:  # no percentage of nothing
        return row(claim, here, UNDECIDED)
    most = (b["high"] / a["low"] - 1 if sign > 0 else 1 - b["low"] / a["high"]) * 100
    return row(claim, f"{here}, {most:.0f} % at most", False if most < HARDLY else UNDECIDED)


def more(one: float, other: float) -> bool | str | None:
    """Whether one number of a single training is larger than another; `UNDECIDED` where they hardly differ, None for NaN.

    >>> more(0.30, 0.20), more(0.20, 0.30), more(0.202, 0.200), more(float("nan"), 0.2)
    (True, False, 'undecided here', None)
    """
    if pd.isna(one) or pd.isna(other):
        return None
    return UNDECIDED if abs(one - other) < HARDLY / 100 * abs(other) else bool(one > other)


def over_scenes(differences: pd.Series, scenes: pd.Series) -> tuple[float, float]:
    """Mean over scenes of a number of every frame, and two standard errors of that mean, for one trained net.

    Frames of one scene count as one observation: they show the same room. The error is infinite for fewer than two scenes.

    >>> over_scenes(pd.Series([1.0, 3.0, 5.0, 6.0]), pd.Series(["a", "a", "b", "c"]))
    (4.333333333333333, 2.4037008503093262)
    """
    means = differences.groupby(scenes).mean().dropna()
    return float(means.mean()), float(2 * means.sem()) if len(means) > 1 else float("inf")


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
