"""Contrast, variation and the like: measured of a prediction as it is scored."""

import math

import pytest
import torch

from depthnb.metrics import evaluate
from depthnb.metrics.variation import centre_over_border, contrast, variation


def maps(batch=3):
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 7 * torch.rand(batch, 1, 12, 16, generator=generator)
    return depth, torch.rand(depth.shape, generator=generator) > 0.2


def test_contrast_is_that_of_a_plain_loop():
    depth, valid = maps()
    pred = (depth * 3).clamp_max(30)  # beyond 10 m in part
    measured = contrast(pred=pred, depth=depth, valid=valid, protocol="rooms")
    for b in range(3):
        inside = valid[b] & (depth[b] < 10)
        true, ours = depth[b][inside].log(), pred[b][inside].clamp(0.1, 10).log()
        assert measured[b].item() == pytest.approx((ours.std() / true.std()).item(), rel=1e-4)


def test_a_map_of_a_few_centimetres_is_blank_as_its_score_and_picture_are():
    depth, valid = maps()
    pred = 0.01 + 0.04 * torch.rand(depth.shape, generator=torch.Generator().manual_seed(1))
    blank = torch.full_like(depth, 0.02)
    given = {"depth": depth, "valid": valid, "protocol": "rooms"}
    assert evaluate(pred=pred, **given)["abs_rel"] == evaluate(pred=blank, **given)["abs_rel"], "one score"
    assert contrast(pred=pred, **given).tolist() == [0.0] * 3
    assert variation(pred=pred, **given) == 0
    assert centre_over_border(pred=pred, **given).tolist() == pytest.approx([1.0] * 3)
    near = {**given, "protocol": "nyu-v1"}  # which begins at 1 mm: there the same map is full of contrast
    assert contrast(pred=pred, **near).min() > 0.5 and variation(pred=pred, **near) > 0.5


def test_what_lies_beyond_the_far_end_is_no_contrast():
    depth, valid = maps()
    pred = 20 + 30 * torch.rand(depth.shape, generator=torch.Generator().manual_seed(1))
    assert contrast(pred=pred, depth=depth, valid=valid, protocol="rooms").tolist() == [0.0] * 3
    beyond = depth.clone()
    beyond[..., :4] = 65.535  # a sensor that saturates: no depth of this protocol
    for measure in (contrast, centre_over_border):
        with_it = measure(pred=depth, depth=beyond, valid=valid, protocol="rooms")
        without = measure(pred=depth, depth=depth, valid=valid & (beyond < 10), protocol="rooms")
        assert torch.equal(with_it, without)


def test_nothing_to_measure_is_nan():
    depth, valid = maps()
    nothing = torch.zeros_like(valid)
    for measure in (contrast, centre_over_border):
        assert measure(pred=depth, depth=depth, valid=nothing, protocol="rooms").isnan().all()
    assert math.isnan(variation(pred=depth, depth=depth, valid=nothing, protocol="rooms"))
    with pytest.raises(ValueError, match=r"protocol 'room' is unknown"):
        contrast(pred=depth, depth=depth, valid=valid, protocol="room")
