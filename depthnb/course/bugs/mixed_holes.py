"""A resize that averages depth with the zeros of holes."""

from depthnb.course.task import Task

TASK = Task(
    name="mixed_holes",
    function="half_size",
    title="Ghosts around every hole",
    story=(
        "After halving, the point cloud has a veil of points that hang in front of the wall, around each hole of the "
        "sensor. In the file 0 stands for no measurement. A pixel of the half-size map shall be made of measured pixels "
        "of its own 2x2 block alone, and be 0 only where the block holds a hole; it must not be 0 where all four were "
        "measured, and of the blocks with a hole and a measurement most must keep a depth."
    ),
    code='''
import torch
from torch.nn import functional as F


def half_size(depth):
    """Depth [H,W] in metres, 0 = not measured, at half the size; H and W are even."""
    small = F.interpolate(depth[None, None], scale_factor=0.5, mode="bilinear", align_corners=False)
    return small[0, 0]
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 2 + torch.rand(16, 24, generator=random)
    depth[torch.rand(depth.shape, generator=random) < 0.3] = 0.0
    depth[4:8, 6:12] = 0.0
    small = answer(depth)
    assert tuple(small.shape) == (8, 12), f"the half of 16x24 is 8x12, not {tuple(small.shape)}"
    blocks = depth.reshape(8, 2, 12, 2).permute(0, 2, 1, 3).reshape(8, 12, 4)
    low = blocks.masked_fill(blocks == 0, 99.0).amin(-1)
    high = blocks.amax(-1)
    assert bool(torch.isfinite(small).all()), "a hole is 0 in this format, and not NaN or infinite"
    whole, empty = (blocks > 0).all(-1), (blocks == 0).all(-1)
    assert bool((small[whole] > 0).all()), "a block of four measured pixels became a hole"
    assert bool((small[empty] == 0).all()), "a block of four holes became a depth, which nobody measured"
    known = (small != 0) & ~empty
    inside = (small >= low - 1e-4) & (small <= high + 1e-4)
    worst = float(small[known & ~inside].min()) if bool((known & ~inside).any()) else 0.0
    assert bool(inside[known].all()), f"a depth of {worst:.2f} m lies outside of what its block measured: a hole was mixed in"
    partly = ~whole & ~empty
    kept = float((small[partly] != 0).float().mean())
    assert kept >= 0.4, f"only {kept:.0%} of the blocks with a hole and a measurement keep a depth"
""",
    hint="What does the mean of 3 m, 3 m, 3 m and 0 mean?",
    solution='''
import torch
from torch.nn import functional as F


def half_size(depth):
    """Depth [H,W] in metres, 0 = not measured, at half the size; H and W are even."""
    total = F.avg_pool2d(depth[None, None], 2)
    share = F.avg_pool2d((depth > 0).float()[None, None], 2)
    return torch.where(share > 0, total / share.clamp(min=0.25), 0.0)[0, 0]
''',
    minutes=12,
    points=2,
    session=1,
    notebook="01_data",
)
