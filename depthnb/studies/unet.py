"""The claims of Chapre and Deshpande and their table of epochs, for notebook 04."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import evaluation, evidence, losses, models
from depthnb.evidence import Claim, published

NOTEBOOK, NET = "04_unet", "U-Net"


def epochs_table(history, *, steps: int) -> pd.DataFrame:
    """Chapre and Deshpande's Table 1 beside our own epochs, one row an epoch, as many as the longer of the two has.

    Our milliseconds are an epoch's wall time, validation included, over its steps. Their columns are read from published.csv.

    Args:
        history: `training.History`.
        steps: training batches an epoch.
    """
    theirs = published.table("001", "1").set_index(pd.RangeIndex(1, 11, name="epoch"))
    frame = history.frame.set_index("epoch")
    ours = pd.DataFrame(
        {
            "ours, training loss": frame["train_loss"],
            "ours, validation loss": frame["val_loss"],
            "ours, ms/step": (1000 * frame["seconds"] / steps).round(),
        }
    )
    columns = {
        "tensorflow_loss": 'Chapre and Deshpande, "Tensorflow Loss"',
        "custom_loss": 'Chapre and Deshpande, "Custom Loss"',
        "ms_per_step": "Chapre and Deshpande, ms/step",
    }
    return pd.concat([theirs[list(columns)].rename(columns=columns), ours], axis=1).reset_index()


def cross_entropies(*, depth: Tensor, valid: Tensor, classes: int = 10) -> pd.DataFrame:
    """What a cross-entropy with whole numbers as labels says about depth: one row a case, with its loss and slope.

    Args:
        depth: [B,1,H,W] metres.
        valid: bool, at least one True. Labels are whole metres, those beyond the last class in it.

    Returns:
        Case, channels, loss and gradient (the largest entry of the loss's gradient by the network's output). A depth network
        has one channel, and softmax over one number is 1, whatever the number. With a channel for each class the loss knows
        right from wrong, and no near from far.
    """
    labels = depth[valid].long().clamp(0, classes - 1)[:4096]
    sure = 5.0 * F.one_hot(labels, classes)
    cases = [
        ("one channel of metres, as a depth map has", depth[valid][:4096, None], torch.zeros_like(labels)),
        (f"{classes} classes, one for each metre, untrained", torch.zeros(len(labels), classes), labels),
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

    Args:
        pred, depth: [B,1,H,W] metres.
        valid: bool; what stands under the mask does not matter.

    Returns:
        One row an error: error, masked, holes as 0 m. MARE divides by the depth, so a hole makes it infinite; with the 1e-7
        that Keras adds to such divisors it is finite and worse.
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

    Every channel of the bridge is replaced by its mean over the image, so the upper steps still hear how much there is of it,
    but not where.

    Returns:
        One row a bridge, the coarsest first, after one with all of them whole: bridge (its share of the image side), abs_rel,
        rmse, edge_f1_025.
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
        said = "no bridge cut" if step is None else f"bridge at 1/{2**scale} cut" if scale else "finest bridge cut"
        rows.append({"bridge": said, **{name: summary[name] for name in names}})
    return pd.DataFrame(rows)


def claims(*, dataset: str, layers, entropies, masks, relative, ceiling: Mapping[str, float]) -> list[Claim]:
    """What Chapre and Deshpande say.

    Args:
        layers: `models.describe` of the net.
        entropies, masks: the tables of this module.
        relative: (predicted - true) / true of test pixels, a tensor.
        ceiling: `evaluation.ceiling` at the size of the net's output.
    """
    options = {"dataset": dataset, "direction": evidence.LOWER}
    whole, data = (NET, "edge_f1_025"), {"dataset": dataset}
    rows = [
        *_loss_claims(entropies, masks, relative),
        evidence.within(
            NOTEBOOK,
            (NET, "train abs_rel"),
            (NET, "abs_rel"),
            claim="pictures of training frames are enough (figure 4): the error is the same on new scenes",
            dataset=dataset,
            direction=evidence.EQUAL,
        ),
        _details(ceiling["edge_f1_025"], dataset),
        evidence.within(
            NOTEBOOK,
            whole,
            (NET, "edge_f1_025 without the finest bridge"),
            claim="details come through the finest bridge: without it edge F1 falls",
            appendix=True,
            **options,
        ),
        _ablation(
            "the combined loss improved overall performance (VI), beside L1",
            {"loss": "l1"},
            {"loss": "ssim+mare"},
            **data,
        ),
        _ablation("a ResNet can improve it (VI)", {"encoder": "plain"}, {"encoder": "resnet18"}, **data),
        _ablation(
            "their loss is better than that of the Keras example, from which they seem to have started (an inference)",
            {"loss": "keras"},
            {"loss": "ssim+mare"},
            **data,
        ),
        evidence.within(
            "07_midas",
            ("rooms", "rooms abs_rel"),
            ("both", "rooms abs_rel"),
            claim="trained indoors and outdoors it does well on any image (IV): no worse indoors than a net of rooms alone",
            dataset="rooms",
            direction=evidence.NOT_HIGHER,
            appendix=True,
        ),
        _region_claim(layers),
        *(
            _ablation(
                f"tuning the learning rate can fetch better results (V.B): {times} as large",
                {"learning_rate": 0.001},
                {"learning_rate": rate},
                appendix=True,
                **data,
            )
            for times, rate in (("three times", 0.003), ("a third", 0.0003))
        ),
        _ablation(
            "a DenseNet can improve it (VI)", {"encoder": "plain"}, {"encoder": "densenet121"}, appendix=True, **data
        ),
    ]
    return [*rows, evidence.against_baselines(NOTEBOOK, dataset, name="the U-Net")]


def _ablation(claim: str, before: dict, after: dict, **options) -> Claim:
    return evidence.between(NOTEBOOK, before, after, claim=claim, direction=evidence.LOWER, **options)


def _details(most: float, dataset: str) -> Claim:
    claim = "the U-Net captures coarse and fine details (IV): edge F1 at least half that of the truth at its size"
    if pd.isna(most):
        return evidence.untested(claim, "the truth is too sparse for edges")
    options = {"measure": "edge_f1_025", "dataset": dataset, "direction": evidence.HIGHER}
    return evidence.measured(NOTEBOOK, NET, most / 2, claim=claim, **options)


def _region_claim(layers: pd.DataFrame) -> Claim:
    kinds = sorted(set(layers["kind"]))
    return evidence.fact(
        "the U-Net is an RCNN, a region-based network (I to VI)",
        f"its layers: {', '.join(kinds)}; output {layers['output'].iloc[-1]}: a number for every pixel, no regions proposed",
        any("roi" in kind.lower() or "linear" in kind.lower() for kind in kinds),
        appendix=True,
    )


def _loss_claims(entropies: pd.DataFrame, masks: pd.DataFrame, relative) -> list[Claim]:
    table = published.table("001", "1")
    first, last = table["tensorflow_loss"].iloc[[0, -1]]
    alone, far = entropies.iloc[0], entropies["loss"].iloc[-2:]
    agree = table["tensorflow_loss"].rank().corr(table["custom_loss"].rank())  # Spearman's
    bare, masked = (masks.set_index("error")[column] for column in ("holes as 0 m", "masked"))
    holes = "MARE, unlike MAE and RMSE, is not disturbed by missing depth (III)"
    signed, absolute = float(relative.mean()), float(relative.abs().mean())
    return [
        evidence.fact(
            "SparseCategoricalCrossentropy measures the training (I, Table 1)",
            f"of a map with one channel it is {alone.loss:g} with gradient {alone.gradient:g}; over classes it costs "
            f"{far.iloc[0]:.2f} to be one class off and {far.iloc[1]:.2f} to be many off",
            bool(alone.gradient > 0),
        ),
        evidence.in_print(
            "the two loss columns are two losses of one training (Table 1)",
            f"both fall (rank correlation {agree:.2f}). Read as a cross-entropy, the first would give the right class a "
            f"probability of {math.exp(-first):.2f}, then {math.exp(-last):.2f}",
            appendix=True,
        ),
        evidence.untested(holes, "no frame here has a hole")
        if bare["MAE (m)"] == masked["MAE (m)"]
        else evidence.fact(
            holes,
            f"holes stored as 0 m: MAE {masked['MAE (m)']:.2f} -> {bare['MAE (m)']:.2f} m, MARE {masked['MARE']:.3f} -> "
            f"{bare['MARE']:.3g}; with a mask both are finite",
            math.isfinite(bare["MARE"]),
        ),
        evidence.fact(
            "absolute values let positive and negative errors cancel (III)",
            f"mean relative error {signed:+z.3f} with signs, {absolute:.3f} without: it is the signs that cancel",
            bool(absolute < abs(signed)),
            appendix=True,
        ),
    ]
