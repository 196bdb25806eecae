"""Measurements that a single notebook needs to check a claim; what every notebook needs is in metrics and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import evaluation, losses, metrics, models
from depthnb.data import transforms

UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "8-bit": 255.0 / 10.0}  # stored units a metre; 8-bit: 255 stands for 10 m
INITIALISATIONS = ("kaiming-xavier", "normal-0.01", "normal-1", "uniform-1", "zeros")


def contrast(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """How much of the true depth's variation within an image a prediction shows: 1 as much, 0 a blank image.

    pred, depth: [B,1,H,W] metres; valid: bool [B,1,H,W]. Returns [B]: standard deviation of log pred over that of log
    depth, over valid pixels; pred is raised to 1 cm where it is below. NaN for an image with no variation or no valid pixel.

    >>> depth = torch.tensor([[[[1.0, 4.0]]]])
    >>> contrast(pred=depth.sqrt(), depth=depth, valid=depth > 0)
    tensor([0.5000])
    """

    def deviation(values: Tensor) -> Tensor:
        logs = torch.where(valid, values.clamp(min=0.01).log(), 0.0)
        count = valid.sum((1, 2, 3)).clamp(min=1)
        mean = logs.sum((1, 2, 3)) / count
        spread = torch.where(valid, (logs - mean.view(-1, 1, 1, 1)) ** 2, 0.0)
        return (spread.sum((1, 2, 3)) / count).sqrt()

    true = deviation(depth)
    return torch.where(true > 0, deviation(pred.float()) / true, torch.nan)


def loss_in_unit(
    function: Callable[..., Tensor], factor: float, *, pred: Tensor, depth: Tensor, valid: Tensor
) -> Tensor:
    """A loss as it would be if depth were stored in another unit: `factor` units a metre; pred and depth in metres."""
    return function(pred=pred * factor, depth=depth * factor, valid=valid)


def loss_ranges(preds: Mapping[str, Tensor], *, depth: Tensor, valid: Tensor) -> pd.DataFrame:
    """The same errors in every unit a depth map may be stored in: one row a loss and unit, one column a prediction.

    preds: name -> [B,1,H,W] metres; depth, valid: as in `contrast`. L1 grows with the unit, MSE with its square, so the
    size of a training loss says which unit was used and nothing about the network.
    """
    rows = []
    for name, function in (("L1", losses.l1), ("MSE", losses.mse)):
        for unit, factor in UNITS.items():
            values = {
                key: float(function(pred=p * factor, depth=depth * factor, valid=valid)) for key, p in preds.items()
            }
            rows.append({"loss": name, "unit": unit, **values})
    return pd.DataFrame(rows)


def initialisations(size: tuple[int, int], batch: Mapping[str, Tensor], *, seed: int = 0) -> pd.DataFrame:
    """Spread of activations and gradients in every layer of the untrained coarse net, for several initialisations.

    size: (H, W); batch: a batch of the data contract at that size, of at least two frames. Returns one row per
    initialisation and layer: initialisation, layer (coarse1 .. coarse7), activation_std, gradient_std (of the training loss
    by the layer's output). Dropout is off. Source of the claim tested: document 003, section 3.3.
    """
    rows = []
    for how in INITIALISATIONS:
        torch.manual_seed(seed)
        net = models.EigenCoarse(size, initialisation=how).eval()
        outputs: dict[str, Tensor] = {}
        for name, layer in net.named_children():
            layer.register_forward_hook(partial(_keep_output, outputs, name))
        pred = net(batch["image"])
        difference = outputs["coarse7"].view_as(pred) - _quarter(batch["depth"], pred).clamp(min=0.01).log()
        # straight on log depth: exp() of an exploded output would hide everything behind infinity
        (0.5 * difference.pow(2).mean() + 0.5 * difference.var()).backward()
        for name, output in outputs.items():
            gradient = output.grad if output.grad is not None else torch.zeros_like(output)
            deviations = {"activation_std": float(output.detach().std()), "gradient_std": float(gradient.std())}
            rows.append({"initialisation": how, "layer": name, **deviations})
    return pd.DataFrame(rows)


def _keep_output(outputs: dict[str, Tensor], name: str, _module: nn.Module, _inputs, output: Tensor) -> None:
    output.retain_grad()
    outputs[name] = output


def _quarter(depth: Tensor, pred: Tensor) -> Tensor:
    return nn.functional.interpolate(depth, size=pred.shape[-2:], mode="nearest")


def centre_over_border(maps: Tensor, valid: Tensor) -> Tensor:
    """Mean depth of the central quarter of each image over that of the rest, [B]; above 1 the middle is farther.

    maps: [B,1,H,W] metres; valid: bool [B,1,H,W]. NaN where either part has no valid pixel.
    """
    height, width = maps.shape[-2:]
    centre = torch.zeros_like(valid)
    centre[..., height // 4 : height - height // 4, width // 4 : width - width // 4] = True

    def mean(mask: Tensor) -> Tensor:
        return torch.where(mask, maps, 0.0).sum((1, 2, 3)) / mask.sum((1, 2, 3))

    return mean(valid & centre) / mean(valid & ~centre)


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


def loss_terms(
    sizes: Sequence[tuple[int, int]],
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    max_depth: float,
    lam: float = 0.1,
    target: str = "inverse",
) -> pd.DataFrame:
    """The terms of DenseDepth's loss (`losses.densedepth`) for one and the same prediction, looked at in several sizes.

    sizes: (H, W) to which truth and prediction are reduced. pred, depth: [B,1,H,W] metres; valid: bool. Returns one row a
    size: size (width x height), L1 (times lam), gradient, SSIM, and the share of each in their sum. Neighbours in a small
    picture are far apart in the room, so its differences are larger, and the gradient term with them.
    """
    rows = []
    for size in sizes:
        truth, known = transforms.resize_depth(depth, valid, size)
        guess = F.interpolate(pred, size=size, mode="bilinear", antialias=True)
        given = {"pred": guess, "depth": truth, "valid": known, "max_depth": max_depth, "target": target}
        whole, rest = float(losses.densedepth(**given, lam=lam)), float(losses.densedepth(**given, lam=0.0))
        similar = float(losses.densedepth(**given, lam=0.0, data_range=1e6))  # so wide a range that SSIM is always 1
        terms = {"L1": whole - rest, "gradient": similar, "SSIM": rest - similar}
        shares = {f"share of {name}": value / whole if whole else 0.0 for name, value in terms.items()}
        rows.append({"size": f"{size[1]} x {size[0]}", **terms, **shares})
    return pd.DataFrame(rows)


def ceiling(dataset, size: tuple[int, int]) -> dict[str, float]:
    """What the truth itself scores when it is reduced to `size` (H, W) and enlarged again: what that size alone costs.

    Close to the best that a prediction of this size can do, but no bound: another small map may come a little nearer.

    Returns metric -> mean over the frames of a data set, by its own protocol; pixels that the reduced truth does not know
    do not count.
    """
    native, sums = dataset.native(), []
    for index in range(len(dataset)):
        frame = native[index]
        depth, valid = frame["depth"][None], frame["valid"][None]
        small, known = transforms.resize_depth(depth, valid, size)
        large = tuple(depth.shape[-2:])
        pred = F.interpolate(torch.where(known, small, 0.0), large, mode="bilinear")
        weight = F.interpolate(known.float(), large, mode="bilinear")
        given = {"pred": pred / weight.clamp(min=1e-6), "depth": depth, "valid": valid & (weight > 0.99)}
        sums.append(metrics.evaluate(**given, protocol=dataset.protocol))
    return pd.DataFrame(sums).mean().to_dict()


def unsteadiness(history: pd.DataFrame) -> float | None:
    """How much a training's validation loss rises from one epoch to the next, in percent of its mean, averaged over epochs.

    history: frame of a `training.History` with a validation loss. 0 for a loss that only falls, slowly or fast, large for one
    that jumps. None with fewer than three epochs.
    """
    values = history["val_loss"].to_numpy(dtype=float)
    if len(values) < 3:
        return None
    rises = (values[1:] - values[:-1]).clip(min=0)
    return float(100 * rises.mean() / values.mean())
