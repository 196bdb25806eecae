r"""`nyu-v2-50k`: frames of NYU Depth V2 as JPEG and PNG with two CSV lists, the form most course projects train on.

    data/nyu2_train.csv   data/nyu2_test.csv           image,depth on each line, no header, paths from the archive's root
    data/nyu2_train/living_room_0038_out/37.jpg .png   50,688 frames of raw recordings, 640x480
    data/nyu2_test/00000_colors.png 00000_depth.png    the 654 labelled test frames, by MATLAB index less one

- Depth is stored in two ways, and the bits of each file say which, not its name or split. 8-bit PNG: 0..255 for
  0..10 m, in steps of 39 mm (0 and 255 are invalid: nothing known, or 10 m and more). 16-bit PNG: millimetres. In the
  published archive all training depth is of the first kind and all test depth of the second.
- Training depth is in-painted, its holes filled in from the picture. Whether the test depth is too, nobody wrote down.
- Scene: the place of the recording (living_room_0038), or that of the test frame in the authors' list; scene type: the
  place without its number. Training frames of a place that is tested are left out, and counted in `notes`.
- Split: 654 test frames as published; of the training places 10 % serve for validation, by a fixed hash.
- Intrinsics: V2's for the test frames; unknown (NaN) for the training frames, whose preparation is not documented.

Source: prepared for Hu et al. 2019 (arXiv:1803.08673), spread with Alhashim and Wonka 2018 (arXiv:1812.11941); document
000 counts its scenes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data.download import ORIGINS, search
from depthnb.data.readers.nyu_v2 import CENTRE, FOCAL, SIZE, camera, official_index, place_and_type
from depthnb.data.readers.pixels import read_image, read_stored
from depthnb.data.source import Source
from depthnb.data.splits import derive_splits

LISTS = {"train": "nyu2_train.csv", "test": "nyu2_test.csv"}
TEST_FRAMES = 654
MAX_DEPTH = 10.0
SCALES = {8: MAX_DEPTH / 255, 16: 0.001}  # bits of a stored depth -> metres for each unit
NEAREST = 0.5  # metres; a Kinect measures nothing nearer


class Nyu50k(Source):
    """The two lists and their files (see the module).

    Args:
        root: the folder that holds `data`, or `data` itself, or a folder that holds one of them.

    Raises:
        FileNotFoundError: if a list or a file it names is missing; the message names list and line.
        ValueError: for a line that cannot be what it must be; files are checked when they are read.
    """

    name, protocol, max_depth = "nyu-v2-50k", "nyu-v2-50k", MAX_DEPTH

    def __init__(self, root: Path | str | None):
        patterns = (f"data/{LISTS['train']}", LISTS["train"], f"*/data/{LISTS['train']}", f"*/{LISTS['train']}")
        self.root = search(self.name, patterns, root).parent
        rows = [row for split in LISTS for row in self._rows(split)]
        facts = [fact for row in rows for fact in self._facts(row)]
        self.index, self.notes = _index(pd.DataFrame(rows))
        content = b"".join((self.root / name).read_bytes() for name in LISTS.values())
        content += repr([size for size, _ in facts]).encode()
        self.fingerprint = hashlib.sha256(content).hexdigest()[:12]
        self.state = repr([changed for _, changed in facts])

    def _rows(self, split: str) -> Iterator[dict]:
        """The lines of one list, as rows of the index; paths relative to the folder of the list."""
        path = self.root / LISTS[split]
        if not path.is_file():
            raise FileNotFoundError(f"{path}: the list is missing. {_remedy()}")
        numbers = _official_scenes()
        for line, cells in enumerate(_lines(path), start=1):
            if not any(cells):
                continue
            said = f"{path}, line {line}"
            if len(cells) != 2:
                raise ValueError(f"{said}: {len(cells)} cells; expected two paths, image,depth. {_remedy()}")
            if line == 1 and not any(mark in cell for cell in cells for mark in "/."):
                raise ValueError(
                    f"{said}: {','.join(cells)!r} names columns; expected two paths, as in every line of the published "
                    "lists, which have no header; delete this line"
                )
            image, depth = (_inside(said, cell) for cell in cells)
            frame = _test_frame(said, image, numbers) if split == "test" else _training_frame(said, image)
            yield {**frame, "split": split, "image": image, "depth": depth, "said": said}

    def _facts(self, row: dict) -> tuple[tuple[int, int], tuple[int, int]]:
        """Sizes in bytes and times of change of a frame's two files."""
        try:
            found = [os.stat(f"{self.root}/{row[key]}") for key in ("image", "depth")]
        except OSError:
            missing = next(row[key] for key in ("image", "depth") if not (self.root / row[key]).is_file())
            raise FileNotFoundError(
                f"{row['said']}: {self.root / missing} is missing; the archive was not unpacked whole. {_remedy()}"
            ) from None
        return tuple((file.st_size, file.st_mtime_ns) for file in found)

    def files(self, row: int) -> list[Path]:
        return [self.root / cell for cell in self.index.iloc[row][["image", "depth"]]]

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        path = self.root / frame["depth"]
        image, stored = read_image(self.root / frame["image"]), read_stored(path)
        for found, file in ((image.shape[-2:], frame["image"]), (stored.shape, frame["depth"])):
            if tuple(found) != SIZE:
                raise ValueError(
                    f"{self.root / file}: {found[1]}x{found[0]} (width x height); expected {SIZE[1]}x{SIZE[0]}. {_remedy()}"
                )
        _check_millimetres(path, stored)
        depth, valid = to_metres(stored)
        unknown = (float("nan"), float("nan"))
        return {
            "image": image,
            "depth": torch.from_numpy(depth)[None],
            "valid": torch.from_numpy(valid)[None],
            "intrinsics": camera(FOCAL, CENTRE) if frame["split"] == "test" else camera(unknown, unknown),
        }


def open_source(root: Path | str | None) -> Nyu50k:
    """Open the unpacked archive at `root` or under `DEPTHNB_DATA`."""
    return Nyu50k(root)


def to_metres(stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth in metres and where there is one, from either way of storing it.

    Args:
        stored: uint8 (0..255 for 0..10 m; 0 and 255 invalid) or uint16 (millimetres; 0 invalid).

    Returns:
        float32 with 0 where invalid, and bool, both of the same shape.

    >>> to_metres(np.array([0, 51, 255], np.uint8))[0].tolist()
    [0.0, 2.0, 0.0]
    >>> to_metres(np.array([0, 2500], np.uint16))[0].tolist()
    [0.0, 2.5]
    """
    bits = 8 * stored.dtype.itemsize
    valid = (stored > 0) & (stored < 255) if bits == 8 else stored > 0
    return np.where(valid, stored * SCALES[bits], 0).astype(np.float32), valid


def _check_millimetres(path: Path, stored: np.ndarray) -> None:
    """ValueError for 16-bit depth that no Kinect could have given in millimetres: too far, or most of it too near."""
    known = stored[stored > 0] * SCALES[16]
    if stored.dtype == np.uint8 or not known.size:
        return
    middle, farthest = np.median(known), known.max()
    if middle < NEAREST or farthest > 2 * MAX_DEPTH:
        found = (
            "; it holds nothing above 255, as 8-bit depth saved again with 16 bits does" if stored.max() < 256 else ""
        )
        raise ValueError(
            f"{path}: reaches {farthest:g} m, and half of it lies within {middle:g} m, if read as 16-bit millimetres; "
            f"expected at most about 10 m, and most of it beyond {NEAREST:g} m, where a Kinect begins to see, so it is "
            f"stored in another unit{found}. {_remedy()}"
        )


def _remedy() -> str:
    origin = ORIGINS["nyu-v2-50k"]
    return f"Get the archive ({origin.size}) from {origin.page} and unpack it; layout: {origin.layout}"


def _official_scenes() -> dict[int, str]:
    """MATLAB index less one -> scene, of the labelled test frames."""
    official = official_index().query("split == 'test'")
    return dict(zip(official["index"] - 1, official["scene"], strict=True))


def _lines(path: Path) -> list[list[str]]:
    """The cells of each line of a list; ValueError if it is not text in UTF-8 (Windows' PowerShell writes UTF-16)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if "\0" in text:
            raise ValueError("it holds zero bytes")
        return list(csv.reader(io.StringIO(text, newline="")))
    except (ValueError, csv.Error) as error:  # what cannot be decoded is a ValueError too
        raise ValueError(
            f"{path}: not a list in UTF-8 ({error}); expected two paths a line, image,depth. Save it as CSV in UTF-8, or "
            f"unpack it again. {_remedy()}"
        ) from None


def _inside(said: str, cell: str) -> str:
    """A path of the list, relative to the folder `data`, whatever that is called here. Plain text: there are 100,000."""
    parts = [part for part in cell.strip().split("/") if part != "."]  # ./data/... is data/...
    if not parts or not parts[0] or not parts[-1] or ".." in parts or "\\" in cell:
        raise ValueError(
            f"{said}: path {cell!r}; expected one relative to the archive's root, such as data/nyu2_train/..."
        )
    return "/".join(parts[1:] if parts[0] == "data" else parts)


def _training_frame(said: str, image: str) -> dict[str, str]:
    """Id, scene and scene type of a frame of a raw recording, by the name of its folder."""
    *_, folder, name = ("", *image.split("/"))
    recording = folder.removesuffix("_out")
    scene, scene_type = place_and_type(recording)
    if scene_type == "unknown":
        raise ValueError(
            f"{said}: folder {folder!r} is not named after a recording; expected one such as "
            "living_room_0038_out, since the name decides the split"
        )
    return {"id": f"{recording}_{name.rsplit('.', 1)[0]}", "scene": scene, "scene_type": scene_type}


def _test_frame(said: str, image: str, numbers: dict[int, str]) -> dict[str, str]:
    """Id, scene and scene type of a labelled test frame, by the number in its name."""
    match = re.search(r"(?:^|/)(\d+)_colors\.\w+$", image)
    if match is None or int(match[1]) not in numbers:
        raise ValueError(
            f"{said}: {image} is none of the {TEST_FRAMES} labelled test frames of NYU Depth V2; expected names "
            f"such as {min(numbers):05d}_colors.png, numbered by MATLAB index less one"
        )
    scene, scene_type = place_and_type(numbers[int(match[1])])
    return {"id": f"test_{int(match[1]):05d}", "scene": scene, "scene_type": scene_type}


def _index(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out training frames of tested places, take validation places, and say what was done."""
    twice = rows.loc[rows["id"].duplicated()]
    if len(twice):
        raise ValueError(f"{twice['said'].iloc[0]}: frame {twice['id'].iloc[0]} is listed twice; keep one of its lines")
    tested = set(rows.loc[rows["split"] == "test", "scene"])
    leaks = (rows["split"] == "train") & rows["scene"].isin(tested)
    index, notes = derive_splits(rows.loc[~leaks].drop(columns="said").reset_index(drop=True))
    if leaks.any():
        places = rows.loc[leaks, "scene"].nunique()
        notes += (f"{leaks.sum()} training frames of {places} places that are tested were left out.",)
    counted = (rows["split"] == "test").sum()
    if counted != TEST_FRAMES:
        notes += (f"The list has {counted} of {TEST_FRAMES} test frames.",)
    steps = " and ".join(f"{scale:.4g} m a unit if it has {bits} bits" for bits, scale in SCALES.items())
    return index, (*notes, f"Stored depth is read as {steps}, file by file.")
