"""The corrected index of `depthnb check --fix`: beside the old one, with what can be put right for sure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from depthnb import files
from depthnb.data.inspection.findings import Finding, Mend, places
from depthnb.data.readers.index_csv import index_file, read_rows


def mend(root: Path | str, findings: Sequence[Finding]) -> tuple[Path | None, list[str]]:
    """Write a corrected index beside the old one: index.csv -> index.fixed.csv.

    Args:
        root: the folder that holds index.csv, or another CSV file of its columns.
        findings: as `data.examine` gives them, of every frame.

    Returns:
        The file, and a sentence on each change with its lines; (None, []) where there is nothing to correct for sure.

    Raises:
        FileExistsError: if a file of that name is there and says something else.
        ValueError: if no line would be left.
        OSError: if it cannot be written.
    """
    old = index_file(Path(root).expanduser())
    new = old.with_name(f"{old.stem}.fixed.csv")
    mends = [each for finding in findings for each in finding.mends]
    if not mends:
        return None, []
    header, rows = read_rows(old)
    gone = {each.line: each for each in reversed(mends) if each.leaves_out}
    of_line: dict[int, list[Mend]] = {}
    for each in mends:
        of_line.setdefault(each.line, []).append(each)
    changed: dict[tuple[str, str], dict[str, list[int]]] = {}  # column and reason -> what is done -> lines
    left = []
    for line, cells in rows:
        if line in gone:
            _note(changed, "", gone[line].why, f"left out: {gone[line].why}", line)
            continue
        left.append(_mended(header, line, cells, of_line.get(line, []), changed))
    changes = [_said(old.name, column, why, done) for (column, why), done in changed.items()]
    if not left:
        raise ValueError(
            f"{old}: no line would be left in a corrected index ({changes[0]}); mend what is said above by hand"
        )
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *left])
    content = text.getvalue().encode("utf-8")
    if new.exists() and new.read_bytes() != content:
        raise FileExistsError(
            f"{new} is there already and says something else; move it away, or check it instead of {old.name}"
        )
    return files.write_bytes(new, content), changes


def _mended(
    header: list[str],
    line: int,
    cells: list[str],
    mends: list[Mend],
    changed: dict[tuple[str, str], dict[str, list[int]]],
) -> list[str]:
    """The cells of a line with what is mended in them; what was done goes to `changed`."""
    cells = list(cells)
    for each in mends:
        for column, cell in each.cells:
            place = header.index(column)
            _note(changed, column, each.why, f"{column} {cells[place]} -> {cell}: {each.why}", line)
            cells[place] = cell
    return cells


def _note(changed: dict, column: str, why: str, done: str, line: int) -> None:
    changed.setdefault((column, why), {}).setdefault(done, []).append(line)


def _said(name: str, column: str, why: str, done: dict[str, list[int]]) -> str:
    """One change with its lines; the same change of many cells as one, with its first cell."""
    lines = [line for each in done.values() for line in each]
    first = next(iter(done))
    if len(done) > 1:
        first = f"{column}, {len(done)} different cells: {why}; the first is {first.removesuffix(f': {why}')}"
    return f"{places(lines, name, most=len(lines))} {first}"
