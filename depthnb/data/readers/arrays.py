r"""Arrays in files: what holds exactly one map is read, and of anything else it is said what it is and what converts it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np

from depthnb.data.readers import hdf5

SUFFIXES = (".npy", ".npz", ".h5", ".hdf5")  # what `read_map` reads
_HDF5, _ZIP, _NPY = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x93NUMPY"
_OBJECTS = "Object arrays cannot be loaded"  # begins what NumPy says of pickled objects
_LARGEST = 1 << 28  # values; a damaged header could ask for any amount of memory
# The first bytes of a file -> what it is, and the expression that gives its array (None: there is no array in it).
_MAGIC = (
    (_NPY, "a NumPy array", "np.load({name!r})"),
    (_HDF5, "an HDF5 file", "h5py.File({name!r})['NAME'][()]"),
    (b"MATLAB 7.3", "a MATLAB v7.3 file (HDF5, its axes reversed)", "h5py.File({name!r})['NAME'][()].T"),
    (b"MATLAB 5", "a MATLAB v5 file", "scipy.io.loadmat({name!r})['NAME']"),
    (
        b"\x76\x2f\x31\x01",
        "an OpenEXR picture (pip install OpenEXR; the channel may be called V, R or Y instead of Z)",
        "OpenEXR.File({name!r}, separate_channels=True).channels()['Z'].pixels",
    ),
    (b"Pf\n", "a PFM picture", "np.asarray(Image.open({name!r}))"),
    (b"PF\n", "a PFM picture of three channels", "np.asarray(Image.open({name!r}))"),
    (b"II*\0", "a TIFF picture", "np.asarray(Image.open({name!r}))"),
    (b"MM\0*", "a TIFF picture", "np.asarray(Image.open({name!r}))"),
    (b"\x80\x02", "a pickle of Python (load none that is not your own)", "np.load({name!r}, allow_pickle=True)"),
    (b"\x80\x04", "a pickle of Python (load none that is not your own)", "np.load({name!r}, allow_pickle=True)"),
    (b"\x1f\x8b", "a file compressed by gzip; unpack it first (gunzip)", None),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS in the file's place; fetch the file itself (git lfs pull)",
        None,
    ),
    (b"<!doctype html", "a web page in the file's place; download the file again", None),
    (b"<html", "a web page in the file's place; download the file again", None),
    (b"%PDF", "a PDF document", None),
)
_BY_SUFFIX = {
    ".pt": ("a file of torch.save", "torch.load({name!r}, weights_only=True).numpy()"),
    ".pth": ("a file of torch.save", "torch.load({name!r}, weights_only=True).numpy()"),
    **dict.fromkeys(
        (".bin", ".raw", ".dat"),
        (
            "numbers without a header, so neither their size nor their type is known",
            "np.fromfile({name!r}, np.float32).reshape(height, width)",
        ),
    ),
}
_SAVED_AS = {
    "depth": (
        "16-bit PNG, .npy, or .npz and HDF5 with one array",
        "np.save({new!r}, {array}.astype(np.float32))",
        ".npy",
    ),
    "mask": ("1-bit PNG, or .npy of 0 and 1", "np.save({new!r}, {array} > 0)", ".npy"),
    "stored": ("PNG of one channel, 8 or 16 bits", "Image.fromarray({array}).save({new!r})", ".png"),
    "image": ("JPEG or PNG", "Image.fromarray({array}).save({new!r})", ".png"),
}


class DamagedFile(ValueError):
    """A file that no program can read: it is cut short, empty or spoilt, and must be copied again."""


def read_npy(path: Path, remedy: str = "copy it again") -> np.ndarray:
    """Read one array from a `.npy` file: never an archive of several (.npz), never pickled objects.

    Args:
        path: the file.
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
        raise DamagedFile(
            f"{path}: not a .npy array that can be read ({error}); it is cut short, damaged, or another kind of file, such "
            f"as a renamed .npz; {remedy}"
        ) from None


def read_map(path: Path, wanted: str) -> np.ndarray:
    """Read the one array of a `.npy`, `.npz` or HDF5 file as [H, W]; further axes of length 1 are taken off.

    Args:
        path: a file with one of `SUFFIXES`.
        wanted: "depth" or "mask", for the error's remedy.

    Returns:
        The array as it is stored, of any dtype; [H,W,1], [1,H,W] and [1,1,H,W] become [H,W].

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for a damaged file, several arrays, or one of another shape; with the line that takes out a map.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            stored = read_npy(path)
        else:
            stored = _only_array(path, wanted, _from_npz if suffix == ".npz" else _from_hdf5)
    except DamagedFile as error:
        if _OBJECTS in str(error):
            array = f"np.load({path.name!r}, allow_pickle=True){'.item()' if suffix == '.npy' else ''}['NAME']"
            line = _SAVED_AS[wanted][1].format(new=_renamed(path, ".npy"), array=array)
            raise ValueError(
                f"{path}: Python objects, which are never loaded, because they can run any program; expected an array of "
                f"numbers. Convert a file of your own: {line}"
            ) from None
        raise (ValueError(explain(path, wanted)) if _has_another_name(path) else error) from None
    flat = stored.reshape([side for side in stored.shape if side != 1]) if stored.ndim > 2 else stored
    if flat.ndim != 2:
        line = _SAVED_AS[wanted][1].format(new=_renamed(path, ".npy"), array="array[..., 0]")
        raise ValueError(
            f"{path}: an array of shape {stored.shape}; expected one map, [H, W] or with further axes of length 1. Pick one, "
            f"such as {line}"
        )
    return flat


def _has_another_name(path: Path) -> bool:
    """Whether a file is of a kind that is known here, and not of the one that its name says."""
    named = {".npy": _NPY, ".npz": _ZIP}.get(path.suffix.lower(), _HDF5)
    with open(path, "rb") as handle:
        start = handle.read(32).lower()
    kinds = [magic.lower() for magic in (_ZIP, *(magic for magic, *_ in _MAGIC))]
    return not start.startswith(named.lower()) and start.startswith(tuple(kinds))


def _only_array(path: Path, wanted: str, read) -> np.ndarray:
    """What `read(path)` gives if it is one array; a dict of names and shapes is an error."""
    try:
        content = read(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: the file is missing") from None
    except hdf5.Elsewhere as error:
        raise ValueError(f"{path}: {error}") from None
    except Exception as error:  # both libraries raise whatever they stumble over in a damaged file
        raise DamagedFile(
            f"{path}: not a whole {path.suffix} file ({error}); it is damaged, cut short or another kind of file; copy it "
            "again, or store the array with np.save"
        ) from None
    if isinstance(content, np.ndarray):
        return content
    arrays = ", ".join(f"{name} {shape}" for name, shape in content.items()) or "no array"
    first = next(iter(content), "NAME")
    array = f"np.load({path.name!r})[{first!r}]" if read is _from_npz else f"h5py.File({path.name!r})[{first!r}][()]"
    line = _SAVED_AS[wanted][1].format(new=_renamed(path, ".npy"), array=array)
    raise ValueError(f"{path}: it holds {arrays}; expected one array. Convert the one that is meant to .npy: {line}")


def _from_npz(path: Path) -> np.ndarray | dict[str, tuple[int, ...]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if len(names) == 1:
            with archive.open(names[0]) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name].shape for name in arrays}


def _from_hdf5(path: Path) -> np.ndarray | dict[str, tuple[int, ...]]:
    with open(path, "rb") as handle:  # h5py gives a missing file the name of a damaged one
        if handle.read(10) == b"MATLAB 7.3":
            raise ValueError("a MATLAB file, whose axes are reversed")
    with h5py.File(path) as file:
        hdf5.refuse_links(file)
        found: dict[str, h5py.Dataset] = {}
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        if len(found) == 1:
            (only,) = found.values()
            hdf5.refuse_elsewhere(only)
            if only.size and only.size <= _LARGEST:
                return np.asarray(only[()])
        return {name: item.shape or () for name, item in found.items()}


def explain(path: Path, wanted: str) -> str:
    """A sentence on what a file is that is no picture of the expected kind, and the line of Python that converts it.

    Args:
        path: a file that is there.
        wanted: "depth", "image", "mask" or "stored" (depth that only PNG may hold).
    """
    expected, line, suffix = _SAVED_AS[wanted]
    what, array = _kind(path)
    if array is None:
        return f"{path}: {what}; expected {expected}"
    line = line.format(new=_renamed(path, suffix), array=array.format(name=path.name))
    return f"{path}: {what}; expected {expected}. Convert it: {line}"


def _renamed(path: Path, suffix: str) -> str:
    """Name of the converted file; never that of the file itself."""
    return path.stem + suffix if path.suffix.lower() != suffix else f"{path.stem}_map{suffix}"


def _kind(path: Path) -> tuple[str, str | None]:
    """What a file is, by its first bytes, else by its name; and the expression for its array."""
    with open(path, "rb") as handle:
        start = handle.read(32)
    if not start:
        return "not an image file but an empty one; copy it again", None
    for magic, what, array in _MAGIC:
        if start.lower().startswith(magic.lower()):
            return what, array
    if path.suffix.lower() in _BY_SUFFIX:
        return _BY_SUFFIX[path.suffix.lower()]
    if start.startswith(_ZIP):
        return _in_zip(path)
    if start[4:8] == b"ftyp":  # the container of phones' photographs and of videos
        return "a HEIC or AVIF photograph, or a video; save it as JPEG or PNG in a program that opens it", None
    return "not an image file that can be read, nor another kind that is known here", None


def _in_zip(path: Path) -> tuple[str, str | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "a damaged zip archive; copy it again", None
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if arrays:
        return f"an .npz archive of {', '.join(arrays[:5])}", f"np.load({{name!r}})[{arrays[0]!r}]"
    if any(name.endswith("data.pkl") for name in names):
        return _BY_SUFFIX[".pt"]
    return "a zip archive; unpack it first", None
