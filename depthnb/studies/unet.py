"""Document 001's claims and its table of epochs, for notebook 04."""

from __future__ import annotations

import math
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import evaluation, losses, models
from depthnb.evidence import published
from depthnb.evidence.scenes import over_scenes
from depthnb.evidence.seeds import compare
from depthnb.evidence.verdicts import HARDLY, UNDECIDED, against_baselines, row

NOTEBOOK = "04_unet"


def epochs_table(history, *, steps: int) -> pd.DataFrame:
    """Document 001's Table 1 beside our own epochs, one row an epoch, as many as the longer of the two has.

    history: `training.History`; steps: training batches an epoch. Our milliseconds are an epoch's wall time, validation
    included, over its steps. The document's columns are read from published.csv.
    """
    theirs = published.table("001", "1").set_index(pd.RangeIndex(1, 11, name="epoch"))
    frame = history.frame.set_index("epoch")
    ours = pd.DataFrame(
        {
            "ours, training loss": frame["train_loss"],
            "ours, validation loss": frame["val_loss"],
            "ours, ms/step": 1000 * frame["seconds"] / steps,
        }
    )
    columns = {
        "tensorflow_loss": '001, "Tensorflow Loss"',
        "custom_loss": '001, "Custom Loss"',
        "ms_per_step": "001, ms/step",
    }
    return pd.concat([theirs[list(columns)].rename(columns=columns), ours], axis=1).reset_index()


def checked(*, layers, entropies, masks, tests, opponents, bridges, relative, ceiling) -> pd.DataFrame:
    """The table of claims.

    layers: `models.describe` of the net; entropies, masks, bridges: the tables of `analysis`; tests: split -> Evaluation;
    relative: (predicted - true) / true of test pixels, a tensor; ceiling: `analysis.ceiling` at the size of the net's output.
    """
    test = tests["test"].summary
    rows = [_region_claim(layers), *_loss_claims(entropies, masks, relative)]
    rows.append(_training_images(tests["train"], tests["test"]))
    rows += _detail_claims(test["edge_f1_025"], ceiling["edge_f1_025"], bridges)
    rows += [
        compare(NOTEBOOK, "loss", "l1", "ssim+mare", claim="the combined loss improved overall performance (VI)"),
        compare(NOTEBOOK, "loss", "mare", "ssim+mare", claim="SSIM adds information (I, III)"),
        compare(
            NOTEBOOK, "edge_weighting", False, True,
            claim="MARE focuses on edges by gradients (III): edge F1 rises", metric="edge_f1_025", sign=1,
        ),
        compare(NOTEBOOK, "dropout", 0.0, 0.2, claim="dropout is the answer to overfitting (IV)"),
        compare(NOTEBOOK, "encoder", "plain", "resnet18", claim="a ResNet can improve it (VI)"),
        compare(NOTEBOOK, "epochs", 4, 12, claim="more epochs would improve it: 200 are realistic, ten too few (V.B)"),
        compare(NOTEBOOK, "frames", 160, 0, claim="more training data improve it (VI)"),
        compare(NOTEBOOK, "batch_norm", False, True, claim="(ours) batch normalisation, of which it says nothing, helps"),
    ]  # fmt: skip
    rows.append(
        row(
            "trained indoors and outdoors it should do well on any image (IV)",
            "needs two domains and a test on each: notebook 07 does that with rooms and streets",
            None,
        )
    )
    ratio = 1 + float(relative.median())
    rows.append(
        row(
            "(ours) a relative error prefers depths that are too near",
            f"predicted over true depth, median of the test pixels: {ratio:.3f}",
            bool(ratio < 1),
        )
    )
    return pd.DataFrame(rows + against_baselines("the U-Net", test, opponents))


def _training_images(train, test) -> dict[str, str]:
    """Scenes differ, so that a difference counts from two standard errors on; less than 5 % is none."""
    (old, one), (new, other) = (
        over_scenes(each.per_image["abs_rel"], each.per_image["scene"]) for each in (train, test)
    )
    difference, noise, hardly = new - old, math.hypot(one, other), HARDLY / 100 * old
    here = f"abs_rel {old:.3f} in scenes of training frames, {new:.3f} in new ones, a difference of {difference:+.3f} "
    here += f"with two standard errors over scenes of {noise:.3f}"
    verdict = False if difference > max(noise, hardly) else True if difference + noise < hardly else UNDECIDED
    return row("results can be shown on training images (figure 4)", here, verdict)


def _region_claim(layers: pd.DataFrame) -> dict[str, str]:
    kinds = sorted(set(layers["kind"]))
    return row(
        "the U-Net is an RCNN, a region-based network (I to VI)",
        f"its layers: {', '.join(kinds)}; output {layers['output'].iloc[-1]}: a number for every pixel, no regions proposed",
        any("roi" in kind.lower() or "linear" in kind.lower() for kind in kinds),
    )


def _loss_claims(entropies: pd.DataFrame, masks: pd.DataFrame, relative) -> list[dict[str, str]]:
    table = published.table("001", "1")
    first, last = table["tensorflow_loss"].iloc[[0, -1]]
    alone, far = entropies.iloc[0], entropies["loss"].iloc[-2:]
    lower = int((table["custom_loss"] < table["tensorflow_loss"]).sum())
    agree = table["tensorflow_loss"].rank().corr(table["custom_loss"].rank())  # Spearman's
    rows = [
        row(
            "SparseCategoricalCrossentropy measures the training (I, Table 1)",
            f"of a map with one channel it is {alone.loss:g} with gradient {alone.gradient:g}; over classes it costs "
            f"{far.iloc[0]:.2f} to be one class off and {far.iloc[1]:.2f} to be many off",
            bool(alone.gradient > 0),
        ),
        row(
            "its two loss columns are two losses of one training (Table 1)",
            f"both fall (rank correlation {agree:.2f}), the second is the lower one in {lower} of {len(table)} epochs, as if "
            f"one loss had been taken on two sets of frames; read as a cross-entropy, the first would say that the right class "
            f"got a probability of {math.exp(-first):.2f}, then {math.exp(-last):.2f}",
            None,  # no number of the table can tell
        ),
    ]
    bare = masks.set_index("error")["holes as 0 m"]
    masked = masks.set_index("error")["masked"]
    if (bare["MAE (m)"] - masked["MAE (m)"]) == 0:
        rows.append(row("MARE needs no mask for missing depth (III)", "no frame here has a hole", None))
    else:
        rows.append(
            row(
                "MARE, unlike MAE and RMSE, is not disturbed by missing depth (III)",
                f"holes stored as 0 m: MAE {masked['MAE (m)']:.2f} -> {bare['MAE (m)']:.2f} m, MARE {masked['MARE']:.3f} -> "
                f"{bare['MARE']:.3g}; with a mask both are as they should be",
                math.isfinite(bare["MARE"]),
            )
        )
    signed, absolute = float(relative.mean()), float(relative.abs().mean())
    rows.append(
        row(
            "absolute values let positive and negative errors cancel (III)",
            f"mean relative error {signed:+.3f} with signs, {absolute:.3f} without: it is the signs that cancel",
            bool(absolute < abs(signed)),
        )
    )
    return rows


def _detail_claims(whole: float, ceiling: float, bridges: pd.DataFrame) -> list[dict[str, str]]:
    known = not (pd.isna(whole) or pd.isna(ceiling))
    edges = bridges.set_index("bridge")["edge_f1_025"]
    before, cut = edges["all whole"], edges["without the finest"]
    return [
        row(
            "the U-Net captures coarse and fine details (IV)",
            f"edge F1 {whole:.3f}; the truth itself has {ceiling:.3f} at the size of the output, and half of that would count",
            bool(whole >= ceiling / 2) if known else None,
        ),
        row(
            "(ours) what details it has come through its finest bridge",
            f"edge F1 {before:.3f}; {cut:.3f} when that bridge no longer says where (counted from a tenth less)",
            None if pd.isna(before) or pd.isna(cut) else bool(cut < 0.9 * before),
        ),
    ]


def cross_entropies(*, depth: Tensor, valid: Tensor, classes: int = 10) -> pd.DataFrame:
    """What a cross-entropy with whole numbers as labels says about depth: one row a case, with its loss and slope.

    depth: [B,1,H,W] metres; valid: bool, at least one True. Labels are whole metres, those beyond the last class in it.
    Returns case, channels, loss and gradient (the largest entry of the loss's gradient by the network's output). A depth
    network has one channel, and softmax over one number is 1, whatever the number. With a channel for each class the loss
    knows right from wrong, and no near from far.
    """
    labels = depth[valid].long().clamp(0, classes - 1)[:4096]
    sure = 5.0 * F.one_hot(labels, classes)
    cases = [
        ("one channel of metres, as a depth map has", depth[valid][:4096, None], torch.zeros_like(labels)),
        (f"{classes} channels, one a metre, untrained", torch.zeros(len(labels), classes), labels),
        ("the same, sure of the right metre", sure, labels),
        ("sure, but always one metre off", sure.roll(1, 1), labels),
        (f"sure, but always {classes // 2} metres off", sure.roll(classes // 2, 1), labels),
    ]
    rows = []
    for case, scores, target in cases:
        scores = scores.float().clone().requires_grad_()
        loss = F.cross_entropy(scores, target)
        (slope,) = torch.autograd.grad(loss, scores)
        rows.append(
            {"case": case, "channels": scores.shape[1], "loss": loss.item(), "gradient": slope.abs().max().item()}
        )
    return pd.DataFrame(rows)


def with_and_without_mask(*, pred: Tensor, depth: Tensor, valid: Tensor) -> pd.DataFrame:
    """Three errors as a mask gives them, and as their formulas do where a sensor stored 0 for "no depth".

    pred, depth: [B,1,H,W] metres; valid: bool; what stands under the mask does not matter. Returns one row an error: error,
    masked, holes as 0 m. MARE divides by the depth, so a hole makes it infinite; with the 1e-7 that Keras adds to such
    divisors it is finite and worse.
    """
    holes = torch.where(valid, depth, 0.0)
    on = {"pred": pred, "depth": depth, "valid": valid}
    off = (pred - holes).abs()
    rows = [
        ("MAE (m)", losses.l1(**on), off.mean()),
        ("RMSE (m)", losses.mse(**on).sqrt(), off.square().mean().sqrt()),
        ("MARE", losses.mare(**on), (off / holes).mean()),
        ("MARE with 1e-7 added to the depth", losses.mare(**on), (off / (holes + 1e-7)).mean()),
    ]
    return pd.DataFrame(
        [{"error": name, "masked": float(masked), "holes as 0 m": float(bare)} for name, masked, bare in rows]
    )


def bridges(net: models.UNet, dataset) -> pd.DataFrame:
    """What each bridge of a trained U-Net carries: scores on a data set with that one's map made the same everywhere.

    Every channel of the bridge is replaced by its mean over the image, so the upper steps still hear how much there is of
    it, but not where. Returns one row a bridge, the coarsest first, after one with all of them whole: bridge (its share of
    the image side), abs_rel, rmse, edge_f1_025.
    """

    def flatten(channels: int, _module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        x = inputs[0].clone()
        x[:, :channels] = x[:, :channels].mean((2, 3), keepdim=True)
        return (x,)

    names, rows = ("abs_rel", "rmse", "edge_f1_025"), []
    for step in (None, *range(len(net.up))):
        scale = len(net.up) - 1 - (step or 0)
        handle = None if step is None else net.up[step].register_forward_pre_hook(partial(flatten, net.bridges[scale]))
        try:
            summary = evaluation.evaluate(net, dataset).summary
        finally:
            if handle is not None:
                handle.remove()
        said = "all whole" if step is None else f"without 1/{2**scale}" if scale else "without the finest"
        rows.append({"bridge": said, **{name: summary[name] for name in names}})
    return pd.DataFrame(rows)
