"""What is wrong in index.csv itself, what puts it right for sure, and the part of it that can be looked at further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from depthnb.data.inspection.findings import Finding, Mend
from depthnb.data.readers.index_csv import Index, find_files
from depthnb.data.readers.index_faults import COLUMNS, Fault, cell_faults, number
from depthnb.data.splits import SPLITS
from depthnb.data.words import plural

_SPLIT_NAMES = {
    "training": "train",
    "validation": "val",
    "valid": "val",
    "validate": "val",
    "dev": "val",
    "testing": "test",
}


def look_at_index(held: Index) -> tuple[list[Finding], Index]:
    """Findings on the index itself, and the part of it whose frames can be read: mended where sure, the rest left out."""
    findings, told = [], set()
    for _ in range(2):  # whether a scene is torn shows once the splits are spelled
        new = [(kind, _finding(held, faults)) for kind, faults in _by_kind(held.faults).items()]
        fresh = [(kind, each) for kind, each in new if not {(kind, line) for line in each.lines} <= told]
        told |= {(kind, line) for kind, each in fresh for line in each.lines}
        findings += [each for _, each in fresh]
        held = with_mends(held, [mend for _, each in fresh for mend in each.mends])
    while held.faults:
        held = held.without([line for fault in held.faults for line in fault.lines])
    missing = _missing(held)
    mends = [mend for each in missing for mend in each.mends]
    respelled = with_mends(held, mends)
    _, _, gone = find_files(held.file.parent, respelled.table)
    return [*findings, *missing], respelled.without([respelled.lines[row] for row, _ in gone])


def with_mends(held: Index, mends: Iterable[Mend]) -> Index:
    """The index with some of its lines mended."""
    table, place = held.table.copy(), {line: row for row, line in enumerate(held.lines)}
    gone = {mend.line for mend in mends if mend.leaves_out}
    for mend in mends:
        for column, cell in mend.cells:
            if mend.line in place:
                table.loc[place[mend.line], column] = cell
    mended = replace(held, table=table, faults=tuple(cell_faults(table, held.lines)))
    return mended.without(sorted(gone)) if gone else mended


def _by_kind(faults: Iterable[Fault]) -> dict[str, list[Fault]]:
    kinds: dict[str, list[Fault]] = {}
    for fault in faults:
        kinds.setdefault(fault.kind, []).append(fault)
    return kinds


def _finding(held: Index, faults: list[Fault]) -> Finding:
    """One finding on all faults of a kind, in the words of the first."""
    lines = tuple(sorted({line for fault in faults for line in fault.lines}))
    more = len(faults) - 1
    others = f" So it is in {plural(more, 'more cell')}." if more else ""
    found = f"{faults[0].sentence[:1].upper()}{faults[0].sentence[1:]}.{others}"
    mend = _MENDS.get(faults[0].kind)
    return Finding(True, found, "", lines, tuple(mend(held, lines)) if mend else ())


def _rows(held: Index, lines: Iterable[int]) -> list:
    place = {line: row for row, line in enumerate(held.lines)}
    return [(line, held.table.iloc[place[line]]) for line in lines if line in place]


def _splits(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """Other words for a split are spelled as here."""
    mends = []
    for line, row in _rows(held, lines):
        word = row["split"].lower()
        meant = word if word in SPLITS else _SPLIT_NAMES.get(word)
        if meant:
            mends.append(Mend(line, (("split", meant),), f"{row['split']!r} means {meant}"))
    return mends


def _scenes(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """A scene goes where most of its frames are, else into the split that is judged; train and test keep a scene."""
    mends = []
    rows = _rows(held, lines)
    torn = {row["scene"] for _, row in rows}
    others = {row["split"] for _, row in _rows(held, held.lines) if row["scene"] not in torn}
    for scene in dict.fromkeys(row["scene"] for _, row in rows):
        own = [(line, row["split"]) for line, row in rows if row["scene"] == scene and row["split"] in SPLITS]
        count = Counter(split for _, split in own)
        goal = max(count, key=lambda split: (count[split], SPLITS.index(split)))
        mends += [
            Mend(line, (("split", goal),), f"most frames of scene {scene!r} are in {goal}")
            for line, split in own
            if split != goal
        ]
        others.add(goal)
    left = {row["split"] for _, row in rows if row["split"] in ("train", "test")} - others
    return [] if left else mends  # to have none of those is somebody's to think about; a val split is drawn


def _shared_files(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """Of lines that name one image, those in the split that is judged stay. A shared depth alone is somebody's to look at."""
    mends = []
    rows = _rows(held, lines)
    for name in dict.fromkeys(row["image"] for _, row in rows):
        own = [(line, row["split"], row["id"]) for line, row in rows if row["image"] == name]
        last = max((split for _, split, _ in own if split in SPLITS), key=SPLITS.index, default="")
        kept = next((each for each in own if each[1] == last), None)
        if kept and len({split for _, split, _ in own}) > 1:
            mends += [
                Mend(line, (), f"its image is that of {kept[2]!r} in {last}") for line, *_ in own if line != kept[0]
            ]
    return mends


_PER_METRE = (100, 256, 1000, 4000, 5000, 10000)  # stored units a metre that people write in place of metres a unit


def _scales(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """Stored units for each metre turned over, and a comma that was meant as a point."""
    mends = []
    for line, row in _rows(held, lines):
        cell = row["depth_scale"]
        scale = number(cell.replace(",", "."))
        if scale in _PER_METRE:
            mends.append(Mend(line, (("depth_scale", f"{1 / scale:.10g}"),), f"{cell} stored units are a metre"))
        elif 0 < scale <= 1 and "," in cell:
            mends.append(Mend(line, (("depth_scale", f"{scale:.10g}"),), "a point, and no comma"))
    return mends


def _paths(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """Paths that lead to a file of this folder are written from it, with '/'."""
    root, mends = held.file.parent, []
    for line, row in _rows(held, lines):
        cells = []
        for column in ("image", "depth", "valid"):
            plain = row[column].replace("\\", "/")
            path = Path(plain)
            if path.is_absolute() and path.is_relative_to(root.absolute()):
                plain = path.relative_to(root.absolute()).as_posix()
            if plain != row[column] and not Path(plain).is_absolute() and (root / plain).is_file():
                cells.append((column, plain))
        if cells:
            mends.append(Mend(line, tuple(cells), "a path from index.csv, with '/'"))
    return mends


def _ids(held: Index, lines: tuple[int, ...]) -> list[Mend]:
    """A line that says the same again goes; another frame of the same id gets one of its own."""
    taken, mends = set(held.table["id"]), []
    files = list(COLUMNS[4:])
    for line, row in _rows(held, lines):
        same = held.table[held.table["id"] == row["id"]].iloc[0]
        if (same[files] == row[files]).all():
            mends.append(Mend(line, (), f"it says what the first line of {row['id']!r} says"))
            continue
        new = next(name for n in range(2, len(taken) + 3) if (name := f"{row['id']}-{n}") not in taken)
        taken.add(new)
        mends.append(Mend(line, (("id", new),), f"{row['id']!r} is the id of another frame"))
    return mends


_MENDS = {
    "split": _splits,
    "scene": _scenes,
    "shared": _shared_files,
    "scale": _scales,
    "path": _paths,
    "id": _ids,
}


def _missing(held: Index) -> list[Finding]:
    """One finding on files that are not there; a name that differs in the case of its letters is mended."""
    root = held.file.parent
    _, _, missing = find_files(root, held.table)
    if not missing:
        return []
    mends = []
    for row, name in missing:
        line = held.lines[row]
        column = next(c for c in ("image", "depth", "valid") if held.table[c].iloc[row] == name)
        spelled = _other_case(root, name)
        if spelled:
            mends.append(Mend(line, ((column, spelled),), "spelled as on the disk"))
        else:
            mends.append(Mend(line, (), f"{name} is missing"))
    return [
        Finding(
            True,
            f"{root}: {plural(len(missing), 'file')} named in {held.file.name} {'is' if len(missing) == 1 else 'are'} missing, "
            f"the first is {missing[0][1]}.",
            "Paths are relative to index.csv and the case of letters counts; copy the files there, or leave the lines out.",
            tuple(sorted({held.lines[row] for row, _ in missing})),
            tuple(mends),
        )
    ]


def _other_case(root: Path, name: str) -> str | None:
    """The path of the only file whose name differs in the case of its letters alone."""
    place = root
    for part in Path(name).parts:
        try:
            near = [each for each in place.iterdir() if each.name.lower() == part.lower()]
        except OSError:
            return None
        if len(near) != 1:
            return None
        place = near[0]
    return place.relative_to(root).as_posix() if place.is_file() else None
