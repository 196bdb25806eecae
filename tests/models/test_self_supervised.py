"""A bounded depth net, a pose net that begins near no motion, and both together."""

import pytest
import torch

from depthnb import models
from depthnb.models.self_supervised import PoseNet, SelfSupervised

TINY = {"encoder": "mobilenetv3_small_050", "width": 8}


def test_the_answer_begins_at_start_and_never_leaves_its_bounds():
    torch.manual_seed(0)
    net = models.BoundedFPN(**TINY, start=3.0, min_depth=0.5, max_depth=8.0).eval()
    image = torch.rand(2, 3, 40, 56)
    with torch.no_grad():
        assert net(image).median() == pytest.approx(3.0, rel=0.1)
        for bias, bound in ((200.0, 0.5), (-200.0, 8.0)):  # disparity: large is near
            net.head.bias.fill_(bias)
            assert torch.allclose(net(image), torch.tensor(bound), rtol=1e-4)


@pytest.mark.parametrize("bounds", [(0.0, 2.0, 10.0), (0.1, 0.1, 10.0), (0.1, 20.0, 10.0), (0.1, 2.0, float("inf"))])
def test_bounds_that_cannot_be_are_refused(bounds):
    least, start, most = bounds
    with pytest.raises(ValueError, match="expected 0 < min_depth < start < max_depth"):
        models.BoundedFPN(**TINY, start=start, min_depth=least, max_depth=most)


def test_the_first_motions_are_small_and_depend_on_the_pictures():
    torch.manual_seed(0)
    net = PoseNet(4)
    target, source = torch.rand(2, 3, 3, 48, 64)
    numbers = net(target, source)
    assert numbers.shape == (3, 6) and numbers.abs().max() < 0.02
    assert not torch.allclose(numbers, net(source, target))
    with pytest.raises(ValueError, match="channels is 0"):
        PoseNet(0)
    with pytest.raises(ValueError, match="must be at least 16"):
        net(target[..., :12], source[..., :12])


def test_what_is_shifted_has_that_flow():
    """A picture moved by two places of the small pictures, to the right and down."""
    torch.manual_seed(0)
    coarse = torch.nn.functional.interpolate(torch.rand(1, 3, 24, 32), scale_factor=4, mode="nearest")
    moved = torch.roll(coarse, (8, 4), dims=(-1, -2))
    flow, sure = PoseNet(4).flow(coarse, moved)
    inner = (..., slice(5, -5), slice(5, -5))
    assert torch.allclose(flow[:, 0][inner], torch.tensor(2.0), atol=0.1)
    assert torch.allclose(flow[:, 1][inner], torch.tensor(1.0), atol=0.1)
    still, _ = PoseNet(4).flow(coarse, coarse)
    assert still[inner].abs().max() < 0.1 and sure[inner].min() > 0.5
    blank, unsure = PoseNet(4).flow(torch.full_like(coarse, 0.5), torch.full_like(coarse, 0.5))
    assert blank.abs().max() < 1e-4 and torch.allclose(unsure, torch.tensor(1 / 81), atol=1e-4)


@pytest.mark.parametrize("pose", [False, True])
def test_depth_of_the_target_and_a_motion_to_each_neighbour(pose):
    torch.manual_seed(0)
    nets = SelfSupervised(models.BoundedFPN(**TINY), PoseNet(4) if pose else None).eval()
    seen = torch.rand(2, 3, 3, 48, 64)
    depth, motion = nets(seen)
    assert depth.shape == (2, 1, 48, 64)
    assert torch.equal(depth, nets.depth(seen[:, 0]))
    if not pose:
        assert motion is None
        return
    assert motion.shape == (2, 2, 4, 4)
    alone = nets(seen[:, [0, 2, 1]])[1]  # the neighbours in the other order
    assert torch.allclose(motion[:, 0], alone[:, 1], atol=1e-6) and torch.allclose(motion[:, 1], alone[:, 0], atol=1e-6)
