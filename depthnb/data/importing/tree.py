"""A folder listed once, so that all layouts can look at it; and the small text files in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from depthnb.data.importing.frames import Camera


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Sorting key by which frame 9 comes before frame 10.

    >>> sorted(["10.jpg", "9.jpg", "a.jpg"], key=natural)
    ['9.jpg', '10.jpg', 'a.jpg']
    """
    parts = re.split(r"([0-9]+)", name)  # ASCII: what int() would not read is text
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]


class Tree:
    """Names of all files and folders below a place, in natural order. Hidden ones are left out, links are followed.

    Args:
        place: a folder, or one file.

    Raises:
        FileNotFoundError: if it is not there.

    Attributes:
        root: the place.
        files: folder -> names of its files.
        folders: folder -> names of its folders.
    """

    def __init__(self, place: Path) -> None:
        self.root = place
        self.files: dict[Path, list[str]] = {}
        self.folders: dict[Path, list[str]] = {}
        if place.is_file():
            self.files[place.parent], self.folders[place.parent] = [place.name], []
        elif place.is_dir():
            self._list(place, frozenset())
        else:
            raise FileNotFoundError(
                f"{place}: there is no such file or folder; give the place of what is to be imported"
            )

    def _list(self, folder: Path, above: frozenset[str]) -> None:
        real = os.path.realpath(folder)
        if real in above:  # a link to a folder that holds it
            return
        with os.scandir(folder) as entries:
            shown = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
        self.files[folder] = sorted((name for name, is_dir in shown if not is_dir), key=natural)
        self.folders[folder] = sorted((name for name, is_dir in shown if is_dir), key=natural)
        for name in self.folders[folder]:
            self._list(folder / name, above | {real})

    def holding(self, *names: str) -> Iterator[Path]:
        """Folders that hold all of these files and folders."""
        for folder, here in self.files.items():
            if set(names) <= {*here, *self.folders[folder]}:
                yield folder

    def matching(self, folder: Path, pattern: str) -> dict[str, str]:
        """First group of a pattern -> name, of the files in a folder whose names it matches from end to end."""
        found = ((re.fullmatch(pattern, name), name) for name in self.files.get(folder, ()))
        return {match[1]: name for match, name in found if match}


def read_lines(path: Path) -> list[str]:
    """Lines of a text file without blank ones and comments (#).

    Raises:
        ValueError: if it is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8 ({error}); get it again") from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def read_camera(path: Path) -> Camera:
    """fx, fy, cx, cy of a text file that holds a pinhole matrix of 3x3 or 4x4 numbers, in one line or several.

    Raises:
        ValueError: for anything else.
    """
    try:
        values = np.array([float(word) for line in read_lines(path) for word in line.replace(",", " ").split()])
        side = {9: 3, 16: 4}[values.size]
        K = values.reshape(side, side)[:3, :3]
        if not (np.isfinite(values).all() and K[0, 0] > 0 and K[1, 1] > 0 and K[2].tolist() == [0, 0, 1]):
            raise ValueError
    except (ValueError, KeyError):
        raise ValueError(
            f"{path}: expected a camera matrix, 3x3 or 4x4 numbers with fx 0 cx / 0 fy cy / 0 0 1; get the file again, or "
            "give --intrinsics fx,fy,cx,cy"
        ) from None
    return float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])
