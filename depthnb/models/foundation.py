"""A published network that knows inverse depth up to scale and shift, taught metres."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from depthnb.models import encoders
from depthnb.models.blocks import LIMIT, positive_depth
from depthnb.models.midas import ZeroShot

HEADS = ("logarithmic", "bounded")
_EDGE = 1e-3  # share of the farthest depth that a bounded answer can never pass, so that its inverse is finite


class MetricFoundation(nn.Module):
    r"""A published network with two more numbers behind it, which turn its inverse depth into metres.

    Shapes: image float [B,3,H,W] in 0..1 -> depth float32 [B,1,H,W] in metres, positive and finite.

    The network says $x$, inverse depth up to an unknown scale and shift. With $z = a x + b$ the answer is $s\,e^{-z}$
    (`logarithmic`: neither end of the range is fixed) or $d_{max}\,\sigma(-z)$ (`bounded`: nothing is farther than
    `max_depth`). `calibrate` finds $a$ and $b$ without a training; what is trained afterwards is the network's own decoder and,
    if wanted, its encoder.

    Args:
        network: a Depth Anything as `foreign.find` gives it; a copy of it is trained.
        head: one of `HEADS`.
        max_depth: metres, of the bounded head.
        start: $s$, metres.
        side: pixels of the shorter side of the image that the network sees, by default the size that it was published for. It
            has to be a multiple of the network's patch.

    Raises:
        ValueError: for an unknown head, numbers out of range, or a network without an encoder that can be told from the rest.

    Source: Yang et al. 2024 (Depth Anything V2, arXiv:2406.09414), section 7, where a metric net is fine-tuned with a bounded
    head. Deviation: two numbers on the published output in the place of a new last layer, so that little data is enough.
    """

    def __init__(
        self, network: ZeroShot, *, head: str = "logarithmic", max_depth: float, start: float = 1.0, side: int = 0
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head is {head!r}; expected one of {', '.join(HEADS)}")
        if not (0 < max_depth < math.inf and 0 < start < math.inf):
            raise ValueError(f"max_depth {max_depth} and start {start}: expected metres above 0")
        if not isinstance(getattr(network.network, "backbone", None), nn.Module):
            raise ValueError(
                f"{network.name} has no `backbone`, so its encoder cannot be kept frozen; expected a Depth Anything"
            )
        wants = network.wants
        if side % wants.multiple or side < 0:
            raise ValueError(f"side is {side}; expected a multiple of {wants.multiple}, or 0 for that of the network")
        if side:
            wants = replace(wants, height=side, width=side)
        self.published = ZeroShot(copy.deepcopy(network.network), wants, name=network.name, origin=network.origin)
        self.head, self.max_depth, self.start = head, float(max_depth), float(start)
        self.scale, self.shift = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(0.0))

    @property
    def encoder(self) -> nn.Module:
        """What knows photographs: the part that may stay as it was published."""
        return self.published.network.backbone

    def train(self, mode: bool = True) -> MetricFoundation:
        """As any module; the published network has neither dropout nor batch normalisation that training would change."""
        super().train(mode)
        self.published.eval()
        return self

    def forward(self, image: Tensor) -> Tensor:
        z = self.scale * self.published(image) + self.shift
        if self.head == "bounded":
            return self.max_depth * torch.sigmoid(-z).clamp(_EDGE, 1 - _EDGE)
        return positive_depth(-z, self.start)

    @torch.no_grad()
    def calibrate(self, batch: Mapping[str, Any]) -> None:
        """Set the two numbers so that they fit some training frames best, by least squares of what the head can say.

        Args:
            batch: image [B,3,H,W], depth [B,1,H,W] in metres and valid, as the data sets give them.

        Raises:
            ValueError: if the network says the same of every valid pixel, so that there is nothing to fit.
        """
        x = self.published(batch["image"])[batch["valid"]].double()
        depth = batch["depth"][batch["valid"]].double()
        if len(x) < 2 or not x.std() > 0:
            raise ValueError(
                f"{self.published.name} says the same of all {len(x)} valid pixels: nothing to calibrate by"
            )
        if self.head == "bounded":
            share = (depth / self.max_depth).clamp(_EDGE, 1 - _EDGE)
            wanted = -torch.logit(share)
        else:
            wanted = -(depth / self.start).log().clamp(-LIMIT, LIMIT)
        slope = ((x - x.mean()) * (wanted - wanted.mean())).mean() / x.var(correction=0)
        self.scale.copy_(slope)
        self.shift.copy_(wanted.mean() - slope * x.mean())

    def groups(self, *, learning_rate: float, encoder_rate: float) -> list[dict[str, Any]]:
        """Optimiser groups; sets which weights are trained.

        Args:
            learning_rate: of the decoder and the two numbers.
            encoder_rate: of the encoder; 0: it stays as it was published.
        """
        self.published.requires_grad_(True)
        self.encoder.requires_grad_(encoder_rate > 0)
        if encoder_rate > 0:
            return encoders.parameter_groups(self, self.encoder, learning_rate=learning_rate, encoder_rate=encoder_rate)
        return [{"params": [each for each in self.parameters() if each.requires_grad], "lr": learning_rate}]
