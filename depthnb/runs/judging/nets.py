"""A net on other data than its own: one that was trained here, or a published one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from depthnb import data, evaluation, files, metrics, models
from depthnb.models import foreign
from depthnb.runs.judging import keeping
from depthnb.runs.trained import INVERSE, METRIC, trained

_TOGETHER = 32  # frames that are asked about at once
_PIXELS = 480 * 640  # of the images that a published network is given; it resizes them itself


def judge_run(
    run: str | Path,
    *,
    dataset: str,
    root: str = "",
    name: str = "",
    split: str = "",
    device: str = "cpu",
    progress: keeping.Progress | None = None,
) -> keeping.Judgement:
    """Score the net of a finished run, or a published one, on another data set, and keep it as a run of its own.

    The frames are shown to the net at as many pixels as in its training, all in one shape, the median of theirs, with
    their cameras. A net of metric depth is scored in metres and aligned. The opponents are the constants of the set that it was
    trained on, where that is here, else those of the other one.

    Args:
        run: folder of the run, as for `runs.trained.trained`; or `hub:` and a published network, as for `foreign.referred`. Of
            what that was trained on nothing is here, so its opponents are the constants of the other data set.
        dataset, root: as for `data.open_for_judging`.
        name: of the new run's folder; default `<notebook or network>-on-<dataset>`.
        split: as for `judge`.
        device: on which the net is asked.
        progress: as for `judge`, after each few frames.

    Returns:
        A `Judgement`.

    Raises:
        FileNotFoundError, ValueError, OSError: as `trained` and `judge`.
    """
    which = str(run)
    asked = _published(which, dataset, root) if which.startswith(foreign.HUB) else _trained(run, dataset, root)
    name = name or re.sub(r"[^A-Za-z0-9._-]", "-", f"{asked.name}-on-{dataset}")
    keeping.check_name(name)
    test = keeping.opened(dataset, root, split, asked.size)
    rule = metrics.protocol(test.protocol)
    rule = rule if asked.kind == METRIC else rule.with_alignment(evaluation.ALIGNED)
    module, preds = asked.module.to(device), []
    for frames in torch.arange(len(test)).split(_TOGETHER):
        preds.append(evaluation.predict(module, test, frames=frames.tolist()))
        if progress:
            progress(int(frames[-1]) + 1, len(test))
    parameters = {"dataset": dataset, "data_root": root, "run": keeping.RUN, "seed": asked.seed, "device": device}
    parameters |= {"net": asked.content, "split": split}
    own = (asked.facts["trained_on"], "") if asked.facts["trained_on"] else (dataset, root)
    notes = [f"{asked.label}, {asked.seen}asked at {asked.size[1]} x {asked.size[0]} pixels"]
    return keeping.keep(
        torch.cat(preds), test, name, parameters, ["--net", asked.words], rule=rule, kind=asked.kind, trained_on=own,
        notes=notes, asked=asked.facts,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Asked:
    """A net and what its judgement says of it; `facts` go into run.json."""

    module: nn.Module
    kind: str
    name: str
    label: str
    seen: str
    words: str
    size: tuple[int, int]
    seed: int | None
    content: str
    facts: dict


def _trained(run: str | Path, dataset: str, root: str) -> _Asked:
    net = trained(run)
    pixels = net.size[0] * net.size[1]
    size = net.size if net.rigid else data.fitting_size(dataset, root or None, pixels=pixels, multiple=8)
    content = files.digest(net.folder / models.WEIGHTS)
    at_home = {split: net.record["metrics"][split] for split in ("test", "aligned") if split in net.record["metrics"]}
    facts = {"net": net.label, "kind": net.kind, "trained_on": net.record.get("dataset"), "at_home": at_home}
    folder = net.folder.parent.name
    words, seed = f"reports/{net.label}", net.record.get("seed")
    seen = f"trained on {' and '.join(net.data)}, "
    return _Asked(net.module, net.kind, folder, net.label, seen, words, size, seed, content, facts)


def _published(which: str, dataset: str, root: str) -> _Asked:
    net = foreign.referred(which)
    size = data.fitting_size(dataset, root or None, pixels=_PIXELS, multiple=8)
    content = f"{net.name}, {net.origin}"
    facts = {"net": net.name, "kind": INVERSE, "trained_on": None, "at_home": {}}
    return _Asked(net, INVERSE, net.name, net.name, "", f"{foreign.HUB}{net.name}", size, 0, content, facts)
