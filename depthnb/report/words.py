"""Numbers, tables and errors as a reader of the page says them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from depthnb import metrics

BASELINES = {"mean_image": "Mean image", "mean_depth": "Mean depth"}
LONGEST = 40  # rows of a table in the page
WIDE = 8  # columns: a table of more is printed small


@dataclass
class Table:
    """A table ready for the page: texts only, with the class of every cell ("number", "best" ...)."""

    title: str
    columns: list[str]
    rows: list[list[tuple[str, str]]]
    more: int = 0  # rows left out

    @property
    def numeric(self) -> bool:
        """Whether it is a table of numbers: the page then keeps its first column in sight."""
        return any(kind.startswith("number") for row in self.rows for _, kind in row)

    @property
    def wide(self) -> bool:
        """Whether a printed page is too narrow for it in letters of the usual size."""
        return len(self.columns) > WIDE


def is_number(value: object) -> bool:
    """Whether it is a finite number, and no True or False."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def number(value: object) -> str:
    """Three digits after the point, whole numbers with separators, very small and large ones in powers of ten.

    >>> [number(v) for v in (0.12345, 1449, 86.0, 3.2e-05, 0.0, None)]
    ['0.123', '1,449', '86', '3.20e-05', '0.000', '']
    """
    if not is_number(value):
        return ""
    # a column of whole numbers with an empty cell is read as floats
    if isinstance(value, int) or (value.is_integer() and abs(value) >= 1):
        return f"{int(value):,}"
    return f"{value:.2e}" if value and not 0.0005 <= abs(value) < 1e5 else f"{value:.3f}"


def count(value: float) -> str:
    """Millions and thousands by their letter.

    >>> [count(v) for v in (3_123_456, 274_000, 12, float("nan"))]
    ['3.1 M', '274 k', '12', '']
    """
    if not is_number(value):
        return ""
    return f"{value / 1e6:.1f} M" if value >= 1e6 else f"{value / 1e3:.0f} k" if value >= 1e3 else f"{value:.0f}"


def duration(seconds: object) -> str:
    """Seconds as a reader says them.

    >>> [duration(s) for s in (42.4, 99.9, 7322, None)]
    ['42 s', '1 min 40 s', '2 h 2 min', '']
    """
    if not is_number(seconds):
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def as_table(frame: pd.DataFrame, title: str) -> Table:
    """Texts of a table; verdicts get a class of their own, so that the page can colour them."""
    rows = []
    for values in frame.apply(_with_infinity).head(LONGEST).itertuples(index=False):
        row = []
        for name, value in zip(frame.columns, values, strict=True):
            text = number(value) if is_number(value) else "" if value is None or value != value else str(value)
            kind = "number" if is_number(value) or (isinstance(value, float) and math.isinf(value)) else ""
            text = text.replace("± ", "±\N{NO-BREAK SPACE}")
            if name == "verdict":
                kind = {"holds": "yes", "does not hold": "no"}.get(text, "open")
            row.append((text, kind))
        rows.append(row)
    return Table(title, [_heading(str(name)) for name in frame.columns], rows, more=max(0, len(frame) - LONGEST))


def _with_infinity(column: pd.Series) -> pd.Series:
    """The column as numbers if `files.read_table` took it for text only because one of them is infinite.

    >>> _with_infinity(pd.Series(["0.25", "inf"])).tolist(), _with_infinity(pd.Series(["a", "inf"])).tolist()
    ([0.25, inf], ['a', 'inf'])
    """
    if "inf" not in column.tolist():
        return column
    values = pd.to_numeric(column, errors="coerce")
    return column if values.isna().any() else values


def _heading(name: str) -> str:
    """A column's name without underscores, except in those of metrics.

    >>> _heading("plane_residual"), _heading("abs_rel at_home")
    ('plane residual', 'abs_rel at home')
    """
    return " ".join(word if word in metrics.NAMES else word.replace("_", " ") for word in name.split(" "))


def short(error: Exception) -> str:
    """First line of a message without any path of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"(/[^\s:'\"]+)+", lambda match: Path(match[0]).name, lines[0])[:200]
