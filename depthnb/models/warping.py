r"""View synthesis: what one camera sees, put together from the picture of another, a depth map and the motion between them.

A motion is a 4x4 matrix that takes points of one camera to another's axes (x right, y down, z forward, metres). Of two poses
$P$ (camera to world) it is $P_{source}^{-1} P_{target}$, which `data.sequences.Films` hands out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_NEAREST = 1e-3  # metres before the lens; what lies nearer, or behind it, is in no picture


@dataclass(frozen=True)
class Warped:
    """A picture as the target camera would see it.

    Attributes:
        image: [B,C,H,W]; 0 where `inside` is False.
        inside: bool [B,1,H,W], whether the pixel's point lies before the source camera and within its picture. Whether
            something hides the point there is not known.
        depth: [B,1,H,W], metres from the source camera to the point, along that camera's axis.
    """

    image: Tensor
    inside: Tensor
    depth: Tensor


def warp(source: Tensor, *, depth: Tensor, intrinsics: Tensor, motion: Tensor) -> Warped:
    r"""Look up every pixel of the target camera in the picture of a source camera.

    Each pixel $p$ with depth $D(p)$ is the point $X = D(p)\,K^{-1} p$; the source camera sees it at $p' \sim K (R X + t)$. The
    picture is read there bilinearly, so that gradients reach depth and motion.

    Args:
        source: float [B,C,H,W], the picture of the other camera (or anything stored by its pixels, such as its depth).
        depth: float [B,1,H,W], metres along the axis of the target camera, above 0.
        intrinsics: float [B,3,3], of both cameras, pixel centres at integers.
        motion: float [B,4,4], target camera to source camera, metres.

    Returns:
        A `Warped`.

    Raises:
        ValueError: for shapes that do not fit together.

    Source: Zhou et al. 2017 (SfMLearner, arXiv:1704.07813), equation 2; bilinear sampling after Jaderberg et al. 2015.

    >>> K = torch.tensor([[[10.0, 0, 1], [0, 10.0, 0], [0, 0, 1]]])
    >>> step = torch.eye(4)[None].clone()
    >>> step[0, 0, 3] = -0.5  # the source camera stands half a metre to the right: 10 x 0.5 / 5 is one pixel
    >>> moved = warp(torch.tensor([[[[1.0, 2, 3]]]]), depth=torch.full((1, 1, 1, 3), 5.0), intrinsics=K, motion=step)
    >>> moved.image[0, 0, 0].tolist(), moved.inside[0, 0, 0].tolist()
    ([0.0, 1.0, 2.0], [False, True, True])
    """
    batch, _, height, width = source.shape
    if tuple(depth.shape) != (batch, 1, height, width):
        raise ValueError(f"depth is {list(depth.shape)}; expected [{batch},1,{height},{width}] like the source")
    if tuple(intrinsics.shape) != (batch, 3, 3) or tuple(motion.shape) != (batch, 4, 4):
        raise ValueError(
            f"intrinsics {list(intrinsics.shape)} and motion {list(motion.shape)}; expected [{batch},3,3] and [{batch},4,4]"
        )
    with torch.autocast(source.device.type, enabled=False):  # bfloat16 has two digits: too few for a place in a picture
        points = _points(depth.float(), intrinsics.float())
        seen = motion[:, :3, :3].float() @ points + motion[:, :3, 3:].float()  # [B,3,H*W]
        z = seen[:, 2:]
        before = z > _NEAREST
        pixels = intrinsics.float() @ (seen / torch.where(before, z, 1.0))
        u, v = pixels[:, 0].view(batch, height, width), pixels[:, 1].view(batch, height, width)
        # half of a thousandth of a pixel: a camera that has not moved must not lose its border to rounding
        inside = (u > -5e-4) & (u < width - 1 + 5e-4) & (v > -5e-4) & (v < height - 1 + 5e-4)
        inside = inside.unsqueeze(1) & before.view(batch, 1, height, width)
        grid = torch.stack([2 * u / max(width - 1, 1) - 1, 2 * v / max(height - 1, 1) - 1], -1)
        # far outside the numbers may be huge, and a huge gradient times 0 is no number
        grid = torch.where(inside.squeeze(1).unsqueeze(-1), grid, 0.0)
        image = F.grid_sample(source.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return Warped(torch.where(inside, image, 0.0), inside, z.view(batch, 1, height, width))


def _points(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Points of all pixels in the axes of their camera, [B,3,H*W]."""
    height, width = depth.shape[-2:]
    v, u = torch.meshgrid(
        torch.arange(height, device=depth.device, dtype=depth.dtype),
        torch.arange(width, device=depth.device, dtype=depth.dtype),
        indexing="ij",
    )
    pixels = torch.stack([u, v, torch.ones_like(u)]).flatten(1)
    return (torch.linalg.inv(intrinsics) @ pixels) * depth.flatten(2)


def rigid_motion(numbers: Tensor) -> Tensor:
    r"""Six numbers as a motion [B,4,4]: a rotation as axis times angle, and a translation in metres.

    By Rodrigues' formula, with $\theta$ the angle and $A$ the cross-product matrix of the first three numbers, $R = I +
    \frac{\sin\theta}{\theta} A + \frac{1 - \cos\theta}{\theta^2} A^2$. Gradients are finite at the motion that is none.

    Args:
        numbers: float [B,6], first the axis times the angle in radians.

    >>> turned = rigid_motion(torch.tensor([[0.0, 0.0, torch.pi / 2, 1.0, 2.0, 3.0]]))
    >>> (turned @ torch.tensor([1.0, 0.0, 0.0, 1.0])).round(decimals=5)[0].tolist()
    [1.0, 3.0, 3.0, 1.0]
    """
    x, y, z = numbers[:, 0], numbers[:, 1], numbers[:, 2]
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    square = (numbers[:, :3].square().sum(1) + 1e-12).view(-1, 1, 1)  # the root of 0 has no slope
    angle = square.sqrt()
    # (1 - cos) / angle^2 as a sine of the half: the difference of two ones would lose all its digits
    half = (angle / 2).sin() / (angle / 2)
    rotation = torch.eye(3, dtype=numbers.dtype, device=numbers.device) + angle.sin() / angle * cross
    rotation = rotation + half.square() / 2 * (cross @ cross)
    upper = torch.cat([rotation, numbers[:, 3:, None]], 2)
    lower = torch.stack([zero, zero, zero, one], 1)[:, None]
    return torch.cat([upper, lower], 1)
