"""The average of batch means, where the last batch is smaller."""

from depthnb.course.task import Task

TASK = Task(
    name="batch_means",
    function="test_error",
    title="The score that depends on the batch size",
    story=(
        "The same net scores 0.213 with batches of 8 and 0.219 with batches of 32, on the same test images. Nothing in "
        "the net is random. The function shall give the mean over all images, whatever the batch size."
    ),
    code='''
import torch


def test_error(pred, depth, batch_size):
    """Mean over all images of abs_rel; pred and depth are [N,H,W], every pixel is valid."""
    means = []
    for start in range(0, len(pred), batch_size):
        p, d = pred[start : start + batch_size], depth[start : start + batch_size]
        means.append(((p - d).abs() / d).mean())
    return sum(means) / len(means)
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(11, 6, 8, generator=random)
    off = torch.linspace(0.1, 0.6, 11).square()[:, None, None]
    want = float(off.mean())
    for size in (1, 2, 4, 5, 11, 64):
        got = float(answer(depth * (1 + off), depth, size))
        assert abs(got - want) < 1e-4, f"with batches of {size} the error is {got:.4f}; the mean over 11 images is {want:.4f}"
""",
    hint="How many images are in the last batch, and how much does each of them count?",
    solution='''
import torch


def test_error(pred, depth, batch_size):
    """Mean over all images of abs_rel; pred and depth are [N,H,W], every pixel is valid."""
    total = 0.0
    for start in range(0, len(pred), batch_size):
        p, d = pred[start : start + batch_size], depth[start : start + batch_size]
        total += ((p - d).abs() / d).mean() * len(p)
    return total / len(pred)
''',
    minutes=8,
    points=1,
    session=2,
    notebook="03_eigen",
)
