"""HMA-Depth of Niu: a depth map at every scale of the decoder, and masks that share the pixels out among them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models import encoders
from depthnb.models.blocks import conv_bn_relu
from depthnb.models.planes import NEAREST, PlaneHead

ATTENTIONS = ("masks", "average", "convolution", "lpg")
SCALES = ("H/16", "H/8", "H/4", "H/2", "H")  # of the decoder's features, coarse to fine
DILATIONS = (3, 6, 12, 18, 24)


def hierarchical_masks(attention: Tensor) -> Tensor:
    r"""Share every pixel out among the scales: each takes its part of what the coarser ones left, the finest the rest.

    Args:
        attention: [B,S-1,H,W] in 0..1, coarse to fine, of all scales but the finest.

    Returns:
        The masks [B,S,H,W]; they are not negative and sum to one at every pixel, whatever the attention is.

    Source: Niu, equations 1 to 4: $M_{H/8} = A_{H/8}$, $M_{H/4} = A_{H/4}(1 - A_{H/8})$, ...,
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

    Args:
        backbone: name of the encoder, a network that `encoders.build` knows.
        scales: how many of the decoder's finest scales have heads: 3 is H/4, H/2, H; 4 (Niu) begins at H/8, 5 at
            H/16. The decoder itself is always the same.
        attention: how the scales are joined. `masks`: Niu. `average`: no attention, every scale counts the same
            everywhere. `lpg`: BTS's fusion: the coarser heads estimate a plane for each of their pixels (`planes.PlaneHead`)
            in place of a depth, a further map is estimated at full size, and a convolution joins them. `convolution`: the
            same with depth heads in place of the planes (plain fusion).
        width: channels at H/16, fewer at finer scales, divisible by 16.
        max_depth: metres, the far end of the data.
        pretrained: the encoder's weights as `weights.imagenet.backbone` takes them; what became of it is in `origin`.

    Raises:
        ValueError: for unknown options, for images below 32 pixels a side, and in training for a single image so small that
            batch normalisation would have one value per channel.

    Source: Niu, sections 2 and 3. It leaves open the decoder's widths, the inside of the heads and of the ASPP, and
    how depth is bounded: these follow BTS (arXiv:1907.10326, section 3), which it builds on, save that every convolution has
    batch normalisation and ReLU, where BTS has ELU, mostly without. Features are enlarged bilinearly as 004 says, and so are
    the maps that a head estimates at its scale. 004's figure 1 was not at hand. Of BTS's fusion, `lpg` leaves out that the
    decoder reads the coarser estimates too: so all ways to join the scales share one decoder.
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
        _check_options(scales, attention, width, max_depth)
        self.config = {"backbone": backbone, "scales": scales, "attention": attention, "width": width}
        self.config["max_depth"] = max_depth
        self.attention, self.max_depth, self.names = attention, float(max_depth), SCALES[-scales:]
        self.encoder = encoders.build(backbone, pretrained)
        self.origin = self.encoder.origin
        self.decoder = Decoder(self.encoder.channels, width)
        *coarse, finest = self.decoder.channels[-scales:]
        self.attention_heads = nn.ModuleList(head(c) for c in coarse) if attention == "masks" else None
        self.finest_map = None  # an estimate at full size before the scales are joined; only BTS has one
        if attention == "lpg":
            patches = [2**i for i in range(scales - 1, 0, -1)]
            self.depth_heads = nn.ModuleList(
                PlaneHead(c, patch, max_depth=max_depth) for c, patch in zip(coarse, patches, strict=True)
            )
            self.finest_map = nn.Conv2d(finest, 1, 1)
            finest += scales
        else:
            self.depth_heads = nn.ModuleList(head(c) for c in coarse)
            finest += scales - 1 if attention == "convolution" else 0
        self.depth_heads.append(head(finest))

    def forward(self, image: Tensor) -> Tensor:
        depths, masks = self.per_scale(image)
        return (depths * masks).sum(1, keepdim=True)  # equation 5

    def per_scale(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Depth and mask of every scale, both float32 [B,S,H,W] at the size of the image, in the order of `names`.

        Depths are in metres. The masks sum to one at every pixel. With `average` each is 1 / S; with `convolution` and `lpg`
        the finest has all, because it has read the others.
        """
        self.encoder.check(image)
        features = self.decoder(self.encoder(self.encoder.normalise(image)), image.shape[-2:])[-len(self.names) :]
        *coarse, finest = features
        depths = [self._coarse(*each, image) for each in zip(coarse, self.depth_heads, strict=False)]
        if self.attention in ("convolution", "lpg"):
            maps = [depth.to(finest.dtype) / self.max_depth for depth in depths]
            if self.finest_map is not None:
                maps.append(self.finest_map(finest).sigmoid())
            finest = torch.cat([finest, *maps], 1)
        depths.append(self._metres(self.depth_heads[-1](finest)))
        return torch.cat(depths, 1), self._masks(features, image)

    def _coarse(self, feature: Tensor, estimate: nn.Module, image: Tensor) -> Tensor:
        """The depth map of one of the coarser scales, at the size of the image."""
        estimated = estimate(feature)
        metres = estimated if self.attention == "lpg" else self._metres(estimated)
        return _enlarged(metres, image)

    def _metres(self, estimated: Tensor) -> Tensor:
        return NEAREST + (self.max_depth - NEAREST) * estimated.float().sigmoid()

    def _masks(self, features: list[Tensor], image: Tensor) -> Tensor:
        if self.attention == "masks":
            heads = zip(self.attention_heads, features[:-1], strict=True)
            # in float32: in half precision the masks would sum to one only nearly
            each = [_enlarged(attend(feature).float().sigmoid(), image) for attend, feature in heads]
            return hierarchical_masks(torch.cat(each, 1))
        return self._fixed().to(image.device).view(1, -1, 1, 1).expand(len(image), -1, *image.shape[-2:])

    def start(self) -> Tensor:
        """The masks [S] of a net whose attention heads prefer nothing, one half each: where training starts, nearly."""
        count = len(self.names)
        if self.attention == "masks":
            return hierarchical_masks(torch.full((1, count - 1, 1, 1), 0.5)).flatten()
        return self._fixed()

    def _fixed(self) -> Tensor:
        """The masks [S] of a net without attention heads."""
        count = len(self.names)
        return torch.tensor([1 / count] * count if self.attention == "average" else [0.0] * (count - 1) + [1.0])

    def parameter_groups(
        self, *, learning_rate: float, weight_decay: float = 1e-2, attention_factor: float = 1.0
    ) -> list[dict]:
        """Optimiser groups: the decoder with its depth heads, the encoder, and the attention heads where there are any.

        Args:
            learning_rate: of all but the attention heads.
            weight_decay: of the encoder alone, as in BTS's code.
            attention_factor: times `learning_rate` is that of the attention heads. They begin at one half and see a small
                gradient, as long as the scales answer nearly alike.
        """
        heads = [] if self.attention_heads is None else list(self.attention_heads.parameters())
        encoder = list(self.encoder.parameters())
        apart = {id(parameter) for parameter in (*encoder, *heads)}
        groups = [
            {"params": [each for each in self.parameters() if id(each) not in apart], "weight_decay": 0.0},
            {"params": encoder, "weight_decay": weight_decay},
            {"params": heads, "weight_decay": 0.0, "lr": learning_rate * attention_factor},
        ]
        return [{"lr": learning_rate, **group} for group in groups if group["params"]]


class EveryScale(nn.Module):
    """An HMADepth as `scale_loss` judges it in training: the depth, and behind it the depth map of every scale.

    Shapes: image float [B,3,H,W] in 0..1 -> float32 [B,1+S,H,W] in metres. The weights are those of `net`, which is what is
    evaluated and saved afterwards.
    """

    def __init__(self, net: HMADepth) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        depths, masks = self.net.per_scale(image)
        return torch.cat([(depths * masks).sum(1, keepdim=True), depths], 1)


def scale_loss(loss: Callable[..., Tensor], weight: float) -> Callable[..., Tensor]:
    """A loss for `EveryScale`: that of the depth, plus `weight` times the mean of those of the scales' own depth maps.

    Without it nothing asks of a scale that its map be a depth map, and the masks have nothing to choose between. Niu
    prints the loss of the depth alone (equation 6); this addition is ours.

    Args:
        loss: called with pred=, depth=, valid=, each [B,1,H,W].
        weight: at least 0.

    Returns:
        A loss of pred [B,1+S,H,W] in metres, depth [B,1,H,W] in metres and valid [B,1,H,W]; scalar, in the unit of `loss`.

    Raises:
        ValueError: for a weight below 0.

    >>> difference = lambda *, pred, depth, valid: (pred - depth)[valid].abs().mean()
    >>> maps = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)  # the depth and two scales
    >>> truth = torch.ones(1, 1, 1, 1)
    >>> scale_loss(difference, 0.5)(pred=maps, depth=truth, valid=truth > 0).item()  # 0 + 0.5 x (1 + 3) / 2
    1.0
    """
    if not weight >= 0:
        raise ValueError(f"the weight of the scales' own losses is {weight}; expected 0 (none) or more")

    def judged(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
        fused, *scales = (loss(pred=each, depth=depth, valid=valid) for each in pred.split(1, 1))
        return fused + weight * torch.stack(scales).mean()

    return judged


class Decoder(nn.Module):
    """From the encoder's five feature maps to features at H/16, H/8 (through the dense ASPP), H/4, H/2 and H.

    Its own channels are in `channels`, coarse to fine.

    Args:
        channels: of the encoder's maps, finest first.
        width: channels at H/16.
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

    Source: Niu gives the dilations; the dense wiring is BTS's (arXiv:1907.10326, section 3.2).
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


def _check_options(scales: int, attention: str, width: int, max_depth: float) -> None:
    if attention not in ATTENTIONS:
        raise ValueError(f"unknown attention {attention!r}; known: {', '.join(ATTENTIONS)}")
    if scales not in range(2, len(SCALES) + 1):
        raise ValueError(f"scales must be 2 to {len(SCALES)} (4 is H/8, H/4, H/2, H), found {scales!r}")
    if width < 32 or width % 16:
        raise ValueError(f"width must be at least 32 and divisible by 16, found {width!r}")
    if not NEAREST < max_depth < float("inf"):
        raise ValueError(f"max_depth must be metres above {NEAREST}, found {max_depth!r}")
