"""Time losses, forward and backward, against the published arithmetic of each.

    python benchmarks/bench_losses.py [--batch 4] [--height 240] [--width 320] [--turns 7]

The peers are written from their formulas, as plainly as their authors' code: masks are multiplied or index the pixels, SSIM is
kornia's. Where a peer is defined as ours, both values must agree.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import kornia
import torch
from torch import Tensor
from turns import Goal, compare

from depthnb import losses

SCALES, ALPHA = 4, 0.5


def gradient_matching(residual: Tensor, mask: Tensor) -> Tensor:
    """MiDaS, equation 11: differences of the residual at four scales, over the pixels of each."""
    total = residual.new_zeros(())
    for k in range(SCALES):
        r, m = residual[:, :: 2**k, :: 2**k], mask[:, :: 2**k, :: 2**k]
        across = (r[:, :, 1:] - r[:, :, :-1]).abs() * (m[:, :, 1:] * m[:, :, :-1])
        down = (r[:, 1:] - r[:, :-1]).abs() * (m[:, 1:] * m[:, :-1])
        total = total + (across.sum((1, 2)) + down.sum((1, 2))).div(m.sum((1, 2))).mean()
    return total


def scale_and_shift(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """MiDaS, equations 4 to 6 and 11: the 2x2 system by its determinant, squared residual, gradients."""
    a00, a01, a11 = ((mask * x).sum((1, 2)) for x in (pred * pred, pred, torch.ones_like(pred)))
    b0, b1 = ((mask * x).sum((1, 2)) for x in (pred * target, target))
    determinant = a00 * a11 - a01 * a01
    scale, shift = (a11 * b0 - a01 * b1) / determinant, (a00 * b1 - a01 * b0) / determinant
    residual = mask * (scale[:, None, None] * pred + shift[:, None, None] - target)
    data = (residual * residual).sum((1, 2)).div(2 * a11).mean()
    return data + ALPHA * gradient_matching(residual, mask)


def robust(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """MiDaS, equations 7 to 9 and 11: median and mean deviation, the largest fifth left out, gradients."""
    inside = mask.bool()

    def normalised(x: Tensor) -> Tensor:
        median = torch.stack([each[here].median() for each, here in zip(x, inside, strict=True)])[:, None, None]
        deviation = (mask * (x - median).abs()).sum((1, 2), keepdim=True) / mask.sum((1, 2), keepdim=True)
        return (x - median) / deviation

    residual = mask * (normalised(pred) - normalised(target))
    data = pred.new_zeros(())
    for each, here in zip(residual, inside, strict=True):
        sizes = each[here].abs().sort().values
        data = data + sizes[: len(sizes) * 4 // 5].sum() / (2 * len(sizes))
    return data / len(pred) + ALPHA * gradient_matching(residual, mask)


def silog(pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """BTS, section 3.4, with its factor 10 and lambda 0.85."""
    d = pred[valid].log() - depth[valid].log()
    return (d.square().mean() - 0.85 * d.mean().square()).sqrt() * 10


def densedepth(pred: Tensor, depth: Tensor) -> Tensor:
    """DenseDepth, section 3.2, without a mask, on max_depth / depth."""
    p, d = 10 / pred, 10 / depth
    down, across = ((p - d).diff(dim=dim).abs().mean() for dim in (-2, -1))
    similarity = kornia.metrics.ssim(p, d, 11, max_val=100.0, padding="valid").mean()
    return 0.1 * (p - d).abs().mean() + down + across + (1 - similarity) / 2


def make_maps(batch: int, height: int, width: int) -> dict[str, Tensor]:
    """Noisy predictions of slopes with a step, and a mask with holes."""
    random = torch.Generator().manual_seed(0)
    depth = torch.linspace(1, 6, height)[:, None].expand(batch, 1, height, width).clone()
    depth[..., width // 3 : width // 2] += 0.8
    pred = depth * (0.9 + 0.2 * torch.rand(depth.shape, generator=random))
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[..., :8, :] = valid[..., height // 2 :, width // 3 - 6 : width // 3] = False
    return {"pred": pred, "depth": depth, "valid": valid}


def backward(loss: Callable[[Tensor], Tensor], pred: Tensor) -> Callable[[], float]:
    """A call that takes a loss and its gradient."""
    leaf = pred.clone().requires_grad_()

    def step() -> float:
        leaf.grad = None
        value = loss(leaf)
        value.backward()
        return value.item()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 4), ("height", 240), ("width", 320), ("turns", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    maps = make_maps(args.batch, args.height, args.width)
    depth, valid = maps["depth"], maps["valid"]
    inverse, target, mask = 1 / maps["pred"], 1 / depth[:, 0], valid[:, 0].float()
    # the least-squares form of ours first stretches the true inverse depth of each image to the range 0 to 1
    spans = [each[here] for each, here in zip(target, valid[:, 0], strict=True)]
    stretched = target / torch.stack([each.max() - each.min() for each in spans])[:, None, None]
    given, everywhere = {"depth": depth, "valid": valid}, {"depth": depth, "valid": torch.ones_like(valid)}
    pairs = {
        "scale and shift, against MiDaS's published arithmetic": (
            inverse, lambda x: losses.midas(pred=x, robust=False, **given),
            lambda x: scale_and_shift(x[:, 0], stretched, mask), Goal(at_most=1.0), True,
        ),
        "robust form, against MiDaS's published arithmetic": (
            inverse, lambda x: losses.midas(pred=x, **given),
            lambda x: robust(x[:, 0], target, mask), Goal(at_most=1.5), True,
        ),
        "silog, against BTS's": (
            maps["pred"], lambda x: losses.silog(pred=x, lam=0.85, root=True, factor=10.0, per_image=False, **given),
            lambda x: silog(x, depth, valid), Goal(at_most=1.0), True,
        ),
        "DenseDepth's, against its formula with kornia's SSIM": (
            maps["pred"], lambda x: losses.densedepth(pred=x, max_depth=10.0, **everywhere),
            lambda x: densedepth(x, depth), Goal(at_most=1.0), False,
        ),
        "SSIM, against kornia's": (
            maps["pred"], lambda x: losses.ssim(pred=x, data_range=10.0, **everywhere),
            lambda x: (1 - kornia.metrics.ssim(x, depth, 11, max_val=10.0, padding="valid").mean()) / 2,
            Goal(at_most=1.0), True,
        ),
    }  # fmt: skip
    print(f"losses, forward and backward, {args.batch} images of {args.width}x{args.height}; ours / peer")
    for label, (pred, ours, peer, goal, same) in pairs.items():
        one, other = backward(ours, pred), backward(peer, pred)
        if same:
            assert abs(one() - other()) < 1e-3 * abs(other()), (label, one(), other())
        compare(label, one, other, turns=args.turns, goal=goal)


if __name__ == "__main__":
    main()
