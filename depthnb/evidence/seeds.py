"""What finished runs with several seeds say: which of them belong together, whether they have learnt, and what a change does.

Seeds are paired: a seed fixes the first weights and the order of the frames, so two trainings with one seed differ in the
change alone. A comparison counts when its better side has learnt (`MARGIN`), and when one pair of trainings of twice as many
steps keeps its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depthnb import runs
from depthnb.evidence.trainings import FULL, ablation_runs, compared_params, doubles, full
from depthnb.evidence.verdicts import Claim, Effect, beats, fact, untested

MARGIN = 10.0  # percent of abs_rel by which a training must beat the mean image, or it has barely begun
LOWER, HIGHER, EQUAL = -1, 1, 0  # the direction of a claim: the number falls, rises, hardly changes


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the same training with several seeds.

    Attributes:
        values: seed -> the number that is compared.
        errors: seed -> abs_rel on the same frames.
        opponent: abs_rel of the mean image there.
        steps: optimiser steps of one training, 0 where the runs do not say.
        doubled: seed -> the number after a training of twice as many steps.
    """

    values: Mapping[int, float]
    errors: Mapping[int, float]
    opponent: float
    steps: int
    doubled: Mapping[int, float]


def between(
    notebook: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    *,
    claim: str,
    direction: int,
    measure: str = "abs_rel",
    on: str = "test",
    margin: float = MARGIN,
    appendix: bool = False,
) -> Claim:
    """A claim that a change of parameters changes a number, by the runs of the ablations.

    Args:
        notebook: whose runs.
        before, after: parameter -> value on either side; all other parameters are equal on both sides.
        claim: the text.
        direction: `LOWER`, `HIGHER` or `EQUAL`: what the number does from before to after, says the claim.
        measure: name of the number, on split `on`; with `on` "" an entry of run.json itself.
        margin: percent of abs_rel by which the better side must beat the mean image.
        appendix: whether the line belongs to the appendix.

    Returns:
        A `Claim` with its effect, or one that says what is missing for a test.
    """
    records = [record for _, record in ablation_runs(notebook)]
    names = ", ".join(f"{key} {before[key]} -> {after[key]}" for key in before)
    pairs = [(one, other) for one in _sides(records, before, measure, on) for other in _sides(records, after, measure, on)
             if one[0] == other[0]]  # fmt: skip
    if not pairs:
        return untested(claim, f"needs the runs with {names}: make evidence", appendix=appendix)
    (_, one), (_, other) = max(pairs, key=lambda pair: len(pair[0][1].values.keys() & pair[1][1].values.keys()))
    said = f"{on} {measure} with {names}".strip()
    return _judged(claim, one, other, direction, said, margin, appendix)


def within(
    notebook: str,
    before: str | tuple[str, str],
    after: str | tuple[str, str],
    *,
    claim: str,
    direction: int,
    dataset: str,
    measure: str = "abs_rel",
    margin: float = MARGIN,
    preset: str = FULL,
    appendix: bool = False,
) -> Claim:
    """A claim about two numbers that every full run of a notebook has: of two nets, or two measures of one net.

    Args:
        notebook: whose runs.
        before, after: names of nets in run.json's `nets`, each alone or as (net, measure).
        dataset: that the runs were judged on.
        measure: of a net that is named alone.
        preset: of the runs that decide; the largest group of them that differs in the seed alone.
        claim, direction, margin, appendix: as for `between`.
    """
    sides = [(each, measure) if isinstance(each, str) else each for each in (before, after)]
    records = full(notebook, dataset, preset=preset, nets=[net for net, _ in sides])
    names = [net if name == measure else f"{name} of {net}" for net, name in sides]
    if not records:
        need = (
            f"needs finished runs {preset} with {' and '.join(dict.fromkeys(net for net, _ in sides))}: make evidence"
        )
        return untested(claim, need, appendix=appendix)
    twice = [record for record in runs.finished(notebook) if doubles(record, records[0])]
    built = []
    for net, name in sides:
        values, errors = (_numbers(records, net, key) for key in (name, "abs_rel"))
        doubled = {r["seed"]: (r.get("nets") or {}).get(net, {}).get(name) for r in twice}
        steps = int(records[0]["nets"][net].get("steps") or 0)
        built.append(Side(_known(values), _known(errors), _mean_image(records), steps, _known(doubled)))
    said = f"{names[1]} beside {names[0]}" if "of" in names[0] else f"{sides[0][1]} of {names[1]} beside {names[0]}"
    return _judged(claim, *built, direction, said, margin, appendix)


def against_baselines(notebook: str, dataset: str, *, name: str, preset: str = FULL) -> Claim:
    """Our own claim in every notebook: the method knows more than the two opponents that never see the photograph."""
    claim = f"{name} beats the mean depth and the mean image in abs_rel, rmse and delta1"
    records = [r for r in full(notebook, dataset, preset=preset) if (r.get("baselines") or {}).get("test")]
    if not records:
        return untested(claim, f"needs a finished run {preset} on {dataset}: make evidence")
    ahead = [all(beats(r["metrics"]["test"], each) for each in r["baselines"]["test"].values()) for r in records]
    error = np.mean([r["metrics"]["test"]["abs_rel"] for r in records])
    others = {
        key.replace("_", " "): np.mean([r["baselines"]["test"][key]["abs_rel"] for r in records])
        for key in records[0]["baselines"]["test"]
    }
    said = ", ".join(f"{key} {value:.3f}" for key, value in others.items())
    return fact(claim, f"abs_rel {error:.3f}, {said}; ahead of both in {sum(ahead)} of {len(ahead)} seeds", all(ahead))


def measured(
    notebook: str,
    net: str,
    value: float,
    *,
    claim: str,
    direction: int,
    dataset: str,
    measure: str = "abs_rel",
    learner: str | None = "",
    margin: float = MARGIN,
    preset: str = FULL,
    appendix: bool = False,
) -> Claim:
    """A claim that a number of one net lies below or above a fixed value, by the full runs.

    Args:
        net: its name in run.json's `nets`.
        value: above 0, with which every seed's number is paired.
        direction: `LOWER`: the number lies below the value, says the claim; `HIGHER`: above; `EQUAL`: at it.
        learner: the net that must beat the mean image for the test to count; "" for `net` itself. A claim that a net does
            *not* learn names the one beside it that does. None: no net needs to.
        notebook, claim, dataset, measure, margin, preset, appendix: as for `within`.
    """
    learner = net if learner == "" else learner
    records = full(notebook, dataset, preset=preset, nets=[name for name in (net, learner) if name])
    if not records:
        return untested(claim, f"needs finished runs {preset} with {net}: make evidence", appendix=appendix)
    steps = int(records[0]["nets"][net].get("steps") or 0)
    # a ratio needs numbers above 0: what is below a thousandth of the value counts as a thousandth
    values = {seed: max(each, value / 1000) for seed, each in _known(_numbers(records, net, measure)).items()}
    errors = _known(_numbers(records, learner, "abs_rel")) if learner else {}
    opponent = _mean_image(records) if learner else float("inf")
    own = Side(values, errors or dict.fromkeys(values, 0.0), opponent, steps, {})
    fixed = Side(dict.fromkeys(values, value), own.errors, opponent, steps, {})
    return _judged(claim, fixed, own, direction, f"{measure} of {net} beside {value:.3g}", margin, appendix)


def _judged(claim: str, one: Side, other: Side, direction: int, said: str, margin: float, appendix: bool) -> Claim:
    """The claim with its effect, or the reason why it is not tested."""
    effect = Effect.of(one.values, other.values)
    steps = f"{one.steps:,}" if one.steps == other.steps else f"{one.steps:,} and {other.steps:,}"
    shared = sorted(one.values.keys() & other.values.keys())
    if effect.pairs < 2:
        reason = f"{said}: {effect.pairs} pair of trainings with the same seed, it takes two: make evidence"
        return untested(claim, reason, appendix=appendix)
    means = [np.mean([side.values[seed] for seed in shared]) for side in (one, other)]
    said = f"{said}: {means[0]:.3f} -> {means[1]:.3f}"
    learnt = min(
        np.mean([side.errors[seed] for seed in shared]) for side in (one, other) if set(shared) <= set(side.errors)
    )
    if not learnt <= (1 - margin / 100) * one.opponent:
        reason = f"{said}; under-trained after {steps} steps: the better side has abs_rel {learnt:.3f}, "
        return untested(claim, f"{reason}the mean image {one.opponent:.3f}", appendix=appendix)
    twice = Effect.of(one.doubled, other.doubled)
    if direction != EQUAL and not effect.small and twice.pairs and twice.mean * effect.mean < 0:
        reason = f"{said} ({effect.change:+.1f} %), but {twice.change:+.1f} % after twice as many steps"
        return untested(claim, f"{reason}: under-trained", appendix=appendix)
    said += f" (twice the steps: {twice.change:+.1f} %)" if twice.pairs else ""
    return Claim(claim, said, effect=effect, direction=direction, steps=steps if one.steps else "", appendix=appendix)


def _sides(records: Sequence[dict], change: Mapping[str, object], measure: str, on: str) -> list[tuple[str, Side]]:
    """Every group of trainings with these values of some parameters, with what else they have in common as text."""
    groups: dict[str, dict[int, dict]] = {}
    for record in records:
        if all(record["params"].get(key) == value for key, value in change.items()):
            groups.setdefault(_rest(record, change), {}).setdefault(record.get("seed"), record)
    sides = []
    for rest, group in groups.items():
        first = next(iter(group.values()))
        doubled = {r["seed"]: _number(r, measure, on) for r in records if doubles(r, first)}
        values = {seed: _number(record, measure, on) for seed, record in group.items()}
        errors = {seed: _number(record, "abs_rel", "test") for seed, record in group.items()}
        steps = int(first.get("steps") or 0)
        sides.append((rest, Side(_known(values), _known(errors), _mean_image(group.values()), steps, _known(doubled))))
    return sides


def _rest(record: Mapping, change: Mapping[str, object]) -> str:
    return repr(sorted((key, value) for key, value in compared_params(record).items() if key not in change))


def _number(record: Mapping, measure: str, on: str) -> float | None:
    return (record["metrics"].get(on, {}) if on else record).get(measure)


def _numbers(records: Sequence[dict], net: str, measure: str) -> dict[int, float | None]:
    return {record["seed"]: record["nets"][net].get(measure) for record in records}


def _known(values: Mapping[int, float | None]) -> dict[int, float]:
    return {seed: float(value) for seed, value in values.items() if value is not None}


def _mean_image(records) -> float:
    """Mean abs_rel of the mean image on the test frames; infinite where no run has one, so that nothing is held back."""
    values = [(r.get("baselines") or {}).get("test", {}).get("mean_image", {}).get("abs_rel") for r in records]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else float("inf")
