r"""Style transfer of Gatys, Ecker and Bethge (2016) as Akondi used it: features, Gram matrices, two distances."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from depthnb.models.blocks import check_image, normalise
from depthnb.models.densenet import DenseDepth
from depthnb.weights import imagenet as weights
from depthnb.weights import timm_networks
from depthnb.weights.origin import Kind, Origin

# network -> preset -> (content layer, style layers): those of the tutorial that Akondi names, of Gatys et al., the first
_VGG = {
    "tutorial": ("conv2_2", "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1"),
    "gatys": ("conv4_2", "conv1_1 conv2_1 conv3_1 conv4_1 conv5_1"),
    "first": ("conv1_1", "conv1_1"),
}
LAYERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("vgg13", "vgg16", "vgg19"), _VGG),
    "vgg11": {**_VGG, "tutorial": ("conv2_1", "conv1_1 conv2_1 conv3_1")},  # of the tutorial's layers those that it has
    "efficientnetlite0": {  # of timm, at about the same shares of the image side; its blocks end without a ReLU
        "tutorial": ("block1", "stem block0 block1 block2"),
        "gatys": ("block4", "stem block1 block2 block4 block6"),
        "first": ("stem", "stem"),
    },
    "depth encoder": {  # of torchvision's DenseNet, at about the same shares of the image side
        "tutorial": ("denseblock1", "conv0 denseblock1 denseblock2"),
        "gatys": ("denseblock3", "conv0 denseblock1 denseblock2 denseblock3"),
        "first": ("conv0", "conv0"),
    },
}
PRESETS = tuple(_VGG)
LITE = "tf_efficientnet_lite0"  # whose ImageNet weights an installed package carries
NETWORKS = ("auto", "vgg11", "vgg13", "vgg16", "vgg19", LITE)
ENCODINGS = ("inverse", "depth")
_WEIGHTS = {  # as the title of a figure says it; a file is named
    Kind.IMAGENET: "ImageNet weights",
    Kind.NONE: "random weights",
    Kind.TRAINED: "weights trained for depth",
}


class Features(nn.Module):
    """The maps of some layers of a network that is not trained any further.

    Shapes: image float [B,3,H,W] in 0..1 -> dict of layer -> [B,C,h,w]. Layers are taken before the ReLU behind them, as
    the tutorial does.

    Args:
        trunk: names -> modules in the order of execution; what lies behind the last layer needed is left away.
        content, style: names of layers.
        network, origin: what it is, and where its weights come from.
        colours: mean and deviation of the RGB values that it expects, by default those of ImageNet.

    Raises:
        ValueError: for a layer that is not there.
    """

    def __init__(
        self,
        trunk: Mapping[str, nn.Module],
        content: Sequence[str],
        style: Sequence[str],
        *,
        network: str,
        origin: Origin,
        colours: Mapping[str, tuple[float, ...]] | None = None,
    ) -> None:
        super().__init__()
        self.content, self.style = tuple(content), tuple(style)
        unknown = [name for name in (*content, *style) if name not in trunk]
        if unknown or not content or not style:
            raise ValueError(f"no layer {', '.join(unknown) or 'given'} in {network}; it has {', '.join(trunk)}")
        names = list(trunk)
        names = names[: 1 + max(names.index(name) for name in (*content, *style))]
        # ReLU that overwrites its input would overwrite what is handed out
        self.trunk = nn.ModuleDict({n: nn.ReLU() if isinstance(trunk[n], nn.ReLU) else trunk[n] for n in names})
        self.network, self.origin, self.colours = network, origin, dict(colours or {})
        self._whole = dict(trunk)  # not a part of the model: only for `at`
        self.requires_grad_(False).eval()

    def at(self, layers: str) -> Features:
        """The same network with the same weights at other layers, one of `PRESETS`."""
        content, style = _layers(self.network.lower().replace("-", ""), layers)
        return Features(self._whole, content, style, network=self.network, origin=self.origin, colours=self.colours)

    @property
    def kind(self) -> str:
        """What made a figure, for its title: network and kind of weights."""
        return f"{self.network}, {_WEIGHTS.get(self.origin.kind, self.origin.detail)}"

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that stand for network, layers and every weight."""
        key = zlib.crc32(
            f"{self.network} {self.content} {self.style} {[type(m).__name__ for m in self.trunk.values()]}".encode()
        )
        for value in self.state_dict().values():
            key = zlib.crc32(value.detach().cpu().contiguous().numpy().tobytes(), key)
        return f"{key:08x}"

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        check_image(image)
        x, found = normalise(image, **self.colours), {}
        for name, module in self.trunk.items():
            if isinstance(module, nn.MaxPool2d | nn.AvgPool2d) and min(x.shape[-2:]) < 2:
                raise ValueError(
                    f"pictures of {image.shape[-2]}x{image.shape[-1]} (H x W) are too small: nothing is left of them at "
                    f"{name} of {self.network}; take larger ones, or layers before it"
                )
            x = module(x)
            if name in self.content or name in self.style:
                found[name] = x
        return found


def network(name: str = "auto", layers: str = "tutorial", *, pretrained: str | os.PathLike = "auto") -> Features:
    """The network whose features are compared.

    Args:
        name: one of `NETWORKS`. `auto` is VGG-19, which Gatys et al. and Akondi took, where its ImageNet weights are in
            torch.hub's cache or `pretrained` is their file; else EfficientNet-Lite0, whose weights an installed package has.
        layers: one of `PRESETS`.
        pretrained: as `weights.imagenet.backbone` takes them.

    Raises:
        ValueError: for an unknown network or layers; and as `weights.imagenet.backbone`.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name!r}; expected one of {', '.join(NETWORKS)}")
    if name == "auto":
        given = pretrained not in ("auto", "none", "require")
        name = "vgg19" if given or weights.cached("vgg19") else LITE
    return lite(layers, pretrained=pretrained) if name == LITE else vgg(name, layers, pretrained=pretrained)


def lite(layers: str = "tutorial", *, pretrained: str | os.PathLike = "none") -> Features:
    """Layers of EfficientNet-Lite0: `stem` is its first convolution with what follows it, `block0` to `block6` its stages.

    Args:
        layers: one of `PRESETS`.
        pretrained: as for `weights.timm_networks.features`, which raises its errors.
    """
    content, style = _layers("efficientnetlite0", layers)
    net, colours, origin = timm_networks.features(LITE, pretrained)
    trunk: dict[str, nn.Module] = {"stem": nn.Sequential(net.conv_stem, net.bn1)}
    trunk |= {f"block{number}": block for number, block in enumerate(net.blocks)}
    return Features(trunk, content, style, network="EfficientNet-Lite0", origin=origin, colours=colours)


def vgg(
    network: str = "vgg19",
    layers: str = "tutorial",
    *,
    pooling: str = "max",
    pretrained: str | os.PathLike = "none",
) -> Features:
    """Layers of a VGG network, named as in its paper: conv2_1 is the first convolution after the first pooling.

    Args:
        network: vgg11, vgg13, vgg16 or vgg19.
        layers: one of `PRESETS`.
        pooling: `max`, or `average`, which Gatys et al. found to give slightly more appealing pictures.
        pretrained: as for `weights.imagenet.backbone`; `origin` of the result says what that gave.

    Raises:
        ValueError: for anything else.
    """
    if pooling not in ("max", "average"):
        raise ValueError(f"unknown pooling {pooling!r}; expected max or average")
    content, style = _layers(network, layers)
    net, origin = weights.backbone(network, pretrained)
    trunk, block, place = {}, 1, 0
    for module in net.features:
        if isinstance(module, nn.MaxPool2d):
            trunk[f"pool{block}"] = module if pooling == "max" else nn.AvgPool2d(2)
            block, place = block + 1, 0
        else:
            place += isinstance(module, nn.Conv2d)
            trunk[f"{type(module).__name__.lower()[:4]}{block}_{place}"] = module
    return Features(trunk, content, style, network=network.upper().replace("VGG", "VGG-"), origin=origin)


def depth_encoder(model: DenseDepth, layers: str = "tutorial", *, origin: Origin) -> Features:
    """Layers of the encoder of a depth network of notebook 05; names of layers as torchvision gives them.

    Args:
        layers: one of `PRESETS`.
        origin: where the weights come from.

    Source: Akondi, section 5.3.3, which wishes for models "specifically designed for depth" in place of VGG-19.
    """
    content, style = _layers("depth encoder", layers)
    return Features(dict(model.features.named_children()), content, style, network="depth encoder", origin=origin)


def _layers(network: str, layers: str) -> tuple[list[str], list[str]]:
    if network not in LAYERS:
        known = ", ".join(sorted(name for name in LAYERS if name.startswith("vgg")))
        raise ValueError(f"unknown network {network!r}; expected one of {known}")
    if layers not in LAYERS[network]:
        raise ValueError(f"unknown layers {layers!r}; expected one of {', '.join(PRESETS)}")
    content, style = LAYERS[network][layers]
    return content.split(), style.split()


def gram(features: Tensor, *, normalised: bool = True) -> Tensor:
    r"""Gram matrix of a layer: how strongly each two channels occur together, wherever that may be.

    Args:
        features: [B,C,H,W].
        normalised: False: not divided, so that it grows with the size of the picture.

    Returns:
        [B,C,C], symmetric: the sum over all pixels of the products of two channels, divided by C H W.

    Source: Gatys et al. 2016, equation 3 (without the division, which there stands in equation 4); the division by all
    elements is the tutorial's.

    >>> gram(torch.tensor([[[[1.0, 0.0]], [[2.0, 1.0]]]]), normalised=False)
    tensor([[[1., 2.],
             [2., 5.]]])
    """
    if features.ndim != 4:
        raise ValueError(f"expected the maps of a layer, [B,C,H,W], found shape {tuple(features.shape)}")
    flat = features.flatten(2)
    product = flat @ flat.transpose(1, 2)
    return product / flat[0].numel() if normalised else product


class Distances(nn.Module):
    """How far pictures are from their contents and from their styles; both unweighted, one number a picture.

    Called with pictures [B,3,H,W], it returns (content [B], style [B]): sums over the layers of the mean squared differences of
    the maps, and of the Gram matrices.

    Args:
        contents, styles: [B,3,H,W] (styles may have another size, and values above 1, as depth in metres has).
        normalised: that of `gram`.

    Source: Gatys et al. 2016, equations 1 and 3 to 5; means in place of their sums, as in the tutorial.
    """

    def __init__(self, features: Features, contents: Tensor, styles: Tensor, *, normalised: bool = True) -> None:
        super().__init__()
        if len(contents) != len(styles):
            raise ValueError(f"{len(contents)} contents and {len(styles)} styles: every picture needs one of each")
        self.features, self.normalised = features, normalised
        with torch.no_grad():
            maps = features(contents)
            self.contents = {name: maps[name] for name in features.content}
            maps = features(styles)
            self.styles = {name: gram(maps[name], normalised=normalised) for name in features.style}

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.features(pictures)
        content = [(maps[name] - wanted).square().mean((1, 2, 3)) for name, wanted in self.contents.items()]
        style = [
            (gram(maps[name], normalised=self.normalised) - wanted).square().mean((1, 2))
            for name, wanted in self.styles.items()
        ]
        return torch.stack(content).sum(0), torch.stack(style).sum(0)


def grey(pictures: Tensor) -> Tensor:
    """Brightness of RGB pictures [B,3,H,W] -> [B,1,H,W], with the weights of ITU-R BT.601, as PIL converts to grey.

    >>> round(grey(torch.ones(1, 3, 1, 1)).item(), 6)
    1.0
    """
    return (pictures * pictures.new_tensor((0.299, 0.587, 0.114)).view(3, 1, 1)).sum(-3, keepdim=True)


def as_picture(depth: Tensor, valid: Tensor, encoding: str, *, max_depth: float, coloured: bool = False) -> Tensor:
    """Depth maps as pictures [B,3,H,W] in 0..1, to be the style of others.

    Args:
        depth: [B,1,H,W] metres.
        valid: bool.
        encoding: `depth`: far is bright, white is `max_depth` (metres); `inverse`: near is bright, proportional to inverse
            depth, white the nearest valid hundredth of each map. Holes get the mean of the map.
        coloured: from blue to yellow instead of black to white; brightness still grows with the encoded number.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"unknown encoding {encoding!r}; expected one of {', '.join(ENCODINGS)}")
    safe = torch.where(valid, depth, 1.0)
    if encoding == "depth":
        values = safe / max_depth
    else:
        near = torch.where(valid, depth, torch.nan).flatten(1).nanquantile(0.01, dim=1).view(-1, 1, 1, 1)
        values = near.nan_to_num(1.0) / safe
    values = values.clamp(0, 1)
    count = valid.sum((1, 2, 3), keepdim=True).clamp(min=1)
    mean = torch.where(valid, values, 0.0).sum((1, 2, 3), keepdim=True) / count
    values = torch.where(valid, values, mean)
    return torch.cat([values, values, 1 - values], 1) if coloured else values.expand(-1, 3, -1, -1).contiguous()


def as_inverse_depth(pictures: Tensor, encoding: str) -> Tensor:
    """Pictures [B,3,H,W] read as `as_picture` writes them: inverse depth [B,1,H,W] up to scale and shift.

    Black of the encoding `depth` would be infinitely near, and counts as one of 255 steps.
    """
    brightness = grey(pictures)
    return brightness if encoding == "inverse" else 1 / brightness.clamp(min=1 / 255)
