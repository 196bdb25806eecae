"""Alignment: equal to numpy's solvers, exact where it must be, defined where it is degenerate."""

from pathlib import Path

import numpy as np
import pytest
import torch

from depthnb.metrics.alignment import align, fit_scale_shift
from depthnb.metrics.protocols import ALIGNMENTS

REFERENCE = Path(__file__).parents[1] / "reference"


def maps(batch=3, height=12, width=15):
    random = torch.Generator().manual_seed(1)
    depth = 1 + 5 * torch.rand(batch, 1, height, width, generator=random)
    pred = 1 + torch.rand(depth.shape, generator=random)
    return pred, depth, torch.rand(depth.shape, generator=random) < 0.7


@pytest.mark.parametrize("how", [name for name in ALIGNMENTS if name != "none"])
def test_equals_numpy_image_by_image(how):
    pred, depth, valid = maps()
    aligned = align(pred=pred, depth=depth, valid=valid, how=how)
    for a, p, d, v in zip(
        aligned.double().numpy(), pred.double().numpy(), depth.double().numpy(), valid.numpy(), strict=True
    ):
        if how == "median":
            expected = p * np.median(d[v]) / np.median(p[v])
        elif how == "scale":
            expected = p * np.linalg.lstsq(p[v][:, None], d[v], rcond=None)[0][0]
        else:
            target = 1 / d if "inverse" in how else d
            scale, shift = np.linalg.lstsq(np.stack([p[v], np.ones(v.sum())], 1), target[v], rcond=None)[0]
            expected = scale * p + shift
            if "inverse" in how:
                expected = 1 / np.maximum(expected, 1 / d[v].max())
        np.testing.assert_allclose(a, expected, rtol=1e-5)


def test_none_returns_the_prediction_itself():
    pred, depth, valid = maps()
    assert align(pred=pred, depth=depth, valid=valid, how="none") is pred


@pytest.mark.parametrize(
    ("how", "distort"),
    [
        ("median", lambda d: 3 * d),
        ("scale", lambda d: 0.2 * d),
        ("scale-shift", lambda d: 0.2 * d + 7),
        ("scale-shift-inverse", lambda d: 4 / d + 9),
        ("scale-shift-inverse", lambda d: -4 / d),
    ],
)
def test_undoes_what_it_is_meant_to_undo(how, distort):
    _, depth, valid = maps()
    aligned = align(pred=distort(depth), depth=depth, valid=valid, how=how, max_depth=10.0)
    torch.testing.assert_close(aligned, depth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("how", ALIGNMENTS)
def test_what_is_under_the_mask_does_not_matter(how):
    pred, depth, valid = maps()
    dirty_depth, dirty_pred = depth.masked_fill(~valid, float("nan")), pred.masked_fill(~valid, float("inf"))
    clean = align(pred=pred, depth=depth, valid=valid, how=how)
    dirty = align(pred=dirty_pred, depth=dirty_depth, valid=valid, how=how)
    assert torch.equal(clean[valid], dirty[valid])


def test_four_pixels_of_an_ill_conditioned_image_equal_the_published_solution():
    stored = np.load(REFERENCE / "midas.npz")
    pred, target = (torch.from_numpy(stored[k]).double().view(1, 1, 1, -1) for k in ("pred", "inverse_depth"))
    scale, shift = fit_scale_shift(pred=pred, target=target, valid=torch.ones_like(pred, dtype=torch.bool))
    np.testing.assert_allclose([scale.item(), shift.item()], [stored["scale"], stored["shift"]], rtol=1e-11)
    np.testing.assert_allclose([scale.item(), shift.item()], stored["general_solver"], rtol=2e-6)
    scale, shift = fit_scale_shift(pred=pred.float(), target=target.float(), valid=pred > 0)
    np.testing.assert_allclose([scale.item(), shift.item()], [stored["scale"], stored["shift"]], rtol=1e-6)


def test_float32_keeps_its_digits_far_from_zero():
    # the normal equations in float32 lose this slope altogether
    pred = 1000 + torch.linspace(0, 1, 1000).view(1, 1, 20, 50)
    scale, _ = fit_scale_shift(pred=pred, target=2 * (pred - 1000), valid=pred > 0)
    assert scale.item() == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("how", [name for name in ALIGNMENTS if name != "none"])
def test_an_image_without_a_valid_pixel_becomes_nan_and_leaves_its_neighbours_alone(how):
    pred, depth, valid = maps()
    whole = align(pred=pred, depth=depth, valid=valid, how=how)
    valid[1] = False
    aligned = align(pred=pred, depth=depth, valid=valid, how=how)
    assert aligned[1].isnan().all()
    assert torch.equal(aligned[[0, 2]], whole[[0, 2]])


def test_a_constant_prediction_becomes_the_best_constant():
    _, depth, valid = maps(batch=1)
    pred = torch.full_like(depth, 0.3)
    shifted = align(pred=pred, depth=depth, valid=valid, how="scale-shift")
    torch.testing.assert_close(shifted, depth[valid].mean().expand_as(depth))
    inverse = align(pred=pred, depth=depth, valid=valid, how="scale-shift-inverse")
    torch.testing.assert_close(inverse, (1 / (1 / depth[valid]).mean()).expand_as(depth))


def test_rounding_of_the_mean_does_not_make_a_constant_look_like_a_slope():
    _, depth, valid = maps(batch=1, height=37, width=53)
    for constant in (0.1, 0.3, 1 / 3, 0.7, 123.456, 1e-4):
        scale, shift = fit_scale_shift(pred=torch.full_like(depth, constant), target=depth, valid=valid)
        assert scale.item() == 0
        assert shift.item() == pytest.approx(depth[valid].mean().item(), rel=1e-6)


def test_one_valid_pixel_is_met_exactly():
    pred, depth, valid = maps(batch=1)
    valid = torch.zeros_like(valid)
    valid[0, 0, 3, 4] = True
    for how in ("median", "scale", "scale-shift", "scale-shift-inverse"):
        assert align(pred=pred, depth=depth, valid=valid, how=how)[valid].item() == pytest.approx(depth[valid].item())


@pytest.mark.parametrize("how", ["median", "scale"])
def test_an_all_zero_prediction_stays_zero(how):
    _, depth, valid = maps()
    assert (align(pred=torch.zeros_like(depth), depth=depth, valid=valid, how=how) == 0).all()


def test_a_negative_inverse_depth_is_clipped_at_the_farthest():
    depth = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 1, 4)
    pred = 1 / depth
    pred[..., 3] = -5  # far too far; not fitted
    valid = torch.tensor([True, True, True, False]).view(1, 1, 1, 4)
    assert align(pred=pred, depth=depth, valid=valid, how="scale-shift-inverse", max_depth=20.0)[..., 3].item() == 20.0
    assert align(pred=pred, depth=depth, valid=valid, how="scale-shift-inverse")[..., 3].item() == 4.0


def test_fit_is_differentiable_even_where_it_is_degenerate():
    pred, depth, valid = maps(batch=3)
    pred[1] = 0.5
    valid[2] = False
    pred.requires_grad_()
    scale, shift = fit_scale_shift(pred=pred, target=1 / depth, valid=valid)
    (scale + shift).sum().backward()
    assert pred.grad.isfinite().all() and pred.grad[0].abs().sum() > 0


def test_refusals():
    pred, depth, valid = maps()
    with pytest.raises(ValueError, match="alignment 'affine' is unknown; choose one of"):
        align(pred=pred, depth=depth, valid=valid, how="affine")
    with pytest.raises(ValueError, match="0 m or less"):
        align(pred=pred, depth=torch.zeros_like(depth), valid=valid, how="scale")
    pred[valid] = float("nan")
    with pytest.raises(ValueError, match="pred is NaN or infinite on"):
        align(pred=pred, depth=depth, valid=valid, how="scale")
    with pytest.raises(TypeError):
        align(pred, depth, valid, "scale")
