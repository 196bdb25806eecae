"""Depth and intrinsics to points: as arrays, as a PLY file, as an interactive view and as a static picture."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.axes import Axes
from PIL import Image
from torch import Tensor

from depthnb import files, plotting

USUAL_VIEW = 65.0  # degrees across, of a camera that nobody knows: a telephone's main camera
_COLOURS = 128  # of the interactive view: one byte a point instead of a text


def points(
    depth: Tensor, valid: Tensor, intrinsics: Tensor, image: Tensor | None = None
) -> tuple[np.ndarray, np.ndarray]:
    r"""Project the valid pixels of one frame back into space, in camera coordinates (x right, y down, z forward).

    Args:
        depth: float [1,H,W], metres along the optical axis (z-depth, not ray length).
        valid: bool [1,H,W], True where depth counts; other pixels give no point.
        intrinsics: float [3,3], pinhole K in pixels of this very size, pixel centres at integers.
        image: float [3,H,W] in 0..1, gives the colours; without it points are coloured by depth, near is bright.

    Returns:
        xyz float32 [N,3] in metres and rgb float32 [N,3] in 0..1, in row-major order of the pixels:
        x = (u - cx) z / fx, y = (v - cy) z / fy for column u and row v.

    Raises:
        ValueError: for shapes that do not fit, unknown (NaN) intrinsics and focal lengths that are not positive.

    Source: the pinhole camera, in the convention of kornia's depth_to_3d_v2 (a test proves it).

    >>> camera = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 1]])
    >>> xyz, _ = points(torch.full((1, 1, 2), 4.0), torch.ones(1, 1, 2, dtype=torch.bool), camera)
    >>> xyz.tolist()
    [[0.0, 0.0, 4.0], [2.0, 0.0, 4.0]]
    """
    size = tuple(depth.shape[-2:])
    if tuple(depth.shape) != (1, *size) or valid.shape != depth.shape:
        raise ValueError(f"expected depth and valid [1,H,W] of one frame, got {list(depth.shape)}, {list(valid.shape)}")
    if image is not None and tuple(image.shape) != (3, *size):
        raise ValueError(f"expected image [3,{size[0]},{size[1]}] like the depth, got {list(image.shape)}")
    if tuple(intrinsics.shape) != (3, 3):
        raise ValueError(f"expected intrinsics [3,3], got {list(intrinsics.shape)}")
    if not torch.isfinite(intrinsics).all():
        raise ValueError(
            "the intrinsics of this frame are unknown (NaN), so its points are not defined; assume a field of view "
            "explicitly: intrinsics=pointcloud.intrinsics_from_fov((height, width), horizontal_degrees=60)"
        )
    if not (intrinsics[0, 0] > 0 and intrinsics[1, 1] > 0):
        raise ValueError(f"focal lengths must be positive pixels, got {intrinsics[0, 0]:g} and {intrinsics[1, 1]:g}")
    keep = valid[0].bool().cpu()
    v, u = keep.nonzero(as_tuple=True)
    z, K = depth.detach().cpu()[0][keep].double(), intrinsics.detach().cpu().double()
    xyz = torch.stack([(u - K[0, 2]) * z / K[0, 0], (v - K[1, 2]) * z / K[1, 1], z], 1)
    if image is not None:
        rgb = image.detach().cpu().permute(1, 2, 0)[keep].clamp(0, 1).numpy()
    else:
        rgb = plotting.depth_colormap()(z.numpy() / max(z.numpy().max(initial=0), 1e-9))[:, :3]
    return xyz.float().numpy(), rgb.astype(np.float32)


def intrinsics_from_fov(size: tuple[int, int], horizontal_degrees: float) -> Tensor:
    """Make pinhole intrinsics from an assumed horizontal field of view; square pixels, optical axis in the middle.

    Args:
        size: (H, W) pixels.
        horizontal_degrees: angle between the left edge of the first and the right edge of the last column (a Kinect has about
            58, a telephone's main camera about 65).

    Returns:
        K float32 [3,3], pixel centres at integers. A wrong angle stretches the points along the optical axis.

    Raises:
        ValueError: unless 0 < angle < 180.

    >>> intrinsics_from_fov((3, 4), 90)
    tensor([[2.0000, 0.0000, 1.5000],
            [0.0000, 2.0000, 1.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    if not 0 < horizontal_degrees < 180:
        raise ValueError(f"horizontal field of view is {horizontal_degrees} degrees, expected between 0 and 180")
    height, width = size
    focal = width / (2 * math.tan(math.radians(horizontal_degrees) / 2))
    return torch.tensor([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], dtype=torch.float32)


def beside(clouds: Sequence[tuple[np.ndarray, np.ndarray]], *, gap: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Set point clouds next to each other, the first on the left, to be shown or written as one.

    Args:
        clouds: (xyz, rgb) as `points` gives them.
        gap: empty width between two, as a share of the widest.

    Returns:
        Points xyz and their colours rgb; y and z stay what they were, x is moved by the widths of the clouds before.

    Raises:
        ValueError: for no cloud, or one without points.

    >>> one = np.array([[0.0, 0, 1], [2, 0, 1]]), np.zeros((2, 3))
    >>> beside([one, one], gap=0.5)[0][:, 0].tolist()
    [0.0, 2.0, 3.0, 5.0]
    """
    clouds = [_checked(*cloud) for cloud in clouds]
    if not clouds or not all(len(xyz) for xyz, _ in clouds):
        raise ValueError("there is nothing to set side by side: no cloud, or one without a point")
    spans = [(xyz[:, 0].min(), xyz[:, 0].max()) for xyz, _ in clouds]
    space = gap * max(right - left for left, right in spans)
    moved, edge = [], spans[0][0]
    for (xyz, _), (left, right) in zip(clouds, spans, strict=True):
        moved.append(xyz + np.float32([edge - left, 0, 0]))
        edge += right - left + space
    return np.concatenate(moved), np.concatenate([rgb for _, rgb in clouds])


def write_ply(path: str | Path, xyz: np.ndarray, rgb: np.ndarray, *, comment: str = "") -> Path:
    """Write points as a binary little-endian PLY file (MeshLab, CloudCompare, Blender), atomically; return its path.

    Args:
        xyz: float [N,3] metres.
        rgb: float [N,3] in 0..1, stored as bytes.
        comment: lines for the header, in ASCII ("?" for what is none).

    Raises:
        ValueError: for other shapes.
    """
    path, (xyz, rgb) = Path(path), _checked(xyz, rgb)
    kinds = [(name, "<f4") for name in "xyz"] + [(name, "u1") for name in ("red", "green", "blue")]
    vertices = np.empty(len(xyz), dtype=kinds)
    for i, name in enumerate("xyz"):
        vertices[name] = xyz[:, i]
    for i, name in enumerate(("red", "green", "blue")):
        vertices[name] = np.round(rgb[:, i] * 255)
    properties = "".join(f"property {'float' if kind == '<f4' else 'uchar'} {name}\n" for name, kind in kinds)
    said = "".join(f"comment {line}\n" for line in comment.encode("ascii", "replace").decode().splitlines())
    header = f"ply\nformat binary_little_endian 1.0\n{said}element vertex {len(xyz)}\n{properties}end_header\n"
    return files.write_bytes(path, header.encode("ascii") + vertices.tobytes())


class PointView(go.Figure):
    """Plotly figure of points that shows itself small and offline: JupyterLab's own plotly view, elsewhere a picture.

    Plotly's usual renderer would store its whole library (megabytes) in the notebook, or load it from the network.
    This one stores the points and the static view; who cannot draw the first (GitHub, nbviewer, HTML export) shows
    the second.
    """

    def _ipython_display_(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display

        if InteractiveShell.initialized():
            display(self._repr_mimebundle_(), raw=True)

    def _repr_mimebundle_(self, include=None, exclude=None, **kwargs) -> dict:
        picture = plotting.encode(self._picture(), "jpeg", quality=60)
        return {
            "application/vnd.plotly.v1+json": json.loads(self.to_json()),
            "image/jpeg": b64encode(picture).decode("ascii"),
            "text/plain": f"point cloud of {self._count} points",
        }


def view(xyz: np.ndarray, rgb: np.ndarray, *, max_points: int = 12_000) -> PointView:
    """Make an interactive view of points: drag to turn, scroll to approach; it starts behind the camera.

    More than `max_points` are thinned to that many by a fixed random choice. Coordinates are rounded (to 1 mm up to 32 m, else
    to 1 cm) and colours reduced to 128, which keeps a notebook with 12,000 points under 300 kB.

    Args:
        xyz: float [N,3] metres, x right, y down, z forward.
        rgb: float [N,3] in 0..1.

    Raises:
        ValueError: for other shapes or no point.
    """
    full, (xyz, rgb) = (xyz, rgb), _thinned(*_checked(xyz, rgb), max_points)
    unit = 10.0 ** max(-3, math.ceil(math.log10(max(np.abs(xyz).max(), 1e-9) / 32_000)))  # fits 16-bit integers
    steps = np.round(xyz / unit).astype(np.int16)
    palette, index = _reduced_colours(rgb)
    scale = [[i / (_COLOURS - 1), f"rgb({r},{g},{b})"] for i, (r, g, b) in enumerate(palette)]
    marker = {"size": 2, "color": index, "colorscale": scale, "cmin": 0, "cmax": _COLOURS - 1, "showscale": False}
    trace = go.Scatter3d(x=steps[:, 0], y=steps[:, 1], z=steps[:, 2], mode="markers", marker=marker, hoverinfo="skip")
    names = {"xaxis": "x right (m)", "yaxis": "y down (m)", "zaxis": "z forward (m)"}
    axes = {key: {"title": {"text": name}, **_ticks(steps[:, i], unit)} for i, (key, name) in enumerate(names.items())}
    camera = {"up": {"x": 0, "y": -1, "z": 0}, "eye": {"x": 0.4, "y": -0.5, "z": -1.9}}
    figure = PointView(trace)
    figure.update_layout(
        template="none",
        width=800,
        height=520,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene={**axes, "aspectmode": "data", "camera": camera},
    )
    figure._picture, figure._count = partial(static_view, *full), len(full[0])
    return figure


def view_beside(clouds: Mapping[str, tuple[np.ndarray, np.ndarray]], *, max_points: int = 12_000) -> PointView:
    """Make one interactive view of several clouds, named and from left to right as `beside` sets them.

    Who cannot draw it sees `static_beside`.

    Args:
        clouds: name -> (xyz, rgb) as `points` gives them.

    Raises:
        ValueError: as `beside`.
    """
    figure = view(*beside(list(clouds.values())), max_points=max_points)
    figure.update_layout(margin={"t": 30}, title={"text": "   |   ".join(clouds), "x": 0.5, "font": {"size": 14}})
    figure._picture = partial(static_beside, clouds)
    return figure


@plotting.house_style
def static_view(xyz: np.ndarray, rgb: np.ndarray, *, max_points: int = 40_000) -> plotting.Figure:
    """Draw points in perspective from a camera turned aside, and from above and from the side in true proportion.

    Thinned as in `view`; near points hide far ones; the outermost 2 % at each end of an axis lie outside the frame.

    Args:
        xyz: float [N,3] metres, x right, y down, z forward.
        rgb: float [N,3] in 0..1.

    Raises:
        ValueError: for other shapes or no point.
    """
    xyz, rgb = _thinned(*_checked(xyz, rgb), max_points)
    low, high = np.percentile(xyz, (2, 98), axis=0)  # a few stray points would make everything else tiny
    x, y, z = spans = np.maximum(high - low, 0.02 * (high - low).max())
    width = min(4.2, 3.2 * z / (x + y))  # of the two views in proportion, which share the axis z
    height = max(width * (x + y) / z + 1.2, 3.0)
    figure = plotting.new_figure(
        9, height, alt="point cloud: in perspective, from above, from the side", image_format="jpeg"
    )
    oblique, above, side = figure.subplot_mosaic(
        "pa;ps", width_ratios=(8.2 - width, width), height_ratios=(max(x, 0.15 * (x + y)), max(y, 0.15 * (x + y)))
    ).values()
    _draw_turned(oblique, xyz, rgb)
    for ax, across, towards in ((above, 0, 1), (side, 1, 0)):
        order = np.argsort(-xyz[:, towards])
        ax.scatter(xyz[order, 2], xyz[order, across], c=rgb[order], s=1.5, linewidths=0, rasterized=True)
        margin = 0.03 * spans[[2, across]]
        ax.set(xlim=(low[2] - margin[0], high[2] + margin[0]), aspect="equal")
        ax.set_ylim(high[across] + margin[1], low[across] - margin[1])
    above.set(title="from above", ylabel="x right (m)")
    side.set(title="from the side", ylabel="y down (m)", xlabel="z forward (m)")
    return figure


@plotting.house_style
def static_beside(clouds: Mapping[str, tuple[np.ndarray, np.ndarray]], *, max_points: int = 15_000) -> plotting.Figure:
    """Draw several clouds of one scene, such as true and predicted depth, each from the same turned camera and from above.

    Args:
        clouds: name -> (xyz, rgb) as `points` gives them, one to three. The first decides where the cameras stand and where
            the frames end, so that a difference between two panels is one between the clouds.

    Raises:
        ValueError: for no cloud, or one without points.
    """
    thinned = {name: _thinned(*_checked(*cloud), max_points) for name, cloud in clouds.items()}
    first = next(iter(thinned.values()), (np.empty((0, 3)),))[0]
    if not len(first):
        raise ValueError("there is nothing to draw: no cloud, or one without a point")
    figure = plotting.new_figure(
        min(9, 3.2 * len(thinned)),
        4.8,
        alt=f"point clouds, turned and from above: {', '.join(clouds)}",
        image_format="jpeg",
    )
    axes = figure.subplots(2, len(thinned), squeeze=False, height_ratios=(1.15, 1))
    low, high = np.percentile(first, (0.5, 99.5), axis=0)
    margin = 0.1 * (high - low)
    for column, (name, (xyz, rgb)) in enumerate(thinned.items()):
        turned, above = axes[:, column]
        limits = _draw_turned(turned, xyz, rgb, middle=np.median(first, axis=0))
        if column == 0:
            window = limits
        turned.set(title=name, xlim=window[0], ylim=window[1])
        order = np.argsort(-xyz[:, 1])
        above.scatter(xyz[order, 0], xyz[order, 2], c=rgb[order], s=1.5, linewidths=0, rasterized=True)
        above.set(
            xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(min(0, low[2]), high[2] + margin[2]), aspect="equal"
        )
        above.set(title=f"{name}, from above", xlabel="x right (m)", ylabel="z forward (m)" if column == 0 else "")
    return figure


def picture(
    xyz: np.ndarray,
    rgb: np.ndarray,
    *,
    size: tuple[int, int] = (240, 320),
    degrees: tuple[float, float] = (25, 15),
    like: np.ndarray | None = None,
) -> np.ndarray:
    """What a camera sees of the points that was swung around their middle: to the side and upwards.

    Args:
        xyz: float [N,3] metres, x right, y down, z forward.
        rgb: float [N,3] in 0..1.
        size: (H, W) of the picture, which holds 98 % of the points.
        degrees: to the side, and upwards.
        like: float [M,3], other points by which the camera is placed, so that pictures of two clouds can be compared; None
            for these.

    Returns:
        float32 [H,W,3] in 0..1: every point a small square, near ones larger and before far ones, white where there is none.

    Raises:
        ValueError: for other shapes, or no point.
    """
    xyz, rgb = _thinned(*_checked(xyz, rgb), 10**6)
    like = xyz if like is None else like
    seen, colours, middle = _swung(xyz, rgb, degrees, np.median(like, axis=0))
    around, _, _ = _swung(like, like, degrees)
    height, width = size
    canvas = np.ones((height * width, 3), np.float32)
    if not len(seen) or not len(around):
        return canvas.reshape(height, width, 3)
    u, v = (seen[:, :2] / seen[:, 2:]).T
    (left, right), (top, bottom) = (np.percentile(around[:, i] / around[:, 2], (1, 99)) for i in (0, 1))
    scale = min(width / max(right - left, 1e-6), height / max(bottom - top, 1e-6))
    column = (u - (left + right) / 2) * scale + width / 2
    row = (v - (top + bottom) / 2) * scale + height / 2
    side = np.clip(1.4 * math.sqrt(height * width / len(seen)) * middle / seen[:, 2], 1, 6)  # of the squares, in pixels
    places, order, numbers = [], [], np.arange(len(seen))
    for dy in range(math.ceil(side.max())):
        for dx in range(math.ceil(side.max())):
            x, y = (np.floor(at - side / 2).astype(int) + d for at, d in ((column, dx), (row, dy)))
            keep = (np.maximum(dx, dy) < side) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            places.append((y * width + x)[keep])
            order.append(numbers[keep])
    place, number = np.concatenate(places), np.concatenate(order)
    far_first = np.argsort(-seen[number, 2], kind="stable")
    canvas[place[far_first]] = colours[number[far_first]]  # of several at one place the last one stays
    return canvas.reshape(height, width, 3)


def _swung(
    xyz: np.ndarray, rgb: np.ndarray, degrees: tuple[float, float], middle: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Points and colours before a camera that was swung around their middle, and how far that middle is from it."""
    middle = np.median(xyz, axis=0) if middle is None else middle
    yaw, pitch = np.radians(degrees)
    around_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    seen = (xyz - middle) @ (around_x @ around_y).T + [0, 0, max(middle[2], 1e-3)]
    front = seen[:, 2] > 0.15 * middle[2]
    return seen[front], rgb[front], middle[2]


def _draw_turned(
    ax: Axes,
    xyz: np.ndarray,
    rgb: np.ndarray,
    degrees: tuple[float, float] = (25, 15),
    middle: np.ndarray | None = None,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Draw points as a camera sees them that was swung around their middle: to the side and upwards; returns its window."""
    seen, colours, distance = _swung(xyz, rgb, degrees, middle)
    order = np.argsort(-seen[:, 2])
    big = 4 * np.clip(12_000 / len(xyz), 0.35, 1)  # fewer points, larger dots
    u, v = (seen[order, :2] / seen[order, 2:]).T
    ax.scatter(
        u,
        v,
        c=colours[order],
        s=np.clip(big * (distance / seen[order, 2]) ** 2, 0.8, 3 * big),
        linewidths=0,
        rasterized=True,
    )
    if not len(u):  # a prediction of almost 0 m has nothing in front of that camera
        u = v = np.zeros(1)
    (left, right), (top, bottom) = np.percentile(u, (1, 99)), np.percentile(v, (1, 99))
    ax.set(title=f"turned by {degrees[0]:g}°", xticks=[], yticks=[], xlim=(left, right), aspect="equal")
    ax.set_ylim(bottom, top)
    ax.spines[:].set_visible(False)
    return (left, right), (bottom, top)


def _checked(xyz: np.ndarray, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    xyz, rgb = np.asarray(xyz, np.float32), np.asarray(rgb, np.float32)
    if xyz.ndim != 2 or xyz.shape[1] != 3 or rgb.shape != xyz.shape:
        raise ValueError(f"expected xyz and rgb both [N,3], got {list(xyz.shape)} and {list(rgb.shape)}")
    return xyz, np.clip(rgb, 0, 1)


def _thinned(xyz: np.ndarray, rgb: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep at most `count` points, the same ones every time, in their order."""
    if not len(xyz):
        raise ValueError("there is no point to show: no pixel of the frame is valid")
    if len(xyz) > count:
        keep = np.sort(np.random.default_rng(0).choice(len(xyz), count, replace=False))
        xyz, rgb = xyz[keep], rgb[keep]
    return xyz, rgb


def _reduced_colours(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a palette [128,3] of bytes and every point's index into it."""
    picture = Image.fromarray(np.round(rgb * 255).astype(np.uint8)[None]).quantize(_COLOURS)
    palette = np.zeros((_COLOURS, 3), np.uint8)
    stored = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)[:_COLOURS]
    palette[: len(stored)] = stored
    return palette, np.asarray(picture)[0]


def _ticks(steps: np.ndarray, unit: float) -> dict:
    """Tick marks in metres for an axis that counts units."""
    low, high = float(steps.min()) * unit, float(steps.max()) * unit
    rough = max(high - low, 1e-3) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    values = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return {"tickvals": [round(v / unit) for v in values], "ticktext": [f"{v:.3g}" for v in values]}
