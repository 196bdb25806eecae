"""A loss that sees valid pixels alone, and knows what to do without one."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_mse",
    function="masked_mse",
    title="The masked loss",
    story=(
        "Write the mean squared error over all valid pixels of the batch together. Return a torch tensor that "
        "holds one number: a training needs its gradient. Where `valid` is False, the depth and the "
        "prediction can be anything, even NaN or infinity, and must not change the loss. If no pixel of the "
        "batch is valid, the loss is 0: an unlucky crop must do no harm."
    ),
    code='''
import torch


def masked_mse(pred, depth, valid):
    """Mean squared error in square metres, one number; all three are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from depthnb.course.asking import case, close, number, tensor

NAN, INF = float("nan"), float("inf")
CASES = (  # depth and prediction at invalid pixels, the share of valid ones
    (3.0, 3.0, 1.0), (80.0, 3.0, 0.7), (0.0, -1.0, 0.5), (3.0, 80.0, 0.0), (NAN, 3.0, 0.5), (3.0, NAN, 0.6), (NAN, NAN, 0.4),
    (INF, 3.0, 0.6), (INF, INF, 0.5),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (of_depth, of_pred, share) in enumerate(CASES):
        shape = (2 + i % 3, 1, 4 + i, 13 - i)
        depth = torch.exp(8 * torch.rand(shape, generator=random) - 3)
        pred = depth + (3 + 9 * (i % 2)) * torch.randn(shape, generator=random)
        shares = share * torch.linspace(1, 0.2 if share < 1 else 1, shape[0]).view(-1, 1, 1, 1)
        valid = torch.rand(shape, generator=random) < shares
        if share < 1:  # one image may have no valid pixel
            valid[:, :, 0, 0], valid[-(i % 2), 0, 1, 2] = False, True
        want = ((pred - depth)[valid].double() ** 2).mean()
        words = f"where the invalid pixels have the depth {of_depth:.0f} and the prediction {of_pred:.0f}"
        words = words if share else words.replace("where", "where one pixel is valid, and")
        with case(words.replace("nan", "NaN") if share < 1 else "where every pixel is valid"):
            got = answer(torch.where(valid, pred, of_pred), torch.where(valid, depth, of_depth), valid)
            close(number(tensor(got)), want, "the loss", 2e-5)
    for words, of_depth, of_pred in (("", 1, 1), (", and every depth is NaN", NAN, 1), (", and all is NaN", NAN, NAN)):
        with case(f"where no pixel is valid{words}"):
            got = answer(pred * of_pred, depth * of_depth, torch.zeros_like(valid))
            close(number(tensor(got)), 0.0, "the loss", 0)
""",
    hint=(
        "NaN times 0 is NaN: choose with `torch.where`, or select the valid pixels with `[valid]`. And what is divided by "
        "what if no pixel is valid?"
    ),
    solution='''
import torch


def masked_mse(pred, depth, valid):
    """Mean squared error in square metres, one number; all three are [B,1,H,W]."""
    error = torch.where(valid, pred - depth, 0.0)
    return (error**2).sum() / valid.sum().clamp(min=1)
''',
    minutes=10,
    points=2,
    session=2,
    notebook="02_bn_cnn",
)
