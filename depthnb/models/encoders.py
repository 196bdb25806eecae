"""Image networks as encoders: their features at five scales, for every method that builds a decoder on them.

This is the one place that knows which families of networks there are and where each of them halves its map. A further
source of networks adds its families here, and no method changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models.blocks import check_image, normalise
from depthnb.weights import imagenet, timm_networks
from depthnb.weights.origin import Origin

SMALLEST = 32  # pixels a side: the encoder halves five times
STRIDES = (2, 4, 8, 16, 32)  # how often smaller than the image the five maps are
# family -> the layers of torchvision after which the map is kept, at H/2, H/4, H/8, H/16 and H/32
_RESNET = ("relu", "layer1", "layer2", "layer3", "layer4")
FAMILIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "resnet": _RESNET,
        "resnext": _RESNET,
        "wide_resnet": _RESNET,
        "densenet": ("relu0", "pool0", "transition1", "transition2", "norm5"),
    }
)
_HEAD = ("avgpool", "fc")  # what a ResNet has behind its last map


def build(name: str, pretrained: str | os.PathLike = "none") -> Encoder:
    """A classification network without its last layers.

    Args:
        name: of a ResNet, ResNeXt or DenseNet as torchvision spells it (resnet50, resnext50_32x4d, densenet169, ...); any
            other name is one of timm's (tf_efficientnet_lite0, mobilenetv3_large_100, convnext_tiny, ...).
        pretrained: weights as `weights.imagenet.backbone` takes them.

    Raises:
        ValueError: for an unknown network, one without the five maps, and as `weights.imagenet.backbone`.
    """
    family = name.startswith(tuple(FAMILIES)) and name in torchvision.models.list_models(module=torchvision.models)
    return TorchvisionEncoder(name, pretrained) if family else TimmEncoder(name, pretrained)


class Encoder(nn.Module):
    """What decoders know of an encoder, whatever network it is.

    Shapes: normalised image float [B,3,H,W], H and W of at least 32 -> list of five feature maps, at H/2, H/4, H/8, H/16 and
    H/32 (rounded as the network's own layers round).

    Attributes:
        channels: of the five maps, finest first.
        origin: where the weights come from.
        colours: mean and deviation of the RGB values, for `normalise`.
    """

    channels: tuple[int, ...]
    origin: Origin
    colours: Mapping[str, tuple[float, ...]] = MappingProxyType({})
    frozen: tuple[nn.Module, ...] = ()

    def freeze(self, share: float) -> None:
        """Keep the first layers as they are: no gradient reaches them, and their batch normalisations learn nothing.

        Only layers that weights exist for are frozen; what brings a map of timm to deviation 1 goes on following the data.

        Args:
            share: of the layers that have weights, from the image on: 0 for none, 1 for all.

        Raises:
            ValueError: for a share outside 0..1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share of frozen layers must be in 0..1, found {share}")
        layers = [module for module in self._network().modules() if list(module.parameters(recurse=False))]
        self.frozen = tuple(layers[: round(share * len(layers))])
        for i, layer in enumerate(layers):
            layer.requires_grad_(i >= len(self.frozen))
        self.train(self.training)

    def _network(self) -> nn.Module:
        """The layers that weights exist for."""
        return self

    def train(self, mode: bool = True) -> Encoder:
        super().train(mode)
        for layer in self.frozen:
            layer.eval()
        return self

    def normalise(self, image: Tensor) -> Tensor:
        """RGB images 0..1 [B,3,H,W] as this network's weights expect them."""
        return normalise(image, **self.colours)

    def check(self, image: Tensor) -> None:
        """Refuse what this encoder cannot take.

        Args:
            image: float [B,3,H,W].

        Raises:
            ValueError: for what is no batch of RGB images of at least 32 pixels a side; in training also for a single image
                so small that batch normalisation would have one value per channel.
        """
        check_image(image, minimum=SMALLEST)
        if self.training:
            refuse_single_value(image, self.smallest(image.shape[-2:]))

    def smallest(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of the deepest features of an image of (H, W)."""
        return tuple(-(-side // 32) for side in size)


class TorchvisionEncoder(Encoder):
    """A ResNet, ResNeXt or DenseNet of torchvision. The modules keep torchvision's names, so its weights fit.

    Source: the layers that BTS (arXiv:1907.10326) takes its skip connections from.
    """

    def __init__(self, name: str, pretrained: str | os.PathLike = "none") -> None:
        super().__init__()
        family = next(family for family in FAMILIES if name.startswith(family))
        net, self.origin = imagenet.backbone(name, pretrained)
        self.kept, self.dense = FAMILIES[family], family == "densenet"
        for key, layer in getattr(net, "features", net).named_children():
            if key not in _HEAD:
                self.add_module(key, layer)
        self.channels = self._channels()

    def _channels(self) -> tuple[int, ...]:
        layers = dict(self.named_children())
        if self.dense:
            stem = self.conv0.out_channels
            halved = (layers[key].conv.out_channels for key in ("transition1", "transition2"))
            return (stem, stem, *halved, self.norm5.num_features)
        widths = [self.conv1.out_channels]
        for key in self.kept[1:]:
            last = layers[key][-1]
            widths.append(getattr(last, "conv3", last.conv2).out_channels)
        return tuple(widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for key, layer in self.named_children():
            x = layer(x)
            if key in self.kept:
                features.append(
                    F.relu(x) if key == "norm5" else x
                )  # DenseNet's last layer is functional in torchvision
        return features

    def smallest(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of the deepest features: strided convolutions round up, DenseNet's pooling rounds down."""
        return tuple(-(-side // 4) // 8 for side in size) if self.dense else super().smallest(size)


class TimmEncoder(Encoder):
    """A network of timm that gives feature maps, each brought to mean 0 and deviation 1 by a batch normalisation.

    A trained network's maps have deviations from 0.1 to 20, and the first weights of decoders suppose 1. On the raw maps a
    decoder without a normalisation of its own begins far off, and may stay there. Where the network has no map at H/2
    (ConvNeXt begins at H/4), the image itself at half its size stands there: what a decoder wants of the finest map is detail.
    """

    def __init__(self, name: str, pretrained: str | os.PathLike = "none") -> None:
        super().__init__()
        self.net, self.colours, self.origin = timm_networks.features(name, pretrained)
        strides, channels = self.net.feature_info.reduction(), self.net.feature_info.channels()
        self.kept = tuple(i for i, stride in enumerate(strides) if stride in STRIDES)
        found = tuple(strides[i] for i in self.kept)
        self.whole = found == STRIDES
        if not (self.whole or found == STRIDES[1:]) or not self._takes_any_size(channels[-1]):
            raise ValueError(
                f"encoder {name!r} gives no maps at {', '.join(f'1/{stride}' for stride in STRIDES)} of images of any size; "
                "choose a convolutional network, such as tf_efficientnet_lite0"
            )
        self.channels = (*(() if self.whole else (3,)), *(channels[i] for i in self.kept))
        self.standardise = nn.ModuleList(
            nn.BatchNorm2d(count, affine=False) for count in self.channels[-len(self.kept) :]
        )

    def _network(self) -> nn.Module:
        return self.net

    @torch.no_grad()
    def _takes_any_size(self, deepest: int) -> bool:
        training = self.net.training
        try:
            last = self.net.eval()(torch.zeros(1, 3, 65, 97))[-1]
        except (AssertionError, RuntimeError):  # transformers that know one size, sums of maps that must fit
            return False
        finally:
            self.net.train(training)
        return last.shape[1] == deepest  # some put the channels last

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = self.net(x)
        features = [standard(maps[i]) for standard, i in zip(self.standardise, self.kept, strict=True)]
        return features if self.whole else [F.avg_pool2d(x, 2, ceil_mode=True), *features]


def parameter_groups(net: nn.Module, encoder: nn.Module, *, learning_rate: float, encoder_rate: float) -> list[dict]:
    """Optimiser groups of a net: what begins at random, and its encoder, which has learnt before and should move less."""
    taught = list(encoder.parameters())
    ids = {id(parameter) for parameter in taught}
    new = [parameter for parameter in net.parameters() if id(parameter) not in ids]
    return [{"params": new, "lr": learning_rate}, {"params": taught, "lr": encoder_rate}]


def refuse_single_value(image: Tensor, smallest: tuple[int, int]) -> None:
    """Refuse a batch on which batch normalisation cannot train: one value per channel has no deviation.

    Args:
        image: [B,3,H,W].
        smallest: (H, W) of the smallest map that is normalised.

    Raises:
        ValueError: for a single image whose smallest map has one pixel.
    """
    if len(image) == 1 and smallest == (1, 1):
        raise ValueError(
            f"one image of {image.shape[-2]}x{image.shape[-1]} (H x W) leaves a single value per channel, on which batch "
            "normalisation cannot train; take a larger image, or batch_size 2 or more"
        )
