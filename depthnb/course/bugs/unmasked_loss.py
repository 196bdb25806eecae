"""A loss over all pixels, those without a truth included."""

from depthnb.course.task import Task

TASK = Task(
    name="unmasked_loss",
    function="l1_loss",
    title="The loss that never gets small",
    story=(
        "A net is trained on frames of a depth camera, and its loss stays high. Its depth is much too near wherever the "
        "sensor saw nothing, because there the file holds 0. The loss shall be the mean absolute error over the pixels "
        "where `valid` is True; under the mask the depth may be any number, NaN too."
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


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(2, 1, 12, 16, generator=random)
    valid = torch.rand(depth.shape, generator=random) < 0.6
    pred = torch.where(valid, depth + 0.5, 9.0)
    for word, junk in (("0", 0.0), ("7 m", 7.0), ("NaN", float("nan"))):
        loss = float(answer(pred, torch.where(valid, depth, junk), valid))
        assert abs(loss - 0.5) < 1e-4, f"with {word} under the mask the loss is {loss:.4f}; every valid pixel is 0.5 m off"
    half = torch.where(valid & (depth > 3), depth, pred)
    want = 0.5 * float((valid & (depth <= 3)).sum() / valid.sum())
    loss = float(answer(half, depth, valid))
    assert abs(loss - want) < 1e-4, f"the loss is {loss:.4f}, but the mean over the valid pixels is {want:.4f}"
""",
    hint="How many pixels does the mean divide by, and which of them have a truth?",
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
