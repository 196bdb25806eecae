"""Which finished runs belong together: those of one preset that differ in their seed, and the ablations beside them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from depthnb import runs
from depthnb.weights.origin import Origin

FULL = "rooms-full"  # the preset whose runs decide


ABLATION = re.compile(r"ablation-(?P<name>.+)-(?P<seed>\d+)")


NOT_COMPARED = ("run", "seed", "device", "data_root")


BESIDE = ("rival", "twin")  # further nets of the same notebook, which do not change the one that a run stands for

BASE, DOUBLED = "base", "-doubled"  # names of lines: the preset itself, and endings of those with twice the epochs


def full(notebook: str, dataset: str, *, preset: str = FULL, nets: Sequence[str] = ()) -> list[dict]:
    """The finished runs of a preset on a data set that differ in their seed alone, one a seed; the largest such group.

    nets: that each must have trained.
    """
    groups: dict[str, dict[int, dict]] = {}
    for record in runs.finished(notebook, f"{preset}*"):
        if record.get("dataset") == dataset and set(nets) <= set(record.get("nets") or {}):
            key = json.dumps([compared_params(record), _frames(record)], sort_keys=True, default=str)
            groups.setdefault(key, {}).setdefault(record.get("seed"), record)
    return list(max(groups.values(), key=len, default={}).values())


def ablation_runs(notebook: str) -> list[tuple[str, dict]]:
    """Finished runs for ablations as (name of the line, run.json), sorted, on the same frames as most of them.

    The base are the full runs, the other lines are called ablation-<name>-<seed>. Of runs with the same parameters and seed the
    first counts. An encoder that was to start from ImageNet weights and found none is told from one that did: its parameter
    `pretrained` reads "none" here, whatever was asked for.
    """
    chosen, seen = [], set()
    for record in runs.finished(notebook):
        line = ABLATION.fullmatch(record["run"])
        if not line and not record["run"].startswith(FULL):
            continue
        params = dict(record["params"])
        if "pretrained" in params and record.get("origin") and not Origin.from_record(record["origin"]).pretrained:
            params["pretrained"] = "none"
        for key, content in (record.get("inputs") or {}).items():  # another file of the same name is another parameter
            params[key] = f"{params.get(key, '')} ({content})".strip()
        record = {**record, "params": params}
        frames = _frames(record)
        name = line["name"] if line else BASE
        key = repr((name, compared_params(record), params.get("seed"), frames))
        if key not in seen:
            seen.add(key)
            chosen.append((name, record, frames))
    most = Counter(frames for *_, frames in chosen).most_common(1)
    return [(name, record) for name, record, frames in chosen if frames == most[0][0]]


def doubles(record: Mapping, first: Mapping) -> bool:
    """Whether a run is the same training as another for twice as many epochs."""
    epochs = first["params"].get("epochs")
    twice = {**compared_params(first), "epochs": 2 * epochs} if epochs else None
    return twice is not None and compared_params(record) == twice and _frames(record) == _frames(first)


def compared_params(record: Mapping) -> dict[str, object]:
    return {key: value for key, value in record["params"].items() if key not in (*NOT_COMPARED, *BESIDE)}


def _frames(record: Mapping) -> str:
    """What stands for the very test frames of a run."""
    return json.dumps([record.get("data"), (record.get("content") or {}).get("test")], sort_keys=True)
