"""Document 003's claims and its Table 1, for notebook 03."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import models
from depthnb.data import transforms
from depthnb.evidence import published
from depthnb.evidence.seeds import compare
from depthnb.evidence.verdicts import against_baselines, more, row


def table1(tests: Mapping, *, dataset: str) -> pd.DataFrame:
    """Document 003's Table 1 and its Eigen rows (Table 2) beside ours.

    tests: "coarse train", "coarse + fine val" ... -> Evaluation. Our value is the mean over images of the root, `unrooted`
    the mean over images of its square, which is what the document's equation 1 says. Read from published.csv.
    """
    measures = [
        ("RMSE (log, scale inv.) Training", "si_rmse_log", "train"),
        ("RMSE (log, scale inv.) Validation", "si_rmse_log", "val"),
        ("RMSE (log) Validation", "rmse_log", "val"),
    ]
    rows = []
    for label, metric, split in measures:
        for name, printed in (("coarse", "Coarse"), ("coarse + fine", "Coarse + Fine")):
            values = tests[f"{name} {split}"].per_image[metric]
            rows.append(
                {
                    "row": label,
                    "net": name,
                    "document 003 (NYU V1)": _printed("1", metric, split, printed),
                    "Eigen et al. (NYU V2)": _printed("2", metric, split, f"Eigen et al. {printed}"),
                    f"ours ({dataset})": values.mean(),
                    f"ours, unrooted ({dataset})": (values**2).mean(),
                }
            )
    return pd.DataFrame(rows)


def _printed(table: str, metric: str, split: str, method: str) -> float:
    """One number of document 003, NaN where the table has none."""
    rows = published.load("003")
    rows = rows[(rows[["table", "metric", "split", "method"]] == [table, metric, split, method]).all(axis=1)]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def checked(*, tests, opponents, weaknesses, true_ratio, signals, ceiling) -> pd.DataFrame:
    """The table of claims, of what that notebook makes; ceiling: `evaluation.ceiling` at the size of the net's output."""
    coarse, fine = tests["coarse"].summary, tests["coarse + fine"].summary
    rows = [
        row(
            "the fine network improves on the coarse one (Table 1)",
            f"validation si_rmse_log {_si(tests, 'coarse')} -> {_si(tests, 'coarse + fine')}; "
            f"test abs_rel {coarse['abs_rel']:.3f} -> {fine['abs_rel']:.3f}",
            more(tests["coarse val"].summary["si_rmse_log"], tests["coarse + fine val"].summary["si_rmse_log"]),
        )
    ]
    theirs = _printed("1", "si_rmse_log", "val", "Coarse + Fine")
    eigens = _printed("2", "si_rmse_log", "val", "Eigen et al. Coarse + Fine")
    said = _printed("text", "behind_eigen_percent", "val", "Coarse + Fine")
    rows.append(
        row(
            f"its scale-invariant validation error lags behind Eigen's by {said:.0f} % (4.2.1)",
            f"its own tables: {theirs} / {eigens} is {100 * (theirs / eigens - 1):.0f} % more, on another data set",
            round(100 * (theirs / eigens - 1)) == said,
        )
    )
    predicted = weaknesses.loc["coarse", "centre / border, predicted"]
    rows.append(
        row(
            "the coarse output always takes the middle for farther than the edges (4.2.2)",
            f"centre over border {predicted:.2f} predicted, {true_ratio:.2f} in the truth",
            bool(predicted > true_ratio),
        )
    )
    edges, most = weaknesses["edge F1 at 0.25 m"], ceiling["edge_f1_025"]
    rows.append(
        row(
            "fine details are ignored (4.2.2)",
            f"edge F1 {edges['coarse']:.3f} coarse, {edges['coarse + fine']:.3f} with the fine net; the truth itself has "
            f"{most:.3f} at the size of the output, and less than half of that counts as ignored",
            None if pd.isna(most) or pd.isna(edges["coarse + fine"]) else bool(edges["coarse + fine"] < most / 2),
        )
    )
    contrast = weaknesses["contrast, median"]
    rows.append(
        row(
            "differences in depth come out too small (4.2.2)",
            f"contrast {contrast['coarse']:.2f} coarse, {contrast['coarse + fine']:.2f} with the fine net; 1 is right",
            bool(contrast["coarse + fine"] < 0.9),
        )
    )
    rows.append(_initialisation_claim(signals))
    rows += [
        compare("03_eigen", "decay", False, True, claim="without the decay it plateaus early (4.1)"),
        compare(
            "03_eigen", "start_at_mean", False, True, claim="(ours) starting at the mean depth instead of 1 m helps"
        ),
        compare("03_eigen", "frames", 320, 640, claim="more frames have a small impact on the error (4.2.1)", sign=0),
        compare(
            "03_eigen",
            "split",
            "scene",
            "frame",
            on="val",
            claim="(ours) a split by frame flatters the validation error",
        ),
    ]
    rows += against_baselines("coarse + fine", fine, opponents)
    return pd.DataFrame(rows)


def _si(tests: Mapping, name: str) -> str:
    return f"{tests[f'{name} val'].summary['si_rmse_log']:.3f}"


def _initialisation_claim(signals: pd.DataFrame) -> dict[str, str]:
    """Explode or vanish: the gradient's spread changes by more than a factor 100 from the last layer to the first."""
    first, last = signals["layer"].iloc[0], signals["layer"].unique()[-1]
    wide = signals.pivot_table(index="initialisation", columns="layer", values="gradient_std", sort=False)
    ratio = (wide[first] / wide[last]).astype(float)
    bad = {name: not (1e-2 < value < 1e2) for name, value in ratio.items()}
    ours = "kaiming-xavier"
    text = ", ".join(f"{name} {value:.1e}" for name, value in ratio.items())
    return row(
        "other initialisations explode or vanish (3.3)",
        f"gradient at layer 1 over layer 7: {text}",
        not bad[ours] and all(flag for name, flag in bad.items() if name != ours),
    )


INITIALISATIONS = ("kaiming-xavier", "pytorch", "normal-0.01", "normal-1", "uniform-1", "zeros")


def initialisations(size: tuple[int, int], batch: Mapping[str, Tensor], *, seed: int = 0) -> pd.DataFrame:
    """Spread of activations and gradients in every layer of the untrained coarse net, for several initialisations.

    Dropout is off. The loss is that of document 003's training (scale-invariant, lambda 0.5), on valid pixels alone.

    Args:
        size: (H, W) of the images.
        batch: a batch of the data contract at that size, of at least two frames.
        seed: of the weights.

    Returns:
        One row per initialisation and layer: `initialisation`, `layer` (coarse1 .. coarse7), `activation_std`, and
        `gradient_std` (of the loss by the layer's output).

    Source of the claim tested: document 003, section 3.3.
    """
    rows = []
    for how in INITIALISATIONS:
        torch.manual_seed(seed)
        net = models.EigenCoarse(size, initialisation=how).eval()
        outputs: dict[str, Tensor] = {}
        for name, layer in net.named_children():
            layer.register_forward_hook(partial(_keep_output, outputs, name))
        pred = net(batch["image"])
        depth, valid = transforms.resize_depth(batch["depth"], batch["valid"], tuple(pred.shape[-2:]))
        _log_loss(outputs["coarse7"].view_as(pred), depth, valid).backward()
        for name, output in outputs.items():
            gradient = output.grad if output.grad is not None else torch.zeros_like(output)
            deviations = {"activation_std": float(output.detach().std()), "gradient_std": float(gradient.std())}
            rows.append({"initialisation": how, "layer": name, **deviations})
    return pd.DataFrame(rows)


def _log_loss(log_pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Scale-invariant loss with lambda 0.5 of predicted *log* depth, mean over the images that have a valid pixel.

    Not `losses.silog`, which takes metres: exp() of an exploded output would hide everything behind infinity.
    """
    count = valid.sum((1, 2, 3), keepdim=True)
    true = torch.where(valid, depth, 1.0).log()
    difference = torch.where(valid, log_pred - true, 0.0)
    mean = difference.sum((1, 2, 3), keepdim=True) / count.clamp_min(1)
    variance = torch.where(valid, difference - mean, 0.0).square().sum((1, 2, 3), keepdim=True) / count.clamp_min(1)
    return (variance + 0.5 * mean.square()).sum() / (count > 0).sum().clamp_min(1)


def _keep_output(outputs: dict[str, Tensor], name: str, _module: nn.Module, _inputs, output: Tensor) -> None:
    output.retain_grad()
    outputs[name] = output
