"""A resize that averages depth with the zeros of holes."""

from depthnb.course.task import Task

TASK = Task(
    name="ghosts",
    function="half_size",
    title="Ghosts around every hole",
    story=(
        "After halving, the point cloud has a veil of points that hang in front of the wall, around each hole of the "
        "sensor. In the file 0 means that nothing was measured. Each pixel of the half-size map stands for a 2x2 "
        "block of the large map. If all four pixels of the block were measured, the pixel must be a depth between the "
        "smallest and the largest of them. If none was measured, it must be 0. If only some were measured, it may be "
        "0, or a depth between the smallest and the largest measured one; at least a third of these blocks must keep "
        "a depth."
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

from depthnb.course.asking import case, tensor


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for height, width in ((32, 48), (44, 30)):
        depth = 0.02 + 9 * torch.rand(height, width, generator=random) ** 2
        holes = torch.rand(depth.shape, generator=random) < 0.3
        holes[4:8, 6:12], holes[20:24, 10:14], holes[:2, :2] = True, False, False
        depth[20:22, 10:12], depth[22:24, 10:12], depth[:2, :2] = 1e-4, 150.0, 3.0
        for words, map_ in (
            ("where everything was measured", depth),
            ("where some pixels were not measured", torch.where(holes, 0.0, depth)),
            ("where nothing was measured", torch.zeros_like(depth)),
            ("of 2 x 2 pixels, all measured", depth[8:10, :2]),
            ("of 2 x 4 pixels, of which four were measured", depth[8:10, :4] * (torch.arange(4) > 1)),
        ):
            with case(words):
                _look(map_, tensor(answer(map_), (len(map_) // 2, len(map_[0]) // 2)))


def _look(depth, small):
    blocks = torch.stack([depth[row::2, column::2] for row in (0, 1) for column in (0, 1)])
    low, high = blocks.where(blocks > 0, torch.inf).amin(0), blocks.amax(0)
    inside = (small >= low * (1 - 1e-5)) & (small <= high * (1 + 1e-5))
    whole, empty = (blocks > 0).all(0), (blocks == 0).all(0)
    for wrong in (whole & ~inside, empty & (small != 0), ~whole & ~empty & ~inside & (small != 0)):
        if bool(wrong.any()):
            place = wrong.nonzero()[0].tolist()
            held = ", ".join(f"{each:.4g}" if each else "0" for each in blocks[:, place[0], place[1]].tolist())
            least, most = float(low[tuple(place)]), float(high[tuple(place)])
            right = "0" if bool(empty[tuple(place)]) else f"{least:.4g} to {most:.4g}"
            right = right if bool((whole | empty)[tuple(place)]) else f"0, or {right}"
            said = f"the small map at {place} is {float(small[tuple(place)]):.4g}; its block holds {held}"
            raise AssertionError(f"{said}; expected {right}")
    both = ~whole & ~empty
    kept = int((both & (small != 0)).sum())
    few = f"only {kept} of {int(both.sum())} blocks with a hole and a depth keep a depth; expected a third of them at least"
    assert 3 * kept >= int(both.sum()), few
""",
    hint="What does the mean of 3 m, 3 m, 3 m and 0 mean? By how many pixels must the sum be divided?",
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
