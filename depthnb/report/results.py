"""Finished runs as results: found, chosen by preset, parted by how they were measured, grouped over seeds."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from depthnb import evaluation, files, metrics, runs
from depthnb.evidence.trainings import BESIDE, NOT_COMPARED, parameters, precision
from depthnb.weights.origin import Origin

METHODS: Mapping[str, str] = {
    "02_bn_cnn": "BN-CNN",
    "03_eigen": "Eigen",
    "04_unet": "U-Net",
    "05_densenet": "DenseNet transfer",
    "06_hma": "HMA-Depth",
    "07_midas": "MiDaS recipe",
    "08_style_transfer": "Style transfer",
    "09_gan": "GAN",
    "11_today": "Today's recipe",
    "13_self_supervised": "Self-supervised",
}
BEST = (
    "rooms-full",
    "streets-full",
    "paper",
    "quick",
    "judged",
)  # what `best` looks for, in this order, for each notebook
PRESETS = ("best", *BEST, "ablation")
BAND_METRICS = metrics.PIXEL_NAMES  # what a band of distance defines
FROM_IMAGENET = ("05_densenet", "08_style_transfer")  # about ImageNet weights: where there were none, the name says so
SCORED = "test"  # the split that is compared


@dataclass(frozen=True, eq=False)
class Result:
    """One finished run and what it scored on its test split.

    `measured` stands for all that must be equal between results of one table.

    Attributes:
        frames: stands for the very test frames (a hash of their ids and of their files' content).
        baselines, nets: name -> metrics, of the opponents and of every net that the run trained.
        aligned: as `metrics`, after a scale and a shift were fitted in inverse depth; empty where the run does not say.
        aligned_baselines: those of the opponents; empty likewise.
        steps: of the optimiser; NaN where unknown.
        seconds: of training, interruptions included; NaN where unknown.
        multiply_adds: in billions; NaN where unknown.
        milliseconds: of one answer; NaN where unknown.
        size: (H, W) of the images that it saw, None where unknown.
        origin: where the net's first weights come from.
        inputs: what lay in the files that parameters name.
    """

    notebook: str
    run: str
    dataset: str
    protocol: metrics.Protocol
    frames: str
    seed: int | None
    params: dict[str, Any]
    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    nets: dict[str, dict[str, float]]
    aligned: dict[str, float]
    aligned_baselines: dict[str, dict[str, float]]
    parameters: float
    steps: float
    seconds: float
    multiply_adds: float
    milliseconds: float
    size: tuple[int, int] | None
    device: str
    commit: str
    origin: Origin
    inputs: dict[str, str]
    folder: Path
    per_image: pd.DataFrame = field(repr=False)
    by_distance: pd.DataFrame = field(repr=False)

    @property
    def label(self) -> str:
        return f"{self.notebook}/{self.run}"

    @property
    def preset(self) -> str:
        return preset_of(self.run)

    @property
    def measured(self) -> tuple[str, str, str]:
        return self.dataset, str(self.protocol), self.frames

    @property
    def method(self) -> str:
        return METHODS.get(self.notebook, self.notebook)

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that make the method what it is; of files their content."""
        values = {name: f"{self.params.get(name, '')} ({content})".strip() for name, content in self.inputs.items()}
        return {
            name: value for name, value in {**self.params, **values}.items() if name not in (*NOT_COMPARED, *BESIDE)
        }

    @property
    def taught(self) -> bool:
        """Whether it began with weights that were found; parameters say only what was looked for."""
        return self.origin.pretrained


def preset_of(run: str) -> str:
    """The preset that a run's name says: what is left without the endings for a seed and for a hash.

    >>> [preset_of(name) for name in ("quick", "quick-0a1b2c3d", "rooms-full-seed1", "ablation-frames-160-seed2", "long")]
    ['quick', 'quick', 'rooms-full', 'ablation', 'long']
    """
    name = re.sub(r"-[0-9a-f]{8}$", "", run)
    name = re.sub(r"-seed\d+$", "", name)
    return "ablation" if name.startswith("ablation") else name


def check(*, metric: str, preset: str, results: Sequence[Result] = ()) -> None:
    """Raise ValueError for a metric or preset that does not exist, naming the nearest; any run's name is a preset too."""
    presets = (*PRESETS, *(each.preset for each in results))
    for what, value, known in (("metric", metric, metrics.NAMES), ("preset", preset, presets)):
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"{what} {value!r} is not known; {hint}Known: {', '.join(dict.fromkeys(known))}")


def load(dataset: str) -> tuple[list[Result], list[str]]:
    """All finished runs that were judged on the test split of a data set, and sentences on what had to be left out.

    Unfinished runs do not exist. A damaged run folder is left out and named, so that one bad file does not hide the rest;
    so is a second run of the same method, parameters, seed and first weights.
    """
    notes: list[str] = []
    records = runs.finished(problems=notes)
    found = read_all(records, dataset, notes)
    notes.sort()
    bare = sum(_bare(record) for record in records if _scored(record, dataset))
    if bare:
        notes.append(
            f"runs of ablations with run.json alone, as git keeps them: {bare}, in the ablations and not in the tables"
        )
    return found, notes


def read_all(records: Sequence[Mapping[str, Any]], dataset: str, problems: list[str]) -> list[Result]:
    """The results among finished runs that were judged on the test split of a data set.

    Args:
        records: their run.json, as `runs.finished` gives them.
        problems: gets a sentence for each whose folder is damaged. Ablations of which git keeps run.json alone are no results.
    """
    found = []
    for record in records:
        folder = record["folder"]
        if not _scored(record, dataset) or _bare(record):
            continue
        try:
            found.append(_result(record))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}".replace(f"{folder}/", "")
            label = f"{folder.parent.name}/{folder.name}"
            problems.append(f"{label} is damaged and left out ({reason}); delete this folder and train again")
    return _without_repeats(found, problems)


def _scored(record: Mapping[str, Any], dataset: str) -> bool:
    return record.get("dataset") == dataset and SCORED in record.get("metrics", {})


def _bare(record: Mapping[str, Any]) -> bool:
    """Whether it is an ablation of which only run.json is there."""
    return preset_of(record["folder"].name) == "ablation" and not (record["folder"] / "per_image.csv").exists()


def _result(content: Mapping[str, Any]) -> Result:
    folder = content["folder"]
    per_image = files.read_table(folder / "per_image.csv")
    by_distance = files.read_table(folder / "by_distance.csv")
    _require(per_image, ("id", "scene", "scene_type", "abs_rel"), "per_image.csv")
    _require(by_distance, ("lower", "upper", "pixels", *BAND_METRICS), "by_distance.csv")
    expected = content.get("scored", (content.get("split_counts") or {}).get(SCORED, len(per_image)))
    if len(per_image) != expected:
        raise ValueError(f"per_image.csv has {len(per_image)} rows, and {expected} frames were scored")
    if not content.get("protocol"):
        raise ValueError("run.json names no protocol")
    scored = "\n".join([*sorted(per_image["id"]), str((content.get("content") or {}).get(SCORED, ""))])
    return Result(
        notebook=content["notebook"],
        run=folder.name,
        dataset=content["dataset"],
        protocol=metrics.Protocol.from_record(content["protocol"]),
        frames=f"{len(per_image)} test frames {hashlib.sha256(scored.encode()).hexdigest()[:8]}",
        seed=content.get("seed"),
        params={**parameters(content), "precision": precision(content)},
        metrics=_numbers(content["metrics"][SCORED]),
        baselines=_opponents(content, SCORED),
        nets={name: _numbers(each) for name, each in (content.get("nets") or {}).items()},
        aligned=_numbers(content["metrics"].get("aligned") or {}),
        aligned_baselines=_opponents(content, "aligned"),
        parameters=_number(content.get("parameters")),
        steps=_number(content.get("steps")),
        seconds=_number(content.get("training_seconds", content.get("seconds"))),
        multiply_adds=_number(content.get("multiply_adds")),
        milliseconds=_number(content.get("milliseconds")),
        size=tuple(content["size"]) if content.get("size") else None,
        device=str(content.get("device") or "unknown"),
        commit=str(content.get("commit") or "unknown"),
        origin=Origin.from_record(content.get("origin")),
        inputs=dict(content.get("inputs") or {}),
        folder=folder,
        per_image=per_image,
        by_distance=by_distance,
    )


def _opponents(content: Mapping[str, Any], split: str) -> dict[str, dict[str, float]]:
    return {name: _numbers(each) for name, each in ((content.get("baselines") or {}).get(split) or {}).items()}


def _require(frame: pd.DataFrame, columns: Sequence[str], file: str) -> None:
    missing = [name for name in columns if name not in frame]
    if missing or frame.empty:
        raise ValueError(f"{file} lacks {missing or 'rows'}")


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)  # run.json writes NaN as null


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: _number(value) for name, value in values.items()}


def _without_repeats(results: list[Result], notes: list[str]) -> list[Result]:
    """Of runs with the same parameters, seed and first weights keep the one with the plainest name, and say so."""
    kept: dict[tuple, Result] = {}
    for each in sorted(results, key=lambda r: (len(r.run), r.run)):
        key = (*_group(each), each.measured, each.seed)
        if key in kept:
            notes.append(f"{each.label} is left out: the same parameters and seed as {kept[key].label}")
        else:
            kept[key] = each
    return sorted(kept.values(), key=lambda r: (r.notebook, r.run))


def _group(one: Result) -> tuple[str, str, str, tuple[str, str]]:
    """What runs that differ in their seed alone have in common: settings, with the files they name, and first weights."""
    return one.notebook, one.preset, repr(sorted(one.settings.items())), (one.origin.kind, one.origin.content)


def select(results: Sequence[Result], preset: str = "best") -> list[Result]:
    """The runs of one preset; `best`: for each notebook the first preset of `BEST` that has a finished run."""
    if preset != "best":
        return [each for each in results if each.preset == preset]
    found = {each.notebook: [name for name in BEST if (each.notebook, name) in _have(results)] for each in results}
    return [each for each in results if found[each.notebook][:1] == [each.preset]]


def _have(results: Sequence[Result]) -> set[tuple[str, str]]:
    return {(each.notebook, each.preset) for each in results}


def comparable(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results parted into those that may stand in one table; the part with most methods first.

    Keys are endings of file names: "" for the first part, "-<protocol>" for the others, numbered where they share one.
    """
    parts: dict[tuple, list[Result]] = {}
    for each in results:
        parts.setdefault(each.measured, []).append(each)
    ordered = sorted(parts.values(), key=lambda part: (-len({r.notebook for r in part}), -len(part), part[0].measured))
    names = ["-" + re.sub(r"[^A-Za-z0-9]+", "-", part[0].protocol.name) for part in ordered]
    endings = [f"{name}-{names[:i].count(name) + 1}" if name in names[:i] else name for i, name in enumerate(names)]
    return dict(zip(["", *endings[1:]], ordered, strict=True)) if ordered else {}


def as_aligned(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Results as if each had been aligned with the truth by scale and shift in inverse depth, and which are left out.

    So nets that say metres may stand beside those that know none. What a metric run scored so is in its run.json; runs of an
    older depthnb do not say it. Only runs on the test frames that most of them share are taken. Each has its `metrics` and
    `baselines` replaced, and not what it keeps of single frames. Left out are methods, with how many of their runs.
    """
    found = []
    for each in results:
        if each.protocol.alignment == evaluation.ALIGNED:
            found.append(each)
        elif each.aligned:
            rule = each.protocol.with_alignment(evaluation.ALIGNED)
            found.append(replace(each, protocol=rule, metrics=each.aligned, baselines=each.aligned_baselines))
    if found:
        common = Counter(each.measured for each in found).most_common(1)[0][0]
        found = [each for each in found if each.measured == common]
    labels = {each.label for each in found}
    without = Counter(each.method for each in results if each.label not in labels)
    all_runs = Counter(each.method for each in results)
    return found, [
        name if count == all_runs[name] else f"{name} ({count} of {all_runs[name]} runs)"
        for name, count in without.items()
    ]


def explain(results: Sequence[Result], chosen: Sequence[Result], notes: Sequence[str], *, preset: str) -> str:
    """What is compared and what is not, in lines to print; without any run the commands that make some."""
    lines = list(notes)
    if chosen:
        lines.append("compared: " + ", ".join(each.label for each in chosen))
    labels = {each.label for each in chosen}
    others = Counter(f"{each.notebook} {each.preset}" for each in results if each.label not in labels)
    if others:
        lines.append(f"finished, but not of preset {preset}: " + ", ".join(f"{k} ({n})" for k, n in others.items()))
    if not chosen:
        lines.append(
            f"Nothing to compare: no finished run of preset {preset} on this data set. `make report` trains every method "
            "with quick defaults and comes back here; one alone: `papermill notebooks/03_eigen.ipynb out.ipynb`."
        )
    parts = comparable(chosen).values()
    if len(parts) > 1:
        lines.append(f"{len(parts)} ways of measuring, so {len(parts)} tables, each with its own figures:")
    lines += [f"measured on {measured(part)}" for part in parts]
    return "\n".join(lines)


def measured(results: Sequence[Result]) -> str:
    """The one way in which all results were measured, as a line to print.

    Numbers measured differently do not make a ranking.

    Raises:
        ValueError: where data set, protocol or test frames differ.
    """
    if not results:
        raise ValueError("no results to compare; select some of results.load(dataset)")
    first = results[0]
    for what, index in (("data sets", 0), ("protocols", 1), ("test frames", 2)):
        other = next((each for each in results if each.measured[index] != first.measured[index]), None)
        if other is not None:
            raise ValueError(
                f"results of different {what} cannot stand in one table: {first.label} has {first.measured[index]!r}, "
                f"{other.label} has {other.measured[index]!r}; part them with results.comparable(results) and make "
                "one table of each"
            )
    return f"{first.dataset}, {first.frames.rpartition(' ')[0]}; {first.protocol}"


def groups(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Name -> runs that differ in their seed alone, in the order of the notebooks.

    Runs that began with different weights are not one group, whatever their parameters looked for. The name is the method's;
    where a notebook has several groups, what tells them apart stands behind it, "quick" also beside longer runs of others, and
    "random weights" also where the method is about ImageNet weights and had none.

    Raises:
        ValueError: as `measured`.
    """
    measured(results)
    parts: dict[tuple, list[Result]] = {}
    for each in results:
        parts.setdefault(_group(each), []).append(each)
    rivals = {notebook: [p[0] for p in parts.values() if p[0].notebook == notebook] for notebook, *_ in parts}
    short = "quick" if len({each.preset for each in results}) > 1 else None
    return {_name(part[0], rivals[part[0].notebook], short): part for part in parts.values()}


def _name(one: Result, rivals: Sequence[Result], short: str | None) -> str:
    """What a group is called: its method, and what tells it apart from its rivals.

    Args:
        short: the preset that is named in any case.
    """
    differing = [one.preset] if one.preset == short or len({each.preset for each in rivals}) > 1 else []
    for key in dict.fromkeys(key for each in rivals for key in each.settings):
        if len({repr(each.settings.get(key)) for each in rivals}) > 1:
            value = one.settings.get(key, "not said")  # by a run of before the notebook had it
            differing.append(f"{key} {value}")
    needed = one.notebook in FROM_IMAGENET and one.origin.detail
    if not one.taught and (needed or any(each.taught for each in rivals)):
        differing.append("random weights")
    elif one.taught and len({each.origin.content for each in rivals if each.taught}) > 1:
        differing.append(f"{one.origin.detail} {one.origin.content}".strip())
    return one.method + (f" ({', '.join(differing)})" if differing else "")
