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

import re
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import files
from depthnb.data.download import ORIGINS, locate
from depthnb.data.readers.mat73 import Field, Mat73
from depthnb.data.source import Source, clone_data
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
        origin = ORIGINS[self.name]
        self.file = Mat73(
            self.root,
            what="the labelled data set of NYU Depth V2",
            frames=FRAMES,
            remedy=f"Get {FILE} ({origin.files[0].bytes} bytes) again from {origin.page}",
        )
        fields = {"images": Field((3, *SIZE[::-1]), ("uint8",)), self.field: Field(SIZE[::-1], ("float32",))}
        frames = self.file.check(fields, ("scenes", "sceneTypes"))
        scenes, types = (self.file.strings(key, frames) for key in ("scenes", "sceneTypes"))
        self.index, self.notes = _index(self.root, scenes, types)
        self.fingerprint = self.file.fingerprint(truth)
        self.state = str(self.root.stat().st_mtime_ns)

    def read(self, row: int) -> dict[str, Tensor]:
        depth, valid = check_metres(self.file.frame(self.field, row), f"{self.root}: frame {row + 1}: {self.field}")
        return {
            "image": torch.from_numpy(self.file.frame("images", row)),
            "depth": torch.from_numpy(depth)[None],
            "valid": torch.from_numpy(valid)[None],
            "intrinsics": camera(FOCAL, CENTRE),
        }


def open_source(root: Path | str | None, truth: str = "raw") -> NyuV2:
    """Open the labelled file at `root` (the file, or the folder that holds it) or under `DEPTHNB_DATA`."""
    return NyuV2(root, truth)


def official_index() -> pd.DataFrame:
    """The published split: columns index (MATLAB, from 1), split (train or test), scene, scene_type; 1449 rows."""
    return files.read_table(clone_data("splits", "nyu_v2_labelled.csv"))


def camera(focal: tuple[float, float], centre: tuple[float, float]) -> Tensor:
    """A pinhole K as float32 [3, 3]."""
    return torch.tensor([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]], dtype=torch.float32)


def check_metres(depth: np.ndarray, said: str) -> tuple[np.ndarray, np.ndarray]:
    """Depth float32 with 0 where there is none, and where there is one; ValueError if it cannot be metres indoors."""
    valid = np.isfinite(depth) & (depth > 0)
    if valid.any() and depth[valid].max() > 100:
        raise ValueError(
            f"{said} reaches {depth[valid].max():g}; expected metres (at most about 10), so this is not the published "
            "file"
        )
    return np.where(valid, depth, 0).astype(np.float32), valid


def place_and_type(scene: str) -> tuple[str, str]:
    """Place and type of scene of a recording named by the authors: <type>_<number><letter>.

    The letter counts recordings of one place; the official list of scenes leaves it out, and so no place is divided.

    >>> place_and_type("living_room_0046b")
    ('living_room_0046', 'living_room')
    """
    match = re.fullmatch(r"(\D+?)_(\d+)\w*", scene)
    return (f"{match[1]}_{match[2]}", match[1]) if match else (scene, "unknown")


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
