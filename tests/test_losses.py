"""Losses: equal to numpy loops and to other people's code; masks, empty masks, half precision, gradients."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from depthnb import losses

REFERENCE = Path(__file__).parent / "reference"

LOSSES = {
    "l1": losses.l1,
    "log_l1": losses.log_l1,
    "mse": losses.mse,
    "silog": losses.silog,
    "silog batch root": partial(losses.silog, lam=0.85, root=True, factor=10, per_image=False),
    "silog lam 1": partial(losses.silog, lam=1.0),
    "ssim": partial(losses.ssim, data_range=10.0),
    "ssim window 5": partial(losses.ssim, data_range=10.0, window=5),
    "gradient": losses.gradient,
    "densedepth": partial(losses.densedepth, max_depth=10.0),
    "densedepth depth": partial(losses.densedepth, max_depth=10.0, target="depth"),
    "keras": partial(losses.keras_example, data_range=10.0),
    "mare": losses.mare,
    "mare edges": partial(losses.mare, edge_weighting=True),
    "scale_shift_invariant": losses.scale_shift_invariant,
    "scale_shift_invariant per image": partial(losses.scale_shift_invariant, per_image=True),
    "gradient_matching": losses.gradient_matching,
    "gradient_matching per image": partial(losses.gradient_matching, scales=3, per_image=True),
    "gradient_matching robust": partial(losses.gradient_matching, robust=True),
    "scale_shift_invariant robust": partial(losses.scale_shift_invariant, robust=True),
    "scale_shift_invariant robust, per image": partial(losses.scale_shift_invariant, robust=True, per_image=True),
    "midas robust": losses.midas,
    "midas squared": partial(losses.midas, robust=False, alpha=0.25, scales=2),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def maps(batch=3, height=16, width=20, dtype=torch.float64, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 6 * torch.rand(batch, 1, height, width, generator=random, dtype=dtype)
    pred = depth * (0.6 + torch.rand(depth.shape, generator=random, dtype=dtype))
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[..., 2, 3] = valid[..., 13:, 15:] = False
    valid[1, :, :4] = False
    return pred, depth, valid


def loop_fit(p, t, v):
    """Least-squares scale and shift of one image by numpy's solver."""
    return np.linalg.lstsq(np.stack([p[v], np.ones(v.sum())], 1), t[v], rcond=None)[0]


def loop_normalised(x, v):
    """One image with the (lower) median of its valid pixels at 0 and their mean absolute deviation from it at 1."""
    x = x - np.sort(x[v])[(v.sum() - 1) // 2]
    return x / abs(x[v]).mean()


def loop_steps(x, v):
    """Sum of the absolute forward differences of one image over pairs valid on both ends."""
    down, across = v[1:] & v[:-1], v[:, 1:] & v[:, :-1]
    return abs(x[1:] - x[:-1])[down].sum() + abs(x[:, 1:] - x[:, :-1])[across].sum()


def loop(name, pred, depth, valid):
    """Each loss as its formula is written, image by image in numpy."""
    images = [(p, d, v) for p, d, v in zip(*(x[:, 0].numpy() for x in (pred, depth, valid)), strict=True)]
    number = valid.sum().item()
    log = [np.log(p[v]) - np.log(d[v]) for p, d, v in images]
    if name == "l1":
        return sum(abs(p - d)[v].sum() for p, d, v in images) / number
    if name == "log_l1":
        return np.concatenate([abs(g) for g in log]).sum() / number
    if name == "mse":
        return sum(((p - d) ** 2)[v].sum() for p, d, v in images) / number
    if name.startswith("silog batch"):
        g = np.concatenate(log)
        return 10 * np.sqrt(np.mean(g**2) - 0.85 * np.mean(g) ** 2)
    if name.startswith("silog"):
        lam = 1.0 if "lam" in name else 0.5
        return np.mean([np.mean(g**2) - lam * np.mean(g) ** 2 for g in log])
    if name == "gradient":
        return sum(loop_steps(p - d, v) for p, d, v in images) / number
    if name == "keras":
        dissimilarity = 2 * losses.ssim(pred=pred, depth=depth, valid=valid, data_range=10.0, window=7).item()
        smooth = 0
        for axis in (0, 1):
            pairs = [
                np.logical_and(*(np.take(v, np.arange(n, v.shape[axis] - 1 + n), axis) for n in (0, 1)))
                for _, _, v in images
            ]
            true, guess = (
                np.concatenate([abs(np.diff(x[k], axis=axis))[on] for x, on in zip(images, pairs, strict=True)]).mean()
                for k in (1, 0)
            )
            smooth += guess * np.exp(true)
        return 0.85 * dissimilarity + 0.1 * loop("l1", pred, depth, valid) + 0.9 * smooth
    if name == "mare":
        return sum((abs(p - d) / d)[v].sum() for p, d, v in images) / number
    if name == "mare edges":
        total = weights = 0
        for p, d, v in images:
            w = np.ones_like(d)
            for i in range(d.shape[0]):
                for j in range(d.shape[1]):
                    down = d[i + 1, j] - d[i, j] if i + 1 < d.shape[0] and v[i + 1, j] else 0
                    across = d[i, j + 1] - d[i, j] if j + 1 < d.shape[1] and v[i, j + 1] else 0
                    w[i, j] += np.hypot(down, across)
            total, weights = total + (w * abs(p - d) / d)[v].sum(), weights + w[v].sum()
        return total / weights
    if "robust" in name:
        residuals = [loop_normalised(p, v) - loop_normalised(1 / d, v) for p, d, v in images]
        errors = [
            np.sort(abs(r[v]))[: v.sum() * 4 // 5].sum() / 2 for r, (_, _, v) in zip(residuals, images, strict=True)
        ]
    else:
        residuals = [
            loop_fit(p, 1 / d, v) @ np.stack([p.ravel(), np.ones(p.size)]) - 1 / d.ravel() for p, d, v in images
        ]
        residuals = [r.reshape(depth.shape[-2:]) for r in residuals]
        if name == "midas squared":  # as if the truth of each image had been stretched to 0..1 beforehand
            residuals = [r / np.ptp(1 / d[v]) for r, (_, d, v) in zip(residuals, images, strict=True)]
        errors = [(r[v] ** 2).sum() / 2 for r, (_, _, v) in zip(residuals, images, strict=True)]
    counts = [v.sum() for _, _, v in images]
    if name.startswith("midas"):
        alpha, scales = (0.5, 4) if "robust" in name else (0.25, 2)
        total = np.mean(np.divide(errors, counts))
        for k in range(scales):
            at = slice(None, None, 2**k), slice(None, None, 2**k)
            pairs = zip(residuals, images, strict=True)
            total += alpha * np.mean([loop_steps(r[at], v[at]) / v[at].sum() for r, (_, _, v) in pairs])
        return total
    if name.startswith("scale_shift"):
        return np.mean(np.divide(errors, counts)) if "per image" in name else sum(errors) / sum(counts)
    total = 0
    for k in range(3 if "per image" in name else 4):
        at = slice(None, None, 2**k), slice(None, None, 2**k)
        sums = [loop_steps(r[at], v[at]) for r, (_, _, v) in zip(residuals, images, strict=True)]
        counts = [v[at].sum() for _, _, v in images]
        total += np.mean(np.divide(sums, counts)) if "per image" in name else sum(sums) / sum(counts)
    return total


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith(("ssim", "densedepth"))])
def test_equals_its_loop(name):
    pred, depth, valid = maps()
    found = LOSSES[name](pred=pred, depth=depth, valid=valid)
    assert found.shape == () and found.item() == pytest.approx(loop(name, pred, depth, valid), rel=1e-9)


@pytest.mark.parametrize("window", [5, 11])
def test_ssim_equals_the_map_over_wholly_valid_windows(window):
    from kornia.metrics import ssim

    pred, depth, valid = maps()
    theirs = ssim(pred, depth, window, max_val=10.0, padding="valid")
    rows, columns = theirs.shape[-2:]
    chosen = [
        theirs[b, 0, i, j].item()
        for b in range(len(pred))
        for i in range(rows)
        for j in range(columns)
        if valid[b, 0, i : i + window, j : j + window].all()
    ]
    assert 0 < len(chosen) < theirs.numel()
    found = losses.ssim(pred=pred, depth=depth, valid=valid, data_range=10.0, window=window)
    assert found.item() == pytest.approx((1 - np.mean(chosen)) / 2, rel=1e-8)


def test_hand_computed_values():
    depth = torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 1, 3)
    pred = torch.tensor([2.0, 2.0, 1.0]).view(1, 1, 1, 3)
    on = {"pred": pred, "depth": depth, "valid": depth > 0}
    assert losses.l1(**on).item() == pytest.approx(4 / 3)
    assert losses.mse(**on).item() == pytest.approx(10 / 3)
    assert losses.mare(**on).item() == pytest.approx((1 + 0.75) / 3)
    # weights 1 + (1, 2, 0); errors 1, 0, 0.75
    assert losses.mare(**on, edge_weighting=True).item() == pytest.approx((2 + 0.75) / 6)
    # differences of pred - depth = (1, 0, -3): 1 and 3 over three pixels
    assert losses.gradient(**on).item() == pytest.approx(4 / 3)
    a, b = np.log(2), np.log(1 / 4)
    assert losses.silog(**on).item() == pytest.approx((a * a + b * b) / 3 - 0.5 * ((a + b) / 3) ** 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_silog_and_its_gradient_equal_published_losses(dtype):
    stored = np.load(REFERENCE / "silog.npz")
    depth, pred = (torch.from_numpy(stored[k]).to(dtype) for k in ("depth", "pred"))
    valid = torch.from_numpy(np.unpackbits(stored["valid"]).reshape(depth.shape)).bool()
    assert 0.8 < valid.float().mean() < 0.9
    digits = 1e-11 if dtype == torch.float64 else 1e-6
    for lam in (0.5, 0.85, 1.0):
        forms = {f"bts_lambda{lam}": (valid, {"root": True, "factor": 10, "per_image": False})}
        forms |= {f"eigen_lambda{lam}": (torch.ones_like(valid), {})} if lam != 0.85 else {}
        for key, (mask, options) in forms.items():
            leaf = pred.clone().requires_grad_()
            value = losses.silog(pred=leaf, depth=depth, valid=mask, lam=lam, **options)
            value.backward()
            assert value.item() == pytest.approx(stored[key], rel=digits)
            gradient = stored[f"{key}_gradient"]
            np.testing.assert_allclose(leaf.grad.flatten()[::64], gradient, rtol=0, atol=digits * abs(gradient).max())


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float64, 1e-11), (torch.float32, 1e-6)])
def test_ssim_and_differences_equal_tensorflow_and_scikit_image(dtype, digits):
    stored = np.load(REFERENCE / "ssim.npz")
    depth, pred = (torch.from_numpy(stored[k]).to(dtype) for k in ("depth", "pred"))
    valid = torch.ones_like(depth, dtype=torch.bool)
    found = losses.ssim(pred=pred, depth=depth, valid=valid, data_range=100.0).item()
    assert found == pytest.approx((1 - stored["skimage"][0]) / 2, abs=digits)
    assert found == pytest.approx((1 - stored["tensorflow"][0]) / 2, abs=2e-6)
    # tf.image.image_gradients: the gradient loss against a flat truth is the sum of its magnitudes
    for name, at in (("down", (..., slice(-8, None), slice(None))), ("across", (..., slice(-8, None)))):
        part = depth[at]
        flat, mask = torch.zeros_like(part), valid[at]
        both = losses.gradient(pred=part, depth=flat, valid=mask).item() * part.numel()
        other = part.diff(dim=-1 if name == "down" else -2).abs().sum().item()
        assert both - other == pytest.approx(abs(stored[f"tensorflow_{name}"].astype(float)).sum(), rel=1e-6)


def test_four_valid_pixels_equal_the_published_fit():
    stored = np.load(REFERENCE / "midas.npz")
    pred, depth = (torch.from_numpy(stored[k]).double().view(1, 1, 1, -1) for k in ("pred", "depth"))
    residual = stored["scale"] * stored["pred"].astype(float) + stored["shift"] - stored["inverse_depth"]
    found = losses.scale_shift_invariant(pred=pred, depth=depth, valid=depth > 0).item()
    assert found == pytest.approx(np.mean(residual**2) / 2, rel=1e-5)


def test_four_images_equal_the_published_losses():
    stored = np.load(REFERENCE / "midas.npz")
    pred, inverse = (torch.from_numpy(stored[f"images_{k}"]).double()[:, None] for k in ("pred", "inverse_depth"))
    valid = torch.from_numpy(np.unpackbits(stored["images_valid"], axis=-1).astype(bool))[:, None]
    maps = {"pred": pred, "depth": 1 / inverse, "valid": valid}
    for name, alpha, per_image in (
        ("batch_alpha_0.5", 0.5, False),
        ("image_alpha_0.5", 0.5, True),
        ("image_alpha_0", 0, True),
    ):
        found = losses.scale_shift_invariant(**maps, per_image=per_image)
        found = found + alpha * losses.gradient_matching(**maps, per_image=per_image)
        assert found.item() == pytest.approx(stored[name].item(), rel=1e-9)


@every_loss
def test_gradcheck(loss):
    pred, depth, valid = maps(batch=2, height=12, width=13)
    valid[..., 10:, 10:] = False
    assert torch.autograd.gradcheck(lambda p: loss(pred=p, depth=depth, valid=valid), (pred.requires_grad_(),))


@every_loss
@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -1.0, 0.0])
def test_what_is_under_the_mask_changes_neither_value_nor_gradient(loss, junk):
    pred, depth, valid = maps()
    results = []
    for fill_pred, fill_depth in ((2.0, 3.0), (junk, junk)):
        leaf = pred.masked_fill(~valid, fill_pred).requires_grad_()
        value = loss(pred=leaf, depth=depth.masked_fill(~valid, fill_depth), valid=valid)
        value.backward()
        results.append((value.detach(), leaf.grad))
    assert torch.equal(results[0][0], results[1][0]) and results[0][0].isfinite()
    assert torch.equal(results[0][1], results[1][1])
    assert (results[0][1][~valid] == 0).all() and results[0][1].isfinite().all() and results[0][1].abs().sum() > 0


@every_loss
def test_an_empty_mask_gives_zero_with_a_zero_gradient(loss):
    pred, depth, valid = maps()
    pred.requires_grad_()
    value = loss(pred=pred, depth=torch.full_like(depth, float("nan")), valid=torch.zeros_like(valid))
    value.backward()
    assert value.item() == 0 and (pred.grad == 0).all()


@every_loss
def test_an_image_without_a_valid_pixel_leaves_the_others_alone(loss):
    pred, depth, valid = maps()
    valid[2] = False
    both, two = (loss(pred=pred[:n], depth=depth[:n], valid=valid[:n]) for n in (3, 2))
    assert both.item() == pytest.approx(two.item(), rel=1e-12)


@every_loss
def test_a_perfect_prediction_has_a_finite_gradient_and_costs_nothing_but_with_the_keras_example(loss):
    _, depth, valid = maps()
    inverse = any(
        loss is LOSSES[name] for name in LOSSES if name.startswith(("scale_shift", "gradient_match", "midas"))
    )
    leaf = (1 / depth if inverse else depth).clone().requires_grad_()
    value = loss(pred=leaf, depth=depth, valid=valid)
    value.backward()
    assert leaf.grad.isfinite().all()
    if loss is LOSSES["keras"]:  # the example's loss pays for every slope, the true ones too
        assert value.item() > 1
    else:
        assert value.item() == pytest.approx(0, abs=1e-12)


@every_loss
def test_worse_predictions_cost_more(loss):
    _, depth, valid = maps()
    inverse = any(
        loss is LOSSES[name] for name in LOSSES if name.startswith(("scale_shift", "gradient_match", "midas"))
    )
    truth = 1 / depth if inverse else depth
    noise = torch.randn(depth.shape, generator=torch.Generator().manual_seed(7), dtype=depth.dtype)
    values = [loss(pred=truth * torch.exp(s * noise), depth=depth, valid=valid).item() for s in (0, 0.05, 0.2, 0.5)]
    assert values == sorted(values) and values[0] < values[1] < values[3]


@every_loss
def test_images_in_another_order_cost_the_same(loss):
    pred, depth, valid = maps()
    order = [2, 0, 1]
    assert loss(pred=pred[order], depth=depth[order], valid=valid[order]).item() == pytest.approx(
        loss(pred=pred, depth=depth, valid=valid).item(), rel=1e-12
    )


def test_per_image_and_batch_reductions_differ_as_they_should():
    pred, depth, valid = maps()
    pred[0] *= 2
    valid[0, :, 3:] = False
    for loss in (losses.silog, losses.scale_shift_invariant, losses.gradient_matching):
        each = [loss(pred=p[None], depth=d[None], valid=v[None]) for p, d, v in zip(pred, depth, valid, strict=True)]
        per_image = loss(pred=pred, depth=depth, valid=valid, per_image=True).item()
        assert per_image == pytest.approx(torch.stack(each).mean().item(), rel=1e-9)
        assert abs(loss(pred=pred, depth=depth, valid=valid, per_image=False).item() - per_image) > 1e-4


@pytest.mark.parametrize("robust", [True, False])
def test_midas_counts_a_street_as_much_as_a_room_and_raw_inverse_depth_does_not(robust):
    pred, depth, valid = (x[:1] for x in maps())
    # the same scene twice, once twenty times as large
    both = {"valid": torch.cat([valid, valid]), "depth": torch.cat([depth, 20 * depth])}
    raw = partial(losses.scale_shift_invariant, per_image=True)
    for loss, share in ((partial(losses.midas, robust=robust), 1), (raw, 1 / 20**2)):
        leaf = torch.cat([pred, pred]).requires_grad_()
        loss(pred=leaf, **both).backward()
        sizes = leaf.grad.abs().sum((1, 2, 3))
        assert (sizes[1] / sizes[0]).item() == pytest.approx(share, rel=1e-6)


def test_least_squares_leaves_the_sign_open_and_the_robust_form_does_not():
    _, depth, valid = maps()
    upside_down = {"pred": -1 / depth, "depth": depth, "valid": valid}
    assert losses.midas(**upside_down, robust=False).item() == pytest.approx(0, abs=1e-12)
    assert losses.midas(**upside_down).item() > 0.5


def test_a_constant_prediction_has_no_deviation_and_gives_a_finite_gradient():
    _, depth, valid = maps()
    for constant in (0.0, 0.1, 1 / 3, 123.456):
        leaf = torch.full_like(depth, constant, dtype=torch.float32).requires_grad_()
        value = losses.midas(pred=leaf, depth=depth, valid=valid)
        value.backward()
        # the scale is open, so it is a thousandth of the constant that has a bounded price
        bound = 1000 / constant if constant else 10
        assert 0 < value.item() < 10 and leaf.grad.isfinite().all() and leaf.grad.abs().max() < bound


def trimmed(pred, depth, valid):
    """The robust loss of MiDaS and its gradient."""
    leaf = pred.clone().requires_grad_()
    value = losses.midas(pred=leaf, depth=depth, valid=valid)
    value.backward()
    return value.detach(), leaf.grad


@pytest.mark.parametrize("level", [1e-4, 0.5, -3.0, 1e6])
def test_noise_on_a_constant_prediction_is_no_shape_and_gets_no_huge_gradient(level):
    _, depth, valid = maps(height=96, width=128, dtype=torch.float32)
    noise = torch.randn(depth.shape, generator=torch.Generator().manual_seed(1))
    flat, _ = trimmed(torch.full_like(depth, level), depth, valid)
    # an untrained net deviates by about 1e-2 of its median
    _, usual = trimmed(level * (1 + 1e-2 * noise), depth, valid)
    for size in (0, 1e-7, 1e-6, 2e-6, 1e-5, 1e-4):
        value, gradient = trimmed(level * (1 + size * noise), depth, valid)
        assert gradient.isfinite().all() and 0 < gradient.abs().max() < 20 * usual.abs().max()
        if size <= 2e-6:
            assert value.item() == pytest.approx(flat.item(), rel=1e-2)


def test_a_nearly_constant_image_keeps_its_scale_open_and_leaves_the_others_alone():
    pred, depth, valid = maps()
    pred[1] = 0.5 + 1e-6 * pred[1]
    value, gradient = trimmed(pred, depth, valid)
    for scale in (2.0**-40, 2.0**20):
        other, its_gradient = trimmed(scale * pred, depth, valid)
        assert torch.equal(other, value) and torch.equal(its_gradient * scale, gradient)
    assert trimmed(pred / 3, depth, valid)[0].item() == pytest.approx(value.item(), rel=1e-9)
    _, its_gradient = trimmed(pred[[0, 2]], depth[[0, 2]], valid[[0, 2]])
    torch.testing.assert_close(gradient[[0, 2]] * 3, its_gradient * 2, rtol=1e-12, atol=0)
    # perfect but for its scale, of a wall that hardly varies: both are held to the same least deviation
    wall = 2 + 1e-5 * depth
    assert trimmed(7 / wall, wall, valid)[0].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("junk", [float("nan"), float("inf")])
def test_a_prediction_that_is_not_finite_is_not_hidden_by_the_least_deviation(junk):
    _, depth, valid = maps()
    pred = torch.full_like(depth, 0.5)
    pred[2, 0, 10, 10] = junk
    assert valid[2, 0, 10, 10] and not trimmed(pred, depth, valid)[0].isfinite()


@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e-15])
def test_noise_around_zero_has_a_finite_gradient(size):
    _, depth, valid = maps(dtype=torch.float32)
    noise = torch.randn(depth.shape, generator=torch.Generator().manual_seed(1))
    value, gradient = trimmed(size * noise, depth, valid)
    assert value.isfinite() and gradient.isfinite().all()


def test_silog_ignores_what_lambda_says():
    pred, depth, valid = maps()
    scaled = {lam: losses.silog(pred=5 * depth, depth=depth, valid=valid, lam=lam).item() for lam in (0.0, 0.5, 1.0)}
    assert scaled[0.0] == pytest.approx(np.log(5) ** 2)
    assert scaled[0.5] == pytest.approx(np.log(5) ** 2 / 2)
    assert scaled[1.0] == pytest.approx(0, abs=1e-12)
    base = losses.silog(pred=pred, depth=depth, valid=valid, lam=0.85).item()
    rooted = losses.silog(pred=pred, depth=depth, valid=valid, lam=0.85, root=True, factor=10).item()
    one = [
        losses.silog(pred=pred[i : i + 1], depth=depth[i : i + 1], valid=valid[i : i + 1], lam=0.85) for i in range(3)
    ]
    assert rooted == pytest.approx(10 * torch.stack(one).sqrt().mean().item())
    assert base == pytest.approx(torch.stack(one).mean().item())


def test_silog_is_never_negative_in_float32():
    depth = torch.full((1, 1, 200, 200), 3.0)
    for factor in (1.001, 2.0, 7.3, 100.0):
        for options in ({"lam": 1.0}, {"lam": 1.0, "root": True, "per_image": False}):
            leaf = (factor * depth).requires_grad_()
            value = losses.silog(pred=leaf, depth=depth, valid=depth > 0, **options)
            value.backward()
            assert 0 <= value.item() < 1e-3 and leaf.grad.isfinite().all()


def test_scale_and_shift_do_not_matter_but_shape_does():
    pred, depth, valid = maps()
    for loss in (losses.scale_shift_invariant, losses.gradient_matching):
        for robust, scale in ((False, -3), (False, 3), (True, 3)):
            value = loss(pred=pred, depth=depth, valid=valid, robust=robust).item()
            moved = loss(pred=scale * pred + 40, depth=depth, valid=valid, robust=robust).item()
            assert moved == pytest.approx(value, rel=1e-9) and value > 1e-3


def test_edges_weigh_more_when_asked():
    depth = torch.full((1, 1, 8, 8), 2.0)
    depth[..., 4:] = 6.0
    on = depth > 0
    at_edge, elsewhere = depth.clone(), depth.clone()
    at_edge[..., 3] += 1
    elsewhere[..., 1] += 1
    plain = [losses.mare(pred=p, depth=depth, valid=on).item() for p in (at_edge, elsewhere)]
    weighted = [losses.mare(pred=p, depth=depth, valid=on, edge_weighting=True).item() for p in (at_edge, elsewhere)]
    assert plain[0] == pytest.approx(plain[1])
    assert weighted[0] > 3 * weighted[1]


def test_gradient_sees_blur_that_l1_hardly_sees():
    depth = torch.full((1, 1, 12, 12), 2.0, dtype=torch.float64)
    depth[..., 6:] = 3.0
    blurred = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(depth, (2, 2, 0, 0), mode="replicate"), (1, 5), 1)
    shifted = depth + (blurred - depth).abs().mean()
    both = {"depth": depth, "valid": depth > 0}
    assert losses.l1(pred=blurred, **both).item() == pytest.approx(losses.l1(pred=shifted, **both).item())
    assert losses.gradient(pred=blurred, **both) > 0.05
    assert losses.gradient(pred=shifted, **both) < 1e-12


def test_only_windows_without_a_hole_count_for_ssim():
    pred, depth, valid = maps()
    sparse = torch.zeros_like(valid)
    sparse[..., ::4] = True
    assert losses.ssim(pred=pred, depth=depth, valid=sparse, data_range=10.0).item() == 0
    assert losses.ssim(pred=pred, depth=depth, valid=valid, data_range=10.0).item() > 0.01
    leaf = pred[..., :8].clone().requires_grad_()
    value = losses.ssim(pred=leaf, depth=depth[..., :8], valid=valid[..., :8], data_range=10.0)
    value.backward()
    assert value.item() == 0 and (leaf.grad == 0).all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(loss, dtype):
    pred, depth, valid = maps(dtype=torch.float32)
    leaf = pred.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(pred=leaf, depth=depth, valid=valid)
    value.backward()
    assert value.dtype == torch.float32 and leaf.grad.dtype == dtype and leaf.grad.isfinite().all()
    assert value.item() == loss(pred=leaf.detach().float(), depth=depth, valid=valid).item()


@every_loss
def test_float32_agrees_with_float64(loss):
    pred, depth, valid = maps()
    wide = loss(pred=pred, depth=depth, valid=valid).item()
    assert loss(pred=pred.float(), depth=depth.float(), valid=valid).item() == pytest.approx(wide, rel=1e-5)


@every_loss
def test_arguments_have_no_order_and_no_broadcasting(loss):
    pred, depth, valid = maps()
    with pytest.raises(TypeError, match="positional"):
        loss(pred, depth, valid)
    with pytest.raises(TypeError, match="valid"):
        loss(pred=pred, depth=depth)
    for change, message in (
        ({"pred": pred[:, 0]}, "add the missing dimension"),
        ({"pred": pred[..., ::2]}, "resize the prediction first"),
        ({"pred": pred[:1]}, "predict the same images"),
        ({"valid": valid.double()}, "expected torch.bool"),
        ({"valid": valid[:, :, :1]}, "belong together"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(**{"pred": pred, "depth": depth, "valid": valid, **change})


def test_unknown_options_are_refused():
    pred, depth, valid = maps()
    with pytest.raises(TypeError, match="lambda_"):
        losses.silog(pred=pred, depth=depth, valid=valid, lambda_=0.5)
    with pytest.raises(TypeError, match="data_range"):
        losses.ssim(pred=pred, depth=depth, valid=valid)


def test_densedepth_loss_is_the_sum_of_three_of_ours():
    # 0.1 L1 + gradient + SSIM on max_depth / depth, as the paper's equation 1, in numpy; SSIM's range is that of 10 m to 10 cm
    pred, depth, valid = (x[:1] for x in maps())
    y, p = 10 / depth, 10 / pred
    valid = torch.ones_like(valid)
    found = losses.densedepth(pred=pred, depth=depth, valid=valid, max_depth=10.0)
    a, b = p[0, 0].numpy(), y[0, 0].numpy()
    edges = np.zeros_like(a)
    edges[:-1] += abs(np.diff(a, axis=0) - np.diff(b, axis=0))
    edges[:, :-1] += abs(np.diff(a, axis=1) - np.diff(b, axis=1))
    from kornia.metrics import ssim

    similarity = ssim(p, y, 11, max_val=100.0, padding="valid").mean().item()
    assert found.item() == pytest.approx(0.1 * abs(a - b).mean() + edges.mean() + (1 - similarity) / 2, rel=1e-8)


def test_densedepth_loss_takes_plain_depth_too_and_another_range():
    pred, depth, valid = maps()
    given = {"depth": depth, "valid": valid}
    metres = losses.densedepth(pred=pred, **given, max_depth=80.0, target="depth", lam=0.5)
    parts = [f(pred=pred, **given).item() for f in (losses.l1, losses.gradient, partial(losses.ssim, data_range=80.0))]
    assert metres.item() == pytest.approx(0.5 * parts[0] + parts[1] + parts[2], rel=1e-12)
    awake, asleep = (losses.densedepth(pred=pred, **given, max_depth=10.0, data_range=r).item() for r in (1.0, 1e6))
    inverse = {"pred": 10 / pred, "depth": 10 / depth, "valid": valid}
    assert asleep == pytest.approx((0.1 * losses.l1(**inverse) + losses.gradient(**inverse)).item(), rel=1e-6)
    assert awake > asleep
    with pytest.raises(ValueError, match="target is 'disparity'; expected 'inverse' or 'depth'"):
        losses.densedepth(pred=pred, **given, max_depth=10.0, target="disparity")


@pytest.mark.parametrize("step", [0.25, 1.0, 50.0])
def test_equal_residuals_at_the_border_of_the_trimmed_fifth_count_once(step):
    """Rounded to a few values, most residuals are equal to others: how many of them count decides, not which."""
    _, depth, valid = maps()
    inverse = (
        torch.randn(depth.shape, generator=torch.Generator().manual_seed(3), dtype=depth.dtype) / step
    ).round() * step
    leaf = inverse.clone().requires_grad_()
    value = losses.scale_shift_invariant(
        pred=leaf, depth=torch.ones_like(depth), valid=valid, robust=True, per_image=True
    )
    value.backward()
    expected = []
    for x, v in zip(inverse.numpy(), valid.numpy(), strict=True):
        x = x - np.sort(x[v])[(v.sum() - 1) // 2]
        spread = abs(x[v]).mean()
        expected.append(np.sort(abs(x[v] / (spread or 1)))[: v.sum() * 4 // 5].sum() / 2 / v.sum())
    assert value.item() == pytest.approx(np.mean(expected), rel=1e-12, abs=1e-15)
    assert leaf.grad.isfinite().all() and not leaf.grad[~valid].any()


def test_what_replaces_masked_values_is_the_same_whether_they_are_finite_or_not():
    pred, depth, valid = maps()
    results = []
    for junk in (7.0, float("nan")):
        leaf = pred.masked_fill(~valid, junk).requires_grad_()
        value = losses.midas(pred=leaf, depth=depth.masked_fill(~valid, junk), valid=valid)
        value.backward()
        results.append((value.detach(), leaf.grad))
    assert torch.equal(results[0][0], results[1][0]) and torch.equal(results[0][1], results[1][1])
