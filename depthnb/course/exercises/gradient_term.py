"""The gradient term of a loss, between neighbours that both have a truth."""

from depthnb.course.task import Task

TASK = Task(
    name="gradient_term",
    function="gradient_term",
    title="Edges in the right place",
    story=(
        "Write the second term of the loss for a batch. The error of a pixel is prediction minus truth. Take "
        "the absolute difference between the errors of each pixel and its right neighbour, and of each pixel "
        "and the one below it. A pair counts only if both of its pixels are valid. Add up the differences of "
        "all pairs that count, and divide by the number of valid pixels of the image. Return a torch tensor "
        "[B], one number for each image. Where `valid` is False, `pred` and `truth` can be anything, even "
        "NaN. Every image has a valid pixel."
    ),
    code='''
import torch


def gradient_term(pred, truth, valid):
    """Term of each image, [B]; pred and truth (one unit) and valid are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from depthnb.course.asking import case, close, tensor

NAN = float("nan")
CASES = (  # truth and prediction at invalid pixels, their share, images
    (3.0, 3.0, 0.0, 2), (3.0, 3.0, 0.0, 1), (80.0, 3.0, 0.3, 3), (0.0, 3.0, 0.5, 2), (3.0, -9.0, 1.0, 4), (NAN, 3.0, 0.4, 1),
    (3.0, NAN, 0.4, 3), (NAN, NAN, 0.3, 2),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (of_truth, of_pred, share, images) in enumerate(CASES):
        shape = (images, 1, 4 + i % 4, 11 - i)
        truth = torch.exp(7 * torch.rand(shape, generator=random) - 2)
        pred = truth + (2 + 8 * (i % 2)) * torch.randn(shape, generator=random)
        valid = torch.rand(shape, generator=random) >= share * torch.linspace(0.5, 1, images).view(-1, 1, 1, 1)
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, 2:4] = False, True
        where = f"where the invalid pixels have the truth {of_truth:.0f} and the prediction {of_pred:.0f}"
        with case(where.replace("nan", "NaN") if share else "where every pixel is valid"):
            got = answer(torch.where(valid, pred, of_pred), torch.where(valid, truth, of_truth), valid)
            got = tensor(got, (images,))
            for b in range(images):
                want = term((pred - truth)[b, 0].tolist(), valid[b, 0].tolist())
                close(got[b], want, f"the term of image {b}")
        if share == 0:
            with case("where every pixel is valid and has the error 0.7"):
                close(tensor(answer(truth + 0.7, truth, valid), (images,)), torch.zeros(images), "the term")


def term(error, valid):
    height, width = len(error), len(error[0])
    pairs = [((i, j), (i, j + 1)) for i in range(height) for j in range(width - 1)]
    pairs += [((i, j), (i + 1, j)) for i in range(height - 1) for j in range(width)]
    total = sum(abs(error[i][j] - error[k][m]) for (i, j), (k, m) in pairs if valid[i][j] and valid[k][m])
    return total / sum(map(sum, valid))
""",
    hint=(
        "NaN times 0 is NaN: choose the error with `torch.where` before any difference. `valid[..., 1:]` and "
        "`valid[..., :-1]` are the right and the left pixel of each pair."
    ),
    solution='''
import torch


def gradient_term(pred, truth, valid):
    """Term of each image, [B]; pred and truth (one unit) and valid are [B,1,H,W]."""
    error = torch.where(valid, pred - truth, 0.0)
    across = error.diff(dim=-1).abs() * (valid[..., 1:] & valid[..., :-1])
    down = error.diff(dim=-2).abs() * (valid[..., 1:, :] & valid[..., :-1, :])
    return (across.sum((1, 2, 3)) + down.sum((1, 2, 3))) / valid.sum((1, 2, 3))
''',
    minutes=15,
    points=2,
    session=3,
    notebook="05_densenet",
)
