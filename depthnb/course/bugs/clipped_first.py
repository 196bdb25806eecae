"""A prediction that is clipped to metres before it has been brought to metres."""

from depthnb.course.task import Task

TASK = Task(
    name="clipped_first",
    function="aligned_error",
    title="Everything is ten metres away",
    story=(
        "A net knows depth up to a factor. Its answers look fine, yet its error is that of a flat wall: they are numbers "
        "from 50 to 500, and the evaluation cuts at 10. The prediction shall be scaled by the median over the valid "
        "pixels, then be clipped to the range, then be scored."
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


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 8 * torch.rand(12, 16, generator=random)
    valid = torch.rand(depth.shape, generator=random) < 0.7
    valid[0, :6] = True
    valid[-1, -1] ^= int(valid.sum()) % 2 == 0  # an odd number, so that there is one median
    exact = float(answer(depth * 60, torch.where(valid, depth, 0.0), valid))
    assert abs(exact) < 1e-4, f"a prediction that is right up to a factor of 60 has an error of {exact:.3f}; expected 0"
    pred = depth * 0.01
    pred[0, :3], pred[0, 3:6] = 9.0, 1e-6
    scaled = (pred * depth[valid].median() / pred[valid].median()).clamp(0.1, 10.0)
    want = float(((scaled - depth)[valid].abs() / depth[valid]).mean())
    got = float(answer(pred, torch.where(valid, depth, 0.0), valid))
    assert abs(got - want) < 1e-4, f"the error is {got:.4f}; scaled, then clipped to 0.1 to 10 m, it is {want:.4f}"
    got = float(answer(pred, depth, valid, 0.1, 5.0))
    want = float(((scaled.clamp(0.1, 5.0) - depth)[valid].abs() / depth[valid]).mean())
    assert abs(got - want) < 1e-4, f"with 5 m as the far end the error is {got:.4f}; expected {want:.4f}"
""",
    hint="In which unit is the number 10 of the range, and in which unit is the prediction in that line?",
    solution='''
import torch


def aligned_error(pred, depth, valid, nearest=0.1, farthest=10.0):
    """abs_rel of a prediction without units, scaled by the median; all three are [H,W]."""
    scale = depth[valid].median() / pred[valid].median()
    pred = (scale * pred).clamp(nearest, farthest)
    return ((pred - depth)[valid].abs() / depth[valid]).mean()
''',
    minutes=8,
    points=1,
    session=4,
    notebook="07_midas",
)
