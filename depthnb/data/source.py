"""Where the frames of a data set come from: the base class of every reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import Tensor

from depthnb.data.cameras import camera_fault
from depthnb.metrics.protocols import protocol


class Source:
    """Where the frames of one data set come from: an index and a way to read one frame at native size.

    A subclass sets the attributes in its `__init__` and implements `read`. It must survive pickling (no open files in
    its state), since data loader workers and other processes get copies.

    Attributes:
        name: the data set's name as given to `data.open`.
        root: the folder (or file) it was found at.
        index: DataFrame with the columns id, scene, scene_type, split (train, val or test), one row for each frame.
        protocol: name of the evaluation protocol that goes with this truth.
        max_depth: metres; the far end of that protocol.
        fingerprint: 12 hex digits that say which data these are (names, sizes), the same on every machine. Whether a file
            was changed in place is a question of its bytes, which `files` leads to and `cache.content` reads.
        state: further facts (modification times) that decide whether a prepared cache is still good on this machine.
        notes: sentences on what was decided for the user, such as a derived split.
        own_test: whether the test split is the data set's own; False: it was drawn here, or there is none.
        unchecked: whether nobody has published these files, so that they are looked at whenever they are opened.
        lines: of index.csv, one a frame; empty where frames are not listed in one.
        unit: in words, where the unit of the stored depth is told; for errors.
    """

    name: str
    root: Path
    index: pd.DataFrame
    protocol: str
    max_depth: float
    fingerprint: str
    state: str = ""
    notes: tuple[str, ...] = ()
    own_test: bool = True
    unchecked: bool = False
    lines: tuple[int, ...] = ()
    unit: str = "the published files hold metres, or a unit that their reader knows; get them again"

    def read(self, row: int) -> dict[str, Tensor]:
        """Return image uint8 [3,H,W], depth float32 [1,H,W] in m, valid bool [1,H,W], intrinsics float32 [3,3]."""
        raise NotImplementedError

    def files(self, row: int) -> Sequence[str | Path]:
        """The files that a frame is read from; empty where frames share one, so that a frame's content is what `read` gives."""
        return ()

    def frame(self, row: int) -> dict[str, Tensor]:
        """As `read`, but depth outside of the protocol's range is not valid: what is not scored is not trained on either.

        A sensor that saturates and a renderer's sky store a number there that is no depth. Both ends are open, as in the
        protocol. `beyond` (bool [1,H,W]) marks what was left out.

        Raises:
            ValueError: for a camera that cannot be.
        """
        sample = self.read(row)
        if self.unchecked and (fault := camera_fault(sample["intrinsics"], sample["image"].shape[-2:])):
            name = self.index["id"].iloc[row]
            raise ValueError(f"{self.root}: the intrinsics of frame {name!r} cannot be right, {fault}")
        rule, depth, valid = protocol(self.protocol), sample["depth"], sample["valid"]
        inside = (depth > rule.min_depth) & (depth < rule.max_depth)
        return {**sample, "valid": valid & inside, "beyond": valid & ~inside}


def clone_data(*parts: str) -> Path:
    """Path of something in `data/` of the clone this package lies in, whether it exists or not."""
    return Path(__file__).resolve().parents[2].joinpath("data", *parts)
