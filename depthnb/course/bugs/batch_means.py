"""The average of batch means, where the last batch is smaller."""

from depthnb.course.task import Task

TASK = Task(
    name="two_scores",
    function="test_error",
    title="The score that depends on the batch size",
    story=(
        "The same net scores 0.213 with batches of 8 and 0.219 with batches of 32, on the same test images. Nothing "
        "in the net is random. `test_error` must return the mean of abs_rel over all images, one number, and it must "
        "be the same for every batch size. The abs_rel of an image is the mean of |pred - depth| / depth over its "
        "pixels."
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

from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for count, height, width in ((11, 6, 8), (7, 9, 5), (6, 1, 1)):
        depth = 0.3 + 6 * torch.rand(count, height, width, generator=random)
        depth[0, 0, 0], depth[1, 0, 0] = 1e-4, 150.0
        spread = torch.linspace(0.9, 0.1, count)[torch.randperm(count, generator=random), None, None]
        spread[-1] *= 0.2  # the last batch is another one
        pred = depth * (1 + spread * (1.8 * torch.rand(depth.shape, generator=random) - 0.8))
        pred[2], pred[3, :, 0] = depth[2], depth[3, :, 0]  # an image and a column without an error
        want = ((pred - depth).abs() / depth).double().mean()
        for size in (count, 64, 1, 5, 4, 2):
            with case(f"with batches of {size}, of {count} images of {height} x {width}"):
                close(number(answer(pred, depth, size)), want, "the error", 1e-5)
""",
    hint="How many images are in the last batch, and how much does each of them count in the result?",
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
