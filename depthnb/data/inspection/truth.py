"""Is there depth at all? Splits without any, masks that leave out nearly all, one map under many names, and files not read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.inspection.findings import Finding, Mend, lines_of
from depthnb.data.readers import arrays, pixels
from depthnb.data.survey import Survey
from depthnb.data.words import percent, plural

if TYPE_CHECKING:
    from depthnb.data.source import Source


def unreadable(source: Source, looked: Survey) -> list[Finding]:
    """What the reader says of the frames that it cannot read, those of one reason together.

    Of frames that were not looked at, their pictures are opened. A line whose file is damaged is better left out; other files
    can be converted.
    """
    alike: dict[str, list[tuple[int, str, bool]]] = {}
    failed = zip(looked.failed.tolist(), looked.errors.tolist(), looked.damaged.tolist(), strict=True)
    for row, said, damaged in sorted([*failed, *_unrecognised(source, looked)]):
        names = "|".join(map(re.escape, _names(source, row)))
        reason = re.sub(r"\d+", "", re.sub(rf"(?<!\w)({names})(?!\w)", "", said) if names else said)
        alike.setdefault(reason, []).append((row, said, damaged))
    return [_unread(source, frames) for frames in alike.values()]


def _unrecognised(source: Source, looked: Survey) -> list[tuple[int, str, bool]]:
    """Of the frames that were not looked at, those with a picture file that is no picture: row, what is said, damaged."""
    kinds = {"image": "image", "depth": "depth", "valid": "mask"}
    columns = [column for column in kinds if column in source.index] if "image" in source.index else []
    faulty = []
    for row in sorted(set(range(len(source.index))) - {*looked.rows.tolist(), *looked.failed.tolist()}):
        for column in columns:
            name = source.index[column].iloc[row]
            if not name or name.lower().endswith(arrays.SUFFIXES):
                continue
            try:
                pixels.recognise(source.root / name, kinds[column])
            except (OSError, ValueError) as error:
                faulty.append((row, str(error), isinstance(error, (arrays.DamagedFile, FileNotFoundError))))
                break  # as the reader, which stops at the first
    return faulty


def _names(source: Source, row: int) -> list[str]:
    """What the errors on one frame may hold that those on others do not, longest first."""
    files = [Path(file) for file in source.files(row)]
    names = {part for file in files for part in (str(file), file.name, file.stem)}
    return sorted((name for name in names if name), key=len, reverse=True)


def _unread(source: Source, frames: list[tuple[int, str, bool]]) -> Finding:
    """The finding on frames that cannot be read for one reason, in the words on the first."""
    more = len(frames) - 1
    others = f" {plural(more, 'more frame')} {'is' if more == 1 else 'are'} like it." if more else ""
    mends = [
        Mend(line, (), "its file is damaged") for row, _, gone in frames if gone for line in lines_of(source, [row])
    ]
    remedy = f"Or leave the line{'s' if more else ''} out." if mends else ""
    return Finding(
        True, f"{frames[0][1]}.{others}", remedy, lines_of(source, [row for row, *_ in frames]), tuple(mends)
    )


def truth(source: Source, looked: Survey) -> list[Finding]:
    """Splits without valid depth in the frames looked at, and masks that leave out nearly all depth."""
    findings = []
    split = source.index["split"].to_numpy()[looked.rows]
    for part in dict.fromkeys(split):
        chosen = split == part
        valid, masked = looked.valid[chosen].sum(), looked.masked[chosen].sum()
        frames = plural(int(chosen.sum()), f"{part} frame")
        inverted = "the mask leaves out {}; is it upside down? (0 = invalid)"
        if not valid:
            why = inverted.format("all depth that is stored") if masked else "nothing above 0 and finite is stored"
            found = f"No valid depth in {frames} looked at: {why}."
        elif valid < 0.02 * (valid + masked):
            why = inverted.format(f"{percent(masked / (valid + masked))} of the depth that is stored")
            found = f"Of {frames} looked at, {why}."
        else:
            continue
        remedy = "Store masks the other way round." if masked else "Store depth above 0."
        findings.append(Finding(False, found, remedy, lines_of(source, looked.rows[chosen].tolist())))
    return findings


def repeated(source: Source, looked: Survey) -> list[Finding]:
    """One depth map in half of the frames looked at or more, as of a file that was written again and again."""
    same: dict[bytes, list[int]] = {}
    for i in range(len(looked.rows)):
        depths = looked.depths[looked.owner == i]
        if depths.size:
            same.setdefault(depths.tobytes(), []).append(i)
    often = max(same.values(), key=len, default=[])
    if len(often) < 2 or len(often) < len(looked.rows) / 2:
        return []
    first, second = (source.index["id"].iloc[looked.rows[i]] for i in often[:2])
    return [
        Finding(
            False,
            f"{len(often)} of {plural(len(looked.rows), 'frame')} looked at have the same depth, {first!r} and {second!r} "
            "among them. Was one depth file written under many names?",
            "Write the depth of each picture again.",
            lines_of(source, looked.rows[np.array(often)].tolist()),
        )
    ]
