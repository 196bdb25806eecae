"""A loss that is a number, and whose gradient is none."""

from depthnb.course.task import Task

TASK = Task(
    name="nan_slope",
    function="slope",
    title="The loss is a number, the weights are NaN",
    story=(
        "The loss of a training is masked, and it is always a number. After the first step all weights are NaN. Find out "
        "why, and mend the function, which returns the loss and its gradient in every predicted depth. The gradient shall be 0 "
        "at invalid pixels, where depth and prediction may be any number, and at the others what it is by the formula."
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


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(2, 1, 6, 8, generator=random)
    pred = depth * (0.6 + 0.9 * torch.rand(depth.shape, generator=random))
    valid = torch.rand(depth.shape, generator=random) < 0.6
    valid[:, :, 0, 0], valid[:, :, 0, 1] = True, False
    want = torch.where(valid, 2 * (pred.log() - depth.log()) / pred / valid.sum(), 0.0)
    for word, junk, guess in (("0", 0.0, 3.0), ("NaN", float("nan"), 3.0), ("80 m", 80.0, -1.0), ("80 m", 80.0, 0.0)):
        p, d = torch.where(valid, pred, guess), torch.where(valid, depth, junk)
        loss, got = answer(p, d, valid)
        assert tuple(got.shape) == (2, 1, 6, 8), f"the gradient has the shape {tuple(got.shape)}; expected (2, 1, 6, 8)"
        mean = float(((pred.log() - depth.log())[valid] ** 2).mean())
        assert abs(float(loss) - mean) < 1e-4, f"the loss is {float(loss):.4f}; over the valid pixels it is {mean:.4f}"
        bad = int((~got.isfinite()).sum())
        holes = f"where an invalid pixel has the depth {word} and the prediction {guess}"
        assert bad == 0, f"{holes}, {bad} numbers of the gradient are NaN or infinite"
        assert float(got[~valid].abs().max()) == 0, f"{holes}, its gradient is not 0"
        assert torch.allclose(got, want, rtol=1e-3, atol=1e-6), "the gradient at valid pixels has changed"
""",
    hint=(
        "What is the slope of the logarithm at 0, and what is that times 0? `torch.where` hides a number and lets its slope "
        "through: so something has to be chosen before the logarithm is taken."
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
    minutes=12,
    points=2,
    session=2,
    notebook="03_eigen",
)
