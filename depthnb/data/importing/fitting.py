"""One frame read whole, and its picture and depth brought to one size without inventing a depth.

An RGB-D folder holds a picture and a depth map of one size. Where they differ, the larger of the two is made smaller: the
picture by averaging, or the depth by picking one measured pixel for each (`transforms.resize_depth`). Nothing is enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from depthnb.data.importing.frames import Camera, Frame
from depthnb.data.readers import arrays, pixels
from depthnb.data.transforms import resize_depth, resize_image, resize_intrinsics

_ASPECT = 0.015  # how much two shapes may differ, as a ratio; 1296x968 and 640x480 of ScanNet differ by 0.004
_AS_THEY_ARE = {"image": (".jpg", ".jpeg", ".png"), "depth": (".png", *arrays.SUFFIXES)}


@dataclass(frozen=True, eq=False)
class Whole:
    """A frame that was read.

    Attributes:
        image: uint8 [3,H,W], or the file that can be used as it is.
        depth: array [H,W] as it shall be stored, or the file that can be used as it is.
        scale: metres for each unit.
        camera: of the picture as it shall be stored; None: unknown.
        measured: whether any depth is valid.
        resized: "image" or "depth", or "".
        lost_camera: whether the camera belonged to a picture of another shape.
    """

    image: Tensor | Path
    depth: np.ndarray | Path
    scale: float
    camera: Camera | None
    measured: bool
    resized: str
    lost_camera: bool


def read(frame: Frame) -> Whole:
    """Read a frame as strictly as the RGB-D folder will be read.

    Raises:
        OSError, ValueError: if a file cannot be read, is no picture or depth map, or both show different shapes.
    """
    image = pixels.read_image(frame.image) if isinstance(frame.image, Path) else _tensor(frame.image())
    stored, scale = _stored(frame)
    valid = _valid(stored)
    size, depth_size = tuple(image.shape[-2:]), stored.shape
    resized = _which(frame, size, depth_size)
    final = depth_size if resized == "image" else size
    camera, lost = _camera(frame, size, final)
    as_it_is = {part: not resized == part and _usable(getattr(frame, part), part) for part in ("image", "depth")}
    if resized == "image":
        image = resize_image(image, final)
    if resized == "depth":
        small, kept = resize_depth(
            torch.from_numpy(np.where(valid, stored, 0).astype(np.float64)), torch.from_numpy(valid), final
        )
        stored = torch.where(kept, small, 0).numpy().astype(stored.dtype)
    return Whole(
        frame.image if as_it_is["image"] else image,
        frame.depth if as_it_is["depth"] else stored,
        scale, camera, bool(valid.any()), resized, lost,
    )  # fmt: skip


def _usable(source: object, part: str) -> bool:
    return isinstance(source, Path) and source.suffix.lower() in _AS_THEY_ARE[part]


def _tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))


def _stored(frame: Frame) -> tuple[np.ndarray, float]:
    """Depth as stored, uint16 or float, and its scale."""
    if not isinstance(frame.depth, Path):
        return frame.depth()
    path, suffix = frame.depth, frame.depth.suffix.lower()
    if suffix in arrays.SUFFIXES:
        stored = arrays.read_map(path, "depth")
        pixels.check_measured(path, stored)
    elif suffix in (".tif", ".tiff", ".pfm"):
        stored = _from_picture(path)
    else:
        stored = pixels.read_depth_png(path)
    whole = stored.dtype.kind in "iu" and stored.size and 0 <= stored.min() and stored.max() <= pixels.LARGEST_16_BIT
    return stored.astype(np.uint16 if whole else np.float32 if stored.dtype.itemsize <= 4 else np.float64), frame.scale


def _from_picture(path: Path) -> np.ndarray:
    """Depth of a TIFF or PFM with one channel."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: the file is missing")
    try:
        with Image.open(path) as picture:
            picture.load()
            mode, stored = picture.mode, np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path}: not a picture that can be read ({error}); save the depth as 16-bit PNG or .npy"
        ) from None
    if mode not in ("F", "I", "I;16", "I;16B", "I;16L") or stored.ndim != 2:
        raise ValueError(f"{path}: a picture of mode {mode}; expected depth with one channel of 16 bits or of floats")
    return stored


def _valid(stored: np.ndarray) -> np.ndarray:
    valid = np.isfinite(stored) & (stored > 0)
    return valid & (stored < pixels.LARGEST_16_BIT) if stored.dtype == np.uint16 else valid


def _which(frame: Frame, size: tuple[int, int], depth_size: tuple[int, int]) -> str:
    """Which of the two is to be made smaller."""
    if size == depth_size:
        return ""
    (height, width), (rows, columns) = size, depth_size
    if not _alike(size, depth_size) or (height < rows) != (width < columns):
        depth = f"{frame.depth}: the depth map" if isinstance(frame.depth, Path) else f"{frame.name}: the depth map"
        raise ValueError(
            f"{depth} is {columns}x{rows} (width x height), but its image is {width}x{height}, of another shape; they do "
            "not show one field of view, so register the depth to the image first"
        )
    return "depth" if height < rows or width < columns else "image"


def _alike(size: tuple[int, int], other: tuple[int, int]) -> bool:
    ratio = size[1] * other[0] / (size[0] * other[1]) if min(*size, *other) else 0
    return 1 - _ASPECT < ratio < 1 + _ASPECT


def _camera(frame: Frame, size: tuple[int, int], final: tuple[int, int]) -> tuple[Camera | None, bool]:
    """The camera of a picture of the final size, and whether it was lost for its shape."""
    if frame.camera is None:
        return None, False
    own = frame.camera_size or size
    if not _alike(own, size):
        return None, True
    fx, fy, cx, cy = frame.camera
    K = resize_intrinsics(torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64), own, final)
    return (K[0, 0].item(), K[1, 1].item(), K[0, 2].item(), K[1, 2].item()), False
