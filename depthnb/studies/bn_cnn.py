"""Akondi's claims on the BN-CNN, for notebook 02."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import torch
from torch import Tensor

from depthnb import evidence, losses, models, training
from depthnb.evidence import Claim

NOTEBOOK = "02_bn_cnn"


UNITS = {"m": 1.0, "cm": 100.0, "mm": 1000.0, "8-bit": 255.0 / 10.0}  # stored units a metre; 8-bit: 255 stands for 10 m


def loss_in_unit(
    function: Callable[..., Tensor], factor: float, *, pred: Tensor, depth: Tensor, valid: Tensor
) -> Tensor:
    """A loss as it would be if depth were stored in another unit: `factor` units a metre; pred and depth in metres."""
    return function(pred=pred * factor, depth=depth * factor, valid=valid)


def loss_ranges(preds: Mapping[str, Tensor], *, depth: Tensor, valid: Tensor) -> pd.DataFrame:
    """The same errors in every unit a depth map may be stored in: one row a loss and unit, one column a prediction.

    L1 grows with the unit, MSE with its square, so the size of a training loss says which unit was used and nothing about the
    network.

    Args:
        preds: name -> [B,1,H,W] metres.
        depth, valid: as in `contrast`.
    """
    rows = []
    for name, function in (("L1", losses.l1), ("MSE", losses.mse)):
        for unit, factor in UNITS.items():
            values = {
                key: float(function(pred=p * factor, depth=depth * factor, valid=valid)) for key, p in preds.items()
            }
            rows.append({"loss": name, "unit": unit, **values})
    return pd.DataFrame(rows)


def as_akondi(loss: str, unit: str) -> str:
    """Name of a net that is trained as Akondi says: 3 epochs, unshuffled, a constant step size, targets in a unit."""
    return f"as Akondi, {loss} in {unit}"


def train_as_akondi(
    train, *, loss: str, unit: str, channels: int, steps: int, batch_size: int, seed: int, device: str
) -> tuple[models.BNCNN, list[float]]:
    """Train a BN-CNN as Akondi says: Adam, three epochs, the frames in their order, no augmentation.

    Args:
        train: frames of the data contract.
        loss, unit: `mse` or `l1`, of depth in one of `UNITS`.
        channels, steps, batch_size, seed, device: as in the notebook.

    Returns:
        The net, and the loss of every step in the unit (MSE: its square). It predicts metres.

    Source: Akondi, sections 2.2.1 and 2.2.2. The step size and the unit are not given: Adam's default, 0.001, and `unit`.
    """
    torch.manual_seed(seed)
    net = models.BNCNN(width=channels, depth=steps, unit=UNITS[unit])
    seen: list[float] = []

    def recorded(**maps: Tensor) -> Tensor:
        value = loss_in_unit(getattr(losses, loss), UNITS[unit], **maps)
        seen.append(float(value.detach()))
        return value

    training.fit(
        net,
        train,
        loss=recorded,
        optimizer=torch.optim.Adam(net.parameters()),
        epochs=3,
        batch_size=batch_size,
        shuffle=False,
        seed=seed,
        device=device,
        progress=False,
    )
    return net, seen


def claims(*, dataset: str, ranges: pd.DataFrame) -> list[Claim]:
    """What Akondi says about the BN-CNN.

    Args:
        ranges: the table of `loss_ranges` with its last column.
    """
    blank = "with MSE the output was a blank image (2.2.2): its contrast is below a tenth of the truth's"
    fitting = ranges[ranges.iloc[:, -1].astype(bool)]
    units = ", ".join(f"{line.loss} in {line.unit}" for line in fitting.itertuples()) or "no unit"
    rows = []
    for unit, appendix in (("mm", False), ("8-bit", True)):
        options = {"dataset": dataset, "direction": evidence.LOWER, "appendix": appendix}
        net, other = as_akondi("mse", unit), as_akondi("l1", unit)
        claim = f"{blank}; targets in {unit}"
        rows.append(evidence.measured(NOTEBOOK, net, 0.1, claim=claim, measure="contrast", learner="l1", **options))
        claim = f"after changing to L1 the model improved (2.2.2); targets in {unit}"
        rows.append(evidence.within(NOTEBOOK, net, other, claim=claim, **options))
    today = "L1 is better than MSE also with shuffling, a falling step size and targets in metres"
    rows += [
        evidence.fact(
            "a loss of 300 to 2300 shows that the network needs more layers (4.1)",
            f"{units} gives that range with this very network; in metres the loss is {ranges.iloc[0]['trained']:.2f}",
            fitting.empty,
        ),
        _ablation(
            "with shuffling the model would do a bit better (2.2.2)", {"shuffle": False}, {"shuffle": True}, dataset
        ),
        _ablation(
            "more layers and complexity improve it (4.1)",
            {"steps": 4, "channels": 16},
            {"steps": 5, "channels": 32},
            dataset,
        ),
        _ablation("more epochs improve it (2.2.2, 5.1.3)", {"epochs": 20}, {"epochs": 40}, dataset),
        _ablation(
            "augmenting the data improves it (5.1.3)",
            {"rotate": 0.0, "flip": 0.0},
            {"rotate": 5.0, "flip": 0.5},
            dataset,
        ),
        evidence.within(NOTEBOOK, "mse", "l1", claim=today, dataset=dataset, direction=evidence.LOWER, appendix=True),
        evidence.against_baselines(NOTEBOOK, dataset, name="the BN-CNN"),
    ]
    return rows


def _ablation(claim: str, before: dict, after: dict, dataset: str) -> Claim:
    return evidence.between(NOTEBOOK, before, after, claim=claim, direction=evidence.LOWER, dataset=dataset)
