r"""`streets`: the embedded driving frames, an RGB-D folder at `data/streets` of the repository."""

from __future__ import annotations

from pathlib import Path

from depthnb.data.readers.folder import Folder, embedded
from depthnb.data.source import clone_data

MAX_DEPTH = 80.0


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded streets, or another copy of them at `root`.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    return embedded(clone_data("streets") if root is None else root, "streets", max_depth=MAX_DEPTH)
