"""Importing: what people have, in the layouts it comes in, becomes an RGB-D folder."""

from __future__ import annotations

import importlib
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from depthnb.data.importing import names
from depthnb.data.importing.filling import fill
from depthnb.data.importing.filling import notes as notes_on
from depthnb.data.importing.frames import OFFICIAL, SCENES, Found, Frame, Settings
from depthnb.data.importing.tree import Tree
from depthnb.data.importing.writing import Target, check_free
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

__all__ = ["LAYOUTS", "Imported", "Settings", "detect", "import_folder"]

LAYOUTS = {  # name -> module of `layouts`, and what it is in a few words
    "pair": ("pair", "pictures and depth maps of one name, in two folders"),
    "tum": ("tum", "sequences of the TUM RGB-D benchmark: rgb.txt, depth.txt"),
    "scannet": ("scannet", "ScanNet as SensReader exports it: color/, depth/, intrinsic/"),
    "sun-rgbd": ("sun_rgbd", "SUN RGB-D: a folder a frame, with image/, depth/, intrinsics.txt"),
    "7-scenes": ("seven_scenes", "7-Scenes: seq-01/frame-000000.color.png, .depth.png"),
    "nyu-sync": ("nyu_sync", "NYU Depth V2 as BTS has it: rgb_00000.jpg, sync_depth_00000.png"),
    "hypersim": ("hypersim", "Hypersim: scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5"),
    "colmap": ("colmap", "COLMAP's dense workspace: images/, sparse/*.txt, stereo/depth_maps/"),
    "record3d": ("record3d", "recordings of the app Record3D: .r3d, or unpacked"),
}


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes:
        layout: its name.
        index: path of index.csv.
        frames, scenes: how many.
        splits: split -> frames; "" where index.csv says none, and the folder's reader draws them by scene.
        notes: sentences on what was decided and done.
        left_out: name of a frame that could not be read -> why.
    """

    layout: str
    index: Path
    frames: int
    scenes: int
    splits: dict[str, int]
    notes: tuple[str, ...]
    left_out: dict[str, str]


def import_folder(
    places: Path | str | Sequence[Path | str],
    out: Path | str,
    *,
    layout: str = "auto",
    settings: Settings | None = None,
    every: int = 1,
    link: bool = False,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Imported:
    """Make an RGB-D folder of what lies in another layout.

    A file that the folder's reader knows is copied or linked, not encoded anew. Every frame is read once, as strictly as
    the folder will be; those that cannot be read are left out and named. Interrupted, the same call goes on; index.csv is
    written last.

    Args:
        places: a folder (or .r3d file); for the layout pair two: pictures and depth maps.
        out: a folder that is not there, or empty, or holds this very import, unfinished.
        layout: one of `LAYOUTS`, or "auto": told from the files' names.
        settings: what the user says about the files.
        every: take each so many-th frame of a scene.
        link: link files that can be used as they are: hard links, or symbolic ones to another disk.
        watch: called after each frame with how many are done, and how many there are.

    Returns:
        What was made. `data.examine("folder", out)` says what is wrong with it.

    Raises:
        FileNotFoundError: if a place is not there.
        ValueError: if nothing, or more than one layout fits; if no frame can be read; for a folder `out` in use.
        ImportError, OSError: if a package is missing, or the disk cannot take it.
    """
    settings = settings or Settings()
    if every < 1:
        raise ValueError(f"every is {every}; expected 1 for all frames, 2 for every second one, and so on")
    if settings.split not in (OFFICIAL, SCENES, *SPLITS):
        raise ValueError(f"split is {settings.split!r}; expected {', '.join((OFFICIAL, SCENES, *SPLITS))}")
    if settings.scale is not None and not settings.scale > 0:
        raise ValueError(f"the depth scale is {settings.scale:g}; expected metres for each stored unit, above 0")
    out = Path(out).expanduser()
    given = [places] if isinstance(places, str | Path) else list(places)
    if not given or not all(map(str, given)):
        raise ValueError("a place without a name; give the folder of what is to be imported")
    trees = [Tree(Path(place).expanduser()) for place in given]
    _check_apart(trees, out)
    check_free(out)
    name = detect(trees) if layout == "auto" else layout
    found = _found(name, trees, settings)
    frames, unsplit = _split([_printable(frame) for frame in _every(found.frames, every)], settings.split)
    identity = {
        "layout": name, "places": [str(tree.root.resolve()) for tree in trees], "every": every, "link": link,
        "depth scale": settings.scale, "intrinsics": settings.camera and list(settings.camera),
        "split": settings.split, "scene": settings.scene,
    }  # fmt: skip
    with Target(out, identity, link=link) as target:
        ids = names.unique(frame.name for frame in frames)
        left_out = fill(target, dict(zip(ids, frames, strict=True)), watch)
        notes = (*found.notes, *unsplit, *notes_on(target, frames, every))
        index = target.finish(ids, {"notes": list(notes), "left_out": left_out})
        rows = list(target.rows.values())
    return Imported(
        name, index, len(rows), len({row[1] for row in rows}), dict(Counter(row[3] for row in rows)), notes, left_out
    )


def detect(trees: Sequence[Tree]) -> str:
    """The one layout whose files are there.

    Raises:
        ValueError: if none fits, or more than one.
    """
    if len(trees) > 1:
        return "pair"
    fitting_ones = [name for name, (module, _) in LAYOUTS.items() if name != "pair" and _module(module).fits(trees[0])]
    if len(fitting_ones) == 1:
        return fitting_ones[0]
    if fitting_ones:
        raise ValueError(
            f"{trees[0].root}: files of the layouts {' and '.join(fitting_ones)}; say which is meant by --layout, or give "
            "the folder of one of them"
        )
    if trees[0].root.is_file():
        raise ValueError(f"{trees[0].root}: a file; expected a folder (or a .r3d file). Unpack an archive first")
    here = [*trees[0].folders.get(trees[0].root, ()), *trees[0].files.get(trees[0].root, ())][:5]
    raise ValueError(
        f"{trees[0].root}: no known layout ({', '.join(name for name in LAYOUTS if name != 'pair')}); found "
        f"{', '.join(here) or 'an empty folder'}. Give two folders, pictures and depth maps, with --depth-scale, "
        "--layout pair for one folder with both, or unpack archives first"
    )


def _module(name: str):
    return importlib.import_module(f"depthnb.data.importing.layouts.{name}")


def _found(name: str, trees: Sequence[Tree], settings: Settings) -> Found:
    if name not in LAYOUTS:
        raise ValueError(f"layout {name!r} is not known; expected auto, {', '.join(LAYOUTS)}")
    module, scale = _module(LAYOUTS[name][0]), settings.scale
    if scale is not None and scale > 1 and name != "colmap":  # a reconstruction's unit may be longer than a metre
        raise ValueError(
            f"the depth scale is {scale:g}; expected metres for each stored unit, at most 1 (0.001 if millimetres are stored); "
            f"did you mean 1/{scale:g} = {1 / scale:g}?"
        )
    if name == "pair":
        if len(trees) > 2:
            raise ValueError(
                f"{len(trees)} places; expected two, the pictures and the depth maps, or one that holds both"
            )
        return module.find(trees[0], trees[-1], settings)
    if len(trees) > 1:
        raise ValueError(f"layout {name} takes one place, found {len(trees)}; two folders are the layout pair")
    if settings.scene != "folder":
        raise ValueError(f"layout {name} knows its scenes; --scene belongs to the layout pair")
    if not module.fits(trees[0]):
        raise ValueError(f"{trees[0].root}: none of the files of the layout {name} ({LAYOUTS[name][1]})")
    return module.find(trees[0], settings)


def _printable(frame: Frame) -> Frame:
    """The frame with names that index.csv can hold."""
    scene, kind = (names.printable(name) for name in (frame.scene, frame.scene_type))
    return replace(frame, scene=scene or "unnamed", scene_type=kind)


def _split(frames: list[Frame], split: str) -> tuple[list[Frame], list[str]]:
    """The frames with the split of all that the user gave, or with one each or none; and what was done, in words."""
    if split in SPLITS:
        return [replace(frame, split=split) for frame in frames], []
    without = [frame for frame in frames if not frame.split]
    if len(without) in (0, len(frames)):
        return frames, []
    said = f"{plural(len(without), 'frame')} for which there is no official split are training frames."
    return [replace(frame, split=frame.split or "train") for frame in frames], [said]


def _check_apart(trees: Sequence[Tree], out: Path) -> None:
    """Raise ValueError if the result would lie among what is imported, and be found there the next time."""
    for tree in trees:
        root = tree.root.resolve()
        if out.resolve() == root or root in out.resolve().parents:
            raise ValueError(f"{out} lies in {tree.root}, which is imported; give --out a place outside of it")


def _every(frames: list[Frame], every: int) -> list[Frame]:
    """Each so many-th frame of each scene."""
    counts: dict[str, itertools.count] = {}
    return [frame for frame in frames if next(counts.setdefault(frame.scene, itertools.count())) % every == 0]
