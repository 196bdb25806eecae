"""Ablations: what each line of notebooks/params/sweep.txt changes, beside its base and the spread of the seeds."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from depthnb.claims.rules import NOT_COMPARED, apart, swept

BASE = "base"
_COLUMNS = ("changed", "mean", "low", "high", "seeds", "change", "apart", "parameters")


def ablations(notebook: str, *, metric: str = "abs_rel", on: str = "test") -> pd.DataFrame:
    """What every finished sweep run of a notebook changes: one row per line of the sweep, its base first.

    Columns: `changed`, the parameters that differ from the base, as text; `mean`, `low` and `high` of the metric on split `on`
    over `seeds` seeds; `change` of the mean from the base, relative; `apart` (`rules.apart`) from the base, None where not
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
    others = sorted((row for row in others if row["changed"] != first["changed"]), key=lambda row: row["mean"])
    for row in others:
        row["change"] = row["mean"] / first["mean"] - 1
        row["apart"] = apart(row, first)
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
        said = [f"{row.changed} ({100 * row.change:+.0f} %)" for row in rows.itertuples()]
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
