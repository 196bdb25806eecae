"""Judging without training: files that any method has written, or a run's net on other data; each becomes a run of its own."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import data, evaluation, files, metrics, models
from depthnb.data.readers import predicted
from depthnb.evaluation import Evaluation
from depthnb.runs.folder import start
from depthnb.runs.trained import trained
from depthnb.runs.values import without_path

# what the numbers in a file are -> whether they rise with depth, and how they are aligned with the truth
KINDS = {
    "metric": (True, "none"),
    "inverse": (False, "none"),
    "disparity": (False, "none"),
    "affine-depth": (True, "scale-shift"),
    "affine-inverse": (False, evaluation.ALIGNED),
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
        aligned: after a scale and a shift were fitted to each image's truth in inverse depth; None where
            `scored` is aligned already.
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

    @property
    def table(self) -> pd.DataFrame:
        """Three ways to average, the aligned scores and the opponents': one row each, the metrics as columns."""
        rows = {"mean over images": self.scored.summary, "all pixels pooled": self.pooled.summary}
        rows["median over images"] = self.scored.per_image[list(metrics.NAMES)].median().to_dict()
        if self.aligned:
            rows["aligned, over images"] = self.aligned.summary
        rows |= {name.replace("_", " "): each.summary for name, each in self.opponents.items()}
        return pd.DataFrame(rows).T[list(metrics.NAMES)]


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
    rises, alignment = KINDS[kind]
    rule = metrics.protocol(protocol or test.protocol)
    if protocol and rule != metrics.protocol(test.protocol):  # its words are about the frames that it was made for
        rule = replace(rule, truth=f"that of {dataset}", frames=f"{test.split} frames of {dataset}")
    rule = rule if alignment == "none" else rule.with_alignment(alignment)
    preds = [_as_depth(predicted.read(found[each]), kind, scale, rule.max_depth) for each in test.frames["id"]]
    notes += _doubts(preds, test, kind, rises or alignment == "none", scale)
    asked = "affine-inverse" if kind == "affine-inverse" else "metric"
    parameters = {"dataset": dataset, "data_root": root, "run": RUN, "seed": 0, "device": "cpu", "kind": kind}
    parameters |= {"scale": scale, "files": files.digest(folder), "protocol": rule.name, "split": split}
    words = ["--predictions", folder.name, "--kind", kind, "--scale", f"{scale:g}"]
    words += ["--protocol", protocol] if protocol else []
    words += ["--skip-missing"] if skip_missing else []
    return _keep(preds, test, name, parameters, words, rule=rule, kind=asked, trained_on=(dataset, root), notes=notes)


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
    name = name or re.sub(r"[^A-Za-z0-9._-]", "-", f"{net.folder.parent.name}-on-{dataset}")
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
    parameters |= {"net": files.digest(net.folder / models.WEIGHTS), "split": split}
    own = (str(net.record.get("dataset", "")), "")
    notes = [f"{net.label}, trained on {own[0]}, asked at {size[1]} x {size[0]} pixels"]
    words = ["--net", f"reports/{net.label}"]
    return _keep(preds, test, name, parameters, words, rule=rule, kind=net.kind, trained_on=own, notes=notes)


def _open(dataset: str, root: str, split: str, size: tuple[int, int] | None = None):
    if split:
        return data.open(dataset, root or None, split, size)
    return data.open_for_judging(dataset, root or None, size)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
        raise ValueError(f"name is {name!r}; expected letters, digits, dots, hyphens and underscores")


def _keep(
    preds: Sequence[Tensor],
    test,
    name: str,
    parameters: dict,
    words: list[str],
    *,
    rule: metrics.Protocol,
    kind: str,
    trained_on: tuple[str, str],
    notes: list[str],
) -> Judgement:
    """Score predictions [1,h,w] and write them as a finished run.

    words: what the command's line has beside name and data. trained_on: name and root of the data set whose constants are the
    opponents; where it is not here, the judged one's.
    """
    scored = evaluation.evaluate(preds, test, protocol=rule, kind=kind)
    pooled = evaluation.evaluate(preds, test, protocol=replace(rule, average="pixels"), kind=kind)
    aligned = None
    if rule.alignment == "none":
        aligned = evaluation.evaluate(preds, test, protocol=rule.with_alignment(evaluation.ALIGNED))
    here = (parameters["dataset"], parameters["data_root"])
    opponents = _opponents(*trained_on, test, rule) or _opponents(*here, test, rule)
    run = start(name, parameters, data={"test": test})
    if aligned:
        run.save_evaluation("aligned", aligned)
    run.save_evaluation("pooled", pooled)
    run.save_evaluation("test", scored, opponents)  # last: its protocol is the run's
    command = ["depthnb", "evaluate", *words, "--name", name, "--data", parameters["dataset"]]
    command += ["--root", str(without_path(here[1]))] if here[1] else []
    command += ["--split", parameters["split"]] if parameters["split"] else []
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
    """[1,H,W] float32 as `evaluation.evaluate` takes it: metres, or what is aligned first.

    Inverse depth and disparity of 0 or less are the horizon (most metres); where they are infinite, nothing is known (0 m).
    """
    stored = stored.astype(np.float32)
    if kind in ("inverse", "disparity"):
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = 1 / (stored * scale) if kind == "inverse" else scale / stored
        stored = np.where(stored > 0, np.minimum(depth, most), np.where(np.isnan(stored), np.nan, most))
    elif kind == "metric":
        stored = stored * scale
    return torch.from_numpy(np.ascontiguousarray(stored, dtype=np.float32))[None]


def _doubts(preds: Sequence[Tensor], test, kind: str, rises: bool, scale: float) -> list[str]:
    """Whether the truth contradicts the kind: ValueError where it does, sentences where it may.

    rises: whether the predictions, as they are scored, are to rise with depth.
    """
    metric, native = KINDS[kind][1] == "none", test.native()
    orders, ratios, holes = [], [], []
    for i in np.unique(np.linspace(0, len(test) - 1, min(_LOOKED, len(test))).astype(int)):
        frame = native[int(i)]
        size = tuple(frame["depth"].shape[-2:])
        pred = evaluation.upsample(preds[i][None], size)[0, 0].numpy()
        keep = frame["valid"][0].numpy() & np.isfinite(pred)
        guess, truth = pred[keep], frame["depth"][0].numpy()[keep]
        step = max(1, len(truth) // _SAMPLES)
        guess, truth = guess[::step], truth[::step]
        if len(truth) <= 10:
            continue
        if metric:
            known = guess > 0
            holes.append(1 - known.mean())
            guess, truth = guess[known], truth[known]
        if len(truth) <= 10:
            continue
        ratios.append(np.median(guess) / np.median(truth))
        if np.ptp(guess) > 0 and np.ptp(truth) > 0:
            orders.append(pd.DataFrame({"guess": guess, "truth": truth}).corr(method="spearman").iloc[0, 1])
    share = float(np.mean(holes)) if holes else 0.0
    if metric and share > 0.99:
        raise ValueError(f"the maps in the folder hold no number above 0 where the truth is known (kind {kind})")
    doubts = []
    if metric and share > 0.001:
        doubts.append(f"{share:.1%} of the pixels with a truth hold no depth above 0; they count as the nearest depth")
    if not orders:
        return [*doubts, "the maps looked at are the same everywhere, so nothing says whether their kind is right"]
    agrees = float(np.median(orders)) * (1 if rises else -1)
    if agrees <= _CONTRADICTION:
        way = "rise" if KINDS[kind][0] else "fall"
        others = ", ".join(other for other, (up, _) in KINDS.items() if up != KINDS[kind][0])
        raise ValueError(
            f"numbers of kind {kind} {way} where the true depth rises, and these do the opposite (rank correlation "
            f"{abs(agrees):.2f}); are they {others}?"
        )
    if agrees < 0.2:
        doubts.append(f"the numbers hardly follow the true depth (rank correlation {agrees:.2f})")
    ratio = float(np.median(ratios))
    if metric and not 1 / 5 < ratio < 5:
        doubts.append(f"with scale {scale:g} the depth is {ratio:.3g} times the true one; is the scale right?")
    return doubts


def _opponents(dataset: str, root: str, test, rule: metrics.Protocol) -> dict[str, Evaluation]:
    """The two constants of a data set's training frames; none where it cannot be opened or prepared."""
    try:
        size = data.fitting_size(dataset, root or None)
        train = data.open(dataset, root or None, "train", size)
    except (OSError, ValueError):
        return {}
    return evaluation.baselines(train, test, protocol=rule)
