"""A loss that sees valid pixels alone, and knows what to do without one."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_mse",
    function="masked_mse",
    title="The masked loss",
    story=(
        "Write the mean squared error over all valid pixels of the batch together. Return a torch tensor that "
        "holds one number. A training descends it, so `loss.backward()` must work on it: the gradient of every "
        "valid pixel of `pred` must be right, and that of every invalid pixel must be 0, never NaN. Where "
        "`valid` is False, the depth and the prediction can be anything, even NaN or infinity, and must not "
        "change the loss. If no pixel of the batch is valid, the loss and all gradients are 0: an unlucky crop "
        "must do no harm. If the prediction is NaN at a valid pixel, the loss is NaN: nobody may miss that."
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
from depthnb.course.gradients import gradient, slopes

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
        depth[:, :, 1, 2], depth[:, :, 2, 1] = 1e-4, 140.0
        pred = depth + (3 + 9 * (i % 2)) * torch.randn(shape, generator=random)
        pred[:, :, 3, :2] = depth[:, :, 3, :2]  # these have no error, and count
        shares = share * torch.linspace(1, 0.2 if share < 1 else 1, shape[0]).view(-1, 1, 1, 1)
        valid = torch.rand(shape, generator=random) < shares
        if share < 1:  # one image may have no valid pixel
            valid[:, :, 0, 0], valid[-(i % 2), 0, 1, 2] = False, True
        if 0 < share < 1:
            valid[0, 0, 2, 1] = valid[0, 0, 3, 0] = True
        words = f"where the invalid pixels have the depth {of_depth:.0f} and the prediction {of_pred:.0f}"
        words = words if share else words.replace("where", "where one pixel is valid, and")
        words = words.replace("nan", "NaN") if share < 1 else "where every pixel is valid"
        ask(answer, words, torch.where(valid, pred, of_pred), torch.where(valid, depth, of_depth), valid)
    ask(answer, "with a single pixel, which is valid", pred[:1, :, :1, :1], depth[:1, :, :1, :1], valid[:1, :, :1, :1] | True)
    for words, of_depth, of_pred in (("", 1, 1), (", and every depth is NaN", NAN, 1), (", and all is NaN", NAN, NAN)):
        none = torch.zeros_like(valid)
        ask(answer, f"where no pixel is valid{words}", pred * of_pred, depth * of_depth, none)
    pred[0, 0, 2, 1] = NAN
    with case("where the prediction is NaN at one valid pixel"):
        close(number(tensor(answer(pred, depth, valid))), NAN, "the loss")


def ask(answer, words, pred, depth, valid):
    error = torch.where(valid, pred.double() - depth, 0.0)
    count = max(int(valid.sum()), 1)
    with case(words):
        close(number(tensor(answer(pred, depth, valid))), (error**2).sum() / count, "the loss", 2e-5 if valid.any() else 0)
        slopes(gradient(answer, pred, depth, valid), 2 * error / count, valid)
""",
    hint=(
        "NaN times 0 is NaN, in a gradient too: choose the error with `torch.where` before it is squared, or select the "
        "valid pixels with `[valid]`. And what is divided by what if no pixel is valid?"
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
