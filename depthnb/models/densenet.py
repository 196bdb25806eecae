"""DenseDepth of Alhashim and Wonka (2018), the network of Constantinescu et al.: a pretrained encoder and a plain decoder."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models import encoders

TARGETS = ("inverse", "depth")


class DenseDepth(nn.Module):
    """A network trained to name things, and a decoder of two convolutions a step that learns to measure them.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 32 -> depth [B,1,ceil(H/2),ceil(W/2)] in metres, above 0 if
    target is `inverse`. Upsampling goes to the size of the skip connection, so odd sizes fit.

    Args:
        encoder: densenet169 (the document's), or another that `encoders.build` knows.
        decoder_width: 1 is the paper's, 0.5 its halved one; scales all channels of the decoder.
        target: `inverse`: the last layer predicts max_depth / depth; `depth`: metres.
        max_depth: metres.
        start: depth in metres that the untrained net says everywhere, roughly; the training set's mean is a good choice.
        pretrained: ImageNet weights of the encoder as `weights.imagenet.backbone` takes them; where they came from is in
            `origin`.

    Source: Constantinescu et al., "Encoder-Decoder"; Alhashim and Wonka (arXiv:1812.11941), section 3.1: bilinear upsampling,
    concatenation, convolutions A and B, no batch norm in the decoder; leaky ReLU 0.2 after both as in the authors' code
    (github.com/ialhashim/DenseDepth). Deviations: `start` (theirs begins at 0, which is no depth); decoder weights by He's rule
    for that leaky ReLU (theirs by Glorot's, with which the signal of nine layers without normalisation fades); where the last
    layer falls below 1, beyond max_depth, it is read as 2 - depth / max_depth, because as an inverse it would cross 0 and depth
    would jump from infinity to below 0; half-pixel bilinear upsampling; images normalised as the ImageNet weights expect.
    """

    def __init__(
        self,
        encoder: str = "densenet169",
        *,
        decoder_width: float = 1.0,
        target: str = "inverse",
        max_depth: float = 10.0,
        start: float = 2.5,
        pretrained: str | os.PathLike = "none",
    ) -> None:
        super().__init__()
        if target not in TARGETS:
            raise ValueError(f"unknown target {target!r}; known: {', '.join(TARGETS)}")
        if not (0 < start and 0 < max_depth and 0 < decoder_width):
            raise ValueError(
                f"decoder_width, max_depth and start must be above 0, found {decoder_width}, {max_depth} and {start}"
            )
        self.config = {
            "encoder": encoder, "decoder_width": decoder_width, "target": target, "max_depth": max_depth,
        }  # fmt: skip
        self.target, self.max_depth = target, float(max_depth)
        self.features = encoders.build(encoder, pretrained)  # under the name that torchvision gives these layers
        self.origin = self.features.origin
        *skips, deepest = self.features.channels
        widths = [max(1, int(deepest * decoder_width) // 2**i) for i in range(5)]
        self.conv2 = nn.Conv2d(deepest, widths[0], 1)
        for i, skip in enumerate(reversed(skips), start=1):
            self.add_module(f"up{i}", Up(widths[i - 1] + skip, widths[i]))
        self.conv3 = nn.Conv2d(widths[4], 1, 3, padding=1)
        self._initialise(start)

    def _initialise(self, start: float) -> None:
        for module in (self.up1, self.up2, self.up3, self.up4):
            for conv in (module.conv_a, module.conv_b):
                nn.init.kaiming_normal_(conv.weight, a=0.2, nonlinearity="leaky_relu")
                nn.init.zeros_(conv.bias)
        nn.init.xavier_uniform_(self.conv3.weight)
        nn.init.constant_(self.conv3.bias, self.max_depth / start if self.target == "inverse" else start)

    def forward(self, image: Tensor) -> Tensor:
        self.features.check(image)
        *skips, x = self.features(self.features.normalise(image))
        x = self.conv2(x)
        for up in (self.up1, self.up2, self.up3, self.up4):
            x = up(x, skips.pop())
        with torch.autocast(x.device.type, enabled=False):  # 8 bits of bfloat16 would leave steps in the depth
            x = self.conv3(x.to(self.conv3.weight.dtype))
            return self._metres(x)

    def _metres(self, x: Tensor) -> Tensor:
        if self.target == "depth":
            return x
        near = x > 1  # both branches and their slopes meet at 1
        # the inner one: 1 / 0 in the branch that is not taken would still make the gradient NaN
        return self.max_depth * torch.where(near, 1 / torch.where(near, x, 1.0), 2 - x)


class Up(nn.Module):
    """Upsample to the size of the skip connection, concatenate, convolve twice."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.upsample, self.concat = UpsampleTo(), Concat()
        self.conv_a = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.act_a = nn.LeakyReLU(0.2, inplace=True)
        self.conv_b = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.act_b = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.concat(self.upsample(x, skip), skip)
        return self.act_b(self.conv_b(self.act_a(self.conv_a(x))))


class UpsampleTo(nn.Module):
    """Bilinear upsampling to the height and width of another map; a module, so that the layer table has a row of it."""

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class Concat(nn.Module):
    """Joins two maps by their channels."""

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return torch.cat([x, skip.to(x.dtype)], dim=1)
