"""What notebook 12 measures: what a photograph's depth owes to the camera that is told, and to a distance that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import evaluation, metrics, photos
from depthnb.photos import Known, Net, Photo
from depthnb.runs.trained import METRIC

NOTHING, BEST = "nothing", "the true median"  # of what is known
_BORDER = 0.1  # of a side: somebody who measures a distance does not take the edge of the picture


def pictures(given: str, test, *, view: float = 0.0, count: int = 3) -> list[Photo]:
    """The photographs of a notebook: the user's, or frames of a data set where none are given.

    Args:
        given: file, folder or pattern; "" for frames.
        test: data set; its frames are taken at their native size, with their cameras where those are known.
        view: degrees across the longer side, told to the nets; 0 for what file or data set say.
        count: at most so many, evenly spread over the frames.

    Raises:
        OSError, ValueError: as `photos.find` and `photos.read`.
    """
    if given:
        names = photos.names(photos.find([given]))
        return [photos.read(path, view=view or None, name=name) for path, name in list(names.items())[:count]]
    native = test.native()
    frames = [native[index] for index in evaluation.kept_frames(len(test), count)]
    return [photos.of_frame(frame, view) for frame in frames]


def views_told(nets: Mapping[str, Net], test, *, views: Sequence[float], count: int = 12) -> pd.DataFrame:
    """The same frames asked with other fields of view than their own.

    Args:
        nets: name -> net of metric depth.
        test: data set with a truth; of it `count` frames are asked, evenly spread.
        views: degrees across the longer side.

    Returns:
        One row a net and view: net, told (degrees), ratio (median over frames of the median of predicted over true depth),
        abs_rel (mean over frames, by the data set's protocol).
    """
    frames, rule, table = _frames(test, count), metrics.protocol(test.protocol), []
    for name, net in nets.items():
        for view in views:
            preds = [net.ask(photos.of_frame(frame, view)) for frame in frames]
            ratio = np.median([_ratio(pred, frame) for pred, frame in zip(preds, frames, strict=True)])
            table.append({"net": name, "told": view, "ratio": ratio, **_scores(preds, frames, rule)})
    return pd.DataFrame(table)


def own_view(test) -> float:
    """Field of view across the longer side of a data set's first frame, in degrees; the usual one where it is unknown."""
    return photos.of_frame(test.native()[0]).view


def distances_known(nets: Mapping[str, Net], test, *, views: Mapping[str, float], count: int = 12) -> pd.DataFrame:
    """What known distances are worth, and what the best scale would be.

    The distances are those of the data set's truth: the valid pixel nearest to the middle of the picture; the nearest and the
    farthest pixel; those nearest to the middles of nine fields. All lie inside of a border of a tenth.

    Args:
        nets: name -> net, of metric depth or of inverse depth.
        test: data set with a truth; of it `count` frames are asked, evenly spread.
        views: what is said of the camera -> degrees across the longer side, 0 for the camera's own.

    Returns:
        One row a net, camera and what is known: net, camera, known, frames, abs_rel and delta1 (means over these frames). All
        rows of a net are of the same frames: those where it gives an answer however it is asked. There is no row for what
        never gives one, such as a single distance for a net of inverse depth.
    """
    frames, rule, table = _frames(test, count), metrics.protocol(test.protocol), []
    measured = [_measured(frame) for frame in frames]
    for (name, net), (camera, view) in product(nets.items(), views.items()):
        shown = [photos.of_frame(frame, view) for frame in frames]
        asked = {
            label: [_answer(net, photo, known[label]) for photo, known in zip(shown, measured, strict=True)]
            for label in measured[0]
        }
        answers = {label: maps for label, maps in asked.items() if any(one is not None for one in maps)}
        whole = [i for i in range(len(frames)) if all(maps[i] is not None for maps in answers.values())]
        if not whole:
            continue
        given = {label: [maps[i] for i in whole] for label, maps in answers.items()}
        if net.kind == METRIC:  # hardly any distance can do more by a factor than this
            given[BEST] = given[NOTHING]
        for label, maps in given.items():
            fitted = rule.with_alignment("median") if label == BEST else rule
            row = {"net": name, "camera": camera, "known": label, "frames": len(whole)}
            table.append({**row, **_scores(maps, [frames[i] for i in whole], fitted)})
    return pd.DataFrame(table)


def known_said(table: pd.DataFrame) -> list[str]:
    """What the table of known distances shows, in sentences."""
    said = []
    for (name, camera), part in table.groupby(["net", "camera"], sort=False):
        errors = dict(zip(part["known"], part["abs_rel"], strict=True))
        first, before = next(iter(errors.items()))
        del errors[first]
        changes = [f"{100 * (after / before - 1):+z.0f} % with {label}" for label, after in errors.items()]
        change = f"; {', '.join(changes)}" if changes else ""
        frames = part["frames"].iloc[0]
        said.append(f"{name}, camera {camera}, {frames} frames: abs_rel {before:.3f} with {first} known{change}.")
    return said


def _frames(test, count: int) -> list[Mapping]:
    """Some frames at their native size, evenly spread; those without any depth are left out."""
    native = test.native()
    frames = [native[index] for index in evaluation.kept_frames(len(test), count)]
    return [frame for frame in frames if frame["valid"].any()]


def _answer(net: Net, photo: Photo, known: Sequence[Known]) -> Tensor | None:
    """Metres [1,H,W] of a photograph; None where the net gives none with what is known."""
    try:
        return photos.predict(net, photo, known=known).metres
    except ValueError:  # too few distances, or such as contradict the net
        return None


def _ratio(pred: Tensor, frame: Mapping) -> float:
    large = evaluation.upsample(pred[None], tuple(frame["depth"].shape[-2:]))[0]
    return float((large / frame["depth"])[frame["valid"]].median())


def _scores(preds: Sequence[Tensor], frames: Sequence[Mapping], rule: metrics.Protocol) -> dict[str, float]:
    """Means over frames; of the pixel measures alone, since edges and SSIM cost ten times as much."""
    rows = []
    for pred, frame in zip(preds, frames, strict=True):
        given = {key: frame[key][None] for key in ("depth", "valid")}
        large = evaluation.upsample(pred[None], tuple(frame["depth"].shape[-2:]))
        rows += metrics.by_distance(pred=large, **given, protocol=rule, edges=(0.0, rule.max_depth))
    return pd.DataFrame(rows)[["abs_rel", "delta1"]].mean().to_dict()


def _measured(frame: Mapping) -> dict[str, list[Known]]:
    """What somebody could have measured in a frame."""
    depth, valid = frame["depth"][0], frame["valid"][0]
    height, width = depth.shape
    rows, columns = round(height * _BORDER), round(width * _BORDER)
    inside = torch.zeros_like(valid)
    inside[rows : height - rows, columns : width - columns] = True
    at = (valid & inside if (valid & inside).any() else valid).nonzero()
    depths = depth[at[:, 0], at[:, 1]]

    def nearest(row: float, column: float) -> int:
        return int((at - torch.tensor([row * height, column * width])).square().sum(1).argmin())

    thirds = (0.25, 0.5, 0.75)
    chosen = {
        NOTHING: [],
        "one distance in the middle": [nearest(0.5, 0.5)],
        "two distances, near and far": [int(depths.argmin()), int(depths.argmax())],
        "nine distances on a grid": [nearest(row, column) for row in thirds for column in thirds],
    }
    return {
        label: [Known(float(at[i, 1]), float(at[i, 0]), float(depths[i])) for i in numbers]
        for label, numbers in chosen.items()
    }
