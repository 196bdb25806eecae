"""Time `metrics.per_image` against the naive way: a numpy loop over the images, one metric after the other.

    python benchmarks/bench_metrics.py [--images 32] [--height 240] [--width 320] [--repeats 5]

Both sides run in this process on the same arrays and must agree; the ratio of their best times is printed. The naive loop
takes SSIM and the Sobel edges from kornia. `evaluation.evaluate` also sums in bands of distance, for which the naive
loop has nothing. The ten pixel metrics and SSIM are timed alone, SSIM with its gradient too, as a loss needs it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import kornia
import numpy as np
import torch
import torch.nn.functional as F

from depthnb import evaluation, metrics
from depthnb.metrics.ssim import ssim_map


def naive(pred: np.ndarray, depth: np.ndarray, valid: np.ndarray, low: float, high: float) -> list[dict[str, float]]:
    """The loop found in most depth repositories: index the valid pixels of one image, then one line a metric."""
    rows = []
    for p, d, v in zip(pred[:, 0], depth[:, 0], valid[:, 0], strict=True):
        v = v & (d > low) & (d < high)
        p, d = np.clip(p, low, high)[v], d[v]
        worse = np.maximum(p / d, d / p)
        log = np.log(p) - np.log(d)
        rows.append(
            {
                "abs_rel": np.mean(np.abs(p - d) / d),
                "sq_rel": np.mean((p - d) ** 2 / d),
                "rmse": np.sqrt(np.mean((p - d) ** 2)),
                "rmse_log": np.sqrt(np.mean((np.log(p) - np.log(d)) ** 2)),
                "log10": np.mean(np.abs(np.log10(p) - np.log10(d))),
                "silog": 100 * np.sqrt(np.mean(log**2) - np.mean(log) ** 2),
                "si_rmse_log": np.sqrt(np.mean(log**2) - np.mean(log) ** 2),
                **{f"delta{i}": np.mean(worse < 1.25**i) for i in (1, 2, 3)},
            }
        )
    return rows


def naive_images(pred: torch.Tensor, depth: torch.Tensor, valid: torch.Tensor, low: float, high: float) -> list[dict]:
    """The numpy loop, then SSIM and edge F1 image by image with kornia's filters."""
    rows = naive(pred.numpy(), depth.numpy(), valid.numpy(), low, high)
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


def best_time(run: Callable[[], object], repeats: int) -> float:
    """Smallest wall time of a few calls, in seconds; the first call warms up and is not counted."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


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
    for name, default in (("images", 32), ("height", 240), ("width", 320), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()

    maps = make_maps(args.images, args.height, args.width)
    arrays = {name: x.numpy() for name, x in maps.items()}
    low, high = metrics.PROTOCOLS["rooms"].min_depth, metrics.PROTOCOLS["rooms"].max_depth
    expected, found = naive_images(**maps, low=low, high=high), metrics.per_image(**maps, protocol="rooms")
    for name in metrics.NAMES:
        assert np.allclose([row[name] for row in expected], found[name], rtol=1e-4), name

    def kornia_ssim(pred: torch.Tensor) -> torch.Tensor:
        return kornia.metrics.ssim(pred, maps["depth"], 11, max_val=high, padding="valid")

    def own_ssim(pred: torch.Tensor) -> torch.Tensor:
        return ssim_map(pred=pred, depth=maps["depth"], data_range=high)

    edges = evaluation.distance_edges(metrics.PROTOCOLS["rooms"])
    leaf = maps["pred"].clone().requires_grad_()
    pairs = {
        f"per_image, all {len(metrics.NAMES)} metrics": (
            lambda: naive_images(**maps, low=low, high=high),
            lambda: metrics.per_image(**maps, protocol="rooms"),
        ),
        "the same and ten bands of distance": (
            lambda: naive_images(**maps, low=low, high=high),
            lambda: metrics.all_statistics(**maps, protocol="rooms", edges=edges),
        ),
        "the 10 pixel metrics": (
            lambda: naive(**arrays, low=low, high=high),
            lambda: metrics.band_statistics(**maps, protocol="rooms", edges=(0, 2 * high)),
        ),
        "SSIM map": (lambda: kornia_ssim(maps["pred"]), lambda: own_ssim(maps["pred"])),
        "SSIM and its gradient": (
            lambda: kornia_ssim(leaf).mean().backward(),
            lambda: own_ssim(leaf).mean().backward(),
        ),
    }
    print(
        f"{args.images} images of {args.width}x{args.height}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    print(f"{'ms an image':36}{'naive':>10}{'depthnb':>10}{'ratio':>8}")
    for label, (theirs, ours) in pairs.items():
        slow, fast = best_time(theirs, args.repeats), best_time(ours, args.repeats)
        print(f"{label:36}{1000 * slow / args.images:10.2f}{1000 * fast / args.images:10.2f}{slow / fast:8.2f}")


if __name__ == "__main__":
    main()
