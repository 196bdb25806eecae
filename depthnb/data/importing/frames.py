"""What a layout finds: frames that are read one at a time, and sentences on what was decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Camera = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels, pixel centres at integers
OFFICIAL, SCENES = "official", "scenes"  # how frames get a split, beside train, val and test for all of them


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame as it lies in the layout.

    Attributes:
        name: what it shall be called; made unique, and fit for a file name, when it is written.
        scene: decides the split.
        image: a picture's file, or what gives the picture as uint8 [H,W,3].
        depth: a file that the RGB-D folder knows (or TIFF, PFM), or what gives an array [H,W] and metres for each of its units.
        scale: metres for each unit of the depth file; None where an array brings its own.
        camera: of the image; None: unknown.
        camera_size: (height, width) of the picture that the camera belongs to; None: the image's own.
        scene_type, split: "" where the layout does not say.
    """

    name: str
    scene: str
    image: Path | Callable[[], np.ndarray]
    depth: Path | Callable[[], tuple[np.ndarray, float]]
    scale: float | None = None
    camera: Camera | None = None
    camera_size: tuple[int, int] | None = None
    scene_type: str = ""
    split: str = ""


@dataclass(frozen=True)
class Found:
    """The frames of a place, in their order within a scene, and what is to be said about them."""

    frames: list[Frame]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What the user says about the files.

    Attributes:
        scale: metres for each stored unit of depth; None: as the layout says.
        camera: of every image; None: as the layout says.
        split: "official": as the layout says, and by scene where it says nothing; "scenes": by scene; or train, val or test.
        scene: of the layout pair: whether a "folder" or a "frame" is a scene.
    """

    scale: float | None = None
    camera: Camera | None = None
    split: str = OFFICIAL
    scene: str = "folder"

    def without_scale(self, layout: str, unit: str) -> None:
        """Raise ValueError if a scale is given for a layout whose unit is fixed."""
        if self.scale is not None:
            raise ValueError(f"layout {layout} stores {unit}, so no depth scale is needed; leave --depth-scale out")
