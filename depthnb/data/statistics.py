r"""Numbers about a data set: counted batch by batch out of the memory map, never with the whole set in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from depthnb import files
from depthnb.data import transforms
from depthnb.data.readers import nyu_v2
from depthnb.data.sample import Dataset
from depthnb.data.source import clone_data
from depthnb.data.splits import rank_scenes

NYU_RAW = "nyu_v2_raw_24231_scene_counts.csv"
_DECADES, _FINE_BINS = (-3, 3), 1 << 14  # fine histogram of log10 depth, 1 mm to 1 km: a bin is 0.08 % wide


@dataclass(frozen=True)
class DepthSummary:
    """The depth of all frames of a data set, summed up: what the figures of a data set draw.

    Attributes:
        edges: [n+1] metres.
        valid_pixels: [n] int, valid pixels a bin.
        known_pixels: [n] int, pixels a bin whose depth is known whether valid or not, or None where depth is known at valid
            pixels only.
        mean: [H,W] metres, NaN where no frame is valid.
        count: [H,W] int, frames in which the pixel is valid.
        frames: int.
    """

    edges: np.ndarray
    valid_pixels: np.ndarray
    known_pixels: np.ndarray | None
    mean: np.ndarray
    count: np.ndarray
    frames: int


def summary(dataset: Dataset) -> dict[str, str | int | float]:
    """Describe a data set in one row of a table.

    Args:
        dataset: at any size, native included.

    Returns:
        data set, split, frames, scenes, scene types, size (width x height of the frames, "mixed" where they differ),
        valid (share of pixels at the frames' native size, 3 digits: when a sparse scan is made smaller, that share grows),
        then the 5th, 50th and 95th percentile of valid depth and its maximum, metres with 2 digits (over all pixels of all
        frames at the data set's size, percentiles found to 0.1 %); NaN if no pixel is valid.
    """
    fine = torch.zeros(_FINE_BINS, dtype=torch.int64)
    sizes, deepest = set(), math.nan
    for batch in _batches(dataset):
        depth = batch["depth"][batch["valid"]]
        sizes.add(tuple(batch["depth"].shape[-2:]))
        if depth.numel():
            fine += torch.bincount(_fine_bin(depth), minlength=_FINE_BINS)
            deepest = np.fmax(deepest, float(depth.max()))
    size = "{1} x {0}".format(*sizes.pop()) if len(sizes) == 1 else "mixed"
    return {
        "data set": dataset.name,
        "split": dataset.split,
        "frames": len(dataset),
        "scenes": dataset.frames["scene"].nunique(),
        "scene types": dataset.frames["scene_type"].nunique(),
        "width x height": size,
        "valid": round(dataset.valid_share, 3),
        "depth 5 % (m)": _percentile(fine, 5),
        "depth 50 % (m)": _percentile(fine, 50),
        "depth 95 % (m)": _percentile(fine, 95),
        "deepest (m)": round(float(deepest), 2),
    }


def depth(
    dataset: Dataset, *, bins: int | None = None, max_depth: float | None = None, known: Dataset | None = None
) -> DepthSummary:
    """Sum up where depth is valid and how deep it is.

    Histograms are counted at native size, on the depth as it is stored; the mean and the count of valid frames of each
    pixel at the data set's own size.

    Args:
        dataset: opened with a size.
        bins, max_depth: equal bins from 0 to `max_depth` metres (default: the data set's); deeper pixels are in no bin.
            By default 50 bins; beyond 20 m bins of 0.2 m, since a long range is mostly empty at its far end.
        known: the same frames with depth at every pixel, where that is another data set (nyu-v2: truth="filled"). By
            default, depth that is stored under invalid pixels counts as known, as in rendered sets. This is the only place
            that reads depth where `valid` is False, in order to judge the mask itself.

    Returns:
        A `DepthSummary`; its `known_pixels` is None if no depth is known beyond the valid pixels.

    Raises:
        ValueError: if the data set has no size, or `known` holds other frames.
    """
    if dataset.size is None:
        raise ValueError("a mean over frames needs one size; open the data set with size=(height, width)")
    if known is not None and list(known.frames["id"]) != list(dataset.frames["id"]):
        raise ValueError(
            f"known holds {len(known)} other frames than the {len(dataset)} of {dataset.name} {dataset.split}; "
            "open it with the same split"
        )
    end = max_depth or dataset.max_depth
    bins = bins or (50 if end <= 20 else round(end / 0.2))
    edges = np.linspace(0, end, bins + 1)
    in_valid, in_known = np.zeros(bins, np.int64), np.zeros(bins, np.int64)
    beyond = 0
    native = dataset.native()
    for frame, whole in zip(native, native if known is None else known.native(), strict=True):
        valid, stored = frame["valid"].numpy(), whole["depth"].numpy()
        in_valid += np.histogram(frame["depth"].numpy()[valid], edges)[0]
        hidden = stored[~valid & np.isfinite(stored) & (stored > 0) & (stored < dataset.max_depth)]
        in_known += np.histogram(hidden, edges)[0]
        beyond += hidden.size
    total, count = _sums(dataset)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return DepthSummary(edges, in_valid, in_valid + in_known if beyond else None, mean, count, len(dataset))


def mean_depth(dataset: Dataset) -> tuple[float, Tensor]:
    """Mean depth over all valid pixels (metres), and the mean of each pixel, float32 [1,H,W] at the data set's size.

    The two predictors that never look at an image. Where no frame has a valid pixel, the mean image holds the mean depth.

    Raises:
        ValueError: if no pixel at all is valid.
    """
    total, count = _sums(dataset)
    if not count.any():
        raise ValueError(f"no valid pixel in the {dataset.split} split of {dataset.name}: nothing to average")
    mean = total.sum() / count.sum()
    image = np.where(count > 0, total / np.maximum(count, 1), mean)
    return float(mean), torch.from_numpy(image).float()[None]


def geometric_mean_depth(dataset: Dataset) -> float:
    """The depth in metres whose logarithm is the mean log depth of all valid pixels: the best constant for a log loss.

    Raises:
        ValueError: if no pixel at all is valid.
    """
    total, count = 0.0, 0
    for batch in _batches(dataset):
        total += float(batch["depth"][batch["valid"]].log().sum(dtype=torch.float64))
        count += int(batch["valid"].sum())
    if not count:
        raise ValueError(f"no valid pixel in the {dataset.split} split of {dataset.name}: nothing to average")
    return math.exp(total / count)


def middle_and_border(dataset: Dataset) -> pd.DataFrame:
    """Mean valid depth of each frame's middle (half its height and width) and of the rest around it.

    Returns:
        One row a frame: id, middle, border, in metres; NaN where a region has no valid pixel.
    """
    rows = []
    for batch in _batches(dataset):
        height, width = batch["depth"].shape[-2:]
        middle = torch.zeros(height, width, dtype=torch.bool)
        middle[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
        means = []
        for region in (middle, ~middle):
            inside = batch["valid"] & region
            total = torch.where(inside, batch["depth"], 0.0).double().sum((1, 2, 3))
            means.append((total / inside.sum((1, 2, 3))).tolist())  # 0 / 0 is NaN
        rows += zip(batch["id"], *means, strict=True)
    return pd.DataFrame(rows, columns=["id", "middle", "border"])


def lookup(dataset: Dataset, *, frames: int = 1000, shift: int = 4) -> pd.DataFrame:
    """What memory alone would score: give each frame the depth map of the frame whose photograph looks most alike.

    Photographs are compared as thumbnails of 16 x 12 (squared difference), depth maps at 32 x 24.

    Args:
        dataset: opened with a size.
        frames: whole scenes are taken, in a fixed pseudo-random order, up to about so many frames.
        shift: pixels. A video is imitated by cutting each frame so much narrower at the right, and its next frame at the
            left: the camera has turned a little.

    Returns:
        One row a frame, numbers of frames being those of the data set: frame, scene; nearest (whose photograph looks most
        alike) and elsewhere (the same among other scenes only); same_scene (whether nearest shows the same scene);
        error_by_frame, error_by_scene, the mean of |d' - d| / d over the pixels valid in both, d' being the depth of
        nearest or elsewhere; error_by_video, the same if the next frames of an imitated video may be looked up. NaN where
        no pixel is valid in both.

    Raises:
        ValueError: if there is only one scene.
    """
    chosen, scenes = _whole_scenes(dataset, frames)
    width = dataset.batch(chosen[:1])["image"].shape[-1]
    photos, *truth = _thumbnails(dataset, chosen, 0, width)
    distance = _distances(photos, photos).fill_diagonal_(math.inf)
    same = torch.from_numpy(scenes[:, None] == scenes)
    by_frame, by_scene = distance.argmin(1), distance.masked_fill(same, math.inf).argmin(1)
    shot, *shot_truth = _thumbnails(dataset, chosen, 0, width - shift)
    following, *next_truth = _thumbnails(dataset, chosen, shift, width)
    by_video = _distances(shot, following).argmin(1)
    return pd.DataFrame(
        {
            "frame": chosen,
            "scene": scenes,
            "nearest": chosen[by_frame],
            "elsewhere": chosen[by_scene],
            "same_scene": scenes[by_frame] == scenes,
            "error_by_frame": _copied(truth, truth, by_frame),
            "error_by_scene": _copied(truth, truth, by_scene),
            "error_by_video": _copied(shot_truth, next_truth, by_video),
        }
    )


def nyu_scene_types(most: int | None = None) -> dict[str, pd.DataFrame]:
    """Frames and scenes of each scene type in NYU V2's official labelled list and in the 24,231-frame subset of its videos.

    Args:
        most: how many of the most frequent types get a row of their own; the rest share one. None: all.

    Returns:
        "labelled" and "raw", each one row a scene type with scene_type, frames, scenes, most frames first. The raw list
        has no types: a type is the scene's name without its number; the parts a scene was filmed in (a, b, ...) are one.

    Raises:
        FileNotFoundError: if data/splits is not beside the package.

    >>> {name: int(table.frames.sum()) for name, table in nyu_scene_types(8).items()}
    {'labelled': 1449, 'raw': 24231}
    """
    labelled, raw = nyu_v2.official_index().assign(frames=1), files.read_table(clone_data("splits", NYU_RAW))
    raw[["scene", "scene_type"]] = raw["scene"].str.extract(r"^((.+)_\d+)")
    return {name: _count_types(table, most) for name, table in {"labelled": labelled, "raw": raw}.items()}


def _count_types(table: pd.DataFrame, most: int | None) -> pd.DataFrame:
    counts = table.groupby("scene_type").agg(frames=("frames", "sum"), scenes=("scene", "nunique")).reset_index()
    counts = counts.sort_values(["frames", "scene_type"], ascending=[False, True], ignore_index=True)
    if most is None or len(counts) <= most:
        return counts
    rest = counts[most:]
    other = {
        "scene_type": [f"{len(rest)} other types"],
        "frames": [rest["frames"].sum()],
        "scenes": [rest["scenes"].sum()],
    }
    return pd.concat([counts[:most], pd.DataFrame(other)], ignore_index=True)


def _batches(dataset: Dataset, batch_size: int = 64) -> Iterator[dict]:
    """Batches in order; at native size one frame at a time, since sizes may differ."""
    for chunk in torch.arange(len(dataset)).split(batch_size if dataset.size else 1):
        yield dataset.batch(chunk)


def _sums(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Sum of valid depth (metres) and number of valid frames for each pixel, float64 and int64 [H,W]."""
    total = count = 0
    for batch in _batches(dataset):
        valid = batch["valid"][:, 0]
        total = total + torch.where(valid, batch["depth"][:, 0], 0.0).sum(0, dtype=torch.float64)
        count = count + valid.sum(0)
    return total.numpy(), count.numpy()


def _fine_bin(depth: Tensor) -> Tensor:
    """Number of the fine bin of each depth in metres; what is outside 1 mm to 1 km goes to the first or last."""
    low, high = _DECADES
    return ((depth.log10() - low) * (_FINE_BINS / (high - low))).long().clamp(0, _FINE_BINS - 1)


def _percentile(fine: Tensor, percent: float) -> float:
    """Depth in metres, 2 digits, at the centre of the fine bin that holds the percentile; NaN for no pixels."""
    cumulated = fine.cumsum(0)
    if not cumulated[-1]:
        return math.nan
    at = int(torch.searchsorted(cumulated, math.ceil(percent / 100 * int(cumulated[-1]))))
    low, high = _DECADES
    return round(10 ** (low + (at + 0.5) * (high - low) / _FINE_BINS), 2)


def _whole_scenes(dataset: Dataset, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers and scenes of the first whole scenes, in their fixed pseudo-random order, up to about `frames`."""
    scenes = dataset.frames["scene"].to_numpy()
    if len(set(scenes)) < 2:
        raise ValueError(f"{dataset.name} {dataset.split} has one scene; looking up needs at least two")
    sizes = pd.Series(scenes).value_counts()
    ranked = rank_scenes(scenes)
    before = np.cumsum([0] + [sizes[scene] for scene in ranked])[: len(ranked)]
    taken = {scene for scene, n in zip(ranked, before, strict=True) if n < frames} | set(ranked[:2])
    chosen = np.flatnonzero([scene in taken for scene in scenes])
    return chosen, scenes[chosen]


def _thumbnails(dataset: Dataset, numbers: np.ndarray, left: int, right: int) -> tuple[Tensor, Tensor, Tensor]:
    """Photographs [N,576], depth [N,768] in metres and valid [N,768] of columns left to right, a batch at a time."""
    parts = []
    for chunk in np.array_split(numbers, math.ceil(len(numbers) / 64)):
        batch = dataset.batch(chunk)
        image, depth, valid = (batch[key][..., left:right] for key in ("image", "depth", "valid"))
        small = transforms.resize_depth(depth, valid, (24, 32))
        parts.append([t.flatten(1) for t in (F.interpolate(image, (12, 16), mode="area"), *small)])
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def _distances(photos: Tensor, others: Tensor) -> Tensor:
    """Euclidean distances [N,M] of thumbnails, exact where two are equal."""
    return torch.cdist(photos, others, compute_mode="donot_use_mm_for_euclid_dist")


def _copied(truth: list[Tensor], given: list[Tensor], which: Tensor) -> list[float]:
    """Mean relative error, for each frame, of the depth of the frame it was given."""
    (depth, valid), (other, other_valid) = truth, (each[which] for each in given)
    both = valid & other_valid
    relative = torch.where(both, (other - depth).abs() / depth, 0.0)
    return (relative.sum(1) / both.sum(1)).tolist()
