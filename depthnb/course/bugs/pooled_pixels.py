"""All pixels pooled, where the table promises a mean over images."""

from depthnb.course.task import Task

TASK = Task(
    name="pooled_pixels",
    function="mean_abs_rel",
    title="Two tables that cannot both be right",
    story=(
        "Two students score the same predictions and get 0.112 and 0.135. One pooled all pixels; the protocol says mean "
        "over images, where an image with few valid pixels counts as much as a full one. The function shall follow the "
        "protocol, and leave out images without a valid pixel."
    ),
    code='''
import torch


def mean_abs_rel(preds, depths, valids):
    """Mean over images of abs_rel; all three are [N,H,W]."""
    error = (preds - depths).abs()[valids] / depths[valids]
    return error.mean()
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depths = 1 + 5 * torch.rand(5, 10, 12, generator=random)
    shares = torch.tensor([0.9, 0.05, 0.5, 0.0, 0.2])[:, None, None]
    valids = torch.rand(depths.shape, generator=random) < shares
    valids[:3, 0, 0] = valids[4, 0, 0] = True
    off = torch.tensor([0.1, 0.6, 0.2, 0.0, 0.4])[:, None, None] * (0.5 + torch.rand(depths.shape, generator=random))
    want = float(torch.stack([off[i][valids[i]].mean() for i in (0, 1, 2, 4)]).mean())
    got = float(answer(depths * (1 + off), torch.where(valids, depths, 0.0), valids))
    assert got == got, "the mean is NaN: an image without a valid pixel has no error, and does not count"
    pooled = float(off[valids].mean())
    assert abs(got - pooled) > 1e-4, f"{got:.4f} is the mean over all pixels; the mean over images is {want:.4f}"
    assert abs(got - want) < 1e-4, f"the mean is {got:.4f}; over the four images that have valid pixels it is {want:.4f}"
""",
    hint="How much does an image with three valid pixels count in the sum?",
    solution='''
import torch


def mean_abs_rel(preds, depths, valids):
    """Mean over images of abs_rel; all three are [N,H,W]."""
    errors = []
    for pred, depth, valid in zip(preds, depths, valids):
        if valid.any():
            errors.append(((pred - depth).abs()[valid] / depth[valid]).mean())
    return torch.stack(errors).mean()
''',
    minutes=8,
    points=1,
    session=5,
    notebook="10_comparison",
)
