"""What one would build today for few frames: a pretrained encoder, and a decoder as light as it can be."""

from __future__ import annotations

import math
import os

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models import encoders
from depthnb.models.blocks import conv_bn_relu, positive_depth
from depthnb.models.camera import Around

_USUAL_ERROR = 0.2  # of the logarithm: what an untrained net doubts everywhere, nearly


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
        doubt: give the net a second last layer that estimates how far the first one is off; see `with_doubt`.
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
        doubt: bool = False,
        pretrained: str | os.PathLike = "none",
    ) -> None:
        super().__init__()
        if width < 4 or not 0 < start < math.inf:
            raise ValueError(f"width {width} and start {start}: expected at least 4, and metres above 0")
        self.config = {"encoder": encoder, "width": width, "start": start, "doubt": doubt}
        self.start = start
        self.encoder = encoders.build(encoder, pretrained)
        self.origin = self.encoder.origin
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in self.encoder.channels)
        self.smooth = nn.ModuleList(conv_bn_relu(width, width) for _ in self.encoder.channels[1:])
        self.narrow = conv_bn_relu(width, width // 2, 1)
        self.last = conv_bn_relu(width // 2 + 3, width // 4, padding_mode="replicate")
        self.head = _answer(width // 4)
        # small, not zero: a constant map has no scale that a scale-invariant loss could improve
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        self.doubt = _answer(width // 4) if doubt else None
        if self.doubt is not None:
            nn.init.normal_(self.doubt.weight, std=0.01)
            nn.init.constant_(self.doubt.bias, math.log(_USUAL_ERROR))

    def forward(self, image: Tensor) -> Tensor:
        return self._metres(self._features(image))

    def with_doubt(self, image: Tensor) -> tuple[Tensor, Tensor]:
        r"""The depth, and the scale $b$ of a Laplace distribution of its logarithm around it, both float32 [B,1,H,W].

        The mean absolute error of the logarithm is $b$, its standard deviation $\sqrt 2\,b$. No gradient of $b$ reaches the
        features, so that the net answers as it would without this layer.

        Raises:
            ValueError: for a net without it.

        Source: Kendall and Gal 2017 (arXiv:1703.04977), section 3.1, with a Laplace distribution as there for depth. Deviation:
        the gradient that is stopped.
        """
        if self.doubt is None:
            raise ValueError("this net has no doubt: make it with doubt=True")
        features = self._features(image)
        with torch.autocast(image.device.type, enabled=False):
            scale = positive_depth(self.doubt(features.detach().to(self.doubt.weight.dtype)).float(), 1.0)
        return self._metres(features), scale

    def _features(self, image: Tensor) -> Tensor:
        """What both last layers read, at the size of the image."""
        self.encoder.check(image)
        colours = self.encoder.normalise(image)
        *finer, x = (narrow(each) for narrow, each in zip(self.lateral, self.encoder(colours), strict=True))
        for smooth in self.smooth:
            below = finer.pop()
            x = smooth(_enlarged(x, below) + below)
        return self.last(torch.cat([_enlarged(self.narrow(x), colours), colours], 1))

    def _metres(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # the 8 bits of bfloat16 would leave steps in the depth
            return positive_depth(self.head(x.to(self.head.weight.dtype)).float(), self.start)


class WithDoubt(Around):
    """An FPN as it is trained and asked with its doubt: depth in metres, and behind it the scale of its error.

    Shapes: image float [B,3,H,W] in 0..1, and intrinsics where the net takes them -> float32 [B,2,H,W]. The weights are those
    of `model`, an `FPN` with doubt or a `CanonicalCamera` around one, which is what is evaluated and saved.
    """

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        if not self.takes_camera:
            return torch.cat(self.model.with_doubt(image), 1)
        depth, scale = self.model.net.with_doubt(image)
        return torch.cat([self.model.to_camera(depth, *camera), scale], 1)


def _answer(channels: int) -> nn.Conv2d:
    """A last layer. A sensor often has no depth at the border of the image, so nothing there teaches the net what zeros beyond
    the border mean: the answer would have a frame."""
    return nn.Conv2d(channels, 1, 3, padding=1, padding_mode="replicate")


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
