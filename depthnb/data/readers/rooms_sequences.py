r"""`rooms-sequences`: three frames each of 68 rooms, a hand's breadth apart, with the camera's poses (`data.sequences`)."""

from __future__ import annotations

from pathlib import Path

from depthnb.data.readers import rooms
from depthnb.data.readers.folder import Folder, embedded
from depthnb.data.readers.index_csv import read_index
from depthnb.data.source import clone_data

NAME = "rooms-sequences"


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded folder, or another copy of it at `root`; its rooms are of the train and val splits of rooms.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    place = clone_data(NAME) if root is None else root
    source = embedded(place, NAME, max_depth=rooms.MAX_DEPTH, protocol="rooms")
    # nobody is judged on these frames, so that none of them need be given away for a test split
    source.index, source.notes = source.index.assign(split=read_index(source.root)["split"].to_numpy()), ()
    return source
