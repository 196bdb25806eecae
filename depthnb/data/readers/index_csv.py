"""index.csv of an RGB-D folder: read and checked before a single picture is opened."""

from __future__ import annotations

import csv
import difflib
import os
import stat
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from depthnb.data.readers.index_faults import COLUMNS, MAY_BE_EMPTY, Fault, cell_faults


@dataclass(frozen=True)
class Index:
    """What an index.csv holds, with its faults.

    Attributes:
        file: where it was read.
        table: one row a frame, the columns `COLUMNS`, every cell a str.
        lines: of the file, one a row.
        faults: everything that is wrong in it, before a single picture is opened; none in an index that can be used.
    """

    file: Path
    table: pd.DataFrame
    lines: tuple[int, ...]
    faults: tuple[Fault, ...] = ()

    def sound(self) -> Index:
        """The same index; ValueError that names the first fault."""
        if self.faults:
            raise ValueError(f"{self.file}: {self.faults[0].sentence}")
        return self

    def without(self, lines: Sequence[int]) -> Index:
        """The index without some of its lines, whose faults are found anew."""
        keep = ~np.isin(self.lines, list(lines))
        table = self.table[keep].reset_index(drop=True)
        left = tuple(np.array(self.lines)[keep].tolist())
        return replace(self, table=table, lines=left, faults=tuple(cell_faults(table, left)))


def index_file(root: Path) -> Path:
    """The index of a folder: its index.csv, or `root` itself where that names a CSV file."""
    return root if root.suffix.lower() == ".csv" and not root.is_dir() else root / "index.csv"


def read_index(root: Path) -> pd.DataFrame:
    """Read and check index.csv; every cell stays a str.

    Args:
        root: the folder that holds it, or another CSV file of the same columns.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the first bad row, what was found, what was expected.
    """
    return read(root).sound().table


def read(root: Path) -> Index:
    """Read index.csv with everything that is wrong in it.

    Args:
        root: as for `read_index`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no table with the columns of the format, or holds no frame.
    """
    path = index_file(root)
    header, rows = read_rows(path)
    torn = [
        Fault(
            "cells",
            (line,),
            f"line {line}: {len(cells)} cells, but the header has {len(header)} columns; "
            "put cells that contain a comma in double quotes",
        )
        for line, cells in rows
        if len(cells) != len(header)
    ]
    whole = [(line, cells) for line, cells in rows if len(cells) == len(header)]
    table = pd.DataFrame([cells for _, cells in whole], columns=header, dtype=str)[list(COLUMNS)]
    if not rows:
        raise ValueError(f"{path}: the index has no frames; add one row for each frame")
    table = table.map(str.strip)
    for column in ("id", "scene", "scene_type", "split"):  # one name, however its accents are stored
        table[column] = table[column].map(lambda name: unicodedata.normalize("NFC", name))
    table["scene_type"] = table["scene_type"].replace("", "unknown")
    if (table["split"] == "").all():
        table["split"] = "train"
    lines = tuple(line for line, _ in whole)
    return Index(path, table, lines, (*torn, *cell_faults(table, lines)))


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header and the rows of a CSV file as they are, each row with its line (counted from 1); empty lines are left out.

    Raises:
        FileNotFoundError, ValueError: as `read`.
    """
    root = path.parent
    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long for this disk
        raise FileNotFoundError(f"{str(path)[:80]!r}: {error.strerror}; give the folder that holds index.csv") from None
    if not there:
        what = "there is no such folder" if not root.is_dir() else f"the folder has no {path.name}"
        near = [place for place in (root.parent, *sorted(root.glob("*/"))) if (place / "index.csv").is_file()]
        what += f", but {near[0]} has one: give that as root" if near else ""
        raise FileNotFoundError(
            f"{path}: {what}. An RGB-D folder holds index.csv with the columns {','.join(COLUMNS)} "
            "(paths relative to it; depth 16-bit PNG or .npy; depth_scale in metres for each stored unit)"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle, strict=True)
            lines = [(reader.line_num, cells) for cells in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8 ({error}); save it as CSV, comma-separated, UTF-8") from None
    header = lines[0][1] if lines else []
    _check_header(path, header)
    return header, [(line, cells) for line, cells in lines[1:] if cells]


def _check_header(path: Path, header: list[str]) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        near = [difflib.get_close_matches(column, header, 1) for column in missing]
        hints = [
            f"{match[0]!r} found instead of {column!r}?" for column, match in zip(missing, near, strict=True) if match
        ]
        if len(header) == 1 and ";" in header[0]:
            hints = ["cells are separated by ';', expected ','"]
        raise ValueError(
            f"{path}: missing column(s) {', '.join(missing)}; found {', '.join(header) or 'an empty file'}. "
            f"{' '.join(hints)} Expected {','.join(COLUMNS)}; cells of {', '.join(MAY_BE_EMPTY)} may be empty"
        )
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise ValueError(f"{path}: column(s) {', '.join(twice)} appear twice; keep one of each")


def find_files(root: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[int, int]], list[tuple[int, str]]]:
    """Find every file named in the index.

    Args:
        root: the folder of index.csv.
        table: as `read_index` gives it.

    Returns:
        The table, paths spelled as on the disk (a name with an accent has two forms in Unicode, and a copy from a Mac may
        have the other one); size in bytes and time of change of each file: of all images first, then depth, then masks; and
        row and name of each file that is missing.
    """
    table, facts, missing = table.copy(), [], []
    for column in ("image", "depth", "valid"):
        spelled = []
        for row, name in enumerate(table[column]):
            forms = (
                dict.fromkeys([name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]) if name else ()
            )
            for form in forms:
                try:
                    status = os.stat(root / form)
                except (OSError, ValueError):  # a name may hold what no file system takes
                    continue
                if not stat.S_ISREG(status.st_mode):  # a folder, or a pipe, at which reading would wait for ever
                    continue
                facts.append((status.st_size, status.st_mtime_ns))
                name = form
                break
            else:
                missing += [(row, name)] if name else []
            spelled.append(name)
        table[column] = spelled
    return table, facts, missing


def check_files(root: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[int, int]]]:
    """As `find_files`, where all of them must be there.

    Raises:
        FileNotFoundError: if some are missing, with their number and the first.
    """
    table, facts, missing = find_files(root, table)
    if missing:
        raise FileNotFoundError(
            f"{root}: {len(missing)} of {len(missing) + len(facts)} files named in index.csv are missing, the first is "
            f"{textwrap.shorten(missing[0][1], 300)}; paths are relative to index.csv and the case of letters counts"
        )
    return table, facts
