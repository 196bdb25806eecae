"""The gradient term of a loss, between neighbours that both have a truth."""

from depthnb.course.task import Task

TASK = Task(
    name="gradient_term",
    function="gradient_term",
    title="Edges in the right place",
    story=(
        "The loss of notebook 05 has a second term, for edges: write it for a batch. The error of a pixel is "
        "prediction minus truth. Take the absolute difference between the errors of each pixel and its right "
        "neighbour, and of each pixel and the one below it. A pair counts only if both of its pixels are valid. "
        "Add up the differences of all pairs that count, and divide by the number of valid pixels of the image "
        "(not of pairs). An example of 2 x 2 pixels: the errors are 1 and 2 in the first row, 4 and 9 in the "
        "second, and the last pixel is invalid; then two pairs count, and the term is (1 + 3) / 3 = 1.3333. "
        "Return a torch tensor [B], one number for each image. A training descends it, so its gradient must be "
        "right too: that of an invalid pixel of `pred` is 0, never NaN. Where `valid` is False, `pred` and "
        "`truth` can be anything, even NaN. Every image has a valid pixel."
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
from depthnb.course.gradients import gradient, slopes

NAN = float("nan")
CASES = (  # truth and prediction at invalid pixels, their share, images
    (3.0, 3.0, 0.0, 2), (3.0, 3.0, 0.0, 1), (80.0, 3.0, 0.3, 3), (0.0, 3.0, 0.5, 2), (3.0, -9.0, 1.0, 4), (NAN, 3.0, 0.4, 1),
    (3.0, NAN, 0.4, 3), (NAN, NAN, 0.3, 2),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    few(answer)
    for i, (of_truth, of_pred, share, images) in enumerate(CASES):
        shape = (images, 1, 4 + i % 4, 11 - i)
        truth = torch.exp(7 * torch.rand(shape, generator=random) - 2)
        truth[:, :, 1, 2], truth[:, :, 2, 2] = 1e-4, 140.0
        pred = truth + (2 + 8 * (i % 2)) * torch.randn(shape, generator=random)
        valid = torch.rand(shape, generator=random) >= share * torch.linspace(0.5, 1, images).view(-1, 1, 1, 1)
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, 2:4], valid[0, :, 2, 2] = False, True, True
        where = f"where the invalid pixels have the truth {of_truth:.0f} and the prediction {of_pred:.0f}"
        words = where.replace("nan", "NaN") if share else "where every pixel is valid"
        ask(answer, words, torch.where(valid, pred, of_pred), torch.where(valid, truth, of_truth), valid)
        if share == 0:
            ask(answer, "where every pixel is valid and has no error", truth, truth, valid)
    for height, width in ((1, 1), (1, 6), (5, 1)):
        part = pred[:1, :, :1, :1].nan_to_num(7.0) * torch.rand(1, 1, height, width, generator=random)
        ask(answer, f"where every pixel of {height} x {width} is valid", part, 0 * part + 1, part.isfinite())


def few(answer):
    error, valid = torch.tensor([[1.0, 2.0], [4.0, 9.0]]), torch.tensor([[True, True], [True, False]])
    for words, seen in (("every pixel is valid", valid | True), ("the last pixel is invalid", valid)):
        ask(answer, f"where the errors are 1, 2 (first row) and 4, 9 (second row), and {words}",
            error.view(1, 1, 2, 2) + 3, torch.full((1, 1, 2, 2), 3.0), seen.view(1, 1, 2, 2))


def ask(answer, words, pred, truth, valid):
    with case(words):
        got = tensor(answer(pred, truth, valid), (len(pred),))
        error, want = (pred - truth).tolist(), torch.zeros(pred.shape)
        tie = torch.zeros(pred.shape, dtype=torch.bool)
        for b in range(len(pred)):
            count = int(valid[b].sum())
            term, sign, even = terms(error[b][0], valid[b, 0].tolist())
            close(got[b], term / count, f"the term of image {b}")
            want[b, 0], tie[b, 0] = torch.tensor(sign) / count, torch.tensor(even)
        slopes(gradient(answer, pred, truth, valid, what="the term"), want, valid, "the term", ties=tie)


def terms(error, valid):
    height, width = len(error), len(error[0])
    pairs = [((i, j), (i, j + 1)) for i in range(height) for j in range(width - 1)]
    pairs += [((i, j), (i + 1, j)) for i in range(height - 1) for j in range(width)]
    total, sign, even = 0.0, [[0.0] * width for _ in error], [[False] * width for _ in error]
    for (i, j), (k, m) in pairs:
        if valid[i][j] and valid[k][m]:
            off = error[i][j] - error[k][m]
            total, up = total + abs(off), (off > 0) - (off < 0)
            sign[i][j], sign[k][m] = sign[i][j] + up, sign[k][m] - up
            even[i][j], even[k][m] = even[i][j] or not up, even[k][m] or not up
    return total, sign, even
""",
    hint=(
        "NaN times 0 is NaN, in a gradient too: choose the error with `torch.where` before any difference. "
        "`valid[..., 1:]` and `valid[..., :-1]` are the right and the left pixel of each pair."
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
    minutes=20,
    points=2,
    session=3,
    notebook="05_densenet",
)
