r"""`rooms-changed`: twelve test rooms re-rendered with one thing changed at a time, to ask nets how robust they are.

An id is that of the embedded frame, a hyphen and the change: `bedroom_0005_05-light-lamp`. Nothing is to be trained on it: all
frames are test frames.
"""

from __future__ import annotations

from pathlib import Path

from depthnb.data.readers import rooms
from depthnb.data.readers.folder import Folder, embedded
from depthnb.data.source import clone_data

NAME, BASE = "rooms-changed", "base"
# what a change is, for people
SAID = {
    BASE: "unchanged",
    "light-evening": "evening, dim lamps",
    "light-lamp": "one warm lamp",
    "wall-dark": "dark walls",
    "wall-brick": "brick walls",
    "height-low": "camera lower (0.6 m)",
    "height-high": "camera higher (2.2 m)",
    "view-40": "narrower view (40°)",
    "view-75": "wider view (75°)",
    "view-90": "wider view (90°)",
    "clutter": "added clutter",
}
VIEWS = {"view-40": 40.0, BASE: 56.9, "view-75": 75.0, "view-90": 90.0}  # degrees across


def parts_of(name: str) -> tuple[str, str]:
    """The embedded frame and the change of a frame's id.

    Raises:
        ValueError: for an id that names no known change.

    >>> parts_of("bedroom_0005_05-light-lamp")
    ('bedroom_0005_05', 'light-lamp')
    """
    frame, _, change = name.partition("-")
    if change not in SAID:
        raise ValueError(f"frame {name!r} names no change; expected <frame>-<change> with one of {', '.join(SAID)}")
    return frame, change


def open_source(root: Path | str | None) -> Folder:
    """Open the embedded folder, or another copy of it at `root`.

    Raises:
        FileNotFoundError: if the folder is not there.
    """
    place = clone_data(NAME) if root is None else root
    return embedded(place, NAME, max_depth=rooms.MAX_DEPTH, protocol="rooms")
