"""What a depth map does at edges and between them: are the true steps there, and nothing else?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from depthnb.metrics.protocols import Protocol
from depthnb.metrics.variation import log_as_scored


def edges(
    *, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol, step: float = 1.25
) -> tuple[Tensor, Tensor]:
    """How much of the true depth edges a prediction shows, and how much relief it invents where there is none.

    Looks at all pairs of neighbours, down and across, that count on both ends; an edge is a pair whose true depths differ by a
    factor of `step` or more. On sparse truth few pixels have such a neighbour (a laser scanner's have one along their line),
    and the numbers speak of these alone. Noise does not pay even there: it has no direction, so its sharpness is 0 on
    average, and it raises the relief.

    Args:
        pred, depth: [B,1,H,W] metres, at the size at which the net predicts (enlarging would blur every net alike).
        valid: bool [B,1,H,W].
        protocol: a name or a `Protocol`: the prediction is clipped to its range, and true depths outside do not count.
        step: the least factor of an edge.

    Returns:
        Two tensors [B]:

        - sharpness: sum of the predicted steps of log depth at the true edges, in the true direction, over the sum of the
          true ones. 1 is right, 0 no edge at all; an edge smeared over n pixels gives 1 / n, a wrong direction counts
          against it. NaN for an image without an edge.
        - relief: mean size of the predicted steps of log depth at all other pairs, over that of the true ones. 1 is right,
          less is too smooth, more is noise that is made up. NaN for an image without a true step elsewhere.

    Raises:
        ValueError: for maps that do not fit together, or an unknown protocol.

    >>> depth = torch.tensor([[[[1.0, 1.1, 2.0, 2.2]]]])
    >>> [round(x.item(), 3) for x in edges(pred=depth.sqrt(), depth=depth, valid=depth > 0, protocol="rooms")]
    [0.5, 0.5]
    """
    *logs, valid = log_as_scored(pred=pred, depth=depth, valid=valid, protocol=protocol)
    sums = depth.new_zeros(4, len(depth))
    for dim in (-2, -1):
        length = depth.shape[dim] - 1
        both = valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)
        predicted, true = (x.diff(dim=dim) for x in logs)
        edge = both & (true.abs() >= math.log(step))
        parts = (predicted * true.sign() * edge, true.abs() * edge, predicted.abs(), true.abs())
        sums += torch.stack([(part * (both & ~edge) if i > 1 else part).sum((1, 2, 3)) for i, part in enumerate(parts)])
    shown, there, invented, elsewhere = sums
    nan = torch.full_like(there, torch.nan)
    return torch.where(there > 0, shown / there, nan), torch.where(elsewhere > 0, invented / elsewhere, nan)
