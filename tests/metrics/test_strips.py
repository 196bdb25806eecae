"""Strips of an image on a CPU give the sums of the whole image, which is what torch gives on a GPU."""

import numpy as np
import pytest
import torch

from depthnb import metrics
from depthnb.metrics import strips, sums

BORDERS = (0.5, 2.0, 3.0, 4.5)


def maps(height=70, width=53, holes=0.003):
    random = torch.Generator().manual_seed(4)
    depth = torch.linspace(0.3, 5, height)[:, None].expand(2, 1, height, width).clone()
    depth[..., width // 3 : width // 2] += 0.7
    pred = depth * torch.exp(0.2 * torch.randn(depth.shape, generator=random))
    return pred, depth, torch.rand(depth.shape, generator=random) >= holes


def by_strips(pred, depth, valid, borders=BORDERS, windows=True):
    found = [
        strips.image_sums(
            *(x[i, 0] for x in (pred, depth, valid)), low=0.1, high=10.0, borders=borders, windows=windows
        )
        for i in range(len(pred))
    ]
    return [torch.from_numpy(np.stack(each)) for each in zip(*found, strict=True)]


@pytest.mark.parametrize("borders", [BORDERS, (), (20.0, 30.0), tuple(np.linspace(0.2, 6, 300))])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_and_strips_give_the_same_sums(borders, dtype):
    pred, depth, valid = maps()
    pred, depth = pred.to(dtype), depth.to(dtype)
    pixels, windows = by_strips(pred, depth, valid, borders)
    clipped = (pred.clamp(0.1, 10), depth, valid)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(pixels, sums.pixel_sums(*clipped, borders), equal_nan=True, **tolerance)
    torch.testing.assert_close(windows, sums.window_sums(*clipped, 10.0), **tolerance)
    assert (windows > 0).all()  # the case is worth something


@pytest.mark.parametrize("rows", [1, 3, 10, 59, 60, 61])
@pytest.mark.parametrize("holes", [0.003, 0.4, 0.97])
def test_the_height_of_a_strip_does_not_matter(rows, holes, monkeypatch):
    given = maps(holes=holes)
    whole = by_strips(*given)
    monkeypatch.setattr(strips, "_ROWS", rows)
    for found, expected in zip(by_strips(*given), whole, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (2, 2), (3, 3), (10, 60), (11, 11), (12, 43)])
def test_maps_smaller_than_a_window(size):
    given = maps(*size, holes=0.0)
    pixels, windows = by_strips(*given)
    inside = tuple(x.clamp(0.1, 10) if x.is_floating_point() else x for x in given)
    torch.testing.assert_close(pixels, sums.pixel_sums(*inside, BORDERS), equal_nan=True, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(windows, sums.window_sums(*inside, 10.0), rtol=1e-5, atol=1e-5)
    assert windows[0, 1] == max(0, size[0] - 10) * max(0, size[1] - 10)


def test_an_empty_batch_has_no_sums():
    pred, depth, valid = (x[:0] for x in maps())
    whole, bands = metrics.all_statistics(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=BORDERS)
    assert {values.shape for values in whole.values()} == {(0,)}
    assert {values.shape for values in bands.values()} == {(0, len(BORDERS) - 1)}


def test_values_that_do_not_count_cost_time_but_change_nothing():
    pred, depth, valid = maps(holes=0.05)
    clean = metrics.all_statistics(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=BORDERS)
    junk = {"pred": pred.masked_fill(~valid, torch.nan), "depth": depth.masked_fill(~valid, -torch.inf)}
    dirty = metrics.all_statistics(**junk, valid=valid, protocol="rooms", edges=BORDERS)
    for one, other in zip(clean, dirty, strict=True):
        assert all(torch.equal(one[name].nan_to_num(-1), other[name].nan_to_num(-1)) for name in one)
