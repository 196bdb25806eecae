"""Notebook 00: the check of its exercise refuses what students get wrong, and its words cover every metric."""

import pytest
import torch

from depthnb import metrics
from depthnb.studies import start


def right(pred, depth, valid):
    error = torch.where(valid, (pred - depth).abs() / depth, 0.0)
    return error.sum((1, 2, 3)) / valid.sum((1, 2, 3))


def relative(pred, depth):
    return (pred - depth).abs() / depth


WRONG = {
    "the formula itself": lambda p, d, v: right(d, p, v),
    "a depth where valid is False": lambda p, d, v: relative(p, d).mean((1, 2, 3)),
    "0 in their holes": lambda p, d, v: (relative(p, d) * v).sum((1, 2, 3)) / v.sum((1, 2, 3)),
    "a frame without a valid pixel": lambda p, d, v: right(p, d, v).nan_to_num(),
    "one number an image": lambda p, d, v: right(p, d, v).mean(),
}


def test_the_check_takes_the_solution():
    start.check_abs_rel(right)


@pytest.mark.parametrize("sentence", WRONG)
def test_the_check_says_what_is_wrong(sentence):
    with pytest.raises(AssertionError, match=sentence):
        start.check_abs_rel(WRONG[sentence])


def test_asking_whether_a_depth_is_zero_is_wrong():
    with pytest.raises(AssertionError, match="valid is False was counted"):
        start.check_abs_rel(lambda p, d, v: right(p, d, d != 0))


def test_every_metric_has_its_words():
    assert tuple(start.METRICS) == metrics.NAMES
    assert start.metric_table(dict.fromkeys(metrics.NAMES, 1.0))["better when"].tolist() == list(
        metrics.BETTER.values()
    )
