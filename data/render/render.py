"""Render the embedded data: ``python data/render/render.py rooms``, ``... streets`` or ``... rooms-more``.

One folder per scene, written under a temporary name and renamed when complete: a killed render carries on where it was.
Every scene depends on (seed, scene number) only. ``--worker 0/2`` and ``--worker 1/2`` share the scenes between two
processes, which on two cores is faster than two threads. ``pack.py`` turns the folders into the committed data set.

The depth pass. A frontal wall 3 m away gave 3.0000 in every pixel (ray length would be 3.62 in the corner), and a wall
turned by 60 degrees agreed with the analytic z of the pixel *centres* to 1e-5 m with the default filter and 16 samples:
in bpy 4.5 Cycles' depth is z, not ray length, and is taken from the first sample only, which passes through the pixel's
centre. So no second pass is needed; tests/embedded/test_rooms.py checks planes in the committed pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))  # the modules beside this file, wherever it is started from

import bpy  # noqa: E402
import materials  # noqa: E402
import numpy as np  # noqa: E402
from camera import Scout, View  # noqa: E402
from plan import PLANS, Plan  # noqa: E402

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
PASSES = {"color": "Image", "depth": "Depth", "index": "IndexMA", "albedo": "DiffCol"}


def empty_scene(plan: Plan, samples: int, threads: int):
    """A fresh Blender scene with Cycles, the passes and a camera set up."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = (
        plan.width,
        plan.height,
        100,
    )
    scene.render.use_persistent_data = True
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.use_denoising, cycles.denoiser, cycles.denoising_prefilter = True, "OPENIMAGEDENOISE", "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = 4, 3, 2, 1
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect, cycles.blur_glossy = 3.0, 1.0
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    scene.world = world
    view_layer = scene.view_layers[0]
    view_layer.use_pass_z = view_layer.use_pass_material_index = view_layer.use_pass_diffuse_color = True
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.render.image_settings.file_format, scene.render.image_settings.color_mode = "PNG", "RGB"
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width, camera.lens = "HORIZONTAL", 36.0, 36.0 * plan.focal / plan.width
    camera.clip_start, camera.clip_end = plan.clip
    scene.camera = bpy.data.objects.new("camera", camera)
    scene.collection.objects.link(scene.camera)
    return scene


def sky_beyond(scene, day: float) -> None:
    """Let the camera see a pale sky past the edge of a window's backdrop; it lights nothing and has no depth."""
    tree = scene.world.node_tree
    background = tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.72, 0.78, 0.8, 1.0)
    strength = tree.nodes.new("ShaderNodeMath")
    strength.operation = "MULTIPLY"
    strength.inputs[1].default_value = 2.2 * day
    tree.links.new(tree.nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"], strength.inputs[0])
    tree.links.new(strength.outputs[0], background.inputs["Strength"])


def write_passes(scene, folder: Path) -> None:
    """Let the compositor write each pass as 32-bit EXR into ``folder``."""
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = tree.nodes.new("CompositorNodeRLayers")
    files = tree.nodes.new("CompositorNodeOutputFile")
    files.base_path = str(folder)
    files.format.file_format, files.format.color_depth, files.format.color_mode = "OPEN_EXR", "32", "RGB"
    files.format.exr_codec = "NONE"
    files.file_slots.clear()
    for name, output in PASSES.items():
        files.file_slots.new(name)
        tree.links.new(layers.outputs[output], files.inputs[name])
    tree.links.new(layers.outputs["Image"], tree.nodes.new("CompositorNodeComposite").inputs["Image"])


def read_pass(plan: Plan, folder: Path, name: str) -> np.ndarray:
    """A written pass as float32 [H, W, 3], top row first."""
    image = bpy.data.images.load(str(folder / f"{name}0001.exr"))
    image.colorspace_settings.name = "Non-Color"
    pixels = np.empty(plan.width * plan.height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(plan.height, plan.width, -1)[::-1, :, :3]


def exposure(color: np.ndarray, counts: np.ndarray, lift: float, grey: float = 0.24, white: float = 2.0) -> float:
    """Stops that bring the mean log luminance of the pixels that count near ``grey``, their bright ones below ``white``."""
    luminance = color @ LUMINANCE
    lit = luminance[counts]
    if lit.size < 1000:
        lit = luminance.ravel()
    mean = float(np.exp(np.log(np.maximum(lit, 1e-4)).mean()))
    stops = np.log2(grey / max(mean, 1e-4))
    bright = np.log2(white / max(float(np.percentile(lit, 93)), 1e-4))  # keep the bright parts below clipping
    return float(np.clip(min(stops, bright) + lift, -5.0, 7.0))


def render_view(
    plan: Plan, scene, view: View, folder: Path, number: int, lift: float, locked: float | None = None
) -> dict:
    """Render one view into ``folder``: a tone-mapped PNG and the arrays; returns its record.

    ``locked`` is the exposure in stops of a camera that does not choose it anew for this frame.
    """
    scene.camera.matrix_world = view.matrix()
    started = time.time()
    bpy.ops.render.render()
    color, depth, index, albedo = (read_pass(plan, folder, name) for name in PASSES)
    index = np.rint(index[..., 0]).astype(np.uint8)
    depth = depth[..., 0].copy()
    depth[depth > plan.clip[1]] = 0.0  # Cycles marks a miss with 1e10
    if locked is not None:
        stops = locked
    elif plan.indoors:
        stops = exposure(color, ~np.isin(index, (3, 5)), lift)  # lamps and windows do not set the exposure
    else:
        stops = exposure(color, depth > 0, lift, 0.13, 0.8)  # nor does the sky, and outdoors shadows stay dark
    scene.view_settings.exposure = stops
    bpy.data.images["Render Result"].save_render(str(folder / f"{number:02d}.png"), scene=scene)
    scene.view_settings.exposure = 0.0
    light = (color @ LUMINANCE) * 2.0**stops
    np.savez_compressed(
        folder / f"{number:02d}.npz",
        depth=depth,
        index=index,
        albedo=np.clip(255 * (albedo @ LUMINANCE), 0, 255).astype(np.uint8),
        light=np.clip(32 * light, 0, 255).astype(np.uint8),
    )
    for name in PASSES:
        (folder / f"{name}0001.exr").unlink()
    return {
        **{k: round(float(v), 5) for k, v in vars(view).items()},
        "exposure": round(stops, 3),
        "seconds": round(time.time() - started, 2),
    }


def furnished(scene, kind: str, rng: np.random.Generator, views: int | None):
    """A furnished room, the scout in it, and the views that it chose."""
    import rooms

    room = rooms.build(kind, rng)
    area = room.size[0] * room.size[1]
    count = views or int(np.clip(rng.integers(3, 6) + (area > 14) - (area < 4.5 and kind != "corridor"), 3, 6))
    scout = Scout(room)
    chosen = scout.choose(count)
    sky_beyond(scene, room.day)
    # The numbers that go into the files are the rounded ones, so that the camera table is exact.
    return room, scout, [View(*(round(v, 4) for v in vars(view).values())) for view in chosen]


def build_room(scene, kind: str, rng: np.random.Generator, views: int | None):
    """Furnish a room and choose the views: (views, what moves before each, facts for the record)."""
    room, _, chosen = furnished(scene, kind, rng, views)
    facts = {"size": [round(s, 6) for s in room.size], "day": round(room.day, 3)}
    facts["objects"] = sorted(item.name for item in room.items if item.obj is not None)
    return chosen, None, facts


def build_street(scene, kind: str, rng: np.random.Generator, views: int | None, split: str):
    """Lay out a street and drive through it: (views, what moves before each, facts for the record)."""
    import sky
    import streets

    light = sky.daylight(scene, rng)
    street = streets.build(kind, rng)
    chosen = street.views(views or (4 if split == "val" else 5))
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 3, 2
    sky.haze(scene, light["haze"], float(rng.uniform(1200, 5000)))
    facts = {k: round(light[k], 1) for k in ("elevation", "azimuth")} | {"weather": light["weather"]}
    return chosen, street.advance, facts


def render_scene(plan: Plan, number: int, out: Path, seed: int, samples: int, threads: int, views: int | None) -> dict:
    """Build and render one scene; its folder appears when everything is in it."""
    started = time.time()
    kind, name = plan.scene_list(number + 1)[number]
    scene = empty_scene(plan, samples, threads)
    scene.cycles.seed = number
    folder = out / f".{name}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_passes(scene, folder)
    if not plan.indoors:
        rng = np.random.default_rng([seed, 7, plan.first + number])
        chosen, advance, facts = build_street(scene, kind, rng, views, plan.split_of(name))
    else:
        rng = np.random.default_rng([seed, plan.first + number])
        chosen, advance, facts = build_room(scene, kind, rng, views)
    materials.plain_bounces()
    built = time.time() - started
    records = []
    for i, view in enumerate(chosen):
        if advance:
            advance(i)
        records.append(render_view(plan, scene, view, folder, i, float(rng.normal(0.0, 0.22))))
    record = {
        "scene": name,
        "scene_type": kind,
        "number": number,
        **facts,
        "build_seconds": round(built, 2),
        "faces": sum(len(o.data.polygons) for o in scene.objects if o.type == "MESH"),
        "views": records,
    }
    (folder / "scene.json").write_text(json.dumps(record, indent=1))
    os.replace(folder, out / name)
    return record


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=list(PLANS))
    parser.add_argument(
        "--scenes",
        help="first-last, or a comma-separated list (default: as many as the set has)",
    )
    parser.add_argument("--out", type=Path, help="default: data/render/scratch/<set>")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--worker", default="0/1", help="k/n: render every n-th scene, starting with the k-th")
    parser.add_argument("--views", type=int, help="views per scene (default: rooms 3 to 6 by size, streets 4 or 5)")
    args = parser.parse_args()
    plan = PLANS[args.set]
    if args.scenes is None:
        numbers = list(range(len(plan.scene_list())))
    elif "-" in args.scenes:
        first, last = map(int, args.scenes.split("-"))
        numbers = list(range(first, last + 1))
    else:
        numbers = [int(n) for n in args.scenes.split(",")]
    scenes = plan.scene_list(max(numbers) + 1)
    worker, workers = map(int, args.worker.split("/"))
    out = (args.out or HERE / "scratch" / plan.name).resolve()
    out.mkdir(parents=True, exist_ok=True)
    for number in numbers[worker::workers]:
        name = scenes[number][1]
        if (out / name / "scene.json").exists():
            continue
        record = render_scene(plan, number, out, args.seed, args.samples, args.threads, args.views)
        seconds = [view["seconds"] for view in record["views"]]
        mean = sum(seconds) / max(len(seconds), 1)
        line = (
            f"{number:4d} {name:18s} {len(seconds)} views, build {record['build_seconds']:.1f} s, {mean:.2f} s a view"
        )
        print(line, flush=True)


if __name__ == "__main__":
    main()
