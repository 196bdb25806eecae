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
    each `/`, or the id's last part alone, where that means no other frame; `_depth` may follow, as in what `depthnb predict`
    writes.

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
    aliases: dict[str, set[str]] = {}
    for each in ids:
        for alias in {each.rpartition("/")[2], each.replace("/", "_"), each.replace("/", "-")}:
            aliases.setdefault(alias, set()).add(each)
    names = {alias: owners.pop() for alias, owners in aliases.items() if len(owners) == 1}
    names |= {each: each for each in ids}
    names |= {f"{alias}_depth": own for alias, own in names.items() if f"{alias}_depth" not in names}  # depthnb predict
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
        ValueError: for a damaged or empty file, one of another shape, and 8-bit or coloured pictures of depth.
        ImportError: for EXR where no package that reads it is installed.
    """
    stored = _stored(path)
    pixels.check_measured(path, stored)
    if not stored.size:
        raise ValueError(f"{path}: a map of {stored.shape[0]} x {stored.shape[1]} pixels (H x W); copy it again")
    return stored.astype(np.float64)


def _stored(path: Path) -> np.ndarray:
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz", ".h5", ".hdf5"):
        return arrays.read_map(path, "depth")
    if suffix == ".exr":
        return _exr(path)
    if suffix == ".png":
        return pixels.read_depth_png(path)
    try:
        with Image.open(path) as picture:
            pixels.refuse_huge(picture)
            picture.load()
            mode, stored = picture.mode, np.asarray(picture)
    except Exception as error:  # of any kind: the plug-ins of Pillow raise whatever they stumble over
        raise ValueError(f"{path}: not a whole {suffix} file ({error}); copy it again") from None
    if mode not in ("F", "I", "I;16", "I;16B", "I;16L"):
        raise ValueError(f"{path}: an image of mode {mode}; expected one channel of 16 bits or floats")
    return stored


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
            return channels[name]
    raise ValueError(f"{path}: an EXR file without a channel")
