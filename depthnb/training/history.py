"""What a training remembers: one row per epoch, and how many steps that were."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pandas as pd

from depthnb.training.launch import is_first


@dataclass
class History:
    """One row per epoch: epoch (from 1), train_loss, val_loss (None without validation), learning_rate, seconds.

    learning_rate is the highest of the (first) optimiser's groups during that epoch; seconds is its wall time, validation
    included. A training that measures more, such as that of two players, adds its columns behind.

    Args:
        rows: the finished epochs.
        steps_per_epoch: how often the optimiser moves the weights in one of them: the number of batches.
        precision: in which it was computed (`Settings.precision`), never `auto`; empty where nobody said.
    """

    rows: list[dict] = field(default_factory=list)
    steps_per_epoch: int = 0
    precision: str = ""

    @property
    def frame(self) -> pd.DataFrame:
        columns = ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]
        return pd.DataFrame(self.rows, columns=[*dict.fromkeys([*columns, *(key for row in self.rows for key in row)])])

    @property
    def seconds(self) -> float:
        """Seconds of all epochs, those before an interruption included."""
        return float(sum(row["seconds"] for row in self.rows))

    @property
    def steps(self) -> int:
        """Steps of the optimiser in all epochs, those before an interruption included; 0 where nobody counted them."""
        return len(self.rows) * self.steps_per_epoch


def passes(frames: int, batch_size: int, epochs: int, *, min_steps: int = 0) -> int:
    """How many epochs to train, so that a small set gets enough steps: `epochs`, or as many as make `min_steps` steps.

    Call it before the scheduler is built, which has to know how many epochs there will be. It prints one line when it asks
    for more epochs than were given.

    Args:
        frames: number of training frames.
        batch_size: images a step; a last batch of fewer is a step too.
        epochs: passes that are wanted anyway.
        min_steps: the least number of steps; 0 for whatever `epochs` makes.

    Raises:
        ValueError: when frames, batch_size or epochs is below 1, or min_steps below 0.

    >>> passes(640, 16, epochs=6, min_steps=200)
    6
    >>> passes(12, 16, epochs=6, min_steps=200)
    12 frames in batches of 16 make 6 steps in 6 epochs; 200 are wanted, so there will be 200 epochs
    200
    """
    if min(frames, batch_size, epochs) < 1 or min_steps < 0:
        raise ValueError(
            f"frames, batch_size and epochs must be at least 1 and min_steps at least 0, found {frames}, {batch_size}, "
            f"{epochs} and {min_steps}"
        )
    steps = math.ceil(frames / batch_size)
    wanted = math.ceil(min_steps / steps)
    if wanted > epochs and is_first():
        print(
            f"{frames} frames in batches of {batch_size} make {epochs * steps} steps in {epochs} epochs; {min_steps} are "
            f"wanted, so there will be {wanted} epochs"
        )
    return max(epochs, wanted)
