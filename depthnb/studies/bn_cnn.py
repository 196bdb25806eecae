"""Document 000's claims on its BN-CNN, for notebook 02."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from torch import Tensor

from depthnb import losses
from depthnb.evidence.seeds import compare
from depthnb.evidence.verdicts import against_baselines, more, row


def checked(*, tests, opponents, contrast, ranges, loss: str, rival: str) -> pd.DataFrame:
    """The table of claims.

    tests: loss name -> Evaluation on the test split; contrast: loss name -> median contrast; ranges: the table of
    `loss_ranges` with its last column.
    """
    mse, l1 = (name if name in tests else None for name in ("mse", "l1"))
    rows = []
    if mse and l1:
        rows.append(
            row(
                "with MSE the output is a blank image (section 2.2.2)",
                f"contrast {contrast['mse']:.2f} of the truth's with MSE, {contrast['l1']:.2f} with L1; blank would be 0",
                contrast["mse"] < 0.1,
            )
        )
        a, b = tests["mse"].summary["abs_rel"], tests["l1"].summary["abs_rel"]
        here = f"test abs_rel {a:.3f} with MSE, {b:.3f} with L1, one training each"
        rows.append(row("with L1 the model improves (2.2.2)", here, more(a, b)))
        rows.append(compare("02_bn_cnn", "loss", "mse", "l1", claim="with L1 the model improves, over seeds (2.2.2)"))
    fitting = ranges[ranges.iloc[:, -1].astype(bool)]
    units = ", ".join(f"{r.loss} in {r.unit}" for r in fitting.itertuples()) or "no unit"
    rows.append(
        row(
            "a loss of 300 to 2300 shows that the network needs more layers (4.1)",
            f"{units} gives that range with this very network; in metres the loss is {ranges.iloc[0]['trained']:.2f}",
            fitting.empty,
        )
    )
    sweeps = [
        ("epochs", 3, 8, "more epochs than 3 help (5.1.3)"),
        ("epochs", 5, 8, "more epochs than 5 help (5.1.3)"),
        ("shuffle", False, True, "with shuffling the model would do a bit better (2.2.2)"),
        ("flip", 0.0, 0.5, "augmenting the data improves it (5.1.3)"),
        ("steps", 3, 4, "more layers improve it (4.1)"),
        ("channels", 8, 16, "more complexity improves it (4.1)"),
    ]
    rows += [compare("02_bn_cnn", p, a, b, claim=text) for p, a, b, text in sweeps]
    rows += against_baselines("the BN-CNN", tests[loss].summary, opponents)
    return pd.DataFrame(rows)


UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "8-bit": 255.0 / 10.0}  # stored units a metre; 8-bit: 255 stands for 10 m


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
