r"""Is the stored depth what its unit says? Depth out of every range, splits and frames of another order, and fillers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from depthnb.data.inspection.findings import Finding, Mend, lines_of
from depthnb.data.survey import Survey
from depthnb.data.words import percent, plural
from depthnb.metrics.protocols import protocol

if TYPE_CHECKING:
    from depthnb.data.source import Source

_TRACE = 0.001  # a share of the depth below it is not worth a word
_NEAREST = 8.0  # metres: photographs show a floor, a road or a hand nearer than that
_MIDDLES = (0.3, 60.0)  # metres: half of the depth of rooms and streets lies below something between these
_APART = 5.0  # factor between the median depths of two splits
_ODD = 8.0  # factor between a frame's median depth and the usual one
_FACTORS = (1e-3, 1e-2, 1e3, 1e2)  # millimetres and centimetres taken for metres, and the reverse


def units(source: Source, looked: Survey) -> list[Finding]:
    """Depth that lies outside of what counts: nearly all of a split cannot be metres, some of it is worth a word."""
    split, measured = source.index["split"].to_numpy()[looked.rows], looked.measured()
    wrong = {}
    for part in dict.fromkeys(split):
        depths = looked.depths[measured & (split[looked.owner] == part)]
        if depths.size and _inside(source, depths) < 0.1:
            wrong[part] = depths
    if wrong:
        return [_out_of_range(source, looked, split, wrong)]
    odd = _odd_frames(source, looked)
    mended = any(finding.mends for finding in odd)  # then it is these frames that set splits apart
    return _left_out(source, looked) + (odd if mended else _apart(source, looked) or odd)


def _inside(source: Source, depths: np.ndarray) -> float:
    rule = protocol(source.protocol)
    return float(np.mean((depths > rule.min_depth) & (depths < rule.max_depth)))


def _out_of_range(source: Source, looked: Survey, split: np.ndarray, wrong: dict[str, np.ndarray]) -> Finding:
    """The finding on splits whose depth lies outside of what counts. wrong: split -> its depths as stored, in metres."""
    rule = protocol(source.protocol)
    (part, depths), *others = wrong.items()
    frames = plural(int((split == part).sum()), f"{part} frame")
    also = f" The {' and '.join(name for name, _ in others)} frames are like these." if others else ""
    found = (
        f"{source.root}: {percent(1 - _inside(source, depths))} of the depth in {frames} looked at lies outside of "
        f"{rule.min_depth:g} to {rule.max_depth:g} m, the range that counts; it goes from {_span(depths)} m. So "
        f"its unit is not what is said: {source.unit}{_hint(depths)}.{also}"
    )
    together = np.concatenate(list(wrong.values()))
    factors, mends, chosen = _plausible(together), [], []
    why = f"times {factors[0]:g} all such depth is {_span(together * factors[0])} m" if factors else ""
    for i in range(len(looked.rows)):
        own = looked.depths[looked.owner == i]
        out = bool(own.size) and _inside(source, own) < 0.1
        if split[i] in wrong or out:
            chosen.append(i)
        # a frame that is in range already, or would not be, is somebody's to look at
        if out and len(factors) == 1 and _inside_any(own * factors[0]):
            mends.append(_scaled(source, int(looked.rows[i]), factors[0], why))
    remedy = "Give depth_scale in metres for each stored unit." if source.lines else ""
    return Finding(True, found, remedy, lines_of(source, looked.rows[chosen].tolist()), tuple(filter(None, mends)))


def _scaled(source: Source, row: int, factor: float, why: str) -> Mend | None:
    """The mend of a line whose depth_scale is wrong by a factor; None where there is no such line, or no such scale."""
    if not source.lines:
        return None
    scale = f"{float(source.index['depth_scale'].iloc[row]) * factor:.10g}"
    if not 0 < float(scale) <= 1:
        return None
    return Mend(source.lines[row], (("depth_scale", scale),), why)


def _inside_any(depths: np.ndarray) -> bool:
    """Whether most depths are such as any protocol of these data counts."""
    return float(np.mean((depths > 0.1) & (depths < 300))) > 0.5


def _span(depths: np.ndarray) -> str:
    low, high = np.quantile(depths, (0.01, 0.99))
    return f"{low:.3g} to {high:.3g}"


def _plausible(depths: np.ndarray) -> list[float]:
    """The usual factors that would make the depth that of a room or a street."""
    nearest, middle = np.quantile(depths, (0.01, 0.5))
    low, high = _MIDDLES
    return [factor for factor in _FACTORS if low < middle * factor < high and nearest * factor < _NEAREST]


def _hint(depths: np.ndarray) -> str:
    """The factors that would bring the depth to that of a room or a street, in words."""
    said = [f"times {factor:g} it would be {_span(depths * factor)} m" for factor in _plausible(depths)]
    return f"; {', '.join(said)}" if said else ""


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
    asked = f"Is the unit right? {source.unit[0].upper()}{source.unit[1:]}."
    doubt = asked if near + far > 0.1 or middle < 0.3 or nearest > _NEAREST else ""
    frames = plural(len(looked.rows), "frame")
    outside = (depths <= rule.min_depth) | (depths >= rule.max_depth)
    often = np.bincount(looked.owner[outside], minlength=len(looked.rows)) > _TRACE * np.bincount(
        looked.owner, minlength=len(looked.rows)
    )
    # a doubt concerns all lines, and what does not count those that hold it
    lines = () if doubt else lines_of(source, looked.rows[often].tolist())
    if shares:
        said = (
            f"Of the valid depth in {frames} looked at, {shares}. It does not count, neither in training nor in scores."
        )
        return [Finding(False, said, doubt, lines)]
    strange = f"Half of the valid depth in {frames} looked at is below {middle:.2g} m."
    if nearest > _NEAREST:
        strange = f"Nothing in {frames} looked at is nearer than {nearest:.3g} m."
    return [Finding(False, strange, doubt, lines)] if doubt else []


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
            "Give each line the depth_scale of its file." if source.lines else "",
            lines_of(source, looked.rows[(split == near) | (split == far)].tolist()),
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
            "Give each line the depth_scale of its file." if source.lines else "",
            lines_of(source, looked.rows[odd].tolist()),
            tuple(filter(None, (_like_others(source, looked, i, middles[i], usual) for i in odd))),
        )
    ]


def _like_others(source: Source, looked: Survey, i: int, middle: float, usual: float) -> Mend | None:
    """The mend of a frame that one usual factor, and no other, makes like the others, and of which nothing counts as it is."""
    near = [factor for factor in _FACTORS if 0.25 < middle * factor / usual < 4]
    if len(near) != 1 or _inside(source, looked.depths[looked.owner == i]) > 0.1:
        return None
    why = f"times {near[0]:g} its depth is {middle * near[0]:.3g} m, and that of the others {usual:.3g} m"
    return _scaled(source, int(looked.rows[i]), near[0], why)


def fillers(source: Source, looked: Survey) -> list[Finding]:
    """Largest values that repeat, as what stands for "nothing there" does."""
    end, findings = protocol(source.protocol).max_depth, []
    for value, share in looked.fillers().items():
        lines = lines_of(source, looked.rows[(looked.tops == value).any(axis=1)].tolist())
        said = f"The largest depth, {value:g} m, repeats in {percent(share)} of the valid pixels, far from the next largest"
        if value >= end:
            findings.append(Finding(False, f"{said}. It is taken for 'nothing there' and does not count.", "", lines))
        else:
            remedy = "if it stands for 'nothing there', store 0 in its place, or leave it out by a mask (`valid`)"
            findings.append(Finding(False, f"{said}, and counts as depth; {remedy}.", "", lines))
    return findings
