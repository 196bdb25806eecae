"""The claims and Table 1 of Lacelle and Nofal, for notebook 03."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import evidence, models
from depthnb.data import transforms
from depthnb.evidence import Claim, published

NOTEBOOK = "03_eigen"
COARSE, FINE = "coarse", "coarse + fine"  # names of the nets


def table1(tests: Mapping, *, dataset: str) -> pd.DataFrame:
    """Table 1 of Lacelle and Nofal and their rows of Eigen et al. (Table 2), beside ours.

    Our value is the mean over images of the root, `unrooted` the mean over images of its square, which is what their equation 1
    says. Read from published.csv.

    Args:
        tests: "coarse train", "coarse + fine val" ... -> Evaluation.
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
                    "Lacelle and Nofal (NYU V1)": _printed("1", metric, split, printed),
                    "Eigen et al. (NYU V2)": _printed("2", metric, split, f"Eigen et al. {printed}"),
                    f"ours ({dataset})": values.mean(),
                    f"ours, unrooted ({dataset})": (values**2).mean(),
                }
            )
    return pd.DataFrame(rows)


def _printed(table: str, metric: str, split: str, method: str) -> float:
    """One number of Lacelle and Nofal, NaN where the table has none."""
    rows = published.load("003")
    rows = rows[(rows[["table", "metric", "split", "method"]] == [table, metric, split, method]).all(axis=1)]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


INITIALISATIONS = ("kaiming-xavier", "pytorch", "normal-0.01", "normal-1", "uniform-1", "zeros")
# How much lower the loss must become to count as progress: by a share of it, PyTorch's default, or by that very number.
THRESHOLDS = {"relative": "rel", "absolute": "abs"}


def initialisations(size: tuple[int, int], batch: Mapping[str, Tensor], *, seed: int = 0) -> pd.DataFrame:
    """Spread of activations and gradients in every layer of the untrained coarse net, for several initialisations.

    Dropout is off. The loss is that of Lacelle and Nofal's training (scale-invariant, lambda 0.5), on valid pixels alone.

    Args:
        size: (H, W) of the images.
        batch: a batch of the data contract at that size, of at least two frames.
        seed: of the weights.

    Returns:
        One row per initialisation and layer: `initialisation`, `layer` (coarse1 .. coarse7), `activation_std`, and
        `gradient_std` (of the loss by the layer's output).

    Source: Lacelle and Nofal, section 3.3: the claim tested.
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


def claims(*, dataset: str, signals: pd.DataFrame, ceiling: Mapping[str, float]) -> list[Claim]:
    """What Lacelle and Nofal say.

    A comparison counts when the better net beats the mean image by 5 %, half of the usual margin: these nets start without
    pretraining.

    Args:
        signals: `initialisations`.
        ceiling: `evaluation.ceiling` at the size of the net's output.
    """
    options = {"dataset": dataset, "margin": 5.0}
    theirs = _printed("1", "si_rmse_log", "val", "Coarse + Fine")
    eigens = _printed("2", "si_rmse_log", "val", "Eigen et al. Coarse + Fine")
    percent = _printed("text", "behind_eigen_percent", "val", "Coarse + Fine")
    middle = 100 * (theirs - eigens) / ((theirs + eigens) / 2)
    rows = [
        evidence.within(
            NOTEBOOK,
            (COARSE, "val si_rmse_log"),
            (FINE, "val si_rmse_log"),
            claim="the fine network improves on the coarse one (Table 1)",
            direction=evidence.LOWER,
            **options,
        ),
        evidence.in_print(
            f"its scale-invariant validation error lags behind that of Eigen et al. by {percent:.0f} % (4.2.1)",
            f"{theirs} is {100 * (theirs / eigens - 1):.0f} % more than {eigens}; the difference over the mean of the two is "
            f"{middle:.1f} %. The number of Eigen et al. was measured on other data",
            appendix=True,
        ),
        evidence.measured(
            NOTEBOOK,
            COARSE,
            0.95,
            measure="middle farther",
            claim="the coarse output always considers the middle farther than the edges (4.2.2)",
            direction=evidence.HIGHER,
            **options,
        ),
        _details(ceiling["edge_f1_025"], options),
        evidence.measured(
            NOTEBOOK,
            FINE,
            1.0,
            measure="contrast",
            claim="differences in depth come out too small (4.2.2)",
            direction=evidence.LOWER,
            **options,
        ),
        _initialisation_claim(signals),
        _ablation(
            "without the decay it plateaus early (4.1)", {"decay": False}, {"decay": True}, evidence.LOWER, dataset
        ),
        _ablation(
            "more frames have a comparatively small impact on the error (4.2.1), at equal steps",
            {"frames": 320, "epochs": 82},
            {"frames": 640, "epochs": 41},
            evidence.EQUAL,
            dataset,
        ),
        evidence.within(
            NOTEBOOK,
            (FINE, "abs_rel"),
            (FINE, "abs_rel aligned"),
            claim="single photographs do not give absolute depth (5): aligned with the truth of each image, the error falls",
            direction=evidence.LOWER,
            appendix=True,
            **options,
        ),
        _slightly_lower(),
        _ablation(
            "rotations and flips reduce over-fitting (4.1): the error on new scenes is lower",
            {"rotate": 0.0, "flip": 0.0},
            {"rotate": 5.0, "flip": 0.5},
            evidence.LOWER,
            dataset,
            appendix=True,
        ),
        *(
            _ablation(
                f"further tuning of the rates has no positive effect (4.1): {times} as large, the error does not fall",
                {"learning_rate": 0.001},
                {"learning_rate": rate},
                evidence.NOT_LOWER,
                dataset,
                appendix=True,
            )
            for times, rate in (("three times", 0.003), ("a third", 0.0003))
        ),
        _ablation(
            "the decay's threshold of 0.0001 (4.1) may be a share of the loss or that very number: it makes no difference",
            {"threshold": "relative"},
            {"threshold": "absolute"},
            evidence.EQUAL,
            dataset,
            appendix=True,
        ),
    ]
    return [*rows, evidence.against_baselines(NOTEBOOK, dataset, name="the fine network")]


def _details(most: float, options: Mapping) -> Claim:
    claim = (
        "localised changes of depth are ignored (4.2.2): edge F1 below half of that of the truth, reduced to this size"
    )
    if pd.isna(most):
        return evidence.untested(claim, "the truth is too sparse for edges", appendix=True)
    return evidence.measured(
        NOTEBOOK, FINE, most / 2, measure="edge_f1_025", claim=claim, direction=evidence.LOWER, **options
    )


def _ablation(
    claim: str, before: Mapping, after: Mapping, direction: int, dataset: str, *, appendix: bool = False
) -> Claim:
    options = {"claim": claim, "direction": direction, "dataset": dataset, "margin": 5.0, "appendix": appendix}
    return evidence.between(NOTEBOOK, before, after, **options)


def _slightly_lower() -> Claim:
    """Their two tables side by side, all printed metrics of both nets."""
    behind = []
    for net in ("Coarse", "Coarse + Fine"):
        for metric in ("si_rmse_log", "rmse_log"):
            theirs, eigens = (
                _printed(table, metric, "val", name) for table, name in (("1", net), ("2", f"Eigen et al. {net}"))
            )
            behind.append(f"{net.lower()} {metric} {theirs} beside {eigens} ({100 * (theirs / eigens - 1):+z.0f} %)")
    claim = "slightly lower performance than Eigen et al. across all metrics (4.2.1), measured on other data"
    return evidence.in_print(claim, "; ".join(behind), appendix=True)


def _initialisation_claim(signals: pd.DataFrame) -> Claim:
    """Explode or vanish: the gradient's spread changes by more than a factor 100 from the last layer to the first."""
    first, last = signals["layer"].iloc[0], signals["layer"].unique()[-1]
    wide = signals.pivot_table(index="initialisation", columns="layer", values="gradient_std", sort=False)
    ratio = (wide[first] / wide[last]).astype(float)
    bad = {name: not (1e-2 < value < 1e2) for name, value in ratio.items()}
    ours = "kaiming-xavier"
    text = ", ".join(f"{name} {value:.1e}" for name, value in ratio.items())
    return evidence.fact(
        "other initialisations explode or vanish (3.3)",
        f"spread of the gradient at layer 1 over layer 7: {text}",
        not bad[ours] and all(flag for name, flag in bad.items() if name != ours),
    )
