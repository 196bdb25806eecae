"""What one would build today for few frames: a pretrained encoder, and a decoder as light as it can be."""

from __future__ import annotations

import math
import os

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models import encoders
from depthnb.models.blocks import conv_bn_relu

_LIMIT = 12.0  # natural logarithms: a factor of 160,000 to either side of `start`, so that no output is 0 or infinite


class FPN(nn.Module):
    r"""A feature pyramid: every map of the encoder is brought to one width, and the coarse ones are added to the finer.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 32 -> depth float32 [B,1,H,W] in metres, positive and
    finite: $s\,e^x$ of the last layer's $x$.

    On the way down a 1x1 convolution gives each of the five maps `width` channels. On the way up the coarser map is enlarged
    bilinearly to the size of the finer one and added; a 3x3 convolution follows. Where a U-Net joins the two maps and convolves
    twice, this adds them and convolves once. At the size of the image the photograph itself stands beside the features.

    Args:
        encoder: as `encoders.build` knows it.
        width: channels of the pyramid.
        start: $s$ in metres, what an untrained net answers everywhere, nearly.
        pretrained: weights of the encoder, as `weights.imagenet.backbone` takes them; what was found is in `origin`.

    Raises:
        ValueError: for options out of range, and as `encoders.build`.

    Source: Lin et al. 2017 (FPN, arXiv:1612.03144), section 3; with one depth map at the end as in Ranftl et al. 2021 (DPT,
    arXiv:2103.13413), whose fusion adds too. Deviations: batch normalisation and ReLU behind each 3x3 convolution (FPN has
    neither), and the last step at the size of the image.
    """

    def __init__(
        self,
        *,
        encoder: str = "tf_efficientnet_lite0",
        width: int = 64,
        start: float = 1.0,
        pretrained: str | os.PathLike = "none",
    ) -> None:
        super().__init__()
        if width < 4 or not 0 < start < math.inf:
            raise ValueError(f"width {width} and start {start}: expected at least 4, and metres above 0")
        self.config = {"encoder": encoder, "width": width, "start": start}
        self.start = start
        self.encoder = encoders.build(encoder, pretrained)
        self.origin = self.encoder.origin
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in self.encoder.channels)
        self.smooth = nn.ModuleList(conv_bn_relu(width, width) for _ in self.encoder.channels[1:])
        self.narrow = conv_bn_relu(width, width // 2, 1)
        self.last = conv_bn_relu(width // 2 + 3, width // 4)
        self.head = nn.Conv2d(width // 4, 1, 3, padding=1)
        # small, not zero: a constant map has no scale that a scale-invariant loss could improve
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        self.encoder.check(image)
        colours = self.encoder.normalise(image)
        *finer, x = (narrow(map_) for narrow, map_ in zip(self.lateral, self.encoder(colours), strict=True))
        for smooth in self.smooth:
            below = finer.pop()
            x = smooth(_enlarged(x, below) + below)
        x = self.last(torch.cat([_enlarged(self.narrow(x), colours), colours], 1))
        with torch.autocast(x.device.type, enabled=False):  # the 8 bits of bfloat16 would leave steps in the depth
            x = self.head(x.to(self.head.weight.dtype)).float()
            return self.start * x.clamp(-_LIMIT, _LIMIT).exp()


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
