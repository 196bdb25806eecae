"""Files that are there several times under other names: copies, and frames that are trained on and scored."""

from __future__ import annotations

import filecmp
import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.inspection.findings import Finding, Mend, lines_of
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

_COMPARED = (
    50  # frames of validation and test that `leaked` compares with others of the same size in bytes; with 20 each
)
_PIECE = 1 << 16  # bytes from which two files mostly differ already


def leaked(source: Source) -> list[Finding]:
    """Pictures that are in two splits, byte for byte, under two names.

    Of a large set some are compared: copies seldom come alone.
    """
    if not source.unchecked or "image" not in source.index:
        return []
    paths = [source.root / name for name in source.index["image"]]
    sizes = np.array([path.stat().st_size for path in paths])
    split = source.index["split"].to_numpy()
    judged = np.flatnonzero(split != "train")
    pairs = []
    for row in judged[np.unique(np.linspace(0, len(judged) - 1, min(_COMPARED, len(judged))).astype(int))]:
        alike = np.flatnonzero((sizes == sizes[row]) & (split != split[row]))[:20]
        pairs += [(row, i) for i in alike if filecmp.cmp(paths[row], paths[i], shallow=False)]
    if not pairs:
        return []
    found = _in_two_splits(source, pairs[0])
    return [
        Finding(
            False,
            f"{found} ({plural(len(pairs), 'such pair')} found).",
            "Scores on frames that were trained on say nothing; give both rows of index.csv one scene.",
            lines_of(source, [row for pair in pairs for row in pair]),
        )
    ]


def _in_two_splits(source: Source, pair: Iterable[int]) -> str:
    (first, one), (second, other) = (source.index[["id", "split"]].iloc[i] for i in pair)
    return f"The same picture is in two splits: {first!r} in {one} and {second!r} in {other}"


def copies(source: Source) -> list[Finding]:
    """Images and depth maps that are the same, byte for byte, under several ids: of every frame, whatever else is looked at."""
    if "image" not in source.index:
        return []
    images, depths = (_marks([source.root / name for name in source.index[column]]) for column in ("image", "depth"))
    split = source.index["split"].to_numpy()
    groups = _groups(images)
    torn = [rows for rows in groups if len({split[row] for row in rows}) > 1]
    whole = [rows for rows in groups if len({split[row] for row in rows}) == 1]
    findings = _leaks(source, torn, depths) if torn else []
    same = [part for rows in whole for part in _groups(depths, rows)]
    if same:
        findings.append(_twice(source, same))
    unlike = [rows for rows in whole if len({depths[row] for row in rows}) > 1]
    if unlike:
        findings.append(
            _pairs(source, unlike, "image", "depth", "One image has one depth: leave out the lines that are wrong.")
        )
    shared = [rows for rows in _groups(depths) if len({images[row] for row in rows}) > 1]
    if shared:
        findings.append(
            _pairs(source, shared, "depth", "images", "Write the depth of each picture again, or leave its line out.")
        )
    return findings


def _leaks(source: Source, groups: list[list[int]], depths: list[Hashable]) -> list[Finding]:
    """The finding on pictures in two splits: the judged copy stays, those that are trained on go."""
    split = source.index["split"].to_numpy()
    mends = []
    for rows in groups:
        last = max((split[row] for row in rows), key=SPLITS.index)
        kept: dict[Hashable, int] = {}
        for row in rows:
            if split[row] == last and depths[row] not in kept:
                kept[depths[row]] = row
        first = source.index["id"].iloc[next(iter(kept.values()))]
        gone = [row for row in rows if row not in kept.values()]
        mends += [_left_out(source, row, f"its image is that of {first!r} in {last}") for row in gone]
    pair = next([a, b] for a in groups[0] for b in groups[0] if split[a] != split[b])
    return [
        Finding(
            True,
            f"{_in_two_splits(source, pair)} ({plural(len(groups), 'such picture')}).",
            "Scores on frames that were trained on say nothing: leave out the lines in train, or give both one scene.",
            lines_of(source, [row for rows in groups for row in rows]),
            tuple(filter(None, mends)),
        )
    ]


def _twice(source: Source, groups: list[list[int]]) -> Finding:
    first, second = (source.index["id"].iloc[row] for row in groups[0][:2])
    gone = [(row, rows[0]) for rows in groups for row in rows[1:]]
    mends = (_left_out(source, row, f"a copy of {source.index['id'].iloc[of]!r}") for row, of in gone)
    verb = "is a copy" if len(gone) == 1 else "are copies"
    return Finding(
        False,
        f"{plural(len(gone), 'frame')} {verb} of another, image and depth: {second!r} of {first!r} for one.",
        "Leave the copies out; they count twice.",
        lines_of(source, [row for row, _ in gone]),
        tuple(filter(None, mends)),
    )


def _pairs(source: Source, groups: list[list[int]], same: str, other: str, remedy: str) -> Finding:
    first, second = (source.index["id"].iloc[row] for row in groups[0][:2])
    count = sum(map(len, groups))
    found = f"{plural(count, 'frame')} share their {same} file with another frame, but not its {other}"
    return Finding(
        False,
        f"{found}: {first!r} and {second!r} for one.",
        remedy,
        lines_of(source, [row for rows in groups for row in rows]),
    )


def _left_out(source: Source, row: int, why: str) -> Mend | None:
    return Mend(source.lines[row], (), why) if source.lines else None


def _groups(marks: list[Hashable], rows: Iterable[int] | None = None) -> list[list[int]]:
    """Rows that have the same mark, where there are several, in their order."""
    same: dict[Hashable, list[int]] = defaultdict(list)
    for row in range(len(marks)) if rows is None else rows:
        same[marks[row]].append(row)
    return [rows for rows in same.values() if len(rows) > 1]


def _marks(paths: list[Path]) -> list[Hashable]:
    """For each file a mark that it shares with its copies alone. Files are read only as far as they could be copies."""
    marks: dict[Path, tuple] = {}
    for path in dict.fromkeys(paths):
        try:
            marks[path] = (path.stat().st_size,)
        except OSError:
            marks[path] = ("missing", str(path))
    for mark in (_start, _whole):
        same: dict[tuple, list[Path]] = defaultdict(list)
        for path, known in marks.items():
            same[known].append(path)
        for alike in same.values():
            if len(alike) > 1:
                marks |= {path: (*marks[path], _read(path, mark)) for path in alike}
    return [marks[path] for path in paths]


def _read(path: Path, mark: Callable[[Path], str]) -> str:
    try:
        return mark(path)
    except OSError:  # no copy of anything; that it cannot be read is said elsewhere
        return f"unread {path}"


def _start(path: Path) -> str:
    """Stands for the first bytes and the last ones: headers of raw arrays are alike."""
    with open(path, "rb") as stream:
        start = stream.read(_PIECE)
        stream.seek(max(0, path.stat().st_size - _PIECE))
        return hashlib.sha256(start + stream.read(_PIECE)).hexdigest()


def _whole(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
