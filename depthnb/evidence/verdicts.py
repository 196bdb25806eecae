"""One rule for every verdict: what a claim is, what a paired comparison says, and when that is enough to decide.

A comparison is made of pairs: two trainings with the same seed, or two predictions of the same scene. Its effect is the mean
of the pairs' log ratios, printed as a change in percent. The verdicts are

- `holds`, `does not hold`: the effect differs from zero (paired t-test, p below 0.05 after Holm's correction for all
  comparisons of the notebook) and is at least 2 %. Over seeds it takes five pairs, and one pair of trainings of twice as many
  steps on which the effect has the same sign;
- `no difference that matters`: the 90 % interval of the effect lies within 2 % on either side (two one-sided tests);
- a claim that a number does not rise (or does not fall) `holds` where that interval ends below +2 % (begins above -2 %);
- `undecided`: everything else that was measured. It is a normal result;
- `not tested here`, with the reason;
- `in print`: printed numbers beside printed numbers, nothing of ours;
- a fact that is counted and not sampled (a number of parameters, a shape) `holds` or does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

from depthnb import metrics
from depthnb.evaluation import MATTERS

HOLDS, FAILS = "holds", "does not hold"
SAME = "no difference that matters"
UNDECIDED = "undecided"
UNTESTED = "not tested here"
IN_PRINT = "in print"
LEVEL = 0.05
FINDING = 5  # seeds that a decision takes
LOWER, HIGHER, EQUAL, NOT_HIGHER, NOT_LOWER = -1, 1, 0, -2, 2  # directions: what a number does, says the claim
COLUMNS = ("claim", "here", "verdict", "change (%)", "95 % interval", "p (Holm)", "pairs", "steps", "appendix")


@dataclass(frozen=True)
class Effect:
    """The effect of a change, from pairs of positive numbers before and after it.

    Attributes:
        ratios: natural logarithms of after / before, one a pair.
        over: what the pairs are: "seeds" or "scenes".
    """

    ratios: tuple[float, ...]
    over: str = "seeds"

    @classmethod
    def of(cls, before: Mapping, after: Mapping, *, over: str = "seeds") -> Effect:
        """Pair two groups of positive numbers by their keys; keys that only one of them has are left out.

        >>> round(Effect.of({0: 0.20, 1: 0.40}, {0: 0.19, 1: 0.38, 2: 0.30}).change, 1)
        -5.0
        """
        keys = [key for key in before if key in after and min(before[key], after[key]) > 0]
        return cls(tuple(math.log(after[key] / before[key]) for key in keys), over)

    @property
    def pairs(self) -> int:
        return len(self.ratios)

    @cached_property
    def mean(self) -> float:
        """Of the log ratios."""
        return float(np.mean(self.ratios)) if self.ratios else math.nan

    @property
    def change(self) -> float:
        """The mean as a change in percent."""
        return 100 * math.expm1(self.mean)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The mean's t-interval as changes in percent; without limits for fewer than two pairs."""
        if self.pairs < 2:
            return -100.0, math.inf
        reach = float(special.stdtrit(self.pairs - 1, 0.5 + level / 2) * self._error)
        return tuple(100 * math.expm1(self.mean + sign * reach) for sign in (-1, 1))

    @cached_property
    def p(self) -> float:
        """Two-sided, of the paired t-test; 1 for fewer than two pairs."""
        if self.pairs < 2:
            return 1.0
        if self._error == 0:
            return 1.0 if self.mean == 0 else 0.0
        return float(2 * special.stdtr(self.pairs - 1, -abs(self.mean) / self._error))

    @cached_property
    def _error(self) -> float:
        """Of the mean; Student's t comes from scipy.special, since scipy.stats takes a second to import."""
        return float(np.std(self.ratios, ddof=1) / math.sqrt(self.pairs))

    @property
    def small(self) -> bool:
        """Whether two one-sided tests place the effect within `MATTERS` percent on either side."""
        low, high = self.interval(0.90)
        return self.pairs >= 2 and -MATTERS < low and high < MATTERS

    @property
    def none_at_all(self) -> bool:
        """Whether every pair is equal to the last digit: then what was changed never took effect."""
        return self.pairs > 0 and not any(self.ratios)


@dataclass(frozen=True)
class Claim:
    """One line of a table of claims.

    Attributes:
        text: what somebody says, in our words, with the place where it stands.
        here: what was found, as text.
        verdict: one of this module's; empty where `effect` decides.
        effect: of a comparison.
        direction: which effect the claim speaks of: `LOWER` the number falls, `HIGHER` it rises, `EQUAL` it hardly changes,
            `NOT_HIGHER` and `NOT_LOWER` it does not rise or fall.
        steps: training steps behind the numbers, as text.
        twice: the same effect after twice as many steps, without which no effect over seeds is decided; None where nothing
            can be trained longer.
        appendix: whether the line belongs to the notebook's appendix and not to its closing table.
    """

    text: str
    here: str
    verdict: str = ""
    effect: Effect | None = None
    direction: int = 0
    steps: str = ""
    twice: Effect | None = None
    appendix: bool = False


def fact(text: str, here: str, true: bool, *, appendix: bool = False) -> Claim:
    """A claim about something that is counted, not sampled."""
    return Claim(text, here, HOLDS if true else FAILS, appendix=appendix)


def untested(text: str, reason: str, *, appendix: bool = False) -> Claim:
    """A claim that nothing here can decide, with the reason."""
    return Claim(text, reason, UNTESTED, appendix=appendix)


def in_print(text: str, here: str, *, appendix: bool = False) -> Claim:
    """A claim beside printed numbers."""
    return Claim(text, here, IN_PRINT, appendix=appendix)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjustment of p-values: what each would have to be below `LEVEL` for, tested together with the others.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def decide(claims: Sequence[Claim]) -> pd.DataFrame:
    """The table of claims of one notebook, every verdict by the rule of this module.

    Returns:
        One row a claim with `COLUMNS`: the closing table's lines first, those of the appendix behind. "here" ends with
        the effect, its unadjusted 95 % interval, how many pairs it rests on, and the steps of the trainings.
    """
    compared = [each for each in claims if not each.verdict]
    adjusted = dict(zip(map(id, compared), holm([each.effect.p for each in compared]), strict=True))
    rows = []
    for each in sorted(claims, key=lambda claim: claim.appendix):
        row = {"claim": each.text, "here": each.here, "verdict": each.verdict, "steps": each.steps}
        if not each.verdict:
            row |= _compared(each, adjusted[id(each)])
        rows.append({**row, "appendix": each.appendix})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdict(effect: Effect, direction: int, p: float) -> str:
    """The verdict on a claim of this direction.

    Args:
        p: the test's, adjusted.

    >>> verdict(Effect((-0.05, -0.06, -0.04, -0.05, -0.05)), LOWER, 0.01), verdict(Effect((-0.05, -0.06)), LOWER, 0.01)
    ('holds', 'undecided')
    >>> same = Effect((0.001, -0.001, 0.002, 0.0, 0.001))
    >>> verdict(same, LOWER, 0.6), verdict(same, EQUAL, 0.6), verdict(same, NOT_HIGHER, 0.6)
    ('no difference that matters', 'holds', 'holds')
    """
    if effect.over == "seeds" and effect.pairs < FINDING:
        return UNDECIDED
    low, high = effect.interval(0.90)
    if (direction == NOT_HIGHER and high < MATTERS) or (direction == NOT_LOWER and low > -MATTERS):
        return HOLDS
    if effect.small:
        return HOLDS if direction == EQUAL else SAME
    if p < LEVEL and abs(effect.mean) >= math.log1p(MATTERS / 100):
        return HOLDS if direction == math.copysign(1, effect.mean) else FAILS
    return UNDECIDED


def _compared(claim: Claim, p: float) -> dict:
    effect = claim.effect
    if effect.none_at_all:
        reason = f"equal to the last digit in all {effect.pairs} pairs, so what was changed never took effect"
        return {"here": f"{claim.here}: {reason}".removeprefix(": "), "verdict": UNTESTED}
    low, high = effect.interval()
    few = effect.over == "seeds" and effect.pairs < FINDING
    pairs = f"{effect.pairs} {effect.over}"
    parts = [
        f"{effect.change:+z.1f} % [{low:+z.1f}, {high:+z.1f}]",
        f"{pairs} of {FINDING}" if few else pairs,
        f"p {p:.2g}",
    ]
    parts += [f"{claim.steps} steps"] if claim.steps else []
    decided, reason = confirmed(verdict(effect, claim.direction, p), effect, claim.twice)
    return {
        "here": f"{claim.here}: {', '.join(parts)}{reason}".removeprefix(": "),
        "verdict": decided,
        "change (%)": effect.change,
        "95 % interval": f"{low:+z.1f} to {high:+z.1f}",
        "p (Holm)": p,
        "pairs": pairs,
    }


def confirmed(decided: str, effect: Effect, twice: Effect | None) -> tuple[str, str]:
    """A verdict after a look at the trainings of twice as many steps, and what they say.

    Args:
        decided: the verdict on `effect`.
        twice: the same effect after twice as many steps; None where nothing can be trained longer.

    >>> effect = Effect((-0.05, -0.06, -0.04, -0.05, -0.05))
    >>> confirmed(HOLDS, effect, Effect((-0.03,))), confirmed(HOLDS, effect, Effect((0.0,)))
    (('holds', '; twice the steps: -3.0 %'), ('not tested here', '; twice the steps: +0.0 %, so the nets are under-trained'))
    """
    if twice is None:
        return decided, ""
    after = f"; twice the steps: {twice.change:+z.1f} %" if twice.pairs else ""
    if decided not in (HOLDS, FAILS) or effect.small:
        return decided, after
    if not twice.pairs:
        return UNTESTED, "; needs one seed with twice the steps: make evidence"
    kept = twice.mean * effect.mean > 0
    return (decided, after) if kept else (UNTESTED, f"{after}, so the nets are under-trained")


def beats(summary: Mapping[str, float], opponent: Mapping[str, float]) -> bool:
    """Whether a method beats an opponent in abs_rel, rmse and delta1, in each of them clearly (`clearly_better`).

    >>> beats({"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7}, {"abs_rel": 0.3, "rmse": 0.9, "delta1": 0.5})
    True
    >>> beats({"abs_rel": 0.177, "rmse": 0.7, "delta1": 0.7}, {"abs_rel": 0.179, "rmse": 0.9, "delta1": 0.5})
    False
    """
    return all(clearly_better(summary[name], opponent[name], name) for name in ("abs_rel", "rmse", "delta1"))


def clearly_better(value: float, other: float, metric: str) -> bool:
    """Whether an error is lower by 2 % or more; of a share that should be high, such as delta1, the share that fails.

    >>> clearly_better(0.70, 0.68, "delta1"), clearly_better(0.70, 0.699, "delta1")
    (True, False)
    """
    if metrics.BETTER[metric] == "higher":
        value, other = 1 - value, 1 - other
    return bool(value < other and value * (1 + MATTERS / 100) <= other)
