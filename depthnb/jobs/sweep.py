"""Many runs of notebooks: given to an engine, watched, tried again where they fail, and stopped without losing any."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from depthnb import files
from depthnb.jobs.engines import DONE, FAILED, RUNNING, WAITING, Engine, Handle
from depthnb.jobs.plans import Task

THERE, STOPPED = "there already", "stopped"
TABLE = "sweep.csv"
PATIENCE = 30.0  # seconds in which all runs together have to end when a sweep is stopped


@dataclass
class Row:
    """How it stands with one run."""

    task: Task
    state: str = WAITING
    where: str = ""
    tries: int = 0
    seconds: float = 0.0
    said: str = ""
    begun: float | None = field(default=None, repr=False)
    handle: Handle | None = field(default=None, repr=False)

    def record(self) -> dict[str, object]:
        return {
            "notebook": self.task.notebook,
            "run": self.task.run,
            "state": self.state,
            "where": self.where,
            "tries": self.tries,
            "seconds": round(self.seconds, 1),
            "said": self.said,
        }


def sweep(
    tasks: Sequence[Task],
    engine: Engine,
    folder: Path,
    *,
    retries: int = 1,
    told: Callable[[Row], None] = lambda row: None,
) -> pd.DataFrame:
    """Compute all tasks whose runs are not there.

    Args:
        tasks: as `plans.plan` gives them.
        engine: computes them.
        folder: where the executed notebooks go, and sweep.csv with the table below.
        retries: how often a run that failed is tried again; what its training has finished is not made again.
        told: called with every row that has changed.

    Returns:
        One row a run: notebook, run, state (there already, done, failed, stopped), where, tries, seconds, said.

    Raises:
        KeyboardInterrupt: after everything that worked was ended and the table was written.
    """
    rows = [Row(task, THERE if task.finished() else WAITING) for task in tasks]
    open_ = [row for row in rows if row.state != THERE]
    try:
        _submit(open_, engine, folder)
        while open_:
            for row in list(open_):
                if _look(row, retries, told):
                    continue
                open_.remove(row)
                if row.state == FAILED and row.tries <= retries:
                    _submit([row], engine, folder)
                    open_.append(row)
            _write(rows, folder)
            if open_:
                time.sleep(0.5)
    finally:
        given = [row.handle for row in reversed(open_) if row.handle is not None]
        for handle in given:  # those that wait first, or they would begin
            handle.cancel()
        limit = time.monotonic() + PATIENCE
        for handle in given:
            handle.wait(max(0.0, limit - time.monotonic()))
        for row in open_:
            done = row.task.finished()  # it may have ended just now
            row.state = DONE if done else STOPPED
        engine.close()
        table = _write(rows, folder)
    return table


def _submit(rows: Sequence[Row], engine: Engine, folder: Path) -> None:
    for row, handle in zip(rows, engine.submit([row.task for row in rows], folder) if rows else (), strict=True):
        row.handle, row.state, row.begun, row.tries = handle, WAITING, None, row.tries + 1


def _look(row: Row, retries: int, told: Callable[[Row], None]) -> bool:
    """Note how it stands with a run; returns whether it goes on."""
    state, said = row.handle.state()
    if state == DONE and not row.task.finished():
        state, said = FAILED, "its notebook ended and its run is not finished"
    changed, row.state, row.said, row.where = state != row.state, state, said, row.handle.where()
    if row.begun is None and state != WAITING:
        row.begun = time.monotonic()
    if row.begun is not None:
        row.seconds = time.monotonic() - row.begun
    if changed:
        told(row)
    return state in (WAITING, RUNNING)


def _write(rows: Sequence[Row], folder: Path) -> pd.DataFrame:
    table = pd.DataFrame([row.record() for row in rows])
    files.write_text(folder / TABLE, table.to_csv(index=False, lineterminator="\n"))
    return table
