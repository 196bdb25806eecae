"""HMA-Depth: masks that sum to one, all backbones, odd and smallest sizes, half precision, and no NaN in any weight."""

from functools import partial

import pytest
import torch
from torch import nn
from toys import Toy

from depthnb import losses, models, training
from depthnb.models import hma

EQUATION6 = partial(losses.silog, lam=0.85, root=False, factor=1.0)
DOCUMENT = ("resnet50", "resnext50_32x4d", "densenet121", "densenet161")


def net(backbone="resnet18", **options) -> models.HMADepth:
    torch.manual_seed(0)
    return models.HMADepth(backbone, **{"width": 32, **options})


def frames(batch=2, size=(64, 96), max_depth=10.0):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 3, *size, generator=generator)
    depth = max_depth * (0.05 + 0.9 * image.mean(1, keepdim=True))
    return image, depth, torch.rand(depth.shape, generator=generator) > 0.3


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.grad for parameter in model.parameters()]


# --- masks ------------------------------------------------------------------------------------------------------------


def test_masks_are_equations_1_to_4():
    a8, a4, a2 = torch.rand(3, 2, 5, 7, generator=torch.Generator().manual_seed(1)).double().unbind(0)
    m8, m4, m2, m1 = hma.hierarchical_masks(torch.stack([a8, a4, a2], 1)).unbind(1)
    assert torch.equal(m8, a8)
    assert torch.allclose(m4, a4 * (1 - a8))
    assert torch.allclose(m2, a2 * (1 - a8) * (1 - a4))
    assert torch.allclose(m1, (1 - a8) * (1 - a4) * (1 - a2))


@pytest.mark.parametrize("scales", [2, 3, 4, 5])
@pytest.mark.parametrize("spread", [0.0, 1.0, 200.0])  # 200: the sigmoid is exactly 0 or 1 nearly everywhere
def test_masks_sum_to_one_whatever_the_attention(scales, spread):
    logits = spread * torch.randn(3, scales - 1, 40, 50, generator=torch.Generator().manual_seed(2))
    masks = hma.hierarchical_masks(logits.sigmoid())
    assert masks.shape == (3, scales, 40, 50) and masks.min() >= 0
    assert (masks.sum(1) - 1).abs().max() < 1e-6


@pytest.mark.parametrize("scales", [3, 4, 5])
@pytest.mark.parametrize("attention", hma.ATTENTIONS)
def test_masks_of_the_net_sum_to_one_and_weigh_its_depth(scales, attention):
    model = net(scales=scales, attention=attention).eval()
    for heads in (model.attention_heads or [], model.depth_heads):
        for layer in heads:  # large weights: maps far from the even start
            getattr(layer, "reduce", layer)[-1].weight.data *= 100
    image = frames()[0]
    with torch.no_grad():
        depths, masks = model.per_scale(image)
        assert torch.equal(model(image), (depths * masks).sum(1, keepdim=True))
    assert depths.shape == masks.shape == (2, scales, 64, 96)
    assert model.names == {3: ("H/4", "H/2", "H"), 4: ("H/8", "H/4", "H/2", "H")}.get(scales, hma.SCALES)
    assert (masks.sum(1) - 1).abs().max() < 1e-6
    assert depths.min() > 0 and depths.max() <= 10
    if attention == "masks":
        assert masks.std() > 0.1, "the test must see masks that differ"


def test_the_other_ways_to_join_are_what_they_are_called():
    image = frames()[0]
    _, masks = net(attention="average").eval().per_scale(image)
    assert torch.equal(masks.unique(), torch.tensor([0.25]))
    model = net(attention="convolution").eval()
    before = model(image)
    assert torch.equal(before[:, 0], model.per_scale(image)[0][:, -1])
    with torch.no_grad():
        model.depth_heads[0][-1].bias += 3  # the coarsest depth map is read by the finest head
    assert not torch.allclose(before, model(image))


def test_the_fusion_of_bts_reads_its_planes_and_its_finest_map():
    model, image = net(attention="lpg").eval(), frames()[0]
    assert [plane.patch for plane in model.depth_heads[:-1]] == [8, 4, 2]
    depths, masks = model.per_scale(image)
    assert torch.equal(masks[:, -1], torch.ones(2, 64, 96)) and not masks[:, :-1].any()
    assert (depths[:, 0, :8, :8].diff(dim=-1) != 0).any(), "a tilted plane within its patch, no constant"
    for part in (model.finest_map.bias, *(plane.reduce[-1].bias for plane in model.depth_heads[:-1])):
        with torch.no_grad():
            part[-1] += 3
            assert not torch.allclose(model(image)[:, 0], depths[:, -1]), "the convolution reads every estimate"
            part[-1] -= 3


@pytest.mark.parametrize("attention", hma.ATTENTIONS)
def test_an_untrained_net_is_near_its_start(attention):
    model = net(attention=attention).eval()
    with torch.no_grad():
        masks = model.per_scale(frames()[0])[1].mean((0, 2, 3))
    assert model.start().sum() == 1 and (masks - model.start()).abs().max() < 0.05


def test_where_the_scales_differ_the_masks_move():
    """Stripes of two pixels, which only the fine scales can draw: the coarse ones lose the weight that they began with."""
    stripes = (torch.arange(32) // 2 % 2).float().view(1, 1, 1, -1)
    image = 0.1 * frames(4, (32, 32))[0] + 0.8 * stripes
    depth = (2 + 4 * stripes).expand(4, 1, 32, 32)
    model = net().train()
    every, loss = hma.EveryScale(model), hma.scale_loss(EQUATION6, 1.0)
    optimizer = torch.optim.Adam(model.parameter_groups(learning_rate=3e-3, attention_factor=3.0), lr=3e-3)
    for _ in range(20):
        optimizer.zero_grad()
        loss(pred=every(image), depth=depth, valid=depth > 0).backward()
        optimizer.step()
    with torch.no_grad():
        depths, masks = model.per_scale(image)
    coarsest, *_, finest = ((each - depth[:, 0]).abs().mean() for each in depths.unbind(1))
    moved = (masks - model.start().view(1, -1, 1, 1)).abs().sum(1).mean() / 2
    assert finest < 0.8 * coarsest
    assert moved > 0.2 and masks[:, :2].mean((0, 2, 3)).sum() < 0.5 < model.start()[:2].sum()


@pytest.mark.parametrize("scales", [3, 5])
def test_a_head_sees_its_own_scale(scales):
    """A map made at H/8 is smooth over 8 pixels after enlarging: its second difference inside a cell is zero."""
    depths, _ = net(scales=scales).eval().per_scale(frames(size=(64, 64))[0])
    for depth, cell in zip(depths.unbind(1)[:-1], (16, 8, 4, 2)[5 - scales :], strict=True):
        inside = depth[..., cell // 2 : cell // 2 + cell].diff(dim=-1)
        assert (inside - inside[..., :1]).abs().max() < 1e-5, f"not linear within {cell} pixels"


# --- sizes and backbones ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", DOCUMENT)
def test_the_backbones_of_the_document_train_a_step(backbone):
    model = net(backbone)
    assert not model.origin.pretrained
    image, depth, valid = frames(size=(32, 32))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = torch.optim.AdamW(model.parameter_groups(learning_rate=1e-3))
    EQUATION6(pred=model.train()(image), depth=depth, valid=valid).backward()
    assert all(grad is not None and grad.isfinite().all() for grad in gradients(model)), "a layer without a gradient"
    optimizer.step()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert sum(moved) > 0.95 * len(moved)


@pytest.mark.parametrize("backbone", ["resnet18", "densenet121"])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (63, 95), (50, 131)])
def test_every_size_is_answered_in_kind(backbone, size):
    model = net(backbone).eval()
    with torch.no_grad():
        pred = model(torch.rand(1, 3, *size))
    assert pred.shape == (1, 1, *size) and pred.dtype == torch.float32 and pred.isfinite().all()
    assert models.describe(model, (64, 64)).parameters.sum() == models.parameter_count(model)


@pytest.mark.parametrize("backbone", ["resnet18", "densenet121"])
def test_one_value_per_channel_is_refused_and_nothing_else(backbone):
    model, image = net(backbone).train(), torch.rand(2, 3, 32, 32)
    with pytest.raises(
        ValueError, match=r"one image of 32x32 \(H x W\) leaves a single value per channel.*batch_size 2 or more"
    ):
        model(image[:1])
    assert model(image).isfinite().all()
    assert model(torch.rand(1, 3, 32, 64)).isfinite().all()
    assert model.eval()(image[:1]).isfinite().all()
    with pytest.raises(ValueError, match=r"image size 31x64 .* at least 32"):
        model(torch.rand(1, 3, 31, 64))


def test_smallest_features_are_as_computed():
    for backbone in ("resnet18", "densenet121"):
        encoder = net(backbone).eval().encoder
        for size in ((32, 33), (64, 67), (95, 130)):
            with torch.no_grad():
                assert tuple(encoder(torch.rand(1, 3, *size))[-1].shape[-2:]) == encoder.smallest(size)


# --- ranges, masks of the truth, half precision, NaN ------------------------------------------------------------------


@pytest.mark.parametrize("max_depth", [10.0, 80.0, 300.0])
@pytest.mark.parametrize("push", [-1e4, 0.0, 1e4])
def test_every_range_stays_inside_itself(max_depth, push):
    model = net(max_depth=max_depth).train()
    image, depth, valid = frames(max_depth=max_depth)
    with torch.no_grad():
        for layer in model.depth_heads:
            layer[-1].bias += push  # a sigmoid that is exactly 0 or 1
    pred = model(image)
    value = EQUATION6(pred=pred, depth=depth, valid=valid)
    value.backward()
    assert 0.99 * hma.NEAREST <= pred.min() and pred.max() <= max_depth * (1 + 1e-6)
    assert value.isfinite() and all(grad.isfinite().all() for grad in gradients(model))


def test_images_without_a_valid_pixel_teach_nothing():
    model = net().train()
    image, depth, valid = frames()
    value = EQUATION6(pred=model(image), depth=torch.full_like(depth, torch.nan), valid=torch.zeros_like(valid))
    value.backward()
    assert value == 0 and not any(grad.any() for grad in gradients(model))
    valid[1] = False  # one of two
    depth[1] = torch.nan
    value = EQUATION6(pred=model(image), depth=depth, valid=valid)
    value.backward()
    assert value > 0 and all(grad.isfinite().all() for grad in gradients(model))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("attention", ["masks", "convolution", "lpg"])
def test_half_precision_keeps_metres_and_masks_in_float32(dtype, attention):
    model = net(attention=attention, max_depth=80.0).train()
    # small: a CPU that imitates float16 needs a second for 500 pixels
    image, depth, valid = frames(size=(32, 64), max_depth=80.0)
    exact = model(image)
    with torch.autocast("cpu", dtype=dtype):
        depths, masks = model.per_scale(image)
        value = EQUATION6(pred=(depths * masks).sum(1, keepdim=True), depth=depth, valid=valid)
    value.backward()
    assert depths.dtype == masks.dtype == value.dtype == torch.float32
    assert (masks.sum(1) - 1).abs().max() < 1e-6
    assert ((depths * masks).sum(1, keepdim=True) / exact).log().abs().mean() < 0.05
    assert all(grad.isfinite().all() for grad in gradients(model))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_no_nan_reaches_a_weight(precision):
    toy, model = Toy(6, (32, 48)), net()
    toy.image[3, 0, 5, 5] = torch.nan
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameter_groups(learning_rate=1e-3))
    settings = {"loss": EQUATION6, "optimizer": optimizer, "batch_size": 2, "device": "cpu", "precision": precision}
    with pytest.raises(training.NonFiniteLoss, match=r"epoch 1, batch \d, samples .*frame_0_003"):
        training.fit(model, toy, epochs=1, progress=False, **settings)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    toy.image[3] = 0.5
    toy.valid[2] = False
    training.fit(model, toy, toy, epochs=2, progress=False, **settings)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert not all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_loss_is_equation_6_as_printed():
    _, depth, valid = frames(batch=1)
    pred = depth * torch.linspace(0.7, 1.6, depth.numel()).view_as(depth)
    g = pred[valid].log() - depth[valid].log()
    printed = (g**2).mean() - 0.85 / len(g) ** 2 * g.sum() ** 2
    assert EQUATION6(pred=pred, depth=depth, valid=valid).item() == pytest.approx(printed.item(), rel=1e-5)
    bts = losses.silog(pred=pred, depth=depth, valid=valid, lam=0.85, root=True, factor=10.0, per_image=False)
    assert bts.item() == pytest.approx(10 * printed.sqrt().item(), rel=1e-5)


# --- a loss for every scale ---------------------------------------------------------------------------------------------


def test_every_scale_gets_its_own_loss():
    model = net(attention="masks").train()
    image, depth, valid = frames()
    depth = torch.where(valid, depth, torch.nan)
    maps = hma.EveryScale(model)(image)
    with torch.no_grad():
        model_depths, masks = net(attention="masks").train().per_scale(image)
    assert torch.allclose(maps[:, 1:], model_depths) and torch.allclose(maps[:, 0], (model_depths * masks).sum(1))
    each = [EQUATION6(pred=maps[:, i : i + 1], depth=depth, valid=valid) for i in range(5)]
    for weight in (0.0, 0.5):
        value = hma.scale_loss(EQUATION6, weight)(pred=maps, depth=depth, valid=valid)
        assert value.item() == pytest.approx((each[0] + weight * sum(each[1:]) / 4).item(), rel=1e-5)
    for weight in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=r"expected 0 \(none\) or more"):
            hma.scale_loss(EQUATION6, weight)


# --- options, weights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", hma.ATTENTIONS)
def test_bts_decays_the_encoder_alone_and_attention_has_a_rate_of_its_own(attention):
    model = net(attention=attention)
    rest, encoder, *attending = model.parameter_groups(weight_decay=0.3, learning_rate=0.01, attention_factor=5.0)
    assert (encoder["weight_decay"], rest["weight_decay"]) == (0.3, 0.0)
    assert {id(p) for p in encoder["params"]} == {id(p) for p in model.encoder.parameters()}
    assert encoder["lr"] == rest["lr"] == 0.01
    if attention == "masks":
        (heads,) = attending
        assert {id(p) for p in heads["params"]} == {id(p) for p in model.attention_heads.parameters()}
        assert (heads["lr"], heads["weight_decay"]) == (0.05, 0.0)
    groups = [rest, encoder, *attending]
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, model.parameters()))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backbone": "resnet19"}, "unknown network 'resnet19'; did you mean"),
        ({"attention": "none"}, "unknown attention 'none'; known: masks, average, convolution, lpg"),
        ({"scales": 6}, "scales must be 2 to 5 .* found 6"),
        ({"width": 40}, "width must be at least 32 and divisible by 16, found 40"),
        ({"max_depth": 0.0}, "max_depth must be metres above 0.001, found 0.0"),
    ],
)
def test_unknown_options_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        models.HMADepth(**options)
