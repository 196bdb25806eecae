r"""One process at a time makes a folder, the others wait and take it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.cache import layout, writing
from depthnb.files import locks

if TYPE_CHECKING:
    from depthnb.data.source import Source


def rows_of(source: Source, split: str) -> np.ndarray:
    """Rows of the index that belong to a split."""
    return np.flatnonzero(source.index["split"] == split)


def renew(source: Source, folder: Path, facts: dict, found: str) -> None:
    """Make a folder anew in which a reader found damage, unless another process has done so meanwhile."""
    try:
        make(source, folder, facts, found)
    except OSError as error:
        raise OSError(error.errno, f"{_damaged(folder, found)}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{_damaged(folder, found)}: {error}") from error


def _damaged(folder: Path, found: str) -> str:
    return f"the prepared frames in {folder} are damaged ({found}) and could not be prepared anew"


def make(source: Source, folder: Path, facts: dict, found: str = "") -> None:
    """Make a folder while no other process does; nothing to do where another has finished it.

    Args:
        found: what a reader found wrong; then every frame that is there is looked at.
    """
    with writing.explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(10):
        with _lock(folder) as lock, contextlib.suppress(writing.Overtaken):
            fault, before = layout.fault(folder, facts), ""
            if found and not fault:
                fault, before = layout.frame_fault(folder, facts), layout.read_index(folder)["content"]
            if fault:
                if os.path.lexists(folder):
                    print(
                        f"the prepared frames in {folder.name} are damaged ({fault}): preparing them anew", flush=True
                    )
                rows = rows_of(source, facts["split"])
                writing.write(source, rows, folder, facts, held=lambda: lock.held, content=before)
            return
    raise OSError(
        None, f"the lock of {folder} was lost ten times; see whether its disk and the clocks of the machines are well"
    )


def clear(folder: Path) -> None:
    """Remove the lock that a process left which was killed as it let go of a finished folder."""
    lock = _lock_of(folder)
    if lock.take_left_over():
        lock.release()


def _lock_of(folder: Path) -> locks.Lock:
    return locks.Lock(folder.with_name(folder.name + ".lock"))


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[locks.Lock]:
    """Hold the lock of this folder; who must wait for it is told for whom."""
    lock = _lock_of(folder)
    with writing.explained(folder):
        lock.take(wait=lambda holder: print(f"{holder} prepares these frames already: waiting", flush=True))
    try:
        writing.sweep(folder)
        yield lock
    finally:
        lock.release()
