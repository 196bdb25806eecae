r"""Reading MATLAB v7.3 files, one frame at a time: what the two labelled files of NYU Depth have in common.

Such a file is HDF5 after a header of 512 bytes, with every array's axes reversed: MATLAB's images [480, 640, 3, N] lie
there as (N, 3, 640, 480). A cell array of strings is a (1, N) array of references to columns of uint16 characters.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from depthnb.data.readers import hdf5

_LONGEST = 1000  # characters; names of scenes have about 20


@dataclass(frozen=True)
class Field:
    """What a field must be: its shape after the first axis, as HDF5 has it, and the dtypes it may have."""

    shape: tuple[int, ...]
    dtypes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' or '.join(self.dtypes)} (N, {', '.join(map(str, self.shape))})"


class Mat73:
    """One open file; each process opens it for itself, since HDF5 handles must not be shared.

    Args:
        path: the file.
        what: in words, what it is expected to be ("the labelled data set of NYU Depth V2").
        frames: how many frames the published file has.
        remedy: a sentence that ends every error: where to get the right file.
    """

    def __init__(self, path: Path, *, what: str, frames: int, remedy: str):
        self.path, self.what, self.frames, self.remedy = path, what, frames, remedy
        self._open: tuple[int, h5py.File] | None = None

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": None}

    def file(self) -> h5py.File:
        """The open file; opened anew in a forked process, whose inherited handle would read rubbish."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = (os.getpid(), self._open_hdf5())
        return self._open[1]

    def __contains__(self, key: str) -> bool:
        with self._reading("the list of its fields") as file:
            return key in file

    @contextlib.contextmanager
    def _reading(self, part: str) -> Iterator[h5py.File]:
        """Lend the open file, and say which part of it cannot be read. Errors of our own must not pass through here."""
        file = self.file()
        try:
            yield file
        except hdf5.Elsewhere as error:
            raise ValueError(f"{self.path}: {error}. {self.remedy}") from None
        except Exception as error:  # h5py raises whatever it stumbles over: OSError, KeyError, RuntimeError, TypeError
            raise ValueError(
                f"{self.path}: {part} cannot be read ({error}); expected {self.what}, so the file is damaged, or its "
                f"download stopped before the end. {self.remedy}"
            ) from None

    def check(self, fields: Mapping[str, Field], cells: Sequence[str]) -> int:
        """Check the fields that are needed; return the number of frames.

        Args:
            cells: of these only that they are there.

        Raises:
            ValueError: for a field that is missing, of another type or shape, or with another number of frames, and for
                a damaged file.
        """
        with self._reading("the list of its fields") as file:
            there = sorted(map(str, file))  # names in a damaged file may be bytes
        for key in (*fields, *cells):
            if key not in there:
                raise ValueError(
                    f"{self.path}: field {key} is missing; found {', '.join(there) or 'nothing'}; expected {self.what}. "
                    f"{self.remedy}"
                )
        counts = {}
        for key, field in fields.items():
            with self._reading(f"field {key}") as file:
                found = hdf5.member(file, key)
                data = isinstance(found, h5py.Dataset)
                dtype, shape = (str(found.dtype), found.shape or ()) if data else ("a group", ())
            if shape[1:] != field.shape or dtype not in field.dtypes:
                what = f"{dtype} {shape}" if data else dtype
                raise ValueError(f"{self.path}: field {key} is {what}; expected {field}. {self.remedy}")
            counts[key] = shape[0]
        if len(set(counts.values())) > 1 or 0 in counts.values():
            raise ValueError(
                f"{self.path}: frames differ between fields: {counts}; expected {self.frames} each. {self.remedy}"
            )
        return next(iter(counts.values()))

    def frame(self, key: str, row: int) -> np.ndarray:
        """One frame of a field, its axes as MATLAB has them but channels first: [H, W] or [C, H, W]."""
        with self._reading(f"{key} of frame {row + 1}") as file:
            stored = hdf5.member(file, key)[row]
        return np.ascontiguousarray(stored.swapaxes(-1, -2))

    def strings(self, key: str, frames: int) -> list[str]:
        """Strings of a cell array, one for each frame.

        Raises:
            ValueError: if it is no cell array, has another length, holds something else than characters, or is damaged.
        """
        with self._reading(f"field {key}") as file:
            cells = hdf5.member(file, key)
            right = isinstance(cells, h5py.Dataset) and h5py.check_ref_dtype(cells.dtype) is h5py.Reference
            count = cells.size if right else 0
        if not right:
            raise ValueError(f"{self.path}: field {key} is not a cell array (HDF5 object references). {self.remedy}")
        if count != frames:
            raise ValueError(f"{self.path}: field {key} has {count} entries for {frames} frames. {self.remedy}")
        with self._reading(f"field {key}"):
            references = cells[()].ravel()
        strings = []
        for number, reference in enumerate(references, start=1):
            with self._reading(f"{key}{{{number}}}") as file:
                found = file[reference] if reference else None
                data = isinstance(found, h5py.Dataset)
                what = f"{found.dtype} {found.shape}" if data else "no array"
                if data:
                    hdf5.refuse_elsewhere(found)
                # a damaged shape could fill the memory
                right = data and found.dtype == np.uint16 and found.size <= _LONGEST
                text = "".join(map(chr, found[()].ravel())) if right else ""
            if not right or not text.isprintable():
                raise ValueError(
                    f"{self.path}: {key}{{{number}}} is {repr(text) if right else what}; expected characters (uint16). "
                    f"{self.remedy}"
                )
            strings.append(text)
        return strings

    def fingerprint(self, variant: str) -> str:
        """Hash of a word, the size, and the first and last MiB: the whole file would take as long as preparing it."""
        size = self.path.stat().st_size
        digest = hashlib.sha256(f"{variant} {size}".encode())
        with open(self.path, "rb") as handle:
            digest.update(handle.read(2**20))
            handle.seek(max(0, size - 2**20))
            digest.update(handle.read())
        return digest.hexdigest()[:12]

    def _open_hdf5(self) -> h5py.File:
        """Open, or tell what the file is instead."""
        try:
            # chunks may hold several frames; a cache larger than HDF5's 1 MB keeps them from being unpacked for each anew
            return h5py.File(self.path, "r", rdcc_nbytes=32 * 2**20)
        except Exception as error:  # OSError, but for damage in odd places others too
            found, head = 0, b""
            if self.path.is_file():
                found = self.path.stat().st_size
                with open(self.path, "rb") as handle:
                    head = handle.read(128)
            if self.path.is_dir():
                what = "a folder"
            elif head.startswith(b"MATLAB 5.0"):
                what = "a MATLAB v5 file, while the published one is v7.3 (in MATLAB: save with '-v7.3')"
            elif "truncated" in str(error):
                what = f"an HDF5 file cut short at {found} bytes"
            elif head.startswith(b"MATLAB 7.3"):
                what = f"a damaged MATLAB v7.3 file of {found} bytes ({error})"
            else:
                what = f"not an HDF5 (MATLAB v7.3) file: {found} bytes that begin with {head[:16]!r}"
            raise ValueError(f"{self.path}: {what}; expected {self.what}. {self.remedy}") from None
