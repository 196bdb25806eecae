"""Turn rendered scenes into an RGB-D folder: ``python data/render/pack.py rooms`` (or streets, rooms-more); needs no Blender.

Packs the scenes that are finished, so it can make a smaller data set while the renderer still runs. Every image gets mild
sensor noise, every depth map is rounded to steps, every mask comes from :mod:`sensor`. Depends on the rendered
arrays and the frame ids only. ``--check`` prints the numbers of an already packed folder; ``--readme`` writes them into the
README above it.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import sensor
from PIL import Image
from plan import PLANS, Plan

ROOM_STEP, STREET_STEP = 0.002, 0.03  # metres per stored unit of depth
COARSER = 5.0  # metres beyond which the depth of streets is stored in coarser steps
GREY = 0.39  # mean of a street's picture below which its tones are lifted
ROOM_QUALITY, STREET_QUALITY = 90, 86  # of the JPEG
MOST, DULL = 5, 0.395  # what keeps the data set within its 36 MB
INDEX = ("id", "scene", "scene_type", "split", "image", "depth", "valid", "depth_scale", "fx", "fy", "cx", "cy")
POSE = ("x", "y", "z", "yaw", "pitch", "roll")
ROOM_FACTS, STREET_FACTS = ("room_width", "room_length", "room_height"), ("weather", "sun_elevation", "sun_azimuth")


def noisy(image: np.ndarray, name: str) -> np.ndarray:
    """Add signal-dependent noise of about one grey level to uint8 [H, W, 3], seeded by the frame's id."""
    rng = np.random.default_rng([21, zlib.crc32(name.encode())])
    value = image.astype(np.float32)
    sigma = 0.5 + 0.6 * np.sqrt(value / 255.0)
    return np.clip(np.rint(value + sigma * rng.standard_normal(value.shape, np.float32)), 0, 255).astype(np.uint8)


def lifted(image: np.ndarray) -> np.ndarray:
    """A dark street's tones raised by a gamma of 0.62 or more, as a camera's tone curve does: uint8 [H, W, 3]."""
    mean = float(np.asarray(Image.fromarray(image).convert("L")).mean()) / 255.0
    gamma = float(np.clip(np.log(GREY) / np.log(mean), 0.62, 1.0))
    return np.rint(255.0 * (image / 255.0) ** gamma).astype(np.uint8)


def detail(image: np.ndarray) -> float:
    """The share of 8x8 blocks of a grey image [H, W] with an edge in them: low for a view of bare walls."""
    step = np.abs(np.diff(image, axis=1))[:-1] + np.abs(np.diff(image, axis=0))[:, :-1]
    rows, columns = step.shape[0] // 8, step.shape[1] // 8
    blocks = (step > 10.0)[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8)
    return float(blocks.any(axis=(1, 3)).mean())


def kept_views(folder: Path, count: int) -> list[int]:
    """The views of a scene worth their bytes: at most MOST, none with less detail than DULL, but always three."""
    images = (np.asarray(Image.open(folder / f"{n:02d}.png").convert("L"), np.float32) for n in range(count))
    order = sorted(((detail(image), n) for n, image in enumerate(images)), reverse=True)
    return sorted(n for place, (value, n) in enumerate(order) if place < 3 or (place < MOST and value > DULL))


def rotation(view: dict) -> np.ndarray:
    """World from camera, 3x3 (columns right, down, forward), as data/README.md defines yaw, pitch and roll."""
    yaw, pitch, roll = np.radians([view[k] for k in ("yaw", "pitch", "roll")])
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    level = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    upright = np.cross(level, forward)
    right = np.cos(roll) * level - np.sin(roll) * upright
    return np.stack([right, -np.sin(roll) * level - np.cos(roll) * upright, forward], axis=1)


def mask(plan: Plan, name: str, view: dict, arrays) -> np.ndarray:
    """What the sensor of the set would have measured [H, W]."""
    depth, index, albedo = arrays["depth"], arrays["index"], arrays["albedo"] / 255.0
    if plan.indoors:
        return sensor.kinect(name, depth, index, albedo, arrays["light"] / 32.0, plan.focal)
    return sensor.lidar(name, depth, index, albedo, plan.focal, plan.cx, plan.cy, rotation(view))


def step(plan: Plan) -> float:
    """Metres per stored unit of depth."""
    return ROOM_STEP if plan.indoors else STREET_STEP


def stored_units(plan: Plan, depth: np.ndarray) -> np.ndarray:
    """Depth as uint16 units of `step` [H, W]; 0 means "nothing hit" and no more.

    Streets: beyond COARSER metres rounded to multiples of 2, 4, 8 ... units, doubling with distance, which halves the
    bytes that leaves far away take; never more than 0.6 % off, or 1.5 cm.
    """
    units = np.rint(depth / step(plan))
    if not plan.indoors:
        multiple = 2.0 ** np.maximum(0.0, np.ceil(np.log2(np.maximum(depth, 0.1) / COARSER)))
        units = np.rint(depth / step(plan) / multiple) * multiple
    # Where something was hit the stored value is at least 1.
    return np.where(depth > 0, np.clip(units, 1, 65535), 0).astype(np.uint16)


def pack_frame(plan: Plan, folder: Path, number: int, name: str, view: dict, out: Path) -> None:
    """Write image, depth and mask of one view."""
    image = np.asarray(Image.open(folder / f"{number:02d}.png").convert("RGB"))
    image = noisy(image if plan.indoors else lifted(image), name)
    arrays = np.load(folder / f"{number:02d}.npz")
    depth = arrays["depth"]
    stored = stored_units(plan, depth)
    valid = mask(plan, name, view, arrays) & (stored > 0)
    quality = ROOM_QUALITY if plan.indoors else STREET_QUALITY
    Image.fromarray(image).save(out / "image" / f"{name}.jpg", quality=quality, subsampling=2, optimize=True)
    Image.fromarray(stored).save(out / "depth" / f"{name}.png", optimize=True)
    Image.fromarray(valid).save(out / "valid" / f"{name}.png", optimize=True)


def facts(plan: Plan, record: dict) -> list:
    """The columns of a scene after its pose in cameras.csv."""
    return record["size"] if plan.indoors else [record[k] for k in ("weather", "elevation", "azimuth")]


def begun(out: Path) -> Path:
    """An empty folder beside `out`, with places for the pictures; `finish` makes it `out`."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")  # two processes may end together
    shutil.rmtree(part, ignore_errors=True)
    for name in ("image", "depth", "valid"):
        (part / name).mkdir(parents=True)
    return part


def finish(part: Path, out: Path, tables: Mapping[str, tuple[Sequence[str], Iterable[Sequence]]]) -> None:
    """Write the tables (file name -> header and rows) of a folder whose pictures are there, and move it to its place."""
    for file, (header, rows) in tables.items():
        with open(part / file, "w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    put(part, out)


def put(part: Path, out: Path) -> None:
    """Move a complete folder to its place; one that is there goes when the new one stands."""
    if out.exists():
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(out, old)
        os.replace(part, out)
        shutil.rmtree(old)
    else:
        os.replace(part, out)


def pack(plan: Plan, work: Path, out: Path) -> None:
    """Pack all finished scenes of ``work`` into ``out`` (replaced as a whole when complete)."""
    part = begun(out)
    index, cameras = [], []
    for path in sorted(work.glob("*/scene.json")):
        if path.parent.name.startswith("."):
            continue
        record = json.loads(path.read_text())
        scene, kind = record["scene"], record["scene_type"]
        count = len(record["views"])
        for number in kept_views(path.parent, count) if plan.indoors else range(count):
            view, name = record["views"][number], f"{scene}_{number:02d}"
            pack_frame(plan, path.parent, number, name, view, part)
            files = [f"image/{name}.jpg", f"depth/{name}.png", f"valid/{name}.png"]
            lens = (plan.focal, plan.focal, plan.cx, plan.cy)
            index.append((name, scene, kind, plan.split_of(scene), *files, step(plan), *lens))
            cameras.append((name, *(view[k] for k in POSE), *facts(plan, record)))
    header = ("id", *POSE, *(ROOM_FACTS if plan.indoors else STREET_FACTS))
    finish(part, out, {"index.csv": (INDEX, index), "cameras.csv": (header, cameras)})


def numbers(plan: Plan, root: Path) -> list[str]:
    """Markdown lines with the facts of a packed folder, all read from its files."""
    with open(root / "index.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    splits, kinds = ("train", "val", "test"), sorted({r["scene_type"] for r in rows})
    frames = Counter((r["scene_type"], r["split"]) for r in rows)
    scenes = Counter((kind, split) for _, kind, split in {(r["scene"], r["scene_type"], r["split"]) for r in rows})
    lines = ["| scene type | scenes | train | val | test | frames |", "|---|--:|--:|--:|--:|--:|"]
    for kind in kinds:
        counts = [frames[kind, s] for s in splits]
        parts = [f"{n} ({scenes[kind, s]})" for n, s in zip(counts, splits, strict=True)]
        lines.append(f"| {kind} | {sum(scenes[kind, s] for s in splits)} | {' | '.join(parts)} | {sum(counts)} |")
    total = [sum(frames[k, s] for k in kinds) for s in splits]
    parts = [f"{n} ({sum(scenes[k, s] for k in kinds)})" for n, s in zip(total, splits, strict=True)]
    lines.append(f"| **all** | {len({r['scene'] for r in rows})} | {' | '.join(parts)} | {len(rows)} |")
    depths, fractions, missed = [], [], 0
    for row in rows:
        depth = np.asarray(Image.open(root / row["depth"])).astype(np.float32) * float(row["depth_scale"])
        valid = np.asarray(Image.open(root / row["valid"]))
        depths.append(depth[depth > 0][::7])
        missed += int((depth == 0).sum())
        fractions.append(float(valid.mean()))
    depth, fraction = np.concatenate(depths), np.array(fractions)
    quantiles = np.percentile(depth, [1, 5, 25, 50, 75, 95, 99])
    sizes = {n: sum(f.stat().st_size for f in (root / n).iterdir()) / 1e6 for n in ("image", "depth", "valid")}
    low, middle, high = np.percentile(fraction, [5, 50, 95])
    near, far = (0.7, 10) if plan.indoors else (5, 80)
    pixels = len(rows) * plan.width * plan.height
    lines += [
        "",
        "Frames per split, scenes in brackets.",
        "",
        "- depth, percentiles 1, 5, 25, 50, 75, 95, 99: " + ", ".join(f"{q:.2f}" for q in quantiles) + " m",
        f"- nearer than {near} m: {100 * (depth < near).mean():.2f} %, farther than {far} m:"
        f" {100 * (depth > far).mean():.2f} %, nothing hit: {100 * missed / pixels:.3f} % of pixels",
        f"- valid: {100 * fraction.mean():.1f} % of all pixels; per frame 5 % / median / 95 %:"
        f" {100 * low:.0f} / {100 * middle:.0f} / {100 * high:.0f} %",
        f"- size: {sum(sizes.values()):.1f} MB (" + ", ".join(f"{n} {s:.1f}" for n, s in sizes.items()) + ")",
    ]
    return lines


def main() -> None:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=list(PLANS))
    parser.add_argument("--work", type=Path, help="default: data/render/scratch/<set>")
    parser.add_argument("--out", type=Path, help="default: data/<set>")
    parser.add_argument("--check", action="store_true", help="only print the numbers of --out")
    parser.add_argument("--readme", action="store_true", help="also write the numbers into data/README.md")
    args = parser.parse_args()
    plan, out = PLANS[args.set], args.out or here.parent / args.set
    if not args.check:
        pack(plan, args.work or here / "scratch" / args.set, out)
    lines = numbers(plan, out)
    print("\n".join(lines))
    if args.readme:
        readme = here.parent / "README.md"
        text = readme.read_text()
        start, end = f"<!-- numbers of {args.set}: written by render/pack.py -->", "<!-- end of numbers -->"
        before, rest = text.split(start)
        after = rest.split(end, 1)[1]
        readme.write_text(f"{before}{start}\n" + "\n".join(lines) + f"\n{end}{after}")


if __name__ == "__main__":
    main()
