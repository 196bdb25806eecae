"""Local planar guidance: planes in, their very depth out."""

import math

import pytest
import torch

from depthnb.models.planes import STEEPEST, PlaneHead, local_planar_guidance


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_a_plane_in_space_comes_back_exactly(patch):
    """A tilted floor: its inverse depth is linear in the pixels, and every patch is told its own part of it."""
    height, width = 5, 7
    a, b, c = 0.004, 0.01, 0.2  # inverse depth = a x + b y + c at the pixel (x, y)
    y, x = torch.meshgrid(torch.arange(height * patch).double(), torch.arange(width * patch).double(), indexing="ij")
    depth = 1 / (a * x + b * y + c)
    middle = (patch - 1) / 2
    row, column = torch.meshgrid(torch.arange(height).double(), torch.arange(width).double(), indexing="ij")
    inverse = a * (column * patch + middle) + b * (row * patch + middle) + c  # in the middle of each patch
    normal = torch.stack([torch.full_like(inverse, a * patch), torch.full_like(inverse, b * patch), inverse])
    length = normal.norm(dim=0, keepdim=True)
    planes = torch.cat([normal / length, 1 / length])[None]
    found = local_planar_guidance(planes, patch)
    assert found.shape == (1, 1, height * patch, width * patch)
    assert torch.allclose(found[0, 0], depth, rtol=1e-12)


def test_one_constant_plane_has_its_constant_depth():
    planes = torch.tensor([0.0, 0.0, 1.0, 4.5]).view(1, 4, 1, 1).expand(2, 4, 3, 5)
    assert torch.equal(local_planar_guidance(planes, 8), torch.full((2, 1, 24, 40), 4.5))


def head_that_says(tilt: float, turn: float, distance: float, **options) -> PlaneHead:
    """A head whose three outputs are these, whatever it sees; 0..1 each."""
    head = PlaneHead(8, 4, **options)
    torch.nn.init.zeros_(head.reduce[-1].weight)
    logits = torch.tensor([tilt, turn, distance]).double().logit()
    head.reduce[-1].bias.data = logits.float()
    return head


def test_the_angles_are_those_of_the_normal():
    tilt, turn, distance = 0.6, 0.3, 0.25
    found = head_that_says(tilt, turn, distance, max_depth=20.0)(torch.rand(1, 8, 2, 3))
    theta, phi = STEEPEST * tilt, 2 * math.pi * turn
    for v in range(4):
        for u in range(4):
            x, y = (u + 0.5) / 4 - 0.5, (v + 0.5) / 4 - 0.5
            below = math.sin(theta) * (math.cos(phi) * x + math.sin(phi) * y) + math.cos(theta)
            assert found[0, 0, 4 + v, 4 + u].item() == pytest.approx(20.0 * distance / below, rel=1e-4)


@pytest.mark.parametrize("turn", [0.125, 0.375, 0.625, 0.875])  # towards each corner
def test_the_steepest_plane_stays_in_front_of_the_camera(turn):
    for distance in (1e-6, 0.5, 1 - 1e-6):
        head = head_that_says(1 - 1e-6, turn, distance, max_depth=80.0)
        found = head(torch.rand(1, 8, 2, 2))
        assert (found >= 1e-3).all() and (found <= 80).all() and found.isfinite().all()
        found.sum().backward()
        assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
