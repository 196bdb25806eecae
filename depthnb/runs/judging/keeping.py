"""The scores of predictions as a finished run, and what was found on the way."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from torch import Tensor

from depthnb import data, evaluation, metrics
from depthnb.evaluation import Evaluation
from depthnb.metrics import surfaces
from depthnb.metrics.boundaries import boundary_f1
from depthnb.runs.folder import start
from depthnb.runs.values import without_path

RUN = "judged"
Progress = Callable[[int, int], None]  # is told how many of how many frames are done


@dataclass(frozen=True, eq=False)
class Judgement:
    """What was scored, and what was found on the way.

    Attributes:
        scored: by the protocol.
        pooled: the same over all pixels together.
        aligned: after a scale and a shift were fitted to each image's truth in inverse depth; None where
            `scored` is aligned already.
        opponents: constant maps that never see a picture, by the same protocol; empty where there are no training frames. A
            note says whose they are.
        aligned_opponents: the same, aligned as `aligned` is; empty where there is none.
        shape: what depth errors do not show, means over images: `boundary F1` within 1, 2 and 3 pixels, `normals` (degrees),
            `plane residual` (per mille of the distance); NaN where no frame defines one.
        notes: sentences.
        folder: of the run.
    """

    scored: Evaluation
    pooled: Evaluation
    aligned: Evaluation | None
    opponents: dict[str, Evaluation]
    aligned_opponents: dict[str, Evaluation]
    shape: dict[str, float]
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
        rows |= {f"{name.replace('_', ' ')}, aligned": each.summary for name, each in self.aligned_opponents.items()}
        return pd.DataFrame(rows).T[list(metrics.NAMES)]


def opened(dataset: str, root: str, split: str, size: tuple[int, int] | None = None):
    if split:
        return data.open(dataset, root or None, split, size)
    return data.open_for_judging(dataset, root or None, size)


def check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", name):
        raise ValueError(f"name is {name!r}; expected letters, digits, dots, hyphens and underscores")


def keep(
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
    asked: Mapping | None = None,
) -> Judgement:
    """Score predictions [1,h,w] and write them as a finished run.

    Args:
        words: what the command's line has beside name and data.
        trained_on: name and root of the data set whose constants are the opponents; where it is not here, the judged one's.
        asked: what is to be known of a net, for run.json.
    """
    if test.split != "test":  # the words of a protocol are about test frames
        rule = replace(rule, frames=f"{test.split} frames of {parameters['dataset']}")
    rules = [rule]
    if rule.alignment == "none":
        rules.append(rule.with_alignment(evaluation.ALIGNED))
    scored, *aligned = evaluation.evaluate_each(preds, test, rules, kind=kind)
    aligned, pooled = aligned[0] if aligned else None, scored.pooled()
    here = (parameters["dataset"], parameters["data_root"])

    opponents, of = _opponents(*trained_on, test, rules), trained_on
    if not opponents[0]:
        opponents, of = _opponents(*here, test, rules), here
    frames_seen = of == here and test.split in ("train", "all")
    if opponents[0] and (frames_seen or of != trained_on):
        seen = " and are made of frames that are judged here" if frames_seen else ""
        notes = [*notes, f"mean depth and mean image are those of the training frames of {of[0]}{seen}"]
    opponents, aligned_opponents = opponents[0], opponents[1] if aligned else {}
    run = start(name, parameters, data={"test": test})
    if aligned:
        run.save_evaluation("aligned", aligned, aligned_opponents)
    run.save_evaluation("pooled", pooled)
    run.save_evaluation("test", scored, opponents)  # last: its protocol is the run's
    command = ["depthnb", "evaluate", *words, "--name", name, "--data", parameters["dataset"]]
    command += ["--root", str(without_path(here[1]))] if here[1] else []
    command += ["--split", parameters["split"]] if parameters["split"] else []
    run.record(notes=notes, command=shlex.join(command), **({"asked": dict(asked)} if asked else {}))
    if asked:
        run.save_table(
            _by_image({"net": scored, **opponents}, {"net": aligned, **aligned_opponents}), "by_image", digits=6
        )
    shape = _shape(preds, test, rule, kind)
    run.save_table(shape, "shape", digits=6)
    run.measure(name, **scored.summary)
    means = shape.drop(columns=["id", "scene"]).mean().to_dict()
    return Judgement(scored, pooled, aligned, opponents, aligned_opponents, means, tuple(notes), run.finish().parent)


def _shape(preds: Sequence[Tensor], test, rule: metrics.Protocol, kind: str) -> pd.DataFrame:
    """One row a frame: outlines and surfaces of the prediction as it is scored, at the truth's own size."""
    native, rows = test.native(), []
    for i in range(len(test)):
        frame = native[i]
        depth, valid, camera = (frame[key][None] for key in ("depth", "valid", "intrinsics"))
        pred = evaluation.upsample(preds[i][None], tuple(depth.shape[-2:]))
        if rule.alignment != "none":
            pred = metrics.aligned(pred=pred, depth=depth, valid=valid, protocol=rule, kind=kind)
        given = {"pred": pred, "depth": depth, "valid": valid, "protocol": rule}
        row = {"id": frame["id"], "scene": frame["scene"]}
        row |= {f"boundary F1, {r} px": float(boundary_f1(**given, radius=r)) for r in (1, 2, 3)}
        row["normals (degrees)"] = float(surfaces.normal_error(**given, intrinsics=camera))
        row["plane residual (per mille)"] = 1000 * float(surfaces.plane_residual(**given, intrinsics=camera))
        rows.append(row)
    return pd.DataFrame(rows)


def _by_image(direct: Mapping[str, Evaluation | None], aligned: Mapping[str, Evaluation | None]) -> pd.DataFrame:
    """abs_rel of the net and its opponents in every frame, direct and aligned: what an interval over scenes is made of."""
    parts = []
    for measured, evaluations in (("direct", direct), ("aligned", aligned)):
        for name, each in evaluations.items():
            if each:
                part = each.per_image[["id", "scene", "abs_rel"]]
                parts.append(part.assign(prediction=name, measured=measured))
    return pd.concat(parts, ignore_index=True)


def _opponents(dataset: str, root: str, test, rules: list[metrics.Protocol]) -> list[dict[str, Evaluation]]:
    """The two constants of a data set's training frames by each protocol; none where it cannot be opened or prepared."""
    try:
        size = data.fitting_size(dataset, root or None)
        train = data.open(dataset, root or None, "train", size)
    except (OSError, ValueError):
        return [{} for _ in rules]
    return evaluation.baselines_each(train, test, rules)
