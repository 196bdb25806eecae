r"""The RGB-D folder: our own format, of the embedded data and of "bring your own data" alike.

`index.csv` has the columns `id,scene,scene_type,split,image,depth,valid,depth_scale,fx,fy,cx,cy`, one row for each frame:

- `id` unique; `scene` decides the split (a scene must not be in two splits); `scene_type` may be empty;
- `split` train, val or test; missing splits are derived by scene (`splits.derive_splits`), all cells empty = all train;
- `image`, `depth`, `valid`: paths relative to index.csv, with `/`, that do not leave its folder (`inside` says which links
  may). Image: 8-bit RGB or grey (repeated), JPEG or PNG. Depth: 16-bit PNG, or one array in `.npy`, `.npz` or HDF5. `valid`:
  1-bit PNG or an array of 0 and 1, may be empty;
- `depth_scale`: metres for each stored unit; stored 0 is invalid, in PNG 65535 too, in arrays whatever is not positive and
  finite;
- `fx,fy,cx,cy`: pixels of the image as stored, pixel centres at integers; all four empty = unknown.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from depthnb.data.readers.index_csv import COLUMNS, Index, check_files, read
from depthnb.data.readers.inside import linked_away
from depthnb.data.readers.pixels import check_same_size, read_depth, read_image, read_valid
from depthnb.data.source import Source
from depthnb.data.splits import derive_splits
from depthnb.data.survey import far_end
from depthnb.data.words import plural

RANGES = (10.0, 80.0, 300.0)  # metres; the far ends of the protocols folder-10, folder-80 and folder-300


class Folder(Source):
    """A folder in the RGB-D format.

    Args:
        root: the folder that holds index.csv, or another CSV file of its columns, whose paths are relative to it.
        name, protocol, max_depth: as in `Source`. Without max_depth the folder's own depths decide: of up to 8 frames of
            each split, evenly spaced, 99 % of the valid pixels lie below it, and the protocol is folder-10, folder-80 or
            folder-300 (metres); `notes` says what was found. Give both or neither.
        index: what to take for the folder's index instead of reading it, as `index_csv.read` gives it.

    Raises:
        FileNotFoundError: if index.csv or a file it names is missing.
        ValueError: for anything else wrong with the index; the message names the row and the remedy.
    """

    unit = "metres are the stored number times depth_scale in index.csv"

    def __init__(
        self,
        root: Path | str,
        *,
        name: str = "folder",
        protocol: str = "",
        max_depth: float | None = None,
        index: Index | None = None,
    ):
        if bool(protocol) != (max_depth is not None):
            raise ValueError(f"protocol {protocol!r} with max_depth {max_depth}: give both, or neither")
        self.name, self.protocol, self.max_depth = name, protocol, max_depth
        self.unchecked = max_depth is None
        held = (read(Path(root).expanduser()) if index is None else index).sound()
        self.root, self.lines = held.file.parent, held.lines
        table, facts = check_files(self.root, held.table)
        self.own_test = bool((table["split"] == "test").any())
        self.index, self.notes = derive_splits(table)
        named = [name for column in ("image", "depth", "valid") for name in table[column] if name]
        if away := linked_away(self.root, named):
            self.notes += (f"{away} of {plural(len(named), 'file')} lie outside of the folder, behind symbolic links.",)
        content = hashlib.sha256(held.file.read_bytes() if index is None else table.to_csv().encode())
        content.update(repr([size for size, _ in facts]).encode())
        self.fingerprint = content.hexdigest()[:12]
        self.state = repr([changed for _, changed in facts])
        if max_depth is None:
            self.max_depth, note = far_end(self, RANGES)
            self.protocol = f"folder-{self.max_depth:.0f}"
            self.notes = (*self.notes, note)

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
        frame = self.index.iloc[row]
        return [self.root / frame[key] for key in ("image", "depth", "valid") if frame[key]]

    def _depth(self, frame: pd.Series) -> tuple[Tensor, Tensor]:
        depth, valid = read_depth(self.root / frame["depth"], float(frame["depth_scale"]))
        if frame["valid"]:
            mask = read_valid(self.root / frame["valid"])
            check_same_size(depth, mask, self.root / frame["depth"], self.root / frame["valid"])
            valid = valid & mask
        return depth, valid


def embedded(root: Path | str, name: str, *, max_depth: float, protocol: str = "") -> Folder:
    """Open a data set of the repository, whose protocol has its name if it is not given.

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
    return Folder(root, name=name, protocol=protocol or name, max_depth=max_depth)


def open_source(root: Path | str | None) -> Folder:
    """Open any folder of the format, with the range that its depths ask for.

    Raises:
        ValueError: if `root` is None.
    """
    if root is None:
        raise ValueError(
            "data set 'folder' needs root (in a notebook: data_root), the folder that holds index.csv with the columns "
            + ",".join(COLUMNS)
        )
    return Folder(root)
