"""Sharpness and relief of depth maps: against a plain loop, and on maps whose answer is known."""

import math

import pytest
import torch

from depthnb.metrics import edges as module


def edges(**maps):
    return module.edges(**{"protocol": "rooms", **maps})


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


def test_it_is_measured_as_it_is_scored():
    """A map of a few centimetres is one blank colour under a protocol that begins at 10 cm: it shows and invents nothing."""
    depth = ramp(1).expand(1, 1, 8, -1)
    blank = 0.01 + 0.04 * torch.rand(depth.shape, generator=torch.Generator().manual_seed(0))
    assert [x.item() for x in edges(pred=blank, depth=depth, valid=depth > 0)] == [0.0, 0.0]
    assert edges(pred=blank, depth=depth, valid=depth > 0, protocol="nyu-v1")[1] > 1, "from 1 mm on it is noise"
    far = torch.where(depth > 3, 20.0, depth)  # steps to depths that the protocol does not count
    assert edges(pred=depth, depth=far, valid=depth > 0)[0].isnan()


def test_noise_has_no_sharpness_on_scan_lines_either():
    generator = torch.Generator().manual_seed(0)
    depth = 5 + 30 * (torch.rand(1, 1, 64, 200, generator=generator) > 0.7).float()
    valid = torch.zeros_like(depth, dtype=torch.bool)
    valid[..., ::4, :] = True
    noise = 12 + torch.randn(depth.shape, generator=generator)
    sharpness, relief = edges(pred=noise, depth=depth, valid=valid, protocol="streets")
    assert abs(sharpness.item()) < 0.02 and relief.isnan()
    assert edges(pred=depth, depth=depth, valid=valid, protocol="streets")[0].item() == pytest.approx(1.0)
