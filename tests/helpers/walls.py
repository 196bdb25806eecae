"""A painted, slanted wall seen by cameras anywhere before it: exact pictures and exact depth, for tests of view synthesis."""

from __future__ import annotations

import torch
from torch import Tensor

from depthnb.models.warping import rigid_motion

SIZE = (48, 64)
K = torch.tensor([[60.0, 0, 31.5], [0, 62.0, 23.5], [0, 0, 1]])
NORMAL, OFFSET = torch.tensor([0.25, -0.1, 1.0]), 3.0  # the wall: 0.25 x - 0.1 y + z = 3 m


def pose(*numbers: float) -> Tensor:
    """A pose [4,4], camera to world, from axis times angle and place."""
    return rigid_motion(torch.tensor([numbers]))[0]


def seen(
    camera: Tensor, intrinsics: Tensor = K, size: tuple[int, int] = SIZE, pace: float = 3.0
) -> tuple[Tensor, Tensor]:
    """Picture [3,H,W] and depth [1,H,W] of the wall from a pose; pace: how fast its colours change, in 1/m."""
    v, u = torch.meshgrid(torch.arange(size[0]).double(), torch.arange(size[1]).double(), indexing="ij")
    rays = torch.linalg.inv(intrinsics.double()) @ torch.stack([u, v, torch.ones_like(u)]).flatten(1)
    turn, place, normal = camera[:3, :3].double(), camera[:3, 3].double(), NORMAL.double()
    depth = (OFFSET - normal @ place) / (normal @ (turn @ rays))
    points = turn @ rays * depth + place[:, None]
    x, y = pace * points[0], pace * points[1]
    colours = torch.stack([x.sin() * y.cos(), (1.7 * x + 1).cos(), (1.3 * y - x).sin()])
    return (0.5 + 0.4 * colours).float().view(3, *size), depth.float().view(1, *size)


def film(*, batch: int = 1) -> dict[str, Tensor]:
    """A target with two neighbours, one to either side, as `Films` would hand them out, and its true depth."""
    middle = pose(0.02, -0.03, 0.01, 0.1, 0.05, -0.1)
    around = [pose(0.03, -0.05, 0.0, -0.02, 0.06, -0.08), pose(0.0, 0.0, 0.015, 0.22, 0.03, -0.12)]
    image, depth = seen(middle)
    sources = torch.stack([seen(each)[0] for each in around])
    motion = torch.stack([torch.linalg.inv(each) @ middle for each in around])
    one = {"image": image, "sources": sources, "depth": depth, "intrinsics": K, "motion": motion}
    return {name: value.expand(batch, *value.shape).clone() for name, value in one.items()}
