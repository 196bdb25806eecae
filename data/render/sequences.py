"""Render ``data/rooms-sequences``: ``python data/render/sequences.py``, which needs bpy and the embedded rooms.

Three frames from each of 60 rooms of the train split and 8 of the val split, a hand's breadth apart: what a person films who
takes a small step to the side. The middle frame stands where an embedded frame of that room stood. Exposure is locked over a
sequence, so that a point keeps its colour. Resumable: a finished room is kept in data/render/scratch/rooms-sequences and not
rendered again; ``--worker 0/2`` and ``--worker 1/2`` share the rooms between two processes. When all are there, the folder is
packed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import materials
import numpy as np
import pack
import render
import sensor
from camera import Scout, View
from changed import stored_units
from mathutils import Vector
from PIL import Image
from plan import ROOMS

# The nets see 128x96, and nobody evaluates on these frames.
PLAN = replace(ROOMS, name="rooms-sequences", width=128, height=96, focal=295.0 * 128 / 320)
SCENES = {"train": 60, "val": 8}  # the first ones in the order of rendering, which mixes the types
SAMPLES = 12  # a pixel, denoised; a pixel is six of the embedded frames, which have 8 each
STEP, QUALITY = 0.01, 90  # metres a unit of stored depth (coarser farther away); of the JPEG
TABLES = {
    "index.csv": pack.INDEX,
    "cameras.csv": ("id", *pack.POSE, *pack.ROOM_FACTS),
    "poses.csv": ("id", *(f"m{i}{j}" for i in range(3) for j in range(4))),
}

PACE = (0.07, 0.12)  # metres from frame to frame
TURN = (1.6, 1.2, 0.8)  # degrees of yaw, pitch and roll from frame to frame, at most
CLEAR = 0.45  # metres: nothing is nearer to the lens
TRIES = 60  # paths from one view, before the next view is tried


def chosen_scenes() -> list[tuple[str, str, int]]:
    """(type, scene, number in the order of rendering) of all sequences."""
    left, chosen = dict(SCENES), []
    for number, (kind, name) in enumerate(ROOMS.scene_list()):
        split = ROOMS.split_of(name)
        if left.get(split, 0):
            left[split] -= 1
            chosen.append((kind, name, number))
    return chosen


def richest_first(scene: str) -> list[int]:
    """The numbers of a scene's embedded views, the one with most detail first: a bare wall says nothing about depth."""
    root = render.HERE.parent / ROOMS.name
    with open(root / "index.csv", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["scene"] == scene]
    details = [(pack.detail(np.asarray(Image.open(root / row["image"]).convert("L"), np.float32)), row) for row in rows]
    return [int(row["id"].rpartition("_")[2]) for _, row in sorted(details, key=lambda each: (-each[0], each[1]["id"]))]


def moved(view: View, step: np.ndarray, turn: np.ndarray) -> View:
    """A view after a step in metres (right, down, forward as it sees them) and a turn in degrees (yaw, pitch, roll)."""
    x, y, z = view.rotation() @ step + (view.x, view.y, view.z)
    pose = (x, y, z, *(np.array([view.yaw, view.pitch, view.roll]) + turn))
    return View(*(round(float(value), 4) for value in pose))


def path_through(middle: View, rng: np.random.Generator) -> list[View]:
    """Three views along a step to the side, with `middle` in the middle."""
    side = rng.choice([-1.0, 1.0])
    around = []
    for way in (-1.0, 1.0):
        step = np.array([side * way, *(way * rng.uniform(-0.35, 0.35, 2))])
        step *= rng.uniform(*PACE) / np.linalg.norm(step)
        around.append(moved(middle, step, rng.uniform(-1, 1, 3) * TURN))
    return [around[0], middle, around[1]]


def is_free(scout: Scout, path: list[View]) -> bool:
    """Whether a camera can stand at every view, with nothing close to the lens and nothing between the views."""
    for view in path:
        if not scout.standing(view.x, view.y) or scout.look(view)[0].min() < CLEAR:
            return False
    places = [Vector((view.x, view.y, view.z)) for view in path]
    for here, there in pairwise(places):
        way = there - here
        if scout.tree.ray_cast(here, way.normalized(), way.length)[2] is not None:
            return False
    return True


def walk(scene: str, scout: Scout, views: list[View], rng: np.random.Generator) -> tuple[int, list[View]]:
    """The number of the view in the middle and the three views of a scene's sequence.

    Raises:
        RuntimeError: if there is no room for a step to the side anywhere.
    """
    for number in richest_first(scene):
        for _ in range(TRIES):
            path = path_through(views[number], rng)
            if is_free(scout, path):
                return number, path
    raise RuntimeError(f"{scene}: no free path of {PACE[0]:g} m a step at any of its views; use another scene")


def render_sequence(kind: str, name: str, place: int, out: Path, seed: int = 1) -> None:
    """Render the three frames of one scene; the folder appears when everything is in it."""
    scene = render.empty_scene(PLAN, SAMPLES, 1)
    folder = out / f".{name}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    render.write_passes(scene, folder)
    rng = np.random.default_rng([seed, place])  # as the embedded room drew, so it is that room
    room, scout, views = render.furnished(scene, kind, rng, None)
    number, path = walk(name, scout, views, np.random.default_rng([seed, place, 13]))
    materials.plain_bounces()
    records: dict[int, dict] = {}
    for i in (1, 0, 2):  # the middle one sets the exposure
        scene.cycles.seed = 3 * place + i  # noise that stood still would tell a net that the camera did
        locked = records[1]["exposure"] if records else None
        records[i] = render.render_view(PLAN, scene, path[i], folder, i, 0.0, locked)
    record = {"scene": name, "scene_type": kind, "size": [round(s, 6) for s in room.size], "middle": number}
    record["views"] = [records[i] for i in range(3)]
    (folder / "scene.json").write_text(json.dumps(record, indent=1))
    os.replace(folder, out / name)
    print(name, "middle view", number, [view["seconds"] for view in record["views"]], flush=True)


def pack_sequence(folder: Path, out: Path) -> list[tuple[list, list, list]]:
    """Write the pictures of one scene; its rows of index.csv, cameras.csv and poses.csv."""
    record, rows = json.loads((folder / "scene.json").read_text()), []
    for number, view in enumerate(record["views"]):
        name = f"{record['scene']}_{number:02d}"
        image = np.asarray(Image.open(folder / f"{number:02d}.png").convert("RGB"))
        image = Image.fromarray(pack.noisy(image, f"{PLAN.name}/{name}"))
        image.save(out / "image" / f"{name}.jpg", quality=QUALITY, subsampling=2, optimize=True)
        arrays = np.load(folder / f"{number:02d}.npz")
        parts = (arrays["index"], arrays["albedo"] / 255.0, arrays["light"] / 32.0)
        stored = stored_units(arrays["depth"])
        valid = sensor.kinect(f"{PLAN.name}/{name}", arrays["depth"], *parts, PLAN.focal) & (stored > 0)
        Image.fromarray(stored).save(out / "depth" / f"{name}.png", optimize=True)
        Image.fromarray(valid).save(out / "valid" / f"{name}.png", optimize=True)
        files = [f"{part}/{name}.{end}" for part, end in (("image", "jpg"), ("depth", "png"), ("valid", "png"))]
        split = ROOMS.split_of(record["scene"])
        lens = (PLAN.focal, PLAN.focal, PLAN.cx, PLAN.cy)
        pose = np.column_stack([pack.rotation(view), [view[k] for k in "xyz"]])
        rows.append(
            (
                [name, record["scene"], record["scene_type"], split, *files, STEP, *lens],
                [name, *(view[k] for k in pack.POSE), *record["size"]],
                [name, *(f"{value:.7f}" for value in pose.ravel())],
            )
        )
    return rows


def pack_all(work: Path, out: Path, names: list[str]) -> None:
    """Pack the scenes of `work` into `out`, which is replaced as a whole when complete."""
    part = pack.begun(out)
    columns = zip(*(row for name in sorted(names) for row in pack_sequence(work / name, part)), strict=True)
    filled = zip(TABLES.items(), columns, strict=True)
    pack.finish(part, out, {file: (header, rows) for (file, header), rows in filled})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=render.HERE / "scratch" / PLAN.name)
    parser.add_argument("--out", type=Path, default=render.HERE.parent / PLAN.name)
    parser.add_argument("--worker", default="0/1", help="k/n: render every n-th room, starting with the k-th")
    args = parser.parse_args()
    worker, workers = map(int, args.worker.split("/"))
    if not 0 <= worker < workers:
        parser.error(f"--worker is {args.worker}; expected k/n with k from 0 to n - 1")
    scenes = chosen_scenes()
    for kind, name, number in scenes[worker::workers]:
        if not (args.work / name / "scene.json").exists():
            render_sequence(kind, name, number, args.work.resolve())
    missing = [name for _, name, _ in scenes if not (args.work / name / "scene.json").exists()]
    if missing:
        print(f"not packed yet: {len(missing)} rooms are still to render, among them {missing[0]}")
    else:
        pack_all(args.work, args.out, [name for _, name, _ in scenes])


if __name__ == "__main__":
    main()
