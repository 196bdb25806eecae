"""Turn rendered scenes into an RGB-D folder: ``python data/render/pack.py --out data/rooms`` (numpy and Pillow, no Blender).

Packs the scenes that are finished, so it can make a smaller data set while the renderer still runs. Every image gets mild
sensor noise, every depth map is stored in fixed steps, every mask comes from :func:`sensor.mask`. Depends on the rendered
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
from pathlib import Path

import numpy as np
import sensor
from PIL import Image
from plan import CX, CY, FOCAL, split_of

STEP = 0.002  # metres per stored unit of depth
QUALITY = 90
MOST, DULL = 5, 0.395  # what keeps the data set within its 36 MB
INDEX = ("id", "scene", "scene_type", "split", "image", "depth", "valid", "depth_scale", "fx", "fy", "cx", "cy")
CAMERA = ("id", "x", "y", "z", "yaw", "pitch", "roll", "room_width", "room_length", "room_height")


def noisy(image: np.ndarray, name: str) -> np.ndarray:
    """Add signal-dependent noise of about one grey level to uint8 [H, W, 3], seeded by the frame's id."""
    rng = np.random.default_rng([21, zlib.crc32(name.encode())])
    value = image.astype(np.float32)
    sigma = 0.5 + 0.6 * np.sqrt(value / 255.0)
    return np.clip(np.rint(value + sigma * rng.standard_normal(value.shape, np.float32)), 0, 255).astype(np.uint8)


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


def pack_frame(folder: Path, number: int, name: str, out: Path) -> float:
    """Write image, depth and mask of one view; returns the valid fraction."""
    image = noisy(np.asarray(Image.open(folder / f"{number:02d}.png").convert("RGB")), name)
    arrays = np.load(folder / f"{number:02d}.npz")
    depth = arrays["depth"]
    # Where something was hit the stored value is at least 1, so that 0 means "nothing hit" and no more.
    stored = np.where(depth > 0, np.clip(np.rint(depth / STEP), 1, 65535), 0).astype(np.uint16)
    valid = sensor.mask(name, depth, arrays["index"], arrays["albedo"] / 255.0, arrays["light"] / 32.0, FOCAL) & (
        stored > 0
    )
    Image.fromarray(image).save(out / "image" / f"{name}.jpg", quality=QUALITY, subsampling=2, optimize=True)
    Image.fromarray(stored).save(out / "depth" / f"{name}.png", optimize=True)
    Image.fromarray(valid).save(out / "valid" / f"{name}.png", optimize=True)
    return float(valid.mean())


def pack(work: Path, out: Path) -> None:
    """Pack all finished scenes of ``work`` into ``out`` (replaced as a whole when complete)."""
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for name in ("image", "depth", "valid"):
        (part / name).mkdir(parents=True)
    index, cameras = [], []
    for path in sorted(work.glob("*/scene.json")):
        if path.parent.name.startswith("."):
            continue
        record = json.loads(path.read_text())
        scene, kind = record["scene"], record["scene_type"]
        for number in kept_views(path.parent, len(record["views"])):
            view, name = record["views"][number], f"{scene}_{number:02d}"
            pack_frame(path.parent, number, name, part)
            files = [f"image/{name}.jpg", f"depth/{name}.png", f"valid/{name}.png"]
            index.append((name, scene, kind, split_of(scene), *files, STEP, FOCAL, FOCAL, CX, CY))
            cameras.append((name, *(view[k] for k in CAMERA[1:7]), *record["size"]))
    for file, header, rows in (("index.csv", INDEX, index), ("cameras.csv", CAMERA, cameras)):
        with open(part / file, "w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    if out.exists():
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(out, old)
        os.replace(part, out)
        shutil.rmtree(old)
    else:
        os.replace(part, out)


def numbers(root: Path) -> list[str]:
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
    lines += [
        "",
        "Frames per split, scenes in brackets.",
        "",
        "- depth, percentiles 1, 5, 25, 50, 75, 95, 99: " + ", ".join(f"{q:.2f}" for q in quantiles) + " m",
        f"- nearer than 0.7 m: {100 * (depth < 0.7).mean():.2f} %, farther than 10 m: {100 * (depth > 10).mean():.2f} %,"
        f" nothing hit: {100 * missed / (len(rows) * depth_pixels()):.3f} % of pixels",
        f"- valid: {100 * fraction.mean():.1f} % of all pixels; per frame 5 % / median / 95 %:"
        f" {100 * low:.0f} / {100 * middle:.0f} / {100 * high:.0f} %",
        f"- size: {sum(sizes.values()):.1f} MB (" + ", ".join(f"{n} {s:.1f}" for n, s in sizes.items()) + ")",
    ]
    return lines


def depth_pixels() -> int:
    """Pixels in a frame."""
    return round((2 * CX + 1) * (2 * CY + 1))


def main() -> None:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=here / "scratch" / "rooms")
    parser.add_argument("--out", type=Path, default=here.parent / "rooms")
    parser.add_argument("--check", action="store_true", help="only print the numbers of --out")
    parser.add_argument("--readme", action="store_true", help="also write the numbers into data/README.md")
    args = parser.parse_args()
    if not args.check:
        pack(args.work, args.out)
    lines = numbers(args.out)
    print("\n".join(lines))
    if args.readme:
        readme = here.parent / "README.md"
        text = readme.read_text()
        start, end = "<!-- numbers of rooms: written by render/pack.py -->", "<!-- end of numbers -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        readme.write_text(f"{before}{start}\n" + "\n".join(lines) + f"\n{end}{after}")


if __name__ == "__main__":
    main()
