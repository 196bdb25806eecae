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
    changed: dict[str, list[int]] = {}  # what is done -> lines
    left = []
    for line, cells in rows:
        if line in gone:
            changed.setdefault(f"left out: {gone[line].why}", []).append(line)
            continue
        left.append(_mended(header, line, cells, [each for each in mends if each.line == line], changed))
    changes = [f"{places(lines, old.name, most=len(lines))} {what}" for what, lines in changed.items()]
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
    header: list[str], line: int, cells: list[str], mends: list[Mend], changed: dict[str, list[int]]
) -> list[str]:
    """The cells of a line with what is mended in them; what was done goes to `changed`."""
    cells = list(cells)
    for each in mends:
        for column, cell in each.cells:
            place = header.index(column)
            changed.setdefault(f"{column} {cells[place]} -> {cell}: {each.why}", []).append(line)
            cells[place] = cell
    return cells
