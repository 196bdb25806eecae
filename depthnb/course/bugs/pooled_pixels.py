"""All pixels pooled, where the table promises a mean over images."""

from depthnb.course.task import Task

TASK = Task(
    name="two_tables",
    function="mean_abs_rel",
    title="Two tables that cannot both be right",
    story=(
        "Two students score the same predictions and get 0.112 and 0.135. The protocol says that every image counts "
        "the same: one with few valid pixels counts as much as a full one. `mean_abs_rel` must follow the protocol, "
        "and return one number. The abs_rel of a pixel is |pred - depth| / depth; only valid pixels have one. An "
        "image without a valid pixel does not count; at least one image has valid pixels. Where `valid` is False, the "
        "prediction and the depth may be anything, NaN too."
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

from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for count, height, width in ((5, 10, 12), (4, 7, 15)):
        shape = (count, height, width)
        depths = torch.exp(6 * torch.rand(shape, generator=random) - 2)  # 14 cm to 55 m
        depths[:, 5, :2], depths[:, 6, :2] = 1e-4, 150.0
        spread = torch.linspace(0.1, 0.9, count)[torch.randperm(count, generator=random), None, None]
        preds = depths * (1 + spread * (1.9 * torch.rand(shape, generator=random) - 0.9))
        preds[:, 5, 0], preds[:, 6, 0] = 3e-4, 90.0
        preds[0], preds[1, 3, 4], preds[:, 2, 1] = depths[0], depths[1, 3, 4], depths[:, 2, 1]  # no error there, and it counts
        shares = torch.tensor([0.9, 0.03, 0.5, 0.2, 0.7])[:count, None, None]
        some = torch.rand(shape, generator=random) < shares
        some[:, 2, 1:3], some[:, 0, 0], some[0, 0], some[:, 5:7, 0] = True, False, False, True
        empty = some.clone()
        empty[2] = False
        empty[1], empty[1, 3, 4] = False, True  # one pixel
        last = torch.zeros_like(some)
        last[-1] = some[-1]
        junk = torch.where(torch.rand(shape, generator=random) < 0.5, torch.nan, 80.0)
        for words, valids, under in (
            ("that is all", torch.ones_like(some), 0.0),
            ("", some, 0.0),
            ("", empty, 0.0),
            ("with 2.5 m where `valid` is False", empty, 2.5),
            ("with NaN or 80 m where `valid` is False", empty, junk),
            ("", last, 0.0),
        ):
            error = (preds - depths).abs().double() / depths
            want = torch.stack([each[valid].mean() for each, valid in zip(error, valids) if valid.any()]).mean()
            numbers = valids.sum((1, 2)).tolist()
            with case(f"with {', '.join(map(str, numbers))} valid pixels in the images{words and ', ' + words}"):
                there = under if isinstance(under, float) else under.flip(0)
                given = torch.where(valids, preds, there), torch.where(valids, depths, under), valids
                close(number(answer(*given)), want, "the mean")
    with case("for one image of one pixel"):
        close(number(answer(*(torch.full((1, 1, 1), each) for each in (3.0, 2.0, True)))), 0.5, "the mean")
""",
    hint="How much does an image with three valid pixels count in the sum, and how much a full one?",
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
