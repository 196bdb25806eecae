"""Films: a video file, or pictures in the order of their names, read one frame at a time."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from depthnb.photos.reading import USUAL_VIEW, Photo, check_camera, focal_of_view, read

FILMS = (
    ".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe", ".3gp", ".mts", ".m2ts", ".ts", ".wmv", ".ogv",
    ".flv",
)  # fmt: skip
LARGEST = 1280  # pixels of the longer side that are kept of a frame
_CLEAR = "transparent pixels are laid on white"
_USUAL_RATE = 25.0  # frames a second, where nothing says it


@dataclass(frozen=True, eq=False)
class Film:
    """Pictures that follow each other in time.

    Attributes:
        name: of the file, without folder and ending.
        read: gives the frames anew each time, each with its seconds after the first: upright, all of one size, a `Photo` with
            the same camera.
        rate: frames a second of those that `read` gives, in the mean.
        count: how many they are about, since a video file may not say it.
        notes: what was found or changed, in sentences; complete after the frames were read once.
    """

    name: str
    read: Callable[[], Iterator[tuple[float, Photo]]]
    rate: float
    count: int
    notes: list[str] = field(default_factory=list)


def is_film(path: str | os.PathLike) -> bool:
    """Whether a file's name ends as those of videos do."""
    return Path(path).suffix.lower() in FILMS


def films_in(places: Sequence[str | os.PathLike]) -> list[Path]:
    """The films in those places that are folders; `photos.find` takes only the pictures of a folder."""
    folders = [path for path in (Path(os.path.expanduser(place)) for place in places) if path.is_dir()]
    return sorted(path for folder in folders for path in folder.iterdir() if is_film(path) and path.is_file())


def film(
    path: str | os.PathLike,
    *,
    every: int = 1,
    focal: float | None = None,
    view: float | None = None,
    name: str = "",
) -> Film:
    """Open a video file.

    The rotation that telephones store is applied, pixels that are not square are made so, and transparent ones are laid on
    white. Frames of more than `LARGEST` pixels a side are reduced. What is damaged is left out, and a note says so.

    Args:
        path: whatever PyAV reads (extra `video`).
        every: take each so-many-th frame.
        focal: focal length in pixels of the file's upright picture, if it is known.
        view: degrees across the longer side, if those are known instead; default `USUAL_VIEW`.
        name: of the film; default the file's without ending.

    Raises:
        FileNotFoundError: if nothing is there.
        ImportError: where PyAV is not installed.
        ValueError: for what is no video, and for numbers out of range.
    """
    path, every = Path(path), _whole(every)
    check_camera(focal, view)
    if not path.is_file():
        raise FileNotFoundError(f"{path} {'is no file' if path.exists() else 'does not exist'}; expected a video")
    notes: list[str] = []
    with _opened(path) as container:
        stream = container.streams.video[0]
        told = stream.average_rate or stream.guessed_rate
        seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
        rate = float(told or _USUAL_RATE)
        count = stream.frames or math.ceil(seconds * rate)
    if not told:
        notes.append(f"the file does not say how many frames a second it has; {_USUAL_RATE:g} are supposed")
    if every > 1:
        notes.append(f"one frame of {every}")

    def frames() -> Iterator[tuple[float, Photo]]:
        size, started, last, seen, all_notes = None, 0.0, -math.inf, 0, list(notes)
        for seconds, pixels, own in _decoded(path, every, rate, all_notes):
            seen += 1
            if size is None:
                size, started = pixels.shape[:2], seconds
                if max(own) > LARGEST:
                    all_notes.append(f"reduced from {own[1]} x {own[0]} pixels")
            last = max(seconds - started, last + 1e-3)  # damaged files may count backwards
            yield last, _photo(pixels, size, own, focal, view, name or path.stem)
        if size is None:
            raise ValueError(f"{path}: no frame could be read; the video is damaged or empty")
        if seen < 0.9 * expected - 2:
            all_notes.append(f"{seen} frames instead of about {expected}; the file is damaged or cut short")
        opened.notes[:] = all_notes

    expected = max(1, math.ceil(count / every))
    opened = Film(name or path.stem, frames, rate / every, expected, list(notes))
    return opened


def film_of_pictures(
    paths: Sequence[Path],
    *,
    rate: float = _USUAL_RATE,
    every: int = 1,
    focal: float | None = None,
    view: float | None = None,
    name: str = "",
) -> Film:
    """Take pictures for the frames of a film, in the order of their names; numbers in them count as numbers.

    Args:
        paths: two or more, all of one size.
        rate: frames a second of the pictures.
        every, focal, view: as for `film`; where the last two are not given, EXIF of the first picture counts.
        name: of the film; default that of the folder.

    Raises:
        ValueError: for fewer than two pictures, and for numbers out of range; from its frames, for sizes that differ.
    """
    if len(paths) < 2:
        raise ValueError(f"a film has two pictures or more, found {len(paths)}")
    if not 0 < rate < math.inf:
        raise ValueError(f"{rate:g} frames a second; expected above 0")
    every = _whole(every)
    check_camera(focal, view)
    chosen = sorted(paths, key=_natural)[::every]

    def frames() -> Iterator[tuple[float, Photo]]:
        first = None
        for number, path in enumerate(chosen):
            photo = read(path, focal=focal, view=view, longest=LARGEST)
            first = first or photo
            notes.extend(note for note in photo.notes if note not in notes)
            if photo.size != first.size:
                (h, w), (high, wide) = photo.size, first.size
                raise ValueError(f"{path} has {w} x {h} pixels and {chosen[0]} {wide} x {high}; a film has one size")
            yield number * every / rate, replace(photo, focal=first.focal, camera=first.camera)

    folder = chosen[0].absolute().parent.name
    notes = [f"one picture of {every}"] if every > 1 else []
    return Film(name or folder or "film", frames, rate / every, len(chosen), notes)


def _whole(every: int) -> int:
    if every < 1:
        raise ValueError(f"each {every}-th frame makes no sense; expected 1 or more")
    return every


def _natural(path: Path) -> tuple:
    """Order of names in which 9 comes before 10.

    >>> [path.name for path in sorted(map(Path, ["f10.png", "f9.png", "f1.png"]), key=_natural)]
    ['f1.png', 'f9.png', 'f10.png']
    """
    parts = re.split(r"(\d+)", str(path))
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def pyav():
    """The package av, which only films need; ImportError that says how to get it."""
    try:
        import av
    except ImportError as error:
        raise ImportError("a film takes the package av: pip install 'depthnb[video]'") from error
    return av


def _opened(path: Path):
    av = pyav()
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: no video that PyAV can read ({said}); copy it again, or save it as MP4") from None
    if not container.streams.video:
        container.close()
        raise ValueError(f"{path}: there is no picture in it; expected a video")
    return container


def _decoded(
    path: Path, every: int, rate: float, notes: list[str]
) -> Iterator[tuple[float, np.ndarray, tuple[int, int]]]:
    """Seconds of each frame; uint8 [H,W,3], upright, reduced; and (H, W) of the file's upright picture."""
    av = pyav()
    with _opened(path) as container:
        stream, number, damaged = container.streams.video[0], 0, 0
        stream.thread_type = "AUTO"
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except av.error.FFmpegError as error:
                notes.append(f"damaged after frame {number} ({error.strerror}); what comes later is left out")
                break
            try:
                frames = packet.decode()
            except av.error.FFmpegError:  # what follows may be whole
                damaged += 1
                continue
            for frame in frames:
                if number % every == 0:
                    seconds = number / rate if frame.time is None else frame.time
                    yield seconds, *_upright(frame, stream.sample_aspect_ratio, notes)
                number += 1
        if damaged:
            notes.append(f"{damaged} pieces of the file are damaged and left out")


def _upright(frame, aspect, notes: list[str]) -> tuple[np.ndarray, tuple[int, int]]:
    square = frame.width * float(aspect or 1), float(frame.height)
    scale = min(1.0, LARGEST / max(square))
    width, height = (max(1, round(side * scale)) for side in square)
    clear = any(component.is_alpha for component in frame.format.components)
    kind = "rgba" if clear else "rgb24"
    pixels = frame.to_ndarray(format=kind, width=width, height=height, interpolation="AREA")
    if clear:
        if pixels[..., 3].min() < 255 and _CLEAR not in notes:
            notes.append(_CLEAR)
        opaque = pixels[..., 3:] / 255
        pixels = (pixels[..., :3] * opaque + 255 * (1 - opaque)).round().astype(np.uint8)
    turns = round((frame.rotation or 0) / 90) % 4  # counter-clockwise, as rot90 turns
    own = (round(square[1]), round(square[0]))
    return np.ascontiguousarray(np.rot90(pixels, turns)), own[::-1] if turns % 2 else own


def _photo(
    pixels: np.ndarray, size: tuple[int, int], own: tuple[int, int], focal: float | None, view: float | None, name: str
) -> Photo:
    image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
    if image.shape[-2:] != size:  # a video may change its size on the way
        image = F.interpolate(image[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
    if focal is not None:
        told, camera = focal * max(size) / max(own), f"{focal:g} pixels, as told"
    else:
        why = "as told" if view is not None else "supposed: a video does not say it"
        degrees = USUAL_VIEW if view is None else view
        told = focal_of_view(degrees, size)
        camera = f"{degrees:g} degrees across the longer side, {why}"
    return Photo(name, image, float(told), camera, original=own)
