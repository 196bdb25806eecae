"""HMA-Depth of document 004: a depth map at every scale of the decoder, and masks that share the pixels out among them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models.blocks import check_image, conv_bn_relu, normalise
from depthnb.models.encoders import SMALLEST, Encoder
from depthnb.weights import imagenet as weights

BACKBONES = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "resnext101_32x8d", "densenet121", "densenet161",
)  # fmt: skip
ATTENTIONS = ("masks", "average", "convolution")
SCALES = ("H/16", "H/8", "H/4", "H/2", "H")  # of the decoder's features, coarse to fine
DILATIONS = (3, 6, 12, 18, 24)
NEAREST = 1e-3  # metres; the logarithm of a depth of 0 would be minus infinity


def hierarchical_masks(attention: Tensor) -> Tensor:
    r"""Share every pixel out among the scales: each takes its part of what the coarser ones left, the finest the rest.

    attention: [B,S-1,H,W] in 0..1, coarse to fine, of all scales but the finest. Returns the masks [B,S,H,W]; they are not
    negative and sum to one at every pixel, whatever the attention is.

    Source: document 004, equations 1 to 4: $M_{H/8} = A_{H/8}$, $M_{H/4} = A_{H/4}(1 - A_{H/8})$, ...,
    $M_H = (1 - A_{H/8})(1 - A_{H/4})(1 - A_{H/2})$. They multiply maps of different sizes; here all are enlarged to the
    full size before.

    >>> hierarchical_masks(torch.tensor([0.5, 0.5, 1.0]).view(1, 3, 1, 1)).flatten()
    tensor([0.5000, 0.2500, 0.2500, 0.0000])
    """
    rest = torch.ones_like(attention[:, 0])
    masks = []
    for each in attention.unbind(1):
        masks.append(each * rest)
        rest = rest * (1 - each)
    return torch.stack([*masks, rest], 1)


class HMADepth(nn.Module):
    """Encoder, dense ASPP, decoder with skips, and at every scale a depth head and (but at the finest) an attention head.

    Shapes: image float [B,3,H,W] in 0..1, any H and W of at least 32 -> depth float32 [B,1,H,W] in metres, between 1 mm and
    `max_depth`. `per_scale` gives what the depth is made of.

    backbone: one of BACKBONES, a network of torchvision. scales: how many of the decoder's finest scales have heads: 3 is
    H/4, H/2, H; 4 (document 004) begins at H/8, 5 at H/16; the decoder itself is always the same. attention: how they are
    joined: `masks` (document 004), `average` (no attention: every scale counts the same everywhere), `convolution` (plain
    fusion as in BTS: the coarser depth maps are further channels of the finest head, whose depth is the result). width:
    channels at H/16, fewer at finer scales, divisible by 16. max_depth: metres, the far end of the data. pretrained: the
    encoder's weights as `weights.imagenet.backbone` takes them; what became of it is in `origin`.

    Raises ValueError for unknown options, for images below 32 pixels a side, and in training for a single image so small
    that batch normalisation would have one value per channel.

    Source: document 004, sections 2 and 3. It leaves open the decoder's widths, the inside of the heads and of the ASPP, and
    how depth is bounded: these follow BTS (arXiv:1907.10326, section 3), which it builds on, save that every convolution has
    batch normalisation and ReLU, where BTS has ELU, mostly without. Features are enlarged bilinearly as 004 says, and so are
    the maps that a head estimates at its scale. 004's figure 1 was not at hand.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        *,
        scales: int = 4,
        attention: str = "masks",
        width: int = 512,
        max_depth: float = 10.0,
        pretrained: str = "none",
    ) -> None:
        super().__init__()
        _check_options(backbone, scales, attention, width, max_depth)
        self.config = {"backbone": backbone, "scales": scales, "attention": attention, "width": width}
        self.config["max_depth"] = max_depth
        self.attention, self.max_depth, self.names = attention, float(max_depth), SCALES[-scales:]
        net, self.origin = weights.backbone(backbone, pretrained)
        self.encoder = Encoder(net)
        self.decoder = Decoder(self.encoder.channels, width)
        channels = list(self.decoder.channels[-scales:])
        self.attention_heads = nn.ModuleList(head(c) for c in channels[:-1]) if attention == "masks" else None
        if attention == "convolution":
            channels[-1] += scales - 1
        self.depth_heads = nn.ModuleList(head(c) for c in channels)

    def forward(self, image: Tensor) -> Tensor:
        depths, masks = self.per_scale(image)
        return (depths * masks).sum(1, keepdim=True)  # equation 5

    def per_scale(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Depth and mask of every scale, both float32 [B,S,H,W] at the size of the image, in the order of `names`.

        Depths are in metres. The masks sum to one at every pixel. With `average` each is 1 / S; with `convolution` the
        finest has all, because it has read the others.
        """
        check_image(image, minimum=SMALLEST)
        if self.training and len(image) == 1 and self.encoder.smallest(image.shape[-2:]) == (1, 1):
            raise ValueError(
                f"one image of {image.shape[-2]}x{image.shape[-1]} (H x W) leaves a single value per channel, which batch "
                "normalisation cannot train on; use a larger image or batch_size 2 or more"
            )
        features = self.decoder(self.encoder(normalise(image)), image.shape[-2:])[-len(self.names) :]
        depths: list[Tensor] = []
        for index, (feature, estimate) in enumerate(zip(features, self.depth_heads, strict=True)):
            if self.attention == "convolution" and index == len(features) - 1:
                feature = torch.cat([feature, *(depth.to(feature.dtype) / self.max_depth for depth in depths)], 1)
            share = estimate(feature).float().sigmoid()
            depths.append(_enlarged(NEAREST + (self.max_depth - NEAREST) * share, image))
        return torch.cat(depths, 1), self._masks(features, image)

    def _masks(self, features: list[Tensor], image: Tensor) -> Tensor:
        count = len(features)
        if self.attention == "masks":
            heads = zip(self.attention_heads, features[:-1], strict=True)
            # in float32: in half precision the masks would sum to one only nearly
            each = [_enlarged(attend(feature).float().sigmoid(), image) for attend, feature in heads]
            return hierarchical_masks(torch.cat(each, 1))
        fixed = [1 / count] * count if self.attention == "average" else [0.0] * (count - 1) + [1.0]
        shape = (len(image), count, *image.shape[-2:])
        return torch.tensor(fixed, device=image.device).view(1, count, 1, 1).expand(shape)

    def parameter_groups(self, *, weight_decay: float = 1e-2) -> list[dict]:
        """Optimiser groups of BTS's code: weight decay for the encoder alone."""
        encoder = {id(parameter) for parameter in self.encoder.parameters()}
        rest = [parameter for parameter in self.parameters() if id(parameter) not in encoder]
        return [
            {"params": list(self.encoder.parameters()), "weight_decay": weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]


class Decoder(nn.Module):
    """From the encoder's five feature maps to features at H/16, H/8 (through the dense ASPP), H/4, H/2 and H.

    channels: of the encoder's maps, finest first. width: channels at H/16. Its own are in `channels`, coarse to fine.
    """

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.channels = (width, width // 4, width // 4, width // 8, width // 16)
        half, quarter, eighth, sixteenth, last = channels
        self.up = nn.ModuleList(
            [
                Up(last, sixteenth, width),
                Up(width, eighth, width // 2),
                Up(width // 4, quarter, width // 4),
                Up(width // 4, half, width // 8),
                Up(width // 8, 0, width // 16),
            ]
        )
        self.aspp = DenseASPP(width // 2, width // 4)

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
        *skips, x = features
        made = []
        for index, up in enumerate(self.up):
            # to the skip's own size: with odd sizes twice would be one too many
            x = up(x, skips[-1].shape[-2:], skips.pop()) if skips else up(x, size)
            if index == 1:
                x = self.aspp(x)
            made.append(x)
        return made


class Up(nn.Module):
    """Bilinear enlargement, convolution, then the encoder's features of that size beside it and a second convolution.

    With `channels_skip` 0 (at the image's own size) there are no such features and no second convolution.
    """

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(channels_in, channels_out)
        self.second = conv_bn_relu(channels_out + channels_skip, channels_out) if channels_skip else None

    def forward(self, x: Tensor, size: tuple[int, int], skip: Tensor | None = None) -> Tensor:
        x = self.first(F.interpolate(x, size=size, mode="bilinear", align_corners=False))
        return x if self.second is None else self.second(torch.cat([x, skip], 1))


class DenseASPP(nn.Module):
    """Dilated convolutions (3, 6, 12, 18, 24), each reading the input and all before it, joined by one convolution.

    Source: document 004 gives the dilations; the dense wiring is BTS's (arXiv:1907.10326, section 3.2).
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(channels_in + index * channels),
                nn.ReLU(),
                nn.Conv2d(channels_in + index * channels, 2 * channels, 1, bias=False),
                nn.BatchNorm2d(2 * channels),
                nn.ReLU(),
                nn.Conv2d(2 * channels, channels, 3, padding=dilation, dilation=dilation, bias=False),
            )
            for index, dilation in enumerate(DILATIONS)
        )
        self.join = conv_bn_relu(channels_in + len(DILATIONS) * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        for branch in self.branches:
            x = torch.cat([x, branch(x)], 1)
        return self.join(x)


def head(channels: int) -> nn.Sequential:
    """Two convolutions from features to one map that has not been through its sigmoid yet."""
    inner = max(8, channels // 2)
    return nn.Sequential(nn.Conv2d(channels, inner, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(inner, 1, 1))


def _enlarged(x: Tensor, image: Tensor) -> Tensor:
    return F.interpolate(x, size=image.shape[-2:], mode="bilinear", align_corners=False)


def _check_options(backbone: str, scales: int, attention: str, width: int, max_depth: float) -> None:
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}; known: {', '.join(BACKBONES)}")
    if attention not in ATTENTIONS:
        raise ValueError(f"unknown attention {attention!r}; known: {', '.join(ATTENTIONS)}")
    if scales not in range(2, len(SCALES) + 1):
        raise ValueError(f"scales must be 2 to {len(SCALES)} (4 is H/8, H/4, H/2, H), found {scales!r}")
    if width < 32 or width % 16:
        raise ValueError(f"width must be at least 32 and divisible by 16, found {width!r}")
    if not NEAREST < max_depth < float("inf"):
        raise ValueError(f"max_depth must be metres above {NEAREST}, found {max_depth!r}")
