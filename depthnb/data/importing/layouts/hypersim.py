"""Hypersim: rendered rooms, one folder a scene.

    ai_001_001/images/scene_cam_00_final_preview/frame.0000.tonemap.jpg           1024x768, as published for a look
    ai_001_001/images/scene_cam_00_final_hdf5/frame.0000.color.hdf5               radiance, where the preview is not there
    ai_001_001/images/scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5     metres along the RAY, NaN: nothing was hit

z is the length of the ray over that of its direction (x, y, 1). The camera sees 60 degrees across, so its focal length is
886.81 pixels at a width of 1024. Depth is stored in millimetres if it lies within 65 m, else in centimetres, else as float32.

Source: Roberts et al., "Hypersim", ICCV 2021 (arXiv:2011.02523); https://github.com/apple/ml-hypersim (README: Euclidean
distances; metadata_images_split_scene_v1.csv; tone mapping in scene_generate_images_tonemap.py; issue 9).
"""

from __future__ import annotations

import csv
import io
import math
import re
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from depthnb.data.importing.frames import OFFICIAL, Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree
from depthnb.data.readers import hdf5
from depthnb.data.words import plural

VIEW = math.radians(60)  # across
SIZE = (768, 1024)  # (height, width)
_GEOMETRY = re.compile(r"scene_(cam_\d+)_geometry_hdf5")
_DEPTH = r"frame\.(\d+)\.depth_meters\.hdf5"
_SPLITS = "metadata_images_split_scene_v1.csv"


def fits(tree: Tree) -> bool:
    """Whether there is depth of a camera."""
    return any(tree.matching(folder, _DEPTH) for folder in tree.files)


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all scenes and cameras.

    Raises:
        ValueError: if no depth has its picture, or the list of the split cannot be read.
    """
    settings.without_scale("hypersim", "metres")
    official = _official(tree)
    frames, alone, unlisted, toned = [], 0, 0, 0
    for folder in sorted(folder for folder in tree.files if _GEOMETRY.fullmatch(folder.name)):
        camera = _GEOMETRY.fullmatch(folder.name)[1]
        scene = folder.resolve().parent.parent.name
        preview, radiance = (folder.parent / f"scene_{camera}_final_{kind}" for kind in ("preview", "hdf5"))
        seen = tree.matching(preview, r"frame\.(\d+)\.tonemap\.jpg")
        light = tree.matching(radiance, r"frame\.(\d+)\.color\.hdf5")
        for number, depth in tree.matching(folder, _DEPTH).items():
            split = official.get((scene, camera, int(number))) if official else ""
            if number not in seen and number not in light:
                alone += 1
            elif split is None:
                unlisted += 1
            else:
                toned += number not in seen
                image = preview / seen[number] if number in seen else partial(tone_map, radiance / light[number])
                read = partial(read_depth, folder / depth, settings.camera)
                split = split if settings.split == OFFICIAL else ""
                own, size = (settings.camera, None) if settings.camera else (pinhole(*SIZE), SIZE)
                frames.append(Frame(f"{scene}_{camera}_{number}", scene, image, read, None, own, size, split=split))
    if not frames:
        raise ValueError(
            f"{tree.root}: no depth_meters.hdf5 has its tonemap.jpg or color.hdf5; get scene_cam_XX_final_preview too"
        )
    return Found(frames, tuple(_notes(alone, unlisted, toned, listed=bool(official), told=settings.camera is not None)))


def _notes(alone: int, unlisted: int, toned: int, *, listed: bool, told: bool) -> list[str]:
    notes = ["Lengths of rays were turned into z-depth."]
    if not told:
        notes.append(
            "The documented camera, 60 degrees across, is taken for all scenes; those rendered with a shifted or tilted one "
            "are a little off."
        )
    if toned:
        notes.append(f"{plural(toned, 'picture')} made of radiance: 90 % of the pixels darker than 0.8, gamma 2.2.")
    if alone:
        notes.append(f"{plural(alone, 'depth map')} without a picture left out.")
    if listed:
        notes.append(f"Frames and splits as published in {_SPLITS}.")
    if unlisted:
        notes.append(f"{plural(unlisted, 'frame')} that were not released, or that it does not name, left out.")
    return notes


def pinhole(height: int, width: int) -> Camera:
    """The documented camera of pictures of a size.

    >>> [round(value, 2) for value in pinhole(768, 1024)]
    [886.81, 886.81, 511.5, 383.5]
    """
    focal = width / 2 / math.tan(VIEW / 2)
    return focal, focal, (width - 1) / 2, (height - 1) / 2


def _open(path: Path) -> h5py.File:
    try:
        stored = h5py.File(path)
    except OSError as error:
        raise ValueError(f"{path}: not an HDF5 file that can be read ({error}); get it again") from None
    if "dataset" not in stored:
        raise ValueError(f"{path}: holds {', '.join(stored) or 'nothing'}; expected the array 'dataset' of Hypersim")
    return stored


def _array(path: Path, stored: h5py.File) -> h5py.Dataset:
    try:
        return hdf5.member(stored, "dataset")
    except hdf5.Elsewhere as error:
        raise ValueError(f"{path}: {error}") from None


def read_depth(path: Path, camera: Camera | None) -> tuple[np.ndarray, float]:
    """z-depth as it is stored, 0 where nothing was hit, and metres for each unit.

    Args:
        camera: None for the documented one.
    """
    with _open(path) as stored:
        ray = np.asarray(_array(path, stored), np.float64)
    if ray.ndim != 2:
        raise ValueError(f"{path}: an array of shape {ray.shape}; expected [height, width]")
    fx, fy, cx, cy = camera or pinhole(*ray.shape)
    y, x = np.indices(ray.shape)
    depth = ray / np.sqrt(1 + ((x - cx) / fx) ** 2 + ((y - cy) / fy) ** 2)
    depth = np.where(np.isfinite(depth) & (depth > 0), depth, 0)
    for scale in (1e-3, 1e-2):
        units = np.round(depth / scale)
        if units.max(initial=0) < 65535:
            return units.astype(np.uint16), scale
    return depth.astype(np.float32), 1.0


def tone_map(path: Path) -> np.ndarray:
    """uint8 [H,W,3] of radiance: scaled so that the brightness which 90 % of the pixels stay below shows as 0.8."""
    with _open(path) as stored:
        light = np.asarray(_array(path, stored), np.float64)
    if light.ndim != 3 or light.shape[2] != 3:
        raise ValueError(f"{path}: an array of shape {light.shape}; expected [height, width, 3]")
    light = np.where(np.isfinite(light), light, 0).clip(0)
    high = np.quantile(light @ [0.3, 0.59, 0.11], 0.9)
    scaled = light * (0.8**2.2 / high) if high > 1e-4 else np.zeros_like(light)
    return np.round(255 * scaled.clip(0, 1) ** (1 / 2.2)).astype(np.uint8)


def _official(tree: Tree) -> dict[tuple[str, str, int], str]:
    """Scene, camera and number of each released frame -> split; empty where the list does not lie in the tree."""
    folder = next(tree.holding(_SPLITS), None)
    if folder is None:
        return {}
    try:
        rows = list(csv.DictReader(io.StringIO((folder / _SPLITS).read_text(encoding="utf-8-sig"))))
        return {
            (row["scene_name"], row["camera_name"], int(row["frame_id"])): row["split_partition_name"]
            for row in rows
            if row["included_in_public_release"].strip().lower() == "true"
        }
    except (KeyError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{folder / _SPLITS}: not the published list ({error!r}); get it again, or take it away"
        ) from None
