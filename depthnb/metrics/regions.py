"""Parts of a picture in which errors differ: the middle, the border, where the depth jumps, and elsewhere."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MIDDLE = 0.5  # of width and of height
BORDER = 0.125  # of each side
REACH, STEP = 3, 1.25  # a pixel lies at an edge if, so many pixels around it, the true depth differs by this factor


def regions(depth: Tensor, valid: Tensor) -> dict[str, Tensor]:
    """Which valid pixels lie in the middle, at the border, at edges in depth and elsewhere (away from edges).

    Args:
        depth: [1,H,W] metres.
        valid: [1,H,W] bool.

    Returns:
        Name -> [1,H,W] bool. Middle and border leave out what is between them.

    >>> depth = torch.ones(1, 16, 16); depth[..., 8:] = 2
    >>> {name: int(mask.sum()) for name, mask in regions(depth, depth > 0).items()}
    {'middle': 64, 'border': 112, 'at edges': 96, 'elsewhere': 160}
    """
    height, width = depth.shape[-2:]
    rows, columns = torch.arange(height)[:, None] + 0.5, torch.arange(width)[None] + 0.5
    # 0 in the middle, 1 at the sides
    away = torch.maximum((2 * rows / height - 1).abs(), (2 * columns / width - 1).abs())
    logs = torch.where(valid, depth, 1.0).log()
    window = {"kernel_size": 2 * REACH + 1, "stride": 1, "padding": REACH}
    farthest = F.max_pool2d(logs.masked_fill(~valid, -math.inf), **window)
    nearest = -F.max_pool2d((-logs).masked_fill(~valid, -math.inf), **window)
    edge = valid & (farthest - nearest > math.log(STEP))
    return {
        "middle": valid & (away < MIDDLE),
        "border": valid & (away > 1 - 2 * BORDER),
        "at edges": edge,
        "elsewhere": valid & ~edge,
    }
