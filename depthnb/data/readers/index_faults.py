"""What can be wrong in the cells of an index.csv: every rule of the format once, for the reader and for `depthnb check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from depthnb.data.readers.inside import leaves
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

COLUMNS = ("id", "scene", "scene_type", "split", "image", "depth", "valid", "depth_scale", "fx", "fy", "cx", "cy")
MAY_BE_EMPTY = ("scene_type", "split", "valid", "fx", "fy", "cx", "cy")


@dataclass(frozen=True)
class Fault:
    """Something that is wrong in index.csv itself.

    Attributes:
        kind: one word for what it is.
        lines: of the file, counted from 1.
        sentence: what was found, what was expected, what to do.
    """

    kind: str
    lines: tuple[int, ...]
    sentence: str


def cell_faults(table: pd.DataFrame, lines: Sequence[int]) -> Iterator[Fault]:
    """Everything that is wrong in the cells of an index."""
    lines = np.array(lines, int)

    def where(rows: pd.Series) -> tuple[int, ...]:
        return tuple(lines[rows.to_numpy(bool)].tolist())

    table = table.copy()
    for column in COLUMNS:
        long = table[column].str.len() > _LONGEST
        if long.any():
            bad = table.index[long][0]
            yield Fault(
                "long",
                where(long),
                f"line {lines[bad]}: {column} has {len(table[column][bad]):,} characters and begins with "
                f"{table[column][bad][:40]!r}; expected at most {_LONGEST:,}; is a quote missing before it?",
            )
            table[column] = table[column].str[:_LONGEST].where(~long, table[column].str[:40])
        empty = table[column] == ""
        if column not in MAY_BE_EMPTY and empty.any():
            bad = table.index[empty][0]
            yield Fault(
                "empty", where(empty), f"line {lines[bad]} (id {table['id'][bad]!r}): {column} is empty; fill it in"
            )
        strange = ~table[column].map(str.isprintable).astype(bool) & ~empty
        if strange.any():
            yield Fault(
                "unprintable",
                where(strange),
                f"{column} {table.loc[strange, column].iloc[0]!r} has a line break or another unprintable character; "
                "take it out",
            )
    twice = table["id"].duplicated() & (table["id"] != "")
    if twice.any():
        yield Fault(
            "id",
            where(twice),
            f"id {table.loc[twice, 'id'].iloc[0]!r} appears more than once ({plural(int(twice.sum()), 'repeat')}); make ids "
            "unique",
        )
    unknown = ~table["split"].isin(SPLITS)
    if unknown.any():
        yield Fault(
            "split",
            where(unknown),
            f"frame {table.loc[unknown, 'id'].iloc[0]!r} has split {table.loc[unknown, 'split'].iloc[0]!r}; expected one of "
            f"{', '.join(SPLITS)} (or no split in any row: then all are training frames)",
        )
    yield from _shared(table[~unknown], where, table)
    for row, line in zip(table.itertuples(), lines.tolist(), strict=True):
        yield from _number_faults(row, line)
        for column in ("image", "depth", "valid"):
            cell = getattr(row, column)
            if Path(cell).is_absolute() or PureWindowsPath(cell).is_absolute() or "\\" in cell:
                yield Fault(
                    "path",
                    (line,),
                    f"frame {row.id!r}: {column} is {cell!r}; expected a path relative to index.csv, with '/'",
                )
            elif leaves(cell):
                yield Fault(
                    "outside",
                    (line,),
                    f"frame {row.id!r}: {column} is {cell!r}, which leaves the folder of index.csv; expected a file in it: "
                    "copy the file there, or put a symbolic link to it there and name that",
                )


def _shared(known: pd.DataFrame, where: Callable[[pd.Series], tuple[int, ...]], table: pd.DataFrame) -> Iterator[Fault]:
    """Scenes and files that are in several splits.

    Args:
        known: the rows of `table` whose split is one.
    """
    splits = known.groupby("scene")["split"].agg(lambda column: sorted(set(column)))
    torn = splits[(splits.map(len) > 1) & (splits.index != "")]
    if len(torn):
        yield Fault(
            "scene",
            where(table["scene"].isin(torn.index)),
            f"scene {torn.index[0]!r} is in the splits {' and '.join(torn.iloc[0])} ({plural(len(torn), 'such scene')}); "
            "frames of one scene look alike, so give all of them one split",
        )
    for column in ("image", "depth"):
        count = known[known[column] != ""].groupby(column)["split"].nunique()
        names = count.index[count > 1]
        if len(names):
            parts = sorted(set(known.loc[known[column] == names[0], "split"]))
            yield Fault(
                "shared",
                where(table[column].isin(names)),
                f"{column} {names[0]!r} is in the splits {' and '.join(parts)}; one frame cannot be trained on and scored: "
                "take out one of its rows",
            )


def number(text: str) -> float:
    """A cell as a number; NaN for what is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


_LONGEST = 4000  # characters; no file system takes a longer path, and no error should print one
_LEAST_SCALE = 1e-9  # metres: nobody stores a room in smaller steps, and 1e-300 makes every depth 0


def _number_faults(row: object, line: int) -> Iterator[Fault]:
    scale = number(row.depth_scale)
    if row.depth_scale and not _LEAST_SCALE <= scale <= 1:
        hint = f"; perhaps 1/{scale:g} = {1 / scale:g} is meant" if scale > 1 else ""
        yield Fault(
            "scale",
            (line,),
            f"frame {row.id!r}: depth_scale is {row.depth_scale!r}; expected metres for each stored unit, "
            f"{_LEAST_SCALE:g} to 1 (0.001 if millimetres are stored){hint}",
        )
    cells = [row.fx, row.fy, row.cx, row.cy]
    if not any(cells):
        return
    fx, fy, cx, cy = (number(cell) for cell in cells)
    if not (0 < fx < np.inf and 0 < fy < np.inf and np.isfinite(cx) and np.isfinite(cy)):
        yield Fault(
            "camera",
            (line,),
            f"frame {row.id!r}: fx,fy,cx,cy are {cells}; expected four numbers in pixels with fx and fy "
            "above 0, or four empty cells if they are unknown",
        )
