"""Sequences of the TUM RGB-D benchmark, and recordings in its format.

    rgbd_dataset_freiburg1_desk/rgb.txt     1305031452.791720 rgb/1305031452.791720.png   one line a picture, # comments
    rgbd_dataset_freiburg1_desk/depth.txt   1305031453.006852 depth/1305031453.006852.png   16 bits, 5000 units a metre

Colour and depth are registered by the driver and have one size, but not one clock: each picture takes the depth map nearest
in time, at most 0.02 s away, and none is taken twice.

Source: Sturm, Engelhard, Endres, Burgard, Cremers, "A Benchmark for the Evaluation of RGB-D SLAM Systems", IROS 2012; file
formats and calibrations: https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
"""

from __future__ import annotations

import bisect
import re
from pathlib import Path

from depthnb.data.importing.frames import Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, read_lines
from depthnb.data.readers.inside import leaves
from depthnb.data.words import plural

SCALE = 1 / 5000
APART = 0.02  # seconds
SIZE = (480, 640)  # (height, width) of the pictures that the cameras belong to
CAMERAS: dict[str, Camera] = {  # of the colour images, as calibrated
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}


def fits(tree: Tree) -> bool:
    """Whether there is a sequence."""
    return any(True for _ in tree.holding("rgb.txt", "depth.txt"))


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all sequences; a sequence is a scene.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a list cannot be read, or no picture has a depth map near in time.
    """
    frames, alone, unknown, distorted = [], 0, [], []
    for folder in sorted(tree.holding("rgb.txt", "depth.txt")):
        images, depths = (read_list(folder / name) for name in ("rgb.txt", "depth.txt"))
        pairs = associate([time for time, _ in images], [time for time, _ in depths])
        alone += len(images) - len(pairs)
        kinect = re.search(r"freiburg[123]", folder.resolve().as_posix())
        camera = settings.camera or (CAMERAS[kinect[0]] if kinect else None)
        size = SIZE if settings.camera is None else None
        unknown += [folder.name] if camera is None else []
        distorted += [folder.name] if settings.camera is None and kinect and kinect[0] != "freiburg3" else []
        for i, j in pairs:
            image, depth = folder / images[i][1], folder / depths[j][1]
            name = f"{folder.resolve().name}_{image.stem}"
            frames.append(Frame(name, folder.resolve().name, image, depth, settings.scale or SCALE, camera, size))
    if not frames:
        raise ValueError(
            f"{tree.root}: no picture in rgb.txt has a depth map in depth.txt within {APART} s ({alone} pictures); expected "
            "a sequence in the TUM format, whose lists have one clock"
        )
    return Found(frames, tuple(_notes(alone, unknown, distorted)))


def _notes(alone: int, unknown: list[str], distorted: list[str]) -> list[str]:
    notes = ["A scene is a sequence; several sequences of the benchmark show one room."]
    if alone:
        notes.append(f"{plural(alone, 'picture')} without a depth map within {APART} s left out.")
    if unknown:
        notes.append(
            f"The camera of {unknown[0]} is unknown ({plural(len(unknown), 'such sequence')}): no name with freiburg1, "
            "freiburg2 or freiburg3. Give --intrinsics fx,fy,cx,cy if you know it."
        )
    if distorted:
        notes.append(
            f"The pictures of {distorted[0]} ({plural(len(distorted), 'such sequence')}) show the lens's distortion, which an "
            "RGB-D folder does not store."
        )
    return notes


def read_list(path: Path) -> list[tuple[float, str]]:
    """Time in seconds and path of each line.

    Raises:
        ValueError: that names a line which is none.
    """
    rows = []
    for line in read_lines(path):
        time, _, name = line.partition(" ")
        try:
            rows.append((float(time), name.strip()))
        except ValueError:
            rows.append((float("nan"), ""))
        if not rows[-1][0] >= 0 or not rows[-1][1]:
            raise ValueError(
                f"{path}: line {line!r}; expected a time in seconds and a path, such as '1.25 rgb/1.25.png'"
            )
        if leaves(rows[-1][1]):
            raise ValueError(
                f"{path}: line {line[:200]!r} leads out of the folder of the list; expected a path in it, such as "
                "'rgb/1.25.png'; put the files there, or a symbolic link to their folder"
            )
    return rows


def associate(first: list[float], second: list[float], apart: float = APART) -> list[tuple[int, int]]:
    """Pairs of indices that lie nearest in time, the nearest pair first served, none used twice.

    >>> associate([0.0, 0.033, 0.066], [0.001, 0.04, 0.5])
    [(0, 0), (1, 1)]
    """
    order = sorted(range(len(second)), key=second.__getitem__)
    times = [second[j] for j in order]
    near = []
    for i, time in enumerate(first):
        low, high = bisect.bisect_left(times, time - apart), bisect.bisect_right(times, time + apart)
        near += [(abs(times[k] - time), i, order[k]) for k in range(low, high) if abs(times[k] - time) < apart]
    pairs: dict[int, int] = {}
    taken = set()
    for _, i, j in sorted(near):
        if i not in pairs and j not in taken:
            pairs[i] = j
            taken.add(j)
    return sorted(pairs.items())
