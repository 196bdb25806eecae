"""The feature pyramid: where it starts, that it is light, and what it refuses."""

import pytest
import torch

from depthnb import models
from depthnb.models import parameter_count


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
