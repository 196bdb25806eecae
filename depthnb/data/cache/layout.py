r"""What a prepared folder holds, byte by byte, and whether a folder is one: sizes, headers and checksums.

Every frame has a checksum (CRC-32) over its image, depth, mask and intrinsics: the block that a reader asks for. CRC-32 finds
every flipped byte and every run of wrong bits up to 32; it costs 0.04 ms for a frame of 160x120, SHA-256 three times as much.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

PIXELS = (
    "image",
    "depth",
    "valid",
    "intrinsics",
)  # what a reader gives, and what a frame's checksum covers, in this order
ARRAYS = {"image": np.uint8, "depth": np.float32, "valid": np.bool_, "intrinsics": np.float32, "counts": np.int64}
SMALL = ("counts", "sums")  # files that are always read whole; index.json has their checksums
INDEX = "index.json"
NAMES = {*(f"{key}.npy" for key in (*ARRAYS, "sums")), INDEX}  # the files of a whole folder


def shapes(frames: int, size: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Shape of each array of `ARRAYS`."""
    each = {"image": (3, *size), "depth": (1, *size), "valid": (1, *size), "intrinsics": (3, 3), "counts": (3,)}
    return {key: (frames, *shape) for key, shape in each.items()}


def frame_bytes(size: Sequence[int]) -> dict[str, int]:
    """Bytes that one frame takes in each array."""
    return {key: int(np.prod(shape)) * np.dtype(ARRAYS[key]).itemsize for key, shape in shapes(1, size).items()}


def total_bytes(frames: int, size: Sequence[int]) -> int:
    """Bytes of a whole folder, without the few that name its frames."""
    return frames * (sum(frame_bytes(size).values()) + 4) + 1024


def header(key: str, frames: int, size: Sequence[int]) -> bytes:
    """The bytes with which the .npy file of an array begins."""
    dtype = np.lib.format.dtype_to_descr(np.dtype(ARRAYS[key]))
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": dtype, "fortran_order": False, "shape": shapes(frames, size)[key]}
    )
    return head.getvalue()


def frame_sum(frame: Mapping[str, np.ndarray]) -> int:
    """The checksum of one frame, from its contiguous arrays."""
    total = 0
    for key in PIXELS:
        total = zlib.crc32(frame[key].data, total)
    return total


def index_text(facts: dict, content: str, ids: list[str], small: Mapping[str, bytes]) -> str:
    """What index.json says, with a checksum of itself."""
    said = {"made from": facts, "content": content, "sums": {key: zlib.crc32(small[key]) for key in SMALL}, "ids": ids}
    return json.dumps({**said, "check": _check(said)})


def _check(said: dict) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def read_index(folder: Path) -> dict:
    """What index.json of a folder says; ValueError in one part of a sentence where it is damaged, OSError without one."""
    try:
        said = json.loads((folder / INDEX).read_bytes())
        if said.pop("check") == _check(said):
            return said
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{INDEX} is damaged")


def fault(folder: Path, facts: dict) -> str:
    """Why a folder is not the one that these facts ask for, as one part of a sentence; empty if it is.

    Everything but the frames themselves is looked at: a frame is checked when it is first read.
    """
    frames, size = facts["frames"], facts["size"]
    try:
        said = read_index(folder)
        if said["made from"] != facts:
            return "it was made from other data"
        for key in ARRAYS:
            head, path = header(key, frames, size), folder / f"{key}.npy"
            expected = len(head) + frames * frame_bytes(size)[key]
            if (found := path.stat().st_size) != expected:
                return f"{path.name} has {found:,} bytes, expected {expected:,}"
            with open(path, "rb") as handle:
                if handle.read(len(head)) != head:
                    return f"the header of {path.name} is damaged"
        for key in SMALL:
            read_small(folder, key, frames, said)
    except (FileNotFoundError, NotADirectoryError) as error:
        return f"{Path(error.filename).name} is missing"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    except ValueError as error:
        return str(error)
    return ""


def read_small(folder: Path, key: str, frames: int, said: Mapping) -> np.ndarray:
    """An array that is read whole: counts int64 [N, 3], sums uint32 [N]; ValueError where it is damaged."""
    stored = (folder / f"{key}.npy").read_bytes()
    shape, dtype = ((frames, 3), np.int64) if key == "counts" else ((frames,), np.uint32)
    data = stored[-frames * int(np.prod(shape[1:])) * np.dtype(dtype).itemsize :]
    try:
        if zlib.crc32(data) == said["sums"][key]:
            return np.frombuffer(data, dtype).reshape(shape)
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError(f"{key}.npy is damaged")


def map_pixels(folder: Path, frames: int, size: Sequence[int]) -> dict[str, np.ndarray]:
    """The arrays of `PIXELS`, mapped into memory. Their shape comes from the facts, not from a header that may be damaged.

    Raises:
        OSError: where a file is gone or shorter than it must be; mapping it all the same would end the process.
    """
    maps = {}
    for key in PIXELS:
        path, start = folder / f"{key}.npy", len(header(key, frames, size))
        if path.stat().st_size != start + frames * frame_bytes(size)[key]:
            raise OSError(errno.EIO, "not of its size", str(path))
        maps[key] = np.memmap(path, ARRAYS[key], "r", start, shapes(frames, size)[key])
    return maps


def frame_fault(folder: Path, facts: dict) -> str:
    """As `fault` for the frames themselves, all of which are read."""
    frames, size = facts["frames"], facts["size"]
    maps, sums = map_pixels(folder, frames, size), read_small(folder, "sums", frames, read_index(folder))
    for number in range(frames):
        if frame_sum({key: array[number] for key, array in maps.items()}) != sums[number]:
            return f"frame {number + 1} does not have its checksum"
    return ""
