"""What each scale of a multi-scale depth net contributes to the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from depthnb import models

COLUMNS = ("mask", "mask at edges", "mask elsewhere", "abs_rel", "abs_rel where heaviest")


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


def shares(net: models.HMADepth, dataset, indices: Sequence[int], *, step: float = 0.1) -> pd.DataFrame:
    """What each scale of an HMA-Depth contributes, and whether its depth map is one, on some frames of a data set.

    Returns one row a scale, coarse to fine, and one for the whole: `scale`, `mask` (its mean share of the pixels), `mask at
    edges` and `mask elsewhere` (the same on pixels whose true depth differs by more than `step` from a neighbour's, and on
    the others; NaN without valid neighbours), `abs_rel` of its own depth on all valid pixels, and `abs_rel where heaviest` on
    those where its mask is the largest. All pixels are pooled. In the row of the whole `mask` is the sum. Two numbers stand
    in the table's `attrs`: `shared_by`, the effective number of scales that share a pixel, the mean of 1 / sum of squared
    masks (1 when each pixel belongs to one scale, S when it is shared evenly); and `deviation`, the furthest that the masks
    of any pixel are from summing to one.
    """
    sums = torch.zeros(len(net.names) + 1, len(COLUMNS), 2, dtype=torch.float64)  # of the values, and how many
    shared, deviation = torch.zeros(2, dtype=torch.float64), 0.0
    for index in indices:  # one at a time: at full size a batch would not fit into memory
        batch = dataset.batch([index])
        depths, masks = per_scale(net, batch)
        sums += _sums(depths, masks, batch["depth"], batch["valid"], step)
        shared += _both(1 / masks.square().sum(1, keepdim=True), torch.ones_like(masks[:, :1], dtype=torch.bool))
        deviation = max(deviation, float((masks.sum(1) - 1).abs().max()))
    table = pd.DataFrame((sums[..., 0] / sums[..., 1]).numpy(), columns=list(COLUMNS))
    table.insert(0, "scale", [*net.names, "all"])
    table.attrs.update(shared_by=float(shared[0] / shared[1]), deviation=deviation)
    return table


def _sums(depths: Tensor, masks: Tensor, depth: Tensor, valid: Tensor, step: float) -> Tensor:
    """Sum and count behind every cell of `shares`, [S + 1, columns, 2]."""
    depth = torch.where(valid, depth, 1.0)
    edges, known = _depth_edges(depth, valid, step)
    heaviest, nowhere = masks.argmax(1, keepdim=True), torch.zeros_like(valid)
    everything = torch.cat([depths, (depths * masks).sum(1, keepdim=True)], 1)
    shares = torch.cat([masks, masks.sum(1, keepdim=True)], 1)
    rows = []
    for index in range(shares.shape[1]):
        mask, error = shares[:, index : index + 1], (everything[:, index : index + 1] - depth).abs() / depth
        whole = index == masks.shape[1]
        where = (nowhere, nowhere) if whole else (edges, known & ~edges)
        cells = [(mask, torch.ones_like(valid)), (mask, where[0]), (mask, where[1]), (error, valid)]
        cells.append((error, valid & (heaviest == index)))
        rows.append(torch.stack([_both(*cell) for cell in cells]))
    return torch.stack(rows)


def _both(values: Tensor, where: Tensor) -> Tensor:
    return torch.stack([values[where].sum(dtype=torch.float64), where.sum().double()])


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
