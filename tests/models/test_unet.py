"""The U-Net: shapes, counts from a formula, its range, its recipe, and what it refuses; and the tables of its notebook."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn
from toys import Toy, same

from depthnb import evidence, losses, models, training
from depthnb.models import unet
from depthnb.studies import unet as study

ENCODERS = ("plain", "resnet18")


def net(encoder="plain", channels=4, **options) -> models.UNet:
    torch.manual_seed(0)
    return models.UNet(channels=channels, encoder=encoder, **options)


def step(model, image, depth, valid, *, optimizer) -> float:
    optimizer.zero_grad()
    value = losses.mare(pred=model.train()(image), depth=depth, valid=valid)
    value.backward()
    optimizer.step()
    return value.item()


def all_finite(model: nn.Module) -> bool:
    return all(value.isfinite().all() for value in model.state_dict().values() if value.is_floating_point())


# --- shapes and counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", [*ENCODERS, "resnext50_32x4d", "densenet121"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 41)])
def test_every_size_comes_back_as_it_was(encoder, size):
    model = net(encoder).eval()
    with torch.no_grad():
        pred = model(torch.rand(1, 3, *size))
    assert pred.shape == (1, 1, *size) and pred.dtype == torch.float32
    assert model.train()(torch.rand(2, 3, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize("size", [(16, 16), (17, 31)])
def test_the_plain_encoder_takes_sixteen_pixels(size):
    assert net().eval()(torch.rand(1, 3, *size)).shape == (1, 1, *size)


def weights(channels_in, channels_out):
    """Of two 3x3 convolutions without bias, each with a scale and a shift behind it."""
    return 9 * channels_in * channels_out + 9 * channels_out**2 + 4 * channels_out


def test_it_has_as_many_weights_as_its_formula():
    for channels in (4, 16):
        widths = [channels * 2**i for i in range(5)]
        down = sum(weights(i, o) for i, o in zip([3, *widths[:4]], widths, strict=True))
        up = sum(widths[i + 1] * widths[i] + weights(2 * widths[i], widths[i]) for i in range(4))
        assert models.parameter_count(net(channels=channels)) == down + up + 9 * channels + 1


def test_the_papers_widths_layer_by_layer():
    paper = models.UNet()
    table = models.describe(paper, (64, 80))
    convolutions = table[(table.kind == "Conv2d") & ~table.layer.str.startswith("halve")]
    assert convolutions.output.tolist() == [
        "64 x 64 x 80", "64 x 64 x 80", "128 x 32 x 40", "128 x 32 x 40", "256 x 16 x 20", "256 x 16 x 20",
        "512 x 8 x 10", "512 x 8 x 10", "1024 x 4 x 5", "1024 x 4 x 5", "512 x 8 x 10", "512 x 8 x 10",
        "256 x 16 x 20", "256 x 16 x 20", "128 x 32 x 40", "128 x 32 x 40", "64 x 64 x 80", "64 x 64 x 80", "1 x 64 x 80",
    ]  # fmt: skip
    # the channels are halved before the enlargement, as Ronneberger et al. do it in their transposed convolution
    halving = table[table.layer.str.startswith("halve")]
    assert halving.output.tolist() == ["512 x 4 x 5", "256 x 8 x 10", "128 x 16 x 20", "64 x 32 x 40"]
    assert [step[0].in_channels for step in paper.up] == [1024, 512, 256, 128], "half from below, half from the bridge"
    assert table.parameters.sum() == models.parameter_count(paper)


def test_an_encoder_gives_its_five_scales_and_loses_its_head():
    for name, widths in {"resnet18": (64, 64, 128, 256), "densenet121": (64, 64, 128, 256)}.items():
        model = net(name)
        assert model.bridges == (3, *widths) and not model.origin.pretrained
        assert not [key for key in model.state_dict() if "fc" in key or "classifier" in key]


# --- the range --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("start", [0.5, 2.8, 40.0])
def test_untrained_it_says_the_start_and_its_inverse(encoder, start):
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        depth = net(encoder, start=start).eval()(image)
        inverse = net(encoder, start=start, output="inverse").eval()(image)
    assert depth.median().item() == pytest.approx(start, rel=0.2)
    assert inverse.median().item() == pytest.approx(1 / start, rel=0.2)


@pytest.mark.parametrize("output", ["depth", "inverse"])
def test_whatever_the_last_layer_says_the_answer_is_positive_and_finite(output):
    model = net(output=output, start=2.0).eval()
    for bias in (-1e4, -100.0, 100.0, 6e4):
        nn.init.constant_(model.head.bias, bias)
        pred = model(torch.rand(1, 3, 32, 32))
        assert (pred > 0).all() and pred.isfinite().all()


def two_surfaces(farthest: float, *, slope: float = unet.SLOPE) -> float:
    """Relative error at the farther of two surfaces, half a metre and `farthest`, after a short training."""
    torch.manual_seed(0)
    image = 0.2 * torch.rand(2, 3, 32, 32)
    image[..., 16:] += 0.8
    depth = torch.where(image[:, :1] > 0.5, farthest, 0.5)
    model = models.UNet(channels=8, start=math.sqrt(0.5 * farthest))
    for module in model.modules():
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = slope
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(120):
        step(model, image, depth, depth > 0, optimizer=optimizer)
    return ((model(image) - depth).abs() / depth)[..., 16:].median().item()


@pytest.mark.parametrize("farthest", [80.0, 300.0])
def test_it_reaches_the_far_end_beside_the_near_one(farthest):
    assert two_surfaces(farthest) < 0.15


def test_plain_relus_would_fall_silent_on_the_far_surface():
    assert two_surfaces(80.0, slope=0.0) > 0.8


@pytest.mark.parametrize("pretrained", ["require", "imagenet", Path("weights.pth"), True])
def test_weights_for_the_plain_encoder_are_refused_and_not_forgotten(pretrained):
    with pytest.raises(ValueError, match=r"pretrained is '.*', but the plain encoder has no weights.*'auto' or 'none'"):
        net(pretrained=pretrained)
    for nothing in ("auto", "none"):
        assert str(net(pretrained=nothing).origin) == "random weights: the plain encoder has no others"


# --- options ----------------------------------------------------------------------------------------------------------


def test_dropout_is_on_in_training_only():
    image = torch.rand(2, 3, 32, 32)
    for encoder in ENCODERS:
        model = net(encoder, dropout=0.5)
        assert not torch.equal(model.train()(image), model(image))
        assert torch.equal(model.eval()(image), model(image))
    without = net(batch_norm=False).train()
    assert torch.equal(without(image), without(image))


def test_without_batch_normalisation_the_signal_arrives():
    model = net(batch_norm=False, channels=8)
    assert not [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    arriving = []
    model.head.register_forward_pre_hook(lambda _, inputs: arriving.append(inputs[0].std().item()))
    model(torch.rand(2, 3, 64, 64))
    assert 0.05 < arriving[0] < 20


def test_what_it_refuses():
    with pytest.raises(ValueError, match=r"output is 'disparity'; expected one of depth, inverse"):
        net(output="disparity")
    with pytest.raises(ValueError, match=r"channels 0, dropout 0.0 and start 1.0: expected at least 1"):
        net(channels=0)
    for options in ({"dropout": 1.0}, {"dropout": -0.1}, {"start": 0.0}, {"start": math.nan}):
        with pytest.raises(ValueError, match="expected at least 1, 0 <= dropout < 1"):
            net(**options)
    with pytest.raises(ValueError, match="unknown network 'resnet19'; did you mean"):
        net("resnet19")
    with pytest.raises(ValueError, match="unknown network 'plane'"):
        models.UNet(encoder="plane")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_images_it_refuses(encoder):
    model = net(encoder)
    smallest = 16 if encoder == "plain" else 32
    with pytest.raises(ValueError, match=rf"image size {smallest - 1}x64 .* at least {smallest}"):
        model(torch.rand(1, 3, smallest - 1, 64))
    with pytest.raises(ValueError, match=rf"one image of {smallest}x{smallest} .*take a larger image, or batch_size 2"):
        model.train()(torch.rand(1, 3, smallest, smallest))
    assert model.train()(torch.rand(1, 3, 2 * smallest, smallest)).isfinite().all()
    assert model.eval()(torch.rand(1, 3, smallest, smallest)).isfinite().all()


# --- nothing bad reaches a weight ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_half_precision_says_nearly_the_same_and_leaves_finite_weights(encoder, dtype):
    model, image = net(encoder, start=3.0), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        wide = model.eval()(image)
        with torch.autocast("cpu", dtype=dtype):
            half = model(image)
    assert half.dtype == torch.float32 and torch.allclose(half, wide, rtol=0.05)
    assert half.unique().numel() > 1000, "the output itself is not in half precision"
    with torch.autocast("cpu", dtype=dtype):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        value = step(model, image, torch.full_like(wide, 80.0), wide > 0, optimizer=optimizer)
    assert math.isfinite(value) and all_finite(model)


def test_frames_without_a_valid_pixel_leave_finite_weights():
    train, val = Toy(6, (32, 32)), Toy(2, (32, 32), seed=1)
    train.valid[:] = False
    train.depth[:] = torch.nan
    model = net()

    def fit():
        optimizer = torch.optim.Adam(model.parameters())
        given = {"loss": _document_001(10.0), "optimizer": optimizer, "progress": False}
        return training.fit(model, train, val, epochs=1, batch_size=3, **given)

    with pytest.raises(ValueError, match="no image has a valid pixel in epoch 1"):
        fit()
    assert all_finite(model)
    train.valid[0] = True
    train.depth[0] = 3.0
    assert fit().frame.train_loss.item() > 0 and all_finite(model)


def test_a_broken_image_stops_the_training_by_name_and_harms_no_weight():
    train = Toy(4, (32, 32))
    train.image[2, 0, 5, 5] = torch.nan
    model = net()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(training.NonFiniteLoss, match=r"epoch 1, batch 1.*frame_0_002"):
        training.fit(
            model, train, loss=losses.mare, optimizer=torch.optim.Adam(model.parameters()),
            epochs=1, batch_size=4, progress=False,
        )  # fmt: skip
    assert same(before, model.state_dict())


@pytest.mark.parametrize("output", ["depth", "inverse"])
def test_both_outputs_learn(output):
    train = Toy(16, (32, 32))
    loss = _document_001(10.0) if output == "depth" else losses.scale_shift_invariant
    model = net(output=output, start=4.0, channels=8)
    history = training.fit(
        model, train, loss=loss, optimizer=torch.optim.Adam(model.parameters(), lr=3e-3),
        epochs=6, batch_size=4, progress=False,
    ).frame.train_loss  # fmt: skip
    assert history.iloc[-1] < 0.8 * history.iloc[0]


def _document_001(data_range: float):
    def loss(**maps):
        return losses.ssim(**maps, data_range=data_range, window=7) + losses.mare(**maps, edge_weighting=True)

    return loss


# --- the tables of the notebook -----------------------------------------------------------------------------------------


def test_cross_entropy_of_one_channel_is_nothing_and_knows_no_distance():
    toy = Toy(2)
    table = study.cross_entropies(depth=toy.depth, valid=toy.valid, classes=10).set_index("case")
    one = table.iloc[0]
    assert one.channels == 1 and one.loss == 0 and one.gradient == 0
    assert table.loc["10 classes, one for each metre, untrained", "loss"] == pytest.approx(math.log(10))
    off, far = table["loss"].iloc[-2:]
    assert off == pytest.approx(far) and off == pytest.approx(5 + math.log(1 + 9 * math.exp(-5)), rel=1e-5)
    assert table.loc["the same, sure of the right metre", "loss"] < 0.1


def test_what_a_mask_does_by_hand():
    depth = torch.tensor([[[[2.0, 4.0, 7.0, 7.0]]]])
    valid = torch.tensor([[[[True, True, False, False]]]])
    pred = torch.tensor([[[[1.0, 5.0, 3.0, 3.0]]]])
    table = study.with_and_without_mask(pred=pred, depth=depth, valid=valid).set_index("error")
    assert table.loc["MAE (m)"].tolist() == pytest.approx([1.0, (1 + 1 + 3 + 3) / 4])
    assert table.loc["RMSE (m)"].tolist() == pytest.approx([1.0, 5**0.5])
    assert table.loc["MARE"].tolist() == [pytest.approx((0.5 + 0.25) / 2), math.inf]
    assert 1e6 < table.loc["MARE with 1e-7 added to the depth", "holes as 0 m"] < math.inf
    whole = study.with_and_without_mask(pred=pred, depth=depth, valid=depth > 0)
    assert whole["masked"].tolist() == pytest.approx(whole["holes as 0 m"].tolist(), rel=1e-5)


def test_a_bridge_that_carries_the_places_is_missed():
    """A net taught that the finest bridge holds the depth edges: made the same everywhere, it finds none of them."""
    toy = Toy(4, (32, 32))
    toy.image[:] = 0.0
    toy.image[..., 15:] = 1.0
    toy.depth = torch.where(toy.image[:, :1] > 0.5, 5.0, 2.0)
    toy.valid[:] = True
    model = net(channels=8, start=3.0)
    training.fit(
        model, toy, loss=losses.mare, optimizer=torch.optim.Adam(model.parameters(), lr=1e-2),
        epochs=30, batch_size=4, progress=False,
    )  # fmt: skip
    before = {key: value.clone() for key, value in model.state_dict().items()}
    table = study.bridges(model, toy).set_index("bridge")
    assert table.index.tolist() == ["no bridge cut", *(f"bridge at 1/{n} cut" for n in (8, 4, 2)), "finest bridge cut"]
    assert table.loc["finest bridge cut", "edge_f1_025"] < table.loc["no bridge cut", "edge_f1_025"]
    assert same(before, model.state_dict()) and not any(module._forward_pre_hooks for module in model.modules())


def test_ten_epochs_of_the_document_stand_beside_ours():
    rows = [{"epoch": i, "train_loss": 1 / i, "val_loss": 2 / i, "learning_rate": 0.1, "seconds": 3.0} for i in (1, 2)]
    table = study.epochs_table(training.History(rows), steps=10)
    assert len(table) == 10 and table["epoch"].tolist() == list(range(1, 11))
    assert table['Chapre and Deshpande, "Custom Loss"'].iloc[[0, -1]].tolist() == [0.7228, 0.2385]
    assert table["ours, ms/step"].iloc[:2].tolist() == [300.0, 300.0] and table["ours, ms/step"].iloc[2:].isna().all()
    longer = training.History([{**rows[0], "epoch": i} for i in range(1, 13)])
    assert len(study.epochs_table(longer, steps=10)) == 12


def test_claims_about_the_loss_follow_the_numbers():
    entropies = study.cross_entropies(depth=torch.full((1, 1, 2, 2), 3.5), valid=torch.ones(1, 1, 2, 2) > 0)
    columns = ["error", "masked", "holes as 0 m"]
    relative = torch.tensor([-0.3, 0.1, -0.2])
    holes = pd.DataFrame([["MAE (m)", 1.0, 2.0], ["MARE", 0.2, math.inf]], columns=columns)
    lines = evidence.decide(study._loss_claims(entropies, holes, relative))
    verdict = {line.claim.split(",")[0].split(" (")[0]: line.verdict for line in lines.itertuples()}
    assert verdict["SparseCategoricalCrossentropy measures the training"] == evidence.FAILS
    assert (
        verdict["MARE"] == evidence.FAILS
        and verdict["absolute values let positive and negative errors cancel"] == evidence.FAILS
    )
    none = pd.DataFrame([["MAE (m)", 1.0, 1.0], ["MARE", 0.2, 0.2]], columns=columns)
    assert "no frame here has a hole" in " ".join(
        evidence.decide(study._loss_claims(entropies, none, relative))["here"]
    )
