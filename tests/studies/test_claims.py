"""The claims of every notebook: nothing is decided without runs, and every verdict turns with its numbers."""

import pandas as pd
import pytest
import torch
from finished_runs import SCORES, ablation, full

from depthnb import evidence, models
from depthnb.studies import bn_cnn, data, densenet, eigen, gan, hma, midas, self_supervised, today, unet

MARGIN = {"abs_rel": 0.2}  # a net that has learnt


def of_bn_cnn():
    ranges = pd.DataFrame({"loss": ["L1"], "unit": ["m"], "trained": [0.4], "could": [False]})
    return bn_cnn.claims(dataset="rooms", ranges=ranges)


def of_eigen():
    layers = [f"coarse{i}" for i in range(1, 8)]
    rows = [{"initialisation": "kaiming-xavier", "layer": layer, "gradient_std": 1.0} for layer in layers]
    rows += [
        {"initialisation": "zeros", "layer": layer, "gradient_std": 1e-9 if i == 0 else 1.0}
        for i, layer in enumerate(layers)
    ]
    return eigen.claims(dataset="rooms", signals=pd.DataFrame(rows), ceiling={"edge_f1_025": 0.5})


def of_unet():
    depth = torch.full((1, 1, 4, 4), 3.5)
    valid = torch.arange(16).view(1, 1, 4, 4) > 3
    entropies = unet.cross_entropies(depth=depth, valid=valid)
    masks = unet.with_and_without_mask(pred=depth + 0.1, depth=depth, valid=valid)
    layers = models.describe(models.UNet(channels=2), (32, 32))
    options = {"layers": layers, "entropies": entropies, "masks": masks, "relative": torch.tensor([0.1, -0.1, 0.2])}
    return unet.claims(dataset="rooms", ceiling={"edge_f1_025": 0.5}, **options)


def of_hma():
    return hma.claims(dataset="rooms", deviation=1e-7)


def of_gan():
    return gan.claims(dataset="rooms")


def of_films():
    table = pd.DataFrame({"factor": [0.5, 1.0], self_supervised.GIVEN: [0.2, 0.1], "poses scaled too": [0.1, 0.1]})
    proven = {"agree": 0.99, "depth error": 0.002, "moved": 0.08, "unmoved": 0.19}
    return self_supervised.claims("rooms", proven=proven, table=table)


COMPARED = {  # notebook -> claims, the numbers with which all comparisons of nets hold, and with which none does
    "02_bn_cnn": (
        of_bn_cnn,
        {
            "l1": {"abs_rel": 0.2},
            "mse": {"abs_rel": 0.25},
            **{bn_cnn.as_akondi("mse", unit): {"abs_rel": 0.5, "contrast": 0.02} for unit in ("8-bit", "mm")},
            **{bn_cnn.as_akondi("l1", unit): {"abs_rel": 0.3, "contrast": 0.5} for unit in ("8-bit", "mm")},
        },
        {
            "l1": {"abs_rel": 0.25},
            "mse": {"abs_rel": 0.2},
            **{bn_cnn.as_akondi("mse", unit): {"abs_rel": 0.3, "contrast": 0.5} for unit in ("8-bit", "mm")},
            **{bn_cnn.as_akondi("l1", unit): {"abs_rel": 0.4, "contrast": 0.5} for unit in ("8-bit", "mm")},
        },
    ),
    "03_eigen": (
        of_eigen,
        {
            "coarse": {"abs_rel": 0.3, "val si_rmse_log": 0.3, "middle farther": 0.999},
            "coarse + fine": {"abs_rel": 0.28, "val si_rmse_log": 0.27, "contrast": 0.5, "edge_f1_025": 0.1}
            | {"abs_rel aligned": 0.2},
        },
        {
            "coarse": {"abs_rel": 0.3, "val si_rmse_log": 0.3, "middle farther": 0.6},
            "coarse + fine": {"abs_rel": 0.28, "val si_rmse_log": 0.33, "contrast": 1.2, "edge_f1_025": 0.4}
            | {"abs_rel aligned": 0.35},
        },
    ),
    "04_unet": (
        of_unet,
        {"U-Net": {"abs_rel": 0.2, "train abs_rel": 0.2001, "edge_f1_025": 0.4, "edge_f1_025 without the finest bridge": 0.1}},
        {"U-Net": {"abs_rel": 0.2, "train abs_rel": 0.1, "edge_f1_025": 0.1, "edge_f1_025 without the finest bridge": 0.2}},
    ),
    "06_hma": (
        of_hma,
        {
            hma.NET: {
                "abs_rel": 0.18, "mask weight moved": 0.3,
                "scales that share a pixel": 1.2, "finest mask at edges": 0.4, "finest mask elsewhere": 0.2,
                "edge_f1_025": 0.3, "plane residual": 0.002, "worst scale beside the whole": 1.1,
            },
            hma.RIVAL: {"abs_rel": 0.2, "edge_f1_025": 0.2, "plane residual": 0.003},
        },
        {
            hma.NET: {
                "abs_rel": 0.22, "mask weight moved": 0.3,
                "scales that share a pixel": 3.2, "finest mask at edges": 0.1, "finest mask elsewhere": 0.2,
                "edge_f1_025": 0.1, "plane residual": 0.004, "worst scale beside the whole": 4.0,
            },
            hma.RIVAL: {"abs_rel": 0.2, "edge_f1_025": 0.2, "plane residual": 0.003},
        },
    ),
    "09_gan": (
        of_gan,
        {
            gan.GAN: {"abs_rel": 0.18, "edge_f1_025": 0.3, "sharpness": 0.5, "relief": 1.5, "variation": 0.9},
            gan.ALONE: {"abs_rel": 0.2, "edge_f1_025": 0.2, "sharpness": 0.4, "relief": 1.0, "variation": 0.9},
        },
        {
            gan.GAN: {"abs_rel": 0.22, "edge_f1_025": 0.1, "sharpness": 0.3, "relief": 0.5, "variation": 0.1},
            gan.ALONE: {"abs_rel": 0.2, "edge_f1_025": 0.2, "sharpness": 0.4, "relief": 1.0, "variation": 0.9},
        },
    ),
    "11_today": (
        lambda: today.claims("rooms"),
        {
            today.NET: {
                "abs_rel": 0.15, "error under a long lens, told": 0.1, "error under a long lens, not told": 0.5,
                "error left, random": 0.15, f"error left, {today.MIRROR}": 0.1, f"error left, {today.OWN}": 0.1,
            },
        },
        {
            today.NET: {
                "abs_rel": 0.15, "error under a long lens, told": 0.5, "error under a long lens, not told": 0.1,
                "error left, random": 0.1, f"error left, {today.MIRROR}": 0.15, f"error left, {today.OWN}": 0.15,
            },
        },
    ),
    "13_self_supervised": (
        of_films,
        {
            self_supervised.TWIN: {"abs_rel": 0.2, "abs_rel aligned": 0.15},
            self_supervised.GIVEN: {"abs_rel": 0.19, "abs_rel aligned": 0.14},
            self_supervised.LEARNT: {"abs_rel aligned": 0.13},
        },
        {
            self_supervised.TWIN: {"abs_rel": 0.2, "abs_rel aligned": 0.15},
            self_supervised.GIVEN: {"abs_rel": 0.3, "abs_rel aligned": 0.25},
            self_supervised.LEARNT: {"abs_rel aligned": 0.3},
        },
    ),
}  # fmt: skip


def compared(claims):
    return {each.text: each for each in claims if not each.verdict}


@pytest.mark.parametrize("notebook", COMPARED)
def test_without_runs_no_comparison_is_decided(reports, notebook):
    claims = COMPARED[notebook][0]()
    assert not compared(claims)
    waiting = [each for each in claims if each.verdict == evidence.UNTESTED and "make evidence" in each.here]
    assert waiting
    assert len([each for each in claims if not each.appendix]) <= 8


@pytest.mark.parametrize("notebook", COMPARED)
@pytest.mark.parametrize("good", [True, False], ids=["holds", "does not hold"])
def test_every_comparison_of_nets_turns_with_its_numbers(reports, notebook, good):
    make, holding, failing = COMPARED[notebook]
    akondi = [bn_cnn.as_akondi(loss, unit) for loss in ("l1", "mse") for unit in ("8-bit", "mm")]
    full(reports, notebook, holding if good else failing, fixed=akondi)
    claims = make()
    table = evidence.decide(list(compared(claims).values()))
    assert len(table) >= 2
    assert set(table["verdict"]) == {evidence.HOLDS if good else evidence.FAILS}, table[
        ["claim", "here", "verdict"]
    ].to_string()
    baselines = [each for each in claims if "beats the mean depth" in each.text]
    assert [each.verdict for each in baselines] == [evidence.HOLDS] and "in 5 of 5 seeds" in baselines[0].here


@pytest.mark.parametrize(
    ("notebook", "make", "base", "line", "words"),
    [
        ("02_bn_cnn", of_bn_cnn, {"shuffle": True}, {"shuffle": False}, "with shuffling the model"),
        ("02_bn_cnn", of_bn_cnn, {"steps": 4, "channels": 16}, {"steps": 5, "channels": 32}, "more layers and"),
        ("03_eigen", of_eigen, {"decay": True}, {"decay": False}, "without the decay"),
        ("04_unet", of_unet, {"loss": "ssim+mare"}, {"loss": "l1"}, "beside L1"),
        ("04_unet", of_unet, {"encoder": "plain"}, {"encoder": "resnet18"}, "a ResNet"),
        ("06_hma", of_hma, {"attention": "masks"}, {"attention": "average"}, "the attention mechanism"),
        ("06_hma", of_hma, {"scales": 4}, {"scales": 3}, "four scales"),
    ],
)
def test_ablations_decide_in_both_directions(reports, notebook, make, base, line, words):
    full(reports, notebook, {}, epochs=10, **base)
    larger = words in ("more layers and", "a ResNet")  # where the line is what the claim praises
    ablation(reports, notebook, "line", 0.15 if larger else 0.25, epochs=10, **line)
    (claim,) = [each for each in make() if words in each.text]
    assert evidence.decide([claim])["verdict"].item() == evidence.HOLDS
    for folder in (reports / notebook).glob("ablation-line-*"):
        (folder / "run.json").unlink()
    ablation(reports, notebook, "other", 0.25 if larger else 0.15, epochs=10, **line)
    (claim,) = [each for each in make() if words in each.text]
    assert evidence.decide([claim])["verdict"].item() == evidence.FAILS


def test_nets_that_have_hardly_learnt_decide_nothing(reports):
    nets = {name: {**numbers, "abs_rel": 0.38} for name, numbers in COMPARED["06_hma"][1].items()}
    full(reports, "06_hma", nets)
    assert not compared(of_hma())
    assert sum("under-trained" in each.here for each in of_hma()) >= 3


def test_masks_that_training_has_hardly_moved_decide_nothing(reports):
    nets = {name: dict(numbers) for name, numbers in COMPARED["06_hma"][1].items()}
    nets[hma.NET]["mask weight moved"] = 0.02
    full(reports, "06_hma", nets)
    waiting = [each for each in of_hma() if "too little to judge the masks" in each.here]
    assert len(waiting) == 2 and {each.verdict for each in waiting} == {evidence.UNTESTED}
    assert "training moved 2 % of a pixel's weight" in waiting[0].here.replace("2%", "2 %")


def test_of_midas_the_document_s_doubt_and_the_mixture(reports):
    aligned = {
        (name, how): type("Scored", (), {"summary": {"abs_rel": value}})
        for name in midas.CONSTANTS.values()
        for how, value in (("none", 0.5), ("scale and shift", 0.3))
    }

    def claims():
        return midas.claims(sets=("rooms", "streets"), found={}, same_frames=None, aligned=aligned)

    first = claims()[0]
    assert first.verdict == evidence.FAILS and "NYU V2 is not among them" in first.here
    assert claims()[1].verdict == evidence.UNTESTED, "no published network is here"
    nets = {
        "both": {"abs_rel": 0.2, "rooms abs_rel": 0.2, "streets abs_rel": 0.2, "abs_rel fed BGR": 0.25},
        "rooms": {"abs_rel": 0.2, "rooms abs_rel": 0.2001, "streets abs_rel": 0.4},
        "streets": {"abs_rel": 0.4, "rooms abs_rel": 0.4, "streets abs_rel": 0.2001},
    }
    full(reports, "07_midas", nets)
    assert set(evidence.decide(list(compared(claims()).values()))["verdict"]) == {evidence.HOLDS}


def test_of_densenet_sizes_and_labels_are_counted(reports):
    torch.manual_seed(0)
    net = models.DenseDepth("densenet121", decoder_width=0.02)
    table = densenet.layers(net, size=(64, 96))
    terms = pd.DataFrame({"size": ["320 x 240", "48 x 32"], "share of L1": [0.7, 0.3]})
    frames = pd.DataFrame({"scene": list("abcdef"), "abs_rel": [0.2, 0.21, 0.19, 0.2, 0.22, 0.2]})
    scored = type("Scored", (), {"summary": SCORES, "per_image": frames})
    mirrored = type("Scored", (), {"summary": SCORES, "per_image": frames.assign(abs_rel=0.95 * frames["abs_rel"])})
    options = {"test": scored, "mirrored": mirrored, "table": table, "printed": net, "terms": terms, "dataset": "rooms"}
    claims = evidence.decide(densenet.claims(**options)).set_index("claim")["verdict"]

    def verdict(words):
        return claims[claims.index.str.contains(words, regex=False)].item()

    assert verdict("trainable parameters") == verdict("layer sizes") == evidence.FAILS, "it is another network"
    assert verdict("half the input resolution") == verdict("no batch normalisation") == evidence.HOLDS
    assert verdict("iterations for NYU") == evidence.IN_PRINT and verdict("mirror image") == evidence.HOLDS
    assert verdict("transfer learning") == evidence.UNTESTED and verdict("balances the loss") == evidence.FAILS


def test_of_data_what_the_lists_say():
    labelled = pd.DataFrame(
        {"scene_type": ["bedroom", "office", "attic"], "frames": [1000, 400, 49], "scenes": [300, 100, 64]}
    )
    listed = pd.DataFrame({"scene_type": ["bedroom", "office"], "Akondi": [15466, 3270]})
    middle = pd.DataFrame({"middle": [3.0, 2.0, 4.0], "border": [2.0, 2.5, 1.0]})
    options = {"labelled": labelled, "compared": listed, "middle": middle, "follows": 0.0, "forgotten": 0.5}
    verdicts = [each.verdict for each in data.claims(**options, indoors=True)]
    assert verdicts == [evidence.FAILS, evidence.FAILS, evidence.FAILS, evidence.FAILS, evidence.HOLDS, evidence.FAILS]
    outdoors = data.claims(**options, indoors=False)[4]
    assert outdoors.verdict == evidence.UNTESTED and "outdoors" in outdoors.here
