"""A submission: one .npz of plain arrays. Every byte of it is looked at before it is believed; nothing in it is run."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_HEADER = 4096  # bytes that an array's header may take; NumPy's own is 128
_ENTRY = b"PK\x01\x02"  # begins each line of a zip file's list


def read(file: str | Path, sizes: Mapping[str, tuple[int, int]]) -> dict[str, np.ndarray]:
    """Read predictions.

    Args:
        file: .npz as `np.savez` or `np.savez_compressed` write it.
        sizes: id -> (H, W) of each picture; there must be an array for each and no other.

    Returns:
        id -> float32 [H,W], all finite, in the order of `sizes`.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for anything else than that, in a sentence that names the entry.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"{file} is no file; expected a submission (.npz)")
    most = sum(height * width * 8 + _HEADER for height, width in sizes.values()) + 2**16
    if file.stat().st_size > most:
        raise ValueError(
            f"{file.name} has {file.stat().st_size:,} bytes; {len(sizes)} depth maps of these sizes have at most {most:,}"
        )
    content = file.read_bytes()
    if content.startswith(b"\x93NUMPY"):
        raise ValueError(f"{file.name} is a single array (.npy); write all arrays with np.savez_compressed")
    if not content.startswith(b"PK"):
        raise ValueError(f"{file.name} is no .npz file (a pickle is never read); write it with np.savez_compressed")
    if (listed := content.count(_ENTRY)) > len(sizes) + 1000:  # before anything is made of the list
        raise ValueError(f"{file.name} has {listed:,} entries; expected {len(sizes)}, one for each picture")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = _entries(archive, file.name, sizes)
            return {name: _array(archive, entries[name], f"{file.name}: {name}", size) for name, size in sizes.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{file.name} is no whole .npz file ({' '.join(str(error).split())[:120]}); write it again"
        ) from None


def _entries(archive: zipfile.ZipFile, file: str, sizes: Mapping[str, tuple[int, int]]) -> dict[str, zipfile.ZipInfo]:
    """id -> entry, one for each picture and no other."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in found:
            raise ValueError(f"{file} has more than one entry {_shown(name)}; give one array for each id")
        found[name] = info
    if unknown := sorted(set(found) - set(sizes)):
        raise ValueError(
            f"{file} has {len(unknown)} unknown ids, the first is {_shown(unknown[0])}; expected those of index.csv"
        )
    if missing := sorted(set(sizes) - set(found)):
        raise ValueError(
            f"{file} lacks {len(missing)} of {len(sizes)} ids, the first is {missing[0]}; give an array for each"
        )
    return found


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, said: str, size: tuple[int, int]) -> np.ndarray:
    """One entry, of which never more is unpacked than an array of that size has."""
    most = size[0] * size[1] * 8 + _HEADER
    if info.file_size > most:
        raise ValueError(f"{said} unpacks to {info.file_size:,} bytes; an array of {_words(size)} has at most {most:,}")
    if info.flag_bits & 1:
        raise ValueError(f"{said} is encrypted; write it with np.savez_compressed")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{said} is compressed in a way that np.savez does not use; write it with np.savez_compressed")
    with archive.open(info) as stream:
        content = stream.read(most + 1)  # the size that the list says may be a lie
    if len(content) > most:
        raise ValueError(f"{said} unpacks to more than {most:,} bytes, what an array of {_words(size)} has at most")
    return _values(content, said, size)


def _values(content: bytes, said: str, size: tuple[int, int]) -> np.ndarray:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        reader = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, fortran, dtype = reader(stream, max_header_size=_HEADER)
    except Exception:  # NumPy parses the header as Python's literals, which raise whatever they stumble over
        raise ValueError(f"{said} is no array as NumPy writes it; write it with np.savez_compressed") from None
    if dtype.hasobject:
        raise ValueError(f"{said} holds Python objects (a pickle), which are never read; give plain numbers")
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise ValueError(f"{said} holds {str(dtype)[:40]}; expected float16, float32 or float64")
    if shape != size:
        raise ValueError(f"{said} has the shape {str(shape)[:60]}; expected {_words(size)}, that of its picture (H, W)")
    data = content[stream.tell() :]
    if len(data) != math.prod(size) * dtype.itemsize:
        raise ValueError(
            f"{said} has {len(data):,} bytes of numbers; {_words(size)} of {dtype} has another number; write it again"
        )
    values = np.frombuffer(data, dtype).reshape(size, order="F" if fortran else "C")
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(f"{said} has {bad:,} numbers that are NaN or infinite; predict every pixel")
    return values


def _words(size: tuple[int, int]) -> str:
    return f"({size[0]}, {size[1]})"


def _shown(name: str) -> str:
    return ascii(name[:40])
