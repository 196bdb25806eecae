"""Claims of document 000 on its BN-CNN, each seen in both verdicts."""

from types import SimpleNamespace

import pandas as pd
import pytest

from depthnb import evidence
from depthnb.studies import bn_cnn as study

WORSE = SimpleNamespace(summary={"abs_rel": 0.4, "rmse": 1.2, "delta1": 0.4})


def table(*, l1=0.2, mse=0.3, contrast=0.05, fits=False):
    tests = {
        name: SimpleNamespace(summary={"abs_rel": value, "rmse": 0.7, "delta1": 0.7})
        for name, value in (("l1", l1), ("mse", mse))
        if value is not None
    }
    ranges = pd.DataFrame({"loss": ["mse"], "unit": ["cm"], "trained": [0.6], "in 300 to 2300": [fits]})
    return study.checked(
        tests=tests, opponents={"mean_depth": WORSE, "mean_image": WORSE}, contrast={"mse": contrast, "l1": 0.7},
        ranges=ranges, loss="l1", rival="mse",
    ).set_index("claim")  # fmt: skip


def verdict(words, **numbers):
    found = table(**numbers)
    rows = found[found.index.str.contains(words, regex=False)]
    assert len(rows) == 1, words
    return rows["verdict"].item()


@pytest.mark.parametrize(
    ("words", "holds", "fails"),
    [
        ("blank image", {"contrast": 0.05}, {"contrast": 0.5}),
        ("with L1 the model improves (", {"mse": 0.3}, {"mse": 0.15}),
        ("needs more layers", {"fits": False}, {"fits": True}),
        ("beats the training-mean image", {"l1": 0.3}, {"l1": 0.5}),
    ],
)
def test_a_claim_turns_with_its_number(reports, words, holds, fails):
    assert verdict(words, **holds) == evidence.HOLDS
    assert verdict(words, **fails) == evidence.FAILS


def test_what_is_not_trained_or_hardly_differs_is_not_judged(reports):
    assert verdict("with L1 the model improves (", mse=0.203) == evidence.UNDECIDED
    assert verdict("more layers improve") == evidence.UNTESTED, "no sweep run is here"
    assert not table(mse=None).index.str.contains("blank").any()
