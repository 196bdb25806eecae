r"""Is the stored depth what its unit says? Depth out of every range, splits and frames of another order, and fillers."""

from __future__ import annotations

import math
from collections.abc import Iterable
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
_UNITS = {1.0: "metres", 0.01: "centimetres", 0.001: "millimetres"}  # depth_scale -> what people store


def units(source: Source, looked: Survey) -> list[Finding]:
    """Depth that lies outside of what counts or is whole metres far away cannot be right; some of it is worth a word."""
    split, measured = source.index["split"].to_numpy()[looked.rows], looked.measured()
    wrong = {}
    for part in dict.fromkeys(split):
        depths = looked.depths[measured & (split[looked.owner] == part)]
        if depths.size and (_inside(source, depths) < 0.1 or _whole_and_far(depths)):
            wrong[part] = depths
    if wrong:
        return [_out_of_range(source, looked, split, wrong)]
    odd = _odd_frames(source, looked)
    mended = any(finding.mends for finding in odd)  # then it is these frames that set splits apart
    return _left_out(source, looked) + (odd if mended else _apart(source, looked) or odd)


def _inside(source: Source, depths: np.ndarray) -> float:
    rule = protocol(source.protocol)
    return float(np.mean((depths > rule.min_depth) & (depths < rule.max_depth)))


def _whole_and_far(depths: np.ndarray) -> bool:
    """Whether depth is such as another unit leaves under depth_scale 1: whole metres, and so far that no room or street is.

    Centimetres of a room end at some hundred "metres", within what may count; but who measures that far tells more than metres.
    """
    nearest, middle = np.quantile(depths, (0.01, 0.5))
    return bool(_is_whole(depths) and nearest > _NEAREST and middle > _MIDDLES[1] and _plausible(depths))


def _is_whole(depths: np.ndarray) -> bool:
    return bool((depths == np.round(depths)).all())


def _out_of_range(source: Source, looked: Survey, split: np.ndarray, wrong: dict[str, np.ndarray]) -> Finding:
    """The finding on splits whose depth lies outside of what counts.

    Args:
        wrong: split -> its depths as stored, in metres.
    """
    rule = protocol(source.protocol)
    (part, depths), *others = wrong.items()
    frames = plural(int((split == part).sum()), f"{part} frame")
    also = f" The {' and '.join(name for name, _ in others)} frames are like these." if others else ""
    if _inside(source, depths) < 0.1:
        said = (
            f"{percent(1 - _inside(source, depths))} of the depth in {frames} looked at lies outside of "
            f"{rule.min_depth:g} to {rule.max_depth:g} m, the range that counts; it goes from {_span(depths)} m"
        )
    else:
        said = (
            f"the depth in {frames} looked at is whole metres, from {_span(depths)} m, too far for a room or a street"
        )
    together = np.concatenate(list(wrong.values()))
    hint = _hint(together, _scale(source, looked.rows[[part in wrong for part in split]]))
    found = f"{source.root}: {said}. So its unit is not what is said: {source.unit}{hint}.{also}"
    factors, mends, chosen = _plausible(together), [], []
    why = f"times {factors[0]:g} all such depth is {_span(together * factors[0])} m" if factors else ""
    for i in range(len(looked.rows)):
        own = looked.depths[looked.owner == i]
        out = bool(own.size) and (_inside(source, own) < 0.1 or (split[i] in wrong and _is_whole(own)))
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


def _plausible(depths: np.ndarray, factors: Iterable[float] = _FACTORS) -> list[float]:
    """Those of some factors that would make the depth that of a room or a street."""
    nearest, middle = np.quantile(depths, (0.01, 0.5))
    low, high = _MIDDLES
    return [factor for factor in factors if low < middle * factor < high and nearest * factor < _NEAREST]


def _scale(source: Source, rows: np.ndarray) -> float | None:
    """The depth_scale of some rows; None where they have several, or there is no such column."""
    scales = {float(source.index["depth_scale"].iloc[row]) for row in rows} if source.lines else set()
    return scales.pop() if len(scales) == 1 else None


def _hint(depths: np.ndarray, scale: float | None) -> str:
    """The factors that would bring the depth to that of a room or a street, in words.

    Args:
        scale: what depth_scale says now.
    """
    said = []
    for factor in _plausible(depths):
        unit = next((unit for unit in _UNITS if scale and math.isclose(unit, scale * factor)), None)
        named = f" ({_UNITS[unit]}, depth_scale {unit:g})" if unit else ""
        said.append(f"times {factor:g} it would be {_span(depths * factor)} m{named}")
    return f"; {', '.join(said)}" if said else ""


def _likely(depths: np.ndarray, scale: float | None) -> str:
    """A sentence on the usual units that would make a room or a street of depth that is none as it stands; else ""."""
    if scale is None or _plausible(depths, (1.0,)):
        return ""
    factors = {unit / scale: unit for unit in _UNITS}
    said = [
        f"{_UNITS[factors[each]]} (with depth_scale {factors[each]:g} it would be {_span(depths * each)} m)"
        for each in _plausible(depths, factors)
    ]
    return f" Perhaps the stored numbers are {' or '.join(said)}." if said else ""


def _left_out(source: Source, looked: Survey) -> list[Finding]:
    """How much of the valid depth does not count."""
    rule, depths = protocol(source.protocol), looked.depths
    if not depths.size:
        return []
    near, far = np.mean(depths <= rule.min_depth), np.mean(depths >= rule.max_depth)
    parts = [(near, f"lies within {rule.min_depth:g} m"), (far, f"lies beyond {rule.max_depth:g} m")]
    shares = " and ".join(f"{percent(share)} {where}" for share, where in parts if share > _TRACE)
    measured = looked.measured()
    counted = depths[measured] if measured.any() else depths  # a filler says nothing about the unit
    middle, nearest = (float(np.quantile(counted, q)) for q in (0.5, 0.01))
    asked = (
        f"Is the unit right? {source.unit[0].upper()}{source.unit[1:]}.{_likely(counted, _scale(source, looked.rows))}"
    )
    beside = np.mean((counted <= rule.min_depth) | (counted >= rule.max_depth))
    doubt = asked if beside > 0.1 or middle < _MIDDLES[0] or nearest > _NEAREST else ""
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
        said = (
            f"The largest depth, {value:g} m, repeats in {percent(share)} of the valid pixels, as nothing measured does"
        )
        if value >= end:
            findings.append(Finding(False, f"{said}. It is taken for 'nothing there' and does not count.", "", lines))
        else:
            remedy = "if it stands for 'nothing there', store 0 in its place, or leave it out by a mask (`valid`)"
            findings.append(Finding(False, f"{said}, and counts as depth; {remedy}.", "", lines))
    return findings
