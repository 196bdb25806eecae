"""NYU Depth V2 as BTS and its successors train on it: raw recordings with colour and depth synchronised and registered.

    sync/bathroom_0001/rgb_00000.jpg                640x480
    sync/bathroom_0001/sync_depth_00000.png         16 bits, millimetres, 0 unknown
    official_splits/test/bathroom/rgb_00045.jpg     the labelled frames, numbered by MATLAB index less one

Source: Silberman et al. 2012; layout: https://github.com/cleinc/bts, utils/sync_project_frames_multi_threads.m; camera: the
published toolbox (see `readers.nyu_v2`).
"""

from __future__ import annotations

from pathlib import Path

from depthnb.data.importing.frames import OFFICIAL, Found, Frame, Settings
from depthnb.data.importing.tree import Tree
from depthnb.data.readers.nyu_v2 import CENTRE, FOCAL, SIZE, official_index, place_and_type
from depthnb.data.words import plural

SCALE = 1e-3
_IMAGE, _DEPTH = r"rgb_(\d+)\.(?:jpg|png)", r"sync_depth_(\d+)\.png"


def fits(tree: Tree) -> bool:
    """Whether a folder holds both kinds of files."""
    return any(_scenes(tree))


def _scenes(tree: Tree) -> list[Path]:
    return sorted(folder for folder in tree.files if tree.matching(folder, _DEPTH) and tree.matching(folder, _IMAGE))


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all recordings; the place of a recording is its scene.

    Raises:
        ValueError: if no picture has its depth map.
    """
    frames, alone = [], 0
    camera, size = (settings.camera, None) if settings.camera else ((*FOCAL, *CENTRE), SIZE)
    labelled = official_index()
    by_number = {row.index_ - 1: row for row in labelled.rename(columns={"index": "index_"}).itertuples()}
    by_place = dict(zip(labelled["scene"], labelled["split"], strict=True))
    for folder in _scenes(tree):
        images, depths = tree.matching(folder, _IMAGE), tree.matching(folder, _DEPTH)
        alone += len(images.keys() ^ depths.keys())
        real = folder.resolve()
        part = real.parent.name if real.parent.name in ("train", "test") else ""
        for number in (number for number in images if number in depths):
            scene, kind = place_and_type(real.name)
            row = by_number.get(int(number))
            if part and kind == "unknown" and row is not None and row.split == part:
                scene, kind = row.scene, row.scene_type  # the folder is a type of room, the number tells the place
            split = (part or by_place.get(scene, "train")) if settings.split == OFFICIAL else ""
            name = "_".join(filter(None, (part, real.name, number)))
            paths = folder / images[number], folder / depths[number]
            frames.append(Frame(name, scene, *paths, settings.scale or SCALE, camera, size, kind, split))
    if not frames:
        raise ValueError(
            f"{tree.root}: no rgb_N.jpg has its sync_depth_N.png; expected <scene>/rgb_00000.jpg and so on"
        )
    notes = [f"{plural(alone, 'picture or depth map')} without the other left out."] if alone else []
    if settings.split == OFFICIAL:
        notes.append("Split: that of each place in the labelled set; recordings of other places are for training.")
    tested = {frame.scene for frame in frames if frame.split == "test"}
    kept = [frame for frame in frames if frame.split != "train" or frame.scene not in tested]
    if len(kept) < len(frames):
        notes.append(f"{plural(len(frames) - len(kept), 'training frame')} of places that are tested left out.")
    return Found(kept, tuple(notes))
