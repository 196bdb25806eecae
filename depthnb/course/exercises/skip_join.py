"""A bridge of the U-Net: enlarge, and join."""

from depthnb.course.task import Task

TASK = Task(
    name="skip_join",
    function="joined",
    title="A bridge over an odd number of pixels",
    story=(
        "Write the step of a U-Net in which maps on the way up meet maps of the way down: `small` comes from the way up, "
        "`skip` from the way down. Enlarge the C small maps, in one step, to exactly the H x W of `skip`; each new pixel "
        'copies the nearest small pixel (`mode="nearest"`). Then join the two along the channels (axis 1): first the C '
        "enlarged maps, then the D maps of `skip`, unchanged. Pooling has rounded down: 75 rows became 37. Twice 37 is 74, "
        "but the result must still have 75. Encoder and decoder learn through this step, so both inputs must get their "
        "gradient."
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
from depthnb.course.asking import case, digits, tensor
from depthnb.course.gradients import gradient, slopes
from torch.nn import functional as F

CASES = (  # images, small maps, others, height and width of the others
    (2, 4, 3, 8, 12), (1, 3, 5, 12, 10), (3, 2, 4, 9, 14), (2, 1, 2, 75, 4), (1, 2, 1, 6, 59),
    (2, 3, 3, 99, 5), (1, 1, 2, 7, 123), (1, 1, 1, 2, 3),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for batch, c, d, height, width in CASES:
        skip = 20 * torch.randn(batch, d, height, width, generator=random)
        small = 20 * torch.randn(batch, c, height // 2, width // 2, generator=random)
        shapes = f"small {tuple(small.shape)} and skip {tuple(skip.shape)}"
        with case(f"with {shapes}"):
            got = tensor(answer(small, skip), (batch, c + d, height, width))
            assert got.dtype == skip.dtype, f"the result is {got.dtype}; expected {skip.dtype}, as the maps are"
            ways = [F.interpolate(small, (height, width), mode=mode) for mode in ("nearest", "nearest-exact")]
            swapped = torch.equal(got[:, :d], skip) and any(torch.equal(got[:, d:], way) for way in ways)
            assert not swapped, "the two are swapped: the enlarged small maps come first"
            same(got[:, c:], skip, f"the last {d} channels must be skip, unchanged", c)
            twice = F.interpolate(small, scale_factor=2)
            odd = (0, width % 2, 0, height % 2)
            if not any(torch.equal(got[:, :c], way) for way in ways):
                ends = any(torch.equal(got[:, :c], F.pad(twice, odd, mode=mode)) for mode in ("replicate", "constant"))
                assert not ends, "the small maps are doubled and then filled up; enlarge them in one step"
                same(got[:, :c], ways[0], f"the first {c} channels must be the small maps, enlarged to the nearest pixel", 0)
            trains(answer, small, skip, next(k for k in (0, 1) if torch.equal(got[:, :c], ways[k])))


def trains(answer, small, skip, way):
    what, mode = "the sum of the result", ("nearest", "nearest-exact")[way]
    copies = small.clone().requires_grad_()
    with torch.enable_grad():
        F.interpolate(copies, skip.shape[2:], mode=mode).sum().backward()  # a small pixel counts as often as it is copied
    for place, name, want in ((0, "small", copies.grad), (1, "skip", torch.ones_like(skip))):
        slopes(gradient(answer, small, skip, of=place, what=what, to=name), want, True, f"{what} with respect to `{name}`")


def same(got, want, said, first):
    off = (got - want).abs().nan_to_num(nan=9e9)
    if off.max() > 0:
        b, c, i, j = (int(k) for k in torch.unravel_index(off.argmax(), off.shape))
        found, right = digits(float(got[b, c, i, j]), float(want[b, c, i, j]))
        place = f"image {b}, channel {first + c}, row {i}, column {j}"
        raise AssertionError(f"{said}; at {place} is {found}; expected {right}")
""",
    hint=("`F.interpolate` takes a factor or a size. Which of the two knows about 75?"),
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
