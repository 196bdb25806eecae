"""Files of a depth map: for programs, for 3-D viewers and for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from depthnb import files, plotting, pointcloud
from depthnb.photos.pages import page
from depthnb.photos.prediction import LARGEST_MM, Depth
from depthnb.runs.trained import METRIC

_MOST_POINTS = 1_000_000


def write(depth: Depth, folder: str | Path, *, formats: Sequence[str] | None = None) -> dict[str, Path]:
    """Write a depth map in several formats, each file whole or not at all.

    Args:
        depth: as `photos.predict` gives it.
        folder: is made; the files are called after the photograph.
        formats: of `FORMATS`; None for those that the depth and the installed packages allow.

    Returns:
        Format -> path. Of a net that knows no metres there is only `npy` (inverse depth), `picture` and `html`.

    Raises:
        ValueError: for an unknown format, or one that needs metres that are not known.
        ImportError: for `glb` where trimesh is not installed.
        OSError: if a file cannot be written.
    """
    chosen = list(FORMATS) if formats is None else list(formats)
    check(chosen if formats else [])
    if depth.metres is None:
        metric = [name for name in chosen if name in _METRIC]
        if formats is not None and metric:
            raise ValueError(
                f"{', '.join(metric)} needs metres, which {depth.net.name} does not know; give known distances"
            )
        chosen = [name for name in chosen if name not in _METRIC]
    if formats is None and "glb" in chosen and not _trimesh(required=False):
        chosen.remove("glb")
    with ThreadPoolExecutor(2) as pool:  # pictures are compressed while points are computed
        paths = list(pool.map(lambda name: FORMATS[name](depth, Path(folder)), chosen))
    return dict(zip(chosen, paths, strict=True))


def check(formats: Sequence[str]) -> None:
    """Raise for formats that cannot be written here, before anything is computed: ValueError, or ImportError for `glb`."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ValueError(f"unknown format {', '.join(unknown)}; known: {', '.join(FORMATS)}")
    if "glb" in formats:
        _trimesh()


def _png(depth: Depth, folder: Path) -> Path:
    """16 bits of millimetres. What is farther than 65.535 m is stored as 0, "not known", as sensors do."""
    millimetres = np.round(depth.metres[0].numpy().astype(np.float64) * 1000)
    stored = np.where(millimetres > LARGEST_MM, 0, np.maximum(millimetres, 1)).astype(np.uint16)
    picture, text = Image.fromarray(stored), PngInfo()
    text.add_text("Description", _told(depth))
    return files.write(
        folder / f"{depth.photo.name}_depth.png", lambda part: picture.save(part, format="PNG", pnginfo=text)
    )


def _told(depth: Depth) -> str:
    """What a reader has to know, for the places that formats have for words."""
    return "\n".join(depth.said).encode("utf-8", "replace").decode()  # names of files may hold bytes that are no text


def _npy(depth: Depth, folder: Path) -> Path:
    values, word = (depth.metres, "depth") if depth.metres is not None else (depth.inverse, "inverse")

    def writer(part: Path) -> None:
        with open(part, "wb") as stream:
            np.save(stream, values[0].numpy().astype(np.float32))

    return files.write(folder / f"{depth.photo.name}_{word}.npy", writer)


def _picture(depth: Depth, folder: Path) -> Path:
    path = folder / f"{depth.photo.name}_depth_colours.png"
    content = _coloured(depth)
    return files.write(path, lambda part: part.write_bytes(content))


def _coloured(depth: Depth) -> bytes:
    """The depth in colours with its bar, as a PNG."""
    figure = plotting.depth_map(
        depth.metres if depth.metres is not None else depth.inverse,
        label=plotting.DEPTH_LABEL if depth.metres is not None else plotting.INVERSE_LABEL,
        near_is_large=depth.metres is None,
    )
    figure.alt = _told(depth)
    return plotting.encode(figure, "png")


def _ply(depth: Depth, folder: Path) -> Path:
    return pointcloud.write_ply(folder / f"{depth.photo.name}.ply", *_points(depth), comment=_told(depth))


def _points(depth: Depth) -> tuple[np.ndarray, np.ndarray]:
    valid = depth.metres > 0
    numbers = valid.flatten().nonzero()[:, 0]
    fewer = torch.zeros_like(valid).flatten()
    fewer[numbers[:: max(1, -(-len(numbers) // _MOST_POINTS))]] = True
    return pointcloud.points(depth.metres, fewer.reshape(valid.shape), depth.photo.intrinsics, depth.photo.image)


def _trimesh(*, required: bool = True):
    try:
        import trimesh
    except ImportError as error:
        if required:
            raise ImportError("glb takes the package trimesh: pip install 'depthnb[mesh]'") from error
        return None
    return trimesh


def _glb(depth: Depth, folder: Path) -> Path:
    """A surface in metres, y up and the camera looking along -z as glTF has it; torn where the depth jumps."""
    trimesh = _trimesh()
    step = max(1, -(-max(depth.photo.size) // 400))  # the net sees no more
    metres = depth.metres[:, ::step, ::step]
    every = torch.ones_like(metres, dtype=torch.bool)
    camera = depth.photo.intrinsics.clone()
    camera[:2] /= step  # of every step-th pixel, whose centres stay at integers
    picture = depth.photo.image[:, ::step, ::step]
    vertices, colours = pointcloud.points(metres, every, camera, picture)
    rows, columns = metres.shape[1:]
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    a, b, c, d = (corner.ravel() for corner in corners)
    depths = np.stack([vertices[corner, 2] for corner in (a, b, c, d)])
    whole = depths.max(0) < 1.1 * depths.min(0)  # an edge of an object is no surface
    faces = np.concatenate([np.stack([a, b, c], 1)[whole], np.stack([a, c, d], 1)[whole]])
    colours = (colours * 255).round().astype(np.uint8)
    mesh = trimesh.Trimesh(vertices * (1, -1, -1), faces, vertex_colors=colours, process=False)

    def said(tree: dict) -> None:
        tree["asset"]["extras"] = {"said": _told(depth).splitlines()}

    content = mesh.export(file_type="glb", tree_postprocessor=said)
    return files.write_bytes(folder / f"{depth.photo.name}.glb", content)


def _html(depth: Depth, folder: Path) -> Path:
    """One page without network: photograph and depth over each other, with a slider between them."""
    return files.write_text(folder / f"{depth.photo.name}.html", page(depth))


def _json(depth: Depth, folder: Path) -> Path:
    """What the numbers are: net, camera, notes, range; for programs that read the other files."""
    content = describe(depth)
    return files.write_text(folder / f"{depth.photo.name}.json", json.dumps(content, indent=1) + "\n")


def describe(depth: Depth) -> dict:
    """The facts of one answer as data: photograph, size, focal length, net, kind, range of the depth, notes."""
    height, width = depth.photo.size
    facts = {"photo": depth.photo.name, "width": width, "height": height, "net": depth.net.name}
    facts["kind"] = depth.net.kind if depth.metres is None else METRIC
    facts |= {"focal_pixels": round(depth.photo.focal, 2), "camera": depth.photo.camera, "said": depth.said}
    if depth.metres is not None:
        values = np.percentile(depth.metres.numpy(), (0, 50, 100))
        facts["metres"] = dict(zip(("least", "median", "most"), (round(float(v), 3) for v in values), strict=True))
    return facts


FORMATS: Mapping[str, Callable[[Depth, Path], Path]] = {
    "png": _png,
    "npy": _npy,
    "picture": _picture,
    "ply": _ply,
    "glb": _glb,
    "html": _html,
    "json": _json,
}
_METRIC = ("png", "ply", "glb")
