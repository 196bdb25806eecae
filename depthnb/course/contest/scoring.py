"""A submission scored against the key, by the evaluation and the protocol of the package."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch

from depthnb import evaluation, files
from depthnb.course.contest import board, entries
from depthnb.course.contest.hiding import KEY
from depthnb.data.readers.folder import Folder
from depthnb.data.sample import Dataset
from depthnb.metrics import Protocol
from depthnb.runs.judging.keeping import check_name


def score(
    file: str | Path, key: str | Path, name: str, reports: str | Path | None = None
) -> tuple[dict[str, float], board.Place]:
    """Score a submission and put it on the leaderboard beside the key.

    Args:
        file: .npz with a depth map for each id.
        key: the folder that `hide` kept.
        name: of the team: letters, digits, dots, hyphens and underscores.
        reports: the folder of the report that shall show the leaderboard; None for no report.

    Returns:
        Its scores, and where the team stands now.

    Raises:
        FileNotFoundError: if one of them is not there.
        ValueError: for a submission that is not what was asked for, a name that is none, and a folder that is no key.
        OSError: if the leaderboard cannot be written.
    """
    check_name(name)
    key = Path(key).expanduser()
    rule, kind, mean = _key(key)
    truth = Dataset(Folder(key, name="contest", protocol=rule.name, max_depth=rule.max_depth), "all")
    frames = truth.frames["id"].tolist()
    sizes = {each: tuple(truth[i]["depth"].shape[-2:]) for i, each in enumerate(frames)}
    preds = [torch.from_numpy(pred)[None] for pred in entries.read(file, sizes).values()]
    scores = evaluation.evaluate(preds, truth, protocol=rule, kind=kind).summary
    if bad := [each for each in board.MEASURES if not math.isfinite(scores[each])]:
        raise ValueError(
            f"{Path(file).name} has no {', '.join(bad)} (numbers too large to be aligned?); give other numbers"
        )
    flat = evaluation.Constant(torch.full((1, 1), mean))
    flat = evaluation.evaluate(flat, truth, protocol=rule, kind=kind).summary["abs_rel"]
    how = "the mean of the hidden ones" if kind == "metric" else "fitted to each image as the others are"
    words = f"{len(frames)} pictures; {rule}. One depth for all pixels, {how}, would have abs_rel {flat:.4f}."
    reports = None if reports is None else Path(reports).expanduser()
    return scores, board.add(key.resolve().parent, name, files.digest(file), scores, words, reports)


def _key(folder: Path) -> tuple[Protocol, str, float]:
    """Protocol, kind and mean depth of a key."""
    if not (folder / KEY).is_file():
        raise FileNotFoundError(
            f"{folder} is no key of a contest (no {KEY}); give the folder key that 'contest hide' made"
        )
    try:
        said = json.loads((folder / KEY).read_text(encoding="utf-8"))
        if not isinstance(said, Mapping):
            raise TypeError("it is no object")
        return Protocol.from_record(said["protocol"]), str(said["kind"]), float(said["mean_depth"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / KEY} is damaged ({error}); restore it, or hide the folder anew") from None
