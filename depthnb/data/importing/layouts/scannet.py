"""Scans of ScanNet, exported from .sens files by its SensReader.

    scene0000_00/color/0.jpg                    1296x968
    scene0000_00/depth/0.png                    640x480, 16 bits, millimetres, 0 unknown
    scene0000_00/intrinsic/intrinsic_color.txt  4x4, likewise intrinsic_depth.txt

scene0000_01 is another scan of the room scene0000, so the room is the scene. Colour and depth show one field of view in two
sizes; the pictures are reduced to the size of the depth maps, which stay as they are.

Source: Dai et al., "ScanNet", CVPR 2017 (arXiv:1702.04405); https://github.com/ScanNet/ScanNet, SensReader (depth shift 1000,
names of the files).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from depthnb.data.importing.frames import OFFICIAL, Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, read_camera, read_lines
from depthnb.data.words import plural

SCALE = 1e-3
_ROOM = re.compile(r"(scene\d{4})_\d{2}")
_LISTS = {"scannetv2_train.txt": "train", "scannetv2_val.txt": "val", "scannetv2_test.txt": "test"}
_APART = (
    0.01  # of a side: cameras of colour and depth that differ by more do not see one field; the data set's by 0.001
)
_CENTRAL = 0.15  # of a side: a camera's centre that lies farther from the middle belongs to a picture of another size


def fits(tree: Tree) -> bool:
    """Whether there is an exported scan."""
    return any(True for _ in _scans(tree))


def _scans(tree: Tree):
    return (
        folder for folder in tree.holding("color", "depth") if "intrinsic" in tree.folders[folder] or _is_scan(folder)
    )


def _is_scan(folder: Path) -> bool:
    return _ROOM.fullmatch(folder.name) is not None


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all scans.

    Raises:
        ValueError: if no scan holds a picture and a depth map of one number, or a file of intrinsic/ or a list cannot be read.
    """
    frames, alone, blind, apart = [], 0, [], []
    official = _official(tree) if settings.split == OFFICIAL else {}
    for folder in sorted(_scans(tree)):
        images = tree.matching(folder / "color", r"(\d+)\.(?:jpg|jpeg|png)")
        depths = tree.matching(folder / "depth", r"(\d+)\.png")
        alone += len(images.keys() ^ depths.keys())
        both = [number for number in images if number in depths]
        name = folder.resolve().name
        room = _ROOM.fullmatch(name)
        scene = room[1] if room else name
        sizes = [_size(folder / part, map(names.get, both)) for part, names in (("color", images), ("depth", depths))]
        camera, size = (settings.camera, None) if settings.camera else (_camera(folder, sizes[0]), sizes[0])
        blind += [name] if both and camera is None else []
        apart += [name] if not (settings.camera or _same_view(folder, sizes)) else []
        frames += [
            Frame(f"{name}_{int(number):06d}", scene, folder / "color" / images[number], folder / "depth" / depths[number],
                  settings.scale or SCALE, camera, size, split=official.get(scene, ""))
            for number in both
        ]  # fmt: skip
    if not frames:
        raise ValueError(
            f"{tree.root}: no scan has color/N.jpg and depth/N.png of one number N; export it with SensReader"
        )
    notes = _notes(alone, blind, apart)
    if official:
        missing = {frame.scene for frame in frames} - official.keys()
        frames = [frame for frame in frames if frame.scene not in missing]
        notes.append(f"Split by the lists scannetv2_*.txt; {plural(len(missing), 'scene')} in none of them left out.")
    return Found(frames, tuple(notes))


def _notes(alone: int, blind: list[str], apart: list[str]) -> list[str]:
    notes = []
    if alone:
        notes.append(f"{plural(alone, 'picture or depth map')} without the other left out.")
    if blind:
        notes.append(
            f"The camera of {blind[0]} is unknown ({plural(len(blind), 'such scan')}): intrinsic/ does not fit it."
        )
    if apart:
        notes.append(
            f"Colour and depth of {apart[0]} have cameras that see different fields ({plural(len(apart), 'such scan')}), so "
            "they do not cover each other."
        )
    return notes


def _size(folder: Path, names: Iterable[str]) -> tuple[int, int]:
    """(height, width) of the first picture that opens; (0, 0) if none does. What is wrong is said later."""
    for name in names:
        with contextlib.suppress(OSError), Image.open(folder / name) as picture:
            return picture.height, picture.width
    return 0, 0


def _camera(folder: Path, size: tuple[int, int]) -> Camera | None:
    """The camera whose centre lies about in the middle of the pictures: of colour, or of depth if they were exported so."""
    height, width = size
    for name in ("intrinsic_color.txt", "intrinsic_depth.txt"):
        if (folder / "intrinsic" / name).is_file() and width:
            camera = read_camera(folder / "intrinsic" / name)
            if max(abs(camera[2] / width - 0.5), abs(camera[3] / height - 0.5)) < _CENTRAL:
                return camera
    return None


def _same_view(folder: Path, sizes: Sequence[tuple[int, int]]) -> bool:
    """Whether both cameras, each as shares of its picture's sides, are one; True where they are not both there."""
    files = [folder / "intrinsic" / f"intrinsic_{part}.txt" for part in ("color", "depth")]
    if not all(file.is_file() for file in files) or not all(map(all, sizes)):
        return True
    shares = []
    for file, (height, width) in zip(files, sizes, strict=True):
        fx, fy, cx, cy = read_camera(file)
        shares.append((fx / width, cx / width, fy / height, cy / height))
    reduced = abs(shares[0][1] - 0.5) > _CENTRAL  # colour exported at another size than its camera's
    return reduced or max(abs(one - other) for one, other in zip(*shares, strict=True)) < _APART


def _official(tree: Tree) -> dict[str, str]:
    """Room -> split, by the benchmark's lists if they lie in the tree."""
    rooms = {}
    for name, split in _LISTS.items():
        for folder in tree.holding(name):
            matches = (_ROOM.fullmatch(line) for line in read_lines(folder / name))
            rooms |= {match[1]: split for match in matches if match}
    return rooms
