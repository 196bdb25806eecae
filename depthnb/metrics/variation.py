"""How much depth maps vary: within an image, between middle and border, with the truth, and from image to image."""

from __future__ import annotations

import torch
from torch import Tensor


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


def correlation(one: Tensor, other: Tensor, valid: Tensor) -> Tensor:
    """Pearson's correlation of two maps [B,1,H,W] over the valid pixels of each image, [B]; 0 where a map is constant.

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
    """How much depth maps vary from photograph to photograph, summed up batch by batch; see `variation`."""

    def __init__(self) -> None:
        self.sums: Tensor | None = None  # [5,1,H,W]: count, then sum and sum of squares of log depth: predicted, true

    def add(self, *, pred: Tensor, depth: Tensor, valid: Tensor) -> None:
        logs = [torch.where(valid, x.float().clamp_min(0.01), 1.0).log() for x in (pred, depth)]
        parts = [valid.float(), *(part for log in logs for part in (log, log.square()))]
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


def variation(*, pred: Tensor, depth: Tensor, valid: Tensor) -> float:
    """How much predictions vary from image to image at the same pixel, relative to the truth: 1 as much, 0 not at all.

    pred, depth: [B,1,H,W] metres; valid: bool [B,1,H,W]. Root of the ratio of two variances of log depth over the images,
    each averaged over the pixels that are valid in two images or more; depth below 1 cm counts as 1 cm. 0 is what *mode
    collapse* looks like in a conditional GAN: one answer for every photograph. NaN where the truth does not vary.

    >>> depth = torch.tensor([1.0, 4.0]).view(2, 1, 1, 1)
    >>> same = torch.full_like(depth, 2.0)
    >>> round(variation(pred=depth.sqrt(), depth=depth, valid=depth > 0), 4)
    0.5
    >>> variation(pred=same, depth=depth, valid=depth > 0)
    0.0
    """
    varied = Variation()
    varied.add(pred=pred, depth=depth, valid=valid)
    return varied.ratio()
