"""Dense reconstructions of COLMAP, whose sparse model was exported as text.

    dense/images/IMG_0001.jpg                                    undistorted
    dense/sparse/cameras.txt, images.txt                         text; .bin is turned into it by colmap model_converter
    dense/stereo/depth_maps/IMG_0001.jpg.geometric.bin           width&height&channels& and float32, 0 unknown

Depth is z in the unit of the reconstruction, which is arbitrary unless something of known size or the camera's path fixed it.
COLMAP counts pixels from the corner of the picture, so that the first pixel's centre is at 0.5.

Source: https://colmap.github.io/format.html, https://colmap.github.io/cameras.html
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from depthnb.data.importing.frames import Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, read_lines
from depthnb.data.words import plural

_END = ".geometric.bin"
_ONE_FOCAL = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
_TWO_FOCAL = ("PINHOLE", "OPENCV", "FULL_OPENCV")
_LARGEST = 1 << 28  # values; a damaged header could ask for any amount of memory


def fits(tree: Tree) -> bool:
    """Whether there is a dense workspace."""
    return any(_workspaces(tree))


def _workspaces(tree: Tree) -> list[Path]:
    return sorted(
        folder for folder in tree.holding("images", "stereo") if "depth_maps" in tree.folders[folder / "stereo"]
    )


def find(tree: Tree, settings: Settings) -> Found:
    """Pictures of all workspaces that have a geometric depth map; a workspace is a scene.

    Raises:
        FileNotFoundError: if a workspace has no model as text.
        ValueError: if none of the pictures has a geometric depth map, or the model cannot be read.
    """
    frames, alone, bent = [], 0, set()
    for workspace in _workspaces(tree):
        cameras, images = _model(workspace)
        real = workspace.resolve()
        scene = real.parent.name if real.name == "dense" or real.name.isdecimal() else real.name
        for name, camera_id in sorted(images.items()):
            depth = workspace / "stereo" / "depth_maps" / (name + _END)
            if depth.name not in tree.files.get(depth.parent, ()):
                alone += 1
                continue
            camera, size, model = cameras.get(camera_id, (None, None, "an unknown one"))
            bent |= set() if model in ("SIMPLE_PINHOLE", "PINHOLE") else {model}
            read = partial(read_depth, depth, settings.scale or 1.0)
            frame = f"{scene}_{Path(name).with_suffix('').as_posix()}"
            camera, size = (settings.camera, None) if settings.camera else (camera, size)
            frames.append(Frame(frame, scene, workspace / "images" / name, read, None, camera, size))
    if not frames:
        raise ValueError(
            f"{tree.root}: none of {plural(alone, 'picture')} has stereo/depth_maps/NAME{_END}; run "
            "colmap patch_match_stereo with --PatchMatchStereo.geom_consistency true"
        )
    return Found(frames, tuple(_notes(alone, bent, settings)))


def _notes(alone: int, bent: set[str], settings: Settings) -> list[str]:
    notes = [
        f"Depth is metres on your word: the reconstruction's unit times {settings.scale:g}."
        if settings.scale
        else "THE SCALE IS NOT METRIC: depth is in the reconstruction's own unit, and only its proportions mean something. "
        "Measure one distance in it and give --depth-scale, metres for each unit."
    ]
    if alone:
        notes.append(f"{plural(alone, 'picture')} without a geometric depth map left out.")
    if bent:
        notes.append(f"Cameras of the model {', '.join(sorted(bent))} were read as pinholes; distortion is not stored.")
    return notes


def read_depth(path: Path, scale: float) -> tuple[np.ndarray, float]:
    """Depth float32 [H,W] times `scale`, and 1, the metres of its unit.

    Raises:
        ValueError: if the file is not whole.
    """
    content = path.read_bytes()
    *sides, rest = content.split(b"&", 3)
    try:
        width, height, channels = (int(side) for side in sides)
    except ValueError:
        width = height = channels = 0
    if channels != 1 or not 0 < width * height < _LARGEST or len(rest) != 4 * width * height:
        raise ValueError(
            f"{path}: {len(content)} bytes beginning with {content[:24]!r}; expected width&height&1& and as many float32; the "
            "file is cut short or of another kind"
        )
    return (np.frombuffer(rest, "<f4").reshape(height, width) * scale).astype(np.float32), 1.0


def _model(workspace: Path) -> tuple[dict[str, tuple[Camera | None, tuple[int, int], str]], dict[str, str]]:
    """Camera, (height, width) and model by number; and the number of the camera of each picture."""
    folder = workspace / "sparse"
    folder = next((place for place in (folder, folder / "0", workspace) if (place / "cameras.txt").is_file()), folder)
    for name in ("cameras.txt", "images.txt"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"{folder / name}: missing; export the model as text: colmap model_converter --input_path {folder} "
                f"--output_path {folder} --output_type TXT"
            )
    cameras = {}
    for line in read_lines(folder / "cameras.txt"):
        number, model, *values = line.split()
        try:
            width, height, *parameters = (float(value) for value in values)
        except ValueError:
            raise ValueError(
                f"{folder / 'cameras.txt'}: line {line!r}; expected ID MODEL WIDTH HEIGHT PARAMETERS"
            ) from None
        cameras[number] = _pinhole(model, parameters), (int(height), int(width)), model
    return cameras, _cameras_of_images(folder / "images.txt")


def _cameras_of_images(path: Path) -> dict[str, str]:
    """Name of a picture -> number of its camera. A picture has two lines, the second of which may be empty."""
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if not line.startswith("#")]
    images = {}
    for line in lines[::2]:
        cells = line.split(maxsplit=9)
        if len(cells) != 10:
            if line.strip():
                raise ValueError(
                    f"{path}: line {line[:80]!r}; expected ID QW QX QY QZ TX TY TZ CAMERA NAME, every other line"
                )
            continue
        images[cells[9].strip()] = cells[8]
    return images


def _pinhole(model: str, parameters: list[float]) -> Camera | None:
    """fx, fy, cx, cy with pixel centres at integers; None for a camera that is no pinhole, such as a fisheye."""
    if model in _ONE_FOCAL and len(parameters) >= 3:
        parameters = [parameters[0], *parameters]
    elif model not in _TWO_FOCAL or len(parameters) < 4:
        return None
    fx, fy, cx, cy = parameters[:4]
    return fx, fy, cx - 0.5, cy - 0.5
