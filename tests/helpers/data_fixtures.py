"""Small data sets for the tests of depthnb.data: an RGB-D folder, and the layout of the NYU V2 labelled file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image

from depthnb.data import sample
from depthnb.data.readers import index_csv

HEADER = index_csv.COLUMNS
SCALE = 0.002  # metres for each stored unit


def frame(number: int, height: int = 24, width: int = 32) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image uint8 [H,W,3], depth uint16 [H,W] in units of SCALE with some zeros, valid bool [H,W]: a wall with a box."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width]
    image = (rng.integers(0, 180, (1, 1, 3)) + (x[..., None] * 255 // width) // 4).astype(np.uint8)
    depth = (1000 + 20 * x + 10 * y + rng.integers(0, 400)).astype(np.uint16)
    depth[height // 4 : height // 2, width // 4 : width // 2] = 600 + number
    depth[-3:, -4:] = 0
    valid = np.ones((height, width), bool)
    valid[:2] = False
    return image, depth, valid


def write_folder(
    root: Path, scenes: dict[str, str], per_scene: int = 2, sizes: Sequence[tuple[int, int]] = ((24, 32),)
) -> list[list[str]]:
    """Write an RGB-D folder: `scenes` maps scene to split, the frames take turns in having the `sizes`, (H, W).

    Returns the rows, so that a test can spoil and rewrite them.
    """
    rows = []
    for scene, split in scenes.items():
        for _ in range(per_scene):
            number = len(rows)
            image, depth, valid = frame(number, *sizes[number % len(sizes)])
            Image.fromarray(image).save(root / f"{number}.png")
            Image.fromarray(depth).save(root / f"{number}_depth.png")
            Image.fromarray(valid).save(root / f"{number}_valid.png")
            rows.append([f"frame_{number:03d}", scene, "room", split, f"{number}.png", f"{number}_depth.png",
                         f"{number}_valid.png", str(SCALE), "30", "31", "15.5", "11.5"])  # fmt: skip
    write_index(root, rows)
    return rows


def write_index(root: Path, rows: list[list[str]], header: tuple[str, ...] = HEADER) -> None:
    with open(root / "index.csv", "w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])


class Memory(sample.Source):
    """A data set in memory, for tests of what is done with any data set. Set `fail_at` to a row that cannot be read."""

    def __init__(self, frames: int = 6, height: int = 24, width: int = 32, state: str = ""):
        import pandas as pd

        self.name, self.root, self.protocol, self.max_depth = "memory", Path("memory"), "rooms", 10.0
        self.size, self.fail_at, self.reads = (height, width), None, 0
        self.fingerprint, self.state = f"{frames}-{height}-{width}", state
        names = [f"{i:02d}" for i in range(frames)]
        split = ["train" if i < frames - 2 else "val" if i < frames - 1 else "test" for i in range(frames)]
        self.index = pd.DataFrame({"id": names, "scene": names, "scene_type": "room", "split": split})

    def read(self, row: int) -> dict[str, torch.Tensor]:
        self.reads += 1
        if row == self.fail_at:
            raise ValueError(f"frame {row} is damaged")
        image, depth, valid = frame(row, *self.size)
        metres = torch.from_numpy(depth.astype(np.float32))[None] * SCALE
        return {
            "image": torch.from_numpy(image.transpose(2, 0, 1).copy()),
            "depth": metres,
            "valid": torch.from_numpy(valid)[None] & (metres > 0),
            "intrinsics": torch.tensor([[30.0, 0, 15.5], [0, 31.0, 11.5], [0, 0, 1]]),
        }


def write_nyu_v2(path: Path, frames: list[dict], scenes: list[str], types: list[str], leave_out: str = "") -> Path:
    """Write frames (image uint8 [3,480,640], raw and filled float32 [480,640]) as MATLAB v7.3 would write the file."""
    fields = {"images": "image", "rawDepths": "raw", "depths": "filled"}
    arrays = {field: [one[key] for one in frames] for field, key in fields.items() if field != leave_out}
    cells = {"scenes": scenes, "sceneTypes": types}
    return write_mat73(path, arrays, {key: words for key, words in cells.items() if key != leave_out})


def write_nyu_v1(path: Path, frames: list[dict], scenes: list[str]) -> Path:
    """As V2, with V1's fields: no scene types, raw uint16 as the Kinect gave it with its bytes swapped."""
    arrays = {
        "images": [one["image"] for one in frames],
        "depths": [one["filled"] for one in frames],
        "labels": [np.zeros((480, 640), np.uint16)] * len(frames),
        "rawDepths": [one["raw"] for one in frames],
    }
    write_mat73(path, arrays, {"names": ["wall", "floor"], "scenes": scenes})
    with h5py.File(path, "r+") as file:
        file["accelData"] = np.zeros((4, len(frames)))
    return path


def write_mat73(path: Path, arrays: dict[str, list[np.ndarray]], cells: dict[str, list[str]]) -> Path:
    """Write frames ([H,W] or [C,H,W], one dtype a field) and cell arrays of strings as MATLAB v7.3.

    The layout is that of the published files: a 512-byte MATLAB header before the HDF5 data, every array's axes
    reversed, cell arrays as (1, N) object references into the group #refs#, strings as uint16 columns.
    """
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, frames in arrays.items():
            shape = frames[0].swapaxes(-1, -2).shape
            options = {"chunks": (1, *shape), "compression": 1}
            stored = file.create_dataset(key, (len(frames), *shape), frames[0].dtype, **options)
            for i, one in enumerate(frames):
                stored[i] = one.swapaxes(-1, -2)
        store = file.create_group("#refs#")
        for key, words in cells.items():
            references = file.create_dataset(key, (1, len(words)), dtype=h5py.ref_dtype)
            for i, word in enumerate(words):
                text = np.array([[ord(letter)] for letter in word], np.uint16)
                references[0, i] = store.create_dataset(f"{key}{i}", data=text).ref
            references.attrs["MATLAB_class"] = np.bytes_("cell")
    with open(path, "r+b") as handle:
        handle.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: (test) HDF5 schema 1.00 .".ljust(124))
        handle.write(b"\x00\x02IM")
    return path


def write_nyu_v2_50k(root: Path, frames: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    """Write the CSV form of NYU V2: path of an image in the lists -> image uint8 [H,W,3] and depth as it is stored.

    As in the archive: lists without header, the one of the training frames with Windows line ends, paths from the folder
    above `data`; JPEG and PNG of one name for training, 00000_colors.png and 00000_depth.png for testing.
    """
    lists = {"train": [], "test": []}
    for name, (image, depth) in frames.items():
        split = "test" if "nyu2_test" in name else "train"
        other = name.replace("_colors", "_depth").replace(".jpg", ".png")
        lists[split].append(f"{name},{other}")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / name, **({"quality": 95} if name.endswith("jpg") else {}))
        Image.fromarray(depth).save(root / other)
    for (split, lines), end in zip(lists.items(), ("\r\n", "\n"), strict=True):
        (root / "data" / f"nyu2_{split}.csv").write_bytes("".join(line + end for line in lines).encode())
    return root


def write_make3d(root: Path, views: dict[str, tuple[np.ndarray, np.ndarray]], scans: str = "Gridlaserdata") -> Path:
    """Write Make3D: "Train400Img/op29-p-295t000" -> image uint8 [H,W,3] and distances [55,305] (metres along the ray).

    The scan is MATLAB v5, compressed, Position3DGrid [55,305,4] of doubles; its Y, X and Z are left at zero here, so
    that a reader that takes another column fails.
    """
    from scipy.io import savemat

    folders = {"Train400Img": "Train400Depth", "Test134": scans}
    for name, (image, distance) in views.items():
        folder, view = name.split("/")
        for part in (folder, folders[folder]):
            (root / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / folder / f"img-{view}.jpg", quality=90)
        grid = np.zeros((*distance.shape, 4))
        grid[..., 3] = distance
        savemat(root / folders[folder] / f"depth_sph_corr-{view}.mat", {"Position3DGrid": grid}, do_compression=True)
    return root
