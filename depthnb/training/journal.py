"""What every training keeps from epoch to epoch, of nets or of pictures: history, checkpoint, progress display."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import lightning_fabric as lightning

from depthnb.training import checkpoints
from depthnb.training.history import History
from depthnb.training.progress import Progress
from depthnb.training.settings import Settings


class Journal:
    """Counts the epochs of a training and writes down what came of each.

    `with Journal(...) as journal:` goes on from the checkpoint, if there is one; `for epoch in journal.epochs():` gives the
    numbers of the epochs that are left; `journal.finish(epoch, ...)` ends one.

    Args:
        settings: of this training.
        parts: name -> whatever has a state_dict and belongs into the checkpoint.
        identity: plain values on which a checkpoint must agree with this training.
        engine: the processes that train; the first one alone writes and prints.
        batches: of an epoch, for the display.
        steps: of the optimiser in an epoch.
        shown: column of the history -> its label, for what is shown beside the losses.
    """

    def __init__(
        self,
        settings: Settings,
        parts: Mapping[str, Any],
        *,
        identity: dict[str, Any],
        engine: lightning.Fabric,
        batches: int,
        steps: int,
        shown: Mapping[str, str],
    ) -> None:
        self.settings, self.parts, self.identity, self.engine = settings, parts, identity, engine
        self.batches, self.shown = batches, shown
        self.history = History(steps_per_epoch=steps, precision=settings.precision)

    def __enter__(self) -> Journal:
        settings, file = self.settings, self.settings.file
        if self.engine.broadcast(file is not None and file.exists()):
            self.history.rows = checkpoints.restore(file, self.parts, settings=self.identity, epochs=settings.epochs)
        self.display = Progress(
            epochs=settings.epochs,
            batches=self.batches,
            steps=self.history.steps_per_epoch,
            name=settings.name,
            before=len(self.history.rows),
            enabled=settings.progress and self.engine.is_global_zero,
            also=self.shown,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.display.close(self.history.rows)

    def epochs(self) -> Iterator[int]:
        """Numbers of the epochs that are left, from 1."""
        for epoch in range(len(self.history.rows) + 1, self.settings.epochs + 1):
            self.started = time.monotonic()
            yield epoch
            self.display.epoch(self.history.rows)

    def batch(self, epoch: int, number: int) -> None:
        """Show that a batch is done; number from 1."""
        self.display.batch(epoch, self.history.rows, number)

    def finish(self, epoch: int, losses: Mapping[str, float | None], *, learning_rate: float, **more: float) -> None:
        """Write the row of an epoch and the checkpoint.

        Args:
            epoch: its number.
            losses: train_loss and val_loss.
            learning_rate: during this epoch.
            more: further columns.

        Raises:
            OSError: when the checkpoint cannot be written.
        """
        seconds = round(time.monotonic() - self.started, 3)
        row = {"epoch": epoch, **losses, "learning_rate": learning_rate, "seconds": seconds, **more}
        rows, file = [*self.history.rows, row], self.settings.file
        if file is not None and self.engine.is_global_zero:
            checkpoints.save(file, self.parts, rows=rows, settings=self.identity)
        self.engine.barrier()
        self.history.rows.append(row)
