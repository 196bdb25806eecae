"""The gradient term of a loss, between neighbours that both have a truth."""

from depthnb.course.task import Task

TASK = Task(
    name="gradient_term",
    function="gradient_term",
    title="Edges in the right place",
    story=(
        "Write the second term of the loss for a batch. The error of a pixel is prediction minus truth; the term adds up "
        "how much it changes (its absolute difference) from each pixel to its right neighbour, and to the one below, and "
        "divides by the number of valid pixels of the image. A pair counts only if both pixels are valid. Return one "
        "number for each image; every image has a valid pixel."
    ),
    code='''
import torch


def gradient_term(pred, truth, valid):
    """Term of each image, [B]; pred and truth (one unit) and valid are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    truth = 1 + 4 * torch.rand(2, 1, 6, 8, generator=random)
    pred = truth + torch.rand(truth.shape, generator=random)
    valid = torch.rand(truth.shape, generator=random) < torch.tensor([0.9, 0.5]).view(2, 1, 1, 1)
    valid[:, :, 2:4, 2:4] = True
    want = []
    for e, v in zip((pred - truth)[:, 0], valid[:, 0]):
        pairs = [((i, j), (i, j + 1)) for i in range(6) for j in range(7)]
        pairs += [((i, j), (i + 1, j)) for i in range(5) for j in range(8)]
        want.append(sum(float((e[a] - e[b]).abs()) for a, b in pairs if v[a] and v[b]) / int(v.sum()))
    for word, junk in (("0", 0.0), ("80", 80.0), ("NaN", float("nan"))):
        got = torch.as_tensor(answer(pred, torch.where(valid, truth, junk), valid))
        assert tuple(got.shape) == (2,), f"for two images the result has the shape {tuple(got.shape)}; expected (2,)"
        for i in range(2):
            said = f"image {i}, {word} in the holes: the term is {float(got[i]):.4f}"
            assert abs(float(got[i]) - want[i]) < 1e-3, f"{said}; expected {want[i]:.4f}"
    one = float(torch.as_tensor(answer(truth + 0.7, truth, valid)).abs().max())
    assert one < 1e-4, f"an error that is the same everywhere has no edges, but the term is {one:.4f}"
""",
    hint="Put 0 into the error where it is not valid; then multiply each difference by whether both of its pixels are valid.",
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
