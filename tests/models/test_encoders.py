"""Encoders: five maps of any network that has them, at any size, and colours as its weights expect them."""

import pytest
import torch

from depthnb import data
from depthnb.models import encoders

NETWORKS = ("resnet18", "densenet121", "tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto", "vgg11")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(64, 96), (67, 95)])
def test_five_maps_with_the_channels_it_names(name, size):
    encoder = encoders.build(name).eval()
    image = torch.rand(1, 3, *size)
    maps = encoder(encoder.normalise(image))
    assert tuple(each.shape[1] for each in maps) == encoder.channels and len(maps) == 5
    for each, stride in zip(maps, encoders.STRIDES, strict=True):
        for side, whole in zip(each.shape[-2:], size, strict=True):
            assert side in (whole // stride, -(-whole // stride))


def test_where_a_network_has_no_map_at_half_size_the_image_stands_there():
    encoder = encoders.build("convnext_atto").eval()
    image = encoder.normalise(torch.rand(1, 3, 64, 64))
    half = encoder(image)[0]
    torch.testing.assert_close(half[0, :, 0, 0], image[0, :, :2, :2].mean((1, 2)))


def test_colours_are_those_of_the_weights():
    image = torch.full((1, 3, 32, 32), 0.5)
    assert encoders.build("tf_efficientnet_lite0").normalise(image).abs().max() == 0
    assert encoders.build("resnet18").normalise(image)[0, 0, 0, 0] == pytest.approx((0.5 - 0.485) / 0.229)


def test_features_of_imagenet_know_the_other_half_of_a_picture_and_random_ones_do_not():
    """A check that the weights lie where they belong."""
    rooms = data.open("rooms", split="train", size=(96, 128))
    frames = rooms.batch(rooms.frames.groupby("scene").head(1).index.tolist()[:60])["image"]
    hits = []
    for pretrained in ("auto", "none"):
        torch.manual_seed(0)
        encoder = encoders.build("tf_efficientnet_lite0", pretrained).eval()
        with torch.no_grad():
            halves = [encoder(encoder.normalise(part))[-1].mean((2, 3)) for part in frames.chunk(2, dim=-1)]
        left, right = ((part - part.mean(0)) / part.std(0).clamp_min(1e-6) for part in halves)
        alike = torch.nn.functional.cosine_similarity(left[:, None], right[None], dim=-1)
        hits.append(int((alike.argmax(1) == torch.arange(60)).sum()))
    assert hits[0] >= 7 and hits[1] <= 4, "by chance it is one of sixty"


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "hrnet_w18_small"])
def test_networks_that_no_decoder_can_use_are_refused(name):
    with pytest.raises(
        ValueError, match=rf"encoder '{name}' gives no maps at 1/2, 1/4, 1/8, 1/16, 1/32 of images of any"
    ):
        encoders.build(name)


def test_unknown_names():
    with pytest.raises(ValueError, match="unknown network 'resnet19'; did you mean"):
        encoders.build("resnet19")


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "tf_efficientnet_lite0"])
def test_frozen_layers_stay_bit_for_bit_and_the_others_learn(name):
    torch.manual_seed(0)
    net = encoders.build(name, "none")
    net.freeze(0.5)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    optimizer = torch.optim.SGD([each for each in net.parameters() if each.requires_grad], lr=0.1)
    net.train()
    sum((each * torch.randn_like(each)).sum() for each in net(torch.rand(2, 3, 96, 96))).backward()
    optimizer.step()
    held = {id(each) for layer in net.frozen for each in layer.state_dict(keep_vars=True).values()}
    same = {key: torch.equal(before[key], value) for key, value in net.state_dict().items()}
    frozen = {key for key, value in net.state_dict(keep_vars=True).items() if id(value) in held}
    assert frozen and all(same[key] for key in frozen)
    assert not any(same[key] for key in same.keys() - frozen if key.endswith("weight"))
    net.freeze(0)
    assert not net.frozen and all(each.requires_grad for each in net.parameters())
    with pytest.raises(ValueError, match=r"must be in 0\.\.1, found 2"):
        net.freeze(2)
