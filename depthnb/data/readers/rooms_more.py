r"""`rooms+more`: the embedded rooms, and further ones to train on that `make rooms-more` renders."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd
from torch import Tensor

from depthnb.data.readers import rooms
from depthnb.data.readers.folder import Folder
from depthnb.data.readers.index_csv import read_index
from depthnb.data.source import Source, clone_data

FOLDER = "rooms-more"


class RoomsAndMore(Source):
    """The embedded rooms with their splits, and behind them the frames of a folder that `data/render` made, all to train on.

    Args:
        more: the folder that holds the further frames.

    Raises:
        FileNotFoundError: if one of the two is not there.
        ValueError: if a further frame is no training frame, or a scene or frame of it is one of the embedded rooms.
    """

    def __init__(self, more: Path) -> None:
        self.parts = (rooms.open_source(None), Folder(more, name=FOLDER, protocol="rooms", max_depth=rooms.MAX_DEPTH))
        own, further = (part.index for part in self.parts)
        if (read_index(more)["split"] != "train").any():
            raise ValueError(
                f"{more}: has frames of another split than train; expected what make rooms-more makes, which is for training"
            )
        for column in ("scene", "id"):
            if common := sorted({*own[column]} & {*further[column]}):
                raise ValueError(
                    f"{more}: the {column} {common[0]!r} is one of the embedded rooms, and might be one of their test split; "
                    "expected what make rooms-more makes, which has numbers of its own"
                )
        further = further.assign(split="train")  # a folder of training frames alone would have given some of them away
        self.name, self.root = "rooms+more", more
        self.index = pd.concat([own, further], ignore_index=True)
        self.protocol, self.max_depth = self.parts[0].protocol, rooms.MAX_DEPTH
        self.fingerprint = hashlib.sha256(repr([part.fingerprint for part in self.parts]).encode()).hexdigest()[:12]
        self.state = repr([part.state for part in self.parts])
        scenes = further["scene"].nunique()
        self.notes = (f"{len(further)} of the training frames, of {scenes} scenes, are those in {more.name}.",)

    def read(self, row: int) -> dict[str, Tensor]:
        part, row = self._place(row)
        return part.read(row)

    def files(self, row: int) -> list[Path]:
        part, row = self._place(row)
        return part.files(row)

    def _place(self, row: int) -> tuple[Folder, int]:
        own = len(self.parts[0].index)
        return (self.parts[0], row) if row < own else (self.parts[1], row - own)


def open_source(root: Path | str | None) -> RoomsAndMore:
    """Open the embedded rooms with the further ones at `root`, under `DEPTHNB_DATA`, or in the clone's own `data`.

    Raises:
        FileNotFoundError: where there are no further ones, with the command that renders them.
        ValueError: as `RoomsAndMore`.
    """
    data = os.environ.get("DEPTHNB_DATA")
    places = [Path(root)] if root is not None else [*([Path(data) / FOLDER] if data else []), clone_data(FOLDER)]
    places = [place.expanduser() for place in places]
    for place in places:
        if (place / "index.csv").is_file():
            return RoomsAndMore(place)
    raise FileNotFoundError(
        f"no further rooms (looked for index.csv in {', '.join(map(str, places))}). They are rendered, not downloaded: "
        "make rooms-more SCENES=500, about nine seconds of one core a scene"
    )
