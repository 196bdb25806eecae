"""Where in a picture each method errs: in the middle, at the border, where the depth jumps, and elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb import data, evaluation
from depthnb.report.results import Result

MIDDLE = 0.5  # of width and of height
BORDER = 0.125  # of each side
_REACH, _STEP = 3, 1.25  # a pixel lies at an edge if, so many pixels around it, the true depth differs by this factor


def regions(depth: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """Which valid pixels lie in the middle, at the border, at edges in depth and elsewhere (away from edges).

    Args:
        depth: [1,H,W] metres. valid: [1,H,W] bool.

    Returns:
        Name -> [1,H,W] bool. Middle and border leave out what is between them.

    >>> depth = torch.ones(1, 16, 16); depth[..., 8:] = 2
    >>> {name: int(mask.sum()) for name, mask in regions(depth, depth > 0).items()}
    {'middle': 64, 'border': 112, 'at edges': 96, 'elsewhere': 160}
    """
    height, width = depth.shape[-2:]
    rows, columns = torch.arange(height)[:, None] + 0.5, torch.arange(width)[None] + 0.5
    away = torch.maximum(
        (2 * rows / height - 1).abs(), (2 * columns / width - 1).abs()
    )  # 0 in the middle, 1 at the sides
    logs = torch.where(valid, depth, 1.0).log()
    window = {"kernel_size": 2 * _REACH + 1, "stride": 1, "padding": _REACH}
    farthest = F.max_pool2d(logs.masked_fill(~valid, -math.inf), **window)
    nearest = -F.max_pool2d((-logs).masked_fill(~valid, -math.inf), **window)
    edge = valid & (farthest - nearest > math.log(_STEP))
    return {
        "middle": valid & (away < MIDDLE),
        "border": valid & (away > 1 - 2 * BORDER),
        "at edges": edge,
        "elsewhere": valid & ~edge,
    }


def table(part: Sequence[Result]) -> pd.DataFrame:
    """Mean relative error of each method in each region, over the frames whose predictions its runs keep.

    Args:
        part: results of one table; of each method the first run that keeps predictions is taken.

    Returns:
        One row a method, the best elsewhere first; the columns method, frames and the regions. Empty where no run keeps
        predictions of frames that are here. A frame without a pixel of a region does not count in it.
    """
    rows: dict[str, dict] = {}
    truths: dict[str, Mapping[str, Tensor]] = {}
    test = None
    for one in part:
        if one.method in rows:
            continue
        try:
            kept = evaluation.load_predictions(one.folder / "predictions.npz")
            test = test or data.open(one.dataset, None, "test")
            errors = [_errors(pred, _frame(test, name, truths)) for name, pred in kept.items()]
        except (OSError, ValueError, KeyError):  # git keeps the pictures of one seed; the data may be elsewhere
            continue
        if errors:
            rows[one.method] = {"method": one.method, "frames": len(errors), **pd.DataFrame(errors).mean().to_dict()}
    found = pd.DataFrame(list(rows.values()))
    return found.sort_values("elsewhere", ignore_index=True) if len(found) else found


def _frame(test: data.Dataset, name: str, known: dict[str, Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
    if name not in known:
        place = list(test.frames["id"]).index(name)
        known[name] = test.native()[place]
    return known[name]


def _errors(pred: Tensor, frame: Mapping[str, Tensor]) -> dict[str, float]:
    depth, valid = frame["depth"], frame["valid"]
    error = (evaluation.upsample(pred[None], tuple(depth.shape[-2:]))[0] - depth).abs() / torch.where(valid, depth, 1.0)
    return {name: error[mask].mean().item() for name, mask in regions(depth, valid).items()}
