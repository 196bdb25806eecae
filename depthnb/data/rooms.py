r"""`rooms`: the embedded indoor frames, an RGB-D folder at `data/rooms` of the repository."""

from __future__ import annotations

from pathlib import Path

from depthnb.data.folder import Folder
from depthnb.data.sample import clone_data

MAX_DEPTH = 10.0


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded rooms, or another copy of them at `root`.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    folder = clone_data("rooms") if root is None else Path(root).expanduser()
    if not (folder / "index.csv").is_file():
        raise FileNotFoundError(
            f"{folder}: the embedded data set rooms is not here (no index.csv). It is part of the repository, beside "
            "the package; use depthnb from a clone (pip install -e .), restore it with 'git checkout -- data/rooms', "
            "or give root"
        )
    return Folder(folder, name="rooms", protocol="rooms", max_depth=MAX_DEPTH)
