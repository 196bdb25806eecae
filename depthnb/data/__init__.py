r"""Data sets: `data.open(name)` gives a `Dataset` whose samples all obey one contract (see `depthnb.data.sample`)."""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from depthnb.data import inspection, survey
from depthnb.data.inspection import Finding
from depthnb.data.sample import Dataset
from depthnb.data.source import Source
from depthnb.data.transforms import check_size

__all__ = [
    "NAMES",
    "Dataset",
    "fitting_size",
    "open",
    "open_for_judging",
    "open_third",
    "training_size",
    "training_split",
]

# name -> module of `readers` holding open_source(root, ...); one file for each data set
_MODULES = {
    "rooms": "rooms",
    "rooms+more": "rooms_more",
    "rooms-changed": "rooms_changed",
    "rooms-sequences": "rooms_sequences",
    "streets": "streets",
    "folder": "folder",
    "nyu-v1": "nyu_v1",
    "nyu-v2": "nyu_v2",
    "nyu-v2-50k": "nyu_v2_50k",
    "diode": "diode",
    "diode-indoors": "diode",
    "diode-outdoor": "diode",
    "kitti": "kitti",
    "kitti-raw": "kitti",
    "make3d": "make3d",
    "shards": "shards",
}
_TRUTHS = {  # the first is the default
    "nyu-v1": ("filled", "raw"),
    "nyu-v2": ("raw", "filled"),
    "kitti": ("annotated", "raw"),
}
# part of a data set under a name of its own, since a notebook names its data by one word
_OPTIONS = {
    "diode-indoors": {"kind": "indoors", "name": "diode-indoors"},
    "diode-outdoor": {"kind": "outdoor", "name": "diode-outdoor"},
    "kitti-raw": {"truth": "raw", "name": "kitti-raw"},
}
NAMES = tuple(_MODULES)
_LONGEST = 4000  # characters; no file system takes a longer path


def open(
    name: str,
    root: Path | str | None = None,
    split: str = "train",
    size: Sequence[int] | None = None,
    *,
    truth: str | None = None,
) -> Dataset:
    """Open a data set.

    Args:
        name: one of `data.NAMES`.
        root: where its files are; None: embedded in the repository, or looked for under `DEPTHNB_DATA`. Of a folder it may
            also be another CSV file in the place of its index.csv.
        split: "train", "val", "test", "all", or several joined by "+". Splits are by scene. Where a set brings no
            validation split, it is 10 % of the training scenes by a fixed hash, and the data set's `notes` say so.
        size: (height, width) wanted: frames come from a memory-mapped cache, prepared on first use; None: native size.
        truth: which depth counts as true where a set stores several: nyu-v2 "raw" (default) or "filled"; nyu-v1 "filled"
            (default) or "raw"; kitti "annotated" (default) or "raw", the latter also under the name kitti-raw.

    Returns:
        A `Dataset`. A few frames of each split were looked at (`inspection`): what may be wrong is in its `notes`. Of
        published data that is left out at native size, so that no file is opened.

    Raises:
        ValueError: for an unknown name, split or truth, and for data that cannot be right.
        FileNotFoundError: for missing data, with where to get it.

    >>> "rooms" in NAMES
    True
    """
    return Dataset(_open_source(name, root, truth, size), split, size)


def _open_source(
    name: str, root: Path | str | None, truth: str | None = None, size: Sequence[int] | None = None
) -> Source:
    """The source of a data set, looked at if it is to be trained on (a size is given) or nobody has published it."""
    source = _read_source(name, root, truth)
    if source.unchecked or size is not None:
        source.notes = (*source.notes, *inspection.check(source))
    return source


def _read_source(name: str, root: Path | str | None, truth: str | None = None) -> Source:
    """The source of a data set as its reader gives it."""
    if name not in _MODULES:
        near = difflib.get_close_matches(str(name), NAMES, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"data set {name!r} is not known; expected one of {', '.join(NAMES)}{hint}")
    options = dict(_OPTIONS.get(name, {}))
    if truth is not None:
        choices = _TRUTHS.get(name, ())
        if truth not in choices:
            has = f"one of {', '.join(choices)}" if choices else "None, since this set stores one truth"
            raise ValueError(f"truth of {name} is {truth!r}; expected {has}")
        options["truth"] = truth
    if root and (len(str(root)) > _LONGEST or "\0" in str(root)):
        found = f"{len(str(root)):,} characters" if len(str(root)) > _LONGEST else "a NUL character"
        raise ValueError(f"root has {found} and begins with {str(root)[:40]!r}; expected the path of a folder or file")
    module = importlib.import_module(f"depthnb.data.readers.{_MODULES[name]}")
    return module.open_source(root or None, **options)


def examine(
    name: str,
    root: Path | str | None = None,
    *,
    truth: str | None = None,
    every: bool = False,
    told: Callable[[int, int], None] | None = None,
) -> tuple[str, list[Finding]]:
    """What is wrong with a data set, or may be, before anything is trained on it.

    `open` stops at the first thing that cannot be right; this names everything that it finds: in the index and among the
    files all of it, in the frames that of a few of each split.

    Args:
        name, root, truth: as for `open`.
        every: look at every frame.
        told: called while frames are read, with how many were and how many there are to read.

    Returns:
        A sentence on what is there, and the findings, those that cannot be right first. Where the reader itself refuses the
        files, its words are the only finding. `inspection.mending.mend` corrects what those on an RGB-D folder leave no doubt
        about.

    Raises:
        ValueError: for an unknown name or truth.
    """
    from depthnb.data.inspection import examination

    if name == "folder" and root is not None and truth is None:
        return examination.examine_folder(root, every=every, told=told)
    try:
        source = _read_source(name, root, truth)
    except (FileNotFoundError, ValueError) as error:
        if name not in _MODULES or (truth is not None and truth not in _TRUTHS.get(name, ())):
            raise
        return examination.NOTHING, [Finding(True, str(error))]
    return examination.examine_source(source, every=every, told=told)


def open_for_judging(
    name: str, root: Path | str | None = None, size: Sequence[int] | None = None, *, truth: str | None = None
) -> Dataset:
    """Open a data set on which nothing is trained: its test split where it brings one of its own, else all its frames.

    A split that `open` draws holds a tenth of the scenes. Where nothing is trained, the others need not be kept apart.

    Args:
        name, root, size, truth: as for `open`.

    Returns:
        A `Dataset` whose `split` is "test" or "all".

    Raises:
        FileNotFoundError, ValueError: as `open`.
    """
    source = _open_source(name, root, truth, size)
    own_test = source.own_test and (source.index["split"] == "test").any()
    return Dataset(source, "test" if own_test else "all", size)


def open_third(name: str, root: Path | str | None = None, size: Sequence[int] | None = None) -> dict[str, Dataset]:
    """The data set about which a trained net is only asked, {"third": it}; empty without a name.

    Its content belongs to what a run is, as that of the other splits does: hand it to `runs.start` with them.

    Args:
        name, root, size: as for `open_for_judging`, which opens it.
    """
    return {"third": open_for_judging(name, root, size)} if name else {}


def fitting_size(
    name: str, root: Path | str | None = None, *, pixels: int = 96 * 128, multiple: int = 32
) -> tuple[int, int]:
    """A size to train at that keeps the shape of the data set's own frames.

    Args:
        name, root: as for `open`.
        pixels: about so many, height times width.
        multiple: both sides can be divided by it; 32 suits every network here.

    Returns:
        (height, width): of all such sizes the one that differs least in shape and number of pixels together, each as a
        ratio. Frames of several shapes count by their median aspect.

    Raises:
        ValueError: if `pixels` or `multiple` is not a positive whole number, or no frame can be read; and as `open`.
    """
    multiple, pixels = check_size((multiple, pixels))
    source = _open_source(name, root)
    sizes = survey.look(source).sizes
    if not len(sizes):
        raise ValueError(f"{source.root}: none of the frames looked at can be read; open one of them to see why")
    aspect = float(np.median(sizes[:, 1] / sizes[:, 0]))

    def difference(size: tuple[int, int]) -> tuple[float, tuple[int, int]]:
        height, width = size
        return abs(math.log(width / height / aspect)) + abs(math.log(height * width / pixels)), size

    highest, widest = (
        math.ceil(2 * side / multiple) for side in (math.sqrt(pixels / aspect), math.sqrt(pixels * aspect))
    )
    sides = [(multiple * i, multiple * j) for i in range(1, highest + 1) for j in range(1, widest + 1)]
    return min(sides, key=difference)


def training_size(
    name: str, root: Path | str | None, height: int, width: int, *, pixels: int, multiple: int = 8
) -> tuple[int, int]:
    """(height, width) as asked for, or where both are 0 a size in the shape of the data set's own frames.

    Args:
        name, root, pixels, multiple: as for `fitting_size`.
        height, width: both 0, or the size itself.

    Raises:
        ValueError: if only one of the two is 0; and as `fitting_size`.

    >>> training_size("rooms", None, 72, 96, pixels=96 * 128), training_size("rooms", None, 0, 0, pixels=96 * 128)
    ((72, 96), (96, 128))
    """
    if bool(height) != bool(width):
        raise ValueError(
            f"height {height} and width {width}: expected both sides, or 0 for both to keep the shape of the data set"
        )
    return (height, width) if height else fitting_size(name, root, pixels=pixels, multiple=multiple)


def training_split(
    name: str,
    *,
    root: Path | str | None = None,
    size: Sequence[int] | None = None,
    by: str = "scene",
    frames: int = 0,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Training and validation frames, apart by scene or, as many course projects do it, by frame.

    Args:
        name, root, size: as for `open`.
        by: "scene": the data set's own splits; "frame": as many validation frames, drawn at random from both splits
            together, so that views of one room stand on both sides. The test split is never touched.
        frames: at most so many training frames, drawn at random; 0: all.
        seed: of the draw.

    Returns:
        (train, val).

    Raises:
        ValueError: for another `by`, a negative number of frames, and as `open`.
    """
    if by not in ("scene", "frame") or frames < 0:
        raise ValueError(f"by must be 'scene' or 'frame' and frames 0 or more, found {by!r} and {frames}")
    train, val = open(name, root, "train", size), open(name, root, "val", size)
    if by == "frame":
        both = open(name, root, "train+val", size)
        order = np.random.default_rng(seed).permutation(len(both))
        train, val = both.subset(np.sort(order[len(val) :])), both.subset(np.sort(order[: len(val)]))
    if 0 < frames < len(train):
        train = train.subset(frames, seed=seed)
    return train, val
