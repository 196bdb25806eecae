"""A loss that sees valid pixels alone, and knows what to do without one."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_mse",
    function="masked_mse",
    title="The masked loss",
    story=(
        "Write the mean squared error over the valid pixels of a batch, all together. Where `valid` is False the depth and "
        "the prediction may be any number, NaN and infinity too, and must not change the loss. A batch without a valid "
        "pixel has the loss 0, so that an unlucky crop does no harm."
    ),
    code='''
import torch


def masked_mse(pred, depth, valid):
    """Mean squared error in square metres, one number; all three are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(3, 1, 8, 10, generator=random)
    pred = depth + 2 * torch.rand(depth.shape, generator=random) - 1
    valid = torch.rand(depth.shape, generator=random) < torch.tensor([0.9, 0.5, 0.1]).view(3, 1, 1, 1)
    valid[:, :, 0, 0] = True
    want = float(((pred - depth)[valid] ** 2).mean())
    for word, junk in (("0", 0.0), ("80", 80.0), ("NaN", float("nan")), ("infinity", float("inf"))):
        p, d = torch.where(valid, pred, -1.0), torch.where(valid, depth, junk)
        loss = float(answer(p, d, valid))
        assert abs(loss - want) < 1e-4, f"with {word} as depth at invalid pixels the loss is {loss:.4f}; expected {want:.4f}"
    loss = float(answer(torch.where(valid, pred, float("nan")), depth, valid))
    assert abs(loss - want) < 1e-4, f"with NaN as prediction at invalid pixels the loss is {loss:.4f}; expected {want:.4f}"
    loss = float(answer(pred, depth, torch.zeros_like(valid)))
    assert loss == 0, f"without a valid pixel the loss is {loss:.4f}; expected 0"
""",
    hint="NaN times 0 is NaN: choose with `torch.where`. And the number that you divide by should not be 0.",
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
