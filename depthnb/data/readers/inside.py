r"""What a data set's own files may lead to: nothing outside of its folder by name, and by links whatever its owner linked.

A list such as index.csv comes with the data and is often somebody else's, so a path in it that leaves the folder is refused:
a stranger's list must not decide which other files of this machine are read. A symbolic link is different. It is made by
whoever keeps the folder, and is how large sets are kept: `image` on a bigger disk, or every single file, as git-annex, DVC and
the cache of the Hugging Face hub have it. So links are followed, of the folder itself, of folders in it and of files, and those
that lead out are counted in the data set's notes: whoever has unpacked a stranger's archive sees them. (`depthnb download`
unpacks none.) HDF5 files have links of their own, and these are refused (`hdf5`).
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath


def leaves(name: str) -> bool:
    """Whether a path, as a list has it, leads out of the folder it is relative to, or is relative to none.

    >>> [leaves(name) for name in ("a/b.png", "a/../b.png", "..png", "../b.png", "a/../../b.png", "/b.png", "C:/b.png")]
    [False, False, False, True, True, True, True]
    """
    parts = posixpath.normpath(name.replace("\\", "/"))
    return parts == ".." or parts.startswith(("../", "/")) or PureWindowsPath(name).is_absolute()


def linked_away(root: Path, names: Iterable[str]) -> int:
    """How many of the files named lie outside of the folder, behind a symbolic link; that `root` is one does not count."""
    top = os.path.realpath(root)
    inside: dict[str, bool] = {}

    def within(path: str) -> bool:
        return os.path.commonpath([top, os.path.realpath(path)]) == top

    away = 0
    for name in names:
        path = os.path.join(root, name)
        folder = os.path.dirname(path)
        if folder not in inside:
            inside[folder] = within(folder)
        away += not (within(path) if os.path.islink(path) else inside[folder])
    return away
