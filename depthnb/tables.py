"""Reading the CSV files of this project: names stay the text that they are, numbers become numbers."""

from __future__ import annotations

import os
from collections.abc import Collection

import pandas as pd

NAMES = ("id", "scene", "scene_type")  # columns that hold names, in every table that has them


def read(file: str | os.PathLike, *, text: Collection[str] = NAMES) -> pd.DataFrame:
    """Read a table whose columns are either text or numbers.

    pandas alone takes the words NA, None, null and nan for missing, and 007 and 1e5 for numbers. A scene may be called so.

    Args:
        file: CSV in UTF-8 with a header.
        text: columns that are text whatever they look like. Every other column is numeric if each of its cells is empty or
            a number as Python or pandas write it, and text if not.

    Returns:
        One row a line. An empty cell is NaN in a numeric column and "" in a text column; a column that is empty throughout
        is numeric.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no table in UTF-8.
    """
    table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8")
    for name in table.columns:
        if name not in text:
            table[name] = _numbers(table[name])
    return table


def _numbers(column: pd.Series) -> pd.Series:
    """The column as numbers if they are all written as numbers are; else as it is."""
    filled = column[column != ""]
    try:
        values = pd.to_numeric(filled)
    except (ValueError, TypeError):
        return column
    if not all(map(_is_written_as_number, filled)):
        return column
    return values if len(filled) == len(column) else values.astype(float).reindex(column.index)


def _is_written_as_number(cell: str) -> bool:
    """Whether a cell that can be read as a number looks like one: 007 and 1e5 are names, 7, -0.5 and 1e-05 are not.

    >>> [_is_written_as_number(cell) for cell in ("7", "-0.5", "1e-05", "1e+06", "007", "1e5", "1_000", "nan")]
    [True, True, True, True, False, False, False, False]
    """
    digits = cell.lstrip("-")
    if not (digits[:1].isdigit() and digits.isascii()) or "_" in digits:
        return False
    whole, mark, power = digits.partition("e")
    return (whole == "0" or not whole.startswith("0") or whole.startswith("0.")) and (not mark or power[:1] in "+-")
