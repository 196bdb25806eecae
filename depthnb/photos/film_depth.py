"""Depth of a film: each frame asked by itself, written as a film in colours and as numbers, and how much it flickers."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb import files, metrics, plotting
from depthnb.photos.films import Film, pyav
from depthnb.photos.nets import Net
from depthnb.photos.prediction import beyond, of_answer
from depthnb.photos.reading import Photo
from depthnb.photos.writing import check, write
from depthnb.runs.trained import METRIC

_ACROSS = 1280  # pixels of the film with picture and depth side by side, at most
_LEGIBLE = 320  # pixels across that the words of the colour bar need
_SAMPLE = 1000  # values a frame from which the colours' range follows
_TICK = Fraction(1, 90_000)  # seconds; the clock of the film that is written


@dataclass(frozen=True, eq=False)
class FilmDepth:
    """What a net said of a film.

    Attributes:
        film, net: what was asked.
        photo: the first frame.
        frames: how many were read.
        range: 1st percentile, median and 99th percentile of all frames: metres, or inverse depth without a unit.
        flicker: one row a frame that has two neighbours: frame, seconds, apart (seconds after the one before), and whole and
            parts of `metrics.flicker`.
        notes: what there is to be known of the depth, in sentences.
        files: kind -> path: `film`, `npy`, `csv`, `json`; with formats also `frames`, a folder.
    """

    film: Film
    net: Net
    photo: Photo
    frames: int
    range: tuple[float, float, float]
    flicker: pd.DataFrame
    notes: tuple[str, ...]
    files: dict[str, Path]

    @property
    def said(self) -> list[str]:
        """What a reader has to know of these numbers, in sentences."""
        camera = f"Camera: focal length {self.photo.focal:.0f} pixels ({self.photo.camera})."
        notes = [f"Film: {note}." for note in self.film.notes]
        depth = [f"Depth: {note}." for note in self.notes]
        return [f"Net: {self.net.said}.", camera, *notes, *depth, flicker_said(self.flicker, self.net.kind)]


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

    Nothing is smoothed: what a net of single pictures says of a film jumps, and how much is reported. The folder
    `NAME-film`, which is made as a whole and replaces an older one, holds:

    - `depth.mp4`, picture and depth side by side, all frames in the colours of one range (1st to 99th percentile);
    - `depth.npy` (`inverse.npy` of a net that knows no metres), float32 [T,h,w] at the size at which the net works;
    - `flicker.csv` and `film.json`;
    - with `formats` a folder `frames` with a file a frame and format, as `photos.write` makes them.

    Args:
        net: as `photos.net` gives it.
        film: as `photos.film` and `photos.film_of_pictures` give it.
        folder: in which that folder is made.
        formats: of `photos.FORMATS`, for each frame.
        device: on which the net is asked, cpu or cuda.
        progress: called with how many frames are done, and of how many, since each is read twice.

    Raises:
        ImportError: where PyAV is not installed.
        ValueError: for a film without frames, formats that cannot be written, and answers that are not finite.
        OSError: if a file cannot be written; then the folder is as it was.
    """
    pyav()
    check(formats)
    final = Path(folder) / f"{film.name}-film"
    with _made(final) as place:
        numbers = place / "numbers"
        with open(numbers, "wb") as stream:
            first, shape, times, sample = _asked(net, film, stream, place, formats, device, progress)
        low, median, high = (float(each) for each in np.percentile(sample, (1, 50, 99)))
        metric = net.kind == METRIC
        names = {"npy": "depth.npy" if metric else "inverse.npy", "film": "depth.mp4", "csv": "flicker.csv"}
        names |= {"json": "film.json", **({"frames": "frames"} if formats else {})}
        answers = np.memmap(numbers, np.float32, "r", shape=shape)
        table = _flicker(answers, times, None if metric else max(high - low, 1e-30))
        _write_film(place / names["film"], film, answers, (low, high), metric, progress)
        np.save(place / names["npy"], answers)
        del answers  # some systems delete no file that is mapped
        numbers.unlink()
        table.to_csv(place / names["csv"], index=False)
        notes = beyond(net, torch.from_numpy(sample)) if metric else ()
        written = {kind: final / name for kind, name in names.items()}
        depth = FilmDepth(film, net, first, shape[0], (low, median, high), table, notes, written)
        (place / names["json"]).write_text(json.dumps(describe_film(depth), indent=1) + "\n", encoding="utf-8")
    return depth


@contextlib.contextmanager
def _made(final: Path) -> Iterator[Path]:
    """A folder to be filled, which replaces `final` if all goes well and is gone if not."""
    part = final.with_name(f".{final.name}.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if part.exists():  # of a process that was killed
            shutil.rmtree(part)
        part.mkdir()
    except OSError as error:
        raise OSError(
            error.errno, f"could not make {final} ({error.strerror or error}); {files.remedy(error)}"
        ) from error
    try:
        yield part
        if final.exists():
            shutil.rmtree(final)
        part.rename(final)
    except OSError as error:
        raise OSError(
            error.errno, f"could not write {final} ({error.strerror or error}); {files.remedy(error)}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


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


def flicker_said(table: pd.DataFrame, kind: str) -> str:
    """The flicker in one sentence."""
    if not len(table):
        return "Flicker: three frames or more are needed to measure it."
    whole, parts, apart = (table[name].median() for name in ("whole", "parts", "apart"))
    of = "of the depth" if kind == METRIC else "of the range of the inverse depth"
    return (
        f"Flicker between frames that are {apart:.3g} s apart (median; a steady change counts nothing): "
        f"the whole picture jumps by {whole:.1%} {of}, its parts by another {parts:.1%}."
    )


def _asked(net: Net, film: Film, stream, place: Path, formats: Sequence[str], device: str, progress):
    """Ask about each frame; the answers go to the stream.

    Returns:
        The first frame, [T,h,w] of the answers, the frames' seconds, and a sample of the answers' values.
    """
    first, side, times, sample, random = None, (), [], [], np.random.default_rng(0)
    for number, (seconds, photo) in enumerate(film.read()):
        answer = net.ask(photo, device=device)
        if not torch.isfinite(answer).all():
            raise ValueError(f"{net.name} answers frame {number} with numbers that are not finite")
        values = answer.numpy().ravel()
        if first is None:
            first, side = photo, tuple(answer.shape[-2:])
        sample.append(values[random.integers(0, len(values), _SAMPLE)])
        times.append(seconds)
        stream.write(values.astype(np.float32).tobytes())
        if formats:
            named = replace(photo, name=f"{number:06d}")
            write(of_answer(net, named, answer), place / "frames", formats=formats)
        progress(number + 1, 2 * max(film.count, number + 1))
    return first, (len(times), *side), times, np.concatenate(sample)


def _flicker(answers: np.ndarray, times: Sequence[float], reach: float | None) -> pd.DataFrame:
    kind = METRIC if reach is None else "affine-inverse"
    rows = []
    for number in range(1, len(answers) - 1):
        before, now, after = times[number - 1 : number + 2]
        three = torch.from_numpy(answers[number - 1 : number + 2].astype(np.float32))[:, None, None]
        between = {"kind": kind, "reach": reach, "at": (now - before) / (after - before)}
        jump = metrics.flicker(before=three[0], now=three[1], after=three[2], **between)
        row = {"frame": number, "seconds": now, "apart": now - before}
        rows.append({**row, **{name: float(each) for name, each in jump.items()}})
    return pd.DataFrame(rows, columns=["frame", "seconds", "apart", "whole", "parts"])


def _write_film(path: Path, film: Film, answers: np.ndarray, limits, metric: bool, progress) -> None:
    """Picture and depth beside each other, above the colour bar, each frame at its own time."""
    av = pyav()
    with av.open(str(path), "w") as container:
        stream = None
        for number, (seconds, pixels) in enumerate(_pages(film, answers, limits, metric)):
            if stream is None:
                codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
                stream = container.add_stream(codec, rate=Fraction(max(film.rate, 1.0)).limit_denominator(1001))
                stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], "yuv420p"
                coded = stream.codec_context
                coded.time_base, coded.thread_count = _TICK, 0
                # said, so that players do not guess: BT.709, in the range of television
                coded.colorspace = coded.color_primaries = coded.color_trc = coded.color_range = 1
                if codec == "libx264":
                    stream.options = {"crf": "20", "preset": "veryfast"}
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = round(seconds / _TICK), _TICK
            for packet in stream.encode(frame):
                container.mux(packet)
            progress(len(answers) + number + 1, 2 * len(answers))
        for packet in stream.encode():
            container.mux(packet)


def _pages(
    film: Film, answers: np.ndarray, limits: tuple[float, float], metric: bool
) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds, and uint8 [H,W,3] of the film that is written; sides are even, as video wants them."""
    bar = None
    for (seconds, photo), answer in zip(film.read(), answers, strict=True):
        height, width = photo.size
        beside = width <= 2 * height  # wide pictures go above their depth
        scale = min(1.0, _ACROSS / (2 * width if beside else width), 960 / (height if beside else 2 * height))
        side = tuple(max(2, round(each * scale / 2) * 2) for each in (height, width))
        picture = _resized(photo.image, side)
        large = _resized(torch.from_numpy(answer.astype(np.float32))[None], side)
        colours, *_ = plotting.depth_colours(large, near_is_large=not metric, limits=limits)
        page = np.concatenate([picture.permute(1, 2, 0).numpy(), colours], axis=1 if beside else 0)
        page = (page.clip(0, 1) * 255).round().astype(np.uint8)
        missing = max(0, _LEGIBLE - page.shape[1])
        page = np.pad(page, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)), constant_values=255)
        if bar is None:
            label = plotting.DEPTH_LABEL if metric else plotting.INVERSE_LABEL
            content = plotting.colour_bar(limits, page.shape[1], label=label, near_is_large=not metric)
            bar = content[: content.shape[0] // 2 * 2]
        yield seconds, np.concatenate([page, bar])


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(values[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
