"""Depth of a film: each frame asked by itself, written as a film in colours and as numbers, and how much it flickers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb import files, metrics, plotting
from depthnb.photos.films import Film
from depthnb.photos.nets import Net
from depthnb.photos.prediction import of_answer
from depthnb.photos.reading import Photo
from depthnb.photos.writing import check, write
from depthnb.runs.trained import METRIC

_ACROSS = 1280  # pixels of the film with picture and depth side by side, at most
_SAMPLE = 200  # values a frame from which the colours' range follows


@dataclass(frozen=True, eq=False)
class FilmDepth:
    """What a net said of a film.

    Attributes:
        film, net: what was asked.
        photo: the first frame.
        frames: how many were read.
        range: 1st percentile, median and 99th percentile of all frames: metres, or inverse depth without a unit.
        flicker: one row a frame that has two neighbours: frame, seconds, whole, parts (`metrics.flicker`).
        files: kind -> path: `film`, `npy`, `csv`, `json`; with formats also `frames`, a folder.
    """

    film: Film
    net: Net
    photo: Photo
    frames: int
    range: tuple[float, float, float]
    flicker: pd.DataFrame
    files: dict[str, Path]

    @property
    def said(self) -> list[str]:
        """What a reader has to know of these numbers, in sentences."""
        camera = f"Camera: focal length {self.photo.focal:.0f} pixels ({self.photo.camera})."
        notes = [f"Film: {note}." for note in self.film.notes]
        return [f"Net: {self.net.said}.", camera, *notes, flicker_said(self.flicker, self.net.kind, self.film.rate)]


def predict_film(
    net: Net,
    film: Film,
    folder: str | Path,
    *,
    formats: Sequence[str] = (),
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FilmDepth:
    """Ask a net about each frame of a film and write what it says.

    Nothing is smoothed: what a net of single pictures says of a film jumps, and how much is reported. In `folder` lie then,
    called after the film:

    - `_depth.mp4`, picture and depth side by side, all frames in the colours of one range (1st to 99th percentile);
    - `_depth.npy` (`_inverse.npy` of a net that knows no metres), float16 [T,h,w] at the size at which the net works;
    - `_flicker.csv` and `.json`;
    - with `formats` a folder of its own with a file a frame and format, as `photos.write` makes them.

    Args:
        net: as `photos.net` gives it.
        film: as `photos.film` and `photos.film_of_pictures` give it.
        folder: is made.
        formats: of `photos.FORMATS`, for each frame.
        device: on which the net is asked, cpu or cuda.
        progress: called with how many frames are done, and of how many, since each is read twice.

    Raises:
        ImportError: where PyAV is not installed.
        ValueError: for a film without frames, formats that cannot be written, and answers that are not finite.
        OSError: if a file cannot be written; then none of the film's own files are there.
    """
    _av()
    check(formats)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    metric = net.kind == METRIC
    with tempfile.TemporaryDirectory(dir=folder, prefix=".film-") as place:
        numbers = Path(place) / "numbers"
        with open(numbers, "wb") as stream:
            first, shape, sample = _asked(net, film, stream, folder, formats, device, progress)
        answers = np.memmap(numbers, np.float16, "r", shape=shape)
        low, median, high = (float(each) for each in np.percentile(sample, (1, 50, 99)))
        table = _flicker(answers, film.rate, None if metric else max(high - low, 1e-12))
        moving = Path(place) / "film.mp4"
        _write_film(moving, film, answers, (low, high), metric, progress)
        stems = {"npy": f"_{'depth' if metric else 'inverse'}.npy", "film": "_depth.mp4"}
        written = {kind: folder / f"{film.name}{ending}" for kind, ending in stems.items()}
        files.write(written["npy"], partial(_save, answers))
        files.write(written["film"], moving.replace)
        del answers  # some systems delete no file that is mapped
    written["csv"] = folder / f"{film.name}_flicker.csv"
    written["json"] = folder / f"{film.name}.json"
    files.write_text(written["csv"], table.to_csv(index=False))
    if formats:
        written["frames"] = folder / film.name
    depth = FilmDepth(film, net, first, shape[0], (low, median, high), table, written)
    files.write_text(written["json"], json.dumps(describe_film(depth), indent=1) + "\n")
    return depth


def describe_film(depth: FilmDepth) -> dict:
    """The facts of one film as data: size, frames, net, focal length, range of the depth, flicker, notes."""
    height, width = depth.photo.size
    facts = {"film": depth.film.name, "width": width, "height": height, "frames": depth.frames}
    facts |= {"frames_a_second": round(depth.film.rate, 3), "net": depth.net.name, "kind": depth.net.kind}
    facts |= {"focal_pixels": round(depth.photo.focal, 2), "camera": depth.photo.camera, "said": depth.said}
    if depth.net.kind == METRIC:
        facts["metres"] = dict(zip(("p1", "median", "p99"), (round(each, 3) for each in depth.range), strict=True))
    medians = depth.flicker[["whole", "parts"]].median()
    facts["flicker"] = {name: round(value, 5) for name, value in medians.items()} if len(depth.flicker) else None
    return facts


def flicker_said(table: pd.DataFrame, kind: str, rate: float) -> str:
    """The flicker in one sentence; `rate` in frames a second."""
    if not len(table):
        return "Flicker: three frames or more are needed to measure it."
    whole, parts = table["whole"].median(), table["parts"].median()
    of = "of the depth" if kind == METRIC else "of the range of the inverse depth"
    return (
        f"Flicker between frames that are {1 / rate:.3g} s apart (median; a steady change counts nothing): "
        f"the whole picture jumps by {whole:.1%} {of}, its parts by another {parts:.1%}."
    )


def _asked(net: Net, film: Film, stream, folder: Path, formats: Sequence[str], device: str, progress):
    """Ask about each frame; the answers go to the stream. Returns the first frame, the answers' [T,h,w], and a sample."""
    first, side, sample = None, None, []
    digits = len(str(film.count))
    for number, photo in enumerate(film.read()):
        answer = net.ask(photo, device=device)
        if not torch.isfinite(answer).all():
            raise ValueError(f"{net.name} answers frame {number} with numbers that are not finite")
        first = first or photo
        side = side or tuple(answer.shape[-2:])
        values = answer.numpy().ravel()
        sample.append(values[:: max(1, len(values) // _SAMPLE)])
        stream.write(np.clip(values, -65504, 65504).astype(np.float16).tobytes())  # the ends of float16
        if formats:
            named = Photo(f"{number:0{digits}d}", photo.image, photo.focal, photo.camera, photo.notes, photo.original)
            write(of_answer(net, named, answer), folder / film.name, formats=formats)
        progress(number + 1, 2 * max(film.count, number + 1))
    stream.flush()
    return first, (number + 1, *side), np.concatenate(sample)


def _flicker(answers: np.ndarray, rate: float, reach: float | None) -> pd.DataFrame:
    kind = METRIC if reach is None else "affine-inverse"
    rows = []
    for number in range(1, len(answers) - 1):
        three = torch.from_numpy(answers[number - 1 : number + 2].astype(np.float32))[:, None, None]
        jump = metrics.flicker(before=three[0], now=three[1], after=three[2], kind=kind, reach=reach)
        rows.append({"frame": number, "seconds": number / rate, **{name: float(each) for name, each in jump.items()}})
    return pd.DataFrame(rows, columns=["frame", "seconds", "whole", "parts"])


def _save(answers: np.ndarray, path: Path) -> None:
    with open(path, "wb") as stream:
        np.save(stream, answers)


def _av():
    try:
        import av
    except ImportError as error:
        raise ImportError("a film takes the package av: pip install 'depthnb[video]'") from error
    return av


def _write_film(path: Path, film: Film, answers: np.ndarray, limits, metric: bool, progress) -> None:
    """Picture and depth beside each other, above the colour bar."""
    av = _av()
    with av.open(str(path), "w") as container:
        stream = None
        for number, pixels in enumerate(_pages(film, answers, limits, metric)):
            if stream is None:
                codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
                stream = container.add_stream(codec, rate=Fraction(film.rate).limit_denominator(1001))
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 0
                if codec == "libx264":
                    stream.options = {"crf": "20", "preset": "veryfast"}
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
            progress(len(answers) + number + 1, 2 * len(answers))
        for packet in stream.encode():
            container.mux(packet)


def _pages(film: Film, answers: np.ndarray, limits: tuple[float, float], metric: bool) -> Iterator[np.ndarray]:
    """uint8 [H,W,3] of the film that is written; sides are even, as video wants them."""
    bar = None
    for photo, answer in zip(film.read(), answers, strict=True):
        height, width = photo.size
        beside = width <= 2 * height  # wide pictures go above their depth
        scale = min(1.0, _ACROSS / (2 * width if beside else width), 960 / (height if beside else 2 * height))
        side = tuple(max(2, round(each * scale / 2) * 2) for each in (height, width))
        picture = _resized(photo.image, side)
        large = _resized(torch.from_numpy(answer.astype(np.float32))[None], side)
        colours, *_ = plotting.depth_colours(large, near_is_large=not metric, limits=limits)
        page = np.concatenate([picture.permute(1, 2, 0).numpy(), colours], axis=1 if beside else 0)
        page = (page.clip(0, 1) * 255).round().astype(np.uint8)
        if bar is None:
            label = plotting.DEPTH_LABEL if metric else plotting.INVERSE_LABEL
            content = plotting.colour_bar(limits, page.shape[1], label=label, near_is_large=not metric)
            bar = content[: content.shape[0] // 2 * 2]
        yield np.concatenate([page, bar])


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(values[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
