"""Outlines of things, found within a few pixels."""

import pytest
import torch

from depthnb.metrics.boundaries import boundary_f1


def box(shift: int = 0, *, near: float = 1.0, far: float = 3.0, size=(24, 32)) -> torch.Tensor:
    depth = torch.full((1, 1, *size), far)
    depth[..., 6:18, 8 + shift : 24 + shift] = near
    return depth


def f1(pred, depth=None, valid=None, **options):
    depth = box() if depth is None else depth
    valid = torch.ones_like(depth, dtype=torch.bool) if valid is None else valid
    return boundary_f1(pred=pred, depth=depth, valid=valid, protocol="rooms", **options)


def test_the_truth_and_any_scale_of_it_are_right():
    assert f1(box()) == 1 and f1(2 * box()) == 1 and f1(box(near=2.0)) == 1, "a step is a step"


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_a_shift_is_forgiven_within_the_radius(shift):
    scores = [f1(box(shift), radius=radius).item() for radius in range(5)]
    assert scores == sorted(scores) and scores[shift] == 1 and scores[shift - 1] < 1


def test_nothing_and_noise():
    assert f1(torch.full_like(box(), 2.0)) == 0
    noise = 2 + torch.rand(box().shape, generator=torch.Generator().manual_seed(0)) * 2
    assert f1(noise, radius=1) < 0.6
    assert f1(box(), depth=torch.full_like(box(), 2.0)).isnan(), "no boundary in the truth"


def test_sparse_truth_has_no_boundaries():
    valid = torch.zeros(1, 1, 24, 32, dtype=torch.bool)
    valid[..., ::3, :] = True
    assert f1(box(), valid=valid).isnan()


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="radius is -1"):
        f1(box(), radius=-1)
    with pytest.raises(ValueError, match="a factor above 1"):
        f1(box(), step=1.0)
