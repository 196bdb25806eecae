"""Depth learnt from films alone: a depth net whose answer is bounded, a net for the camera's motion, and both together."""

from __future__ import annotations

import math
import os
from itertools import pairwise

import torch
from torch import Tensor, nn

from depthnb.models.blocks import check_image, conv_bn_relu, normalise
from depthnb.models.today import FPN
from depthnb.models.warping import rigid_motion

_SMALL = 0.05  # radians and metres: the unit of what a pose net says, so that its first guesses are small


class BoundedFPN(FPN):
    r"""The feature pyramid of notebook 11 with a disparity between two bounds in the place of a depth without any.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 32 -> depth float32 [B,1,H,W] in metres, between `min_depth`
    and `max_depth`: $1 / d$ with $d = \frac{1}{d_{max}} + (\frac{1}{d_{min}} - \frac{1}{d_{max}})\,\sigma(x)$.

    A photometric loss says nothing about a blank wall, and nothing keeps an unbounded answer there from running away.

    Args:
        encoder, width, start, pretrained: as for `FPN`.
        min_depth, max_depth: metres.

    Raises:
        ValueError: unless 0 < min_depth < start < max_depth, and as `FPN`.

    Source: Godard et al. 2019 (arXiv:1806.01260), section 4: a sigmoid, scaled to the range of disparities. Deviation: the
    last bias begins where the answer is `start`.
    """

    def __init__(
        self,
        *,
        encoder: str = "tf_efficientnet_lite0",
        width: int = 64,
        start: float = 2.5,
        min_depth: float = 0.1,
        max_depth: float = 10.0,
        pretrained: str | os.PathLike = "none",
    ) -> None:
        if not 0 < min_depth < start < max_depth < math.inf:
            raise ValueError(f"expected 0 < min_depth < start < max_depth, found {min_depth}, {start} and {max_depth}")
        super().__init__(encoder=encoder, width=width, start=start, pretrained=pretrained)
        self.config = {
            "encoder": encoder,
            "width": width,
            "start": start,
            "min_depth": min_depth,
            "max_depth": max_depth,
        }
        self.far, self.near = 1 / max_depth, 1 / min_depth
        share = (1 / start - self.far) / (self.near - self.far)
        self.first = math.log(share / (1 - share))

    def _metres(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            answer = self.head(x.to(self.head.weight.dtype)).float() + self.first
            return 1 / (self.far + (self.near - self.far) * answer.sigmoid())


class PoseNet(nn.Module):
    """How the camera moved between two pictures: six numbers for `warping.rigid_motion`, small at first.

    Shapes: target and source float [B,3,H,W] in 0..1 -> [B,6].

    Args:
        channels: of the first convolution; five of stride 2 follow each other.

    Raises:
        ValueError: for fewer than 1 channel.

    Source: Zhou et al. 2017 (SfMLearner, arXiv:1704.07813), section 3.5: convolutions over both pictures, a mean over all
    places, a small factor. Deviations: fewer channels, batch normalisation, a factor of 0.05 in the place of 0.01 for short
    trainings.
    """

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels is {channels}; expected at least 1")
        widths = (6, channels, 2 * channels, 4 * channels, 8 * channels, 8 * channels)
        steps = []
        for number, (before, after) in enumerate(pairwise(widths)):
            step = conv_bn_relu(before, after, 7 if number == 0 else 3)
            step[0].stride = (2, 2)
            steps.append(step)
        self.steps = nn.Sequential(*steps)
        self.head = nn.Conv2d(widths[-1], 6, 1)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        check_image(target)
        pair = torch.cat([normalise(target), normalise(source)], 1)
        return _SMALL * self.head(self.steps(pair)).mean((2, 3)).float()


class SelfSupervised(nn.Module):
    """A depth net, and a pose net where the poses are to be learnt too: what is trained together on films.

    Shapes: seen float [B,1+N,3,H,W] in 0..1, the target and its N neighbours as the nets see them -> depth [B,1,H,W] of the
    target in metres, and motion [B,N,4,4] from the target to each neighbour; None where the poses are given.
    """

    def __init__(self, depth: nn.Module, pose: nn.Module | None = None) -> None:
        super().__init__()
        self.depth, self.pose = depth, pose

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor | None]:
        target = seen[:, 0]
        depth = self.depth(target)
        if self.pose is None:
            return depth, None
        count = seen.shape[1] - 1
        sources = seen[:, 1:].flatten(0, 1)
        numbers = self.pose(target.repeat_interleave(count, 0), sources)
        return depth, rigid_motion(numbers).unflatten(0, (-1, count))
