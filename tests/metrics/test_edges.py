"""Sharpness and relief of depth maps: against a plain loop, and on maps whose answer is known."""

import math

import pytest
import torch

from depthnb.metrics.edges import edges


def test_equal_to_a_plain_loop():
    torch.manual_seed(0)
    depth, pred = (1 + 2 * torch.rand(3, 1, 5, 6) for _ in range(2))
    valid = torch.rand(3, 1, 5, 6) > 0.2
    sharpness, relief = edges(
        pred=torch.where(valid, pred, math.nan), depth=torch.where(valid, depth, -1.0), valid=valid
    )
    for b in range(3):
        shown = there = invented = elsewhere = 0.0
        for y in range(5):
            for x in range(6):
                for v, u in ((y + 1, x), (y, x + 1)):
                    if v < 5 and u < 6 and valid[b, 0, y, x] and valid[b, 0, v, u]:
                        true = math.log(depth[b, 0, v, u] / depth[b, 0, y, x])
                        ours = math.log(pred[b, 0, v, u] / pred[b, 0, y, x])
                        if abs(true) >= math.log(1.25):
                            shown, there = shown + math.copysign(ours, ours * true), there + abs(true)
                        else:
                            invented, elsewhere = invented + abs(ours), elsewhere + abs(true)
        assert sharpness[b].item() == pytest.approx(shown / there, rel=1e-4)
        assert relief[b].item() == pytest.approx(invented / elsewhere, rel=1e-4)


def ramp(width: int) -> torch.Tensor:
    """From 1 m to 4 m in `width` equal steps of log depth, with a slight slope on either side."""
    log = torch.cat(
        [
            torch.linspace(-0.1, 0, 9),
            torch.linspace(0, math.log(4), width + 1)[1:],
            math.log(4) + torch.linspace(0, 0.1, 9)[1:],
        ]
    )
    log = torch.cat([log, log[-1:].repeat(30 - len(log))])
    return log.exp().view(1, 1, 1, -1)


@pytest.mark.parametrize("pixels", [1, 2, 4])
def test_a_smeared_edge_shows_its_share(pixels):
    depth = ramp(1)
    sharpness, relief = edges(pred=ramp(pixels), depth=depth, valid=depth > 0)
    assert sharpness.item() == pytest.approx(1 / pixels, rel=1e-4)
    assert (relief.item() == pytest.approx(1.0, rel=1e-4)) is (pixels == 1)


def test_perfect_flat_opposite_and_noisy():
    depth = ramp(1)
    valid = depth > 0
    assert [round(x.item(), 4) for x in edges(pred=2 * depth, depth=depth, valid=valid)] == [1.0, 1.0]
    assert [x.item() for x in edges(pred=torch.ones_like(depth), depth=depth, valid=valid)] == [0.0, 0.0]
    assert edges(pred=1 / depth, depth=depth, valid=valid)[0].item() == pytest.approx(-1.0, rel=1e-4)
    noisy = depth * torch.tensor([1.0, 1.3]).repeat(15).view(1, 1, 1, -1)
    assert edges(pred=noisy, depth=depth, valid=valid)[1] > 5


def test_nothing_to_measure_is_nan():
    flat = torch.full((2, 1, 4, 4), 2.0)
    for valid in (torch.ones_like(flat).bool(), torch.zeros_like(flat).bool()):
        sharpness, relief = edges(pred=flat, depth=flat, valid=valid)
        assert sharpness.isnan().all() and relief.isnan().all()
