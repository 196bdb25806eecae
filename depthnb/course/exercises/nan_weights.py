"""A loss that is a number, and whose gradient is none."""

from depthnb.course.task import Task

TASK = Task(
    name="nan_weights",
    function="log_mse",
    title="The loss is a number, the weights are NaN",
    story=(
        "A training masks its loss, and the loss is always a number. But after the first step of this training all "
        "weights of the network are NaN. Its loss is there already, as a function: correct it. It returns the mean of (ln "
        "pred - ln depth) squared over all valid pixels of the batch together, and this is right. The check asks for the "
        "gradient of the loss with respect to `pred`, which goes on to the weights: at the valid pixels it must be the "
        "true one, and at the others exactly 0. Where `valid` is False, `depth` and `pred` may hold any value (0, "
        "negative, NaN). At least one pixel of the batch is valid; at valid pixels `pred` and `depth` are above 0. To "
        "clean a gradient afterwards is no correction: then the weights are NaN already."
    ),
    code='''
import torch


def log_mse(pred, depth, valid):
    """Mean squared log error over the valid pixels, one number; all three are [B,1,H,W]."""
    error = (pred.log() - depth.log()) ** 2
    return torch.where(valid, error, 0.0).sum() / valid.sum()
''',
    check="""
import torch
from depthnb.course.asking import case, close, number, tensor
from depthnb.course.gradients import gradient, slopes

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
        pred[0, 0, 1, 2], pred[0, 0, 2, 1], depth[0, 0, 1, 2], depth[0, 0, 2, 1] = 3e-4, 160.0, 1e-4, 125.0
        pred[0, 0, 3, :2] = depth[0, 0, 3, :2]  # these have no error, and count
        if share < 1:
            valid[:, :, 0, 0], valid[0, 0, 1, 2], valid[0, 0, 2, 1], valid[0, 0, 3, 1] = False, True, True, True
        where = f"where the invalid pixels have the depth {of_depth:.0f} and the prediction {of_pred:.0f}"
        ask(answer, "where every pixel is valid" if share == 1 else where.replace("nan", "NaN"),
            torch.where(valid, pred, of_pred), torch.where(valid, depth, of_depth), valid)
    ask(answer, "with a single pixel, which is valid", pred[:1, :, 1:2, 2:3], depth[:1, :, 1:2, 2:3], valid[:1, :, 1:2, 2:3])


def ask(answer, words, pred, depth, valid):
    error, count = torch.where(valid, pred.double().log() - depth.double().log(), 0.0), valid.sum()
    with case(words):
        close(number(tensor(answer(pred, depth, valid))), (error**2).sum() / count, "the loss", 1e-5)
        slopes(gradient(answer, pred, depth, valid), 2 * error / pred / count, valid)
""",
    hint=(
        "What is the slope of the logarithm at 0, and what is that times 0? `torch.where` hides a number and "
        "lets its slope through: so something has to be chosen before the logarithm is taken."
    ),
    solution='''
import torch


def log_mse(pred, depth, valid):
    """Mean squared log error over the valid pixels, one number; all three are [B,1,H,W]."""
    p, d = (torch.where(valid, each, 1.0) for each in (pred, depth))
    error = (p.log() - d.log()) ** 2
    return error.sum() / valid.sum()
''',
    minutes=20,
    points=2,
    session=2,
    notebook="03_eigen",
)
