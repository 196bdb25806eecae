r"""`nyu-v2`: the 1449 labelled frames of NYU Depth V2, read from `nyu_depth_v2_labeled.mat`, one frame at a time.

The file is MATLAB v7.3, which is HDF5 with every array's axes reversed: images uint8 (N, 3, 640, 480), depths and
rawDepths float32 (N, 640, 480) in metres, scenes and sceneTypes cell arrays of strings, stored as (1, N) references to
uint16 characters.

- Truth: `rawDepths` (what the Kinect measured, projected onto the colour image; 0 = hole), protocol nyu-eigen; with
  truth="filled" the in-painted `depths`, protocol nyu-eigen-filled.
- Split: the official one, 795 for training and 654 for testing, by scene. No validation split is published: 10 % of
  the 249 training scenes serve, by a fixed hash; split="train+val" is the official training set.
- Cut-down or reordered files: the official split never divides a scene, so every frame belongs to the split of its
  scene, whatever its place. A scene that is not in the official list is an error.

Source: Silberman, Hoiem, Kohli and Fergus, ECCV 2012; split and scene names from `data/splits/nyu_v2_labelled.csv`.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data.download import ORIGINS, locate
from depthnb.data.sample import Source, clone_data
from depthnb.data.splits import derive_splits

FILE = "nyu_depth_v2_labeled.mat"
FRAMES = 1449
SIZE = (480, 640)
MAX_DEPTH = 10.0
FIELDS = {"raw": "rawDepths", "filled": "depths"}
PROTOCOLS = {"raw": "nyu-eigen", "filled": "nyu-eigen-filled"}
# Kinect RGB camera at 640x480, from camera_params.m of the published toolbox. The toolbox counts pixels from 1 as
# MATLAB does (its projection runs over 1:640), hence the centre is one less here, where the first pixel's centre is 0.
FOCAL = (518.857901, 519.469611)
CENTRE = (325.582449 - 1, 253.736166 - 1)


class NyuV2(Source):
    """The labelled file (see the module); FileNotFoundError if it is missing, ValueError if anything in it is wrong."""

    name, max_depth = "nyu-v2", MAX_DEPTH

    def __init__(self, root: Path | str | None, truth: str = "raw"):
        self.root = locate(self.name, FILE, root)
        self.truth, self.field, self.protocol = truth, FIELDS[truth], PROTOCOLS[truth]
        self._open: tuple[int, h5py.File] | None = None
        file = self._file()
        frames = self._check(file)
        scenes, types = (_cell_strings(self.root, file, key, frames) for key in ("scenes", "sceneTypes"))
        self.index, self.notes = _index(self.root, scenes, types)
        self.fingerprint = _fingerprint(self.root, truth)
        self.state = str(self.root.stat().st_mtime_ns)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": None}  # HDF5 handles must not be shared between processes

    def _file(self) -> h5py.File:
        """The open file; opened anew in a forked process, whose inherited handle would read rubbish."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), _open_hdf5(self.root))
        return self._open[1]

    def _check(self, file: h5py.File) -> int:
        """Check the fields that are needed; return the number of frames."""
        expected = {"images": ((3, SIZE[1], SIZE[0]), "uint8"), self.field: ((SIZE[1], SIZE[0]), "float32")}
        for key in (*expected, "scenes", "sceneTypes"):
            if key not in file:
                raise ValueError(
                    f"{self.root}: field {key} is missing; found {', '.join(sorted(file)) or 'nothing'}; expected the "
                    f"labelled data set of NYU Depth V2. {_remedy()}"
                )
        for key, (shape, dtype) in expected.items():
            found = file[key]
            if not isinstance(found, h5py.Dataset) or found.shape[1:] != shape or found.dtype != dtype:
                what = f"{found.dtype} {found.shape}" if isinstance(found, h5py.Dataset) else "a group"
                wanted = "(N, " + ", ".join(map(str, shape)) + ")"
                raise ValueError(f"{self.root}: field {key} is {what}; expected {dtype} {wanted}. {_remedy()}")
        counts = {key: file[key].shape[0] for key in expected}
        if len(set(counts.values())) > 1 or 0 in counts.values():
            raise ValueError(
                f"{self.root}: frames differ between fields: {counts}; expected {FRAMES} each. {_remedy()}"
            )
        return file["images"].shape[0]

    def read(self, row: int) -> dict[str, Tensor]:
        file = self._file()
        try:
            image, depth = file["images"][row], file[self.field][row]
        except OSError as error:
            raise ValueError(
                f"{self.root}: frame {row + 1} cannot be read ({error}); the file is damaged. {_remedy()}"
            ) from None
        image = np.ascontiguousarray(image.transpose(0, 2, 1))
        depth = np.ascontiguousarray(depth.T)
        valid = np.isfinite(depth) & (depth > 0)
        if valid.any() and depth[valid].max() > 100:
            raise ValueError(
                f"{self.root}: frame {row + 1}: {self.field} reaches {depth[valid].max():g}; expected metres (at most "
                "about 10), so this is not the published file"
            )
        K = torch.tensor([[FOCAL[0], 0, CENTRE[0]], [0, FOCAL[1], CENTRE[1]], [0, 0, 1]], dtype=torch.float32)
        depth = torch.from_numpy(np.where(valid, depth, np.float32(0)))[None]
        return {
            "image": torch.from_numpy(image),
            "depth": depth,
            "valid": torch.from_numpy(valid)[None],
            "intrinsics": K,
        }


def open_source(root: Path | str | None, truth: str = "raw") -> NyuV2:
    """Open the labelled file at `root` (the file, or the folder that holds it) or under `DEPTHNB_DATA`."""
    return NyuV2(root, truth)


def official_index() -> pd.DataFrame:
    """The published split: columns index (MATLAB, from 1), split (train or test), scene, scene_type; 1449 rows."""
    return pd.read_csv(clone_data("splits", "nyu_v2_labelled.csv"))


def _remedy() -> str:
    origin = ORIGINS["nyu-v2"]
    return f"Get {FILE} ({origin.files[0].bytes} bytes) again from {origin.page}"


def _open_hdf5(path: Path) -> h5py.File:
    """Open, or tell what the file is instead."""
    found = path.stat().st_size if path.is_file() else 0
    try:
        # chunks may hold several frames; a cache larger than HDF5's 1 MB keeps them from being unpacked for each anew
        return h5py.File(path, "r", rdcc_nbytes=32 * 2**20)
    except OSError as error:
        head = path.read_bytes()[:128] if found and found < 2**16 else _head(path)
        if path.is_dir():
            what = "a folder"
        elif head.startswith(b"MATLAB 5.0"):
            what = "a MATLAB v5 file, while the published one is v7.3 (in MATLAB: save with '-v7.3')"
        elif "truncated" in str(error):
            what = f"an HDF5 file cut short at {found} bytes"
        else:
            what = f"not an HDF5 (MATLAB v7.3) file: {found} bytes that begin with {head[:16]!r}"
        raise ValueError(f"{path}: {what}. {_remedy()}") from None


def _head(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with open(path, "rb") as handle:
        return handle.read(128)


def _cell_strings(path: Path, file: h5py.File, key: str, frames: int) -> list[str]:
    """Strings of a MATLAB cell array."""
    cells = file[key]
    if not isinstance(cells, h5py.Dataset) or h5py.check_ref_dtype(cells.dtype) is not h5py.Reference:
        raise ValueError(f"{path}: field {key} is not a cell array (HDF5 object references). {_remedy()}")
    references = cells[()].ravel()
    if len(references) != frames:
        raise ValueError(f"{path}: field {key} has {len(references)} entries for {frames} frames. {_remedy()}")
    strings = []
    for number, reference in enumerate(references, start=1):
        characters = file[reference][()] if reference else np.zeros(0)
        if characters.dtype != np.uint16:
            raise ValueError(
                f"{path}: {key}{{{number}}} is {characters.dtype}; expected characters (uint16). {_remedy()}"
            )
        strings.append("".join(map(chr, characters.ravel())))
    return strings


def _index(path: Path, scenes: list[str], types: list[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Give each frame the official split of its scene, and validation scenes by hash."""
    official = official_index()
    full, notes = derive_splits(official)  # over all 249 training scenes, so that it does not depend on the file
    split_of = dict(zip(full["scene"], full["split"], strict=True))
    strange = sorted(set(scenes) - set(split_of))
    if strange:
        raise ValueError(
            f"{path}: {len(strange)} scenes are not in the official split of NYU Depth V2, the first is {strange[0]!r}; "
            f"expected names such as {official['scene'][0]!r}. Frames of other origin belong into an RGB-D folder (data "
            "set 'folder')"
        )
    notes = (*notes, "split='train+val' is the official training set.")
    if len(scenes) != FRAMES:
        notes += (f"The file holds {len(scenes)} of {FRAMES} frames; each has the official split of its scene.",)
    if scenes != official["scene"].tolist()[: len(scenes)]:
        notes += ("The frames are not in the published order: ids are places in this file, not MATLAB indices.",)
    ids = [f"{number:04d}" for number in range(1, len(scenes) + 1)]
    split = [split_of[scene] for scene in scenes]
    return pd.DataFrame({"id": ids, "scene": scenes, "scene_type": types, "split": split}), notes


def _fingerprint(path: Path, truth: str) -> str:
    """Hash of the size and of the first and last MiB: the whole file would take as long as preparing it."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{truth} {size}".encode())
    with open(path, "rb") as handle:
        digest.update(handle.read(2**20))
        handle.seek(max(0, size - 2**20))
        digest.update(handle.read())
    return digest.hexdigest()[:12]
