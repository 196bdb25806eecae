"""The U-Net of Chapre and Deshpande, with an encoder of its own or one that ImageNet has taught."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models import encoders
from depthnb.models.blocks import LIMIT, check_image, positive_depth
from depthnb.weights.origin import Kind, Origin

STEPS = 5  # 64, 128, 256, 512, 1024 channels
OUTPUTS = ("depth", "inverse")
SLOPE = 0.2  # of the activation below 0


class UNet(nn.Module):
    r"""Contracting steps, expanding steps, and a bridge between the two at every scale.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 16 (32 with another encoder) -> float32 [B,1,H,W],
    positive and finite. Every step is two 3x3 convolutions. On the way down, max-pooling halves the map and the next step
    doubles the channels. On the way up, a 1x1 convolution halves the channels, bilinear enlargement brings the map to the
    size of the bridge (so odd sizes come back exactly), and the two are joined. The 1x1 convolution stands before the
    enlargement, where it has a quarter of the pixels; the result is the same as behind it, because both are linear.

    Neither end of the range of depth is fixed, so 0.1 m and 300 m are both within reach, and a step of the weights moves a
    depth by a share of itself.

    Args:
        channels: of the first step, doubled at each of the four others.
        dropout: probability at the entrance of every step but the first, in training only.
        batch_norm: after every convolution.
        encoder: `plain`, or the name of a network that `encoders.build` knows, whose five scales then take the place of the
            contracting steps, with the photograph itself as the bridge at full size.
        pretrained: weights of that encoder, as `weights.imagenet.backbone` takes them (`plain` has none: `auto` or `none`);
            where they came from is kept in `origin`.
        output: `depth`, metres, $s\,e^x$ of the last convolution's $x$; or `inverse`, inverse depth in 1/m,
            $\mathrm{softplus}(x) / s$, for losses in inverse depth (its prediction is then of the kind affine-inverse).
        start: $s$ in metres, what an untrained net answers everywhere, nearly: the mean depth of the training frames is a good
            one.

    Raises:
        ValueError: for an unknown encoder or output, options out of range, and weights asked for of the plain encoder, naming
            what is known.

    Source: Chapre and Deshpande, section IV, and Ronneberger et al. 2015 (arXiv:1505.04597). Deviations: batch normalisation
    (neither has it), padding (Ronneberger et al. crop), and a 1x1 convolution with bilinear enlargement in the place of
    their 2x2 transposed convolution, which halves the channels at the same place (the document says only "upscaling"). Of
    the activations the document says nothing; here they are leaky ReLUs, and the last one is said above.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        dropout: float = 0.0,
        batch_norm: bool = True,
        encoder: str = "plain",
        output: str = "depth",
        start: float = 1.0,
        pretrained: str = "none",
    ) -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise ValueError(f"output is {output!r}; expected one of {', '.join(OUTPUTS)}")
        if channels < 1 or not 0 <= dropout < 1 or not 0 < start < math.inf:
            raise ValueError(
                f"channels {channels}, dropout {dropout} and start {start}: expected at least 1, 0 <= dropout < 1, and metres"
            )
        self.config = {
            "channels": channels, "dropout": dropout, "batch_norm": batch_norm,
            "encoder": encoder, "output": output, "start": start,
        }  # fmt: skip
        self.output, self.start = output, start
        widths = [channels * 2**i for i in range(STEPS)]
        if encoder == "plain":
            if pretrained not in ("auto", "none"):
                raise ValueError(
                    f"pretrained is {str(pretrained)!r}, but the plain encoder has no weights to be had: choose another "
                    "encoder, such as resnet50, or pretrained 'auto' or 'none'"
                )
            self.origin = Origin(Kind.NONE, "random weights: the plain encoder has no others")
            self.down = nn.ModuleList(
                two_convolutions(i, o, batch_norm) for i, o in zip([3, *widths], widths, strict=False)
            )
            bridges = widths
        else:
            self.encoder = encoders.build(encoder, pretrained)
            self.origin = self.encoder.origin
            bridges = [3, *self.encoder.channels]
        self.bridges = tuple(bridges[:-1])  # channels, the finest first
        self.halve, self.up = nn.ModuleList(), nn.ModuleList()
        below = bridges[-1]
        for bridge, width in reversed(list(zip(self.bridges, widths, strict=False))):
            self.halve.append(_halving(below, width, bias=not batch_norm))
            self.up.append(two_convolutions(width + bridge, width, batch_norm))
            below = width
        self.head = nn.Conv2d(below, 1, 3, padding=1)
        # small, not zero: a constant map has no scale that a scale-invariant loss could improve
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.bias, 0.0 if output == "depth" else math.log(math.e - 1))  # softplus of this is 1

    def forward(self, image: Tensor) -> Tensor:
        self._check(image)
        scales = self._contract(image)
        x = scales.pop()
        for halve, step in zip(self.halve, self.up, strict=True):
            bridge = scales.pop()
            x = F.interpolate(halve(x), size=bridge.shape[-2:], mode="bilinear", align_corners=False)
            x = step(self._drop(torch.cat([bridge, x], dim=1)))
        with torch.autocast(x.device.type, enabled=False):  # the 8 bits of bfloat16 would leave steps in the depth
            return self._positive(self.head(x.to(self.head.weight.dtype)).float())

    def _check(self, image: Tensor) -> None:
        if self.config["encoder"] != "plain":
            return self.encoder.check(image)
        check_image(image, minimum=2 ** (STEPS - 1))
        if self.training and self.config["batch_norm"]:
            encoders.refuse_single_value(image, tuple(side // 2 ** (STEPS - 1) for side in image.shape[-2:]))

    def _contract(self, image: Tensor) -> list[Tensor]:
        """The map of every scale, the finest first."""
        if self.config["encoder"] != "plain":
            x = self.encoder.normalise(image)
            return [x, *self.encoder(x)]
        scales = [self.down[0](image * 2 - 1)]
        for step in self.down[1:]:
            scales.append(step(self._drop(F.max_pool2d(scales[-1], 2))))
        return scales

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.config["dropout"], self.training) if self.config["dropout"] else x

    def _positive(self, x: Tensor) -> Tensor:
        """Metres, or inverse metres, of the last convolution's output."""
        if self.output == "inverse":
            return F.softplus(x).clamp_min(math.exp(-LIMIT)) / self.start
        return positive_depth(x, self.start)


def _halving(channels_in: int, channels_out: int, *, bias: bool) -> nn.Conv2d:
    """The 1x1 convolution before each enlargement; its weights keep the size of the signal, as no activation follows."""
    convolution = nn.Conv2d(channels_in, channels_out, 1, bias=bias)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
    if bias:
        nn.init.zeros_(convolution.bias)
    return convolution


def two_convolutions(channels_in: int, channels_out: int, batch_norm: bool = True) -> nn.Sequential:
    """Two 3x3 convolutions that keep the size, each with a leaky ReLU and, if wanted, batch normalisation before it.

    Leaky: under a relative error the near surfaces pull hardest, and while they do, plain ReLUs can fall silent on the far
    ones; these then keep their first depth for good (a test shows it at 80 and 300 m). Weights are drawn by the rule of He
    et al. 2015, or without batch normalisation nothing would arrive at the end of eighteen convolutions.
    """
    layers: list[nn.Module] = []
    for i, o in ((channels_in, channels_out), (channels_out, channels_out)):
        convolution = nn.Conv2d(i, o, 3, padding=1, bias=not batch_norm)
        nn.init.kaiming_normal_(convolution.weight, a=SLOPE, nonlinearity="leaky_relu")
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)
        layers += [convolution, *([nn.BatchNorm2d(o)] if batch_norm else []), nn.LeakyReLU(SLOPE, inplace=True)]
    return nn.Sequential(*layers)
