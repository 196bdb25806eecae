"""`depthnb import`: an RGB-D folder of what lies in another layout. (`import` is a word of Python.)"""

from __future__ import annotations

import argparse
import json

from depthnb.cli.progress import Progress

HELP = "make an RGB-D folder of a data set in another layout"
DESCRIPTION = (
    "Makes an RGB-D folder (index.csv, pictures, depth) of what you have, and looks at the result as 'depthnb check' does. "
    "Interrupted, the same command goes on. Exit status 1 if a frame cannot be read or something cannot be right."
)
EXAMPLES = """layouts (--layout auto tells them by their files):
  pair      pictures and depth maps of one name, in two folders (or one); needs --depth-scale
  tum       sequences of the TUM RGB-D benchmark: rgb.txt, depth.txt
  scannet   ScanNet as SensReader exports it: color/, depth/, intrinsic/
  sun-rgbd  SUN RGB-D: a folder a frame, with image/, depth/, intrinsics.txt
  7-scenes  7-Scenes: seq-01/frame-000000.color.png, .depth.png
  nyu-sync  NYU Depth V2 as BTS has it: rgb_00000.jpg, sync_depth_00000.png
  hypersim  Hypersim: scene_cam_00_geometry_hdf5/frame.0000.depth_meters.hdf5
  colmap    COLMAP's dense workspace: images/, sparse/*.txt, stereo/depth_maps/
  record3d  recordings of the app Record3D: .r3d, or unpacked

examples:
  depthnb import rgbd_dataset_freiburg1_desk/ --out desk --every 10
  depthnb import my_images/ my_depths/ --depth-scale 0.001 --intrinsics 525,525,319.5,239.5 --out mine
  depthnb import scannet/scans/ --layout scannet --out scannet_folder --every 30 --link
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("places", nargs="+", metavar="PLACE", help="folder (or .r3d file); pictures and depth maps may be two folders")
    add("--out", required=True, metavar="DIR", help="where the RGB-D folder goes; not there yet, empty, or unfinished")
    add("--layout", default="auto", metavar="NAME", help="auto, or one of those below (default: auto)")
    add(
        "--depth-scale",
        type=_positive,
        metavar="METRES",
        help="metres for each stored unit: 0.001 for millimetres, 1 for metres (default: as the layout says)",
    )
    add(
        "--intrinsics",
        type=_camera,
        metavar="FX,FY,CX,CY",
        help="of every picture as it lies there, in pixels, centres at integers (default: as the layout says)",
    )
    add(
        "--split",
        default="official",
        choices=("official", "scenes", "train", "val", "test"),
        help="official where there is one; scenes: by scene; else the split of all frames (default: official)",
    )
    add(
        "--scene",
        default="folder",
        choices=("folder", "frame"),
        help="of the layout pair: what is a scene, a folder or a single frame (default: folder)",
    )
    add("--every", type=_count, default=1, metavar="N", help="take every N-th frame of a scene (default: 1)")
    add("--link", action="store_true", help="link files instead of copying: hard, or symbolic to another disk")
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from depthnb import data
    from depthnb.data import importing
    from depthnb.data.words import plural

    settings = importing.Settings(given.depth_scale, given.intrinsics, given.split, given.scene)
    with Progress() as progress:
        made = importing.import_folder(
            given.places, given.out, layout=given.layout, settings=settings, every=given.every, link=given.link,
            watch=progress.show,
        )  # fmt: skip
    said, findings = data.examine("folder", made.index.parent)
    wrong = sum(finding.sure for finding in findings)
    status = 1 if wrong or made.left_out else 0
    if given.json:
        rows = [{"wrong": finding.sure, "said": finding.sentence} for finding in findings]
        facts = {
            "out": given.out,
            "layout": made.layout,
            "frames": made.frames,
            "scenes": made.scenes,
            "splits": made.splits,
        }
        print(json.dumps({**facts, "notes": made.notes, "left_out": made.left_out, "there": said, "findings": rows}))
        return status
    print(f"{given.out}: {said}; layout {made.layout}.")
    for note in made.notes:
        print(f"note   {note}")
    for name, why in list(made.left_out.items())[:5]:
        print(f"left out  {name}: {why}")
    if made.left_out:
        print(
            f"{plural(len(made.left_out), 'frame')} left out; all of them are named in {made.index.parent / 'import.json'}"
        )
    for finding in findings:
        print(f"{'wrong' if finding.sure else 'note '}  {finding.sentence}")
    if wrong:
        print(f"{wrong} found that cannot be right. {given.out} stays; delete it before you import into it again.")
    else:
        print("Nothing was found that cannot be right.")
    return status


def _positive(word: str) -> float:
    value = _float(word)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{word!r}; expected metres for each stored unit, above 0, such as 0.001")
    return value


def _camera(word: str) -> tuple[float, float, float, float]:
    values = tuple(_float(part) for part in word.split(","))
    if len(values) != 4 or not all(-1e9 < value < 1e9 for value in values) or min(values[:2]) <= 0:
        raise argparse.ArgumentTypeError(f"{word!r}; expected fx,fy,cx,cy in pixels, such as 525,525,319.5,239.5")
    return values


def _count(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and int(word) > 0):
        raise argparse.ArgumentTypeError(f"{word!r}; expected 1 for all frames, 2 for every second one, and so on")
    return int(word)


def _float(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")
