"""The scale-invariant loss of each image."""

from depthnb.course.task import Task

TASK = Task(
    name="scale_invariant",
    function="scale_invariant",
    title="The scale-invariant loss, image by image",
    story=(
        "Write equation 1 of notebook 03 for a whole batch. With d = ln pred - ln depth, the loss of an image is the mean of d "
        "squared, minus `lam` times the square of the mean of d, over its own valid pixels. Return one number for each image; "
        "every image has a valid pixel, and under the mask the depth may be 0 or NaN."
    ),
    code='''
import torch


def scale_invariant(pred, depth, valid, lam):
    """Loss of each image, [B]; pred, depth (metres) and valid are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    depth = 1 + 4 * torch.rand(3, 1, 8, 10, generator=random)
    pred = depth * (0.6 + 0.9 * torch.rand(depth.shape, generator=random))
    valid = torch.rand(depth.shape, generator=random) < torch.tensor([0.9, 0.5, 0.2]).view(3, 1, 1, 1)
    valid[:, :, 0, :2] = True
    for lam in (0.0, 0.5, 1.0):
        logs = [(p.log() - t.log())[v] for p, t, v in zip(pred, depth, valid)]
        want = torch.stack([(d**2).mean() - lam * d.mean() ** 2 for d in logs])
        for junk in (0.0, 80.0, float("nan")):
            got = torch.as_tensor(answer(pred, torch.where(valid, depth, junk), valid, lam))
            assert tuple(got.shape) == (3,), f"for three images the result has the shape {tuple(got.shape)}; expected (3,)"
            for i in range(3):
                said = f"lam {lam}, image {i}: the loss is {float(got[i]):.4f}"
                assert abs(float(got[i] - want[i])) < 1e-4, f"{said}; expected {float(want[i]):.4f}"
    once, twice = (torch.as_tensor(answer(factor * pred, depth, valid, 1.0)) for factor in (1, 2))
    assert torch.allclose(once, twice, atol=1e-4), "with lam 1 the doubled prediction has another loss; expected the same"
""",
    hint="`sum((1, 2, 3))` adds up each image by itself, and `valid.sum((1, 2, 3))` is how many pixels it has.",
    solution='''
import torch


def scale_invariant(pred, depth, valid, lam):
    """Loss of each image, [B]; pred, depth (metres) and valid are [B,1,H,W]."""
    d = torch.where(valid, pred.log() - depth.log(), 0.0)
    count = valid.sum((1, 2, 3))
    mean, square = d.sum((1, 2, 3)) / count, (d**2).sum((1, 2, 3)) / count
    return square - lam * mean**2
''',
    minutes=12,
    points=2,
    session=2,
    notebook="03_eigen",
)
