"""Which finished runs belong together: those of one preset that differ in their seed, and the ablations beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from depthnb import runs
from depthnb.weights.origin import Origin

FULL = "*-full*"  # the presets whose runs decide: rooms-full on the rooms, streets-full on the streets
ABLATION = re.compile(r"ablation-(?P<name>.+?)-(?P<seed>\d{1,4})")
NOT_COMPARED = ("run", "seed", "device", "data_root", "weights")
# further nets of the same notebook, which do not change the one that a run stands for
BESIDE = (
    "rival",
    "twin",
    "pair_more",
    "members",
    "foundation",
    "foundation_weights",
    "foundation_epochs",
    "foundation_side",
)
# parameters that a notebook got later, and what the runs of before were trained with
LATER = {"09_gan": {"encoder": "plain", "pretrained": "auto"}, "11_today": {"blur": 0.0, "noise": 0.0}}
BASE, DOUBLED = "base", "-doubled"  # names of lines: the preset itself, and endings of those with twice the epochs


def full(notebook: str, dataset: str, *, nets: Sequence[str] = ()) -> list[dict]:
    """The finished full runs on a data set that differ in their seed alone, one a seed; the largest such group.

    Args:
        nets: that each must have trained.
    """
    groups: dict[str, dict[int, dict]] = {}
    for record in runs.finished(notebook, FULL):
        ablation = record["run"].startswith("ablation-")
        if not ablation and record.get("dataset") == dataset and set(nets) <= set(record.get("nets") or {}):
            groups.setdefault(_group(record), {}).setdefault(record.get("seed"), record)
    return list(max(groups.values(), key=len, default={}).values())


def ablation_runs(notebook: str, dataset: str) -> list[tuple[str, dict]]:
    """The full runs on a data set and the ablations beside them, on the same test frames: (name of the line, run.json).

    The full runs are called `BASE`. An ablation may have learnt from more than the data set (rooms+more). An encoder that was
    to start from ImageNet weights and found none is told from one that did: its parameter `pretrained` reads "none" here,
    whatever was asked for.
    """
    base = full(notebook, dataset)
    lines = [
        (line["name"], record)
        for record in runs.finished(notebook, "ablation-*")
        if (line := ABLATION.fullmatch(record["run"])) and runs.judged_on(record) == dataset
    ]
    chosen = [(BASE, record) for record in base] + lines
    frames = _frames(chosen[0][1]) if chosen else ""
    return [(name, _as_found(record)) for name, record in chosen if _frames(record) == frames]


def line_runs(notebook: str, dataset: str, line: str) -> list[dict]:
    """The finished runs of one line of evidence.txt on a data set; `BASE` for the full runs."""
    return [record for name, record in ablation_runs(notebook, dataset) if name == line]


def _as_found(record: dict) -> dict:
    params = parameters(record)
    if "pretrained" in params and not Origin.from_record(record.get("origin")).pretrained:
        params["pretrained"] = "none"
    for key, content in (record.get("inputs") or {}).items():  # another file of the same name is another parameter
        params[key] = f"{params.get(key, '')} ({content})".strip()
    return {**record, "params": params}


def doubles(record: Mapping, first: Mapping) -> bool:
    """Whether a run is the same training as another for twice as many epochs."""
    epochs = first["params"].get("epochs")
    if not epochs or record["params"].get("epochs") != 2 * epochs:
        return False
    return _group({**record, "params": {**record["params"], "epochs": epochs}}) == _group(first)


def compared_params(record: Mapping) -> dict[str, object]:
    """The parameters that two runs must share to be the same training, with the precision that was computed in."""
    params = {**parameters(record), "precision": precision(record)}
    return {key: value for key, value in params.items() if key not in (*NOT_COMPARED, *BESIDE)}


def parameters(record: Mapping) -> dict[str, object]:
    """The parameters of a run, with those that its notebook got after it."""
    return {**LATER.get(record.get("notebook", ""), {}), **record["params"]}


def precision(record: Mapping) -> str:
    """In which precision a run was computed; its parameter may say `auto`, which is another one on another machine.

    Runs that do not say it are of a time when no machine here computed in bfloat16.
    """
    return str(record.get("precision") or "32-true")


def surroundings(record: Mapping) -> str:
    """What else than parameters must be equal for two runs to be compared: test frames and device."""
    return json.dumps([_frames(record), str(record.get("device")).partition("(")[0].strip()])


def _group(record: Mapping) -> str:
    """What runs have in common that differ in their seed alone."""
    origin = Origin.from_record(record.get("origin"))
    files = [record.get("data"), record.get("inputs") or {}, origin.kind, origin.content]
    return json.dumps([compared_params(record), files, surroundings(record)], sort_keys=True, default=str)


def _frames(record: Mapping) -> str:
    """What stands for the very test frames of a run: their content, in older runs the version of all its data."""
    content = (record.get("content") or {}).get("test")
    return json.dumps(content or record.get("data"), sort_keys=True)
