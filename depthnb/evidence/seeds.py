"""What finished runs with several seeds say: sweeps, single changes, and ablations beside their base."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import runs
from depthnb.evidence.verdicts import HARDLY, UNDECIDED, row
from depthnb.weights.origin import Origin

SWEEP = re.compile(r"sweep-(?P<name>.+)-(?P<seed>\d+)")


NOT_COMPARED = ("run", "seed", "device", "data_root")


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
        if "pretrained" in params and each.get("origin") and not Origin.from_record(each["origin"]).pretrained:
            params["pretrained"] = "none"
        frames = json.dumps([each.get("data"), (each.get("content") or {}).get("test")], sort_keys=True)
        for key, content in (each.get("inputs") or {}).items():  # another file of the same name is another parameter
            params[key] = f"{params[key]} ({content})"
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


BASE = "base"
_COLUMNS = ("changed", "mean", "low", "high", "seeds", "change", "apart", "parameters")


def ablations(notebook: str, *, metric: str = "abs_rel", on: str = "test") -> pd.DataFrame:
    """What every finished sweep run of a notebook changes: one row per line of the sweep, its base first.

    Columns: `changed`, the parameters that differ from the base, as text; `mean`, `low` and `high` of the metric on split `on`
    over `seeds` seeds; `change` of the mean from the base, relative; `apart` (`apart`) from the base, None where not
    decided; `parameters` of the net. The other rows are sorted by mean. A line that came to the same training as the base (an
    encoder that found no weights) is left out. Empty without a finished run named sweep-base-<seed>.

    >>> ablations("no_such_notebook").empty
    True
    """
    found: dict[str, list[Mapping]] = {}
    for name, each in swept(notebook):
        if each["metrics"].get(on, {}).get(metric) is not None:
            found.setdefault(name, []).append(each)
    base = found.pop(BASE, None)
    if base is None:
        return pd.DataFrame(columns=list(_COLUMNS))
    first = _row(base, base[0]["params"], metric, on)
    others = [_row(group, base[0]["params"], metric, on) for group in found.values()]
    others = sorted((line for line in others if line["changed"] != first["changed"]), key=lambda line: line["mean"])
    for line in others:
        line["change"] = line["mean"] / first["mean"] - 1
        line["apart"] = apart(line, first)
    return pd.DataFrame([first, *others], columns=list(_COLUMNS))


def ablations_said(table: pd.DataFrame) -> str:
    """A sentence: which changes of `ablations` are larger than the spread of the seeds, and which are not."""
    if table.empty:
        return "No finished sweep run of this notebook is here, so nothing is compared: make sweep."
    if len(table) == 1:
        return "Of the sweep only the base is finished here, so nothing is compared: make sweep."
    others = table.iloc[1:]
    parts = []
    for label, rows in (
        ("Larger than the spread of the seeds", others[others["apart"].eq(True)]),
        ("within it", others[others["apart"].eq(False)]),
        ("not decided, with one seed", others[others["apart"].isna()]),
    ):
        said = [f"{line.changed} ({100 * line.change:+.0f} %)" for line in rows.itertuples()]
        parts.append(f"{label}: {', '.join(said) or 'nothing'}")
    return "; ".join(parts[: 3 if others["apart"].isna().any() else 2]) + "."


def _row(group: list[Mapping], base: Mapping, metric: str, on: str) -> dict:
    """One line of the table from the runs of one name, that differ in their seed."""
    params = group[0]["params"]
    differ = [f"{key}={params[key]}" for key in params if key not in NOT_COMPARED and params[key] != base.get(key)]
    values = pd.Series([each["metrics"][on][metric] for each in group])
    return {
        "changed": ", ".join(differ) or "(base)",
        "mean": values.mean(),
        "low": values.min(),
        "high": values.max(),
        "seeds": len(group),
        "change": None,
        "apart": None,
        "parameters": group[0].get("parameters"),
    }
