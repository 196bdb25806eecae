"""Live progress of a training: a bar in JupyterLab that leaves one small table, plain lines in a terminal."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Mapping, Sequence

ROWS = 8  # rows of the table that stays behind
EVERY = 0.5  # seconds between two updates of the bar


class Progress:
    """Shows epoch, batch, steps, time left and losses of a training.

    In a notebook one display is updated in place (at most twice a second, so that a saved notebook and a slow browser do
    not suffer) and in the end replaced by a table of at most 8 epochs. Elsewhere each epoch prints one line. Nothing is
    ever written to stderr.

    Args:
        epochs, batches: how many there are, and how many batches an epoch has.
        steps: of the optimiser in an epoch; 0: not shown.
        name: of what is trained.
        before: epochs that an earlier session made.
        enabled: False: silent.
        also: column -> label of what is shown beside the losses.
        unit: what an epoch is called, where it is another kind of round.
    """

    def __init__(
        self,
        *,
        epochs: int,
        batches: int,
        steps: int = 0,
        name: str = "",
        before: int = 0,
        enabled: bool = True,
        also: Mapping[str, str] | None = None,
        unit: str = "epoch",
    ) -> None:
        self.unit = unit
        self.epochs, self.batches, self.steps, self.name, self.before = epochs, batches, steps, name, before
        self.also = dict(also or {})
        self.started = self.shown = time.monotonic()
        self.batches_done = 0
        self.enabled = enabled
        self.handle = None
        if enabled and _in_notebook():
            from IPython.display import HTML, display

            self.handle = display(HTML(self._bar(before, 0, [])), display_id=True)
        elif enabled and before:
            print(f"{name} continues after {self.unit} {before} of {epochs}".strip(), flush=True)

    def batch(self, epoch: int, history: Sequence[dict], batch: int) -> None:
        """Count one finished batch.

        Args:
            epoch, batch: from 1.
            history: the rows of the finished epochs.
        """
        self.batches_done += 1
        now = time.monotonic()
        if self.handle is not None and now - self.shown > EVERY:
            self.shown = now
            self._update(self._bar(epoch, batch, history))

    def epoch(self, history: Sequence[dict]) -> None:
        """Report one finished epoch, the last row of history."""
        if self.enabled and self.handle is None:
            row = history[-1]
            line = f"{self.name} {self.unit} {row['epoch']}/{self.epochs}: {', '.join(self._losses(row))}"
            details = ", ".join([f"{row['seconds']:.1f} s", *self._steps(len(history))])
            print(f"{line.strip()} ({details})", flush=True)

    def close(self, history: Sequence[dict]) -> None:
        """Leave the table behind, also of a training that was interrupted or failed."""
        if self.handle is not None:
            self._update(self._table(history))

    def _update(self, text: str) -> None:
        from IPython.display import HTML

        self.handle.update(HTML(text))

    def _bar(self, epoch: int, batch: int, history: Sequence[dict]) -> str:
        total, done = self.epochs * self.batches, max(0, epoch - 1) * self.batches + batch
        spent = time.monotonic() - self.started
        left = f"about {_clock(spent / self.batches_done * (total - done))} left" if self.batches_done else "starting"
        losses = "; ".join(self._losses(history[-1])) if history else ""
        return (
            f"<div><b>{html.escape(self.name)}</b> {self.unit} {epoch}/{self.epochs}, batch {batch}/{self.batches}, {left} "
            f'<progress value="{done}" max="{total}" style="width:18em"></progress> {losses}</div>'
        )

    def _steps(self, epochs: int) -> list[str]:
        """How many steps so many epochs make, in words; nothing where nobody counts them."""
        return [f"{epochs * self.steps} of {self.epochs * self.steps} steps"] if self.steps else []

    def _losses(self, row: dict) -> list[str]:
        shown = {"train_loss": "train loss", "val_loss": "validation loss", **self.also}
        return [f"{label} {_number(row[column])}" for column, label in shown.items() if row.get(column) is not None]

    def _table(self, history: Sequence[dict]) -> str:
        caption = f"{len(history)} of {self.epochs} {self.unit}s in {_clock(sum(row['seconds'] for row in history))}"
        caption = ", ".join([caption, *self._steps(len(history))])
        if self.before:
            caption += f", the first {self.before} in an earlier session"
        step = max(1, -(-(len(history) - 1) // (ROWS - 1)))
        rows = [*history[: len(history) - 1 : step], history[-1]] if history else []
        cells = "".join(
            f"<tr><td>{row['epoch']}</td><td>{row['train_loss']:.4g}</td>"
            f"<td>{_number(row['val_loss'])}</td>"
            + "".join(f"<td>{_number(row.get(column))}</td>" for column in self.also)
            + f"<td>{row['learning_rate']:.2g}</td><td>{row['seconds']:.1f}</td></tr>"
            for row in rows
        )
        also = "".join(f"<th>{html.escape(label)}</th>" for label in self.also.values())
        return (
            f"<table><caption>{html.escape(self.name)} {caption}</caption><thead><tr><th>{self.unit}</th><th>train loss</th>"
            f"<th>validation loss</th>{also}<th>learning rate</th><th>seconds</th></tr></thead><tbody>{cells}</tbody></table>"
        )


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
