"""What a look at a data set says: a finding with the lines of index.csv that it concerns, its remedy, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depthnb.data.source import Source


@dataclass(frozen=True)
class Mend:
    """What puts one line of index.csv right for sure.

    Attributes:
        line: of the file, counted from 1.
        cells: (column, new cell) pairs; none: the line is left out.
        why: for people.
    """

    line: int
    cells: tuple[tuple[str, str], ...]
    why: str

    @property
    def leaves_out(self) -> bool:
        return not self.cells


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a data set, or may be.

    Attributes:
        sure: whether it cannot be right.
        found: a sentence or several on what was found.
        remedy: on what to do about it; "" where `found` says so itself.
        lines: of index.csv, those that it concerns among the frames that were looked at; none where there is no such file, or
            all are concerned.
        mends: what corrects those lines for sure; none where somebody has to look.
    """

    sure: bool
    found: str
    remedy: str = ""
    lines: tuple[int, ...] = ()
    mends: tuple[Mend, ...] = ()

    @property
    def sentence(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.found} {self.remedy}".strip()


def lines_of(source: Source, rows: Sequence[int]) -> tuple[int, ...]:
    """The lines of index.csv that hold some rows of a data set; none where there is no such file."""
    return tuple(sorted({source.lines[row] for row in rows})) if source.lines else ()


def places(lines: Sequence[int], name: str = "index.csv", most: int = 6) -> str:
    """Lines of a file as editors write them, those that follow each other as one.

    Args:
        lines: counted from 1.
        name: of the file.
        most: of so many pieces; the rest is counted.

    >>> places([2, 3, 4, 9]), places([]), places(range(2, 20, 2), most=2)
    ('index.csv:2-4, 9', '', 'index.csv:2, 4 and 7 more lines')
    """
    lines = sorted(set(lines))
    if not lines:
        return ""
    starts = [lines[0], *(after for before, after in pairwise(lines) if after > before + 1)]
    ends = [*(before for before, after in pairwise(lines) if after > before + 1), lines[-1]]
    pieces = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    rest = sum(b - a + 1 for a, b in list(zip(starts, ends, strict=True))[most:])
    more = f" and {rest} more line{'s' if rest > 1 else ''}" if rest else ""
    return f"{name}:{', '.join(pieces[:most])}{more}"
