r"""`nyu-v1`: the 2284 labelled frames of NYU Depth V1, read from `nyu_depth_data_labeled.mat`, one frame at a time.

MATLAB v7.3 like V2's file (see `depthnb.data.readers.mat73`): images uint8 (N, 3, 640, 480), depths (N, 640, 480) in metres,
rawDepths uint16 (N, 640, 480), scenes a cell array of names such as living_room_0001b. There are no scene types: they
are the names without their number.

- Truth "filled" (default), protocol nyu-v1: `depths`, the only depth in metres, so what Lacelle and Nofal must have used. It
  was projected onto the colour image, and its holes were filled in from the picture.
- Truth "raw", protocol nyu-v1-raw: `rawDepths`. In V1 they are not what V2 calls by this name, but the Kinect's own
  output: 11-bit disparities (2047 = none) with their two bytes swapped, as seen by the depth camera. They are turned
  into metres and projected onto the colour image here, by the published calibration and as the authors' toolbox does
  it, except that the depth kept is that along the colour camera's axis (it differs by 8 mm). Pixels nothing falls on
  are invalid. The first frame is compared with its `depths`: should the two disagree, the file is refused.
- Split: none is published for depth, and Lacelle and Nofal drew 640 + 160 frames at random (`data.training_split` with
  by="frame" and frames=640). Here whole places are drawn by a fixed hash: 20 % for testing, 10 % for validation. The
  letters of one place (living_room_0001a, b) are views of one place and stay together.

Source: Silberman and Fergus, ICCV workshops 2011; calibration from the toolbox published with the data.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data.download import ORIGINS, locate
from depthnb.data.readers.mat73 import Field, Mat73
from depthnb.data.readers.nyu_v2 import camera, check_metres, place_and_type
from depthnb.data.source import Source
from depthnb.data.splits import derive_splits

FILE = "nyu_depth_data_labeled.mat"
FRAMES = 2284
SIZE = (480, 640)
MAX_DEPTH = 10.0
SHARES = {"test": 0.2, "val": 0.1}  # of the places
PROTOCOLS = {"filled": "nyu-v1", "raw": "nyu-v1-raw"}
# Calibration of the toolbox (get_projected_depth.m), which counts pixels from 1: hence the centres are one less here.
FOCAL, CENTRE = (519.30334103339817, 518.16401430246583), (328.50951551345941 - 1, 252.82555217253503 - 1)
DEPTH_FOCAL, DEPTH_CENTRE = (576.16540758591043, 573.75619782082447), (324.42516903961865 - 1, 235.84766381177013 - 1)
ROTATION = np.array(  # a point p of the depth camera is ROTATION.T p - TRANSLATION for the colour camera
    [
        [9.9998579449446667e-01, 3.4203777687649762e-03, -4.0880099301915437e-03],
        [-3.4291385577729263e-03, 9.9999183503355726e-01, -2.1379604698021303e-03],
        [4.0806639192662465e-03, 2.1519484514690057e-03, 9.9998935859330040e-01],
    ]
)
TRANSLATION = np.array([2.2142187053089738e-02, -1.4391632009665779e-04, -7.9356552371601212e-03])  # metres
DISPARITY = (351.3, 1092.5)  # metres = first / (second - stored)
_DISAGREE = 0.05


class NyuV1(Source):
    """The labelled file (see the module); FileNotFoundError if it is missing, ValueError if anything in it is wrong."""

    name, max_depth, own_test = "nyu-v1", MAX_DEPTH, False

    def __init__(self, root: Path | str | None, truth: str = "filled"):
        self.root = locate(self.name, FILE, root)
        self.truth, self.protocol = truth, PROTOCOLS[truth]
        self.file = Mat73(
            self.root,
            what="the labelled data set of NYU Depth V1",
            frames=FRAMES,
            remedy=f"Get {FILE} again from {ORIGINS[self.name].page}",
        )
        if "sceneTypes" in self.file:
            raise ValueError(
                f"{self.root}: it has a field sceneTypes, which V1 has not; expected NYU Depth V1. Open V2's file as "
                "nyu-v2"
            )
        frames = self.file.check(self._fields(), ("scenes",))
        self.index, notes = _index(self.file.strings("scenes", frames))
        self.notes = (*notes, *self._notes(frames))
        self.fingerprint = self.file.fingerprint(truth)
        self.state = str(self.root.stat().st_mtime_ns)
        if truth == "raw" and "depths" in self.file:
            self._compare()

    def _fields(self) -> dict[str, Field]:
        truth = {"filled": ("depths", ("float32", "float64")), "raw": ("rawDepths", ("uint16",))}
        key, dtypes = truth[self.truth]
        return {"images": Field((3, *SIZE[::-1]), ("uint8",)), key: Field(SIZE[::-1], dtypes)}

    def _notes(self, frames: int) -> tuple[str, ...]:
        truth = {
            "filled": "The truth is `depths`, in-painted: where the Kinect measured nothing, it was filled in.",
            "raw": "The truth is `rawDepths`, turned into metres and projected onto the colour image.",
        }
        partial = f"The file holds {frames} of {FRAMES} frames." if frames != FRAMES else ""
        return tuple(note for note in (truth[self.truth], partial) if note)

    def _compare(self) -> None:
        """Projected rawDepths and in-painted depths are two versions of one measurement; ValueError if they are not."""
        raw, valid = project(self.file.frame("rawDepths", 0), f"{self.root}: frame 1")
        filled = self.file.frame("depths", 0)
        both = valid & (filled > 0)
        apart = np.median(np.abs(raw[both] - filled[both]) / filled[both]) if both.any() else np.inf
        if not apart < _DISAGREE:
            raise ValueError(
                f"{self.root}: rawDepths of frame 1, projected onto the image, differ from its depths by {apart:.0%} "
                "(median); expected the same measurement, so these are not the published Kinect disparities. Use "
                "truth='filled'"
            )

    def read(self, row: int) -> dict[str, Tensor]:
        said = f"{self.root}: frame {row + 1}"
        if self.truth == "raw":
            depth, valid = project(self.file.frame("rawDepths", row), said)
        else:
            depth, valid = check_metres(self.file.frame("depths", row), f"{said}: depths")
        return {
            "image": torch.from_numpy(self.file.frame("images", row)),
            "depth": torch.from_numpy(depth)[None],
            "valid": torch.from_numpy(valid)[None],
            "intrinsics": camera(FOCAL, CENTRE),
        }


def open_source(root: Path | str | None, truth: str = "filled") -> NyuV1:
    """Open the labelled file at `root` (the file, or the folder that holds it) or under `DEPTHNB_DATA`."""
    return NyuV1(root, truth)


def project(stored: np.ndarray, said: str) -> tuple[np.ndarray, np.ndarray]:
    """Kinect disparities of the depth camera as depth in the colour image.

    Args:
        stored: uint16 [480, 640] as in the file; bytes swapped or not: only one order gives 11-bit numbers.
        said: what an error calls this frame.

    Returns:
        Depth float32 [480, 640], metres along the colour camera's axis, 0 where there is none; and where there is one.

    Raises:
        ValueError: if the numbers are no 11-bit disparities in either byte order.
    """
    disparity = stored if stored.max() <= 2047 else stored.byteswap()
    if disparity.max() > 2047:
        raise ValueError(
            f"{said}: rawDepths reach {stored.max()}; expected the Kinect's 11-bit output (at most 2047), in either byte "
            "order. Use truth='filled'"
        )
    rows, columns = np.nonzero(disparity < DISPARITY[1])
    z = DISPARITY[0] / (DISPARITY[1] - disparity[rows, columns].astype(np.float64))
    near = z < MAX_DEPTH
    rows, columns, z = rows[near], columns[near], z[near]
    x, y = ((at - c) / f * z for at, c, f in zip((columns, rows), DEPTH_CENTRE, DEPTH_FOCAL, strict=True))
    x, y, z = ROTATION.T @ np.stack([x, y, z]) - TRANSLATION[:, None]
    columns, rows = (np.rint(f * a / z + c).astype(int) for a, c, f in zip((x, y), CENTRE, FOCAL, strict=True))
    inside = (columns >= 0) & (columns < SIZE[1]) & (rows >= 0) & (rows < SIZE[0])
    depth = np.full(SIZE, np.inf)
    np.minimum.at(depth, (rows[inside], columns[inside]), z[inside])  # what is nearer hides what is behind
    valid = np.isfinite(depth)
    return np.where(valid, depth, 0).astype(np.float32), valid


def _index(recordings: list[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row for each frame, its scene the place of the recording, split by place."""
    scenes, types = zip(*(place_and_type(name) for name in recordings), strict=True)
    ids = [f"{number:04d}" for number in range(1, len(recordings) + 1)]
    return derive_splits(pd.DataFrame({"id": ids, "scene": scenes, "scene_type": types, "split": "train"}), **SHARES)
