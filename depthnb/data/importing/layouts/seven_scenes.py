"""The 7-Scenes data set (Kinect 1), its archives unpacked.

    chess/TrainSplit.txt, TestSplit.txt             lines such as sequence1
    chess/seq-01/frame-000000.color.png             640x480
    chess/seq-01/frame-000000.depth.png             16 bits, millimetres, 65535 unknown

Source: Shotton et al., "Scene Coordinate Regression Forests for Camera Relocalization in RGB-D Images", CVPR 2013;
https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/ (also: colour and depth camera were not calibrated
to each other, and the depth camera's default is a focal length of 585 and a centre of 320, 240).
"""

from __future__ import annotations

import re
from pathlib import Path

from depthnb.data.importing.frames import OFFICIAL, Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, read_lines
from depthnb.data.words import plural

SCALE = 1e-3
CAMERA: Camera = (585.0, 585.0, 320.0, 240.0)
SIZE = (480, 640)  # (height, width) of the pictures that it belongs to
_COLOUR = r"frame-(\d+)\.color\.png"


def fits(tree: Tree) -> bool:
    """Whether there is a sequence."""
    return any(_sequences(tree))


def _sequences(tree: Tree) -> list[Path]:
    return sorted(folder for folder in tree.files if tree.matching(folder, _COLOUR))


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all sequences. With the official split a sequence is a scene, without it a room is.

    Raises:
        ValueError: if no frame has both files, or a list of a split cannot be read.
    """
    frames, alone, unlisted = [], 0, []
    camera, size = (settings.camera, None) if settings.camera else (CAMERA, SIZE)
    for folder in _sequences(tree):
        images = tree.matching(folder, _COLOUR)
        depths = tree.matching(folder, r"frame-(\d+)\.depth\.png")
        alone += len(images.keys() ^ depths.keys())
        real = folder.resolve()
        room, sequence = real.parent.name, real.name
        split = _split(folder) if settings.split == OFFICIAL else ""
        unlisted += [f"{room}/{sequence}"] if split is None else []
        if split is None:
            continue
        frames += [
            Frame(f"{room}_{sequence}_{number}", f"{room}_{sequence}" if split else room, folder / images[number],
                  folder / depths[number], settings.scale or SCALE, camera, size, split=split)
            for number in images if number in depths
        ]  # fmt: skip
    if not frames:
        raise ValueError(
            f"{tree.root}: no frame-N.color.png has its frame-N.depth.png; unpack the archives seq-XX.zip again"
        )
    return Found(frames, tuple(_notes(frames, alone, unlisted, own_camera=settings.camera is None)))


def _notes(frames: list[Frame], alone: int, unlisted: list[str], *, own_camera: bool) -> list[str]:
    notes = ["Colour and depth of 7-Scenes are not registered to each other: edges in them lie some pixels apart."]
    if own_camera:
        notes.append("The camera is the authors' default of the depth camera (585, 585, 320, 240), not a calibration.")
    if any(frame.split for frame in frames):
        notes.append(
            "The official split is by sequence, for finding a camera's place again: one room is in training and test. Import "
            "with --split scenes to keep rooms apart."
        )
    if alone:
        notes.append(f"{plural(alone, 'picture or depth map')} without the other left out.")
    if unlisted:
        notes.append(f"{plural(len(unlisted), 'sequence')} in no list of a split left out, the first is {unlisted[0]}.")
    return notes


def _split(folder: Path) -> str | None:
    """Official split of a sequence; "" where there are no lists, None where neither names it."""
    lists = {split: folder.parent / f"{split.title()}Split.txt" for split in ("train", "test")}
    there = {split: path for split, path in lists.items() if path.is_file()}
    own = re.fullmatch(r"seq-0*(\d+)", folder.name)
    for split, path in there.items():
        numbers = (re.fullmatch(r"(?:sequence|seq-?)0*(\d+)", line) for line in read_lines(path))
        if own and own[1] in {match[1] for match in numbers if match}:
            return split
    return None if len(there) == 2 else ""
