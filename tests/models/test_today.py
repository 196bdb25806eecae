"""The feature pyramid: where it starts, that it is light, and what it refuses."""

import pytest
import torch

from depthnb import models
from depthnb.models import parameter_count
from depthnb.models.today import WithDoubt


def test_it_starts_at_the_depth_it_is_told():
    torch.manual_seed(0)
    net = models.FPN(start=3.5)
    with torch.no_grad():
        depth = net(torch.rand(2, 3, 64, 96))
    assert depth.shape == (2, 1, 64, 96) and (depth / 3.5).log().abs().mean() < 0.1


def test_its_decoder_is_lighter_than_that_of_the_u_net():
    pyramid, unet = models.FPN(), models.UNet(channels=16, encoder="tf_efficientnet_lite0")
    encoder = parameter_count(pyramid.encoder)
    assert encoder == parameter_count(unet.encoder)
    assert parameter_count(pyramid) - encoder < 0.25 * (parameter_count(unet) - encoder)


def test_with_weights_of_imagenet_it_says_so():
    assert models.FPN(pretrained="auto").origin.pretrained and not models.FPN().origin.pretrained


@pytest.mark.parametrize("options", [{"width": 3}, {"start": 0.0}, {"start": float("inf")}])
def test_what_it_refuses(options):
    with pytest.raises(ValueError, match="expected at least 4, and metres above 0"):
        models.FPN(**options)


def test_doubt_is_asked_for_and_beside_the_depth():
    torch.manual_seed(0)
    plain = models.FPN(width=8, encoder="mobilenetv3_small_050").eval()
    with pytest.raises(ValueError, match="make it with doubt=True"):
        plain.with_doubt(torch.rand(1, 3, 64, 64))
    torch.manual_seed(0)
    net = models.FPN(width=8, encoder="mobilenetv3_small_050", doubt=True).eval()
    image = torch.rand(1, 3, 64, 64)
    depth, scale = net.with_doubt(image)
    assert torch.equal(depth, plain(image)) and torch.equal(depth, net(image)), "the same first weights, the same depth"
    assert (scale > 0).all() and scale.mean().item() == pytest.approx(0.2, rel=0.2)
    scale.sum().backward()
    assert net.head.weight.grad is None and net.last[0].weight.grad is None and net.doubt.weight.grad is not None
    told = WithDoubt(models.CanonicalCamera(net, focal=50.0))
    K = torch.tensor([[[100.0, 0, 0], [0, 100.0, 0], [0, 0, 1]]])
    torch.testing.assert_close(told(image, K), torch.cat([2 * depth, scale], 1))
    torch.testing.assert_close(WithDoubt(net)(image), torch.cat([depth, scale], 1))
