"""Grades as people and spreadsheets read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from depthnb import files
from depthnb.course.grading import Grade

_COLUMNS = ("file", "session", "task", "points", "of", "said")
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would compute a cell that begins so


def said(file: str | Path, grades: Sequence[Grade]) -> str:
    """A line a task, and the sum."""
    lines = [f"{file}"]
    lines += [f"  {each.points}/{each.task.points}  {each.task.name:20s} {each.said}" for each in grades]
    return "\n".join([*lines, f"  {sum(g.points for g in grades)} of {sum(g.task.points for g in grades)} points"])


def rows(file: str | Path, grades: Sequence[Grade]) -> list[tuple]:
    """A row a task for `write`."""
    return [(str(file), each.task.session, each.task.name, each.points, each.task.points, each.said) for each in grades]


def write(lines: Sequence[tuple], file: str | Path) -> Path:
    """Write rows as CSV, whole or not at all; no cell of it is taken for a formula.

    Raises:
        OSError: when it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in lines:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in line])
    return files.write_text(file, text.getvalue())
