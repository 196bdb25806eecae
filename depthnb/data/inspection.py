r"""What is wrong with a data set, or may be: units, cameras, masks, and splits without truth.

A network trains on nonsense without a word: on millimetres taken for metres, on a mask that is upside down. So `data.open`
looks at a few frames of each split (`survey`). What cannot be right is refused; what may be right is written into the data
set's `notes`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.cameras import camera_fault, field_of_view
from depthnb.data.survey import Survey, look
from depthnb.data.words import percent, plural
from depthnb.metrics.protocols import protocol

if TYPE_CHECKING:
    from depthnb.data.source import Source

_TRACE = 0.001  # a share of the depth below it is not worth a word
_ASIDE = 0.15  # of a side: cameras look through the middle; cx and cy of half the picture are aside by 0.25, exchanged by 0.16
_NEAREST = 8.0  # metres: photographs show a floor, a road or a hand nearer than that
_APART = 5.0  # factor between the median depths of two splits
_ODD = 8.0  # factor between a frame's median depth and the usual one


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a data set, or may be.

    sure: whether it cannot be right, so that the data are refused. sentence: what was found, and what to do about it.
    """

    sure: bool
    sentence: str


def inspect(source: Source) -> list[Finding]:
    """Everything that is wrong with a data set, or may be, as far as a few frames of each split can tell.

    Returns:
        Findings, those that are sure first. Raises nothing: see `check`.
    """
    looked = look(source)
    looks = (_cameras, _truth, _repeated, _units, _fillers)
    findings = [finding for each in looks for finding in each(source, looked)]
    return sorted(findings, key=lambda finding: not finding.sure)


def check(source: Source) -> tuple[str, ...]:
    """Sentences on what may be wrong with a data set; ValueError for the first thing that cannot be right."""
    findings = inspect(source)
    for finding in findings:
        if finding.sure:
            raise ValueError(finding.sentence)
    return tuple(finding.sentence for finding in findings)


def _cameras(source: Source, looked: Survey) -> list[Finding]:
    """One finding on impossible cameras; else one on strange ones. Those of published data are their reader's matter."""
    if not source.unchecked:
        return []
    strange = []
    for row, (height, width), camera in zip(looked.rows, looked.sizes, looked.cameras, strict=True):
        name = source.index["id"].iloc[row]
        if fault := camera_fault(camera, (height, width)):
            return [Finding(True, f"{source.root}: the intrinsics of frame {name!r} cannot be right, {fault}.")]
        if not np.isfinite(camera).all():
            continue
        fx, fy, cx, cy = camera
        aside = max(abs(cx - (width - 1) / 2) / width, abs(cy - (height - 1) / 2) / height)
        if aside > _ASIDE or not 1 / 3 < fx / fy < 3 or min(field_of_view(width, fx), field_of_view(height, fy)) < 5:
            numbers = f"fx {fx:.6g}, fy {fy:.6g}, cx {cx:.6g}, cy {cy:.6g}"
            strange.append(f"{numbers} for a picture of {width}x{height} pixels (width x height), in frame {name!r}")
    if not strange:
        return []
    return [
        Finding(
            False,
            f"The cameras of {len(strange)} of {plural(len(looked.rows), 'frame')} looked at are unusual: {strange[0]}. "
            "Are the intrinsics pixels of the pictures as they are stored?",
        )
    ]


def _truth(source: Source, looked: Survey) -> list[Finding]:
    """Splits without valid depth in the frames looked at, and masks that leave out nearly all depth."""
    findings = []
    split = source.index["split"].to_numpy()[looked.rows]
    for part in dict.fromkeys(split):
        valid, masked = looked.valid[split == part].sum(), looked.masked[split == part].sum()
        frames = plural(int((split == part).sum()), f"{part} frame")
        inverted = "the mask leaves out {}; is it upside down? (0 = invalid)"
        if not valid:
            why = inverted.format("all depth that is stored") if masked else "only 0 is stored"
            findings.append(Finding(False, f"No valid depth in {frames} looked at: {why}."))
        elif valid < 0.02 * (valid + masked):
            why = inverted.format(f"{percent(masked / (valid + masked))} of the depth that is stored")
            findings.append(Finding(False, f"Of {frames} looked at, {why}."))
    return findings


def _repeated(source: Source, looked: Survey) -> list[Finding]:
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
        )
    ]


def _units(source: Source, looked: Survey) -> list[Finding]:
    """Depth that lies outside of what counts: nearly all of a split cannot be metres, some of it is worth a word."""
    rule, measured = protocol(source.protocol), looked.measured()
    split = source.index["split"].to_numpy()[looked.rows]
    for part in dict.fromkeys(split):
        depths = looked.depths[measured & (split[looked.owner] == part)]
        inside = np.mean((depths > rule.min_depth) & (depths < rule.max_depth)) if depths.size else 1.0
        if inside < 0.1:
            frames = plural(int((split == part).sum()), f"{part} frame")
            return [
                Finding(
                    True,
                    f"{source.root}: {percent(1 - inside)} of the depth in {frames} looked at lies outside of "
                    f"{rule.min_depth:g} to {rule.max_depth:g} m, the range that counts; it goes from {_span(depths)} m. So "
                    f"its unit is not what is said: {source.unit}{_factor(depths)}.",
                )
            ]
    return _left_out(source, looked) + (_apart(source, looked) or _odd_frames(source, looked))


def _span(depths: np.ndarray) -> str:
    low, high = np.quantile(depths, (0.01, 0.99))
    return f"{low:.3g} to {high:.3g}"


def _factor(depths: np.ndarray) -> str:
    """The usual factor that would bring the depth nearest to that of a room, if one does."""
    apart = {factor: abs(math.log(np.median(depths) * factor / 3)) for factor in (1e-3, 1e-2, 1e3, 1e2)}
    factor = min(apart, key=apart.get)
    return f"; times {factor:g} it would be {_span(depths * factor)} m" if apart[factor] < math.log(20) else ""


def _left_out(source: Source, looked: Survey) -> list[Finding]:
    """How much of the valid depth does not count."""
    rule, depths = protocol(source.protocol), looked.depths
    if not depths.size:
        return []
    near, far = np.mean(depths <= rule.min_depth), np.mean(depths >= rule.max_depth)
    parts = [(near, f"lies within {rule.min_depth:g} m"), (far, f"lies beyond {rule.max_depth:g} m")]
    shares = " and ".join(f"{percent(share)} {where}" for share, where in parts if share > _TRACE)
    counted = depths[looked.measured()]
    middle, nearest = (float(np.quantile(counted, q)) for q in (0.5, 0.01)) if counted.size else (math.nan, math.nan)
    asked = f" Is the unit right? {source.unit[0].upper()}{source.unit[1:]}."
    doubt = asked if near + far > 0.1 or middle < 0.3 or nearest > _NEAREST else ""
    frames = plural(len(looked.rows), "frame")
    if shares:
        said = (
            f"Of the valid depth in {frames} looked at, {shares}. It does not count, neither in training nor in scores."
        )
        return [Finding(False, said + doubt)]
    strange = f"Half of the valid depth in {frames} looked at is below {middle:.2g} m."
    if nearest > _NEAREST:
        strange = f"Nothing in {frames} looked at is nearer than {nearest:.3g} m."
    return [Finding(False, strange + doubt)] if doubt else []


def _apart(source: Source, looked: Survey) -> list[Finding]:
    """Two splits whose depths differ by a factor that is more likely one of units."""
    split, measured = source.index["split"].to_numpy()[looked.rows], looked.measured()
    depths = {part: looked.depths[measured & (split[looked.owner] == part)] for part in dict.fromkeys(split)}
    middles = {part: float(np.median(values)) for part, values in depths.items() if values.size}
    near, far = min(middles, key=middles.get, default=""), max(middles, key=middles.get, default="")
    if not middles or middles[far] < _APART * middles[near]:
        return []
    return [
        Finding(
            False,
            f"Half of the depth of the {near} split lies below {middles[near]:.3g} m, that of the {far} split below "
            f"{middles[far]:.3g} m. Have both one unit?",
        )
    ]


def _odd_frames(source: Source, looked: Survey) -> list[Finding]:
    """Frames whose depth is of another order than that of the others."""
    measured, owner = looked.measured(), looked.owner
    middles = {i: float(np.median(looked.depths[measured & (owner == i)])) for i in set(owner[measured].tolist())}
    if len(middles) < 3:
        return []
    usual = float(np.median(list(middles.values())))
    odd = [i for i, middle in middles.items() if not usual / _ODD < middle < usual * _ODD]
    if not odd:
        return []
    name = source.index["id"].iloc[looked.rows[odd[0]]]
    return [
        Finding(
            False,
            f"The depth of frame {name!r} is about {middles[odd[0]]:.3g} m, that of the others {usual:.3g} m "
            f"({len(odd)} of {plural(len(looked.rows), 'frame')} looked at are such). Have all frames one unit?",
        )
    ]


def _fillers(source: Source, looked: Survey) -> list[Finding]:
    """Largest values that repeat, as what stands for "nothing there" does."""
    end, findings = protocol(source.protocol).max_depth, []
    for value, share in looked.fillers().items():
        said = f"The largest depth, {value:g} m, repeats in {percent(share)} of the valid pixels, far from the next largest"
        if value >= end:
            findings.append(Finding(False, f"{said}. It is taken for 'nothing there' and does not count."))
        else:
            remedy = "if it stands for 'nothing there', store 0 in its place, or leave it out by a mask (`valid`)"
            findings.append(Finding(False, f"{said}, and counts as depth; {remedy}."))
    return findings
