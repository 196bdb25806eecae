"""Reading a photograph of any kind: upright, in RGB, with its focal length where the file knows it."""

from __future__ import annotations

import glob
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from depthnb.pointcloud import USUAL_VIEW, intrinsics_from_fov

LARGEST = 2048  # pixels of the longer side that are kept; a net sees far fewer, and a point cloud would be of millions
SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".tga",
    ".jp2",
    ".heic",
    ".heif",
    ".avif",
)
_MOST_PIXELS = 400_000_000  # a damaged header can ask for any number; this many take 1.2 GB
_FILM = math.hypot(36.0, 24.0)  # millimetres: the diagonal that a "35 mm equivalent" focal length belongs to
_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # EXIF's unit of the focal plane's resolution in millimetres
_UPRIGHT = {  # what undoes EXIF's orientations
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)  # those that swap width and height
_WIDE = 3.5  # sides: KITTI's frames have 3.3; beyond it a picture is taken for a panorama


@dataclass(frozen=True, eq=False)
class Photo:
    """One picture as a net can be asked about it.

    Attributes:
        name: of the file, without folder and ending.
        image: float32 [3,H,W], RGB in 0..1, upright.
        focal: focal length in pixels of this image.
        camera: where the focal length comes from, as a sentence's end.
        notes: what else was found or changed, in sentences.
        original: (H, W) of the file's upright picture before it was reduced; None: it was not.
    """

    name: str
    image: Tensor
    focal: float
    camera: str
    notes: tuple[str, ...] = ()
    original: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return tuple(self.image.shape[-2:])

    @property
    def view(self) -> float:
        """Field of view in degrees across the longer side."""
        return math.degrees(2 * math.atan(max(self.size) / 2 / self.focal))

    @property
    def intrinsics(self) -> Tensor:
        """Pinhole K float32 [3,3] in pixels of `image`, the optical axis in the middle."""
        height, width = self.size
        centre = ((width - 1) / 2, (height - 1) / 2)
        return torch.tensor([[self.focal, 0, centre[0]], [0, self.focal, centre[1]], [0, 0, 1]], dtype=torch.float32)


def find(places: Sequence[str | os.PathLike]) -> list[Path]:
    """The picture files that files, folders and patterns mean, each once, in the order of their names.

    Args:
        places: files are taken as they are; of a folder its pictures (`SUFFIXES`), not those of folders in it; a text with
            `*`, `?` or `[` that is no file is a pattern.

    Raises:
        FileNotFoundError: for a place where nothing is, and a folder or pattern without a picture.
    """
    found: dict[Path, None] = {}
    for place in places:
        path = Path(os.path.expanduser(place))  # a ~name that nobody has stays as it is
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES and each.is_file())
            wanted = ", ".join(SUFFIXES)
            lacking = (
                f"no picture in the folder {path}; expected files that end in {wanted}; a film has to be named itself"
            )
        elif path.exists():
            files, lacking = [path], ""
        else:
            pattern = any(sign in str(path) for sign in "*?[")
            files = sorted(Path(each) for each in glob.glob(str(path)) if Path(each).is_file()) if pattern else []
            lacking = f"no file fits the pattern {path}" if pattern else f"there is no file {path}"
        if not files:
            raise FileNotFoundError(lacking)
        found.update(dict.fromkeys(files))
    return list(found)


def names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each picture by which its files are called: its own without ending, and more where two would be alike.

    >>> list(names([Path("a/one.jpg"), Path("a/two.jpg"), Path("b/one.jpg"), Path("b/one.png")]).values())
    ['a-one', 'two', 'b-one', 'b-one-2']
    """
    stems = Counter(path.stem for path in paths)
    chosen: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        name = path.stem if stems[path.stem] == 1 else f"{path.absolute().parent.name}-{path.stem}".lstrip("-")
        wanted, number = name, 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        taken.add(name)
        chosen[path] = name
    return chosen


def read(
    path: str | os.PathLike,
    *,
    focal: float | None = None,
    view: float | None = None,
    longest: int = LARGEST,
    name: str = "",
) -> Photo:
    """Read a picture of any kind.

    EXIF's rotation is applied. Grey is repeated; transparent pixels are laid on white; CMYK, palettes and 16 bits become
    8-bit RGB. Of an animation the first picture counts. A picture of more than `longest` pixels a side is reduced.

    Args:
        path: JPEG, PNG, WebP, TIFF and whatever else Pillow reads; HEIC where the package pillow-heif is installed.
        focal: focal length in pixels of the file's upright picture, if it is known.
        view: degrees across the longer side, if those are known instead.
        longest: pixels.
        name: of the photograph; default the file's without ending.

    Returns:
        A `Photo`. Without focal and view EXIF's focal length counts, and without that one of `USUAL_VIEW` degrees.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for what is no picture, a damaged or far too large one, and for a focal length or view out of range.
    """
    path = Path(path)
    check_camera(focal, view)
    picture, own, exif, notes = _opened(path, longest)
    turned = exif.get(ExifTags.Base.Orientation, 1)
    original = own[::-1] if turned in _ON_ITS_SIDE else own  # (W, H), upright
    picture = picture.transpose(_UPRIGHT[turned]) if turned in _UPRIGHT else picture
    reduced = max(picture.size) / max(own)
    if focal is not None:
        pixels, camera = focal * reduced, f"{focal:g} pixels, as told"
    elif view is not None:
        pixels, camera = focal_of_view(view, picture.size), f"{view:g} degrees across the longer side, as told"
    else:
        known = _from_exif(exif, original)
        pixels = known[0] * reduced if known else focal_of_view(USUAL_VIEW, picture.size)
        supposed = f"{USUAL_VIEW:g} degrees across the longer side, supposed: the file does not say it"
        camera = known[1] if known else supposed
    image, more = _rgb(picture)
    notes += more
    if max(picture.size) > _WIDE * min(picture.size):
        notes.append("very wide or tall; a panorama is no picture of one lens, and its depth will bend")
    if min(own) < 32:
        notes.append(f"only {own[0]} x {own[1]} pixels")
    return Photo(name or path.stem, image, float(pixels), camera, tuple(notes), original[::-1])


def _opened(path: Path, longest: int) -> tuple[Image.Image, tuple[int, int], Image.Exif, list[str]]:
    """The decoded picture, reduced; its own (W, H); its EXIF, empty where it cannot be read; what was done to it."""
    if path.suffix.lower() in (".heic", ".heif"):
        _register_heif(path)
    if not path.is_file():
        kind = "is no file" if path.exists() else "does not exist"
        raise FileNotFoundError(f"{path} {kind}; expected a picture")
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # the limit here is another one, and an error of its own
    try:
        picture = Image.open(path)
        own = picture.size
        small = own[0] * own[1] <= _MOST_PIXELS
        if small:
            frames = getattr(picture, "n_frames", 1)
            # a TIFF knows it until it is decoded; asked for it, a PNG decodes itself, and forgets that it is damaged
            exif = _exif(picture) if picture.format == "TIFF" else None
            if picture.format == "JPEG":
                picture.draft("RGB" if picture.mode == "YCbCr" else None, (longest, longest))  # decodes fewer pixels
            picture.load()
            exif = exif or _exif(picture)
    except UnidentifiedImageError:
        raise ValueError(
            f"{path}: no picture that Pillow can read; expected JPEG, PNG, WebP, TIFF or the like"
        ) from None
    except MemoryError:
        raise
    except Exception as error:  # of any kind: the plug-ins of Pillow raise whatever they stumble over
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ValueError(f"{path}: the picture is damaged or cut short ({said}); copy it again") from None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    if not small:
        raise ValueError(f"{path}: {own[0]} x {own[1]} pixels are too many; make it smaller than {_MOST_PIXELS:,}")
    notes = [f"the first of {frames} pictures"] if frames > 1 else []
    if max(picture.size) > longest:
        scale = longest / max(picture.size)
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        wide = picture.mode.startswith(("I", "F"))  # of 16 bits and more: no filter but this one knows them all
        if picture.mode in ("P", "1"):
            picture = picture.convert("RGBA" if _transparent(picture) else "RGB")
        picture = picture.resize(size, Image.Resampling.NEAREST if wide else Image.Resampling.LANCZOS)
    if max(own) > max(picture.size):
        notes.append(f"reduced from {own[0]} x {own[1]} pixels")
    return picture, own, exif, notes


def _exif(picture: Image.Image) -> Image.Exif:
    try:
        exif = picture.getexif()
        exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:  # of any kind, as above; a picture without EXIF is a picture all the same
        return Image.Exif()
    return exif


def _register_heif(path: Path) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError(f"{path}: HEIC takes one more package: pip install pillow-heif, or save it as JPEG") from error
    pillow_heif.register_heif_opener()


def _transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info


def _rgb(picture: Image.Image) -> tuple[Tensor, list[str]]:
    """float32 [3,H,W] in 0..1, and what had to be done for it."""
    notes = []
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        values = np.where(np.isfinite(values), values, 0.0)
        top = (
            65535.0
            if picture.mode.startswith("I;16") or 255 < values.max(initial=0) <= 65535
            else values.max(initial=0)
        )
        notes.append(
            f"grey values from {values.min(initial=0):g} to {values.max(initial=0):g}, of which {top:g} is white"
        )
        grey = np.clip(values / max(top, 1e-12), 0, 1)
        pixels = np.repeat(grey[..., None], 3, axis=2)
        return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32)), notes
    if _transparent(picture):
        rgba = picture.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] < 255:
            notes.append("transparent pixels are laid on white")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    elif picture.mode not in ("RGB", "L"):
        notes.append(f"colours converted from {picture.mode}")
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))), notes


def of_frame(frame: Mapping, view: float = 0.0) -> Photo:
    """A frame of a data set as a photograph: with its camera, or with the usual field of view where that is unknown.

    Args:
        view: degrees across the longer side that are told instead; 0 for the frame's own.
    """
    image, focal = frame["image"], float(frame["intrinsics"][0, 0])
    if not view and math.isfinite(focal):
        return Photo(frame["id"], image, focal, "of the data set")
    why = "as told" if view else "supposed: the data set does not say it"
    view = view or USUAL_VIEW
    focal = focal_of_view(view, tuple(image.shape[-2:]))
    return Photo(frame["id"], image, focal, f"{view:g} degrees across the longer side, {why}")


def check_camera(focal: float | None, view: float | None) -> None:
    """Raise ValueError for a focal length that is not above 0 pixels, or a view that is not between 0 and 180 degrees."""
    if focal is not None and not 0 < focal < math.inf:
        raise ValueError(f"focal is {focal:g}; expected pixels above 0")
    if view is not None and not 0 < view < 180:
        raise ValueError(f"the field of view is {view:g} degrees; expected between 0 and 180")


def focal_of_view(degrees: float, size: tuple[int, int]) -> float:
    """Focal length in pixels of a picture of (H, W) whose longer side spans so many degrees.

    >>> round(focal_of_view(90, (480, 640)), 3)
    320.0
    """
    return float(intrinsics_from_fov((1, max(size)), degrees)[0, 0])


def _from_exif(exif: Image.Exif, size: tuple[int, int]) -> tuple[float, str] | None:
    """Focal length in pixels of a picture of (W, H), and its source; None where EXIF does not say it."""
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    like_film = _number(tags.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if like_film:
        return like_film * math.hypot(*size) / _FILM, f"{like_film:g} mm (35 mm equivalent) in EXIF"
    length, per_unit = (
        _number(tags.get(ExifTags.Base.FocalLength)),
        _number(tags.get(ExifTags.Base.FocalPlaneXResolution)),
    )
    unit = _MM.get(tags.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))
    stored = _number(tags.get(ExifTags.Base.ExifImageWidth))  # the width that the resolution belongs to
    if length and per_unit and unit and stored:
        pixels = (
            length * per_unit / unit * max(size) / max(stored, _number(tags.get(ExifTags.Base.ExifImageHeight)) or 0)
        )
        if 0.1 * max(size) < pixels < 100 * max(size):
            return pixels, f"{length:g} mm and the resolution of the sensor in EXIF"
    return None


def _number(value: object) -> float | None:
    """A number above 0 of EXIF, which may hold anything."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if 0 < number < math.inf else None
