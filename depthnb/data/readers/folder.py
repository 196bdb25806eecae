r"""The RGB-D folder: our own format, of the embedded data and of "bring your own data" alike.

`index.csv` has the columns `id,scene,scene_type,split,image,depth,valid,depth_scale,fx,fy,cx,cy`, one row for each
frame:

- `id` unique; `scene` decides the split (a scene must not be in two splits); `scene_type` may be empty;
- `split` train, val or test; missing splits are derived by scene (`splits.derive_splits`), all cells empty = all train;
- `image`, `depth`, `valid`: paths relative to index.csv, with `/`. Image: 8-bit RGB or grey (repeated), JPEG or PNG.
Depth:
  16-bit PNG, or `.npy` float32. `valid`: PNG of 0 and 1 bit, may be empty;
- `depth_scale`: metres for each stored unit; stored 0 (and in `.npy` anything not positive and finite) is invalid;
- `fx,fy,cx,cy`: pixels of the image as stored, pixel centres at integers; all four empty = unknown.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from depthnb.data.readers.pixels import check_same_size, read_depth, read_image, read_valid
from depthnb.data.source import Source
from depthnb.data.splits import SPLITS, derive_splits

COLUMNS = ("id", "scene", "scene_type", "split", "image", "depth", "valid", "depth_scale", "fx", "fy", "cx", "cy")
RANGES = (10.0, 80.0, 300.0)  # metres; the far ends of the protocols folder-10, folder-80 and folder-300
_SAMPLED, _PIXELS = 16, 100_000  # frames whose depths decide the range of a folder, and how many of each at most
_RANGES_FOUND: dict[tuple[str, str, str], tuple[float, str]] = {}
_MAY_BE_EMPTY = ("scene_type", "split", "valid", "fx", "fy", "cx", "cy")


class Folder(Source):
    """A folder in the RGB-D format.

    Args:
        root: the folder that holds index.csv.
        name, protocol, max_depth: as in `Source`. Without max_depth the folder's own depths decide: of 16 frames, evenly
            spaced over all splits, 99 % of the valid pixels lie below it, and the protocol is folder-10, folder-80 or
            folder-300 (metres); `notes` says what was found. Give both or neither.

    Raises:
        FileNotFoundError: if index.csv or a file it names is missing.
        ValueError: for anything else wrong with the index; the message names the row and the remedy.
    """

    def __init__(self, root: Path | str, *, name: str = "folder", protocol: str = "", max_depth: float | None = None):
        if bool(protocol) != (max_depth is not None):
            raise ValueError(f"protocol {protocol!r} with max_depth {max_depth}: give both, or neither")
        self.name, self.protocol, self.max_depth = name, protocol, max_depth
        self.root = Path(root).expanduser()
        table = read_index(self.root)
        facts = _check_files(self.root, table)
        self.index, self.notes = derive_splits(table)
        content = hashlib.sha256((self.root / "index.csv").read_bytes())
        content.update(repr([size for size, _ in facts]).encode())
        self.fingerprint = content.hexdigest()[:12]
        self.state = repr([changed for _, changed in facts])
        if max_depth is None:
            key = (str(self.root), self.fingerprint, self.state)
            if key not in _RANGES_FOUND:  # several splits of one folder are opened one after the other
                _RANGES_FOUND[key] = self._range()
            self.max_depth, note = _RANGES_FOUND[key]
            self.protocol, self.notes = f"folder-{self.max_depth:.0f}", (*self.notes, note)

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        image = read_image(self.root / frame["image"])
        depth, valid = self._depth(frame)
        check_same_size(image, depth, self.root / frame["image"], self.root / frame["depth"])
        K = torch.eye(3)
        cells = [float(frame[key]) if frame[key] else float("nan") for key in ("fx", "fy", "cx", "cy")]
        K[0, 0], K[1, 1], K[0, 2], K[1, 2] = cells
        return {"image": image, "depth": depth, "valid": valid, "intrinsics": K}

    def files(self, row: int) -> list[Path]:
        return [self.root / cell for cell in self.index.iloc[row][["image", "depth", "valid"]] if cell]

    def _depth(self, frame: pd.Series) -> tuple[Tensor, Tensor]:
        depth, valid = read_depth(self.root / frame["depth"], float(frame["depth_scale"]))
        if frame["valid"]:
            mask = read_valid(self.root / frame["valid"])
            check_same_size(depth, mask, self.root / frame["depth"], self.root / frame["valid"])
            valid = valid & mask
        return depth, valid

    def _range(self) -> tuple[float, str]:
        """Far end of the range that holds the depths of a few frames, and a sentence on it."""
        found = []
        for row in sorted({*np.linspace(0, len(self.index) - 1, _SAMPLED).astype(int)}):
            try:
                depth, valid = self._depth(self.index.iloc[row])
            except (OSError, ValueError):
                continue  # a damaged frame is named when it is asked for
            counting = depth[valid].numpy()
            found.append(counting[:: 1 + len(counting) // _PIXELS])
        depths = np.concatenate(found) if found else np.empty(0)
        if not depths.size:
            end = RANGES[0]
            return end, f"Depth counts up to {end:.0f} m: none of {len(found)} frames looked at has a valid one."
        far = float(np.quantile(depths, 0.99))
        end = next((end for end in RANGES if far <= end), RANGES[-1])
        said = f"Depth counts up to {end:.0f} m: 99 % of the valid pixels of {len(found)} frames lie below {far:.1f} m"
        beyond = 100 * float((depths > end).mean())
        if beyond:
            said += f", and {beyond:.{1 if beyond < 1 else 0}f} % beyond the range"
        return end, said + ("; is depth_scale right?" if far > end else ".")


def embedded(root: Path | str, name: str, *, max_depth: float) -> Folder:
    """Open a data set of the repository, whose protocol has its name.

    Raises:
        FileNotFoundError: if there is no index.csv in `root`.
    """
    root = Path(root).expanduser()
    if not (root / "index.csv").is_file():
        raise FileNotFoundError(
            f"{root}: the embedded data set {name} is not here (no index.csv). It is part of the repository, beside "
            f"the package; use depthnb from a clone (pip install -e .), restore it with 'git checkout -- data/{name}', "
            "or give root"
        )
    return Folder(root, name=name, protocol=name, max_depth=max_depth)


def open_source(root: Path | str | None) -> Folder:
    """Open any folder of the format, with the range that its depths ask for. Raises ValueError if `root` is None."""
    if root is None:
        raise ValueError(
            "data set 'folder' needs root (in a notebook: data_root), the folder that holds index.csv with the columns "
            + ",".join(COLUMNS)
        )
    return Folder(root)


def read_index(root: Path) -> pd.DataFrame:
    """Read and check index.csv; every cell stays a str.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the first bad row, what was found, what was expected.
    """
    path = root / "index.csv"
    if not path.is_file():
        what = "there is no such folder" if not root.is_dir() else "the folder has no index.csv"
        raise FileNotFoundError(
            f"{path}: {what}. An RGB-D folder holds index.csv with the columns {','.join(COLUMNS)} "
            "(paths relative to it; depth 16-bit PNG or .npy float32; depth_scale in metres for each stored unit)"
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


def _check_files(root: Path, table: pd.DataFrame) -> list[tuple[int, int]]:
    """Size in bytes and time of change of every file named; FileNotFoundError if some are missing."""
    facts, missing = [], []
    for column in ("image", "depth", "valid"):
        for name in table[column]:
            if not name:
                continue
            try:
                found = os.stat(root / name)
                facts.append((found.st_size, found.st_mtime_ns))
            except OSError:
                missing.append(name)
    if missing:
        raise FileNotFoundError(
            f"{root}: {len(missing)} of {len(missing) + len(facts)} files named in index.csv are missing, the first is "
            f"{missing[0]}; paths are relative to index.csv and the case of letters counts"
        )
    return facts


def write(
    root: Path | str, samples: Iterable[dict], *, depth_scale: float = 0.001, jpeg_quality: int | None = None
) -> Path:
    """Write samples as an RGB-D folder: the exporter of any data set, and the way to make one from arrays.

    Args:
        root: folder to make or fill; index.csv is written last.
        samples: dicts of the contract, plus `split`; `id` becomes the file name. Read one at a time.
        depth_scale: metres for each stored unit of the 16-bit PNG; depth is rounded to it. 0 stores `.npy` float32
            exactly.
        jpeg_quality: None stores PNG (exact to 8 bits).

    Returns:
        The path of index.csv.

    Raises:
        ValueError: if a valid depth does not fit the scale (0 or beyond 65535 units), or an id cannot be a file name.
    """
    root = Path(root)
    rows = []
    for part in ("image", "depth", "valid"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for sample in samples:
        name = sample["id"]
        if not name or "/" in name or "\\" in name or name.startswith("."):
            raise ValueError(f"id {name!r} cannot be a file name; use letters, digits, - and _")
        pixels = (sample["image"] * 255).round().clamp(0, 255).to(torch.uint8).numpy().transpose(1, 2, 0)
        paths = {"image": f"image/{name}.{'png' if jpeg_quality is None else 'jpg'}", "valid": f"valid/{name}.png"}
        Image.fromarray(pixels).save(root / paths["image"], **({"quality": jpeg_quality} if jpeg_quality else {}))
        valid = sample["valid"][0].numpy()
        paths["depth"] = _write_depth(root, name, np.where(valid, sample["depth"][0].numpy(), 0), valid, depth_scale)
        Image.fromarray(valid).save(root / paths["valid"])
        K = sample["intrinsics"]
        values = [float(v) for v in (K[0, 0], K[1, 1], K[0, 2], K[1, 2])]
        camera = [repr(v) for v in values] if np.isfinite(values).all() else [""] * 4
        row = [name, sample["scene"], sample["scene_type"], sample["split"]]
        rows.append([*row, paths["image"], paths["depth"], paths["valid"], repr(depth_scale or 1.0), *camera])
    temporary = root / "index.csv.tmp"
    with open(temporary, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows([COLUMNS, *rows])
    return temporary.replace(root / "index.csv")


def _write_depth(root: Path, name: str, depth: np.ndarray, valid: np.ndarray, depth_scale: float) -> str:
    if depth_scale == 0:
        np.save(root / f"depth/{name}.npy", depth.astype(np.float32))
        return f"depth/{name}.npy"
    units = np.round(depth.astype(np.float64) / depth_scale)
    if valid.any() and not (units[valid].min() >= 1 and units[valid].max() <= 65535):
        raise ValueError(
            f"frame {name!r}: valid depth {depth[valid].min():g}..{depth[valid].max():g} m does not fit 16 bits in units "
            f"of {depth_scale:g} m; choose another depth_scale, or 0 for .npy float32"
        )
    Image.fromarray(units.astype(np.uint16)).save(root / f"depth/{name}.png")
    return f"depth/{name}.png"
