"""What every model of the registry promises, whatever else it does: one contract, and each model under it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from depthnb import losses, models
from depthnb.models import eigen

SIZES = ((64, 80), (67, 95))  # even and odd


def same_size(size):
    return size


@dataclass(frozen=True)
class Case:
    """How to build a small model for images of a size, and the size of its answer."""

    name: str  # of the class
    build: Callable[[tuple[int, int]], nn.Module]
    answers: Callable[[tuple[int, int]], tuple[int, int]] = same_size

    def model(self, size=SIZES[0]) -> nn.Module:
        torch.manual_seed(0)
        return self.build(size)


def half(size):
    return -(-size[0] // 2), -(-size[1] // 2)


CASES = {
    "BNCNN": Case("BNCNN", lambda _: models.BNCNN(width=4, depth=3)),
    "BNCNN deep": Case("BNCNN", lambda _: models.BNCNN(width=2, depth=5, unit=100.0)),
    "BoundedFPN": Case("BoundedFPN", lambda _: models.BoundedFPN(width=8, encoder="mobilenetv3_small_050")),
    "CanonicalCamera": Case("CanonicalCamera", lambda _: models.CanonicalCamera(models.UNet(channels=4), focal=90.0)),
    "DenseDepth": Case("DenseDepth", lambda _: models.DenseDepth("densenet121", decoder_width=0.02), half),
    "DenseDepth of an EfficientNet": Case(
        "DenseDepth", lambda _: models.DenseDepth("tf_efficientnet_lite0", decoder_width=0.05), half
    ),
    "EigenCoarse": Case("EigenCoarse", models.EigenCoarse, eigen.output_size),
    "EigenFine": Case("EigenFine", lambda size: models.EigenFine(models.EigenCoarse(size)), eigen.output_size),
    "FPN": Case("FPN", lambda _: models.FPN(width=8, encoder="mobilenetv3_small_050")),
    **{
        f"HMADepth {how}": Case("HMADepth", lambda _, how=how: models.HMADepth("resnet18", attention=how, width=64))
        for how in ("masks", "average", "convolution", "lpg")
    },
    "HMADepth of five scales": Case(
        "HMADepth", lambda _: models.HMADepth("densenet121", attention="lpg", scales=5, width=64, max_depth=80.0)
    ),
    "Pix2PixGenerator": Case("Pix2PixGenerator", lambda _: models.Pix2PixGenerator(channels=4, steps=6)),
    "UNet": Case("UNet", lambda _: models.UNet(channels=4)),
    "UNet inverse": Case("UNet", lambda _: models.UNet(channels=4, output="inverse", batch_norm=False, dropout=0.2)),
    "UNet of a ConvNeXt": Case("UNet", lambda _: models.UNet(channels=4, encoder="convnext_atto")),
    "UNet of a ResNet": Case("UNet", lambda _: models.UNet(channels=4, encoder="resnet18", dropout=0.2, start=30.0)),
}
DEPTH = [pytest.param(case, id=name) for name, case in CASES.items()]
# the discriminator judges a photograph with its depth, so it is held to the part of the contract that fits it
PLAYER = Case("PatchDiscriminator", lambda _: models.PatchDiscriminator(channels=4, layers=2, spectral=True))


def frames(size=SIZES[0], batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, *size, generator=generator)
    return image, 1 + 8 * image.mean(1, keepdim=True)


def gradients(model: nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor | None]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_every_model_of_the_registry_is_under_contract():
    assert {case.name for case in (*CASES.values(), PLAYER)} == set(models._BUILDERS)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", DEPTH)
def test_every_size_is_answered(case, size):
    model = case.model(size).eval()
    with torch.no_grad():
        pred = model(frames(size)[0])
    assert pred.shape == (2, 1, *case.answers(size)) and pred.dtype == torch.float32 and pred.isfinite().all()


@pytest.mark.parametrize("case", DEPTH)
def test_a_single_image_trains_and_predicts(case):
    model, image = case.model(), frames(batch=1)[0]
    for mode in (True, False):
        pred = model.train(mode)(image)
        pred.mean().backward()
        assert pred.shape[:2] == (1, 1) and pred.isfinite().all()


@pytest.mark.parametrize("case", DEPTH)
def test_a_prediction_is_repeated_and_does_not_depend_on_its_batch(case):
    model = case.model().eval()
    image, _ = frames(batch=3)
    with torch.no_grad():
        together = model(image)
        assert torch.equal(together, model(image))
        assert torch.allclose(together[1:2], model(image[1:2]), rtol=1e-3)


@pytest.mark.parametrize("case", DEPTH)
def test_the_gradient_reaches_every_parameter(case):
    model = case.model().train()
    image, depth = frames(batch=4)
    pred = model(image)
    truth = nn.functional.interpolate(depth, pred.shape[-2:])
    reached = gradients(model, losses.mse(pred=pred, depth=truth, valid=truth > 0))
    assert reached and not [name for name, grad in reached.items() if grad is None or not grad.isfinite().all()]
    # a bias before batch normalisation is subtracted again, up to rounding; nothing else may be cut off
    assert not [name for name, grad in reached.items() if not grad.abs().sum() > 0]


@pytest.mark.parametrize("case", DEPTH)
def test_masked_pixels_teach_nothing(case):
    """Neither the truth under the mask, nor what the model says there."""
    model = case.model().eval()  # dropout would be another one each time
    image, depth = frames()
    pred = model(image)
    pred.retain_grad()
    depth = nn.functional.interpolate(depth, pred.shape[-2:])
    valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    learnt = {}
    for junk in (0.0, torch.nan, torch.inf, -torch.inf):
        truth = torch.where(valid, depth, junk)
        learnt[junk] = gradients(model, losses.l1(pred=model(image), depth=truth, valid=valid))
    first = learnt.pop(0.0)
    assert all(torch.equal(grad, first[name]) for each in learnt.values() for name, grad in each.items())
    losses.l1(pred=pred, depth=torch.where(valid, depth, torch.nan), valid=valid).backward()
    assert not pred.grad[~valid].any() and pred.grad[valid].all()
    nothing = losses.l1(pred=model(image), depth=torch.full_like(depth, torch.nan), valid=torch.zeros_like(valid))
    assert nothing == 0 and not any(grad.any() for grad in gradients(model, nothing).values())


@pytest.mark.parametrize("case", DEPTH)
def test_saved_and_loaded_it_says_the_same_bits(tmp_path, case):
    model, (image, _) = case.model(), frames()
    model.train()(image)  # batch statistics that are not the first ones
    model.to(memory_format=torch.channels_last)  # as training leaves it
    file = models.save(model, tmp_path / "run" / models.WEIGHTS)
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    loaded = models.load(tmp_path / "run")
    assert not loaded.training and type(loaded).__name__ == case.name and loaded.config == model.config
    assert all(torch.equal(value, loaded.state_dict()[key]) for key, value in model.state_dict().items())
    model.to(memory_format=torch.contiguous_format)
    with torch.no_grad():
        assert torch.equal(model.eval()(image), loaded(image))
        assert torch.equal(models.load(file)(image), loaded(image)), "the file itself can be named too"


@pytest.mark.parametrize("case", DEPTH)
def test_what_is_no_batch_of_rgb_images_is_refused(case):
    model, (image, _) = case.model().eval(), frames()
    for wrong, message in (
        (image[:, :1], r"found shape \(2, 1, 64, 80\).*grey or RGBA images through depthnb.data"),
        (torch.cat([image, image[:, :1]], 1), r"found shape \(2, 4, 64, 80\).*grey or RGBA"),
        (image[0], r"found shape \(3, 64, 80\); add the batch dimension with image\[None\]"),
        *((torch.ones_like(image).to(kind), r"floats in 0\.\.1, found .*: image / 255") for kind in (torch.uint8, torch.bool)),
        (image[..., :7, :7], "image size 7x7|built for images of 64 x 80"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model(wrong)


@pytest.mark.parametrize("case", DEPTH)
def test_its_layer_table_holds_every_parameter(case):
    model = case.model()
    assert models.describe(model, SIZES[0]).parameters.sum() == models.parameter_count(model)


@pytest.mark.parametrize("size", SIZES)
def test_the_discriminator_keeps_its_part_of_the_contract(tmp_path, size):
    model, (image, depth) = PLAYER.model().train(), frames(size)
    valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) > 0.4
    truth = depth.requires_grad_()
    logits = model(image, truth, valid)
    reached = gradients(model, logits.square().mean())
    assert not [name for name, grad in reached.items() if not grad.isfinite().all() or not grad.abs().sum() > 0]
    assert not truth.grad[~valid].any() and truth.grad[valid].any()
    model.eval()
    with torch.no_grad():
        exact = model(image, depth, valid)
        for junk in (torch.nan, torch.inf, -torch.inf):
            assert torch.equal(model(image, torch.where(valid, depth, junk), valid), exact)
        assert torch.allclose(model(image[:1], depth[:1], valid[:1]), exact[:1], rtol=1e-4, atol=1e-6)
        loaded = models.load(models.save(model, tmp_path / "model.safetensors"))
        assert loaded.config == model.config and torch.equal(loaded(image, depth, valid), exact)
