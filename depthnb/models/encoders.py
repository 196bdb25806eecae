"""Image networks as encoders: their features at five scales, for every method that builds a decoder on them.

This is the one place that knows which families of networks there are and where each of them halves its map. A further
source of networks adds its families here, and no method changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional as F

from depthnb.models.blocks import check_image
from depthnb.weights import imagenet

SMALLEST = 32  # pixels a side: the encoder halves five times
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


class Encoder(nn.Module):
    """A classification network of torchvision without its last layers.

    Shapes: normalised image float [B,3,H,W], H and W of at least 32 -> list of five feature maps, at H/2, H/4, H/8, H/16 and
    H/32 (rounded as the network's own layers round). The modules keep torchvision's names, so its weights fit.

    Args:
        name: of the network as torchvision spells it: resnet50, resnext50_32x4d, densenet169, ...
        pretrained: weights as `weights.imagenet.backbone` takes them; where they came from is kept in `origin`.

    Attributes:
        channels: of the five maps, finest first.
        origin: one sentence on where the weights come from.

    Raises:
        ValueError: for a network of another family, and as `weights.imagenet.backbone`.

    Source: the layers that BTS (arXiv:1907.10326) takes its skip connections from.
    """

    def __init__(self, name: str, pretrained: str | os.PathLike = "none") -> None:
        super().__init__()
        family = next((family for family in FAMILIES if name.startswith(family)), None)
        if family is None:
            raise ValueError(f"unknown encoder {name!r}; expected a network of torchvision from {', '.join(FAMILIES)}")
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
        """(H, W) of the deepest features of an image of (H, W): strided convolutions round up, DenseNet's pooling down."""
        return tuple(-(-side // 4) // 8 if self.dense else -(-side // 32) for side in size)


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
