r"""The contract every data set fulfils: what a sample is, and the `Dataset` that hands samples out.

A sample is a dict:

| key | type | meaning |
|---|---|---|
| `image` | float32 [3,H,W] | RGB, 0..1, not normalised |
| `depth` | float32 [1,H,W] | metres along the optical axis (z-depth, not ray length); meaningless where `valid` is False |
| `valid` | bool [1,H,W] | the only thing that decides what counts; depth outside of the protocol's range does not |
| `intrinsics` | float32 [3,3] | pinhole K in pixels of this very image, pixel centres at integers; NaN where unknown |
| `id`, `scene`, `scene_type` | str | splits are by `scene`, never by frame |

A batch has a leading dimension, and lists of str. A data set is one file of this package holding a subclass of
`Source`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from depthnb.data import cache, transforms
from depthnb.data.source import Source
from depthnb.data.splits import SPLITS, split_rows
from depthnb.data.words import plural

COLUMNS = ("id", "scene", "scene_type", "split")
TENSORS = ("image", "depth", "valid", "intrinsics")


class Dataset:
    """Frames of one split (or several) of a data set; `len(ds)`, `ds[i]`, `ds.batch(indices)`, iteration.

    Made by `data.open`. With a `size` the frames come from a memory-mapped cache at that size, prepared on first use;
    with `size=None` they are read from the data set's own files, one at a time, at their own size.

    Attributes:
        name, root, protocol, max_depth, fingerprint, notes: as in `Source`.
        split: "train", "val", "test", "all", or several joined by "+".
        size: (height, width), or None for native size.
        frames: DataFrame with the columns id, scene, scene_type, split, in the order of the data set.
        new_batches: that what `batch` gives is nobody else's, so that an augmentation may write over it.
    """

    new_batches = True

    def __init__(self, source: Source, split: str, size: Sequence[int] | None = None, rows: np.ndarray | None = None):
        self._source = source
        self.split = split
        self.size = None if size is None else transforms.check_size(size)
        self._rows = split_rows(source, split) if rows is None else rows
        self.frames = source.index.iloc[self._rows].loc[:, list(COLUMNS)].reset_index(drop=True)
        self._prepared: dict[str, cache.Prepared] = {}
        if self.size is not None:
            for part in SPLITS:
                if (self.frames["split"] == part).any():
                    self._prepared[part] = cache.prepare(source, part, self.size)
                    self._require_truth(part)
            self._place = self._places()

    def _require_truth(self, part: str) -> None:
        """ValueError for a split without any valid pixel: there is nothing to train on, and nothing to score."""
        _, valid, beyond = self._prepared[part].counts().sum(axis=0).tolist()
        if not valid:
            why = (
                f"its stored depth lies outside of the range of protocol {self.protocol}"
                if beyond
                else "only 0 is stored, or the masks leave all of it out"
            )
            raise ValueError(
                f"{self._source.root}: no pixel of the {part} split of {self.name} has valid depth ({why}), so nothing can be "
                "learnt from it or scored on it. Mend its depth or masks; its pictures alone open without a size"
            )

    def _places(self) -> np.ndarray:
        """Row of each frame inside the prepared cache of its split."""
        place = np.zeros(len(self._source.index), dtype=np.int64)
        split = self._source.index["split"].to_numpy()
        for part in SPLITS:
            place[split == part] = np.arange((split == part).sum())
        return place[self._rows]

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def root(self) -> Path:
        return self._source.root

    @property
    def protocol(self) -> str:
        return self._source.protocol

    @property
    def max_depth(self) -> float:
        return self._source.max_depth

    @property
    def fingerprint(self) -> str:
        return self._source.fingerprint

    @property
    def content(self) -> str:
        """12 hex digits that change with the index and any byte of the files of the splits that the frames come from.

        Other splits do not matter: more training frames leave the content of the test split as it is. Known from preparing
        the frames where there is a `size`; at native size the files are read for it.
        """
        marks = []
        for part in SPLITS:
            if (self.frames["split"] == part).any():
                if part in self._prepared:
                    marks.append(f"{part} {self._prepared[part].content}")
                else:
                    marks.append(f"{part} {cache.content(self._source, split_rows(self._source, part))}")
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:12]

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    @property
    def split_counts(self) -> dict[str, int]:
        """Frames in each split of the whole data set, whatever this object holds of it."""
        counts = self._source.index["split"].value_counts()
        return {part: int(counts.get(part, 0)) for part in SPLITS}

    @property
    def valid_share(self) -> float:
        """Share of the pixels that are valid, at the native size of the frames, whatever size they are opened at."""
        if self.size is None:
            counts = np.array([[frame["valid"].numel(), int(frame["valid"].sum())] for frame in self])
        else:
            parts = {part: prepared.counts() for part, prepared in self._prepared.items()}
            splits = self.frames["split"].tolist()
            counts = np.array([parts[split][place] for split, place in zip(splits, self._place, strict=True)])
        return float(counts[:, 1].sum() / counts[:, 0].sum())

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        size = "native size" if self.size is None else f"{self.size[0]}x{self.size[1]} (HxW)"
        lines = [
            f"{self.name} {self.split}: {plural(len(self), 'frame')} of {plural(self.frames['scene'].nunique(), 'scene')}, "
            f"{size}, protocol {self.protocol}"
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def _number(self, i: int) -> int:
        """Check a frame number; negative ones count from the end."""
        n = int(i)
        if not -len(self) <= n < len(self):
            raise IndexError(f"frame {n} asked for, but {self.name} {self.split} has {plural(len(self), 'frame')}")
        return n % len(self)

    def __iter__(self) -> Iterator[dict]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> dict:
        """Return frame `i` as a sample of the contract (see the module)."""
        i = self._number(i)
        row = self.frames.iloc[i]
        if self.size is None:
            out = self._native(i)
        else:
            out = self._prepared[row["split"]].rows(self._place[i : i + 1])
            out = {key: value[0] for key, value in out.items()}
        out["image"] = out["image"].to(torch.float32).div_(255)
        return {**out, "id": row["id"], "scene": row["scene"], "scene_type": row["scene_type"]}

    def batch(self, indices: Sequence[int] | Tensor | np.ndarray, device: torch.device | str | None = None) -> dict:
        """Return several frames as one batch, straight from the memory map.

        Args:
            indices: frame numbers, in any order, repeats allowed.
            device: where the tensors go (None: CPU). Images cross over as 8-bit and become float32 there.

        Returns:
            image float32 [B,3,H,W], depth float32 [B,1,H,W], valid bool [B,1,H,W], intrinsics float32 [B,3,3]; id,
            scene, scene_type as lists of str.

        Raises:
            IndexError: for a number outside the data set.
            ValueError: at native size, if the frames differ in size (give `data.open` a size).
        """
        numbers = np.array([self._number(i) for i in np.asarray(indices).ravel()], dtype=np.int64)
        if self.size is None:
            out = self._read_together(numbers)
        else:
            out = self._gather(numbers)
        out = {key: value.to(device) if device is not None else value for key, value in out.items()}
        out["image"] = out["image"].to(torch.float32).div_(255)
        chosen = self.frames.iloc[numbers]
        return {**out, **{key: chosen[key].tolist() for key in ("id", "scene", "scene_type")}}

    def _native(self, i: int) -> dict[str, Tensor]:
        """The tensors of one frame, read from the data set's own files."""
        frame = self._source.frame(int(self._rows[i]))
        return {key: frame[key] for key in TENSORS}

    def _read_together(self, numbers: np.ndarray) -> dict[str, Tensor]:
        samples = [self._native(i) for i in numbers]
        sizes = sorted({tuple(s["image"].shape[-2:]) for s in samples})
        if len(sizes) > 1:
            raise ValueError(
                f"{self.name} {self.split}: frames of different sizes {sizes} (HxW) cannot form one batch; "
                "open the data set with size=(height, width), or take one frame at a time"
            )
        return {key: torch.stack([s[key] for s in samples]) for key in TENSORS}

    def _gather(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """Rows out of the caches of one or several splits, in the order asked for."""
        part = self.frames["split"].to_numpy()[numbers]
        names = sorted(set(part))
        if len(names) == 1:
            return self._prepared[names[0]].rows(self._place[numbers])
        pieces = [self._prepared[name].rows(self._place[numbers[part == name]]) for name in names]
        back = torch.from_numpy(np.argsort(np.concatenate([np.flatnonzero(part == name) for name in names])))
        return {key: torch.cat([piece[key] for piece in pieces])[back] for key in TENSORS}

    def _with_rows(self, rows: np.ndarray, size: Sequence[int] | None) -> Dataset:
        return Dataset(self._source, self.split, size, rows)

    def subset(self, indices_or_n: int | Sequence[int] | np.ndarray, seed: int | None = None) -> Dataset:
        """Return a Dataset of fewer frames; everything else stays.

        Args:
            indices_or_n: frame numbers (kept in the order given), or how many frames. A count without `seed` takes
                frames evenly spaced over the data set, so that all kinds of scene stay in; with `seed` it draws at
                random without repeats, in such a way that smaller draws of the same seed are contained in larger
                ones.

        Raises:
            ValueError: if more frames are asked for than there are, or none.
        """
        if isinstance(indices_or_n, int | np.integer):
            n = int(indices_or_n)
            if not 1 <= n <= len(self):
                raise ValueError(f"a subset of {n} frames asked for, but {self.name} {self.split} has {len(self)}")
            if seed is None:
                numbers = (np.arange(n) * len(self)) // n
            else:
                numbers = np.sort(np.random.default_rng(seed).permutation(len(self))[:n])
        else:
            numbers = np.array([self._number(i) for i in indices_or_n], dtype=np.int64)
            if len(numbers) == 0:
                raise ValueError("a subset of no frames asked for; give at least one frame number")
        return self._with_rows(self._rows[numbers], self.size)

    def native(self) -> Dataset:
        """Return the same frames at their native size, as evaluation wants them (the stored truth)."""
        return self._with_rows(self._rows, None)
