r"""Splits: by scene, never by frame, and what is done where a data set brings none for validation or testing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

SPLITS = ("train", "val", "test")


def split_rows(source: Source, split: str) -> np.ndarray:
    """Row numbers of a split ("train", "val", "test", "all", or joined by "+"), in the order of the index.

    Raises:
        ValueError: for an unknown split, or one that has no frames.
    """
    parts = SPLITS if split == "all" else tuple(split.split("+"))
    unknown = [part for part in parts if part not in SPLITS]
    if unknown:
        raise ValueError(f"split is {split!r}; expected one of {', '.join(SPLITS)}, all, or several joined by +")
    rows = np.flatnonzero(source.index["split"].isin(parts))
    if len(rows) == 0:
        counts = source.index["split"].value_counts()
        here = [part for part in SPLITS if counts.get(part)]
        content = " and ".join(plural(counts[part], f"{part} frame") for part in here)
        remedy = f"Open split={here[0]!r}" if here else "Add frames"
        if source.unchecked:
            remedy += f", or give frames of other scenes the split {parts[0]} in index.csv"
        notes = "".join(f" {note}" for note in source.notes)
        raise ValueError(
            f"{source.name} at {source.root} has no {split} frames, but {content or 'none at all'}.{notes} {remedy}."
        )
    return rows


def rank_scenes(scenes: Sequence[str]) -> list[str]:
    """Unique scenes in the fixed pseudo-random order that derived splits follow: by SHA-256 of the name.

    >>> rank_scenes(["a", "b", "c", "a"])
    ['c', 'b', 'a']
    """
    return sorted(set(scenes), key=lambda scene: hashlib.sha256(scene.encode()).hexdigest())


def derive_splits(index: pd.DataFrame, *, test: float = 0.1, val: float = 0.1) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Take missing test and val splits out of the training scenes: 10 % of them each, at least one, by a fixed hash.

    Args:
        index: with the columns scene and split.
        test, val: other shares of the training scenes.

    Returns:
        The index (a changed copy, if a split was missing and there are scenes to take it from) and sentences on what
        was done. At least one scene stays in training; without that many scenes nothing is taken.

    >>> index = pd.DataFrame({"scene": list("abc"), "split": ["train"] * 3})
    >>> derive_splits(index)[0]["split"].tolist()
    ['train', 'val', 'test']
    """
    present = set(index["split"])
    missing = [part for part in ("test", "val") if part not in present]
    if not missing or "train" not in present:
        return index, ()
    ranked = rank_scenes(index.loc[index["split"] == "train", "scene"])
    share = {"test": test, "val": val}
    each = {part: max(1, round(share[part] * len(ranked))) for part in missing}
    if len(ranked) < sum(each.values()) + 1:
        scenes = f"{plural(len(ranked), 'training scene')} {'is' if len(ranked) == 1 else 'are'}"
        why = f"{scenes} too few to take {' and '.join(missing)} from"
        return index, (f"No {' and no '.join(missing)} split: {why}.",)
    index, notes, first = index.copy(), [], 0
    for part in missing:
        taken = ranked[first : first + each[part]]
        first += each[part]
        index.loc[(index["split"] == "train") & index["scene"].isin(taken), "split"] = part
        notes.append(
            f"No {part} split given: {each[part]} of {len(ranked)} training scenes ({100 * share[part]:g} %, at least "
            f"one), first in order of the SHA-256 of their names, {'serves' if each[part] == 1 else 'serve'} as {part}."
        )
    return index, tuple(notes)
