"""The long look at a data set, for `depthnb check`: everything that is wrong with it, each with its lines of index.csv."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from depthnb.data.inspection import copies, inspect, likeness, numbers, truth
from depthnb.data.inspection.findings import Finding
from depthnb.data.inspection.index import look_at_index
from depthnb.data.inspection.pairs import Pairs
from depthnb.data.inspection.planes import Planes
from depthnb.data.readers import index_csv
from depthnb.data.readers.folder import Folder
from depthnb.data.source import Source
from depthnb.data.survey import look, rows_to_look_at
from depthnb.data.words import plural

NOTHING = "nothing that can be read"


def examine_folder(
    root: Path | str, *, every: bool = False, told: Callable[[int, int], None] | None = None
) -> tuple[str, list[Finding]]:
    """What is in an RGB-D folder, and everything that is wrong with it; see `data.examine`."""
    try:
        held = index_csv.read(Path(root).expanduser())
    except (OSError, ValueError) as error:
        return NOTHING, [Finding(True, str(error))]
    findings, sound = look_at_index(held)
    if not sound.lines:
        return NOTHING, findings
    source = Folder(held.file, index=sound)
    aside = len(held.lines) - len(sound.lines)
    said, further = examine_source(source, every=every, told=told)
    if aside:
        said += f"; {plural(aside, 'more line')} left aside for what is wrong in {'it' if aside == 1 else 'them'}"
    return said, sorted([*findings, *further], key=lambda finding: not finding.sure)


def examine_source(
    source: Source, *, every: bool = False, told: Callable[[int, int], None] | None = None
) -> tuple[str, list[Finding]]:
    """What is in a data set that a reader has opened, and what is wrong with it or may be.

    Args:
        source: the data set.
        every: look at every frame.
        told: as in `survey.look`; frames are read twice, and pictures of all splits once more, small; all of that counts.
    """
    counts = source.index["split"].value_counts()
    parts = ", ".join(f"{counts[part]} {part}" for part in ("train", "val", "test") if part in counts)
    frames, scenes = plural(len(source.index), "frame"), plural(source.index["scene"].nunique(), "scene")
    said = f"{frames} of {scenes} ({parts}); {source.unit}"
    frames_read = len(rows_to_look_at(source, every=every))
    total = 2 * frames_read + len(likeness.rows_compared(source, every=every))

    def tell(done: int, before: int) -> None:
        if told:
            told(before + done, total)

    looked = look(source, every=every, told=lambda done, _: tell(done, 0))
    findings = [*truth.unreadable(source, looked), *copies.copies(source)]
    seen = _views(source, looked.rows.tolist(), lambda done: tell(done, frames_read))
    seen += likeness.alike(source, every=every, told=lambda done: tell(done, 2 * frames_read))
    findings += [*numbers.numbers(source, looked), *seen, *inspect(source, looked)]
    if any("inverse depth" in finding.found for finding in seen):  # then no factor makes depth of it
        findings = [_without_scales(finding) for finding in findings]
    findings += [Finding(False, note) for note in source.notes]
    return said, sorted(findings, key=lambda finding: not finding.sure)


def _views(source: Source, rows: list[int], tell: Callable[[int], None]) -> list[Finding]:
    """What pictures and geometry of the frames say."""
    planes, pairs = Planes(), Pairs()
    for done, row in enumerate(rows, start=1):
        sample = source.read(row)
        image, depth, valid = (sample[key] for key in ("image", "depth", "valid"))
        planes.add(row, depth, valid, sample["intrinsics"])
        pairs.add(row, image, depth, valid)
        tell(done)
    return [*planes.findings(source), *pairs.findings(source)]


def _without_scales(finding: Finding) -> Finding:
    mends = tuple(mend for mend in finding.mends if not any(column == "depth_scale" for column, _ in mend.cells))
    return replace(finding, mends=mends)
