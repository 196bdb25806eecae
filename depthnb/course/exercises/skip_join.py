"""A bridge of the U-Net: enlarge, and join."""

from depthnb.course.task import Task

TASK = Task(
    name="skip_join",
    function="joined",
    title="A bridge over an odd number of pixels",
    story=(
        "Write the step of a U-Net in which maps on the way up meet those of the way down. The small maps are enlarged by "
        "copying the nearest pixel, to the size of the others, and the two are put one behind the other: small ones first. "
        "Pooling has rounded down, so 75 pixels became 37: twice that is not 75, and the result must have 75 all the same."
    ),
    code='''
import torch
from torch.nn import functional as F


def joined(small, skip):
    """Maps [B,C+D,H,W] of small [B,C,h,w] and skip [B,D,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from torch.nn import functional as F


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for height, width in ((8, 12), (9, 13), (75, 3)):
        skip = torch.rand(2, 3, height, width, generator=random)
        small = torch.rand(2, 4, height // 2, width // 2, generator=random)
        got = answer(small, skip)
        sizes = f"small maps of {width // 2} x {height // 2} pixels beside {width} x {height}"
        want = (2, 7, height, width)
        assert tuple(got.shape) == want, f"{sizes}: the result has the shape {tuple(got.shape)}; expected {want}"
        assert torch.equal(got[:, 4:], skip), f"{sizes}: the last three maps are not those of the way down, unchanged"
        ways = [F.interpolate(small, (height, width), mode=mode) for mode in ("nearest", "nearest-exact")]
        same = any(torch.equal(got[:, :4], way) for way in ways)
        assert same, f"{sizes}: the first four maps are not the enlarged small ones"
""",
    hint="`F.interpolate` takes a factor or a size. Which of the two knows about 75?",
    solution='''
import torch
from torch.nn import functional as F


def joined(small, skip):
    """Maps [B,C+D,H,W] of small [B,C,h,w] and skip [B,D,H,W]."""
    large = F.interpolate(small, size=skip.shape[-2:], mode="nearest")
    return torch.cat([large, skip], dim=1)
''',
    minutes=8,
    points=1,
    session=3,
    notebook="04_unet",
)
