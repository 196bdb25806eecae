"""Recordings of the app Record3D on a phone with LiDAR or TrueDepth, exported as .r3d, as it is or unpacked.

    2026-05-01--10-00-00.r3d     a zip archive of
      metadata                   JSON: K (9 numbers, column by column), w, h, dw, dh, perFrameIntrinsicCoeffs (fx, fy, cx, cy)
      rgbd/0.jpg                 w x h
      rgbd/0.depth               dw x dh float32, metres, row by row, compressed by LZFSE

Colour and depth show one field of view in two sizes, and the camera belongs to the colour picture.

Source: the app's author in https://github.com/marek-simonik/record3d, issues 7, 83, 93 (files and metadata) and 108 (sizes,
camera).
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from depthnb.data.importing.frames import Camera, Found, Frame, Settings
from depthnb.data.importing.tree import Tree, natural
from depthnb.data.words import plural

_MISSING = (
    "depth of Record3D is compressed by LZFSE, and no package that unpacks it is installed; install one with "
    "'pip install pyliblzfse' and import again"
)


@dataclass(frozen=True)
class _Recording:
    """A recording in a folder, or in a zip archive."""

    place: Path

    def names(self) -> list[str]:
        if self.place.is_dir():
            return [f"rgbd/{file.name}" for file in (self.place / "rgbd").iterdir()]
        with self._archive() as archive:
            return archive.namelist()

    def read(self, name: str) -> bytes:
        if self.place.is_dir():
            return (self.place / name).read_bytes()
        with self._archive() as archive:
            try:
                return archive.read(name)
            except (KeyError, zipfile.BadZipFile, zlib.error) as error:
                raise ValueError(f"{self.place}: {name} cannot be read ({error}); export the recording again") from None

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.place)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{self.place}: not a whole .r3d file ({error}); export the recording again") from None


def fits(tree: Tree) -> bool:
    """Whether there is a recording."""
    return any(_recordings(tree))


def _recordings(tree: Tree) -> list[_Recording]:
    files = [folder / name for folder, names in tree.files.items() for name in names if name.lower().endswith(".r3d")]
    return [_Recording(place) for place in sorted([*files, *tree.holding("metadata", "rgbd")])]


def find(tree: Tree, settings: Settings) -> Found:
    """Frames of all recordings; a recording is a scene.

    Raises:
        ImportError: if nothing that unpacks LZFSE is installed.
        ValueError: if a recording cannot be read, or holds no frames.
    """
    settings.without_scale("record3d", "metres")
    _decompress()
    frames, alone = [], 0
    for recording in _recordings(tree):
        facts = _metadata(recording)
        files = {ending: _numbers(recording, ending) for ending in (".jpg", ".depth")}
        alone += len(files[".jpg"] ^ files[".depth"])
        scene = recording.place.resolve().stem if recording.place.is_file() else recording.place.resolve().name
        size = (int(facts["h"]), int(facts["w"])) if {"h", "w"} <= facts.keys() else None
        for number in sorted(files[".jpg"] & files[".depth"]):
            picture = f"rgbd/{number}.jpg"
            image = recording.place / picture if recording.place.is_dir() else partial(_read_image, recording, picture)
            read = partial(read_depth, recording, number, facts.get("dw"), facts.get("dh"))
            camera = settings.camera or _camera(recording, facts, number)
            own = None if settings.camera else size
            frames.append(Frame(f"{scene}_{number:06d}", scene, image, read, None, camera, own))
    if not frames:
        raise ValueError(f"{tree.root}: no recording holds rgbd/N.jpg and rgbd/N.depth; export it as .r3d")
    notes = ["Depth of a phone is smoothed by a network of its maker that has seen the picture."]
    return Found(frames, (*notes, *([f"{plural(alone, 'file')} without its other half left out."] if alone else [])))


def _numbers(recording: _Recording, ending: str) -> set[int]:
    names = (Path(name) for name in sorted(recording.names(), key=natural) if name.startswith("rgbd/"))
    return {int(name.stem) for name in names if name.suffix == ending and name.stem.isdecimal() and name.stem.isascii()}


def _metadata(recording: _Recording) -> dict:
    try:
        facts = json.loads(recording.read("metadata"))
        if not isinstance(facts, dict):
            raise ValueError("not a table of names and values")
        return facts
    except (UnicodeDecodeError, json.JSONDecodeError, ValueError) as error:
        raise ValueError(
            f"{recording.place}: its metadata cannot be read ({error}); export the recording again"
        ) from None


def _camera(recording: _Recording, facts: dict, number: int) -> Camera | None:
    """The frame's own camera where it is stored, else that of the recording."""
    each, K = facts.get("perFrameIntrinsicCoeffs") or [], facts.get("K")
    try:
        if number < len(each):
            fx, fy, cx, cy = (float(value) for value in each[number][:4])
        elif K is None:
            return None
        else:
            fx, _, _, _, fy, _, cx, cy, _ = (float(value) for value in K)  # column by column
    except (TypeError, ValueError):
        raise ValueError(
            f"{recording.place}: its metadata has no camera of four or nine numbers; give --intrinsics"
        ) from None
    return fx, fy, cx, cy


def _decompress():
    try:
        from liblzfse import decompress
    except ImportError:
        raise ImportError(_MISSING) from None
    return decompress


def _read_image(recording: _Recording, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(recording.read(name))) as picture:
            return np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{recording.place}: {name} is damaged ({error}); export the recording again") from None


def read_depth(recording: _Recording, number: int, width: int | None, height: int | None) -> tuple[np.ndarray, float]:
    """Depth float32 [H,W] in metres, and 1. Without width and height the shape of the picture decides."""
    try:
        values = np.frombuffer(_decompress()(recording.read(f"rgbd/{number}.depth")), "<f4")
    except ImportError:
        raise
    except Exception as error:  # the library raises an error of its own
        raise ValueError(f"{recording.place}: rgbd/{number}.depth cannot be unpacked ({error})") from None
    if not (width and height):
        sides = _read_image(recording, f"rgbd/{number}.jpg").shape[:2]
        height = round(math.sqrt(values.size * sides[0] / sides[1]))
        width = values.size // max(height, 1)
    if width * height != values.size or not values.size:
        raise ValueError(
            f"{recording.place}: rgbd/{number}.depth holds {values.size} numbers; expected {width}x{height} (width x height)"
        )
    return values.reshape(int(height), int(width)).copy(), 1.0
