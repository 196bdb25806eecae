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
