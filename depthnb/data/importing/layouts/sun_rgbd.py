"""SUN RGB-D: frames of four sensors, each in a folder of its own.

    kv2/kinect2data/000002_2014-05-26_14-23-37_260595134347_rgbf000103-resize/
      image/0000103.jpg
      depth/0000103.png        what the sensor measured
      depth_bfx/0000103.png    the same with its holes filled
      intrinsics.txt           3x3
      scene.txt                kitchen

Depth is 16-bit PNG in millimetres, its bits turned to the left by three: (d >> 3) | (d << 13) turns them back. The measured
depth is taken where it is there. The published split lies in SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat.

Source: Song, Lichtenberg, Xiao, "SUN RGB-D", CVPR 2015; https://rgbd.cs.princeton.edu; for the bits the SUN3D toolbox's
depthRead.m (https://github.com/PrincetonVision/SUN3Dsfm).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from depthnb.data.importing.frames import OFFICIAL, Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, read_camera, read_lines
from depthnb.data.readers.pixels import read_depth_png
from depthnb.data.words import plural

SCALE = 1e-3
_IMAGE, _DEPTH = r"(.+)\.(?:jpg|jpeg|png)", r"(.+)\.png"


def fits(tree: Tree) -> bool:
    """Whether there is a frame's folder."""
    return any(_folders(tree))


def _folders(tree: Tree) -> list[Path]:
    return [
        folder
        for folder in sorted(tree.holding("image", "intrinsics.txt"))
        if {"depth", "depth_bfx"} & set(tree.folders[folder])
    ]


def find(tree: Tree, settings: Settings) -> Found:
    """All frames. A recording is a scene where names tell it, else a frame is.

    Raises:
        ValueError: if a folder holds several pictures, or a file in it cannot be read.
    """
    settings.without_scale("sun-rgbd", "millimetres")
    official = _official(tree) if settings.split == OFFICIAL else {}
    frames, filled, empty, unlisted, blind = [], 0, [], 0, []
    for folder in _folders(tree):
        image, depth = _only(tree, folder, "image", _IMAGE), _only(tree, folder, "depth", _DEPTH)
        measured = depth is not None
        depth = depth or _only(tree, folder, "depth_bfx", _DEPTH)
        split = _split_of(folder, official)
        if image is None or depth is None:
            empty.append(folder)
        elif split is None:
            unlisted += 1
        else:
            filled += not measured
            camera = settings.camera or _camera(folder)
            blind += [folder] if camera is None else []
            kind = "_".join(read_lines(folder / "scene.txt")) if "scene.txt" in tree.files[folder] else ""
            read = partial(read_shifted, depth)
            frames.append(Frame(_name(tree, folder), _scene(folder), image, read, None, camera, None, kind, split))
    if not frames:
        raise ValueError(
            f"{tree.root}: none of {plural(len(empty), 'folder')} holds both a picture and a depth map; unpack again"
        )
    torn = _whole_scenes(frames)
    return Found(torn[0], tuple(_notes(filled, empty, unlisted, torn[1], blind, listed=bool(official))))


def _camera(folder: Path) -> Camera | None:
    try:
        return read_camera(folder / "intrinsics.txt")
    except ValueError:  # one of ten thousand shall not stop the others
        return None


def read_shifted(path: Path) -> tuple[np.ndarray, float]:
    """Depth in millimetres as uint16, and the metres of one."""
    stored = read_depth_png(path).astype(np.uint16)
    return (stored >> 3) | (stored << 13), SCALE


def _only(tree: Tree, folder: Path, part: str, pattern: str) -> Path | None:
    names = list(tree.matching(folder / part, pattern).values())
    if len(names) > 1:
        raise ValueError(
            f"{folder / part}: {len(names)} files; SUN RGB-D has one in each frame's folder, so this may be a sequence of "
            "SUN3D, which is another layout"
        )
    return folder / part / names[0] if names else None


def _name(tree: Tree, folder: Path) -> str:
    parts = folder.relative_to(tree.root).parts
    return "_".join(parts) if parts else folder.resolve().name


def _scene(folder: Path) -> str:
    """The recording: names of Kinect 2 hold the number of the frame, those of SUN3D lie below their recording's."""
    parts = folder.resolve().parts
    if "sun3ddata" in parts[:-2]:
        return parts[parts.index("sun3ddata") + 1]
    recording = re.fullmatch(r"(.+)_rgbf\d+(?:-resize)?", parts[-1])
    return recording[1] if recording else "_".join(parts[-2:])


def _official(tree: Tree) -> dict[tuple[str, ...], str]:
    """Path of a frame's folder from SUNRGBD on -> split, by the toolbox's file, in the tree or beside it."""
    inside = Path("SUNRGBDtoolbox") / "traintestSUNRGBD" / "allsplit.mat"
    places = [tree.root, *tree.root.resolve().parents[:2], *tree.holding("SUNRGBDtoolbox")]
    file = next((place / inside for place in places if (place / inside).is_file()), None)
    if file is None:
        return {}
    from scipy.io import loadmat

    try:
        lists = loadmat(file, squeeze_me=True, variable_names=["alltrain", "alltest"])
        cells = {"train": np.atleast_1d(lists["alltrain"]), "test": np.atleast_1d(lists["alltest"])}
    except Exception as error:  # SciPy raises whatever it stumbles over
        raise ValueError(
            f"{file}: not the toolbox's list of the split ({error}); get it again, or give --split scenes"
        ) from None
    return {_tail(str(path)): split for split, paths in cells.items() for path in paths}


def _tail(path: str) -> tuple[str, ...]:
    parts = tuple(part for part in path.split("/") if part)
    return parts[parts.index("SUNRGBD") + 1 :] if "SUNRGBD" in parts else parts


def _split_of(folder: Path, official: dict[tuple[str, ...], str]) -> str | None:
    """Official split of a frame; "" where there is no list, None where it does not name the frame."""
    parts = folder.resolve().parts
    ends = (parts[-length:] for length in range(2, 8))
    return next((official[end] for end in ends if end in official), None) if official else ""


def _whole_scenes(frames: list[Frame]) -> tuple[list[Frame], int]:
    """Frames of recordings that the official split divides become scenes of their own; with their number."""
    splits: dict[str, set[str]] = {}
    for frame in frames:
        splits.setdefault(frame.scene, set()).add(frame.split)
    torn = [frame.scene for frame in frames if len(splits[frame.scene]) > 1]
    if not torn:
        return frames, 0
    divided = set(torn)
    return [replace(frame, scene=frame.name) if frame.scene in divided else frame for frame in frames], len(torn)


def _notes(filled: int, empty: list[Path], unlisted: int, torn: int, blind: list[Path], *, listed: bool) -> list[str]:
    notes = [
        "A recording is a scene where names tell it, else each frame is; frames of one room may lie in two splits."
    ]
    if filled:
        notes.append(f"{plural(filled, 'frame')} had depth_bfx alone, whose holes are filled: that is no measurement.")
    if empty:
        notes.append(
            f"{plural(len(empty), 'folder')} without a picture or a depth map left out, the first is {empty[0]}."
        )
    if blind:
        notes.append(
            f"{len(blind)} of the files intrinsics.txt cannot be read, the first in {blind[0]}; those cameras are unknown."
        )
    if listed:
        notes.append("Split as published in allsplit.mat.")
    if unlisted:
        notes.append(f"{plural(unlisted, 'frame')} that it does not name left out.")
    if torn:
        notes.append(
            f"The published split divides recordings; their {plural(torn, 'frame')} count as scenes of their own."
        )
    return notes
