"""Ablations: what each change does to the full run of a notebook, in one table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb.evidence.seeds import MARGIN, between
from depthnb.evidence.trainings import BASE, DOUBLED, ablation_runs, compared_params
from depthnb.evidence.verdicts import LOWER

COLUMNS = ("changed", "beside", "mean", "change (%)", "low", "high", "seeds", "steps", "note", "parameters")
FURTHER = f"{BASE}-"  # begins the name of a line that others are compared with, such as a shorter training


def ablations(
    notebook: str, *, dataset: str = "rooms", measure: str = "abs_rel", on: str = "test", margin: float = MARGIN
) -> pd.DataFrame:
    """What every ablation changes, beside its base: one row an ablation, those of one base together, the base first.

    The base is the full run, or a line of evidence.txt whose name begins with `base-` where that differs from the ablation in
    fewer parameters. It decides nothing: whether a claim holds stands in the notebook's table of claims, where one correction
    counts for all comparisons.

    Returns:
        A table with the columns `changed`, the parameters that differ from the base, as text; `beside`, the base, empty in its
        own row; `mean` of the measure over the seeds; `change (%)` from the base with `low` and `high` of its unadjusted 95 %
        interval; `seeds` that are paired; `steps` of one training; `note`, why there is no change to show; `parameters` of the
        net. Empty without a finished full run.

    >>> ablations("no_such_notebook").empty
    True
    """
    lines: dict[str, list[dict]] = {}
    for name, record in ablation_runs(notebook, dataset):
        if record["metrics"].get(on, {}).get(measure) is not None and not name.endswith(DOUBLED):
            lines.setdefault(name, []).append(record)
    base = lines.pop(BASE, None)
    if base is None:
        return pd.DataFrame(columns=list(COLUMNS))
    bases = {"(base)": base}
    for name in [name for name in lines if name.startswith(FURTHER)]:
        group = lines.pop(name)
        label = f"(base: {_words(_difference(base[0], group[0]))})"
        bases[label] = max(bases.get(label, []), group, key=len)  # two may differ in nets that are not compared
    rows: dict[str, list[dict]] = {name: [] for name in bases}
    for group in lines.values():
        name = min(bases, key=lambda name: len(_difference(bases[name][0], group[0])))
        change = _difference(bases[name][0], group[0])
        if not change:  # an encoder that found no weights came to the base's own training
            continue
        before = {key: bases[name][0]["params"].get(key) for key in change}
        options = {"measure": measure, "on": on, "margin": margin, "dataset": dataset}
        compared = between(notebook, before, change, claim="", direction=LOWER, **options)
        line = _line(group, measure, on)
        rows[name].append({"changed": _words(change), "beside": name, **line, **_effect(compared)})
    table = []
    for name, group in bases.items():
        if group is not base and not rows[name]:  # nothing is compared with it
            continue
        table.append({"changed": name, "beside": "", **_line(group, measure, on), "note": ""})
        table += sorted(rows[name], key=lambda row: row["mean"])
    return pd.DataFrame(table, columns=list(COLUMNS))


def ablations_said(table: pd.DataFrame) -> str:
    """What `ablations` found, in one short sentence for each outcome."""
    if table.empty:
        return "No finished full run is here, so nothing is compared: make report PRESET=rooms-full."
    others = table[table["beside"] != ""]
    if others.empty:
        return "No ablation is finished here, so nothing is compared."
    known = others["change (%)"].notna()
    outcomes = {
        "Lower than the base": known & (others["high"] < 0),
        "Higher than the base": known & (others["low"] > 0),
        "The interval encloses no change": known & (others["low"] <= 0) & (others["high"] >= 0),
        "Not compared": ~known,
    }
    sentences = []
    for label, chosen in outcomes.items():
        names = [
            f"{line.changed} ({line.note})" if pd.isna(change) else f"{line.changed} ({change:+z.1f} %)"
            for line, change in zip(others[chosen].itertuples(), others.loc[chosen, "change (%)"], strict=True)
        ]
        sentences += [f"{label}: {', '.join(names)}."] if names else []
    return " ".join(sentences)


def _effect(compared) -> dict:
    """What a row says of its comparison; without one the reason."""
    effect = compared.effect
    if effect is None:
        return {"note": "under-trained" if "under-trained" in compared.here else "too few seeds"}
    if effect.none_at_all:
        return {"note": "the change never took effect", "seeds": effect.pairs}
    low, high = effect.interval()
    return {"change (%)": effect.change, "low": low, "high": high, "seeds": effect.pairs, "note": ""}


def _difference(base: Mapping, record: Mapping) -> dict[str, object]:
    before = compared_params(base)
    return {key: value for key, value in compared_params(record).items() if value != before.get(key)}


def _words(change: Mapping[str, object]) -> str:
    return ", ".join(f"{key}={value}" for key, value in change.items())


def _line(group: Sequence[Mapping], measure: str, on: str) -> dict:
    values = [record["metrics"][on][measure] for record in group]
    return {
        "mean": float(np.mean(values)),
        "seeds": len(group),
        "steps": group[0].get("steps"),
        "parameters": group[0].get("parameters"),
    }
