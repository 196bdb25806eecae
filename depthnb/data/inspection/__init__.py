r"""What is wrong with a data set, or may be: a file a kind of look.

A network trains on nonsense without a word: on millimetres taken for metres, on a mask that is upside down. So `data.open`
looks at a few frames of each split (`survey`). What cannot be right is refused; what may be right is written into the data
set's `notes`. `depthnb check` looks longer (`examination`): at the index line by line, at copies, at planes, and at whether
image and depth show the same view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depthnb.data.inspection import cameras, copies, truth, units
from depthnb.data.inspection.findings import Finding, Mend, places
from depthnb.data.survey import Survey, look

if TYPE_CHECKING:
    from depthnb.data.source import Source

__all__ = ["Finding", "Mend", "check", "inspect", "places"]

_LOOKS = (cameras.cameras, truth.truth, truth.repeated, units.units, units.fillers)


def inspect(source: Source, looked: Survey | None = None) -> list[Finding]:
    """What is wrong with a data set, or may be, as far as the frames looked at can tell without their pictures.

    Args:
        source: the data set.
        looked: its frames; None: a few of each split.

    Returns:
        Findings, those that are sure first. Raises nothing: see `check`.
    """
    looked = look(source) if looked is None else looked
    findings = [finding for each in _LOOKS for finding in each(source, looked)]
    return sorted(findings, key=lambda finding: not finding.sure)


def check(source: Source) -> tuple[str, ...]:
    """Sentences on what may be wrong with a data set; ValueError for the first thing that cannot be right."""
    findings = [*copies.leaked(source), *inspect(source)]
    for finding in findings:
        if finding.sure:
            raise ValueError(finding.sentence)
    return tuple(finding.sentence for finding in findings)
