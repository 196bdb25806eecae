"""What finished runs with several seeds say: which of them belong together, whether they have learnt, and what a change does.

Seeds are paired: a seed fixes the first weights and the order of the frames, so two trainings with one seed differ in the
change alone. A comparison counts when its better side has learnt (`MARGIN`), and when one pair of trainings of twice as many
steps keeps its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from depthnb import runs
from depthnb.evidence.trainings import ablation_runs, compared_params, doubles, full, surroundings
from depthnb.evidence.verdicts import Claim, Effect, beats, fact, untested
from depthnb.weights.origin import Origin

MARGIN = 10.0  # percent of abs_rel by which a training must beat the mean image, or it has barely begun


@dataclass(frozen=True)
class Side:
    """One side of a comparison: the same training with several seeds.

    Attributes:
        values: seed -> the number that is compared.
        errors: seed -> the error on the frames of that number by which one sees whether the net has learnt.
        opponent: the error of the mean image there.
        steps: optimiser steps of one training, 0 where the runs do not say.
        doubled: seed -> the number after a training of twice as many steps; None where nothing was trained longer although
            the epochs were doubled, so that there is nothing to compare.
    """

    values: Mapping[int, float]
    errors: Mapping[int, float]
    opponent: float
    steps: int
    doubled: Mapping[int, float] | None


def between(
    notebook: str,
    before: Mapping[str, object],
    after: Mapping[str, object],
    *,
    claim: str,
    direction: int,
    dataset: str,
    measure: str = "abs_rel",
    on: str = "test",
    margin: float = MARGIN,
    appendix: bool = False,
) -> Claim:
    """A claim that a change of parameters changes a number, by the full runs and the ablations.

    Args:
        notebook: whose runs.
        before, after: parameter -> value on either side; all other parameters are equal on both sides.
        claim: the text.
        direction: what the number does from before to after, says the claim (see `verdicts.Claim`).
        dataset: that the runs were judged on.
        measure: name of the number, on split `on`; with `on` "" an entry of run.json itself.
        margin: percent of abs_rel by which the better side must beat the mean image.
        appendix: whether the line belongs to the appendix.

    Returns:
        A `Claim` with its effect, or one that says what is missing for a test.
    """
    records = [record for _, record in ablation_runs(notebook, dataset)]
    names = ", ".join(f"{key} {before[key]} -> {after[key]}" for key in before)
    pairs = [
        (one, other)
        for one in _sides(records, before, measure, on)
        for other in _sides(records, after, measure, on)
        if one[0] == other[0]
    ]
    if not pairs:
        return untested(claim, f"needs full runs on {dataset} with {names}: make evidence", appendix=appendix)
    (_, one), (_, other) = max(pairs, key=lambda pair: len(pair[0][1].values.keys() & pair[1][1].values.keys()))
    said = f"{on} {measure} with {names}".strip()
    if "encoder" in before:  # the same words with and without ImageNet weights
        said += f" ({_weights(records, after)})"
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
    learnt: tuple[str, str] = ("abs_rel", "test"),
    margin: float = MARGIN,
    appendix: bool = False,
) -> Claim:
    """A claim about two numbers that every full run of a notebook has: of two nets, or two measures of one net.

    Args:
        notebook: whose runs.
        before, after: names of nets in run.json's `nets`, each alone or as (net, measure).
        dataset: that the runs were judged on.
        measure: of a net that is named alone.
        learnt: name of the error, among the nets' numbers, by which one sees whether a net has learnt; and the split of
            run.json's `baselines` that holds the mean image's abs_rel on the same frames.
        claim, direction, margin, appendix: as for `between`.
    """
    sides = [(each, measure) if isinstance(each, str) else each for each in (before, after)]
    records = full(notebook, dataset, nets=[net for net, _ in sides])
    names = [net if name == measure else f"{name} of {net}" for net, name in sides]
    if not records:
        nets = " and ".join(dict.fromkeys(f"'{net}'" for net, _ in sides))
        return untested(claim, f"needs full runs on {dataset} with {nets}: make evidence", appendix=appendix)
    twice = _doubled(notebook, records[0], [net for net, _ in sides])
    opponent = _mean_image(records, learnt[1])
    built = [_side(records, twice, net, name, learnt[0], opponent) for net, name in sides]
    said = f"{names[1]} beside {names[0]}" if "of" in names[0] else f"{sides[0][1]} of {names[1]} beside {names[0]}"
    return _judged(claim, *built, direction, said, margin, appendix)


def against_baselines(notebook: str, dataset: str, *, name: str) -> Claim:
    """Our own claim in every notebook: the method knows more than the two opponents that never see the photograph."""
    claim = f"{name} beats the mean depth and the mean image in abs_rel, rmse and delta1"
    records = [r for r in full(notebook, dataset) if (r.get("baselines") or {}).get("test")]
    if not records:
        return untested(claim, f"needs a full run on {dataset}: make report PRESET=rooms-full")
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
    appendix: bool = False,
) -> Claim:
    """A claim that a number of one net lies below or above a fixed value, by the full runs.

    Args:
        net: its name in run.json's `nets`.
        value: above 0, with which every seed's number is paired.
        direction: `LOWER`: the number lies below the value, says the claim; `HIGHER`: above; `EQUAL`: at it.
        learner: the net that must beat the mean image for the test to count; "" for `net` itself. A claim that a net does
            *not* learn names the one beside it that does. None: no net needs to.
        notebook, claim, dataset, measure, margin, appendix: as for `within`.
    """
    learner = net if learner == "" else learner
    nets = [name for name in (net, learner) if name]
    records = full(notebook, dataset, nets=nets)
    if not records:
        return untested(claim, f"needs full runs on {dataset} with '{net}': make evidence", appendix=appendix)
    own = _side(records, _doubled(notebook, records[0], nets), net, measure, "abs_rel", _mean_image(records))
    errors = _numbers(records, learner, "abs_rel") if learner else dict.fromkeys(own.values, 0.0)
    own = replace(own, errors=errors, opponent=own.opponent if learner else float("inf"))
    doubled = None if own.doubled is None else dict.fromkeys(own.doubled, value)
    fixed = replace(own, values=dict.fromkeys(own.values, value), doubled=doubled)
    return _judged(claim, fixed, own, direction, f"{measure} of {net} beside {value:.3g}", margin, appendix)


def _judged(claim: str, one: Side, other: Side, direction: int, said: str, margin: float, appendix: bool) -> Claim:
    """The claim with its effect, or the reason why it is not tested."""
    shared = sorted(one.values.keys() & other.values.keys())
    steps = f"{one.steps:,}" if one.steps == other.steps else f"{one.steps:,} and {other.steps:,}"
    if len(shared) < 2:
        reason = f"{said}: {len(shared)} training(s) on both sides with the same seed, it takes two: make evidence"
        return untested(claim, reason, appendix=appendix)
    means = [np.mean([side.values[seed] for seed in shared]) for side in (one, other)]
    said = f"{said}: {means[0]:.3f} -> {means[1]:.3f}"
    errors = [[side.errors[seed] for seed in shared] for side in (one, other) if set(shared) <= set(side.errors)]
    best = min((np.mean(each) for each in errors), default=float("nan"))
    if not best <= (1 - margin / 100) * one.opponent:
        reason = f"{said}; under-trained after {steps} steps: the better side has abs_rel {best:.3f}, "
        return untested(claim, f"{reason}the mean image {one.opponent:.3f}", appendix=appendix)
    # a ratio needs numbers above 0: what is below a thousandth of the largest counts as a thousandth
    least = max(*one.values.values(), *other.values.values()) / 1000
    effect = _effect(one.values, other.values, least)
    if effect.pairs < 2:
        return untested(claim, f"{said}; nothing to compare", appendix=appendix)
    twice = None if None in (one.doubled, other.doubled) else _effect(one.doubled, other.doubled, least)
    steps = steps if one.steps else ""
    return Claim(claim, said, effect=effect, direction=direction, steps=steps, twice=twice, appendix=appendix)


def _effect(before: Mapping[int, float], after: Mapping[int, float], least: float) -> Effect:
    return Effect.of(*({seed: max(value, least) for seed, value in each.items()} for each in (before, after)))


def _doubled(notebook: str, first: Mapping, nets: Sequence[str]) -> list[dict]:
    """The runs of twice as many epochs as this one that trained all of these nets."""
    records = [each for each in runs.finished(notebook) if doubles(each, first)]
    return [each for each in records if set(nets) <= set(each.get("nets") or {})]


def _side(records: Sequence[dict], twice: Sequence[dict], net: str, name: str, error: str, opponent: float) -> Side:
    """One number of one net of every run."""
    steps = int(records[0]["nets"][net].get("steps") or 0)
    longer = [each for each in twice if each["nets"][net].get("steps") != steps]
    doubled = None if twice and not longer else _numbers(longer, net, name)
    return Side(_numbers(records, net, name), _numbers(records, net, error), opponent, steps, doubled)


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
        steps, opponent = int(first.get("steps") or 0), _mean_image(group.values())
        sides.append((rest, Side(_known(values), _known(errors), opponent, steps, _known(doubled))))
    return sides


def _rest(record: Mapping, change: Mapping[str, object]) -> str:
    """What two sides must have in common. The weights of a changed encoder belong to the change."""
    ignored = {*change, "pretrained"} if "encoder" in change else change
    same = sorted((key, value) for key, value in compared_params(record).items() if key not in ignored)
    return repr([same, surroundings(record)])


def _weights(records: Sequence[dict], change: Mapping[str, object]) -> str:
    """Where the encoder's weights come from in the runs with these parameters, in two words."""
    chosen = [r for r in records if all(r["params"].get(key) == value for key, value in change.items())]
    found = {Origin.from_record(r["origin"]).pretrained for r in chosen if r.get("origin")}
    return (
        " or ".join("ImageNet weights" if each else "random weights" for each in sorted(found)) or "weights not named"
    )


def _number(record: Mapping, measure: str, on: str) -> float | None:
    return (record["metrics"].get(on, {}) if on else record).get(measure)


def _numbers(records: Sequence[dict], net: str, measure: str) -> dict[int, float]:
    return _known({record["seed"]: record["nets"][net].get(measure) for record in records})


def _known(values: Mapping[int, float | None]) -> dict[int, float]:
    return {seed: float(value) for seed, value in values.items() if value is not None}


def _mean_image(records, split: str = "test") -> float:
    """Mean abs_rel of the mean image on the frames of a split; infinite where no run has one, so that nothing is held back."""
    values = [(r.get("baselines") or {}).get(split, {}).get("mean_image", {}).get("abs_rel") for r in records]
    values = [value for value in values if value is not None]
    return float(np.mean(values)) if values else float("inf")
