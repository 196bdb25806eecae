"""A prediction that is clipped to metres before it has been brought to metres."""

from depthnb.course.task import Task

TASK = Task(
    name="ten_metres",
    function="aligned_error",
    title="Everything is ten metres away",
    story=(
        "A net predicts depth without a unit: its numbers go from 50 to 500. As pictures they look right, yet the "
        "error is that of a flat wall ten metres away. `aligned_error` must return abs_rel, the mean of |pred - "
        "depth| / depth over the valid pixels, of the prediction in metres. It is in metres when its median over the "
        "valid pixels is that of the depth. Metres below `nearest` must become `nearest`, and metres above `farthest` "
        "must become `farthest`. At least one pixel is valid; where `valid` is False, the depth may be anything, NaN "
        "too."
    ),
    code='''
import torch


def aligned_error(pred, depth, valid, nearest=0.1, farthest=10.0):
    """abs_rel of a prediction without units, scaled by the median; all three are [H,W]."""
    pred = pred.clamp(nearest, farthest)
    scale = depth[valid].median() / pred[valid].median()
    pred = scale * pred
    return ((pred - depth)[valid].abs() / depth[valid]).mean()
''',
    check="""
import torch

from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for height, width in ((12, 16), (17, 7)):
        shape = (height, width)
        depth = 0.5 + 9 * torch.rand(shape, generator=random)
        noisy = depth * (0.6 + 0.9 * torch.rand(shape, generator=random))
        noisy[2, :3], noisy[3, :3] = 40.0, 0.002  # beyond both limits
        depth[2, 1], depth[3, 1] = 150.0, 1e-4
        valid = torch.rand(shape, generator=random) < 0.7
        valid[2:4, :6], valid[0, 0] = True, False
        few = torch.zeros(shape, dtype=torch.bool)
        few[2, :4] = few[5, 2:5] = True
        every = torch.ones_like(valid)
        every[0, 0] = height * width % 2 == 1
        for mask in (valid, few, every):
            mask[1, 1] ^= int(mask.sum()) % 2 == 0  # an odd number, so that there is one median
        junk = torch.where(torch.rand(shape, generator=random) < 0.5, torch.nan, 80.0)
        for words, factor, seen, limits in (
            ("for a prediction in metres and a range of 0.0001 to 1000 m", 1.0, every, (0.0001, 1000.0)),
            ("for a prediction 60 times too large", 60.0, every, ()),
            ("for a prediction 100 times too small", 0.01, every, ()),
            ("where some pixels are invalid", 60.0, valid, ()),
            ("where seven pixels are valid", 60.0, few, ()),
            ("with a range of 2 to 6 m", 60.0, valid, (2.0, 6.0)),
            ("with a range of 0.1 to 3 m, which ends below the median", 0.01, valid, (0.1, 3.0)),
        ):
            pred, truth = torch.where(seen, factor * noisy, 3.0), torch.where(seen, depth, junk)
            metres = pred * depth[seen].median() / pred[seen].median()
            metres = metres.clamp(*limits) if limits else metres.clamp(0.1, 10.0)
            with case(words):
                want = ((metres - depth).abs() / depth)[seen].double().mean()
                close(number(answer(pred, truth, seen, *limits)), want, "the error", 1e-5)
    depth = torch.tensor([[1.0, 2.0, 4.0, 5.0, 20.0]])
    for words, factors, seen, want in (
        ("for three predictions without an error, one twice too far and one beyond the range", [1, 1, 1, 2, 1], 5, 0.3),
        ("for predictions without an error", [1, 1, 1, 1, 1], 3, 0.0),
        ("for one valid pixel, at 1 m", [1, 7, 7, 7, 7], 1, 0.0),
    ):
        with case(words):
            counts = torch.arange(5)[None] < seen
            close(number(answer(64 * depth * torch.tensor(factors), depth, counts)), want, "the error", 1e-5)
    with case("for one pixel, at 20 m, and a range to 10 m"):
        close(number(answer(torch.tensor([[7.0]]), torch.tensor([[20.0]]), torch.tensor([[True]]))), 0.5, "the error", 1e-5)
""",
    hint="In which unit is the number 10 of the range, and in which unit is the prediction in the line that uses it?",
    solution='''
import torch


def aligned_error(pred, depth, valid, nearest=0.1, farthest=10.0):
    """abs_rel of a prediction without units, scaled by the median; all three are [H,W]."""
    scale = depth[valid].median() / pred[valid].median()
    pred = (scale * pred).clamp(nearest, farthest)
    return ((pred - depth)[valid].abs() / depth[valid]).mean()
''',
    minutes=5,
    points=1,
    session=4,
    notebook="07_midas",
)
