r"""`rooms`: the embedded indoor frames, an RGB-D folder at `data/rooms` of the repository."""

from __future__ import annotations

from pathlib import Path

from depthnb.data.folder import Folder

MAX_DEPTH = 10.0


def default_root() -> Path:
    """Folder of the embedded frames, found from the place of this package inside a clone."""
    return Path(__file__).resolve().parents[2] / "data" / "rooms"


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded rooms, or another copy of them at `root`.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    folder = default_root() if root is None else Path(root).expanduser()
    if not (folder / "index.csv").is_file():
        raise FileNotFoundError(
            f"{folder}: the embedded data set rooms is not here (no index.csv). It is part of the repository, beside "
            "the package; use depthnb from a clone (pip install -e .), restore it with 'git checkout -- data/rooms', "
            "or give root"
        )
    return Folder(folder, name="rooms", protocol="rooms", max_depth=MAX_DEPTH)
