"""Depth learnt from films alone: a depth net whose answer is bounded, a net for the camera's motion, and both together."""

from __future__ import annotations

import math
import os

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models.blocks import check_image, conv_bn_relu
from depthnb.models.today import FPN
from depthnb.models.warping import rigid_motion

# What 1 means when a pose net says it: radians about each axis, metres along it. A turn of 2 degrees moves the picture as much
# as a step of 10 cm does; with equal units a net would explain every step as a turn, from which no depth follows.
_UNITS = (0.02, 0.02, 0.02, 0.2, 0.2, 0.2)
_REDUCED = 4  # how many times smaller the pictures are that a pose net compares
REACH = 4  # pixels of these


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
    r"""How the camera moved between two pictures: six numbers for `warping.rigid_motion`, small at first.

    Shapes: target and source float [B,3,H,W] in 0..1, of at least 16 pixels a side -> [B,6].

    Both pictures are reduced to a quarter. Every place of the target is compared with the places of the source up to `REACH`
    pixels away, and a softmax over how alike they are gives the *flow* there: where the place went. A few convolutions over
    the flow, and its means over the picture times $1, x, y, x^2, xy, y^2$, say how the camera moved: for a given scene the flow
    is nearly linear in the six numbers.

    Args:
        channels: of the convolutions.

    Raises:
        ValueError: for fewer than 1 channel.

    Source: comparing places as in FlowNet's correlation layer (Dosovitskiy et al. 2015, arXiv:1504.06852). SfMLearner (Zhou
    et al. 2017, arXiv:1704.07813) and Monodepth2 convolve the two pictures instead and have to learn to compare: with the
    few hundred steps of a notebook such a net learnt nothing here.
    """

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        if channels < 1:
            raise ValueError(f"channels is {channels}; expected at least 1")
        self.sharpness = nn.Parameter(torch.tensor(5.0))  # a logarithm; a colour that is off by 1/148 is 1/e as likely
        self.steps = nn.Sequential(conv_bn_relu(5, channels), conv_bn_relu(channels, channels))
        self.head = nn.Linear(12 + channels, 6)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        check_image(target, minimum=4 * _REDUCED)
        flow, sure = self.flow(target, source)
        height, width = flow.shape[-2:]
        y = torch.linspace(-1, 1, height, device=flow.device).view(1, 1, height, 1).expand_as(sure)
        x = torch.linspace(-1, 1, width, device=flow.device).view(1, 1, 1, width).expand_as(sure)
        basis = torch.cat([torch.ones_like(x), x, y, x * x, x * y, y * y], 1)
        weight = sure / sure.sum((2, 3), keepdim=True)
        moments = torch.einsum("bchw,bkhw->bck", flow, basis * weight).flatten(1)
        more = (self.steps(torch.cat([flow, sure, x, y], 1)) * weight).sum((2, 3))
        numbers = self.head(torch.cat([moments, more], 1)).float()
        return numbers * numbers.new_tensor(_UNITS)

    def flow(self, target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Where every place of the target went, [B,2,h,w] in pixels of the small pictures, and how sure that is, [B,1,h,w]."""
        target, source = (F.avg_pool2d(each, _REDUCED) for each in (target, source))
        height, width = target.shape[-2:]
        around = F.pad(source, (REACH,) * 4, mode="replicate")
        ways = range(-REACH, REACH + 1)
        places = [(across, down) for down in ways for across in ways]
        cuts = [around[..., REACH + down :, REACH + across :][..., :height, :width] for across, down in places]
        unlike = torch.stack([(target - cut).abs().mean(1) for cut in cuts], 1)
        unlike = F.avg_pool2d(F.pad(unlike, (1,) * 4, mode="replicate"), 3, stride=1)
        chance = (-self.sharpness.exp() * unlike).softmax(1)
        flow = torch.einsum("bnhw,nc->bchw", chance, target.new_tensor(places))
        return flow, chance.square().sum(1, keepdim=True)  # 1 for one place alone, 1/81 if all are alike


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
