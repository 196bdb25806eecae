r"""Several data sets as one to train on: at one size, each at its own aspect, in equal parts whatever their sizes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthnb import data
from depthnb.data import transforms
from depthnb.data.sample import TENSORS, Dataset

JUDGED = "judged"  # split of a data set on which nothing is trained


def covering(frame: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
    """(H, W) of a frame made as small as it can be while it still covers the window and keeps its aspect.

    >>> covering((240, 320), (96, 128)), covering((192, 640), (96, 128))
    ((96, 128), (96, 320))
    """
    (height, width), (high, wide) = transforms.check_size(frame), transforms.check_size(window)
    scale = max(high / height, wide / width)
    return max(high, round(height * scale)), max(wide, round(width * scale))


def open_covering(name: str, root: Path | str | None, split: str, window: Sequence[int]) -> Dataset:
    """`data.open` at the size at which the set's first frame just covers the window.

    Where frames differ in aspect, the others are pressed into that of the first.

    Args:
        split: of `data.open`, or `JUDGED` for a data set on which nothing is trained (`data.open_for_judging`).

    Raises:
        FileNotFoundError, ValueError: as `data.open`.
    """

    def opened(size: tuple[int, int] | None) -> Dataset:
        if split == JUDGED:
            return data.open_for_judging(name, root, size)
        return data.open(name, root, split, size)

    return opened(covering(opened(None)[0]["image"].shape[-2:], window))


def open_each(sources: Mapping[str, tuple[str, Path | str | None]], split: str, window: Sequence[int]) -> dict:
    """`open_covering` for each of several sources: label -> (name, root) becomes label -> Dataset."""
    return {label: open_covering(name, root, split, window) for label, (name, root) in sources.items()}


def alone_and_mixed(
    parts: Mapping[str, Dataset], window: Sequence[int], *, together: str, images: int = 0, balanced: bool = True
) -> dict[str, Mixed]:
    """A `Mixed` of each data set alone, and one of all under the name `together`, with equally many images an epoch.

    Args:
        images: of an epoch; 0: twice the frames of the largest part.

    Raises:
        ValueError: as `Mixed`.
    """
    images = images or 2 * max(len(part) for part in parts.values())
    chosen = {**{name: [part] for name, part in parts.items()}, together: list(parts.values())}
    return {name: Mixed(each, window, images=images, balanced=balanced) for name, each in chosen.items()}


class Mixed:
    """Windows of one size out of several data sets; `len(mixed)` and `mixed.batch(indices)`, as `training.fit` wants them.

    Nothing is squeezed: a frame wider (or higher) than the window is cut into as many overlapping windows as cover it, all
    of them used. A car stays as wide as it is, and a net without fully connected layers is afterwards asked about the whole
    frame. Intrinsics follow the cut.

    A repetition has an `id` of its own (`street_0001_00@1#2`: second window, third time), so that it is augmented differently.

    Args:
        parts: data sets opened at a size that covers the window (`open_covering`).
        window: (height, width).
        images: how many make an epoch; 0: as many as the largest part has windows, times the number of parts.
        balanced: the same number of images from each part, the windows of a small part repeated, those of a large one spread
            evenly over it; False: as the parts come.

    Raises:
        ValueError: for no part, an empty part, or a part that does not cover the window.

    Source: Ranftl et al. 2020 (MiDaS, arXiv:1907.01341), section 5: equal parts, so that every data set counts the same,
    regardless of its size. Deviations: parts are equal in an epoch and, since an epoch is shuffled, nearly in a batch, while
    MiDaS counts them out in every batch; windows are fixed, while MiDaS crops at random places.
    """

    new_batches = True

    def __init__(
        self, parts: Sequence[Dataset], window: Sequence[int], *, images: int = 0, balanced: bool = True
    ) -> None:
        self.parts, self.size = list(parts), transforms.check_size(window)
        if not self.parts or any(len(part) == 0 for part in self.parts):
            raise ValueError(
                f"a mixture of {[len(part) for part in self.parts]} frames; expected parts with frames in them"
            )
        self.places = [_places(part, self.size) for part in self.parts]
        available = [len(part) * len(places) for part, places in zip(self.parts, self.places, strict=True)]
        images = images or max(available) * len(available)
        if images < len(self.parts) or images < 1:
            raise ValueError(
                f"{images} images an epoch are too few for {len(self.parts)} data sets; give at least one each"
            )
        picked = _picked(available, images, balanced)
        self._rows = np.concatenate(
            [_row(k, each, len(self.places[k])) for k, each in enumerate(picked)]
        )  # part, place of the window, frame, repetition
        self.name = "+".join(dict.fromkeys(part.name for part in self.parts))
        self.split = self.parts[0].split
        facts = [
            self.size,
            images,
            balanced,
            [(part.fingerprint, part.split, part.size, len(part)) for part in self.parts],
        ]
        self.fingerprint = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        shares = ", ".join(f"{n} of {part.name}" for n, part in zip(self.shares, self.parts, strict=True))
        return f"{self.name}: {len(self)} images of {self.size[0]}x{self.size[1]} (HxW) an epoch: {shares}"

    @property
    def content(self) -> str:
        """As of a `Dataset`: changes with any byte of the files that the parts are read from."""
        marks = [self.fingerprint, *(part.content for part in self.parts)]
        return hashlib.sha256(" ".join(marks).encode()).hexdigest()[:12]

    @property
    def shares(self) -> list[int]:
        """Images of each part in an epoch."""
        return np.bincount(self._rows[:, 0], minlength=len(self.parts)).tolist()

    def batch(self, indices: Sequence[int] | Tensor | np.ndarray, device: torch.device | str | None = None) -> dict:
        """Several images as one batch, keys and shapes as `Dataset.batch`.

        Raises:
            IndexError: for a number outside.
        """
        numbers = np.asarray(indices, dtype=np.int64).ravel()
        if len(numbers) and not (-len(self) <= numbers.min() and numbers.max() < len(self)):
            raise IndexError(f"images {numbers.tolist()} asked for, but there are {len(self)}")
        rows = self._rows[numbers]
        pieces, order = [], []
        for part in np.unique(rows[:, 0]):
            for place in np.unique(rows[rows[:, 0] == part, 1]):
                chosen = np.flatnonzero((rows[:, 0] == part) & (rows[:, 1] == place))
                pieces.append(self._windows(int(part), int(place), rows[chosen], device))
                order.append(chosen)
        back = np.argsort(np.concatenate(order))
        out = {key: torch.cat([piece[key] for piece in pieces])[torch.from_numpy(back)] for key in TENSORS}
        for key in ("id", "scene", "scene_type"):
            joined = [value for piece in pieces for value in piece[key]]
            out[key] = [joined[i] for i in back]
        return out

    def _windows(self, part: int, place: int, rows: np.ndarray, device: torch.device | str | None) -> dict:
        """One window of some frames of one part."""
        frames = self.parts[part].batch(rows[:, 2], device)
        top, left = self.places[part][place]
        cut = transforms.crop(frames, top, left, *self.size)
        window = f"@{place}" if len(self.places[part]) > 1 else ""
        repeats = [f"#{n}" if n else "" for n in rows[:, 3]]
        return {**cut, "id": [f"{one}{window}{again}" for one, again in zip(cut["id"], repeats, strict=True)]}


def _places(part: Dataset, window: tuple[int, int]) -> list[tuple[int, int]]:
    """(top, left) of the windows that cover a frame, evenly spread."""
    if part.size is None or part.size[0] < window[0] or part.size[1] < window[1]:
        raise ValueError(
            f"{part.name} is open at {part.size} (HxW), which does not cover the window of {window[0]}x{window[1]}; "
            "open it with data.mixed.open_covering"
        )
    starts = []
    for side, wanted in zip(part.size, window, strict=True):
        starts.append([round(x) for x in np.linspace(0, side - wanted, math.ceil(side / wanted))])
    return [(top, left) for top in starts[0] for left in starts[1]]


def _picked(available: Sequence[int], images: int, balanced: bool) -> list[np.ndarray]:
    """For each part the windows that make an epoch, as `_spread` gives them."""
    if balanced:
        shares = [images // len(available) + (k < images % len(available)) for k in range(len(available))]
        return [_spread(count, share) for count, share in zip(available, shares, strict=True)]
    everything, starts = _spread(sum(available), images), np.concatenate([[0], np.cumsum(available)])
    inside = [(everything[:, 0] >= a) & (everything[:, 0] < b) for a, b in pairwise(starts)]
    return [everything[mask] - [start, 0] for mask, start in zip(inside, starts, strict=False)]


def _row(part: int, picked: np.ndarray, places: int) -> np.ndarray:
    frame, place = np.divmod(picked[:, 0], places)
    return np.stack([np.full(len(picked), part), place, frame, picked[:, 1]], axis=1)


def _spread(count: int, wanted: int) -> np.ndarray:
    """[wanted, 2]: numbers below `count`, each as often as any other (or once less), and which repetition it is."""
    whole, rest = divmod(wanted, count)
    numbers = np.concatenate([np.tile(np.arange(count), whole), (np.arange(rest) * count) // max(rest, 1)])
    repeats = np.concatenate([np.repeat(np.arange(whole), count), np.full(rest, whole)])
    return np.stack([numbers, repeats], axis=1)
