"""What the full run of a notebook drew, and its net: pictures to stand beside those of a run of minutes."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

import torch
from torch import Tensor, nn

from depthnb import data, evaluation, models
from depthnb.data import Dataset
from depthnb.evaluation import Evaluation
from depthnb.evidence.trainings import FULL, full
from depthnb.runs.folder import Run
from depthnb.runs.trained import trained


def drawn(this_run: Run, test: Dataset, indices: Sequence[int]) -> dict[str, Tensor]:
    """The predictions of the full run of a notebook for some of its test frames.

    Args:
        this_run: the run at work; it names the notebook. A full run, or its net, has nothing beside it.
        test: the test split.
        indices: frames among `evaluation.kept_frames(len(test))`, whose predictions every run keeps.

    Returns:
        "full run, N steps" (of an older depthnb without N) -> float32 [B,1,H,W], metres (aligned with the truth where the run
        was scored so), at the native size of the first frame. Empty where there is no finished full run on this data set, where
        its folder does not hold these frames, or where `this_run` is one.
    """
    native = tuple(test.native()[indices[0]]["image"].shape[-2:])
    names = [test.frames["id"].iloc[index] for index in indices]
    for record in _others(this_run, test):
        try:
            kept = evaluation.load_predictions(record["folder"] / "predictions.npz")
        except (OSError, ValueError):  # of one seed alone they are in the repository
            continue
        if set(names) <= set(kept):
            preds = [evaluation.upsample(kept[name][None], native) for name in names]
            length = f", {record['steps']} steps" if record.get("steps") else ""
            return {f"full run{length}": torch.cat(preds)}
    return {}


def best_net(
    this_run: Run, net: nn.Module, test: Dataset, scored: Evaluation, *, root: str = ""
) -> tuple[nn.Module, Dataset, Evaluation, str]:
    """The net that a notebook shows at work: that of its full run, if its weights are here, else the one at hand.

    Args:
        this_run, test: as in `drawn`.
        net: of the run at work.
        scored: what it scores on the test split.
        root: where the data lie, as given to `data.open`.

    Returns:
        net, the test split at the size of images that it knows, what it scores there, and a sentence that says which it is.
    """
    for record in _others(this_run, test):
        if (record["folder"] / models.WEIGHTS).is_file():
            known = trained(record["folder"])
            frames = data.open(test.name, root or None, "test", size=known.size)
            said = (
                f"Shown is the net of the full run ({record.get('steps') or '?'} steps), which is here: {known.label}."
            )
            return known.module, frames, evaluation.evaluate(known.module, frames), said
    return net, test, scored, "Shown is the net of this run."


def _others(this_run: Run, test: Dataset) -> list[dict]:
    """The full runs on a data set, unless the run at work is one or has taken the weights of one."""
    own = this_run.parameters
    if fnmatch(own["run"], FULL) or own.get("weights") == "shipped":
        return []
    return full(this_run.notebook, test.name)
