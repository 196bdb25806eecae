"""The table of claims of notebook 05, and its measurements: verdicts follow the numbers, in both directions."""

import json
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from toys import Toy

from depthnb import evaluation, evidence, losses, metrics, models
from depthnb.studies import densenet as study
from depthnb.weights.origin import Kind, Origin

NOTHING = Origin(Kind.NONE, "random weights: none were asked for")
IMAGENET = Origin(Kind.IMAGENET, "ImageNet weights from densenet169-b2777c0a.pth", "b2777c0a0000")
SCORES = {"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7, "edge_f1_025": 0.2}
WORSE = {"abs_rel": 0.3, "rmse": 0.9, "delta1": 0.5, "edge_f1_025": 0.0}


def scored(summary):
    """An Evaluation of six scenes, some harder than others."""
    errors = [summary["abs_rel"] * (1 + 0.05 * (-1) ** i) for i in range(6)]
    frames = pd.DataFrame({"scene": [f"room {i}" for i in range(6)], "abs_rel": errors})
    return SimpleNamespace(summary=summary, protocol=metrics.protocol("rooms"), per_image=frames)


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    net = models.DenseDepth("densenet121", decoder_width=0.02)
    return net, study.layers(net, size=(64, 96))


@pytest.fixture
def table(small, reports):
    """The table of claims by the first words of each claim."""

    def make(*, small_share=0.3, mirrored=0.19, origin=NOTHING, own=0.2):
        net, layers = small
        terms = pd.DataFrame({"size": ["320 x 240", "48 x 32"], "share of L1": [0.7, small_share]})
        found = study.checked(
            test=scored({**SCORES, "edge_f1_025": own}), mirrored=scored({**SCORES, "abs_rel": mirrored}),
            opponents={"mean_depth": scored(WORSE), "mean_image": scored(WORSE)}, table=layers, printed=net, terms=terms,
            origin=origin, run="rooms-full",
        )  # fmt: skip
        return found.set_index("claim")

    return make


def verdict(table, words):
    rows = table[table.index.str.contains(words, regex=False)]
    assert len(rows) == 1, words
    return rows["verdict"].item()


def write(reports, run, notebook="05_densenet", **values):
    params = {
        "encoder": "densenet169",
        "decoder_width": 0.5,
        "permutation": 0.25,
        "pretrained": "auto",
        "lam": 0.1,
        "seed": 0,
        "run": run,
    }
    scores = {"test": {**SCORES, **{k: v for k, v in values.items() if k in SCORES}}}
    record = {
        "notebook": notebook,
        "run": run,
        "params": params,
        "metrics": scores,
        "protocol": asdict(metrics.protocol("rooms")),
        "finished": True,
    }
    for key, value in values.items():
        (params if key in params else record)[key] = value
    folder = reports / notebook / run
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))


def write_pair(reports, parameter, before, after):
    """Three seeds of two sweep runs; before and after: (value of the parameter, numbers of its runs)."""
    for name, (value, numbers) in (("base", before), ("other", after)):
        for seed in range(3):
            spread = {key: v if isinstance(v, dict) else v + 0.001 * seed for key, v in numbers.items()}
            write(reports, f"sweep-{name}-{seed}", **{parameter: value}, seed=seed, **spread)


def test_without_sweep_runs_nothing_is_claimed_of_them(table):
    found = table()
    for words in (
        "DenseNet-201",
        "less performance",
        "less stable",
        "colour permutation",
        "transfer learning",
        "boundaries",
    ):
        assert verdict(found, words) == "not tested here"


def test_another_network_than_the_documents_does_not_hold(table):
    found = table()
    assert verdict(found, "trainable parameters") == verdict(found, "layer sizes") == evidence.FAILS
    assert verdict(found, "half the input resolution") == verdict(found, "no batch normalisation") == evidence.HOLDS
    assert found.loc["each row of its table names one layer", "here"].startswith("its second CONCAT3 is CONCAT4")


def test_a_million_iterations_count_images(table):
    found = table()
    here = found[found.index.str.startswith("1M iterations")].iloc[0]
    assert here["verdict"] == evidence.FAILS
    assert "160 passes over the authors' 50,000 images" in here["here"] and "12 steps a second" in here["here"]
    assert "20 passes, which is 1.0M images" in here["here"]


@pytest.mark.parametrize(
    ("gain", "cost", "holds"), [(0.30, 0.25, False), (0.05, 0.25, True), (0.0, 0.25, True), (-0.1, 0.25, True)]
)
def test_a_deeper_encoder_is_weighed_against_its_time(table, reports, gain, cost, holds):
    before = ("densenet169", {"abs_rel": 0.2, "seconds_per_step": 1.0})
    write_pair(reports, "encoder", before, ("densenet201", {"abs_rel": 0.2 * (1 - gain), "seconds_per_step": 1 + cost}))
    assert verdict(table(), "DenseNet-201") == (evidence.HOLDS if holds else evidence.FAILS)


@pytest.mark.parametrize(("worse", "shakier"), [(True, True), (False, True), (True, False)])
def test_half_a_decoder_is_worse_and_shakier_or_not(table, reports, worse, shakier):
    full = {"abs_rel": 0.2, "unsteadiness": 1.0}
    half = {"abs_rel": 0.25 if worse else 0.19, "unsteadiness": 2.0 if shakier else 0.5}
    write_pair(reports, "decoder_width", (1.0, full), (0.5, half))
    found = table()
    assert verdict(found, "less performance") == (evidence.HOLDS if worse else evidence.FAILS)
    assert verdict(found, "less stable") == (evidence.HOLDS if shakier else evidence.FAILS)


@pytest.mark.parametrize(("without", "holds"), [(0.25, True), (0.2005, False), (0.15, False)])
def test_colours_count_only_beyond_the_spread(table, reports, without, holds):
    write_pair(reports, "permutation", (0.25, {"abs_rel": 0.2}), (0.0, {"abs_rel": without}))
    assert verdict(table(), "colour permutation") == (evidence.HOLDS if holds else evidence.FAILS)


def test_a_larger_weight_for_small_pictures(table, reports):
    write_pair(reports, "lam", (0.1, {"abs_rel": 0.3}), (1.0, {"abs_rel": 0.25}))
    assert verdict(table(), "small pictures need") == evidence.HOLDS


def test_transfer_is_judged_only_with_imagenet_weights(table, reports):
    found_none = {"abs_rel": 0.3, "origin": asdict(NOTHING)}
    write_pair(reports, "pretrained", ("none", {"abs_rel": 0.3}), ("auto", found_none))
    assert verdict(table(), "transfer learning") == "not tested here"
    assert "none were asked for" in table()["here"][table().index.str.startswith("transfer")].item()
    assert len(evidence.ablations("05_densenet")) == 1, "twice the same training is no ablation"


def test_transfer_holds_where_the_sweep_had_weights_whatever_this_run_had(table, reports):
    found = {"abs_rel": 0.2, "origin": asdict(IMAGENET)}
    write_pair(reports, "pretrained", ("none", {"abs_rel": 0.3}), ("auto", found))
    assert verdict(table(), "transfer learning") == evidence.HOLDS


def test_boundaries_without_edge_scores_are_not_judged(table, reports):
    write(reports, "rooms-full", "02_bn_cnn", edge_f1_025=None)
    write(reports, "rooms-full", "03_eigen", edge_f1_025=0.2)
    assert verdict(table(), "boundaries") == "not tested here"


def test_boundaries_are_compared_under_one_protocol(table, reports):
    write(reports, "rooms-full", "02_bn_cnn", edge_f1_025=0.15)
    write(reports, "quick", "03_eigen", edge_f1_025=0.9)
    assert verdict(table(), "boundaries") == "not tested here"
    write(reports, "rooms-full", "03_eigen", edge_f1_025=0.18)
    trained = partial(table, origin=IMAGENET)
    assert verdict(trained(own=0.2), "boundaries") == evidence.HOLDS
    assert verdict(trained(own=0.16), "boundaries") == evidence.FAILS
    assert (
        verdict(table(own=0.2), "boundaries") == "not tested here"
    )  # the claim is about a net that starts from ImageNet


def test_our_own_claims_turn_with_their_numbers(table):
    assert verdict(table(), "balances the loss") == evidence.FAILS
    assert verdict(table(small_share=0.65), "balances the loss") == evidence.HOLDS
    assert verdict(table(), "mirror image") == evidence.HOLDS
    assert verdict(table(mirrored=0.21), "mirror image") == evidence.FAILS
    assert verdict(table(mirrored=SCORES["abs_rel"]), "mirror image") == evidence.UNDECIDED
    assert verdict(table(), "beats the training-mean depth") == evidence.HOLDS


# --- measurements -----------------------------------------------------------------------------------------------------


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
