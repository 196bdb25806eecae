"""Render ``data/rooms-changed``: ``python data/render/changed.py``, which needs bpy and the embedded rooms.

Twelve rooms of the test split, each from one of its embedded views, once more as they are and with one thing changed at a
time (`changes.py`). Resumable: a finished room is kept in data/render/scratch/rooms-changed and not rendered again;
``--worker 0/2`` and ``--worker 1/2`` share the rooms between two processes. When all are there, the folder is packed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import changes
import materials
import numpy as np
import pack
import render
import sensor
from PIL import Image
from plan import ROOMS

# Views with nothing nearer than 0.6 m from any of the heights and through any of the lenses; all nine types of room.
FRAMES = (
    "bathroom_0013_04",
    "bedroom_0005_05",
    "bedroom_0029_04",
    "classroom_0005_01",
    "corridor_0005_02",
    "dining_room_0021_02",
    "kitchen_0005_01",
    "kitchen_0021_01",
    "living_room_0029_03",
    "living_room_0037_02",
    "office_0013_00",
    "playroom_0013_03",
)
# The nets see 128x96: 192x144 is enough, and a quarter of the bytes.
PLAN = replace(ROOMS, name="rooms-changed", width=192, height=144, focal=295.0 * 192 / 320)
SAMPLES = 10  # a pixel, denoised; the embedded frames have 8 of smaller pixels
STEP, COARSER, QUALITY = 0.01, 2.0, 85  # metres a unit; metres beyond which steps double; of the JPEG
INDEX = (*pack.INDEX, "change")


def frame_of(name: str) -> tuple[str, int]:
    """Scene and number of the view of an embedded frame."""
    scene, _, view = name.rpartition("_")
    return scene, int(view)


def render_room(frame: str, out: Path, seed: int = 1, which: Sequence[str] = changes.CHANGES) -> None:
    """Render every change of one embedded frame; the folder appears when everything is in it."""
    name, number = frame_of(frame)
    order = [scene for _, scene in ROOMS.scene_list()]
    place = order.index(name)
    kind = ROOMS.scene_list()[place][0]
    scene = render.empty_scene(PLAN, SAMPLES, 1)
    scene.cycles.seed = place
    folder = out / f".{frame}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    render.write_passes(scene, folder)
    rng = np.random.default_rng([seed, place])
    room, scout, views = render.furnished(scene, kind, rng, None)
    lifts = [float(rng.normal(0.0, 0.22)) for _ in views]
    change = changes.Changes(scene, room, scout, views[number], PLAN, np.random.default_rng([seed, place, number]))
    materials.plain_bounces()
    records = {}
    for i, what in enumerate(which):
        view = changes.stand(views[number], what, room.size[2])
        lift = lifts[number] + changes.STOPS.get(what, 0.0)
        with change.made(what):
            records[what] = render.render_view(changes.lens(PLAN, what), scene, view, folder, i, lift)
    record = {"scene": name, "scene_type": kind, "size": [round(s, 6) for s in room.size], "views": records}
    record["clutter"] = sorted(obj.name for obj in change.clutter)
    (folder / "scene.json").write_text(json.dumps(record, indent=1))
    os.replace(folder, out / frame)
    print(frame, {what: each["seconds"] for what, each in records.items()}, flush=True)


def stored_units(depth: np.ndarray) -> np.ndarray:
    """Depth as uint16 units of `STEP` [H, W], 0 where nothing was hit.

    Beyond `COARSER` metres multiples of 2, 4, 8 ... units, doubling with distance: never more than 0.5 % off, or 0.5 cm.
    """
    multiple = 2.0 ** np.maximum(0.0, np.ceil(np.log2(np.maximum(depth, 0.1) / COARSER)))
    units = np.rint(depth / STEP / multiple) * multiple
    return np.where(depth > 0, np.clip(units, 1, 65535), 0).astype(np.uint16)


def pack_room(frame: str, folder: Path, out: Path) -> tuple[list, list]:
    """Write the pictures of one frame; its rows of index.csv and cameras.csv."""
    record = json.loads((folder / "scene.json").read_text())
    index, cameras = [], []
    for number, (what, view) in enumerate(record["views"].items()):
        name = f"{frame}-{what}"
        own = name if what not in changes.SAME_DEPTH else f"{frame}-{changes.BASE}"
        plan = changes.lens(PLAN, what)
        image = np.asarray(Image.open(folder / f"{number:02d}.png").convert("RGB"))
        image = Image.fromarray(pack.noisy(image, name))
        image.save(out / "image" / f"{name}.jpg", quality=QUALITY, subsampling=2, optimize=True)
        if own == name or what == changes.BASE:
            arrays = np.load(folder / f"{number:02d}.npz")
            depth, parts = arrays["depth"], (arrays["index"], arrays["albedo"] / 255.0, arrays["light"] / 32.0)
            stored = stored_units(depth)
            valid = sensor.kinect(name, depth, *parts, plan.focal) & (stored > 0)
            Image.fromarray(stored).save(out / "depth" / f"{name}.png", optimize=True)
            Image.fromarray(valid).save(out / "valid" / f"{name}.png", optimize=True)
        files = (f"image/{name}.jpg", f"depth/{own}.png", f"valid/{own}.png")
        camera = (plan.focal, plan.focal, plan.cx, plan.cy)
        index.append((name, record["scene"], record["scene_type"], "test", *files, STEP, *camera, what))
        cameras.append((name, *(view[k] for k in pack.POSE), *record["size"]))
    return index, cameras


def pack_all(work: Path, out: Path) -> None:
    """Pack all rooms of `work` into `out`, which is replaced as a whole when complete."""
    part = pack.begun(out)
    indices, cameras = zip(*(pack_room(frame, work / frame, part) for frame in sorted(FRAMES)), strict=True)
    header = ("id", *pack.POSE, *pack.ROOM_FACTS)
    pack.finish(part, out, {"index.csv": (INDEX, chain(*indices)), "cameras.csv": (header, chain(*cameras))})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=render.HERE / "scratch" / PLAN.name)
    parser.add_argument("--out", type=Path, default=render.HERE.parent / PLAN.name)
    parser.add_argument("--worker", default="0/1", help="k/n: render every n-th room, starting with the k-th")
    args = parser.parse_args()
    worker, workers = map(int, args.worker.split("/"))
    for frame in FRAMES[worker::workers]:
        if not (args.work / frame / "scene.json").exists():
            render_room(frame, args.work.resolve())
    missing = [frame for frame in FRAMES if not (args.work / frame / "scene.json").exists()]
    if missing:
        print(f"not packed yet: {', '.join(missing)} still to render")
    else:
        pack_all(args.work, args.out)


if __name__ == "__main__":
    main()
