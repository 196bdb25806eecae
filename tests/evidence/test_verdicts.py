"""The rule: intervals, corrected tests, equivalence, and the table that they make."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from depthnb import evidence
from depthnb.evidence import scenes
from depthnb.evidence.verdicts import Effect, holm, verdict


def test_an_effect_is_the_paired_t_test_of_log_ratios():
    before, after = np.array([0.2, 0.3, 0.25, 0.22]), np.array([0.19, 0.27, 0.25, 0.20])
    effect = Effect.of(dict(enumerate(before)), dict(enumerate(after)))
    assert effect.p == pytest.approx(stats.ttest_rel(np.log(after), np.log(before)).pvalue)
    interval = stats.ttest_1samp(np.log(after / before), 0).confidence_interval(0.95)
    assert effect.interval() == pytest.approx(100 * np.expm1([interval.low, interval.high]))
    assert effect.change == pytest.approx(100 * (stats.gmean(after / before) - 1))


def test_only_pairs_count_and_only_positive_numbers():
    assert Effect.of({0: 1.0, 1: 2.0, 2: 0.0}, {0: 2.0, 2: 1.0, 3: 1.0}).ratios == pytest.approx([np.log(2)])
    assert Effect.of({}, {}).p == 1.0 and not Effect.of({}, {}).small


def test_the_rule_is_right_as_often_as_it_says():
    """Of true zero effects, measured with five noisy seeds, fewer than one in twenty is called one."""
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(1000):
        effect = Effect(tuple(rng.normal(0, 0.05, 5)))
        wrong += verdict(effect, -1, effect.p) in ("holds", "does not hold")
    assert 20 <= wrong <= 60


@pytest.mark.parametrize(
    ("ratios", "direction", "expected"),
    [
        ((-0.05, -0.06, -0.05, -0.04, -0.05), -1, "holds"),
        ((-0.05, -0.06, -0.05, -0.04, -0.05), 1, "does not hold"),
        ((-0.05, -0.06, -0.05, -0.04, -0.05), 0, "does not hold"),
        ((-0.010, -0.011, -0.010, -0.009, -0.010), -1, "no difference that matters"),
        ((-0.010, -0.011, -0.010, -0.009, -0.010), 0, "holds"),
        ((-0.3, 0.2, -0.1, 0.25, -0.02), -1, "undecided"),
        ((-0.019, -0.0195, -0.024, -0.0185, -0.018), -1, "undecided"),  # certain, but neither 2 % nor within 2 %
    ],
)
def test_verdicts(ratios, direction, expected):
    effect = Effect(ratios)
    assert verdict(effect, direction, effect.p) == expected


def test_holm_is_what_other_implementations_give():
    assert holm([0.01, 0.02, 0.03, 0.04]) == pytest.approx([0.04, 0.06, 0.06, 0.06])  # as R's p.adjust
    assert holm([0.5, 0.001]) == pytest.approx([0.5, 0.002]) and holm([]) == []


def test_the_table_parts_the_appendix_and_keeps_what_is_no_comparison():
    claims = [
        evidence.fact("a count", "3 of 4", False, appendix=True),
        evidence.in_print("printed", "0.1 beside 0.2"),
        evidence.untested("weights", "none here"),
        evidence.Claim("falls", "abs_rel", effect=Effect((-0.1, -0.11, -0.12, -0.1, -0.11)), direction=-1, steps="700"),
    ]
    table = evidence.decide(claims)
    assert table["claim"].tolist() == ["printed", "weights", "falls", "a count"]
    assert table["verdict"].tolist() == ["in print", "not tested here", "holds", "does not hold"]
    assert table["appendix"].tolist() == [False, False, False, True]
    assert table["pairs"].iloc[2] == "5 seeds" and table["p (Holm)"].iloc[2] < 0.05


def test_frames_of_one_scene_are_one_pair():
    before = pd.Series([0.2, 0.2, 0.4, 0.4, 0.3, 0.3])
    names = pd.Series(list("aabbcc"))
    claim = scenes.paired("the mirror helps", before, 0.9 * before, names, direction=-1)
    assert claim.effect.pairs == 3 and claim.effect.over == "scenes"
    one = scenes.paired("the mirror helps", before[:2], before[:2], names[:2], direction=-1, here="abs_rel")
    assert one.verdict == "not tested here" and "it takes two" in one.here


def test_the_bootstrap_keeps_scenes_together():
    gain = pd.Series([0.1, 0.1, 0.1, -0.1, -0.1, -0.1])
    low, high = scenes.bootstrap(gain, pd.Series(list("aaabbb")))
    assert low == pytest.approx(-0.1) and high == pytest.approx(0.1)
    low, high = scenes.bootstrap(gain, pd.Series(list("abcdef")))
    assert -0.1 < low < high < 0.1
