r"""Reading image, depth and mask files strictly: what cannot be what it should be is refused by name, never guessed at."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from depthnb.data.readers import arrays

_DEPTH_16_BIT = ("I;16", "I;16B", "I;16L", "I")
_MOST_PIXELS = 64_000_000  # no depth camera has so many, and a damaged header can ask for any number
PNG = b"\x89PNG\r\n\x1a\n"  # how every PNG begins
LARGEST_16_BIT = 65535  # what a saturated sensor stores, and a renderer for the sky: no depth


def refuse_huge(picture: Image.Image) -> None:
    """Raise DecompressionBombError for a picture that was opened and not yet decoded, before it takes gigabytes."""
    if picture.width * picture.height > _MOST_PIXELS:
        size = f"{picture.width} x {picture.height} pixels"
        raise Image.DecompressionBombError(f"{size}, at most {_MOST_PIXELS:,} in all")


def _check_sums(png: bytes) -> None:
    """Raise ValueError if a part of a PNG that the pixels come from does not have the checksum stored behind it.

    Pillow does not look at those of the pixels, so a flipped byte can pass for another depth. A file that ends within such a
    part is refused too; what is missing behind the last pixel does no harm, and what is there too much neither.
    """
    place, kind = len(PNG), b""
    while place + 12 <= len(png) and kind != b"IEND":
        end = place + 8 + int.from_bytes(png[place : place + 4], "big")
        kind, stored = png[place + 4 : place + 8], png[end : end + 4]
        if kind[:1].isupper():  # small letters are remarks
            if end > len(png):
                raise ValueError(f"it ends within its part {kind.decode('latin-1')!r}")
            if len(stored) == 4 and zlib.crc32(memoryview(png)[place + 4 : end]) != int.from_bytes(stored, "big"):
                raise ValueError(f"the checksum of its part {kind.decode('latin-1')!r} is wrong")
        place = end + 4


def recognise(path: Path, wanted: str) -> None:
    """Raise what reading an image file would where its header tells already that it is none.

    Args:
        wanted: as for `arrays.explain`.
    """
    _open_image(path, wanted, decode=False).close()


def _open_image(path: Path, wanted: str, *, decode: bool = True) -> Image.Image:
    """Open and decode an image file; one ValueError with the file's name if that fails.

    Args:
        wanted: as for `arrays.explain`.
    """
    try:
        picture = Image.open(path)
        refuse_huge(picture)
        if decode:
            if picture.format == "PNG":
                _check_sums(path.read_bytes())
            picture.load()
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path}: the image is too large ({error}); make it smaller") from None
    except (OSError, SyntaxError, ValueError) as error:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: the file is missing") from None
        with open(path, "rb") as handle:
            picture = handle.read(8).startswith((b"\x89PNG", b"\xff\xd8"))
        if (
            isinstance(error, UnidentifiedImageError) or not picture
        ):  # Pillow takes HDF5 for a picture that it cannot load
            fault = ValueError if path.stat().st_size else arrays.DamagedFile
            raise fault(arrays.explain(path, wanted)) from None
        raise arrays.DamagedFile(f"{path}: the image is damaged or cut short ({error}); copy it again") from None
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
    with _open_image(path, "image") as opened:
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
        path: 16-bit PNG (stored 0 and 65535 = invalid), or one array [H,W] of floats or of integers of 16 bits or more
            (not positive or not finite = invalid) as `.npy`, `.npz` or HDF5; [H,W,1] and [1,H,W] will do.
        scale: metres for each stored unit.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another bit depth, several channels, or another kind of file.
    """
    if path.suffix.lower() in arrays.SUFFIXES:
        stored = arrays.read_map(path, "depth")
        check_measured(path, stored)
        valid = np.isfinite(stored) & (stored > 0)
        # 16 bits in either order of bytes, also when stored in wider integers
        if stored.dtype.kind in "iu" and stored.size and stored.max() == LARGEST_16_BIT:
            valid &= stored < LARGEST_16_BIT
    else:
        stored = read_depth_png(path)
        valid = (stored > 0) & (stored != LARGEST_16_BIT)
    with np.errstate(over="ignore", invalid="ignore"):
        depth = np.where(valid, stored.astype(np.float64) * scale, 0.0).astype(np.float32)
    valid &= (depth > 0) & (depth < np.inf)  # a scale may make a number so small or so large that it is none any more
    return torch.from_numpy(depth)[None], torch.from_numpy(valid)[None]


def check_measured(path: Path, stored: np.ndarray) -> None:
    """Refuse an array that holds no measurements: text, complex numbers, 8 bits; ValueError with the file's name."""
    if stored.dtype.kind not in "fiu" or stored.dtype.itemsize < 2:
        raise ValueError(
            f"{path}: array is {stored.dtype} {stored.shape}; expected float32 [H, W], or integers of 16 bits or more; "
            "depth of 8 bits is a picture of depth, and no measurement"
        )


def read_depth_png(path: Path) -> np.ndarray:
    with _open_image(path, "depth") as picture:
        if picture.mode in _DEPTH_16_BIT and picture.format == "PNG":
            return np.asarray(picture)
        if picture.mode == "F" or picture.mode in _DEPTH_16_BIT:  # a TIFF or PFM, which may well hold depth
            raise ValueError(arrays.explain(path, "depth"))
        raise ValueError(
            f"{path}: a {picture.format} image of mode {picture.mode}; expected depth as 16-bit PNG with one "
            "channel, or .npy float32 (8-bit and coloured pictures of depth are not depth)"
        )


def read_stored(path: Path) -> np.ndarray:
    """Read a one-channel PNG as it is stored, [H, W] of uint8 or uint16: for a data set that mixes the two.

    Raises:
        ValueError: for another kind of file, several channels, or pixels that are not 8 or 16 bits.
    """
    with _open_image(path, "stored") as picture:
        if picture.format != "PNG" or picture.mode not in ("L", *_DEPTH_16_BIT):
            raise ValueError(
                f"{path}: a {picture.format} image of mode {picture.mode}; expected depth as PNG with one channel of 8 or "
                "16 bits (coloured pictures of depth are not depth)"
            )
        return np.array(picture).astype(np.uint8 if picture.mode == "L" else np.uint16)


def read_valid(path: Path) -> Tensor:
    """Read a mask as bool [1,H,W]: a 1-bit PNG, or an 8-bit PNG or an array that holds two values, the lower being 0.

    Args:
        path: a picture, or one array [H,W] as `.npy`, `.npz` or HDF5; [H,W,1] and [1,H,W] will do.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another kind of file or other values.
    """
    if path.suffix.lower() in arrays.SUFFIXES:
        stored = arrays.read_map(path, "mask")
        if stored.dtype.kind not in "biuf":
            raise ValueError(f"{path}: a mask of {stored.dtype}; expected bool, or numbers that are 0 (invalid) and 1")
    else:
        with _open_image(path, "mask") as picture:
            if picture.mode not in ("1", "L"):
                raise ValueError(
                    f"{path}: a mask of mode {picture.mode}; expected a 1-bit PNG (0 = invalid), such as "
                    f"Image.open({path.name!r}).convert('L').point(lambda v: 255 * (v > 0)).convert('1') saves"
                )
            stored = np.asarray(picture)
    if stored.dtype != np.bool_:
        values = np.unique(stored)
        if len(values) > 2 or (len(values) == 2 and values[0] != 0) or not np.isfinite(values).all():
            raise ValueError(f"{path}: a mask with values {values[:5].tolist()}...; expected 0 (invalid) and one other")
        stored = stored > 0
    return torch.from_numpy(np.array(stored))[None]


def check_same_size(image: Tensor, other: Tensor, image_path: Path, other_path: Path) -> None:
    """Raise ValueError if a depth map or mask is not of its image's size."""
    if image.shape[-2:] != other.shape[-2:]:
        (h, w), (h2, w2) = image.shape[-2:], other.shape[-2:]
        remedy = "resize the image to the depth map, never depth by averaging"
        if (h, w) == (w2, h2):
            remedy = "one of the two lies on its side; turn it by 90 degrees"
        raise ValueError(
            f"{other_path}: {w2}x{h2} (width x height), but its image {image_path.name} is {w}x{h}; expected equal "
            f"sizes, pixel for pixel; {remedy}"
        )
