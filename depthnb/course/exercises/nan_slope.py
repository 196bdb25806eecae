"""A loss that is a number, and whose gradient is none."""

from depthnb.course.task import Task

TASK = Task(
    name="nan_slope",
    function="slope",
    title="The loss is a number, the weights are NaN",
    story=(
        "A training masks its loss, and the loss is always a number. But after the first step all weights are NaN. Mend "
        "the function: it returns the loss and the gradient of the loss with respect to each pixel of `pred`. The loss is "
        "the mean of (ln pred - ln depth) squared over all valid pixels of the batch together. Where `valid` is False, "
        "`depth` and `pred` may hold any value (0, negative, NaN), and the gradient must be exactly 0. At the valid "
        "pixels it must be the true gradient of the loss. At least one pixel of the batch is valid; at valid pixels "
        "`pred` and `depth` are above 0."
    ),
    code='''
import torch


def slope(pred, depth, valid):
    """(loss, its gradient [B,1,H,W]) for the mean squared log error over valid pixels; all three are [B,1,H,W]."""
    pred = pred.clone().requires_grad_(True)
    error = (pred.log() - depth.log()) ** 2
    loss = torch.where(valid, error, 0.0).sum() / valid.sum()
    loss.backward()
    return loss.detach(), pred.grad
''',
    check="""
import torch
from depthnb.course.asking import case, close, number, tensor

NAN = float("nan")
CASES = ((3.0, 3.0, 1.0), (80.0, 3.0, 0.6), (3.0, 80.0, 0.0), (0.0, 3.0, 0.5), (-1.0, 3.0, 0.7), (NAN, 3.0, 0.5),
         (80.0, 0.0, 0.6), (80.0, -1.0, 0.5), (80.0, NAN, 0.6), (0.0, 0.0, 0.5), (NAN, NAN, 0.4))


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (of_depth, of_pred, share) in enumerate(CASES):
        shape = (3 - i % 3, 1, 4 + i, 15 - i)
        depth = torch.exp(7 * torch.rand(shape, generator=random) - 2)
        pred = depth * (0.6 + torch.rand(shape, generator=random))
        valid = torch.rand(shape, generator=random) < share * torch.linspace(1, share, shape[0]).view(-1, 1, 1, 1)
        pred[0, 0, 1, 2], pred[0, 0, 2, 1] = 0.05, 60.0
        if share < 1:
            valid[:, :, 0, 0], valid[0, 0, 1, 2], valid[0, 0, 2, 1] = False, True, True
        where = f"where the invalid pixels have the depth {of_depth:.0f} and the prediction {of_pred:.0f}"
        with case("where every pixel is valid" if share == 1 else where.replace("nan", "NaN")):
            got = answer(torch.where(valid, pred, of_pred), torch.where(valid, depth, of_depth), valid)
            two = isinstance(got, (tuple, list)) and len(got) == 2
            assert two, "your function must return two results: the loss and the gradient"
            gradient, error = tensor(got[1], shape, "the gradient"), pred.double().log() - depth.double().log()
            close(number(got[0], "the loss"), (error[valid] ** 2).mean(), "the loss")
            want = torch.where(valid, 2 * error / pred / valid.sum(), 0.0)
            close(torch.where(valid, gradient, 0.0), want, "the gradient of the valid pixel", 1e-5)
            close(torch.where(valid, 0.0, gradient), 0.0 * want, "the gradient of the invalid pixel", 0)
""",
    hint=(
        "What is the slope of the logarithm at 0, and what is that times 0? `torch.where` hides a number and "
        "lets its slope through: so something has to be chosen before the logarithm is taken."
    ),
    solution='''
import torch


def slope(pred, depth, valid):
    """(loss, its gradient [B,1,H,W]) for the mean squared log error over valid pixels; all three are [B,1,H,W]."""
    pred = pred.clone().requires_grad_(True)
    p, d = (torch.where(valid, each, 1.0) for each in (pred, depth))
    error = (p.log() - d.log()) ** 2
    loss = error.sum() / valid.sum()
    loss.backward()
    return loss.detach(), pred.grad
''',
    minutes=20,
    points=2,
    session=2,
    notebook="03_eigen",
)
