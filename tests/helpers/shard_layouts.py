"""Small copies of the tar and parquet files in which data sets are had today."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a member to a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def saved(array: np.ndarray, kind: str = "PNG") -> bytes:
    """An array as the file of a picture, or of NumPy (kind npy)."""
    stream = io.BytesIO()
    np.save(stream, array) if kind == "npy" else Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def hdf5(**arrays: np.ndarray) -> bytes:
    """Arrays as an HDF5 file."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for key, value in arrays.items():
            file[key] = value
    return stream.getvalue()


def colours(height: int, width: int) -> np.ndarray:
    """A random picture, uint8 [H,W,3]."""
    return RNG.integers(0, 255, (height, width, 3), np.uint8)


def depths(height: int, width: int, far: float = 9.0) -> np.ndarray:
    """Random metres with a hole, float32 [H,W]."""
    depth = RNG.uniform(0.8, far, (height, width)).astype(np.float32)
    depth[:3, :5] = 0
    return depth


def write_h5_shards(
    root: Path, scenes: Sequence[str] = ("kitchen_0001a", "kitchen_0001b", "office_0002", "study_0003")
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """As huggingface.co/datasets/sayakpaul/nyu_depth_v2 has them; returns image and depth by the member's name."""
    root.mkdir(parents=True, exist_ok=True)
    frames = {}
    for number in range(2):
        with tarfile.open(root / f"train-{number:06d}.tar", "w") as archive:
            for scene in scenes[2 * number : 2 * number + 2]:
                name = f"./train/{scene}/00001.h5"
                frames[name[2:-3]] = colours(480, 640), depths(480, 640)
                image, depth = frames[name[2:-3]]
                add(archive, name, hdf5(rgb=image.transpose(2, 0, 1), depth=depth))
    with tarfile.open(root / "val-000000.tar", "w") as archive:
        for number in (1, 2):
            frames[f"val/official/{number:05d}"] = colours(480, 640), depths(480, 640)
            image, depth = frames[f"val/official/{number:05d}"]
            add(archive, f"val/official/{number:05d}.h5", hdf5(rgb=image.transpose(2, 0, 1), depth=depth))
    return frames
