"""Ablations: what each change does to the full run of a notebook, in one table and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb.evidence.seeds import LOWER, MARGIN, between
from depthnb.evidence.trainings import BASE, DOUBLED, ablation_runs, compared_params
from depthnb.evidence.verdicts import SAME, UNDECIDED, UNTESTED, holm, verdict


def ablations(notebook: str, *, measure: str = "abs_rel", on: str = "test", margin: float = MARGIN) -> pd.DataFrame:
    """What every ablation changes, beside the full runs: one row an ablation, the base first.

    Columns: `changed`, the parameters that differ from the base, as text; `mean` of the measure over the seeds; `change (%)`
    from the base with `low` and `high` of its unadjusted 95 % interval and `p (Holm)` over these rows; `seeds` that are
    paired; `steps` of one training; `verdict`: lower, higher, `SAME`, `UNDECIDED` or `UNTESTED`; `parameters` of the net. Empty
    without a finished full run.

    >>> ablations("no_such_notebook").empty
    True
    """
    columns = ["changed", "mean", "change (%)", "low", "high", "p (Holm)", "seeds", "steps", "verdict", "parameters"]
    lines: dict[str, list[dict]] = {}
    records = ablation_runs(notebook)
    for name, record in records:
        if record["metrics"].get(on, {}).get(measure) is not None and not name.endswith(DOUBLED):
            lines.setdefault(name, []).append(record)
    base = lines.pop(BASE, None)
    if base is None:
        return pd.DataFrame(columns=columns)
    first = {"changed": "(base)", **_line(base, measure, on), "seeds": len(base)}
    rows, judged = [], []
    for group in lines.values():
        change = _difference(base[0], group[0])
        if not change:  # an encoder that found no weights came to the base's own training
            continue
        before = {key: base[0]["params"].get(key) for key in change}
        effect = between(notebook, before, change, claim="", direction=LOWER, measure=measure, on=on, margin=margin)
        rows.append({"changed": ", ".join(f"{k}={v}" for k, v in change.items()), **_line(group, measure, on)})
        judged.append(effect)
    adjusted = iter(holm([each.effect.p for each in judged if each.effect]))
    for row, each in zip(rows, judged, strict=True):
        row |= {"verdict": UNTESTED, "seeds": row.pop("count")}
        if each.effect:
            p = next(adjusted)
            low, high = each.effect.interval()
            row |= {
                "change (%)": each.effect.change,
                "low": low,
                "high": high,
                "p (Holm)": p,
                "seeds": each.effect.pairs,
            }
            decided = verdict(each.effect, int(np.sign(each.effect.mean)) or LOWER, p)
            row["verdict"] = decided if decided in (SAME, UNDECIDED) else "lower" if each.effect.mean < 0 else "higher"
    first.pop("count")
    rows.sort(key=lambda row: row["mean"])
    return pd.DataFrame([first, *rows], columns=columns)


def ablations_said(table: pd.DataFrame) -> str:
    """What `ablations` found, in one short sentence a verdict."""
    if table.empty:
        return "No finished full run is here, so nothing is compared: make evidence."
    others = table.iloc[1:]
    if others.empty:
        return "Only the full runs are finished here, so nothing is compared: make evidence."
    labels = {
        "lower": "Lower than the base",
        "higher": "Higher than the base",
        SAME: "No difference that matters",
        UNDECIDED: "Undecided",
        UNTESTED: "Not tested (too few seeds, or nets that have barely learnt)",
    }
    sentences = []
    for key, label in labels.items():
        chosen = others[others["verdict"] == key]
        names = [
            line.changed if pd.isna(change) else f"{line.changed} ({change:+.1f} %)"
            for line, change in zip(chosen.itertuples(), chosen["change (%)"], strict=True)
        ]
        sentences += [f"{label}: {', '.join(names)}."] if names else []
    return " ".join(sentences)


def _difference(base: Mapping, record: Mapping) -> dict[str, object]:
    return {key: value for key, value in compared_params(record).items() if value != base["params"].get(key)}


def _line(group: Sequence[Mapping], measure: str, on: str) -> dict:
    values = [record["metrics"][on][measure] for record in group]
    return {
        "mean": float(np.mean(values)),
        "steps": group[0].get("steps"),
        "parameters": group[0].get("parameters"),
        "count": len(group),
    }
