"""What nets score on data that they were not trained on (`depthnb evaluate --net`): from simulation to reality."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import files, runs
from depthnb.evidence.scenes import ratio
from depthnb.evidence.trainings import ABLATION
from depthnb.report.results import METHODS
from depthnb.runs.trained import METRIC

_FULL = re.compile(r"(.+-full)-seed\d+")  # full run with another seed than 0
_Judged = tuple[Mapping, pd.DataFrame]  # run.json of a net that was judged, and its scores by image
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
        Label of the other data, with a hash of its content where two have one label -> one row a method, the best first. Nets
        that differ in their seed alone are one row with their mean: how a net does on other cameras is luck to a good part.
        Columns: net, runs (their folders), nets (how many), frames, scenes; `at home` (abs_rel in metres on the test frames of
        its own data), `there`; the same aligned by scale and shift in inverse depth (`aligned at home`, `aligned there`);
        `there std` and `aligned there std`, over the nets; `against the mean image`, the change of its metric abs_rel against
        the mean image in percent, and `aligned against it`, that of the aligned one against the mean image, aligned too; both
        with `low` and `high`, 95 % when the scenes are drawn again. What the two opponents score there: `mean depth`, `mean
        image`, `aligned mean depth`, `aligned mean image`. NaN where a net knows no metres, a run does not say, or there is one
        scene or one net.
    """
    tables: dict[tuple[str, str], dict[tuple[str, str], dict[object, _Judged]]] = {}
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
            row = _row([(record, by_image)])  # by itself first, so that a damaged one is told from its group
        except (OSError, ValueError, KeyError, TypeError) as error:
            said = f"{record['folder'].parent.name} is damaged and left out ({error}); judge that net again"
            print(said) if problems is None else problems.append(said)
            continue
        content = str((record.get("content") or {}).get("test", ""))
        group = tables.setdefault((_label(record, row), content), {}).setdefault(_family(asked), {})
        group.setdefault((asked["net"], record["params"].get("net")), (record, by_image))
    order = {"by": "aligned there", "ignore_index": True}
    labels = [label for label, _ in tables]
    return {
        f"{label} ({content})" if labels.count(label) > 1 else label: pd.DataFrame(
            [_row(list(group.values())) for group in groups.values()]
        ).sort_values(**order)
        for (label, content), groups in sorted(tables.items())
    }


def compact(table: pd.DataFrame) -> pd.DataFrame:
    """A table of `judged` as it is read: errors at home and there, ± over nets of several seeds, and the changes as text."""
    said = {"method": table["net"], "nets": table["nets"]}
    for start, change in (("", "against the mean image"), ("aligned ", "aligned against it")):
        said[f"{start or 'abs_rel '}at home"] = table[f"{start}at home"]
        there = table[[f"{start}there", f"{start}there std"]]
        said[f"{start or 'abs_rel '}there"] = [_spread(*line) for line in there.itertuples(index=False)]
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


def _spread(mean: float, std: float) -> str:
    return "" if np.isnan(mean) else f"{mean:.3f}" + ("" if np.isnan(std) else f" ± {std:.3f}")


def _change(value: float, low: float, high: float) -> str:
    """A change in per cent, and its interval where there is one."""
    if np.isnan(value):
        return ""
    return f"{value:+.0f} %" + ("" if np.isnan(low) else f" [{low:+.0f}, {high:+.0f}]")


def _label(record: Mapping, row: Mapping) -> str:
    place = str(record["params"].get("data_root") or "").rpartition("/")[2]
    counts = [f"{row[name]} {name[:-1] if row[name] == 1 else name}" for name in ("frames", "scenes")]
    return f"{record['dataset']}{f' {place}' if place else ''}, {' of '.join(counts)}"


def _family(asked: Mapping) -> tuple[str, str]:
    """What nets have in common that differ in their seed alone, by the names that `make evidence` gives their runs."""
    notebook, _, run = str(asked["net"]).partition("/")
    named = ABLATION.fullmatch(run) or _FULL.fullmatch(run)
    return str(asked["kind"]), f"{notebook}/{run[: named.end(1)] if named else run}"


def _row(judged: Sequence[_Judged]) -> dict:
    """One row of the table: the mean of nets that differ in their seed alone, each with its record and its scores by image."""
    record, by_image = judged[0]
    asked = record["asked"]
    notebook, _, run = asked["net"].partition("/")
    name = METHODS.get(notebook, asked["net"])
    line = ABLATION.fullmatch(run)
    name += f", {line[1].replace('-', ' ')}" if line else ""
    folders = [each["folder"] for each, _ in judged]
    row = {"net": name, "runs": tuple(f"{folder.parent.name}/{folder.name}" for folder in folders), "nets": len(judged)}
    row |= {"frames": by_image["id"].nunique(), "scenes": by_image["scene"].nunique()}
    parts = ["id", "scene", "prediction", "measured"]
    by_image = (
        pd.concat([each for _, each in judged])[[*parts, "abs_rel"]].groupby(parts, as_index=False, sort=False).mean()
    )
    metric = asked["kind"] == METRIC
    for start, split, change, measured in (
        ("", "test" if metric else None, "against the mean image", "direct" if metric else None),
        ("aligned ", "aligned" if metric else "test", "aligned against it", "aligned" if metric else "direct"),
    ):
        home = [(each["asked"]["at_home"].get(split) or {}).get("abs_rel", np.nan) for each, _ in judged]
        there = [each["metrics"][split]["abs_rel"] if split else np.nan for each, _ in judged]
        row[f"{start}at home"], row[f"{start}there"] = float(np.mean(home)), float(np.mean(there))
        row[f"{start}there std"] = float(np.std(there, ddof=1)) if len(there) > 1 else np.nan
        row |= _changes(by_image, measured, _RIVAL, change)
        for opponent in ("mean depth", "mean image"):
            kept = [each.get("baselines", {}).get(split, {}).get(opponent.replace(" ", "_"), {}) for each, _ in judged]
            row[f"{start}{opponent}"] = float(np.mean([each.get("abs_rel", np.nan) for each in kept]))
    return row


def _changes(by_image: pd.DataFrame, measured: str | None, opponent: str, name: str) -> dict[str, float]:
    """Change of the mean abs_rel against an opponent in percent, and its interval over scenes."""
    part = by_image[by_image["measured"] == measured].pivot(index="id", columns="prediction", values="abs_rel").dropna()
    if measured is None or opponent not in part or not len(part):
        return dict.fromkeys((name, f"{name} low", f"{name} high"), float("nan"))
    scene = by_image.drop_duplicates("id").set_index("id")["scene"].loc[part.index]
    changes = [100 * (each - 1) for each in ratio(part[opponent], part["net"], scene)]
    return dict(zip((name, f"{name} low", f"{name} high"), changes, strict=True))
