"""What notebook 05 measures: the terms of its loss in several sizes, and how unsteady a training is."""

import pandas as pd
import pytest
import torch
from finished_runs import finish
from toys import Toy

from depthnb import evaluation, losses, plotting
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


def test_plans_name_every_training_of_the_pair():
    chosen = study.plans("lite", "40, frozen,one-rate")
    assert list(chosen)[:2] == [study.TAUGHT, study.RANDOM] and len(chosen) == 6
    assert chosen[f"{study.RANDOM}, 40 frames"] == study.Plan("lite", "none", frames=40, beside=False)
    assert chosen[f"{study.TAUGHT}, frozen"].frozen == 1 and chosen[f"{study.TAUGHT}, one-rate"].factor == 1
    assert study.plans("", "40") == {}
    for wrong in ("0", "40 80", "melted"):
        with pytest.raises(ValueError, match=r"pair_more has .*expected numbers of training frames"):
            study.plans("lite", wrong)


def curve_runs(folder, seeds=2):
    """Finished runs of the line that `tried` reads, beside a full run on the same frames."""
    for run, seed in [("rooms-full", 0), *((f"ablation-base-curve-{seed}", seed) for seed in range(seeds))]:
        nets = {}
        for taught, name, best in ((1.0, study.TAUGHT, 0.2), (0.0, study.RANDOM, 0.3)):
            for frames in (40, 658):
                suffix = "" if frames == 658 else f", {frames} frames"
                facts = {"frames": frames, "taught": taught, "frozen": 0.0, "factor": study.THIRD}
                nets[name + suffix] = {"abs_rel": best + 4 / frames + 0.01 * seed, "steps": 498, **facts}
        facts = {"frames": 658, "taught": 1.0, "frozen": 1.0, "factor": study.THIRD}
        nets[f"{study.TAUGHT}, frozen"] = {"abs_rel": 0.25, "steps": 498, **facts}
        nets["DenseDepth"] = {"abs_rel": 0.3, "steps": 498}
        finish(folder, study.NOTEBOOK, run, seed, nets=nets, epochs=10 if run == "rooms-full" else 6)


def test_the_curve_is_that_of_its_runs_and_says_how_many_frames_imagenet_is_worth(reports):
    assert study.tried("rooms").empty and study.tried_said(study.tried("rooms"))[0].startswith(
        "No finished run of the curve"
    )
    curve_runs(reports)
    table = study.tried(
        "rooms", own={study.TAUGHT: {"abs_rel": 0.22, "frames": 658, "taught": 1, "frozen": 0, "factor": 1 / 3}}
    )
    assert len(table) == 2 * 5 + 1 and set(table["run"]) == {"", "ablation-base-curve-0", "ablation-base-curve-1"}
    assert table["way"].tolist().count("frozen") == 2
    said = study.tried_said(table)
    assert said[0] == "2 seeds, about 498 steps in every training."
    assert "40 frames are enough for that; all of them give 0.211" in said[1]
    assert said[2] == "The encoder with all frames: frozen 0.250, a third of the decoder's step size 0.211."
    figure = plotting.transfer(table, usual="a third")
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["40", "658"]
    assert len(figure.axes[1].get_xticks()) == 3
    alone = plotting.transfer(study.tried("rooms").head(1).assign(run=""), usual="a third")
    assert alone.axes[1].get_title() == "no finished run of the curve here"
