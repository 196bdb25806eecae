"""Does a net know where it is wrong? Sparsification: leave out what it is least sure of, and see what error is left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.metrics.checks import check_maps
from depthnb.metrics.protocols import Protocol
from depthnb.metrics.protocols import protocol as resolve

STEPS = 20  # shares of pixels that are left out: 0, 1/20 ... 19/20


class Unit(StrEnum):
    """What the numbers of an uncertainty are."""

    METRES = "standard deviation of depth, m"
    LOG = "standard deviation of log depth"
    SCORE = "a score without unit"


@dataclass(frozen=True)
class Uncertainty:
    """How unsure a net is of every pixel: larger is less sure, always.

    Args:
        values: [B,1,H,W], not negative.
        unit: of the values.
        source: in words how they were made, such as "difference from the mirrored image".

    Raises:
        ValueError: for maps of another shape, or negative values: a confidence is none, take 1 - confidence.
    """

    values: Tensor
    unit: Unit
    source: str

    def __post_init__(self) -> None:
        if self.values.ndim != 4 or self.values.shape[1] != 1:
            raise ValueError(f"uncertainty has shape {list(self.values.shape)}; expected [B, 1, H, W]")
        if (self.values < 0).any():
            raise ValueError(
                "an uncertainty is negative; larger must mean less sure, from 0: 1 - confidence, or a deviation"
            )

    def relative_to(self, pred: Tensor) -> Tensor:
        """As a share of the depth [B,1,H,W] metres, which is what ranks pixels for a relative error; a score stays one."""
        return self.values / pred if self.unit is Unit.METRES else self.values


def sparsification(
    *, pred: Tensor, depth: Tensor, valid: Tensor, uncertainty: Uncertainty, protocol: str | Protocol
) -> pd.DataFrame:
    """The abs_rel of what is left when the least sure pixels are left out, beside the best and the blind order.

    Args:
        pred, depth: [B,1,H,W] metres, of any size; the prediction is clipped to the protocol's range.
        valid: bool [B,1,H,W].
        uncertainty: of the same shape; finite where it counts.
        protocol: a name or a `Protocol`; its depth range says what counts. A crop is left out, as maps may have any size here.

    Returns:
        One row a share: `left out` (0 to 0.95), and abs_rel of the rest by `uncertainty`, by the `oracle` that leaves out the
        largest errors first, and for a `random` order (the same at every share). Means over the images that have a pixel that
        counts. Pixels of equal uncertainty are left out in the order of their errors' mean, so a constant map is as good as a
        random order, and not better.

    Raises:
        ValueError: for maps that do not fit together, an uncertainty that is not finite where it counts, an unknown protocol,
            or no pixel that counts.

    Source: Ilg et al. 2018 (arXiv:1802.07095), section 5; for depth Poggi et al. 2020 (arXiv:2005.06209), section 4.2.

    >>> depth = torch.full((1, 1, 1, 4), 2.0)
    >>> pred, unsure = torch.tensor([[[[2.0, 2.0, 2.0, 4.0]]]]), torch.tensor([[[[0.0, 0.0, 0.0, 1.0]]]])
    >>> table = sparsification(pred=pred, depth=depth, valid=depth > 0, protocol="rooms",
    ...                        uncertainty=Uncertainty(unsure, Unit.METRES, ""))
    >>> table.iloc[[0, 5]].values.tolist()
    [[0.0, 0.25, 0.25, 0.25], [0.25, 0.0, 0.0, 0.25]]
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    if uncertainty.values.shape != pred.shape:
        raise ValueError(f"uncertainty has shape {list(uncertainty.values.shape)}, pred {list(pred.shape)}")
    rule = resolve(protocol)
    counts = rule.in_range(depth=depth, valid=valid)
    pred, unsure = rule.clipped(pred), uncertainty.relative_to(pred)
    if not torch.isfinite(unsure[counts]).all():
        raise ValueError("uncertainty is NaN or infinite on a pixel that counts")
    shares = np.arange(STEPS) / STEPS
    curves = []
    for i in range(len(pred)):
        where = counts[i]
        if where.any():
            error = ((pred[i] - depth[i]).abs() / depth[i])[where].double().cpu().numpy()
            by_error = _left(error, error, shares)
            curves.append(
                (_left(error, unsure[i][where].double().cpu().numpy(), shares), by_error, error.mean() + 0 * shares)
            )
    if not curves:
        raise ValueError("no pixel counts, so there is nothing to leave out")
    means = np.mean(curves, axis=0)
    return pd.DataFrame({"left out": shares, "uncertainty": means[0], "oracle": means[1], "random": means[2]})


def ause(table: pd.DataFrame, column: str = "uncertainty") -> tuple[float, float]:
    """Areas of a sparsification: between its curve and the oracle's (AUSE, lower is better), and the gain over a random order.

    Args:
        table: from `sparsification`.
        column: whose curve, where the table has several.

    Returns:
        (AUSE, AURG) in the unit of the error, by the trapezoidal rule. AUSE is 0 for a net that knows its errors; AURG is 0
        for one that knows nothing of them, and negative for one that is surest where it is wrong.

    Source: Ilg et al. 2018 (AUSE); Poggi et al. 2020 (AURG).
    """
    x = table["left out"]
    return (
        float(np.trapezoid(table[column] - table["oracle"], x)),
        float(np.trapezoid(table["random"] - table[column], x)),
    )


def _left(error: np.ndarray, unsure: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Mean error of the surest pixels for each share that is left out."""
    order = np.argsort(unsure, kind="stable")
    # equal uncertainties share the mean of their errors: no order among them is better than another
    _, group = np.unique(unsure[order], return_inverse=True)
    mean = np.bincount(group, error[order]) / np.bincount(group)
    kept = np.maximum(1, np.round((1 - shares) * len(error)).astype(int))
    return np.cumsum(mean[group])[kept - 1] / kept
