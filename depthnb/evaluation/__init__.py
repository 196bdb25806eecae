"""Judging a depth model on a data set: per image, by distance, beside the two baselines that know no image."""

from __future__ import annotations

from depthnb.evaluation.frames import ceiling, flatness, gallery
from depthnb.evaluation.judging import ALIGNED, MATTERS, SHOWN, Judged, elsewhere, judge
from depthnb.evaluation.predicting import Constant, answering, cost, predict, upsample
from depthnb.evaluation.scored import KEPT, Evaluation, kept_frames, load_predictions
from depthnb.evaluation.scoring import baselines, baselines_each, distance_edges, evaluate, evaluate_each

__all__ = [
    "ALIGNED",
    "KEPT",
    "MATTERS",
    "SHOWN",
    "Constant",
    "Evaluation",
    "Judged",
    "answering",
    "baselines",
    "baselines_each",
    "ceiling",
    "cost",
    "distance_edges",
    "elsewhere",
    "evaluate",
    "evaluate_each",
    "flatness",
    "gallery",
    "judge",
    "kept_frames",
    "load_predictions",
    "predict",
    "upsample",
]
