"""Claims of document 003, each seen in both verdicts."""

from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from depthnb import evidence, losses
from depthnb.studies import eigen as study

SCORES = {"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7, "si_rmse_log": 0.2}
WORSE = SimpleNamespace(summary={"abs_rel": 0.4, "rmse": 1.2, "delta1": 0.4})
LAYERS = ("coarse1", "coarse7")


def signals(ours=1.0, others=1e-4):
    """Spread of the gradient in the first and the last layer."""
    rows = [(name, layer, ours if name == "kaiming-xavier" else others) for name in ("kaiming-xavier", "normal-1")
            for layer in LAYERS[:1]]  # fmt: skip
    rows += [(name, LAYERS[1], 1.0) for name in ("kaiming-xavier", "normal-1")]
    return pd.DataFrame(rows, columns=["initialisation", "layer", "gradient_std"])


def verdict(words, *, fine=0.18, edges=0.1, ceiling=0.4, contrast=0.7, middle=1.5, noise=None, abs_rel=0.2):
    tests = {
        "coarse": SimpleNamespace(summary=SCORES), "coarse + fine": SimpleNamespace(summary={**SCORES, "abs_rel": abs_rel}),
        "coarse val": SimpleNamespace(summary=SCORES),
        "coarse + fine val": SimpleNamespace(summary={**SCORES, "si_rmse_log": fine}),
    }  # fmt: skip
    weak = pd.DataFrame(
        {"edge F1 at 0.25 m": [0.05, edges], "contrast, median": [0.5, contrast], "centre / border, predicted": middle},
        index=["coarse", "coarse + fine"],
    )
    found = study.checked(
        tests=tests, opponents={"mean_depth": WORSE, "mean_image": WORSE}, weaknesses=weak, true_ratio=1.3,
        signals=signals() if noise is None else noise, ceiling={"edge_f1_025": ceiling},
    ).set_index("claim")  # fmt: skip
    rows = found[found.index.str.contains(words, regex=False)]
    assert len(rows) == 1, words
    return rows["verdict"].item()


@pytest.mark.parametrize(
    ("words", "holds", "fails"),
    [
        ("fine network improves", {"fine": 0.18}, {"fine": 0.22}),
        ("takes the middle for farther", {"middle": 1.5}, {"middle": 1.2}),
        ("fine details are ignored", {"edges": 0.19}, {"edges": 0.21}),
        ("come out too small", {"contrast": 0.7}, {"contrast": 0.95}),
        ("explode or vanish", {"noise": signals(others=1e-4)}, {"noise": signals(others=0.5)}),
        ("beats the training-mean depth", {"abs_rel": 0.3}, {"abs_rel": 0.5}),
    ],
)
def test_a_claim_turns_with_its_number(reports, words, holds, fails):
    assert verdict(words, **holds) == evidence.HOLDS
    assert verdict(words, **fails) == evidence.FAILS


def test_what_the_numbers_leave_open(reports):
    assert verdict("fine network improves", fine=0.199) == evidence.UNDECIDED
    assert verdict("fine details are ignored", edges=float("nan")) == evidence.UNTESTED
    assert verdict("plateaus early") == evidence.UNTESTED, "no sweep run is here"


def test_a_number_that_its_own_tables_contradict_does_not_hold(reports):
    assert verdict("lags behind Eigen's") == evidence.FAILS


def test_holes_do_not_feed_the_comparison_of_initialisations():
    """A hole once counted as a depth of 1 cm, which no layer would ever see."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(3, 3, 64, 80, generator=generator)
    valid = torch.rand(3, 1, 64, 80, generator=generator) > 0.5
    valid[2] = False
    depth = 1 + 5 * image.mean(1, keepdim=True)
    tables = [
        study.initialisations((64, 80), {"image": image, "depth": torch.where(valid, depth, junk), "valid": valid})
        for junk in (0.0, 3.0, torch.nan, torch.inf)
    ]
    assert all(tables[0].equals(table) for table in tables[1:])
    assert set(tables[0]["initialisation"]) == set(study.INITIALISATIONS) and "pytorch" in study.INITIALISATIONS
    assert (
        tables[0]["gradient_std"].notna().all()
        and tables[0].set_index("initialisation")["gradient_std"]["pytorch"].all()
    )


def test_its_loss_is_silog_in_log_depth():
    generator = torch.Generator().manual_seed(0)
    pred, depth = (1 + 5 * torch.rand(3, 1, 8, 9, generator=generator) for _ in range(2))
    valid = torch.rand(3, 1, 8, 9, generator=generator) > 0.4
    valid[1] = False
    expected = losses.silog(pred=pred, depth=depth, valid=valid, lam=0.5)
    assert torch.allclose(study._log_loss(pred.log(), torch.where(valid, depth, torch.nan), valid), expected)
