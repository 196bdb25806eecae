"""The SSIM map against kornia, scikit-image, TensorFlow and a slow loop."""

from pathlib import Path

import kornia
import numpy as np
import pytest
import torch

from depthnb.metrics.ssim import ssim_map, wholly_valid

REFERENCE = Path(__file__).parents[1] / "reference"


def pair(height=17, width=23, dtype=torch.float64):
    random = torch.Generator().manual_seed(2)
    depth = 5 * torch.rand(2, 1, height, width, generator=random, dtype=dtype)
    return depth + torch.rand(depth.shape, generator=random, dtype=dtype), depth


@pytest.mark.parametrize("window", [3, 7, 11])
def test_equals_kornia(window):
    pred, depth = pair()
    theirs = kornia.metrics.ssim(pred, depth, window, max_val=10.0, padding="valid", eps=0.0)
    torch.testing.assert_close(ssim_map(pred=pred, depth=depth, data_range=10.0, window=window), theirs)


def test_equals_tensorflow_and_scikit_image():
    stored = np.load(REFERENCE / "ssim.npz")
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        pred, depth = (torch.from_numpy(stored[k]).to(dtype) for k in ("pred", "depth"))
        mean = ssim_map(pred=pred, depth=depth, data_range=100.0).mean().item()
        assert mean == pytest.approx(stored["skimage"][0], abs=tolerance)
        assert mean == pytest.approx(stored["tensorflow"][0], abs=3e-6)  # TensorFlow ran in float32


def test_equals_the_formula_in_one_window():
    pred, depth = (x[:1, :, :11, :11] for x in pair())
    offset = np.arange(11) - 5
    weight = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * 1.5**2))
    weight /= weight.sum()
    x, y = pred[0, 0].numpy(), depth[0, 0].numpy()
    mx, my = (weight * x).sum(), (weight * y).sum()
    vx, vy, c = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum(), (weight * (x - mx) * (y - my)).sum()
    c1, c2 = 0.1**2, 0.3**2
    expected = (2 * mx * my + c1) * (2 * c + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim_map(pred=pred, depth=depth, data_range=10.0).item() == pytest.approx(expected, rel=1e-10)


def test_identical_maps_are_1_and_too_small_maps_give_no_window():
    _, depth = pair()
    torch.testing.assert_close(ssim_map(pred=depth, depth=depth, data_range=10.0), torch.ones(2, 1, 7, 13).double())
    assert ssim_map(pred=depth[..., :5], depth=depth[..., :5], data_range=10.0).shape == (2, 1, 7, 0)


@pytest.mark.parametrize("window", [1, 2, 3, 5, 8, 11])
def test_wholly_valid_equals_a_loop(window):
    valid = torch.rand(2, 1, 14, 13, generator=torch.Generator().manual_seed(3)) < 0.98
    found = wholly_valid(valid, window)
    assert found.shape == (2, 1, 15 - window, 14 - window)
    for b in range(2):
        for i in range(15 - window):
            for j in range(14 - window):
                assert found[b, 0, i, j] == valid[b, 0, i : i + window, j : j + window].all()


def test_wholly_valid_of_too_small_a_map_is_empty():
    assert wholly_valid(torch.ones(1, 1, 5, 20, dtype=torch.bool), 11).shape == (1, 1, 0, 10)


@pytest.mark.parametrize(("options", "message"), [({"window": 4}, "odd"), ({"data_range": 0.0}, "positive")])
def test_refusals(options, message):
    pred, depth = pair()
    with pytest.raises(ValueError, match=message):
        ssim_map(**{"pred": pred, "depth": depth, "data_range": 10.0, **options})


def test_a_size_first_seen_in_inference_mode_can_be_trained_on_afterwards():
    maps = torch.rand(2, 1, 1, 19, 23)
    with torch.inference_mode():
        ssim_map(pred=maps[0], depth=maps[1], data_range=1.0)
    pred = maps[0].clone().requires_grad_()
    ssim_map(pred=pred, depth=maps[1], data_range=1.0).mean().backward()
    assert pred.grad.abs().sum() > 0


def test_autocast_takes_no_digits_away():
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 5 * torch.rand(1, 1, 140, 24, generator=generator)
    pred = depth + 0.05 * torch.rand(depth.shape, generator=generator)
    alone = ssim_map(pred=pred, depth=depth, data_range=10.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ssim_map(pred=pred, depth=depth, data_range=10.0), alone)


@pytest.mark.parametrize("size", [(43, 44), (42, 75), (108, 11)])
def test_values_and_gradients_across_blocks_equal_those_of_a_convolution(size):
    """Sizes of several blocks, one of them not full, and of a last row and column beyond them."""
    random = torch.Generator().manual_seed(6)
    depth = 1 + 5 * torch.rand(2, 1, *size, generator=random, dtype=torch.float64)
    pred = depth + torch.rand(depth.shape, generator=random, dtype=torch.float64)
    weight = torch.randn(2, 1, size[0] - 10, size[1] - 10, generator=random, dtype=torch.float64)
    results = []
    for similarity in (
        lambda x: ssim_map(pred=x, depth=depth, data_range=10.0),
        lambda x: kornia.metrics.ssim(x, depth, 11, max_val=10.0, padding="valid", eps=0.0),
    ):
        leaf = pred.clone().requires_grad_()
        value = (similarity(leaf) * weight).sum()
        value.backward()
        results.append((value.detach(), leaf.grad))
    torch.testing.assert_close(*results)
