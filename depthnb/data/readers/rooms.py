r"""`rooms`: the embedded indoor frames, an RGB-D folder at `data/rooms` of the repository."""

from __future__ import annotations

from pathlib import Path

from depthnb.data.readers.folder import Folder, embedded
from depthnb.data.source import clone_data

MAX_DEPTH = 10.0


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded rooms, or another copy of them at `root`.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    return embedded(clone_data("rooms") if root is None else root, "rooms", max_depth=MAX_DEPTH)
