"""View synthesis: the true depth and motion give the other picture; a pixel outside has no say; motions are rigid."""

import pytest
import torch
from walls import SIZE, K, film, pose, seen

from depthnb.models.warping import rigid_motion, warp


def test_true_depth_and_motion_give_the_other_picture_and_its_depth():
    given = film()
    for number in range(2):
        place = {key: given[key] for key in ("depth", "intrinsics")} | {"motion": given["motion"][:, number]}
        found = warp(given["sources"][:, number], **place)
        assert 0.7 < found.inside.float().mean() < 1
        off = (found.image - given["image"]).abs().amax(1, keepdim=True)[found.inside]
        unmoved = (given["sources"][:, number] - given["image"]).abs().amax(1, keepdim=True)[found.inside]
        assert off.max() < 0.02 < 0.1 < unmoved.mean()  # what bilinear reading leaves
        assert (found.image[~found.inside.expand(-1, 3, -1, -1)] == 0).all()


def test_the_depth_from_the_source_camera_is_the_one_that_it_sees():
    target, source = pose(0, 0, 0, 0, 0, 0), pose(0.02, 0.05, -0.01, 0.1, 0.02, 0.3)
    depth, other = seen(target)[1][None], seen(source)[1][None]
    found = warp(other, depth=depth, intrinsics=K[None], motion=(torch.linalg.inv(source) @ target)[None])
    assert ((found.image / found.depth - 1).abs()[found.inside] < 1e-3).all()


def test_no_motion_is_the_picture_itself_up_to_its_border():
    image, depth = (each[None] for each in seen(pose(0, 0, 0, 0, 0, 0)))
    found = warp(image, depth=depth, intrinsics=K[None], motion=torch.eye(4)[None])
    assert found.inside.all() and torch.allclose(found.image, image, atol=1e-4)


def test_a_step_moves_pixels_by_focal_length_times_step_over_depth():
    columns = torch.arange(SIZE[1]).float().expand(1, 1, *SIZE).contiguous()
    motion = torch.eye(4)[None].clone()
    motion[0, 0, 3] = -0.1  # the source camera stands 10 cm to the right
    found = warp(columns, depth=torch.full((1, 1, *SIZE), 2.0), intrinsics=K[None], motion=motion)
    assert torch.allclose((found.image - columns)[found.inside], torch.tensor(-60 * 0.1 / 2), atol=1e-3)
    assert not found.inside[..., :3].any() and found.inside[..., 3:].all()


def test_behind_the_camera_and_far_outside_nothing_is_seen_and_gradients_are_finite():
    image, _ = seen(pose(0, 0, 0, 0, 0, 0))
    depth = torch.full((1, 1, *SIZE), 2.0, requires_grad=True)
    for step in ((0.0, 0.0, -2.0), (0.0, 0.0, -2.001), (1e6, 0.0, 0.0), (0.0, 0.0, -5.0)):
        numbers = torch.tensor([[0.0, 0, 0, *step]], requires_grad=True)
        found = warp(image[None], depth=depth, intrinsics=K[None], motion=rigid_motion(numbers))
        assert not found.inside.any()
        for grad in torch.autograd.grad(found.image.sum(), (depth, numbers)):
            assert grad.isfinite().all() and not grad.any()


def test_gradients_reach_depth_and_motion_inside_alone():
    given = film()
    depth = given["depth"].requires_grad_()
    numbers = torch.zeros(1, 6, requires_grad=True)
    motion = rigid_motion(numbers) @ given["motion"][:, 0]
    found = warp(given["sources"][:, 0], depth=depth, intrinsics=given["intrinsics"], motion=motion)
    of_depth, of_motion = torch.autograd.grad(found.image.square().mean(), (depth, numbers))
    assert of_depth.isfinite().all() and not of_depth[~found.inside].any() and of_depth[found.inside].any()
    assert of_motion.isfinite().all() and (of_motion != 0).all()


def test_six_numbers_make_a_rigid_motion_and_no_numbers_none():
    numbers = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 0.3, 50)[:, None]
    motion = rigid_motion(numbers)
    turn = motion[:, :3, :3]
    assert torch.allclose(turn @ turn.transpose(1, 2), torch.eye(3).expand(50, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(turn), torch.ones(50), atol=1e-5)
    assert torch.equal(motion[:, :3, 3], numbers[:, 3:])
    cross = torch.zeros(50, 3, 3)
    cross[:, 2, 1] = cross[:, 0, 2] = cross[:, 1, 0] = 1
    x, y, z = numbers[:, :3].unbind(1)
    zero = torch.zeros_like(x)
    by_torch = torch.matrix_exp(torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3))
    assert torch.allclose(turn, by_torch, atol=1e-5)
    still = torch.zeros(1, 6, requires_grad=True)
    made = rigid_motion(still)
    assert torch.allclose(made[0], torch.eye(4), atol=1e-6)
    (grad,) = torch.autograd.grad(made[0, 0, 1] + made[0, 2, 3], still)
    assert grad.isfinite().all() and grad[0, 2] == -1 and grad[0, 5] == 1


def test_shapes_that_do_not_fit_are_refused():
    image, depth = (each[None] for each in seen(pose(0, 0, 0, 0, 0, 0)))
    with pytest.raises(ValueError, match=r"depth is \[1, 1, 48, 60\]; expected \[1,1,48,64\]"):
        warp(image, depth=depth[..., :60], intrinsics=K[None], motion=torch.eye(4)[None])
    with pytest.raises(ValueError, match=r"motion \[4, 4\]; expected"):
        warp(image, depth=depth, intrinsics=K[None], motion=torch.eye(4))
