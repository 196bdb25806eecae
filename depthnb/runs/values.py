"""Values as a run folder keeps them: JSON, cells of a LaTeX table, parameters without the paths of a machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import torch


def without_path(value: Any) -> Any:
    """A parameter as it may be published: of an absolute path (data_root) the last part alone.

    >>> without_path("/home/me/nyu_depth_v2_labeled.mat"), without_path("rooms")
    ('path/to/nyu_depth_v2_labeled.mat', 'rooms')
    """
    if isinstance(value, str) and (value.startswith(("/", "~")) or PureWindowsPath(value).is_absolute()):
        return f"path/to/{PureWindowsPath(value).name}"
    return value


def plain(value: Any) -> Any:
    """JSON-ready copy: dataclasses as their fields, arrays as lists, NaN and infinity as null, paths as names."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return value.name
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def rounded(value: Any, digits: int) -> Any:
    """A table cell for LaTeX: a float as text, anything else as it is.

    >>> [rounded(x, 3) for x in (0.12345, 0.0001, float("nan"), 3)]
    ['0.123', '0.0001', '--', 3]
    """
    if not isinstance(value, float | np.floating):
        return value
    if not math.isfinite(value):
        return "--" if math.isnan(value) else str(value)
    return f"{value:.{digits}f}" if value == 0 or abs(value) >= 0.5 * 10**-digits else f"{value:.2g}"


_LONG, _SHARE = (
    30,
    0.6,
)  # characters of a cell that is broken into lines; share of the line that such columns have together


def latex_columns(table: pd.DataFrame) -> str:
    """Kinds of the columns of a LaTeX table: numbers to the right, words to the left, long texts broken into lines.

    >>> latex_columns(pd.DataFrame({"method": ["U-Net"], "rmse": [0.7], "claim": ["it was trained for so many epochs"]}))
    'lr>{\\\\raggedright\\\\arraybackslash}p{0.60\\\\linewidth}'
    """
    longest = {
        place: table.iloc[:, place].astype(str).str.len().max()
        for place, kind in enumerate(table.dtypes)
        if not pd.api.types.is_numeric_dtype(kind) and len(table)
    }
    long = {place: min(int(length), 200) for place, length in longest.items() if length > _LONG}
    kinds = []
    for place, kind in enumerate(table.dtypes):
        if place in long:
            width = _SHARE * long[place] / sum(long.values())
            kinds.append(rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}")
        else:
            kinds.append("r" if pd.api.types.is_numeric_dtype(kind) else "l")
    return "".join(kinds)
