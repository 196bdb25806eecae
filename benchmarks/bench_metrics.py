"""Time the metrics against the numpy loop of most depth repositories: the pixel metrics, all of them, and all with bands.

    python benchmarks/bench_metrics.py [--images 12] [--height 480] [--width 640] [--turns 7]

Both sides score the same frames, one after the other, and must agree. At 640x480 with the crop of Eigen et al., as NYU is
evaluated. The loop has nothing for SSIM, edges and bands of distance; ours with them is still held against it. One further line
gives the loop SSIM and edges by kornia.
"""

from __future__ import annotations

import argparse

import kornia
import numpy as np
import torch
import torch.nn.functional as F
from turns import Goal, compare

from depthnb import evaluation, metrics


def loop(pred: np.ndarray, depth: np.ndarray, valid: np.ndarray, rule: metrics.Protocol) -> dict[str, float]:
    """One image [H,W] as BTS and its successors score it: index the pixels that count, then one line a metric."""
    low, high = rule.min_depth, rule.max_depth
    pred = pred.copy()
    pred[pred < low] = low
    pred[pred > high] = high
    pred[np.isinf(pred)] = high
    pred[np.isnan(pred)] = low
    top, bottom, left, right = rule.crop_box(*depth.shape)
    inside = np.zeros(depth.shape)
    inside[top:bottom, left:right] = 1
    mask = np.logical_and(np.logical_and(depth > low, depth < high) & valid, inside)
    d, p = depth[mask], pred[mask]
    worse = np.maximum(d / p, p / d)
    log = np.log(p) - np.log(d)
    silog = np.sqrt(np.mean(log**2) - np.mean(log) ** 2)
    return {
        "abs_rel": np.mean(np.abs(d - p) / d),
        "sq_rel": np.mean((d - p) ** 2 / d),
        "rmse": np.sqrt(((d - p) ** 2).mean()),
        "rmse_log": np.sqrt(((np.log(d) - np.log(p)) ** 2).mean()),
        "log10": np.mean(np.abs(np.log10(p) - np.log10(d))),
        "silog": 100 * silog,
        "si_rmse_log": silog,
        **{f"delta{i}": (worse < 1.25**i).mean() for i in (1, 2, 3)},
    }


def loop_with_windows(maps: dict[str, torch.Tensor], rule: metrics.Protocol) -> list[dict[str, float]]:
    """The numpy loop, then SSIM and edge F1 image by image with kornia's filters."""
    low, high = rule.min_depth, rule.max_depth
    rows = [loop(*each, rule) for each in zip(*(x[:, 0].numpy() for x in maps.values()), strict=True)]
    top, bottom, left, right = rule.crop_box(*maps["depth"].shape[-2:])
    pred, depth, valid = (x[..., top:bottom, left:right] for x in maps.values())
    for i, row in enumerate(rows):
        v = valid[i : i + 1] & (depth[i : i + 1] > low) & (depth[i : i + 1] < high)
        p, d = (torch.where(v, x[i : i + 1].clamp(low, high), 1.0) for x in (pred, depth))
        hole = (~v).float()
        whole = F.max_pool2d(hole, 11, 1) == 0
        row["ssim"] = kornia.metrics.ssim(p, d, 11, max_val=high, padding="valid")[whole].mean().item()
        whole = F.max_pool2d(hole, 3, 1, padding=1) == 0
        whole[..., [0, -1], :] = whole[..., [0, -1]] = False
        for thresholds, unit in (
            (metrics.EDGE_THRESHOLDS, torch.positive),
            (metrics.RELATIVE_EDGE_THRESHOLDS, torch.log),
        ):
            gradients = (kornia.filters.spatial_gradient(unit(x), normalized=False) for x in (p, d))
            sobel_p, sobel_d = (each.square().sum(2).sqrt() for each in gradients)
            for name, threshold in thresholds.items():
                edge_p, edge_d = whole & (sobel_p > threshold), whole & (sobel_d > threshold)
                row[name] = (2 * (edge_p & edge_d).sum() / (edge_p.sum() + edge_d.sum())).item()
    return rows


def make_maps(images: int, height: int, width: int) -> dict[str, torch.Tensor]:
    """Smooth depth with a step, a noisy prediction and a mask with a shadow and a border, as a depth sensor leaves."""
    random = torch.Generator().manual_seed(0)
    ramp = torch.linspace(1, 6, height)[:, None].expand(height, width).clone()
    ramp[height // 3 :, width // 3 : width // 2] -= 0.8
    depth = ramp.expand(images, 1, height, width) * (0.8 + 0.4 * torch.rand(images, 1, 1, 1, generator=random))
    pred = depth * (0.9 + 0.2 * torch.rand(depth.shape, generator=random))
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[..., :8, :] = valid[..., height // 3 :, width // 3 - 6 : width // 3] = False
    return {"pred": pred, "depth": depth, "valid": valid}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("images", 12), ("height", 480), ("width", 640), ("turns", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()

    maps = make_maps(args.images, args.height, args.width)
    eigen = metrics.PROTOCOLS["nyu-eigen"]
    rule = eigen if (args.height, args.width) == (480, 640) else metrics.Protocol("whole", 1e-3, eigen.max_depth)
    edges, everything = evaluation.distance_edges(rule), (0.0, 2 * rule.max_depth)
    expected, found = loop_with_windows(maps, rule), metrics.per_image(**maps, protocol=rule)
    for name in metrics.NAMES:
        assert np.allclose([row[name] for row in expected], found[name], rtol=1e-4), name

    frames = [dict(zip(maps, each, strict=True)) for each in zip(*(x.split(1) for x in maps.values()), strict=True)]
    arrays = [tuple(x[0, 0].numpy() for x in frame.values()) for frame in frames]

    def theirs() -> None:
        for each in arrays:
            loop(*each, rule)

    def pixels() -> None:
        for frame in frames:
            metrics.band_statistics(**frame, protocol=rule, edges=everything)

    def banded(borders: tuple[float, ...]) -> None:
        for frame in frames:
            metrics.all_statistics(**frame, protocol=rule, edges=borders)

    print(f"metrics, {args.images} images of {args.width}x{args.height}, {rule.crop} crop; ours / peer")
    turns = {"turns": args.turns}
    compare("the 10 pixel metrics, against the numpy loop", pixels, theirs, goal=Goal(at_most=0.4), **turns)
    compare(f"all {len(metrics.NAMES)}, against the loop's 10", lambda: banded(()), theirs, **turns)
    goal = Goal(at_most=1.5)
    compare(
        "all and ten bands as evaluate does, against the loop's 10", lambda: banded(edges), theirs, goal=goal, **turns
    )
    label = f"all {len(metrics.NAMES)}, against the loop and kornia"
    compare(label, lambda: banded(()), lambda: loop_with_windows(maps, rule), **turns)


if __name__ == "__main__":
    main()
