"""Judging without training: files that any method has written, or a run's net on other data; each becomes a run of its own."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthnb import data, evaluation, files, metrics, models
from depthnb.data.readers import predicted
from depthnb.evaluation import Evaluation
from depthnb.runs.folder import start
from depthnb.runs.trained import trained

# what the numbers in a file are -> whether they rise with depth, what they are called, and how they are aligned
KINDS = {
    "metric": (True, "depth in metres, times the scale", "none"),
    "inverse": (False, "1 / depth, times the scale in 1 / metres", "none"),
    "disparity": (
        False,
        "pixels of disparity; the scale is focal length times baseline in pixels times metres",
        "none",
    ),
    "affine-depth": (True, "depth up to a scale and a shift", "scale-shift"),
    "affine-inverse": (False, "1 / depth up to a scale and a shift", evaluation.ALIGNED),
}
RUN = "judged"
_CONTRADICTION = -0.3  # median rank correlation with what the kind promises, at or below which it is another kind
_LOOKED = 32  # frames at most
_SAMPLES = 4000  # pixels of each


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was scored, and what was found on the way.

    Attributes:
        scored: by the protocol.
        pooled: the same over all pixels together.
        aligned: after a scale and a shift were fitted to each image's truth in inverse depth; None where `scored` is that, and
            for files.
        opponents: constant maps that never see a picture, by the same protocol; empty where there are no training frames.
        notes: sentences.
        folder: of the run.
    """

    scored: Evaluation
    pooled: Evaluation
    aligned: Evaluation | None
    opponents: dict[str, Evaluation]
    notes: tuple[str, ...]
    folder: Path


def judge(
    folder: str | Path,
    *,
    kind: str,
    name: str,
    dataset: str = "rooms",
    root: str = "",
    scale: float = 1.0,
    protocol: str | None = None,
    skip_missing: bool = False,
    split: str = "",
) -> Judgement:
    """Score a folder of depth maps on the test frames of a data set, and keep it as a finished run.

    Args:
        folder: with a file a frame, found by the frames' ids (`data.readers.predicted.match`); sizes may differ.
        kind: one of `KINDS`; it is never guessed, but a kind that the truth contradicts is refused.
        name: of the method: its run is `reports/<name>/judged`.
        dataset, root: as for `data.open_for_judging`.
        scale: by which the stored numbers are multiplied, see `KINDS`; without meaning for the affine kinds.
        protocol: name of one; None for the data set's. The affine kinds are aligned with each image's truth in any case.
        skip_missing: judge the frames that have a file, instead of refusing; such a run is ranked beside no other.
        split: as for `data.open`; "" for the test split where the data set brings one, else all frames.

    Returns:
        A `Judgement`.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for an unknown kind, missing frames, a kind that the truth contradicts, and files that cannot be read.
        OSError: when the run cannot be written.
    """
    folder = Path(folder).expanduser()
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(KINDS)}")
    _check_name(name)
    if not 0 < scale < float("inf"):
        raise ValueError(f"scale is {scale:g}; expected a number above 0")
    test = _open(dataset, root, split)
    test, found, notes = _paired(folder, test, skip_missing)
    stored = [predicted.read(found[each]) for each in test.frames["id"]]
    rises, _, alignment = KINDS[kind]
    notes += _doubts(stored, test, kind, rises, scale)
    rule = metrics.protocol(protocol or test.protocol)
    if protocol and rule != metrics.protocol(test.protocol):  # its words are about the frames that it was made for
        rule = replace(rule, truth=f"that of {dataset}", frames=f"{test.split} frames of {dataset}")
    rule = rule if alignment == "none" else rule.with_alignment(alignment)
    preds = _stacked([_as_depth(each, kind, scale, rule.max_depth) for each in stored], notes)
    asked = "affine-inverse" if kind == "affine-inverse" else "metric"
    parameters = {
        "dataset": dataset,
        "data_root": root,
        "run": RUN,
        "seed": 0,
        "device": "cpu",
        "kind": kind,
        "scale": scale,
    }
    parameters["files"] = files.digest(folder)
    words = ["--predictions", folder.name, "--kind", kind, "--scale", f"{scale:g}"]
    words += ["--protocol", protocol] if protocol else []
    words += ["--skip-missing"] if skip_missing else []
    opponents = _opponents(dataset, root, test, rule)
    return _keep(preds, test, name, parameters, words, rule=rule, kind=asked, opponents=opponents, notes=notes)


def judge_run(
    run: str | Path, *, dataset: str, root: str = "", name: str = "", split: str = "", device: str = "cpu"
) -> Judgement:
    """Score the net of a finished run on another data set, and keep it as a run of its own.

    The frames are shown to the net at as many pixels as in its training, in their own shape, with their cameras. A net of
    metric depth is scored in metres and aligned. The opponents are the constants of the set that it was trained on, where
    that is here, else those of the other one.

    Args:
        run: folder of the run, as for `runs.trained.trained`.
        dataset, root: as for `data.open_for_judging`.
        name: of the new run's folder; default `<notebook>-on-<dataset>`.
        split: as for `judge`.
        device: on which the net is asked.

    Returns:
        A `Judgement`.

    Raises:
        FileNotFoundError, ValueError, OSError: as `trained` and `judge`.
    """
    net = trained(run)
    name = name or f"{net.folder.parent.name}-on-{dataset}"
    _check_name(name)
    size = (
        net.size
        if net.rigid
        else data.fitting_size(dataset, root or None, pixels=net.size[0] * net.size[1], multiple=8)
    )
    test = _open(dataset, root, split, size)
    rule = metrics.protocol(test.protocol)
    rule = rule.with_alignment(evaluation.ALIGNED) if net.kind != "metric" else rule
    preds = evaluation.predict(net.module.to(device), test)
    parameters = {"dataset": dataset, "data_root": root, "run": RUN, "seed": net.record.get("seed"), "device": device}
    parameters["net"] = files.digest(net.folder / models.WEIGHTS)
    opponents = _opponents(net.record.get("dataset", ""), "", test, rule) or _opponents(dataset, root, test, rule)
    judged = _keep(
        preds,
        test,
        name,
        parameters,
        ["--run", net.label],
        rule=rule,
        kind=net.kind,
        opponents=opponents,
        notes=[f"{net.label}, trained on {net.record.get('dataset', '?')}, asked at {size[1]} x {size[0]} pixels"],
    )
    return judged


def _open(dataset: str, root: str, split: str, size: tuple[int, int] | None = None):
    if split:
        return data.open(dataset, root or None, split, size)
    return data.open_for_judging(dataset, root or None, size)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
        raise ValueError(f"name is {name!r}; expected letters, digits, dots, hyphens and underscores")


def _keep(
    preds: Tensor,
    test,
    name: str,
    parameters: dict,
    words: list[str],
    *,
    rule: metrics.Protocol,
    kind: str,
    opponents: dict[str, Evaluation],
    notes: list[str],
) -> Judgement:
    """Score predictions and write them as a finished run; words: what the command's line has beside name and data."""
    scored = evaluation.evaluate(preds, test, protocol=rule, kind=kind)
    pooled = evaluation.evaluate(preds, test, protocol=replace(rule, average="pixels"), kind=kind)
    aligned = None
    run = start(name, parameters, data={"test": test})
    if rule.alignment == "none":
        aligned = evaluation.evaluate(preds, test, protocol=rule.with_alignment(evaluation.ALIGNED))
        run.save_evaluation("aligned", aligned)
    run.save_evaluation("pooled", pooled)
    run.save_evaluation("test", scored, opponents)  # last: its protocol is the run's
    command = ["depthnb", "evaluate", *words, "--name", name, "--data", parameters["dataset"]]
    run.record(notes=notes, command=shlex.join(command))
    run.measure(name, **scored.summary)
    return Judgement(scored, pooled, aligned, opponents, tuple(notes), run.finish().parent)


def _paired(folder: Path, test, skip_missing: bool):
    """The frames that are judged, their files, and sentences on what was left over."""
    ids = list(test.frames["id"])
    found, others = predicted.match(folder, ids)
    missing = [each for each in ids if each not in found]
    notes = []
    if others:
        first = others[0].relative_to(folder)
        notes.append(f"{len(others)} files belong to no frame, such as {first}")
    if missing and (not skip_missing or len(missing) == len(ids)):
        partly = ", or judge those that are there with --skip-missing" if len(missing) < len(ids) else ""
        left = f"; {notes[0]}" if notes else ""
        raise ValueError(
            f"{len(missing)} of {len(ids)} frames have no file in {folder}, such as {missing[0]!r}{left}. "
            f"Name the files after the frames' ids, such as {missing[0]}.npy{partly}"
        )
    if missing:
        notes.append(f"{len(missing)} of {len(ids)} frames have no file and were left out")
        rows = [i for i, each in enumerate(ids) if each in found]
        test = test.subset(rows)
    return test, found, notes


def _as_depth(stored: np.ndarray, kind: str, scale: float, most: float) -> Tensor:
    """[1,1,H,W] as `evaluation.evaluate` takes it: metres, or affine inverse depth."""
    if kind in ("inverse", "disparity"):
        with np.errstate(divide="ignore", invalid="ignore"):
            stored = 1 / (stored * scale) if kind == "inverse" else scale / stored
        stored = np.where((stored > 0) & (stored < most), stored, np.where(np.isnan(stored), np.nan, most))
    elif kind == "metric":
        stored = stored * scale
    return torch.from_numpy(np.ascontiguousarray(stored, dtype=np.float32))[None, None]


def _stacked(maps: list[Tensor], notes: list[str]) -> Tensor:
    """[N,1,h,w]: all maps at the size that most of them have."""
    sizes = Counter(tuple(each.shape[-2:]) for each in maps)
    size, most = sizes.most_common(1)[0]
    if most < len(maps):
        notes.append(f"{len(maps) - most} maps of other sizes were resized to {size[1]} x {size[0]} pixels")
    return torch.cat([each if tuple(each.shape[-2:]) == size else evaluation.upsample(each, size) for each in maps])


def _doubts(stored: list[np.ndarray], test, kind: str, rises: bool, scale: float) -> list[str]:
    """Whether the truth contradicts the kind: ValueError where it does, sentences where it may."""
    native = test.native()
    orders, ratios, nothing = [], [], 0
    for i in np.unique(np.linspace(0, len(test) - 1, min(_LOOKED, len(test))).astype(int)):
        frame = native[int(i)]
        size = tuple(frame["depth"].shape[-2:])
        pred = evaluation.upsample(torch.from_numpy(stored[i]).float()[None, None], size)[0, 0].numpy()
        keep = frame["valid"][0].numpy() & np.isfinite(pred)
        nothing += not (pred[keep] > 0).any()
        guess, truth = pred[keep], frame["depth"][0].numpy()[keep]
        step = max(1, len(truth) // _SAMPLES)
        guess, truth = guess[::step], truth[::step]
        if len(truth) > 10 and np.ptp(guess) > 0 and np.ptp(truth) > 0:
            ranks = [np.argsort(np.argsort(each)) for each in (guess, truth)]
            orders.append(np.corrcoef(*ranks)[0, 1])
            ratios.append(np.median(guess) * scale / np.median(truth))
    if nothing:
        raise ValueError(f"{nothing} of the maps looked at hold no number above 0 where the truth is known")
    if not orders:
        return ["the maps looked at are the same everywhere, so nothing says whether their kind is right"]
    agrees = float(np.median(orders)) * (1 if rises else -1)
    if agrees <= _CONTRADICTION:
        others = ", ".join(other for other, (up, *_) in KINDS.items() if up != rises)
        way = ("fall", "rise") if rises else ("rise", "fall")
        raise ValueError(
            f"the numbers {way[0]} where the true depth rises (rank correlation {np.median(orders):.2f}), and those of kind "
            f"{kind} {way[1]}; are they {others}?"
        )
    doubts = (
        [f"the numbers hardly follow the true depth (rank correlation {np.median(orders):.2f})"] if agrees < 0.2 else []
    )
    ratio = float(np.median(ratios))
    if kind == "metric" and not 1 / 5 < ratio < 5:
        doubts.append(f"the numbers times {scale:g} are {ratio:.3g} times the true depth; is the scale right?")
    return doubts


def _opponents(dataset: str, root: str, test, rule: metrics.Protocol) -> dict[str, Evaluation]:
    """The two constants of a data set's training frames; none where it cannot be opened."""
    try:
        size = data.fitting_size(dataset, root or None)
        train = data.open(dataset, root or None, "train", size)
    except (FileNotFoundError, ValueError):
        return {}
    return evaluation.baselines(train, test, protocol=rule)
