"""Local planar guidance: a coarse map of planes that becomes a depth map at full size (BTS)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STEEPEST = math.pi / 4  # of a plane to the image; from 55 degrees on, a corner of the patch could lie behind the camera
NEAREST = 1e-3  # metres; the logarithm of a depth of 0 would be minus infinity


def local_planar_guidance(planes: Tensor, patch: int) -> Tensor:
    r"""The depth of every pixel, from one plane for each square patch of pixels.

    A patch is the pixels that one pixel of the coarse map stands for. Across a plane in space, inverse depth is linear in the
    pixel coordinates, so with the patch's own coordinates $u, v$ the depth is $n_4 / (n_1 u + n_2 v + n_3)$.

    Args:
        planes: [B,4,h,w]: $n_1, n_2, n_3$ and $n_4$ in metres, which is the depth in the middle of the patch times $n_3$.
        patch: its side in pixels.

    Returns:
        [B,1,h * patch,w * patch], metres. The coordinates $u$ (to the right) and $v$ (down) are 0 in the middle of the patch
        and 1/2 at its borders, taken at the centres of the pixels.

    Source: BTS (arXiv:1907.10326), section 3.3, equation 1.

    >>> facing = torch.tensor([0.0, 0.0, 1.0, 3.0]).view(1, 4, 1, 1)  # 3 m away, parallel to the image
    >>> local_planar_guidance(facing, 2)
    tensor([[[[3., 3.],
              [3., 3.]]]])
    """
    height, width = planes.shape[-2:]
    n1, n2, n3, n4 = planes.repeat_interleave(patch, -2).repeat_interleave(patch, -1).split(1, 1)
    step = (torch.arange(patch, dtype=planes.dtype, device=planes.device) + 0.5) / patch - 0.5
    u, v = step.repeat(width), step.repeat(height)[:, None]
    return n4 / (n1 * u + n2 * v + n3)


class PlaneHead(nn.Module):
    r"""Estimates a plane for every pixel of a coarse map, and from it the depth of every pixel of its patch.

    Shapes: features [B,C,h,w] -> depth float32 [B,1,h * patch,w * patch] in metres, between 1 mm and `max_depth`.

    1x1 convolutions halve the channels again and again until three are left: two angles, from which the unit normal is made
    ($n_1 = \sin\theta \cos\varphi$, $n_2 = \sin\theta \sin\varphi$, $n_3 = \cos\theta$), and the distance $n_4$.

    Args:
        channels: of the features.
        patch: side in pixels of the image for each pixel of the features.
        max_depth: metres.

    Source: BTS (arXiv:1907.10326), section 3.3: the reduction, the two angles, the sigmoid times the largest distance.
    Deviations: the tilt ends at 45 degrees, so that the depth is positive in every corner; the depth is clipped to the range.
    """

    def __init__(self, channels: int, patch: int, *, max_depth: float) -> None:
        super().__init__()
        self.patch, self.max_depth = patch, float(max_depth)
        layers: list[nn.Module] = []
        while channels // 2 > 3:
            layers += [nn.Conv2d(channels, channels // 2, 1), nn.ELU()]
            channels //= 2
        self.reduce = nn.Sequential(*layers, nn.Conv2d(channels, 3, 1))

    def forward(self, features: Tensor) -> Tensor:
        tilt, turn, distance = self.reduce(features).float().sigmoid().split(1, 1)
        theta, phi = STEEPEST * tilt, 2 * math.pi * turn
        normal = (theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos())
        planes = torch.cat([*normal, self.max_depth * distance], 1)
        return local_planar_guidance(planes, self.patch).clamp(NEAREST, self.max_depth)
