"""What notebook 05 measures: the terms of its loss in several sizes, and how unsteady a training is."""

import pandas as pd
import pytest
import torch
from toys import Toy

from depthnb import evaluation, losses
from depthnb.studies import densenet as study


def test_loss_terms_add_up_to_the_loss_and_the_gradient_grows_in_small_pictures():
    rows = torch.linspace(1, 5, 60).view(1, 1, 60, 1)
    depth = rows.expand(2, 1, 60, 80) + torch.linspace(0, 3, 80)
    valid = torch.ones_like(depth, dtype=torch.bool)
    for target in ("inverse", "depth"):
        given = {
            "pred": torch.full_like(depth, 2.5),
            "depth": depth,
            "valid": valid,
            "max_depth": 10.0,
            "target": target,
        }
        terms = study.loss_terms([(60, 80), (15, 20)], **given)
        whole = losses.densedepth(**given).item()
        assert terms.loc[0, ["L1", "gradient", "SSIM"]].sum() == pytest.approx(whole, rel=1e-5)
        assert terms.filter(like="share").sum(axis=1).tolist() == pytest.approx([1, 1])
        assert terms["size"].tolist() == ["80 x 60", "20 x 15"]
        assert terms.loc[1, "L1"] == pytest.approx(terms.loc[0, "L1"], rel=0.05)
        assert 2 < terms.loc[1, "gradient"] / terms.loc[0, "gradient"] < 6


def test_the_ceiling_is_perfect_at_full_size_and_falls():
    frames = Toy(3, size=(48, 64))
    frames.depth[:, :, 10:30, 17:40] += 2
    frames.valid[:, :, :, :5] = False
    full, half, tenth = (evaluation.ceiling(frames, size) for size in ((48, 64), (24, 32), (5, 6)))
    assert full["abs_rel"] == pytest.approx(0, abs=1e-6) and full["delta1"] == 1
    assert full["abs_rel"] < half["abs_rel"] < tenth["abs_rel"]


def test_unsteadiness_is_nothing_for_a_fall_and_grows_with_jumps():
    def of(*values):
        return study.unsteadiness(pd.DataFrame({"val_loss": values}))

    assert of(3.0, 2.0, 1.0) == of(1.0, 0.6, 0.44, 0.37, 0.345) == 0, "a fast fall is no jump"
    assert of(2.0, 3.0, 1.0) == pytest.approx(25.0)  # one rise of 1 in two steps, of a mean of 2
    assert of(2.0, 2.2, 1.8, 2.1) > of(2.0, 1.9, 1.8, 1.81) > 0
    assert of(2.0, 1.0) is None
