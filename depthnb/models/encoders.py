"""Image networks as encoders: their features at every scale, for the methods that build a decoder on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST = 32  # pixels a side: the encoder halves five times


class Encoder(nn.Module):
    """The features of a torchvision ResNet, ResNeXt or DenseNet at H/2, H/4, H/8, H/16 and H/32.

    net: the classification network; its last layers are left out. `channels` are those of the five feature maps. Source:
    the layers that BTS takes its skips from.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.dense = hasattr(net, "features")
        if self.dense:
            part = net.features
            stages = [
                nn.Sequential(part.conv0, part.norm0, part.relu0),
                part.pool0,
                nn.Sequential(part.denseblock1, part.transition1),
                nn.Sequential(part.denseblock2, part.transition2),
                nn.Sequential(part.denseblock3, part.transition3, part.denseblock4, part.norm5, nn.ReLU()),
            ]
        else:
            stages = [nn.Sequential(net.conv1, net.bn1, net.relu), nn.Sequential(net.maxpool, net.layer1)]
            stages += [net.layer2, net.layer3, net.layer4]
        self.stages = nn.ModuleList(stages)
        self.eval()
        with torch.no_grad():
            self.channels = tuple(feature.shape[1] for feature in self(torch.zeros(1, 3, SMALLEST, SMALLEST)))
        self.train()

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features

    def smallest(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of the deepest features of an image of (H, W): strided convolutions round up, DenseNet's pooling down."""
        return tuple(-(-n // 4) // 8 if self.dense else -(-n // 32) for n in size)
