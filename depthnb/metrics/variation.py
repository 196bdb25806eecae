"""How much depth maps vary: within an image, between middle and border, with the truth, and from image to image.

All but `correlation` measure a prediction as it is scored: clipped to the range of a protocol, on the valid pixels whose true
depth lies inside it. Else a map of a few centimetres, which scores and looks like one blank colour, could pass for one full of
contrast. The protocol's crop is left out, as maps may have any size here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depthnb.metrics.checks import check_maps
from depthnb.metrics.protocols import Protocol
from depthnb.metrics.protocols import protocol as resolve


def contrast(*, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol) -> Tensor:
    """How much of the true depth's variation within an image a prediction shows: 1 as much, 0 a blank image.

    Args:
        pred, depth: [B,1,H,W] metres; anything where `valid` is False.
        valid: bool [B,1,H,W].
        protocol: a name or a `Protocol`; its depth range is that of both.

    Returns:
        [B]: standard deviation of log pred over that of log depth, over the pixels that count. NaN for an image with no
        variation or no such pixel.

    Raises:
        ValueError: for maps that do not fit together, or an unknown protocol.

    >>> depth = torch.tensor([[[[1.0, 4.0]]]])
    >>> contrast(pred=depth.sqrt(), depth=depth, valid=depth > 0, protocol="rooms")
    tensor([0.5000])
    """
    predicted, true, valid = log_as_scored(pred=pred, depth=depth, valid=valid, protocol=protocol)

    def deviation(logs: Tensor) -> Tensor:
        count = valid.sum((1, 2, 3)).clamp(min=1)
        mean = logs.sum((1, 2, 3)) / count
        spread = torch.where(valid, (logs - mean.view(-1, 1, 1, 1)) ** 2, 0.0)
        return (spread.sum((1, 2, 3)) / count).sqrt()

    varies = deviation(true)
    return torch.where(varies > 0, deviation(predicted) / varies, torch.nan)


def log_as_scored(
    *, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol
) -> tuple[Tensor, Tensor, Tensor]:
    """The logarithms of prediction and truth as a protocol scores them, and the pixels that count.

    Args:
        pred, depth: [B,1,H,W] metres; anything where `valid` is False.
        valid: bool [B,1,H,W].
        protocol: a name or a `Protocol`.

    Returns:
        (log pred, log depth, valid): float32 at least, the prediction clipped to the range; both 0 where the mask, narrowed
        to the range, is False.

    Raises:
        ValueError: for maps that do not fit together, or an unknown protocol.
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    rule = resolve(protocol)
    inside = rule.in_range(depth=depth, valid=valid)
    logs = (torch.where(inside, maps, 1.0).log() for maps in (rule.clipped(pred), depth.float()))
    return (*logs, inside)


def centre_over_border(*, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol) -> Tensor:
    """Mean of the central quarter of each map over that of the rest; above 1 the middle is farther.

    Args:
        pred: [B,1,H,W] metres; the map that is asked about, which may be the truth itself.
        depth, valid, protocol: as for `contrast`.

    Returns:
        [B]; NaN where either part has no pixel that counts.

    Raises:
        ValueError: as `contrast`.

    >>> depth = torch.full((1, 1, 4, 4), 2.0)
    >>> depth[..., 1:3, 1:3] = 3.0
    >>> centre_over_border(pred=depth, depth=depth, valid=depth > 0, protocol="rooms")
    tensor([1.5000])
    """
    check_maps(pred=pred, depth=depth, valid=valid)
    rule = resolve(protocol)
    inside, maps = rule.in_range(depth=depth, valid=valid), rule.clipped(pred)
    height, width = maps.shape[-2:]
    centre = torch.zeros_like(valid)
    centre[..., height // 4 : height - height // 4, width // 4 : width - width // 4] = True

    def mean(mask: Tensor) -> Tensor:
        return torch.where(mask, maps, 0.0).sum((1, 2, 3)) / mask.sum((1, 2, 3))

    return mean(inside & centre) / mean(inside & ~centre)


def correlation(one: Tensor, other: Tensor, valid: Tensor) -> Tensor:
    """Pearson's correlation of two maps [B,1,H,W] over the valid pixels of each image, [B]; 0 where a map is constant.

    The maps may be in any unit, so that no protocol clips them.

    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> correlation(ramp, -2 * ramp, ramp > 0).item(), correlation(ramp, torch.ones_like(ramp), ramp > 0).item()
    (-1.0, 0.0)
    """
    count = valid.sum((1, 2, 3), keepdim=True).clamp(min=1)

    def centred(values: Tensor) -> Tensor:
        values = torch.where(valid, values.double(), 0.0)
        return torch.where(valid, values - values.sum((1, 2, 3), keepdim=True) / count, 0.0)

    a, b = centred(one), centred(other)
    size = (a.square().sum((1, 2, 3)) * b.square().sum((1, 2, 3))).sqrt()
    return torch.where(size > 1e-9, (a * b).sum((1, 2, 3)) / size.clamp(min=1e-9), 0.0).float()


class Variation:
    """How much depth maps vary from photograph to photograph, summed up batch by batch; see `variation`.

    Args:
        protocol: a name or a `Protocol`; its depth range is that of predictions and truth.
    """

    def __init__(self, protocol: str | Protocol) -> None:
        self.protocol = resolve(protocol)
        self.sums: Tensor | None = None  # [5,1,H,W]: count, then sum and sum of squares of log depth: predicted, true

    def add(self, *, pred: Tensor, depth: Tensor, valid: Tensor) -> None:
        *logs, inside = log_as_scored(pred=pred, depth=depth, valid=valid, protocol=self.protocol)
        parts = [inside.float(), *(part for log in logs for part in (log, log.square()))]
        sums = torch.stack([part.sum(0) for part in parts])
        self.sums = sums if self.sums is None else self.sums + sums

    def ratio(self) -> float:
        count, pred, pred_squares, true, true_squares = self.sums
        often = count >= 2
        count = count.clamp_min(1)
        of_pred, of_true = (
            (squares / count - (total / count).square())[often].clamp_min(0).sum()
            for total, squares in ((pred, pred_squares), (true, true_squares))
        )
        return float((of_pred / of_true).sqrt()) if of_true > 0 else float("nan")


def variation(*, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol) -> float:
    """How much predictions vary from image to image at the same pixel, relative to the truth: 1 as much, 0 not at all.

    0 is what *mode collapse* looks like in a conditional GAN: one answer for every photograph.

    Args:
        pred, depth, valid, protocol: as for `contrast`.

    Returns:
        Root of the ratio of two variances of log depth over the images, each averaged over the pixels that count in two
        images or more. NaN where the truth does not vary.

    Raises:
        ValueError: as `contrast`.

    >>> depth = torch.tensor([1.0, 4.0]).view(2, 1, 1, 1)
    >>> same = torch.full_like(depth, 2.0)
    >>> round(variation(pred=depth.sqrt(), depth=depth, valid=depth > 0, protocol="rooms"), 4)
    0.5
    >>> variation(pred=same, depth=depth, valid=depth > 0, protocol="rooms")
    0.0
    """
    varied = Variation(protocol)
    varied.add(pred=pred, depth=depth, valid=valid)
    return varied.ratio()
