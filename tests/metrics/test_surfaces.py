"""Bumps of a surface, measured on known surfaces."""

import pytest
import torch

from depthnb import data, evaluation
from depthnb.evaluation import Constant
from depthnb.metrics import surfaces

K = torch.tensor([[50.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
SIZE = (48, 64)


def plane(normal=(0.3, -0.5, 1.0), distance=3.0) -> torch.Tensor:
    """Depth [1,1,H,W] of a tilted plane seen by K."""
    v, u = torch.meshgrid(torch.arange(SIZE[0]).double(), torch.arange(SIZE[1]).double(), indexing="ij")
    ray = torch.stack([(u - 31.5) / 50, (v - 23.5) / 60, torch.ones_like(u)])
    return (distance / (torch.tensor(normal).double().view(3, 1, 1) * ray).sum(0))[None, None].float()


def residual(pred, depth=None, valid=None, K=K, **options):
    depth = plane() if depth is None else depth
    valid = torch.ones_like(depth, dtype=torch.bool) if valid is None else valid
    given = {"protocol": "rooms", **options}
    return surfaces.plane_residual(pred=pred, depth=depth, valid=valid, intrinsics=K[None], **given)


def test_every_plane_is_flat_and_only_with_the_right_camera():
    assert residual(plane()).item() < 1e-6
    assert residual(plane((0.1, 0.2, 1.0), 7.0)).item() < 1e-6, "another plane than the truth is flat too"
    assert residual(torch.full((1, 1, *SIZE), 2.0)).item() < 1e-6, (
        "a blank image is perfect: that is why edges stand beside"
    )


@pytest.mark.parametrize("height", [0.001, 0.01])
def test_noise_is_measured_in_parts_of_the_distance(height):
    wall = torch.full((1, 1, *SIZE), 4.0)
    noise = torch.randn(wall.shape, generator=torch.Generator().manual_seed(0))
    measured = residual(wall * (1 + height * noise), depth=wall).item()
    assert measured == pytest.approx(height, rel=0.1)


def test_only_squares_where_the_truth_is_flat_count():
    depth = plane()
    depth[..., 32:] *= 1 + 0.1 * torch.rand(SIZE[0], 32, generator=torch.Generator().manual_seed(0))
    pred = plane()
    pred[..., 32:] = torch.rand(SIZE[0], 32) + 1  # rubbish where it does not count
    assert residual(pred, depth).item() < 1e-6
    assert residual(plane(), depth[..., 32:].expand(1, 1, *SIZE[:1], 32).repeat(1, 1, 1, 2)).isnan()


def test_invalid_pixels_single_lines_and_unknown_cameras_do_not_count():
    pred, depth = plane(), plane()
    valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    depth[~valid], pred[~valid] = torch.nan, torch.inf
    assert residual(pred, depth, valid).item() < 1e-6
    assert residual(plane(), valid=torch.zeros_like(valid)).isnan()
    assert residual(plane(), K=torch.full((3, 3), torch.nan)).isnan()


def test_two_scan_lines_lie_in_a_plane_whatever_they_show():
    """So that they say nothing of bumps; from the third line on a bent surface shows."""
    bent = torch.full((1, 1, *SIZE), 4.0)
    bent += 0.2 * (torch.arange(SIZE[0]) % 16 / 8 - 1).square().view(-1, 1)  # a trough across every square
    for step, tells in ((16, False), (8, False), (4, True)):
        lines = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
        lines[..., ::step, :] = True
        across = lines.clone()
        across[:] = False
        across[..., ::step] = True
        for mask in (lines, across):
            measured = residual(bent, torch.full_like(bent, 4.0), mask)
            assert measured.isnan().item() is not tells
        if tells:
            assert residual(bent, torch.full_like(bent, 4.0), lines) > 0.005


def test_it_is_measured_as_it_is_scored():
    """Bumps of a few centimetres beyond the near and the far end are clipped away, as the score and the picture clip them."""
    noise = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(0))
    wall = torch.full_like(noise, 4.0)
    for pred in (0.01 + 0.04 * noise, 20 + 5 * noise):
        assert residual(pred, wall).item() < 1e-6
    assert residual(0.01 + 0.04 * noise, wall, protocol="nyu-v1") > 0.05, "from 1 mm on these are bumps"
    assert residual(20 + 5 * noise, wall, protocol="streets") > 0.01
    assert residual(wall, 3 * wall).isnan(), "a true depth beyond the range does not count"


def test_flatness_reads_the_stored_frames_and_leaves_the_truth_nearly_flat():
    test = data.open("rooms", split="test", size=(48, 64))
    frames = range(0, len(test), 40)
    found = evaluation.flatness({"blank": Constant(torch.full((1, 48, 64), 2.0))}, test, frames)
    assert found["blank"].shape == found["truth"].shape == (len(frames),)
    assert found["blank"].max() < 1e-5 < 1e-4 < found["truth"].min()  # rooms stores steps of 2 mm
    assert found["truth"].max() < 0.003


def turned(pred, depth=None, valid=None, K=K):
    depth = plane() if depth is None else depth
    valid = torch.ones_like(depth, dtype=torch.bool) if valid is None else valid
    return surfaces.normal_error(pred=pred, depth=depth, valid=valid, intrinsics=K[None], protocol="rooms").item()


def test_normals_know_the_tilt_and_not_the_scale():
    assert turned(plane()) < 1e-3 and turned(1.7 * plane()) < 1e-3
    one, other = (torch.tensor(each) for each in ((0.3, -0.5, 1.0), (0.0, 0.0, 1.0)))
    angle = torch.rad2deg(torch.acos((one @ other) / one.norm() / other.norm())).item()
    assert turned(plane((0.0, 0.0, 1.0))) == pytest.approx(angle, abs=1e-3)


def test_waves_that_abs_rel_hardly_sees_turn_a_wall():
    wall = torch.full((1, 1, *SIZE), 3.0)
    waves = wall * (1 + 0.01 * torch.sin(torch.arange(SIZE[1]).float()))
    assert ((waves - wall).abs() / wall).mean() < 0.01 and turned(waves, depth=wall) > 12


def test_normals_count_where_the_truth_is_one_surface():
    step = plane().clone()
    step[..., 32:] *= 2
    other = plane((0.0, 0.0, 1.0)).clone()
    assert turned(step, depth=step) < 1e-3, "the edge itself has no normal"
    assert torch.isnan(torch.tensor(turned(plane(), K=torch.full((3, 3), torch.nan))))
    nothing = torch.zeros(1, 1, *SIZE, dtype=torch.bool)
    assert torch.isnan(torch.tensor(turned(other, valid=nothing)))
    hole = torch.ones(1, 1, *SIZE, dtype=torch.bool)
    hole[..., 20:30, 20:30] = False
    wrong = torch.where(hole, plane(), torch.nan)
    assert turned(wrong, valid=hole) < 1e-3, "what is not valid says nothing"
