"""Metrics: equal to numpy loops, to hand-computed values and to other people's code; defined at every edge."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from depthnb import metrics
from depthnb.metrics import NAMES, PIXEL_NAMES, Protocol, by_distance, evaluate, per_image, pool, statistics

REFERENCE = Path(__file__).parents[1] / "reference"
WIDE = Protocol("wide", 1e-3, 10.0)


def maps(batch=4, height=24, width=32, seed=0):
    """Smooth depth with a step, a noisy prediction, a mask with holes; some values outside 0.1..10 m."""
    random = torch.Generator().manual_seed(seed)
    depth = torch.linspace(0.5, 7, width).expand(batch, 1, height, width).clone()
    depth = depth * (0.7 + torch.rand(batch, 1, 1, 1, generator=random))
    depth[..., 8:16, 10:20] -= 0.45
    pred = depth * (0.7 + 0.6 * torch.rand(depth.shape, generator=random)) + 0.1
    valid = torch.rand(depth.shape, generator=random) < 0.995
    valid[..., 18:20, 3:6] = False
    return pred, depth.masked_fill(~valid, float("nan")), valid


def loop(pred, depth, valid, low=0.1, high=10.0):
    """The ten pixel metrics of one image, each as its formula is written."""
    v = valid & (depth > low) & (depth < high)
    p, d = np.clip(pred[v].astype(float), low, high), depth[v].astype(float)
    log, ratio = np.log(p) - np.log(d), np.maximum(p / d, d / p)
    row = {
        "abs_rel": np.mean(abs(p - d) / d),
        "sq_rel": np.mean((p - d) ** 2 / d),
        "rmse": np.sqrt(np.mean((p - d) ** 2)),
    }
    row |= {"rmse_log": np.sqrt(np.mean(log**2)), "log10": np.mean(abs(np.log10(p) - np.log10(d)))}
    row |= {"silog": 100 * np.std(log), "si_rmse_log": np.sqrt(np.mean(log**2) - np.mean(log) ** 2)}
    return row | {f"delta{i}": np.mean(ratio < 1.25**i) for i in (1, 2, 3)}


def loop_ssim(pred, depth, valid, low=0.1, high=10.0, window=11):
    """SSIM of one image, window by window."""
    v, p = valid & (depth > low) & (depth < high), np.clip(pred.astype(float), low, high)
    offset = np.arange(window) - window // 2
    w = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * 1.5**2))
    w, c1, c2, values = w / w.sum(), (0.01 * high) ** 2, (0.03 * high) ** 2, []
    for i in range(v.shape[0] - window + 1):
        for j in range(v.shape[1] - window + 1):
            at = slice(i, i + window), slice(j, j + window)
            if v[at].all():
                x, y = p[at], depth[at].astype(float)
                mx, my = (w * x).sum(), (w * y).sum()
                vx, vy, c = (w * (x - mx) ** 2).sum(), (w * (y - my) ** 2).sum(), (w * (x - mx) * (y - my)).sum()
                values.append((2 * mx * my + c1) * (2 * c + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return np.mean(values) if values else math.nan


def loop_edges(pred, depth, valid, threshold, low=0.1, high=10.0, unit=np.positive):
    """Edge F1 of one image, pixel by pixel."""
    v, p, kernel = valid & (depth > low) & (depth < high), np.clip(pred, low, high), np.array([1.0, 2.0, 1.0])
    depth, p = unit(np.where(v, depth, 1.0)), unit(np.where(v, p, 1.0))
    both = true = guessed = 0
    for i in range(1, v.shape[0] - 1):
        for j in range(1, v.shape[1] - 1):
            at = slice(i - 1, i + 2), slice(j - 1, j + 2)
            if v[at].all():
                strong = [
                    np.hypot(kernel @ (x[at][:, 2] - x[at][:, 0]), kernel @ (x[at][2] - x[at][0])) > threshold
                    for x in (depth, p)
                ]
                both, true, guessed = both + all(strong), true + strong[0], guessed + strong[1]
    return 2 * both / (true + guessed) if true + guessed else math.nan


def test_each_metric_equals_its_loop():
    pred, depth, valid = maps()
    found = per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")
    assert tuple(found) == NAMES and set(metrics.BETTER) == set(NAMES)
    for i in range(len(pred)):
        p, d, v = (x[i, 0].numpy() for x in (pred, depth, valid))
        expected = loop(p, d, v) | {"ssim": loop_ssim(p, d, v)}
        expected |= {name: loop_edges(p, d, v, t) for name, t in metrics.EDGE_THRESHOLDS.items()}
        relative = metrics.RELATIVE_EDGE_THRESHOLDS.items()
        expected |= {name: loop_edges(p, d, v, t, unit=np.log) for name, t in relative}
        assert not math.isnan(expected["ssim"]) and 0 < expected["edge_f1_050"] < 1  # the case is worth something
        for name in NAMES:
            assert found[name][i].item() == pytest.approx(expected[name], rel=2e-5, abs=1e-7), name


def test_hand_computed_values():
    depth = torch.tensor([1.0, 2.0, 4.0, 8.0]).view(1, 1, 2, 2)
    pred = torch.tensor([1.0, 4.0, 3.0, 8.0]).view(1, 1, 2, 2)
    row = evaluate(pred=pred, depth=depth, valid=depth > 0, protocol=WIDE)
    assert row["abs_rel"] == pytest.approx((0 + 1 + 0.25 + 0) / 4)
    assert row["sq_rel"] == pytest.approx((0 + 2 + 0.25 + 0) / 4)
    assert row["rmse"] == pytest.approx(math.sqrt(5 / 4))
    a, b = math.log(2), math.log(3 / 4)
    assert row["rmse_log"] == pytest.approx(math.sqrt((a * a + b * b) / 4))
    assert row["log10"] == pytest.approx((a - b) / 4 / math.log(10))
    assert row["si_rmse_log"] == pytest.approx(math.sqrt((a * a + b * b) / 4 - ((a + b) / 4) ** 2))
    assert row["silog"] == pytest.approx(100 * row["si_rmse_log"])
    assert (row["delta1"], row["delta2"], row["delta3"]) == (0.5, 0.75, 0.75)  # 4/3 is between 1.25 and 1.25^2
    assert all(math.isnan(row[name]) for name in NAMES[10:])  # 2x2: no window, no 3x3


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", ["small", "perfect", "double"])
def test_equals_the_published_evaluation_code(case, dtype):
    stored = np.load(REFERENCE / "metrics.npz")
    depth = torch.from_numpy(stored["small_depth" if case == "small" else "double_depth"])[None, None].to(dtype)
    pred = {
        "small": torch.from_numpy(stored["small_pred"])[None, None].to(dtype),
        "perfect": depth,
        "double": 2 * depth,
    }
    row = evaluate(pred=pred[case], depth=depth, valid=depth > 0, protocol=WIDE)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-7
    for name, expected in zip(stored["names"], stored[case], strict=True):
        if np.isnan(expected):  # sqrt of a variance of -1e-16 in theirs; a common factor is no scale-invariant error
            assert name == "silog" and row[name] < 1e-4
        else:
            assert row[name] == pytest.approx(expected, rel=tolerance, abs=tolerance), name


def test_arguments_cannot_be_swapped_by_position_and_abs_rel_divides_by_the_truth():
    # DenseDepth calls compute_errors(gt, pred) with the two exchanged: 30 % too far then reads 0.23 instead of 0.30
    _, depth, valid = maps()
    depth = depth.nan_to_num(2.0).clamp(0.5, 7)
    assert evaluate(pred=1.3 * depth, depth=depth, valid=valid, protocol=WIDE)["abs_rel"] == pytest.approx(
        0.3, rel=1e-5
    )
    swapped = evaluate(pred=depth, depth=1.3 * depth, valid=valid, protocol=WIDE)["abs_rel"]
    assert swapped == pytest.approx(0.3 / 1.3, rel=1e-5)
    for function in (evaluate, per_image, statistics):
        with pytest.raises(TypeError, match="positional"):
            function(depth, depth, valid, WIDE)


def test_mean_per_image_and_pooled_differ_as_they_should():
    pred, depth, valid = maps()
    valid[0, :, :, 5:] = False  # few pixels in one image
    rows = per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")
    one = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms")
    for name in NAMES:
        assert one[name] == pytest.approx(rows[name].nanmean().item())
    pooled = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms", average="pixels")
    flat = loop(*(x.numpy().reshape(1, -1) for x in (pred, depth, valid)))
    for name in PIXEL_NAMES:
        assert pooled[name] == pytest.approx(flat[name], rel=2e-5), name
    assert abs(pooled["abs_rel"] - one["abs_rel"]) > 1e-4
    assert pooled == evaluate(
        pred=pred, depth=depth, valid=valid, protocol=Protocol("rooms", 0.1, 10.0, average="pixels")
    )


def test_pooling_batches_equals_pooling_at_once():
    pred, depth, valid = maps()
    parts = [
        statistics(pred=pred[at], depth=depth[at], valid=valid[at], protocol="rooms")
        for at in (slice(0, 1), slice(1, 4))
    ]
    joined = metrics.finish(pool({name: torch.cat([part[name] for part in parts]) for name in parts[0]}))
    at_once = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms", average="pixels")
    assert {name: value.item() for name, value in joined.items()} == pytest.approx(at_once, rel=1e-12)


def test_a_large_batch_is_worked_through_in_pieces_without_a_difference():
    pred, depth, valid = maps(batch=2)
    many = per_image(
        pred=pred.repeat(80, 1, 1, 1),
        depth=depth.repeat(80, 1, 1, 1),
        valid=valid.repeat(80, 1, 1, 1),
        protocol="rooms",
    )
    two = per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")
    for name in NAMES:
        torch.testing.assert_close(many[name], two[name].repeat(80), rtol=1e-6, atol=0, equal_nan=True)


def test_an_image_without_a_valid_pixel_is_left_out():
    pred, depth, valid = maps()
    whole = per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")
    valid[2] = False
    rows = per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")
    one = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms")
    pooled = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms", average="pixels")
    for name in NAMES:
        assert rows[name][2].isnan()
        assert one[name] == pytest.approx(whole[name][[0, 1, 3]].mean().item())
        assert math.isfinite(pooled[name])


@pytest.mark.parametrize("average", ["image", "pixels"])
def test_no_valid_pixel_at_all_gives_nan(average):
    pred, depth, valid = maps()
    row = evaluate(pred=pred, depth=depth, valid=torch.zeros_like(valid), protocol="rooms", average=average)
    assert tuple(row) == NAMES and all(math.isnan(value) for value in row.values())


def test_what_is_masked_cropped_or_out_of_range_does_not_matter():
    pred, depth, valid = maps()
    depth = depth.nan_to_num(3.0)
    depth[:, :, 0, 0], depth[:, :, 0, 1] = 0.05, 11.0  # valid, but outside 0.1..10 m
    clean = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms")
    ignored = ~(valid & (depth > 0.1) & (depth < 10))
    assert ignored.any()
    for junk in (float("nan"), float("inf"), -float("inf"), 1e30):
        dirty = evaluate(pred=pred.masked_fill(ignored, junk), depth=depth, valid=valid, protocol="rooms")
        assert dirty == clean
        hidden = evaluate(pred=pred, depth=depth.masked_fill(~valid, junk), valid=valid, protocol="rooms")
        assert hidden == clean


def test_the_crop_is_applied():
    depth = torch.full((1, 1, 480, 640), 2.0)
    pred = torch.full_like(depth, 9.0)
    pred[..., 45:471, 41:601] = 2.0
    row = evaluate(pred=pred, depth=depth, valid=depth > 0, protocol="nyu-eigen")
    assert row["abs_rel"] == 0 and row["delta1"] == 1 and row["ssim"] == pytest.approx(1)
    with pytest.raises(ValueError, match="480x640"):
        evaluate(
            pred=pred[..., :240, :], depth=depth[..., :240, :], valid=depth[..., :240, :] > 0, protocol="nyu-eigen"
        )


def test_predictions_are_clipped_to_the_range():
    depth = torch.tensor([1.0, 9.0]).view(1, 1, 1, 2)
    row = evaluate(pred=torch.tensor([-3.0, 1e6]).view(1, 1, 1, 2), depth=depth, valid=depth > 0, protocol="rooms")
    assert row["abs_rel"] == pytest.approx((0.9 / 1 + 1 / 9) / 2)


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -float("inf")])
def test_a_non_finite_prediction_raises_and_names_the_image(junk):
    pred, depth, valid = maps()
    valid[2, 0, 10, 10:13] = True
    depth[2, 0, 10, 10:13] = 2.0
    pred[2, 0, 10, 10:13] = junk
    with pytest.raises(ValueError, match=r"pred is NaN or infinite on 3 of \d+ valid pixels of image 2"):
        evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms")


def test_a_prediction_of_another_size_raises_with_the_remedy():
    pred, depth, valid = maps()
    with pytest.raises(ValueError, match=r"interpolate\(pred, size=\(24, 32\), mode=\"bilinear\""):
        evaluate(pred=pred[..., ::2, ::2], depth=depth, valid=valid, protocol="rooms")


def test_other_refusals_say_what_to_do():
    pred, depth, valid = maps()
    cases = [
        ({"pred": pred[:, 0]}, "add the missing dimension"),
        ({"valid": valid.float()}, "expected torch.bool"),
        ({"valid": valid[:2]}, "belong together"),
        ({"protocol": "nyu"}, "unknown; the named ones are rooms"),
        ({"kind": "disparity"}, "kind 'disparity' is unknown"),
        ({"average": "batch"}, "average 'batch' is unknown"),
    ]
    for change, message in cases:
        with pytest.raises(ValueError, match=message):
            evaluate(**{"pred": pred, "depth": depth, "valid": valid, "protocol": "rooms", **change})


def test_an_affine_inverse_prediction_needs_alignment():
    _, depth, valid = maps()
    inverse = 3 / depth.nan_to_num(1.0) + 0.7
    for protocol in ("rooms", "kitti-garg", "rooms/median", "rooms/scale-shift"):
        with pytest.raises(ValueError, match="no metres"):
            evaluate(pred=inverse, depth=depth, valid=valid, protocol=protocol, kind="affine-inverse")
    for protocol in ("zero-shot", "rooms/scale-shift-inverse"):
        row = evaluate(pred=inverse, depth=depth, valid=valid, protocol=protocol, kind="affine-inverse")
        assert row["abs_rel"] < 1e-5 and row["delta1"] == 1


def test_a_metric_prediction_is_aligned_in_inverse_depth_too():
    _, depth, valid = maps()
    depth = depth.nan_to_num(2.0).clamp(0.5, 9)
    # half the true distance stays inside the range, so a scale of the inverse repairs it
    row = evaluate(pred=0.5 * depth, depth=depth, valid=valid, protocol="zero-shot", kind="metric")
    assert row["abs_rel"] < 1e-4
    assert evaluate(pred=0.5 * depth, depth=depth, valid=valid, protocol="rooms")["abs_rel"] == pytest.approx(0.5)


def test_median_alignment_removes_a_common_factor():
    pred, depth, valid = maps()
    found = evaluate(pred=0.01 * pred, depth=depth, valid=valid, protocol="rooms/median")
    assert found == pytest.approx(evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms/median"), rel=1e-4)


def test_worse_predictions_score_worse_in_every_metric():
    _, depth, valid = maps()
    noise = torch.randn(depth.shape, generator=torch.Generator().manual_seed(5))
    base = depth.nan_to_num(2.0)
    rows = [
        evaluate(pred=base * torch.exp(s * noise), depth=depth, valid=valid, protocol="rooms")
        for s in (0, 0.02, 0.1, 0.3, 0.6)
    ]
    for name in NAMES:
        first, *others = values = [row[name] for row in rows]
        assert first == pytest.approx({"lower": 0, "higher": 1}[metrics.BETTER[name]], abs=1e-6), name
        if name.startswith("edge"):  # strong noise finds some edges by accident, so only the perfect one is ranked
            assert first > max(others), name
        else:
            assert values == sorted(values, reverse=metrics.BETTER[name] == "higher"), name


def test_edge_scores_without_edges():
    flat = torch.full((1, 1, 8, 8), 2.0)
    step = flat.clone()
    step[..., 4:] = 4.0
    on = flat > 0
    assert math.isnan(evaluate(pred=flat, depth=flat, valid=on, protocol="rooms")["edge_f1_025"])
    assert evaluate(pred=flat, depth=step, valid=on, protocol="rooms")["edge_f1_025"] == 0  # missed
    assert evaluate(pred=step, depth=flat, valid=on, protocol="rooms")["edge_f1_025"] == 0  # invented
    assert evaluate(pred=step, depth=step, valid=on, protocol="rooms")["edge_f1_100"] == 1
    # plain Sobel: a step of 0.2 m has magnitude 0.8
    step = flat.clone()
    step[..., 4:] = 2.2
    row = evaluate(pred=step, depth=step, valid=on, protocol="rooms")
    assert row["edge_f1_050"] == 1 and math.isnan(row["edge_f1_100"])


def test_sparse_truth_has_pixel_metrics_but_no_ssim():
    pred, depth, valid = maps()
    valid[..., ::2, :] = False
    row = evaluate(pred=pred, depth=depth, valid=valid, protocol="rooms")
    assert math.isfinite(row["abs_rel"]) and math.isnan(row["ssim"]) and math.isnan(row["edge_f1_025"])


def laser_scan(kind: str, size=(192, 640)) -> torch.Tensor:
    """Where a LiDAR has points, bool [1,1,H,W]: the lines of one turn, or many turns put together as KITTI's annotated maps."""
    generator = torch.Generator().manual_seed(0)
    valid = torch.zeros(1, 1, *size, dtype=torch.bool)
    if kind == "lines":
        valid[..., 40::4, :] = torch.rand(valid[..., 40::4, :].shape, generator=generator) > 0.3
    else:
        blocks = torch.rand(1, 1, size[0] // 4, size[1] // 4, generator=generator) > 0.85
        valid = blocks.repeat_interleave(4, -2).repeat_interleave(4, -1)
        valid &= torch.rand(valid.shape, generator=generator) > 0.05
    return valid


@pytest.mark.parametrize("kind", ["lines", "put together"])
def test_noise_has_no_edge_score_on_a_laser_scan(kind):
    """On such truth a constant with noise scored 0.98, and the truth itself under a blur 0.97."""
    valid = laser_scan(kind)
    generator = torch.Generator().manual_seed(1)
    depth = 5 + 70 * torch.rand(valid.shape, generator=generator).square()
    noise = 12 + torch.randn(valid.shape, generator=generator)
    row = evaluate(pred=noise, depth=torch.where(valid, depth, torch.nan), valid=valid, protocol="streets")
    assert math.isfinite(row["abs_rel"])
    assert all(math.isnan(row[name]) for name in row if name.startswith(("edge", "ssim")))
    pooled = evaluate(pred=noise, depth=depth, valid=valid, protocol="streets", average="pixels")
    assert math.isnan(pooled["edge_f1_025"])


def test_half_of_the_pixels_must_have_their_neighbours_for_an_edge_score():
    depth = torch.ones(1, 1, 60, 60)
    depth[..., 30:] = 3.0
    valid = torch.ones(1, 1, 60, 60, dtype=torch.bool)
    for holes, scored in ((5, True), (4, False)):  # a row of holes leaves none of the rows beside it whole
        valid[:] = True
        valid[..., ::holes, :] = False
        row = evaluate(pred=depth, depth=depth, valid=valid, protocol="rooms")
        assert math.isnan(row["edge_f1_025"]) is not scored and row["abs_rel"] == 0
        assert scored is (row["edge_f1_rel10"] == 1)


def test_a_relative_edge_is_the_same_near_and_far():
    for distance in (1.0, 60.0):
        flat = torch.full((1, 1, 8, 8), distance)
        for rise, found in ((1.09, False), (1.12, True)):
            step = flat.clone()
            step[..., 4:] *= rise
            row = evaluate(pred=step, depth=step, valid=flat > 0, protocol="folder-80")
            assert (row["edge_f1_rel10"] == 1) is found
        assert evaluate(pred=flat, depth=step, valid=flat > 0, protocol="folder-80")["edge_f1_rel10"] == 0  # missed


def test_by_distance_equals_masking_each_band():
    pred, depth, valid = maps()
    edges = (0.1, 2, 4, 9.9, 50)
    rows = by_distance(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=edges)
    for row, near, far in zip(rows, edges[:-1], edges[1:], strict=True):
        band = valid & (depth >= near) & (depth < far)
        expected = evaluate(pred=pred, depth=depth, valid=band, protocol="rooms", average="pixels")
        assert (row["near"], row["far"]) == (near, far)
        assert {name: row[name] for name in PIXEL_NAMES} == pytest.approx(
            {name: expected[name] for name in PIXEL_NAMES}, nan_ok=True
        )
        assert "ssim" not in row
    counted = (valid & (depth > 0.1) & (depth < 10)).sum().item()
    assert sum(row["pixels"] for row in rows) == counted > 0
    on_edge = torch.full((1, 1, 2, 2), 2.0)  # belongs to the band that begins there
    bands = by_distance(pred=on_edge, depth=on_edge, valid=on_edge > 0, protocol="rooms", edges=(1, 2, 3))
    assert [band["pixels"] for band in bands] == [0, 4]
    with pytest.raises(ValueError, match="larger than the one before"):
        by_distance(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=(1, 1))


def test_bands_are_cut_after_alignment():
    _, depth, valid = maps()
    inverse = 3 / depth.nan_to_num(1.0) + 0.7
    inverse[:, :, :12] += 0.05
    rows = by_distance(
        pred=inverse, depth=depth, valid=valid, protocol="zero-shot", edges=(0.1, 3, 10), kind="affine-inverse"
    )
    assert all(row["abs_rel"] > 1e-3 for row in rows)
    with pytest.raises(ValueError, match="no metres"):
        by_distance(pred=inverse, depth=depth, valid=valid, protocol="rooms", edges=(1, 2), kind="affine-inverse")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_predictions_are_scored_in_float32(dtype):
    pred, depth, valid = maps()
    half = evaluate(pred=pred.to(dtype), depth=depth, valid=valid, protocol="rooms")
    assert half == evaluate(pred=pred.to(dtype).float(), depth=depth, valid=valid, protocol="rooms")


def test_nothing_is_written_into_the_arguments_and_no_gradient_is_kept():
    pred, depth, valid = maps()
    depth = depth.nan_to_num(2.0)
    copies = [x.clone() for x in (pred, depth, valid)]
    rows = per_image(pred=pred.requires_grad_(), depth=depth, valid=valid, protocol="rooms/median")
    assert all(torch.equal(x, y) for x, y in zip((pred, depth, valid), copies, strict=True))
    assert not rows["abs_rel"].requires_grad


@pytest.mark.parametrize("factor", [0.02, 1.0, 50.0])
def test_alignment_sees_a_prediction_before_it_is_clipped(factor):
    """Right up to a factor, far beyond either end of the range: aligned it is right."""
    depth = torch.linspace(1, 5, 48).view(1, 1, 6, 8)
    scores = evaluate(pred=factor * depth, depth=depth, valid=depth > 0, protocol="rooms/scale-shift-inverse")
    assert scores["abs_rel"] < 1e-6


def test_one_pass_gives_the_statistics_and_those_of_bands():
    """Bands that leave pixels out on both sides, frames of more and of fewer pixels than are added at once, a batch and one."""
    _, depth, valid = maps()
    pred = depth.nan_to_num(1.0) * 1.1
    edges = (1.0, 2.0, 4.0)
    whole, bands = metrics.all_statistics(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=edges)
    alone = statistics(pred=pred, depth=depth, valid=valid, protocol="rooms")
    assert whole.keys() == alone.keys()
    for name, values in alone.items():
        assert torch.allclose(whole[name], values, rtol=1e-6, equal_nan=True), name
    counted = torch.where(valid, depth, 0.0)
    for number, (near, far) in enumerate(pairwise(edges)):
        own = (valid & (counted >= near) & (counted < far)).flatten(1)
        assert bands["pixels"][:, number].tolist() == own.sum(1).tolist()
        part = statistics(pred=pred, depth=depth, valid=own.view_as(valid), protocol="rooms")
        for name in ("abs_rel", "log_mean", "log_m2", "delta1"):
            assert torch.allclose(bands[name][:, number], part[name], rtol=1e-6, atol=1e-9, equal_nan=True), name
    assert bands["pixels"].sum() < whole["pixels"].sum()
    assert metrics.all_statistics(pred=pred, depth=depth, valid=valid, protocol="rooms")[1] == {}
    with pytest.raises(ValueError, match="at least two distances"):
        metrics.all_statistics(pred=pred, depth=depth, valid=valid, protocol="rooms", edges=(1.0,))


def test_long_sums_keep_their_digits():
    """The same error a million times: added in float32 it would drift in the fifth digit."""
    depth = torch.full((1, 1, 1000, 1000), 3.0)
    sums = metrics.band_statistics(pred=depth * 1.1, depth=depth, valid=depth > 0, protocol="rooms", edges=(0, 5))
    error = float((depth[0, 0, 0, 0] * 1.1 - 3).double() / 3)
    assert sums["abs_rel"].item() / 1e6 == pytest.approx(error, rel=1e-7)
    assert metrics.finish(sums)["silog"].item() == pytest.approx(0, abs=1e-4)
