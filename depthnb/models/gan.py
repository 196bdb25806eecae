"""The two players of a conditional GAN for depth: pix2pix's generator, and a net that judges depth maps patch by patch."""

from __future__ import annotations

import math
import os
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from depthnb.metrics.processes import sum_over_processes
from depthnb.models.blocks import DEEPEST, check_image, positive_depth
from depthnb.models.unet import UNet
from depthnb.weights.origin import Kind, Origin

DECADES = 100.0  # nearest depth that is told apart from nearer ones: max_depth / 100
SLOPE = 0.2  # of the leaky ReLUs below 0


class Pix2PixGenerator(nn.Module):
    r"""pix2pix's U-Net: one strided convolution a step, so it costs a fraction of the U-Net of notebook 04.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 2**steps -> depth float32 [B,1,H,W] in metres, positive and
    finite: $s\,e^x$ of the last layer's $x$.

    Every step down is one 4x4 convolution with stride 2, every step up one 4x4 transposed convolution with stride 2, which
    reads the map below and the skip connection beside it. No layer works at the full size of the image, and none keeps a
    size; that is where the time goes in a U-Net with two 3x3 convolutions a step.

    Args:
        channels: after the first step, doubled at each further one, at most eightfold.
        steps: how often the image is halved; pix2pix takes 8 for 256x256.
        start: $s$ in metres, what an untrained net answers everywhere, nearly.

    Raises:
        ValueError: for options out of range, and images smaller than 2**steps.

    Source: Isola et al. 2017 (pix2pix, arXiv:1611.07004), appendix 6.1.1, with 64 channels and 8 steps. As there: leaky ReLU
    0.2 on the way down, ReLU on the way up, batch normalisation except in the first, the deepest and the last layer.
    Deviations: no dropout (for one photograph one answer is wanted), no tanh at the end (depth has no far end).

    >>> Pix2PixGenerator(channels=4, steps=3)(torch.rand(1, 3, 17, 40)).shape
    torch.Size([1, 1, 17, 40])
    """

    def __init__(self, *, channels: int = 64, steps: int = 8, start: float = 1.0) -> None:
        super().__init__()
        if channels < 1 or steps not in range(2, DEEPEST + 1) or not 0 < start < math.inf:
            raise ValueError(
                f"channels {channels}, steps {steps} and start {start}: expected at least 1, 2 to {DEEPEST}, and metres "
                "above 0"
            )
        self.config = {"channels": channels, "steps": steps, "start": start}
        self.start = start
        self.origin = Origin(Kind.NONE, "random weights: the plain encoder has no others")
        widths = [3, *(channels * min(2**i, 8) for i in range(steps))]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for i, (before, after) in enumerate(pairwise(widths), start=1):
            # at the deepest step one pixel may be left, which batch normalisation would make zero
            self.down.append(_halved(before, after, norm=1 < i < steps))
        for i in range(steps, 1, -1):
            below = widths[i] if i == steps else 2 * widths[i]
            self.up.append(_Doubled(below, widths[i - 1]))
        self.head = nn.ConvTranspose2d(2 * channels, 1, 4, stride=2, padding=1)
        # small, not zero: the first answer is `start` nearly everywhere
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, minimum=2 ** self.config["steps"])
        x, skips, sizes = image * 2 - 1, [], []
        for step in self.down:
            sizes.append(x.shape[-2:])
            x = step(x)
            skips.append(x)
        x = skips.pop()
        for step in self.up:
            x = torch.cat([step(x, sizes.pop()), skips.pop()], dim=1)
        x = F.relu(x)
        with torch.autocast(x.device.type, enabled=False):  # the 8 bits of bfloat16 would leave steps in the depth
            x = self.head(x.to(self.head.weight.dtype), output_size=sizes.pop())
            return positive_depth(x.float(), self.start)


def generator(
    encoder: str = "plain",
    *,
    channels: int,
    steps: int,
    start: float,
    pretrained: str | os.PathLike = "none",
) -> nn.Module:
    """pix2pix's generator, or a U-Net on an encoder that has learnt before.

    Args:
        encoder: `plain` for `Pix2PixGenerator`, else as `UNet` takes it, with its skip connections at the same places.
        channels, start: of either.
        steps: of pix2pix's; the other one halves five times.
        pretrained: weights of the encoder.

    Returns:
        image -> metres, as both say it; where its weights come from is in `origin`.

    Raises:
        ValueError: as the two.
    """
    if encoder != "plain":
        return UNet(channels=channels, encoder=encoder, start=start, pretrained=pretrained)
    return Pix2PixGenerator(channels=channels, steps=steps, start=start)


def _halved(channels_in: int, channels_out: int, *, norm: bool) -> nn.Sequential:
    """4x4 convolution with stride 2, batch normalisation if wanted, leaky ReLU."""
    convolution = nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1, bias=not norm)
    nn.init.kaiming_normal_(convolution.weight, a=SLOPE)
    return nn.Sequential(convolution, *([nn.BatchNorm2d(channels_out)] if norm else []), nn.LeakyReLU(SLOPE))


class _Doubled(nn.Module):
    """ReLU, 4x4 transposed convolution with stride 2 to a given size, batch normalisation."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        # the size of the map on the way down: the halving of an odd side lost a pixel
        return self.norm(self.convolution(F.relu(x), output_size=size))


def bounded(depth: Tensor, valid: Tensor, *, max_depth: float) -> Tensor:
    r"""Depth as a discriminator sees it: logarithmic, from -1 (max_depth / 100 and nearer) to 1 (max_depth and farther).

    Logarithmic, because half a metre is a step at 1 m and nothing at 8 m. Beyond the ends the gradient is zero.

    Args:
        depth: [B,1,H,W] metres, at any pixel anything.
        valid: bool of the same shape. Pass the *same* mask for true and predicted depth, or the holes of the sensor give the
            truth away.

    Returns:
        float32 of the same shape, exactly 0 where valid is False.

    >>> bounded(torch.tensor([[[[0.01, 1.0, 10.0, 50.0]]]]), torch.tensor([[[[True, True, True, False]]]]), max_depth=10.0)
    tensor([[[[-1.,  0.,  1.,  0.]]]])
    """
    nearest = max_depth / DECADES
    safe = torch.where(valid, depth.float(), max_depth).clamp(nearest, max_depth)  # replaced: NaN times 0 is NaN
    return torch.where(valid, 2 * (safe / nearest).log() / math.log(DECADES) - 1, 0.0)


class PatchDiscriminator(nn.Module):
    """Looks at a photograph with a depth map and says of every patch whether its depth is a true one.

    Shapes: image float [B,3,H,W] in 0..1, depth [B,1,H,W] in metres, valid bool [B,1,H,W], H and W of at least 16 -> logits
    [B,1,h,w], above 0 where a patch looks true; (h, w) is about (H, W) / 2**layers. It sees `bounded` depth, and the mask as a
    channel of its own, so that a hole is not taken for a depth. `receptive_field` pixels a side decide about one patch; more
    is the business of the supervised loss.

    Args:
        channels: after the first convolution, doubled at each further one.
        layers: convolutions that halve the map.
        max_depth: metres, the far end of the data set.
        spectral: every weight is divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957), which bounds how
            steep the judgement can be and with it how far the discriminator can run ahead.

    Raises:
        ValueError: for shapes that do not belong together.

    Source: Isola et al. 2017 (pix2pix, arXiv:1611.07004), section 3.2.2 and appendix 6.1.2: 4x4 convolutions, LeakyReLU 0.2,
    the output layer one convolution further. Deviations: no batch normalisation (whose statistics differ between
    true and predicted batches), a patch of 34 pixels instead of 70 (our images are smaller), mask and log depth.
    """

    def __init__(self, *, channels: int = 32, layers: int = 2, max_depth: float = 10.0, spectral: bool = False) -> None:
        super().__init__()
        if channels < 1 or layers not in range(1, DEEPEST + 1) or not 0 < max_depth < math.inf:
            raise ValueError(
                f"channels {channels}, layers {layers} and max_depth {max_depth}: expected at least 1, 1 to {DEEPEST}, and "
                "metres"
            )
        self.config = {"channels": channels, "layers": layers, "max_depth": max_depth, "spectral": spectral}
        self.max_depth = max_depth
        widths = [5, *(channels * 2**i for i in range(layers + 1))]
        steps: list[nn.Module] = []
        self.receptive_field = 4
        for i, (before, after) in enumerate(pairwise(widths)):
            steps += [nn.Conv2d(before, after, 4, stride=2 if i < layers else 1, padding=1), nn.LeakyReLU(SLOPE)]
        for stride in (1, *[2] * layers):  # backwards from the output
            self.receptive_field = (self.receptive_field - 1) * stride + 4
        steps.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        for step in steps:
            if isinstance(step, nn.Conv2d):
                nn.init.kaiming_normal_(step.weight, a=SLOPE)
                nn.init.zeros_(step.bias)
                if spectral:
                    spectral_norm(step)
        self.steps = nn.Sequential(*steps)
        self.smallest = 4 * 2**layers

    def forward(self, image: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
        check_image(image, minimum=self.smallest)
        if depth.shape != valid.shape or depth.shape != (len(image), 1, *image.shape[-2:]):
            raise ValueError(
                f"image {tuple(image.shape)}, depth {tuple(depth.shape)} and valid {tuple(valid.shape)} do not belong "
                "together; expected [B,3,H,W], [B,1,H,W] and [B,1,H,W]"
            )
        seen = bounded(depth, valid, max_depth=self.max_depth)
        x = torch.cat([image * 2 - 1, seen, valid.to(seen.dtype)], dim=1)
        return self.steps(x.contiguous(memory_format=torch.channels_last)).float()

    def judged(self, valid: Tensor) -> Tensor:
        """Which patches have a depth to be judged by: bool, of the shape of the logits, from valid [B,1,H,W].

        A patch counts when any pixel of its cell, the 2**layers pixels a side in the middle of its receptive field, is valid.
        """
        # the last two convolutions each drop half a cell on either side
        return F.max_pool2d(valid.float(), 2 ** self.config["layers"])[..., 1:-1, 1:-1] > 0


def patch_loss(logits: Tensor, counts: Tensor, *, true: bool) -> Tensor:
    """Binary cross-entropy of calling every patch true, or not; mean over the patches that count, 0 without one.

    ln 2 = 0.69 is what guessing gives. The discriminator's loss is the mean of that on true depth (true=True) and on predicted
    depth (true=False). The generator's is that on its prediction with true=True: the non-saturating form, whose gradient does
    not vanish when the discriminator is right.

    Args:
        logits: [B,1,h,w].
        counts: bool of the same shape.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 3.

    >>> round(patch_loss(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2).bool(), true=True).item(), 4)
    0.6931
    """
    each = F.softplus(-logits if true else logits)
    return sum_over_processes(torch.where(counts, each, 0.0).sum()) / sum_over_processes(counts.sum()).clamp_min(1)


def recognised(logits: Tensor, counts: Tensor, *, true: bool) -> Tensor:
    """Share of the patches that count which were called what they are, 0..1; one half without any.

    Args:
        logits, counts, true: as for `patch_loss`. Both shares near 1: the discriminator wins. Near one half: it guesses.
    """
    right = (logits > 0) if true else (logits <= 0)
    hits, total = sum_over_processes((right & counts).sum()).float(), sum_over_processes(counts.sum())
    return torch.where(total > 0, hits / total.clamp_min(1), 0.5)
