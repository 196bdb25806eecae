"""The players of the GAN: what the discriminator sees and must not see, how its judgement is counted, and the generator."""

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from depthnb import models
from depthnb.models import PatchDiscriminator, gan


def scene(batch=2, size=(32, 48), seed=0):
    """Image, depth from 0.5 to 9.5 m, and a mask with holes."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, 3, *size, generator=generator)
    depth = 0.5 + 9 * torch.rand(batch, 1, *size, generator=generator)
    return image, depth, torch.rand(batch, 1, *size, generator=generator) > 0.3


def net(**options):
    torch.manual_seed(0)
    return PatchDiscriminator(**{"channels": 4, **options}).eval()


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("size", [(32, 32), (37, 51)])
def test_one_logit_a_patch(layers, size):
    logits = net(layers=layers)(*scene(size=size))
    assert logits.shape[:2] == (2, 1) and logits.dtype == torch.float32 and logits.isfinite().all()
    for found, side in zip(logits.shape[-2:], size, strict=True):
        assert found == side // 2**layers - 2


@pytest.mark.parametrize(("layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_the_receptive_field_is_what_it_says(layers, pixels):
    """The gradient of one logit in the middle reaches that many pixels; 70 is the patch of pix2pix."""
    image, depth, valid = scene(1, (128, 128))
    depth, valid = depth.requires_grad_(), torch.ones_like(valid)
    discriminator = net(layers=layers)
    logits = discriminator(image, depth, valid)
    logits[0, 0, logits.shape[-2] // 2, logits.shape[-1] // 2].backward()
    reached = depth.grad[0, 0].abs() > 0
    assert reached.any(0).sum() == reached.any(1).sum() == pixels == discriminator.receptive_field


def test_what_is_under_the_mask_is_never_seen():
    image, depth, valid = scene()
    discriminator = net()
    expected = discriminator(image, depth, valid)
    for hidden in (0.0, 3.0, math.nan, math.inf, -1.0):
        other = torch.where(valid, depth, hidden).requires_grad_()
        logits = discriminator(image, other, valid)
        assert torch.equal(logits, expected)
        logits.sum().backward()
        assert other.grad.isfinite().all() and not other.grad[~valid].any()
        other.grad = None


def test_holes_alone_do_not_tell_truth_from_prediction():
    """A perfect prediction under the same mask is judged exactly as the truth, whatever each has in the holes."""
    image, depth, valid = scene()
    pred = torch.where(valid, depth, 7.0)
    true = torch.where(valid, depth, 0.0)
    discriminator = net()
    assert torch.equal(discriminator(image, true, valid), discriminator(image, pred, valid))


def test_image_depth_and_mask_all_count():
    image, depth, valid = scene()
    discriminator = net()
    expected = discriminator(image, depth, valid)
    assert not torch.equal(discriminator(1 - image, depth, valid), expected)
    assert not torch.equal(discriminator(image, depth * 1.1, valid), expected)
    assert not torch.equal(discriminator(image, depth, torch.ones_like(valid)), expected)


def test_bounded_is_the_logarithm_within_its_ends():
    depth = torch.tensor([0.0, 0.05, 0.1, 1.0, 3.0, 10.0, 40.0]).view(1, 1, 1, 7)
    seen = gan.bounded(depth, torch.ones_like(depth).bool(), max_depth=10.0).flatten()
    expected = [max(-1.0, min(1.0, math.log10(d))) if d > 0 else -1.0 for d in depth.flatten().tolist()]
    assert seen.tolist() == pytest.approx(expected, abs=1e-6)
    outdoors = gan.bounded(8 * depth, torch.ones_like(depth).bool(), max_depth=80.0).flatten()
    assert torch.allclose(seen, outdoors, atol=1e-6), "a matter of ratios: 80 m outdoors is 10 m indoors"


@pytest.mark.parametrize("true", [True, False])
def test_patch_loss_is_binary_cross_entropy_over_the_patches_that_count(true):
    torch.manual_seed(0)
    logits, counts = 5 * torch.randn(3, 1, 4, 5), torch.rand(3, 1, 4, 5) > 0.4
    target = torch.full_like(logits[counts], float(true))
    expected = F.binary_cross_entropy_with_logits(logits[counts], target)
    assert gan.patch_loss(logits, counts, true=true).item() == pytest.approx(expected.item(), rel=1e-6)
    right = ((logits[counts] > 0) == true).float().mean()
    assert gan.recognised(logits, counts, true=true).item() == pytest.approx(right.item(), rel=1e-6)


def test_without_a_valid_pixel_nobody_is_judged():
    image, depth, valid = scene()
    discriminator = net()
    logits = discriminator(image, depth, torch.zeros_like(valid)).detach().requires_grad_()
    counts = discriminator.judged(torch.zeros_like(valid))
    assert not counts.any()
    loss = gan.patch_loss(logits, counts, true=True)
    loss.backward()
    assert loss == 0 and not logits.grad.any()
    assert gan.recognised(logits, counts, true=True) == 0.5


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("size", [(32, 32), (37, 51)])
def test_a_patch_counts_when_a_pixel_in_its_middle_is_valid(layers, size):
    """The cell of one patch lies in the middle of the pixels that move its logit."""
    discriminator, (image, depth, _) = net(layers=layers), scene(1, size)
    every = torch.ones(1, 1, *size, dtype=torch.bool)
    logits = discriminator(image, depth.requires_grad_(), every)
    assert discriminator.judged(every).shape == logits.shape and discriminator.judged(every).all()
    row, column = logits.shape[-2] - 1, logits.shape[-1] // 2
    cells = torch.zeros_like(every)
    side = 2**layers
    cells[..., side * (row + 1) : side * (row + 2), side * (column + 1) : side * (column + 2)] = True
    assert discriminator.judged(cells).nonzero().tolist() == [[0, 0, row, column]]
    if layers == 1:  # small enough for the receptive field to lie inside the image
        row, column = logits.shape[-2] // 2, logits.shape[-1] // 2
        logits[0, 0, row, column].backward()
        reached = depth.grad[0, 0].nonzero().float()
        middle = (reached.min(0).values + reached.max(0).values) / 2
        assert middle.tolist() == [side * (row + 1) + side / 2 - 0.5, side * (column + 1) + side / 2 - 0.5]


def test_spectral_normalisation_bounds_every_weight():
    for spectral in (True, False):
        torch.manual_seed(0)
        discriminator = PatchDiscriminator(channels=8, spectral=spectral).train()
        for _ in range(20):  # each training step in train mode sharpens the estimate
            discriminator(*scene())
        convolutions = [step for step in discriminator.steps if isinstance(step, torch.nn.Conv2d)]
        largest = [torch.linalg.matrix_norm(c.weight.flatten(1), 2).item() for c in convolutions]
        assert (max(abs(v - 1) for v in largest) < 0.05) is spectral


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i, d, v: (i[:, :1], d, v), "expected a batch of RGB images"),
        (lambda i, d, v: (i, d[:, 0], v[:, 0]), "do not belong together; expected"),
        (lambda i, d, v: (i, d[..., ::2], v[..., ::2]), "do not belong together"),
        (lambda i, d, v: (i, d, v[:1]), "do not belong together"),
        (lambda i, d, v: (i[..., :8], d[..., :8], v[..., :8]), "at least 16"),
    ],
)
def test_wrong_shapes_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        net()(*change(*scene()))


@pytest.mark.parametrize("options", [{"channels": 0}, {"layers": 0}, {"max_depth": 0.0}, {"max_depth": math.inf}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="expected at least 1, 1 to 16, and metres"):
        PatchDiscriminator(**options)


# --- pix2pix's generator ------------------------------------------------------------------------------------------------


def test_the_generator_is_as_large_and_as_cheap_as_pix2pix_s():
    """At its own size, 256x256 and 64 channels; the U-Net of notebook 04 costs about eight times as much there."""
    generator = models.Pix2PixGenerator()
    costs = {}
    # every layer of the U-Net works on whole pixels of its scale, so its cost grows with the area: a sixteenth is enough
    for name, model, side in (("pix2pix", generator, 256), ("U-Net", models.UNet(), 64)):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model.eval()(torch.rand(1, 3, side, side))
        costs[name] = counter.get_total_flops() / 1e9 * (256 / side) ** 2
    # from appendix 6.1.1: 4x4 weights, a pair of scale and shift where there is batch normalisation, a bias where there is none
    down = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    up = [(512, 512), (1024, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64)]
    norms = 2 * sum(down[2:8]) + 2 * sum(after for _, after in up)
    weights = 16 * (sum(a * b for a, b in pairwise(down)) + sum(a * b for a, b in up) + 128)
    assert models.parameter_count(generator) == weights + norms + 64 + 512 + 1
    assert 10 < costs["pix2pix"] < 13 and costs["U-Net"] > 7 * costs["pix2pix"]


@pytest.mark.parametrize("start", [0.5, 40.0])
def test_the_untrained_generator_says_its_start(start):
    generator = models.Pix2PixGenerator(channels=8, steps=4, start=start)
    said = generator(scene()[0])
    assert said.log().mean().item() == pytest.approx(math.log(start), abs=0.2)


def test_whatever_its_last_layer_says_the_answer_is_positive_and_finite():
    generator = models.Pix2PixGenerator(channels=4, steps=4, start=2.0)
    for bias in (-1e4, 1e4):
        torch.nn.init.constant_(generator.head.bias, bias)
        said = generator(scene()[0])
        assert (said > 0).all() and said.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_the_generator_says_nearly_the_same_in_float32(dtype):
    generator = models.Pix2PixGenerator(channels=8, steps=4, start=3.0).eval()
    image = scene()[0]
    with torch.no_grad():
        exact = generator(image)
        with torch.autocast("cpu", dtype=dtype):
            rough = generator(image)
    assert rough.dtype == torch.float32 and torch.allclose(rough, exact, rtol=0.05)
    assert rough.unique().numel() > 1000, "the output itself is not in half precision"


def test_the_deepest_map_may_be_a_single_pixel():
    generator = models.Pix2PixGenerator(channels=4, steps=4).train()
    assert generator(torch.rand(1, 3, 16, 16)).isfinite().all()
    with pytest.raises(ValueError, match=r"image size 15x40 .* at least 16"):
        generator(torch.rand(1, 3, 15, 40))


@pytest.mark.parametrize("options", [{"channels": 0}, {"steps": 1}, {"start": 0.0}, {"start": math.inf}])
def test_a_generator_that_cannot_be_is_refused(options):
    with pytest.raises(ValueError, match="expected at least 1, 2 to 16, and metres above 0"):
        models.Pix2PixGenerator(**options)


def test_a_generator_may_begin_with_an_encoder_that_has_learnt():
    torch.manual_seed(0)
    taught = gan.generator("tf_efficientnet_lite0", channels=4, steps=5, start=3.0, pretrained="auto")
    assert taught.origin.pretrained and taught.config["encoder"] == "tf_efficientnet_lite0"
    plain = gan.generator(channels=4, steps=5, start=3.0)
    assert isinstance(plain, models.Pix2PixGenerator) and not plain.origin.pretrained
    for net in (taught, plain):
        depth = net.eval()(torch.rand(2, 3, 40, 64))
        assert depth.shape == (2, 1, 40, 64) and (depth > 0).all() and depth.isfinite().all()
