"""How far the usual mistakes of measuring move one net's number: in notebook 10."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from depthnb import data, evaluation, metrics
from depthnb.data.transforms import resize_depth
from depthnb.evaluation import ALIGNED
from depthnb.metrics import Protocol
from depthnb.runs.trained import METRIC, trained

RIGHT = "as the protocol says"
_BORDER = 0.1  # of a side, about what the crops of NYU Depth V2 and KITTI leave out


def moved(run: str | Path, *, dataset: str, root: str = "", count: int = 60) -> pd.DataFrame:
    """One net's answers to the same frames, scored in ways that are all called abs_rel.

    Args:
        run: folder of a finished run with its weights.
        dataset, root: as for `data.open`; its test split.
        count: frames, evenly spread.

    Returns:
        One row a way: `measured`, abs_rel, `change` against the first row in percent, delta1, and `why`, what is wrong with it.

    Raises:
        FileNotFoundError, ValueError: as `runs.trained.trained` and `data.open`.
    """
    net = trained(run)
    test = data.open(dataset, root or None, "test", net.size)
    few = test.subset(evaluation.kept_frames(len(test), count))
    preds = evaluation.predict(net.module, few)
    native = few.native()
    frames = [native[i] for i in range(len(few))]
    rule = metrics.protocol(test.protocol)
    ways = _of_metres(rule) if net.kind == METRIC else _of_inverse(rule)
    rows = []
    for measured, (protocol, kind, change, why) in ways.items():
        cases = [change(frame, pred) for frame, pred in zip(frames, preds, strict=True)]
        rows.append({"measured": measured, **_scores(cases, protocol, kind), "why": why})
    table = pd.DataFrame(rows)
    table.insert(2, "change (%)", 100 * (table["abs_rel"] / table["abs_rel"][0] - 1))
    return table


def said(name: str, table: pd.DataFrame) -> str:
    """The largest changes of a table, in a sentence."""
    others = table[table["measured"] != RIGHT].sort_values("change (%)")
    low, high = others.iloc[0], others.iloc[-1]
    return (
        f"{name}: abs_rel is {table['abs_rel'][0]:.3f} by the protocol. The same answers score from {low['abs_rel']:.3f} "
        f"({low['measured']}) to {high['abs_rel']:.3f} ({high['measured']})."
    )


Case = tuple[Tensor, Tensor, Tensor]  # prediction, true depth and mask of one frame, each [1,1,H,W]
Way = tuple[Protocol, str, Callable[[Mapping, Tensor], Case], str]


def _of_metres(rule: Protocol) -> dict[str, Way]:
    fitted = "the truth tells the net what it does not know"
    return {
        RIGHT: (rule, METRIC, _as_it_is, ""),
        "all pixels pooled": (
            replace(rule, average="pixels"),
            METRIC,
            _as_it_is,
            "frames with many valid pixels count more",
        ),
        "scaled by each image's true median": (rule.with_alignment("median"), METRIC, _as_it_is, fitted),
        "scale and shift fitted, inverse depth": (rule.with_alignment(ALIGNED), METRIC, _as_it_is, fitted),
        "scale and shift fitted, depth": (rule.with_alignment("scale-shift"), METRIC, _as_it_is, fitted),
        "the middle of the picture alone": (rule, METRIC, _cropped, "a tenth of each side is left out"),
        "true depths up to 5 m alone": (
            replace(rule, max_depth=5.0),
            METRIC,
            _as_it_is,
            "what is far is left out, and cut",
        ),
        "truth filled where the sensor saw nothing": (rule, METRIC, _filled, "other pixels, behind edges and far away"),
        "at the net's size": (rule, METRIC, _small, "fine structure of the truth is gone"),
    }


def _of_inverse(rule: Protocol) -> dict[str, Way]:
    right = rule.with_alignment(ALIGNED)
    kind = "affine-inverse"
    return {
        RIGHT: (right, kind, _as_it_is, ""),
        "all pixels pooled": (
            replace(right, average="pixels"),
            kind,
            _as_it_is,
            "frames with many valid pixels count more",
        ),
        "inverse depth taken for depth": (
            rule.with_alignment("scale-shift"),
            METRIC,
            _as_it_is,
            "a straight line cannot bend it into depth",
        ),
        "inverted without a fit": (
            rule.with_alignment("median"),
            METRIC,
            _inverted,
            "the shift of inverse depth is unknown",
        ),
        "truth filled where the sensor saw nothing": (right, kind, _filled, "other pixels, behind edges and far away"),
    }


def _as_it_is(frame: Mapping, pred: Tensor) -> Case:
    large = evaluation.upsample(pred[None], tuple(frame["depth"].shape[-2:]))
    return large, frame["depth"][None], frame["valid"][None]


def _filled(frame: Mapping, pred: Tensor) -> Case:
    large, depth, _ = _as_it_is(frame, pred)
    return large, depth, depth > 0  # rendered sets store depth under invalid pixels too


def _cropped(frame: Mapping, pred: Tensor) -> Case:
    large, depth, valid = _as_it_is(frame, pred)
    rows, columns = (round(side * _BORDER) for side in depth.shape[-2:])
    inside = torch.zeros_like(valid)
    inside[..., rows : depth.shape[-2] - rows, columns : depth.shape[-1] - columns] = True
    return large, depth, valid & inside


def _inverted(frame: Mapping, pred: Tensor) -> Case:
    large, depth, valid = _as_it_is(frame, pred)
    return 1 / large.clamp_min(1e-6), depth, valid


def _small(frame: Mapping, pred: Tensor) -> Case:
    depth, valid = resize_depth(frame["depth"], frame["valid"], tuple(pred.shape[-2:]))
    return pred[None], depth[None], valid[None]


def _scores(cases: Sequence[Case], rule: Protocol, kind: str) -> dict[str, float]:
    edges = (0.0, rule.max_depth)
    sums = [
        metrics.band_statistics(pred=pred, depth=depth, valid=valid, protocol=rule, kind=kind, edges=edges)
        for pred, depth, valid in cases
    ]
    joined = {name: torch.cat([each[name][:, 0] for each in sums]) for name in sums[0]}
    scores = metrics.finish(metrics.pool(joined) if rule.average == "pixels" else joined)
    return {name: float(scores[name].nanmean()) for name in ("abs_rel", "delta1")}
