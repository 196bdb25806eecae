"""DenseDepth: Constantinescu et al.'s table and count, any size, the inverse target, encoders with and without weights."""

from functools import partial

import pytest
import torch
import torchvision
from torch import nn
from torch.optim import Adam
from toys import Toy

from depthnb import losses, models, training
from depthnb.evidence import published
from depthnb.models.camera import Mirrored
from depthnb.studies import densenet as study

SMALL = {"encoder": "densenet121", "decoder_width": 0.02}


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return models.DenseDepth(**SMALL).eval()


@pytest.fixture(scope="module")
def printed():
    """The network of the document, 42.7 million weights, so made once."""
    torch.manual_seed(0)
    return models.DenseDepth()


# --- the document's network -------------------------------------------------------------------------------------------


def test_it_has_as_many_weights_as_document_002_says(printed):
    rows = published.load("002")
    assert rows[rows["metric"] == "parameters"]["printed"].item() == "42.6M"
    assert models.parameter_count(printed) == 42_657_689
    assert 42_657_689 // 100_000 == 426, "cut off; rounded it would be 42.7M"


def test_the_count_is_that_of_every_part(printed):
    def conv(channels_in, channels_out, kernel):
        return channels_in * channels_out * kernel**2 + channels_out  # each has a bias

    densenet = torchvision.models.densenet169(weights=None)
    encoder = models.parameter_count(densenet.features)  # norm5 is in, the classifier is not
    assert encoder == models.parameter_count(densenet) - (1664 * 1000 + 1000) == 12_484_480
    decoder = conv(1664, 1664, 1) + conv(104, 1, 3)
    for before, skip, after in ((1664, 256, 832), (832, 128, 416), (416, 64, 208), (208, 64, 104)):
        decoder += conv(before + skip, after, 3) + conv(after, after, 3)
    assert models.parameter_count(printed) == encoder + decoder


def test_the_layer_table_is_the_documents_row_by_row(printed):
    table = study.layers(printed)
    assert len(table) == 23 and (table["Constantinescu et al."] == table["found"]).all()
    odd = table[table["label"] != table["their label"]]
    assert odd["their label"].tolist() == ["CONCAT3", "UP2-CONVA", "UP2-CONVB"]
    assert odd["label"].tolist() == ["CONCAT4", "UP4-CONVA", "UP4-CONVB"]


def test_another_network_does_not_have_that_table():
    torch.manual_seed(0)
    table = study.layers(models.DenseDepth(decoder_width=0.5), size=(64, 64))
    assert (table["Constantinescu et al."] != table["found"]).all()
    assert table.set_index("label").loc["UP1-CONVA", "found"] == "4 x 4 x 416"


def test_the_decoder_has_no_batch_norm_and_leaks_a_fifth(printed):
    modules = dict(printed.named_modules())
    norms = {name.split(".")[0] for name, module in modules.items() if isinstance(module, nn.BatchNorm2d)}
    assert norms == {"features"}
    slopes = [module.negative_slope for module in modules.values() if isinstance(module, nn.LeakyReLU)]
    assert slopes == [0.2] * 8


@pytest.mark.parametrize(("encoder", "deepest"), [("densenet121", 1024), ("densenet161", 2208), ("densenet201", 1920)])
def test_other_encoders_and_a_halved_decoder(encoder, deepest):
    net = models.DenseDepth(encoder, decoder_width=0.1).eval()
    assert net.conv2.in_channels == deepest
    assert [getattr(net, f"up{i}").conv_b.out_channels for i in range(1, 5)] == [
        deepest // 10 // 2**i for i in (1, 2, 3, 4)
    ]
    assert net(torch.rand(1, 3, 32, 32)).shape == (1, 1, 16, 16)


# --- sizes ------------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused(small):
    with pytest.raises(ValueError, match=r"image size 31x64 .* at least 32"):
        small(torch.rand(1, 3, 31, 64))
    with pytest.raises(ValueError, match=r"one image of 40x50 .* cannot train; take a larger image, or batch_size 2"):
        models.DenseDepth(**SMALL).train()(torch.rand(1, 3, 40, 50))
    with pytest.raises(ValueError, match="unknown network 'densenet170'; did you mean"):
        models.DenseDepth("densenet170")
    with pytest.raises(ValueError, match=r"unknown target 'log'; known: inverse, depth"):
        models.DenseDepth(target="log")
    with pytest.raises(ValueError, match=r"must be above 0, found 1\.0, 10\.0 and 0"):
        models.DenseDepth(start=0)


# --- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "max_depth"), [("inverse", 10.0), ("inverse", 80.0), ("depth", 10.0)])
def test_it_starts_at_the_depth_it_is_told(target, max_depth):
    net = models.DenseDepth(**SMALL, target=target, max_depth=max_depth, start=4.0).eval()
    nn.init.zeros_(net.conv3.weight)
    assert torch.allclose(net(torch.rand(1, 3, 32, 32)), torch.tensor(4.0))


def test_the_inverse_target_has_no_pole_and_no_corner(small):
    x = torch.tensor([-1e30, -1e4, -3.0, 0.0, 0.999, 1.0, 1.001, 2.0, 50.0, 1e4], requires_grad=True)
    metres = small._metres(x)
    assert (metres > 0).all() and metres.isfinite().all() and (metres.diff() < 0).all()
    assert torch.allclose(metres[5:], 10 / x[5:]) and torch.allclose(metres[1:5], 10 * (2 - x[1:5]))
    metres.sum().backward()
    assert x.grad.isfinite().all() and (x.grad < 0).all()
    assert x.grad[4].item() == pytest.approx(x.grad[6].item(), rel=0.01)


def test_images_are_normalised_inside(small):
    seen = []
    handle = small.features.conv0.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    image = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        small(image)
    handle.remove()
    assert torch.equal(seen[0], models.blocks.normalise(image))


def test_its_mirror_image_averages(small):
    mirrored, image = Mirrored(small), torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        both = mirrored(image)
        assert torch.allclose(both, mirrored(image.flip(-1)).flip(-1), rtol=1e-5)
        assert torch.allclose(both, (small(image) + small(image.flip(-1)).flip(-1)) / 2, rtol=1e-5)


@pytest.mark.parametrize(("dtype", "digits"), [(torch.bfloat16, 0.05), (torch.float16, 0.005)])
def test_half_precision_says_nearly_the_same_in_float32(small, dtype, digits):
    image = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        exact = small(image)
        with torch.autocast("cpu", dtype=dtype):
            rough = small(image)
    assert rough.dtype == torch.float32
    assert ((rough - exact).abs() / exact).max() < digits


# --- weights ----------------------------------------------------------------------------------------------------------


def test_the_encoder_takes_pretrained_weights_and_the_decoder_stays_random(tmp_path):
    torch.manual_seed(5)
    torch.save(torchvision.models.densenet121(weights=None).state_dict(), tmp_path / "imagenet.pth")
    torch.manual_seed(0)
    random = models.DenseDepth(**SMALL)
    torch.manual_seed(0)
    taught = models.DenseDepth(**SMALL, pretrained=tmp_path / "imagenet.pth")
    same = {key for key, value in random.state_dict().items() if torch.equal(value, taught.state_dict()[key])}
    weights = {key for key, _ in random.named_parameters() if key.endswith("weight") and "norm" not in key}
    assert weights & same == {key for key in weights if not key.startswith("features")}
    assert str(taught.origin) == "weights from the file imagenet.pth"
    assert str(random.origin) == "random weights: none were asked for"
    assert taught.config == random.config, "a trained net is built again without that file"


# --- learning ---------------------------------------------------------------------------------------------------------


class Blind(Toy):
    """Frames of which the first two have no valid pixel at all."""

    def batch(self, indices):
        batch = super().batch(indices)
        for i, name in enumerate(batch["id"]):
            if name in self.ids[:2]:
                batch["valid"][i], batch["depth"][i] = False, torch.nan
        return batch


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("target", "max_depth"), [("inverse", 10.0), ("inverse", 300.0), ("depth", 80.0)])
def test_it_trains_whatever_the_range_and_skips_what_has_no_truth(precision, target, max_depth):
    torch.manual_seed(0)
    net = models.DenseDepth(**SMALL, target=target, max_depth=max_depth, start=5.0)
    frames = Blind(4, size=(33, 64))
    frames.depth *= max_depth / 10
    history = training.fit(
        net, frames, frames, loss=partial(losses.densedepth, max_depth=max_depth, target=target),
        optimizer=Adam(net.parameters(), lr=1e-3), epochs=2, batch_size=1, shuffle=False, precision=precision, progress=False,
    )  # fmt: skip
    assert all(row["train_loss"] > 0 and row["val_loss"] < float("inf") for row in history.rows)
    assert all(value.isfinite().all() for value in net.state_dict().values())


def test_a_nan_in_an_image_stops_before_it_reaches_a_weight():
    torch.manual_seed(0)
    net, frames = models.DenseDepth(**SMALL), Toy(2, size=(32, 32))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    frames.image[1, :, 3, 3] = torch.nan
    with pytest.raises(training.NonFiniteLoss, match="samples frame_0_00"):
        training.fit(
            net, frames, loss=partial(losses.densedepth, max_depth=10.0), optimizer=Adam(net.parameters()), epochs=1,
            batch_size=2, progress=False,
        )  # fmt: skip
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_it_learns_what_can_be_learnt():
    torch.manual_seed(0)
    net, frames = models.DenseDepth("densenet121", decoder_width=0.1), Toy(4, size=(32, 48))
    history = training.fit(
        net, frames, loss=partial(losses.densedepth, max_depth=10.0), optimizer=Adam(net.parameters(), lr=1e-3), epochs=8,
        batch_size=4, progress=False,
    )  # fmt: skip
    assert history.rows[-1]["train_loss"] < 0.7 * history.rows[0]["train_loss"]
