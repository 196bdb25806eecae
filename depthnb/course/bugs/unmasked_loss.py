"""A loss over all pixels, those without a truth included."""

from depthnb.course.task import Task

TASK = Task(
    name="high_loss",
    function="l1_loss",
    title="The loss that never gets small",
    story=(
        "A net is trained on frames of a depth camera, and its loss stays high. Where the sensor saw nothing, the "
        "file stores 0, and there the net learns depths that are much too near. `l1_loss` must return the mean of "
        "|pred - depth| over all pixels of the batch where `valid` is True. It must be a torch tensor, so that a "
        "training can descend it: the gradient of `pred` must be right, and at invalid pixels 0, never NaN. Where "
        "`valid` is False, the depth may be any number, NaN too. If the prediction is NaN at a valid pixel, the loss is "
        "NaN. At least one pixel of a batch is valid."
    ),
    code='''
import torch


def l1_loss(pred, depth, valid):
    """Mean absolute error in metres; all three are [B,1,H,W]."""
    error = (pred - depth).abs()
    return error.mean()
''',
    check="""
import torch

from depthnb.course.asking import case, close, number, tensor
from depthnb.course.gradients import gradient, slopes


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for shape in ((2, 1, 7, 9), (3, 1, 12, 5)):
        depth = torch.exp(7 * torch.rand(shape, generator=random) - 3)  # 5 cm to 55 m
        depth[:, :, 1, 1], depth[:, :, 2, 1] = 1e-4, 150.0
        pred = depth * (0.3 + 1.6 * torch.rand(shape, generator=random))  # too near, and too far
        pred[:, :, 1, 1], pred[:, :, 4, :2] = 7.0, depth[:, :, 4, :2]  # the latter have no error, and count
        valid = torch.rand(shape, generator=random) < 0.7
        valid[-1] = torch.rand(shape[1:], generator=random) < 0.1
        valid[:, :, 0, 0], valid[:, :, 3, 2] = False, True
        valid[0, :, 1, 1], valid[0, :, 2, 1], valid[0, :, 4, 1] = True, True, True
        asked = [("where every pixel is valid", depth, torch.ones_like(valid))]
        for junk in ("0", "80 m", "NaN"):
            number_there = float(junk.removesuffix(" m"))
            asked.append((f"with {junk} where `valid` is False", torch.where(valid, depth, number_there), valid))
        first = valid & (torch.arange(shape[0]) == 0).view(-1, 1, 1, 1)
        asked.append(("where only the first image has valid pixels", torch.where(first, depth, torch.nan), first))
        for words, truth, counts in asked:
            _ask(answer, words, pred, truth, counts)
    pred[0, 0, 1, 1] = torch.nan
    with case("where the prediction is NaN at one valid pixel"):
        close(number(tensor(answer(pred, depth, valid))), torch.nan, "the loss")
    place = (slice(1), slice(1), slice(3, 4), slice(2, 3))
    _ask(answer, "with a single pixel, which is valid", pred[place], depth[place], valid[place])


def _ask(answer, words, pred, truth, counts):
    error = torch.where(counts, pred.double() - truth, 0.0)
    with case(words):
        close(number(tensor(answer(pred, truth, counts))), error.abs().sum() / counts.sum(), "the loss", 1e-5)
        slopes(gradient(answer, pred, truth, counts), error.sign() / counts.sum(), counts, ties=error == 0)
""",
    hint=(
        "How many pixels does the mean divide by, and which of them have a truth? And what is 0 * NaN, in the loss and in its "
        "gradient?"
    ),
    solution='''
import torch


def l1_loss(pred, depth, valid):
    """Mean absolute error in metres; all three are [B,1,H,W]."""
    error = (pred[valid] - depth[valid]).abs()
    return error.mean()
''',
    minutes=5,
    points=1,
    session=2,
    notebook="02_bn_cnn",
)
