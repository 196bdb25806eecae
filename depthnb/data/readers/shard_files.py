r"""Reading single members of tar files and single rows of parquet files, without unpacking or loading them."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import pyarrow

_MOST_PIXELS = 64_000_000  # no depth camera has so many, and a damaged header can ask for any number
REMEDY = "it is cut short, damaged or another file; get it again"


class Tars:
    """Regular members of several uncompressed tar files by name, read by their place; no file stays open.

    Raises:
        ValueError: for a file that is no whole tar, or a name that two members have.
    """

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self.members: dict[str, tuple[int, int, int]] = {}  # name -> number of the file, first byte, bytes
        for number, path in enumerate(self.paths):
            try:
                with tarfile.open(path, "r:") as archive:
                    for member in archive:
                        if member.isreg():
                            self._add(path, member.name, (number, member.offset_data, member.size))
            except (tarfile.TarError, EOFError) as error:
                raise ValueError(
                    f"{path}: not an uncompressed tar file that can be read ({error}); unpack a compressed one once "
                    "(gunzip), or get it again"
                ) from None

    def _add(self, path: Path, name: str, place: tuple[int, int, int]) -> None:
        name = name.removeprefix("./")
        if place[1] + place[2] > path.stat().st_size:
            raise ValueError(f"{path}: ends within {name!r}; {REMEDY}")
        if name in self.members:
            other = self.paths[self.members[name][0]]
            raise ValueError(f"{path}: {name!r} is in it twice, or in {other} too; keep one of the two")
        self.members[name] = place

    def read(self, name: str) -> bytes:
        """The content of a member."""
        number, start, size = self.members[name]
        with open(self.paths[number], "rb") as handle:
            handle.seek(start)
            return handle.read(size)

    def said(self, name: str) -> str:
        """How errors call a member."""
        return f"{self.paths[self.members[name][0]]}, {name}"


class Tables:
    """Rows of several parquet files with the same columns; the last two groups of rows that were read stay in memory.

    Raises:
        ImportError: without pyarrow.
        ValueError: for a file that is no whole parquet.
    """

    def __init__(self, paths: Sequence[Path]):
        parquet = _parquet()
        self.paths = list(paths)
        self.columns: tuple[str, ...] = ()
        self.places: list[tuple[int, int, int]] = []  # of each row: number of the file, of the group, of the row in it
        for number, path in enumerate(self.paths):
            try:
                facts = parquet.read_metadata(path)
                columns = tuple(parquet.read_schema(path).names)
            except (OSError, ValueError) as error:
                raise ValueError(f"{path}: not a parquet file that can be read ({error}); {REMEDY}") from None
            if self.columns not in ((), columns):
                raise ValueError(f"{path}: columns {columns}, but those of {self.paths[0].name} are {self.columns}")
            self.columns = columns
            for group in range(facts.num_row_groups):
                self.places += [(number, group, row) for row in range(facts.row_group(group).num_rows)]
        self._forget()

    def _forget(self) -> None:
        self._kept: dict[tuple[int, int], pyarrow.Table] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ("_kept", "_lock")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._forget()

    def row(self, number: int, columns: Sequence[str]) -> dict[str, pyarrow.Scalar]:
        """The cells of a row."""
        file, group, row = self.places[number]
        with self._lock:  # threads that ask for neighbours wait for one read
            if (file, group) not in self._kept:
                try:
                    table = _parquet().ParquetFile(self.paths[file]).read_row_group(group, list(columns))
                except (OSError, ValueError) as error:
                    raise ValueError(f"{self.paths[file]}: group {group} cannot be read ({error}); {REMEDY}") from None
                for old in list(self._kept)[:-1]:
                    del self._kept[old]
                self._kept[file, group] = table
            table = self._kept[file, group]
        return {column: table.column(column)[row] for column in columns}

    def said(self, number: int) -> str:
        """How errors call a row."""
        file, _, _ = self.places[number]
        return f"{self.paths[file]}, row {number + 1} of all"


def _parquet():
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("parquet files need pyarrow; get it with: pip install 'depthnb[parquet]'") from error
    return pyarrow.parquet


def array_of(cell: pyarrow.Scalar, shape: Sequence[int], said: str) -> np.ndarray:
    """A cell of nested lists as the array that it stands for; ValueError if it has another shape."""
    values, sides = cell.values, []
    while values is not None and hasattr(values, "offsets"):
        sides.append(len(values))
        values = values.flatten()
    found = None if values is None else values.to_numpy(zero_copy_only=False)
    if (
        found is None
        or found.size != np.prod(shape)
        or sides != [int(np.prod(shape[:n])) for n in range(1, len(shape))]
    ):
        raise ValueError(f"{said}: an array of {0 if found is None else found.size} values, expected {tuple(shape)}")
    return found.reshape(shape)


def picture_of(content: bytes | None, said: str) -> Image.Image:
    """A decoded picture; ValueError if it cannot be."""
    try:
        picture = Image.open(io.BytesIO(content or b""))
        if picture.width * picture.height > _MOST_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} pixels are too many")
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{said}: not a picture that can be read ({error}); {REMEDY}") from None
    return picture


def colours_of(content: bytes | None, said: str) -> np.ndarray:
    """A colour or grey picture of 8 bits as uint8 [3,H,W]; ValueError for another one."""
    picture = picture_of(content, said)
    if picture.mode not in ("RGB", "L"):
        raise ValueError(f"{said}: colour mode {picture.mode}; expected an 8-bit RGB or grey picture")
    return np.ascontiguousarray(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))


def stored_of(content: bytes | None, said: str) -> np.ndarray:
    """A depth map as it is stored, [H,W] of 16 bits; ValueError for another picture."""
    picture = picture_of(content, said)
    if not picture.mode.startswith("I"):
        raise ValueError(f"{said}: a picture of mode {picture.mode}; expected depth of 16 bits in one channel")
    return np.asarray(picture).astype(np.int64)


def npy_of(content: bytes, said: str) -> np.ndarray:
    """The array of a .npy file; ValueError for anything else."""
    try:
        return np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # NumPy raises whatever it stumbles over in a damaged header
        raise ValueError(f"{said}: not a .npy array that can be read ({error}); {REMEDY}") from None


def hdf5_of(content: bytes, names: Sequence[str], said: str) -> list[np.ndarray]:
    """Arrays of an HDF5 file by name; ValueError if one is not in it. What lies in other files is never followed."""
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            for name in names:
                if name not in file.keys():
                    raise ValueError(f"it holds {', '.join(file.keys()) or 'nothing'}, but no {name}")
                own = isinstance(file.get(name, getlink=True), h5py.HardLink) and isinstance(file[name], h5py.Dataset)
                if not own or file[name].external or file[name].is_virtual:
                    raise ValueError(f"{name} lies in another file")
            return [np.asarray(file[name][()]) for name in names]
    except Exception as error:  # h5py raises whatever it stumbles over in a damaged file
        raise ValueError(f"{said}: not an HDF5 file of {' and '.join(names)} ({error}); {REMEDY}") from None
