"""What nets score on data that they were not trained on (`depthnb evaluate --net`): from simulation to reality."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import files, runs
from depthnb.evidence.scenes import ratio
from depthnb.report.results import METHODS
from depthnb.runs.trained import METRIC

_LINE = re.compile(r"ablation-(.+?)-\d+")  # run of a line of evidence.txt
_RIVAL = "mean_image"  # of the net's training data where they are here; aligned as the net is


def judged(
    dataset: str, *, records: Sequence[Mapping] | None = None, problems: list[str] | None = None
) -> dict[str, pd.DataFrame]:
    """What nets that were trained on one data set score on others.

    Args:
        dataset: that of the training; nets that learnt from more of the same kind (rooms+more) are taken too, and published
            ones, whose training data are not here.
        records: run.json of finished runs, as `runs.finished` gives them, which they are by default.
        problems: gets a sentence for each run that was left out; without it they are printed.

    Returns:
        Label of the other data, with a hash of its content where two have one label -> one row a net, the best first: net,
        run (its folder), frames, scenes; `at home` (abs_rel in metres on the test frames of its own data), `there`; the same
        aligned by scale and shift in inverse depth (`aligned at home`, `aligned there`); `against the mean image`, the change
        of its metric abs_rel against the mean image in percent, and `aligned against it`, that of the aligned one against the
        mean image, aligned too; both with `low` and `high`, 95 % when the scenes are drawn again. What the two opponents score
        there: `mean depth`, `mean image`, `aligned mean depth`, `aligned mean image`. NaN where a net knows no metres, a run
        does not say, or there is one scene.
    """
    tables: dict[tuple[str, str], list[dict]] = {}
    for record in runs.finished() if records is None else records:
        asked = record.get("asked")
        if (
            not asked
            or record.get("dataset") == dataset
            or asked["trained_on"] not in (dataset, f"{dataset}+more", None)
        ):
            continue
        try:
            by_image = files.read_table(record["folder"] / "tables" / "by_image.csv")
            row = _row(record, asked, by_image)
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = f"{record['folder'].parent.name} is damaged and left out ({error}); judge that net again"
            print(said) if problems is None else problems.append(said)
            continue
        content = str((record.get("content") or {}).get("test", ""))
        tables.setdefault((_label(record, row), content), []).append(row)
    order = {"by": "aligned there", "ignore_index": True}
    labels = [label for label, _ in tables]
    return {
        f"{label} ({content})" if labels.count(label) > 1 else label: pd.DataFrame(rows).sort_values(**order)
        for (label, content), rows in sorted(tables.items())
    }


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `judged` as it is read: method, errors at home and there, and the changes with their intervals as text."""
    said = {"method": table["net"]}
    for start, change in (("", "against the mean image"), ("aligned ", "aligned against it")):
        for place in ("at home", "there"):
            said[f"{start or 'abs_rel '}{place}"] = table[f"{start}{place}"]
        said[f"{start}against the mean image"] = [
            _change(*line) for line in table[[change, f"{change} low", f"{change} high"]].itertuples(index=False)
        ]
    return pd.DataFrame(said)


def constants(table: pd.DataFrame) -> list[str]:
    """What those score that never see a picture, in one sentence; none where no run says it.

    Of a constant a scale and a shift leave each image's best constant.
    """
    parts = []
    for start, label, names in (
        ("", "", ("mean depth", "mean image")),
        ("aligned ", "aligned: ", ("each image's best constant", "mean image")),
    ):
        scores = table[[f"{start}mean depth", f"{start}mean image"]].dropna()
        if len(scores):
            said = " and ".join(f"{name} {score:.3f}" for name, score in zip(names, scores.iloc[0], strict=True))
            parts.append(f"{label}{said}")
    return [f"Without a look at the picture: {'; '.join(parts)}."] if parts else []


def _change(value: float, low: float, high: float) -> str:
    """A change in per cent, and its interval where there is one."""
    if np.isnan(value):
        return ""
    return f"{value:+.0f} %" + ("" if np.isnan(low) else f" [{low:+.0f}, {high:+.0f}]")


def _label(record: Mapping, row: Mapping) -> str:
    place = str(record["params"].get("data_root") or "").rpartition("/")[2]
    counts = [f"{row[name]} {name[:-1] if row[name] == 1 else name}" for name in ("frames", "scenes")]
    return f"{record['dataset']}{f' {place}' if place else ''}, {' of '.join(counts)}"


def _row(record: Mapping, asked: Mapping, by_image: pd.DataFrame) -> dict:
    notebook, _, run = asked["net"].partition("/")
    name = METHODS.get(notebook, asked["net"])
    line = _LINE.fullmatch(run)
    name += f", {line[1].replace('-', ' ')}" if line else ""
    folder = record["folder"]
    row = {"net": name, "run": f"{folder.parent.name}/{folder.name}"}
    row |= {"frames": by_image["id"].nunique(), "scenes": by_image["scene"].nunique()}
    metric, home = asked["kind"] == METRIC, asked["at_home"]
    nan = float("nan")
    row["at home"] = (home.get("test") or {}).get("abs_rel", nan) if metric else nan
    row["there"] = record["metrics"]["test"]["abs_rel"] if metric else nan
    row["aligned at home"] = (home.get("aligned" if metric else "test") or {}).get("abs_rel", nan)
    row["aligned there"] = record["metrics"]["aligned" if metric else "test"]["abs_rel"]
    direct, aligned = ("direct", "aligned") if metric else (None, "direct")
    row |= _changes(by_image, direct, _RIVAL, "against the mean image")
    for start, split in (("", "test" if metric else ""), ("aligned ", "aligned" if metric else "test")):
        for name in ("mean depth", "mean image"):
            kept = record.get("baselines", {}).get(split, {}).get(name.replace(" ", "_"), {})
            row[f"{start}{name}"] = kept.get("abs_rel", nan)
    return row | _changes(by_image, aligned, _RIVAL, "aligned against it")


def _changes(by_image: pd.DataFrame, measured: str | None, opponent: str, name: str) -> dict[str, float]:
    """Change of the mean abs_rel against an opponent in percent, and its interval over scenes."""
    part = by_image[by_image["measured"] == measured].pivot(index="id", columns="prediction", values="abs_rel").dropna()
    if measured is None or opponent not in part or not len(part):
        return dict.fromkeys((name, f"{name} low", f"{name} high"), float("nan"))
    scene = by_image.drop_duplicates("id").set_index("id")["scene"].loc[part.index]
    changes = [100 * (each - 1) for each in ratio(part[opponent], part["net"], scene)]
    return dict(zip((name, f"{name} low", f"{name} high"), changes, strict=True))
