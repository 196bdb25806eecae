"""What each scale of a multi-scale depth net contributes to the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from depthnb import models


@torch.no_grad()
def per_scale(net: models.HMADepth, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """`HMADepth.per_scale` of a batch of the data contract: in eval mode, on the net's device; the result is on the CPU."""
    modes = {module: module.training for module in net.modules()}
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    try:
        depths, masks = net.eval().per_scale(batch["image"].to(device))
    finally:
        for module, training in modes.items():
            module.training = training
    return depths.cpu(), masks.cpu()


def shares(net: models.HMADepth, batch: Mapping[str, Tensor], *, step: float = 0.1) -> pd.DataFrame:
    """What each scale of an HMA-Depth contributes, and whether its depth map is one.

    batch: of the data contract at the net's size. Returns one row a scale, coarse to fine, and one for the whole: `scale`,
    `mask` (its mean share of the pixels), `mask at edges` and `mask elsewhere` (the same on pixels whose true depth differs
    by more than `step` from a neighbour's, and on the others; NaN without valid neighbours), `abs_rel` of its own depth on
    all valid pixels, and `abs_rel where heaviest` on those where its mask is the largest. In the row of the whole `mask` is
    their sum, and the attribute `shared_by` of the table the effective number of scales that share a pixel, the mean of
    1 / sum of squared masks: 1 when each pixel belongs to one scale, S when it is shared evenly.
    """
    depths, masks = per_scale(net, batch)
    valid, depth = batch["valid"], torch.where(batch["valid"], batch["depth"], 1.0)
    edges, known = _depth_edges(depth, valid, step)
    heaviest = masks.argmax(1, keepdim=True)
    final = (masks * depths).sum(1, keepdim=True)

    def mean(x: Tensor, where: Tensor) -> float:
        return float(x[where].mean())

    rows = []
    for index, name in enumerate(net.names):
        mask, error = masks[:, index : index + 1], (depths[:, index : index + 1] - depth).abs() / depth
        own = valid & (heaviest == index)
        values = [
            float(mask.mean()),
            mean(mask, edges),
            mean(mask, known & ~edges),
            mean(error, valid),
            mean(error, own),
        ]
        rows.append([name, *values])
    error = mean((final - depth).abs() / depth, valid)
    rows.append(["all", float(masks.sum(1).mean()), torch.nan, torch.nan, error, torch.nan])
    columns = ["scale", "mask", "mask at edges", "mask elsewhere", "abs_rel", "abs_rel where heaviest"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["shared_by"] = float((1 / masks.square().sum(1)).mean())
    return table


def _depth_edges(depth: Tensor, valid: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Pixels beside a step of more than `step` (relative) in depth, and pixels with a valid neighbour; bool [B,1,H,W]."""
    edges, known = torch.zeros_like(valid), torch.zeros_like(valid)
    for dim in (-2, -1):
        length = depth.shape[dim] - 1
        both = valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)
        jump = both & (depth.log().diff(dim=dim).abs() > math.log1p(step))
        for start in (0, 1):  # the pixel before and the pixel after
            edges.narrow(dim, start, length).logical_or_(jump)
            known.narrow(dim, start, length).logical_or_(both)
    return edges, known
