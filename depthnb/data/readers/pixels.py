r"""Reading image, depth and mask files strictly: what cannot be what it should be is refused by name, never guessed at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

_DEPTH_16_BIT = ("I;16", "I;16B", "I;16L", "I")


def _open_image(path: Path) -> Image.Image:
    """Open and decode an image file; one ValueError with the file's name if that fails."""
    try:
        picture = Image.open(path)
        picture.load()
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: the image is too large ({error}); make it smaller") from None
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not an image file that can be read; expected JPEG or PNG") from None
    except (OSError, SyntaxError, ValueError) as error:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: the file is missing") from None
        raise ValueError(f"{path}: the image is damaged or cut short ({error}); copy it again") from None
    return picture


def read_image(path: Path, *, turn: bool = False) -> Tensor:
    """Read a colour or grey image as uint8 [3,H,W]; grey is repeated, an alpha channel must be opaque.

    Of a 16-bit colour PNG the upper 8 bits count.

    Args:
        path: JPEG or PNG.
        turn: turn the picture as EXIF says; only for a data set whose depth is known to match the turned picture.

    Raises:
        ValueError: for 16-bit, float and CMYK images, transparent ones, and without `turn` ones that EXIF says are to
            be turned (its depth map may or may not be turned).
    """
    with _open_image(path) as opened:
        picture = ImageOps.exif_transpose(opened) if turn else opened
        mode, turned = picture.mode, picture.getexif().get(0x0112, 1)
        if mode in _DEPTH_16_BIT or mode == "F":
            raise ValueError(
                f"{path}: a {mode} image (16 bits or more, one channel); expected an 8-bit RGB or grey picture"
            )
        if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
            rgba = np.asarray(picture.convert("RGBA"))
            if (rgba[..., 3] < 255).any():
                raise ValueError(
                    f"{path}: the image is partly transparent; flatten it onto a background, without alpha"
                )
            pixels = rgba[..., :3]
        elif mode in ("RGB", "L", "P", "1"):
            pixels = np.asarray(picture.convert("RGB"))
        else:
            raise ValueError(f"{path}: colour mode {mode}; expected an 8-bit RGB or grey picture; convert it to RGB")
    if turned not in (0, 1):
        raise ValueError(
            f"{path}: EXIF orientation {turned} asks viewers to turn the picture, so it may not match its depth; "
            "turn the pixels themselves and remove the tag"
        )
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def read_depth(path: Path, scale: float) -> tuple[Tensor, Tensor]:
    """Read a depth map: metres float32 [1,H,W], and where it holds a measurement, bool [1,H,W].

    Args:
        path: 16-bit PNG (stored 0 = invalid) or `.npy` float32 [H,W] (not positive or not finite = invalid).
        scale: metres for each stored unit.

    Raises:
        ValueError: for another bit depth, several channels, or another kind of file.
    """
    if path.suffix.lower() == ".npy":
        stored = read_npy(path)
        if stored.dtype != np.float32 or stored.ndim != 2:
            raise ValueError(
                f"{path}: array is {stored.dtype} {stored.shape}; expected float32 [H, W]; "
                "save it with np.save(path, depth.astype(np.float32))"
            )
        valid = np.isfinite(stored) & (stored > 0)
    else:
        with _open_image(path) as picture:
            if picture.mode not in _DEPTH_16_BIT or picture.format != "PNG":
                raise ValueError(
                    f"{path}: a {picture.format} image of mode {picture.mode}; expected depth as 16-bit PNG with one "
                    "channel, or .npy float32 (8-bit and coloured pictures of depth are not depth)"
                )
            stored = np.asarray(picture)
        valid = stored > 0
    depth = np.where(valid, stored.astype(np.float64) * scale, 0.0).astype(np.float32)
    return torch.from_numpy(depth)[None], torch.from_numpy(valid)[None]


def read_npy(path: Path, remedy: str = "copy it again") -> np.ndarray:
    """Read one array from a `.npy` file: never an archive of several (.npz), never pickled objects.

    Args:
        remedy: what to do about a file that cannot be read; the end of the error's sentence.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for anything else than a whole .npy file.
    """
    try:
        with open(path, "rb") as handle:
            return np.lib.format.read_array(handle, allow_pickle=False)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: the file is missing; {remedy}") from None
    except Exception as error:  # NumPy raises whatever it stumbles over in a damaged header
        raise ValueError(
            f"{path}: not a .npy array that can be read ({error}); it is cut short, damaged, or another kind of file, such "
            f"as a renamed .npz; {remedy}"
        ) from None


def read_stored(path: Path) -> np.ndarray:
    """Read a one-channel PNG as it is stored, [H, W] of uint8 or uint16: for a data set that mixes the two.

    Raises:
        ValueError: for another kind of file, several channels, or pixels that are not 8 or 16 bits.
    """
    with _open_image(path) as picture:
        if picture.format != "PNG" or picture.mode not in ("L", *_DEPTH_16_BIT):
            raise ValueError(
                f"{path}: a {picture.format} image of mode {picture.mode}; expected depth as PNG with one channel of 8 or "
                "16 bits (coloured pictures of depth are not depth)"
            )
        return np.array(picture).astype(np.uint8 if picture.mode == "L" else np.uint16)


def read_valid(path: Path) -> Tensor:
    """Read a mask as bool [1,H,W] from a 1-bit PNG, or an 8-bit one that holds two values, the lower being 0."""
    with _open_image(path) as picture:
        if picture.mode not in ("1", "L"):
            raise ValueError(f"{path}: a mask of mode {picture.mode}; expected a 1-bit PNG (0 = invalid)")
        stored = np.asarray(picture)
    if stored.dtype != np.bool_:
        values = np.unique(stored)
        if len(values) > 2 or (len(values) == 2 and values[0] != 0):
            raise ValueError(f"{path}: a mask with values {values[:5].tolist()}...; expected 0 (invalid) and one other")
        stored = stored > 0
    return torch.from_numpy(np.array(stored))[None]


def check_same_size(image: Tensor, other: Tensor, image_path: Path, other_path: Path) -> None:
    """Raise ValueError if a depth map or mask is not of its image's size."""
    if image.shape[-2:] != other.shape[-2:]:
        (h, w), (h2, w2) = image.shape[-2:], other.shape[-2:]
        raise ValueError(
            f"{other_path}: {w2}x{h2} (width x height), but its image {image_path.name} is {w}x{h}; expected equal "
            "sizes, pixel for pixel; resize the image to the depth map, never depth by averaging"
        )
