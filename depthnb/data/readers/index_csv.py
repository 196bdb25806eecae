"""index.csv of an RGB-D folder: read and checked before a single picture is opened."""

from __future__ import annotations

import csv
import difflib
import os
import unicodedata
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from depthnb.data.splits import SPLITS

COLUMNS = ("id", "scene", "scene_type", "split", "image", "depth", "valid", "depth_scale", "fx", "fy", "cx", "cy")
_MAY_BE_EMPTY = ("scene_type", "split", "valid", "fx", "fy", "cx", "cy")


def read_index(root: Path) -> pd.DataFrame:
    """Read and check index.csv; every cell stays a str.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the first bad row, what was found, what was expected.
    """
    path = root / "index.csv"
    if not path.is_file():
        what = "there is no such folder" if not root.is_dir() else "the folder has no index.csv"
        near = [place for place in (root.parent, *sorted(root.glob("*/"))) if (place / "index.csv").is_file()]
        what += f", but {near[0]} has one: give that as root" if near else ""
        raise FileNotFoundError(
            f"{path}: {what}. An RGB-D folder holds index.csv with the columns {','.join(COLUMNS)} "
            "(paths relative to it; depth 16-bit PNG or .npy; depth_scale in metres for each stored unit)"
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            lines = list(csv.reader(handle, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8 ({error}); save it as CSV, comma-separated, UTF-8") from None
    header = lines[0] if lines else []
    _check_header(path, header)
    for number, cells in enumerate(lines[1:], start=2):
        if cells and len(cells) != len(header):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} cells, but the header has {len(header)} columns; "
                "put cells that contain a comma in double quotes"
            )
    table = pd.DataFrame([cells for cells in lines[1:] if cells], columns=header, dtype=str)[list(COLUMNS)]
    if table.empty:
        raise ValueError(f"{path}: the index has no frames; add one row for each frame")
    table = table.map(str.strip)
    for column in ("id", "scene", "scene_type", "split"):  # one name, however its accents are stored
        table[column] = table[column].map(lambda name: unicodedata.normalize("NFC", name))
    table["scene_type"] = table["scene_type"].replace("", "unknown")
    if (table["split"] == "").all():
        table["split"] = "train"
    _check_cells(path, table)
    return table


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
            f"{' '.join(hints)} Expected {','.join(COLUMNS)}; cells of {', '.join(_MAY_BE_EMPTY)} may be empty"
        )
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise ValueError(f"{path}: column(s) {', '.join(twice)} appear twice; keep one of each")


def _check_cells(path: Path, table: pd.DataFrame) -> None:
    for column in COLUMNS:
        if column not in _MAY_BE_EMPTY and (table[column] == "").any():
            bad = table.index[table[column] == ""][0]
            raise ValueError(f"{path}, frame {bad + 1} (id {table['id'][bad]!r}): {column} is empty; fill it in")
        strange = table[column][~table[column].map(str.isprintable)]
        if len(strange):
            raise ValueError(
                f"{path}: {column} {strange.iloc[0]!r} has a line break or another unprintable character; take it out"
            )
    twice = table["id"][table["id"].duplicated()]
    if len(twice):
        raise ValueError(f"{path}: id {twice.iloc[0]!r} appears more than once ({len(twice)} repeats); make ids unique")
    unknown = table[~table["split"].isin(SPLITS)]
    if len(unknown):
        raise ValueError(
            f"{path}: frame {unknown['id'].iloc[0]!r} has split {unknown['split'].iloc[0]!r}; expected one of "
            f"{', '.join(SPLITS)} (or no split in any row: then all are training frames)"
        )
    splits = table.groupby("scene")["split"].agg(lambda column: sorted(set(column)))
    torn = splits[splits.map(len) > 1]
    if len(torn):
        raise ValueError(
            f"{path}: scene {torn.index[0]!r} is in the splits {' and '.join(torn.iloc[0])} ({len(torn)} such scenes); "
            "frames of one scene look alike, so give all of them one split"
        )
    for column in ("image", "depth"):
        shared = table.groupby(column)["split"].nunique()
        if (shared > 1).any():
            name = shared.index[shared > 1][0]
            parts = sorted(set(table.loc[table[column] == name, "split"]))
            raise ValueError(
                f"{path}: {column} {name!r} is in the splits {' and '.join(parts)}; one frame cannot be trained on and scored: "
                "take out one of its rows"
            )
    for row in table.itertuples():
        _check_numbers(path, row)
        for column in ("image", "depth", "valid"):
            cell = getattr(row, column)
            if Path(cell).is_absolute() or PureWindowsPath(cell).is_absolute() or "\\" in cell:
                raise ValueError(
                    f"{path}: frame {row.id!r}: {column} is {cell!r}; expected a path relative to index.csv, with '/'"
                )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _check_numbers(path: Path, row: object) -> None:
    scale = _number(row.depth_scale)
    if not 0 < scale <= 1:
        hint = f"; did you mean 1/{scale:g} = {1 / scale:g}?" if scale > 1 else ""
        raise ValueError(
            f"{path}: frame {row.id!r}: depth_scale is {row.depth_scale!r}; expected metres for each stored unit, "
            f"above 0 and at most 1 (0.001 if millimetres are stored){hint}"
        )
    cells = [row.fx, row.fy, row.cx, row.cy]
    if not any(cells):
        return
    fx, fy, cx, cy = (_number(cell) for cell in cells)
    if not (0 < fx < np.inf and 0 < fy < np.inf and np.isfinite(cx) and np.isfinite(cy)):
        raise ValueError(
            f"{path}: frame {row.id!r}: fx,fy,cx,cy are {cells}; expected four numbers in pixels with fx and fy "
            "above 0, or four empty cells if they are unknown"
        )


def check_files(root: Path, table: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[int, int]]]:
    """Find every file named in the index.

    Args:
        root: the folder of index.csv.
        table: as `read_index` gives it.

    Returns:
        The table, paths spelled as on the disk (a name with an accent has two forms in Unicode, and a copy from a Mac may
        have the other one); and size in bytes and time of change of each file: of all images first, then depth, then masks.

    Raises:
        FileNotFoundError: if some are missing, with their number and the first.
    """
    table, facts, missing = table.copy(), [], []
    for column in ("image", "depth", "valid"):
        spelled = []
        for name in table[column]:
            forms = (
                dict.fromkeys([name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))]) if name else ()
            )
            for form in forms:
                try:
                    status = os.stat(root / form)
                except OSError:
                    continue
                facts.append((status.st_size, status.st_mtime_ns))
                name = form
                break
            else:
                missing += [name] if name else []
            spelled.append(name)
        table[column] = spelled
    if missing:
        raise FileNotFoundError(
            f"{root}: {len(missing)} of {len(missing) + len(facts)} files named in index.csv are missing, the first is "
            f"{missing[0]}; paths are relative to index.csv and the case of letters counts"
        )
    return table, facts
