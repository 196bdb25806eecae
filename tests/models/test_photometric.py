"""The photometric loss: least at the true depth, blind to a common scale, deaf to what nobody sees and to what stands still."""

import pytest
import torch
from walls import SIZE, film

from depthnb.models.photometric import explained, photometric_error, photometric_loss, smoothness

FACTORS = (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.6)


def error_at(given, factor=1.0, **changes):
    return explained(**{**given, "depth": factor * given["depth"], **changes}).error.mean().item()


def test_the_error_is_0_for_equal_pictures_and_symmetric():
    a, b = torch.rand(2, 1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    assert photometric_error(a, a).max() < 1e-6
    assert torch.allclose(photometric_error(a, b), photometric_error(b, a), atol=1e-6)
    assert 0.2 < photometric_error(a, b).mean() < 1


def test_the_error_by_hand():
    """SSIM of a window from its definition, in float64."""
    a, b = torch.rand(2, 1, 3, 5, 5, generator=torch.Generator().manual_seed(1)).double()
    row, column, by_hand = 2, 1, 0.0
    for channel in range(3):
        x, y = (each[0, channel, row - 1 : row + 2, column - 1 : column + 2] for each in (a, b))
        mx, my, covariance = x.mean(), y.mean(), ((x - x.mean()) * (y - y.mean())).mean()
        ssim = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4)
        ssim /= (mx**2 + my**2 + 1e-4) * (x.var(correction=0) + y.var(correction=0) + 9e-4)
        by_hand += (0.85 * (1 - ssim) / 2 + 0.15 * (a - b)[0, channel, row, column].abs()) / 3
    assert torch.isclose(photometric_error(a, b)[0, 0, row, column], by_hand, atol=1e-9)


def test_with_poses_given_the_true_scale_is_best():
    given = film()
    errors = {factor: error_at(given, factor) for factor in FACTORS}
    assert min(errors, key=errors.get) == 1.0 and errors[1.0] < 0.5 * errors[0.8]
    falling, rising = [errors[f] for f in FACTORS if f <= 1], [errors[f] for f in FACTORS if f >= 1]
    assert falling == sorted(falling, reverse=True) and rising == sorted(rising)


def test_a_common_scale_of_depth_and_steps_cannot_be_seen():
    given = film()
    for factor in FACTORS:
        motion = given["motion"].clone()
        motion[..., :3, 3] *= factor
        assert error_at(given, factor, motion=motion) == pytest.approx(error_at(given), rel=1e-3)


def test_the_gradient_at_a_wrong_scale_points_to_the_true_one():
    given = film()
    for factor, sign in ((0.85, -1), (1.15, 1)):
        log = torch.tensor(factor).log().requires_grad_()
        loss, _ = photometric_loss(**{**given, "depth": given["depth"] * log.exp()}, scales=2, smooth=0.0)
        (grad,) = torch.autograd.grad(loss, log)
        assert grad.isfinite() and grad * sign > 0


def test_identical_frames_are_masked():
    given = film()
    still = {**given, "sources": given["image"][:, None].repeat(1, 2, 1, 1, 1)}
    depth = given["depth"].clone().requires_grad_()
    found = explained(**{**still, "depth": depth})
    assert not found.counts.any() and found.error.max() < 1e-6
    loss, parts = photometric_loss(**{**still, "depth": depth}, smooth=0.0)
    assert not torch.autograd.grad(loss, depth, allow_unused=True)[0].any() and parts["counting"] == 0
    assert explained(**still, auto_mask=False).counts.float().mean() > 0.9


def test_a_pixel_outside_does_not_count():
    given = film()
    depth = given["depth"].clone().requires_grad_()
    away = torch.eye(4).expand(1, 2, 4, 4).clone()
    away[..., 0, 3] = 100.0
    found = explained(**{**given, "depth": depth, "motion": away})
    assert not found.counts.any()
    # looking away gains nothing: the error is that of the unmoved neighbours
    still = torch.cat([photometric_error(given["image"], each) for each in given["sources"].unbind(1)], 1).amin(1)
    assert torch.allclose(found.error[:, 0], still)
    assert explained(**{**given, "motion": away}, auto_mask=False).error.mean() == pytest.approx(still.mean().item())


def test_of_two_neighbours_the_better_one_counts_at_each_pixel():
    given = film()
    spoilt = given["sources"].clone()
    spoilt[:, 0, :, :, :32] = 0.0  # something stands before the first camera
    given = {**given, "sources": spoilt}
    least, mean = (explained(**given, minimum=minimum, auto_mask=False).error.mean() for minimum in (True, False))
    assert least < 0.35 * mean


def test_smoothness_is_about_the_picture_and_not_about_the_scale():
    step = torch.ones(1, 1, 8, 12)
    step[..., 6:] = 2
    flat, edge = torch.zeros(1, 3, 8, 12), torch.zeros(1, 3, 8, 12)
    edge[..., 6:] = 1
    assert smoothness(torch.ones_like(step), flat) == 0
    assert smoothness(step, edge) == pytest.approx(
        smoothness(step, flat).item() * torch.tensor(-1.0).exp().item(), rel=1e-5
    )
    assert smoothness(5 * step, flat).item() == pytest.approx(smoothness(step, flat).item(), rel=1e-5)


@pytest.mark.parametrize("size", [(48, 64), (47, 61)])
def test_gradients_are_finite_at_every_scale_and_odd_size(size):
    given = film(batch=2)
    cut = {
        key: value[..., : size[0], : size[1]] for key, value in given.items() if key in ("image", "sources", "depth")
    }
    depth = cut["depth"].clone().requires_grad_()
    loss, parts = photometric_loss(**{**given, **cut, "depth": depth}, scales=3)
    (grad,) = torch.autograd.grad(loss, depth)
    assert loss.isfinite() and grad.isfinite().all() and grad.any()
    assert set(parts) == {"photometric", "smoothness", "counting"}


def test_smaller_pictures_have_the_camera_of_their_size():
    """At half the size the true depth explains as well as at the full one."""
    given = film()
    for scales in (1, 2, 3):
        true, _ = photometric_loss(**given, scales=scales, smooth=0.0)
        wrong, _ = photometric_loss(**{**given, "depth": 0.85 * given["depth"]}, scales=scales, smooth=0.0)
        assert true < 0.6 * wrong


def test_too_many_scales_are_refused():
    with pytest.raises(ValueError, match="5 scales of a picture of 48x64"):
        photometric_loss(**film(), scales=5)
    with pytest.raises(ValueError, match="0 scales"):
        photometric_loss(**film(), scales=0)
