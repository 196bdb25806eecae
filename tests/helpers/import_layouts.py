"""Frames of the embedded rooms, written in the layouts that `depthnb import` knows: names, units, quirks."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from embedded import Embedded
from PIL import Image


@dataclass(frozen=True, eq=False)
class View:
    """One frame: scene, kind of room, the JPEG's file, image uint8 [H,W,3], depth in metres [H,W], 0 where nothing was hit."""

    scene: str
    kind: str
    file: Path
    image: np.ndarray
    depth: np.ndarray


CAMERA = (295.0, 295.0, 159.5, 119.5)  # of every embedded room


def views(count: int = 6) -> list[View]:
    """The first frames of the embedded rooms, of at least two scenes."""
    rooms = Embedded("rooms", 1)
    found = []
    for row in rooms.index.iloc[:count].itertuples():
        file = rooms.root / row.image
        found.append(View(row.scene, row.scene_type, file, np.asarray(Image.open(file)), rooms.depth(row)))
    return found


def save(path: Path, array: np.ndarray) -> None:
    """Write a PNG or JPEG; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def units(depth: np.ndarray, each: float) -> np.ndarray:
    """Depth as uint16 in units of `each` metres."""
    return np.round(depth / each).astype(np.uint16)


def copy(view: View, path: Path) -> None:
    """The embedded JPEG under another name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(view.file, path)


def write_pair(root: Path, some: list[View]) -> None:
    """images/<scene>/N.jpg and depth/<scene>/N.png in millimetres."""
    for i, view in enumerate(some):
        copy(view, root / "images" / view.scene / f"{i}.jpg")
        save(root / "depth" / view.scene / f"{i}.png", units(view.depth, 1e-3))


def write_tum(root: Path, some: list[View], prefix: str = "rgbd_dataset_freiburg1_") -> None:
    """A sequence a scene; depth is stamped 11 ms later, and one picture has none."""
    for scene in dict.fromkeys(view.scene for view in some):
        lists = {"rgb": ["# color images"], "depth": ["# depth maps"]}
        for i, view in enumerate(view for view in some if view.scene == scene):
            times = {"rgb": 1305031452 + 0.04 * i, "depth": 1305031452 + 0.04 * i + 0.011}
            save(root / (prefix + scene) / f"rgb/{times['rgb']:.6f}.png", view.image)
            save(root / (prefix + scene) / f"depth/{times['depth']:.6f}.png", units(view.depth, 1 / 5000))
            for part, time in times.items():
                lists[part].append(f"{time:.6f} {part}/{time:.6f}.png")
        lists["rgb"].append("1305031500.000000 rgb/1305031500.000000.png")
        for part, lines in lists.items():
            (root / (prefix + scene) / f"{part}.txt").write_text("\n".join(lines) + "\n")


def matrix(camera: tuple[float, ...], side: int) -> str:
    """A camera as SensReader writes it, or SUN RGB-D (side 3)."""
    K = np.eye(side)
    K[0, 0], K[1, 1], K[0, 2], K[1, 2] = camera
    return "\n".join(" ".join(f"{value:.6f}" for value in row) for row in K) + "\n"


def write_scannet(root: Path, some: list[View]) -> None:
    """Colour 320x240, depth 160x120: every second pixel. scene0000_00, scene0001_00 ..."""
    for number, scene in enumerate(dict.fromkeys(view.scene for view in some)):
        folder = root / f"scene{number:04d}_00"
        for i, view in enumerate(view for view in some if view.scene == scene):
            copy(view, folder / f"color/{i}.jpg")
            save(folder / f"depth/{i}.png", units(view.depth[::2, ::2], 1e-3))
        (folder / "intrinsic").mkdir()
        (folder / "intrinsic/intrinsic_color.txt").write_text(matrix(CAMERA, 4))
        (folder / "intrinsic/intrinsic_depth.txt").write_text(matrix((147.5, 147.5, 79.5, 59.5), 4))


def turned(depth: np.ndarray) -> np.ndarray:
    """Millimetres with their bits turned as in SUN RGB-D."""
    stored = units(depth, 1e-3)
    return (stored << 3) | (stored >> 13)


def write_sun(root: Path, some: list[View]) -> None:
    """Kinect 2 frames; each scene is a recording."""
    for i, view in enumerate(some):
        folder = root / "SUNRGBD/kv2/kinect2data" / f"{view.scene}_2014-05-26_rgbf{i:06d}-resize"
        copy(view, folder / f"image/{i:07d}.jpg")
        save(folder / f"depth/{i:07d}.png", turned(view.depth))
        save(folder / f"depth_bfx/{i:07d}.png", turned(np.full_like(view.depth, 1.0)))
        (folder / "intrinsics.txt").write_text(" ".join(matrix(CAMERA, 3).split()))
        (folder / "scene.txt").write_text(view.kind)


def write_seven(root: Path, some: list[View], *, lists: bool = False) -> None:
    """Rooms with sequences of two frames; what is unknown is 65535."""
    numbers: dict[str, int] = {}
    for view in some:
        number = numbers[view.scene] = numbers.get(view.scene, -1) + 1
        stem = root / view.scene / f"seq-{1 + number // 2:02d}" / f"frame-{number:06d}"
        stored = units(view.depth, 1e-3)
        save(stem.with_name(stem.name + ".color.png"), view.image)
        save(stem.with_name(stem.name + ".depth.png"), np.where(stored == 0, 65535, stored).astype(np.uint16))
    for scene in numbers if lists else ():
        (root / scene / "TrainSplit.txt").write_text("sequence1\n")
        (root / scene / "TestSplit.txt").write_text("sequence2\n")


def write_nyu(root: Path, some: list[View]) -> None:
    """Recordings called <type>_<number>a."""
    for i, view in enumerate(some):
        folder = root / "sync" / f"{view.kind}_{int(view.scene[-4:]) + 9000:04d}a"
        copy(view, folder / f"rgb_{i:05d}.jpg")
        save(folder / f"sync_depth_{i:05d}.png", units(view.depth, 1e-3))


def rays(depth: np.ndarray, camera: tuple[float, ...]) -> np.ndarray:
    """Lengths of the rays to each pixel's point."""
    fx, fy, cx, cy = camera
    y, x = np.indices(depth.shape)
    return depth * np.sqrt(1 + ((x - cx) / fx) ** 2 + ((y - cy) / fy) ** 2)


HYPERSIM = (320 / 2 / np.tan(np.pi / 6),) * 2 + (159.5, 119.5)


def write_hypersim(root: Path, some: list[View]) -> None:
    """Scenes ai_001_001 ...; float16 as published, NaN where nothing was hit."""
    for number, scene in enumerate(dict.fromkeys(view.scene for view in some), 1):
        images = root / f"ai_001_{number:03d}" / "images"
        for i, view in enumerate(view for view in some if view.scene == scene):
            copy(view, images / f"scene_cam_00_final_preview/frame.{i:04d}.tonemap.jpg")
            path = images / f"scene_cam_00_geometry_hdf5/frame.{i:04d}.depth_meters.hdf5"
            path.parent.mkdir(parents=True, exist_ok=True)
            length = np.where(view.depth > 0, rays(view.depth, HYPERSIM), np.nan)
            with h5py.File(path, "w") as file:
                file["dataset"] = length.astype(np.float16)


def write_map(path: Path, depth: np.ndarray) -> None:
    """A depth map as COLMAP stores it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"{depth.shape[1]}&{depth.shape[0]}&1&".encode() + depth.astype("<f4").tobytes())


def write_colmap(root: Path, some: list[View], unit: float = 0.4) -> None:
    """A workspace a scene, a unit of which is `unit` metres; the picture's corner is at 0."""
    for scene in dict.fromkeys(view.scene for view in some):
        dense = root / scene / "dense"
        lines = ["# Image list with two lines of data per image:"]
        for i, view in enumerate(view for view in some if view.scene == scene):
            copy(view, dense / f"images/left/IMG {i}.jpg")
            write_map(dense / f"stereo/depth_maps/left/IMG {i}.jpg.geometric.bin", view.depth / unit)
            lines += [f"{i + 1} 1 0 0 0 0 0 0 7 left/IMG {i}.jpg", "" if i % 2 else "10.5 20.5 -1 30 40 17"]
        (dense / "sparse").mkdir()
        (dense / "sparse/cameras.txt").write_text("# Camera list\n7 PINHOLE 320 240 295 295 160 120\n")
        (dense / "sparse/images.txt").write_text("\n".join(lines) + "\n")


def write_record3d(root: Path, some: list[View], compress: Callable[[bytes], bytes], *, packed: bool = True) -> None:
    """A recording a scene; depth has every second pixel, the camera is stored column by column."""
    fx, fy, cx, cy = CAMERA
    facts = {"K": [fx, 0, 0, 0, fy, 0, cx, cy, 1], "w": 320, "h": 240, "dw": 160, "dh": 120, "fps": 30}
    for scene in dict.fromkeys(view.scene for view in some):
        folder = root / scene
        (folder / "rgbd").mkdir(parents=True)
        (folder / "metadata").write_text(json.dumps(facts))
        for i, view in enumerate(view for view in some if view.scene == scene):
            copy(view, folder / f"rgbd/{i}.jpg")
            (folder / f"rgbd/{i}.depth").write_bytes(compress(view.depth[::2, ::2].astype("<f4").tobytes()))
        if packed:
            with zipfile.ZipFile(root / f"{scene}.r3d", "w") as archive:
                for file in sorted(folder.rglob("*")):
                    archive.write(file, file.relative_to(folder))
            shutil.rmtree(folder)


def read_rows(out: Path) -> list[dict[str, str]]:
    """Rows of index.csv."""
    with open(out / "index.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
