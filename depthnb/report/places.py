"""Where in a picture each method errs: in the middle, at the border, where the depth jumps, and elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from depthnb import data, evaluation
from depthnb.metrics.regions import regions
from depthnb.report import results
from depthnb.report.results import Result


def table(part: Sequence[Result]) -> pd.DataFrame:
    """Mean relative error of each method in each of `metrics.regions`, over the frames whose predictions its runs keep.

    Args:
        part: results of one table; of each method the first run that keeps predictions is taken.

    Returns:
        One row a method, the best elsewhere first; the columns method, frames and the regions. Empty where no run keeps
        predictions of frames that are here. A frame without a pixel of a region does not count in it.
    """
    rows = []
    for method, runs in results.groups(part).items():
        for one in runs:
            if errors := _errors(one):
                rows.append({"method": method, "frames": len(errors), **pd.DataFrame(errors).mean().to_dict()})
                break
    found = pd.DataFrame(rows)
    return found.sort_values("elsewhere", ignore_index=True) if len(found) else found


def _errors(one: Result) -> list[dict[str, float]]:
    """The errors of a run in each region, frame by frame; none where it keeps no predictions or its data are elsewhere."""
    try:
        kept = evaluation.load_predictions(one.folder / "predictions.npz")
        test = data.open(one.dataset, None, "test")
        places = {name: index for index, name in enumerate(test.frames["id"])}
        native = test.native()
        return [_error(pred, native[places[name]]) for name, pred in kept.items()]
    except (OSError, ValueError, KeyError):  # git keeps the pictures of one seed
        return []


def _error(pred: Tensor, frame: Mapping[str, Tensor]) -> dict[str, float]:
    depth, valid = frame["depth"], frame["valid"]
    error = (evaluation.upsample(pred[None], tuple(depth.shape[-2:]))[0] - depth).abs() / torch.where(valid, depth, 1.0)
    return {name: error[mask].mean().item() for name, mask in regions(depth, valid).items()}
