"""Depth maps that some method has written, one file a frame: found by the frames' ids, in whatever container they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from depthnb.data.readers import arrays, pixels

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".png", ".pfm", ".tif", ".tiff", ".exr")


def match(folder: Path, ids: Sequence[str]) -> tuple[dict[str, Path], list[Path]]:
    """The file of each frame, and the files that belong to none.

    A file belongs to a frame if its path below the folder, without ending, is the frame's id; or that id with `_` or `-` for
    each `/`; or if its name alone is the id's last part, where that is the last part of no other id.

    Args:
        folder: searched with all folders in it for files of `SUFFIXES`.
        ids: of the frames.

    Raises:
        FileNotFoundError: if the folder is not there or holds no such file.
        ValueError: if one frame has two files.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder; expected one with a file a frame ({', '.join(SUFFIXES)})")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise FileNotFoundError(f"no predictions in {folder}; expected files that end in {', '.join(SUFFIXES)}")
    names: dict[str, str] = {}
    last = [each.rpartition("/")[2] for each in ids]
    for each, part in zip(ids, last, strict=True):
        if last.count(part) == 1:
            names.setdefault(part, each)
    for each in ids:
        names |= {each: each, each.replace("/", "_"): each, each.replace("/", "-"): each}
    found: dict[str, Path] = {}
    others: list[Path] = []
    for path in files:
        place = path.relative_to(folder).with_suffix("").as_posix()
        own = names.get(place) or names.get(path.stem)
        if own is None:
            others.append(path)
        elif own in found:
            raise ValueError(f"frame {own!r} has two files, {found[own]} and {path}; keep one of them")
        else:
            found[own] = path
    return found, others


def read(path: Path) -> np.ndarray:
    """One map as it is stored, float64 [H,W]: NPY, NPZ and HDF5 with one array, 16-bit PNG, PFM, float TIFF, EXR.

    Raises:
        ValueError: for a damaged file, one of another shape, and 8-bit or coloured pictures of depth.
        ImportError: for EXR where no package that reads it is installed.
    """
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz", ".h5", ".hdf5"):
        return arrays.read_map(path, "depth").astype(np.float64)
    if suffix == ".exr":
        return _exr(path)
    if suffix == ".png":
        return pixels.read_depth_png(path).astype(np.float64)
    try:
        with Image.open(path) as picture:
            picture.load()
            mode, stored = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path}: not a whole {suffix} file ({error}); copy it again") from None
    if mode not in ("F", "I", "I;16", "I;16B", "I;16L"):
        raise ValueError(f"{path}: an image of mode {mode}; expected one channel of 16 bits or floats")
    return stored.astype(np.float64)


def _exr(path: Path) -> np.ndarray:
    try:
        import OpenEXR
    except ImportError as error:
        raise ImportError(
            f"{path}: EXR takes one more package: pip install OpenEXR, or store the maps as .npy"
        ) from error
    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: np.asarray(each.pixels) for name, each in file.channels().items()}
    except Exception as error:  # the library raises RuntimeError and others
        raise ValueError(f"{path}: not a whole EXR file ({error}); copy it again") from None
    for name in ("Z", "Y", "R", *channels):
        if name in channels:
            return channels[name].astype(np.float64)
    raise ValueError(f"{path}: an EXR file without a channel")
