"""The scale-invariant loss of each image."""

from depthnb.course.task import Task

TASK = Task(
    name="scale_invariant",
    function="scale_invariant",
    title="The scale-invariant loss, image by image",
    story=(
        "Write equation 1 of notebook 03 for a whole batch. At a valid pixel d = ln pred - ln depth. The loss "
        "of an image is the mean of d squared, minus `lam` times the square of the mean of d, where both "
        "means are over the valid pixels of this image. Return a torch tensor [B], one number for each image. "
        "Where `valid` is False, the depth may be anything, for example 0 or NaN; these pixels must not "
        "count. Every image has a valid pixel, and `pred` is above 0 everywhere."
    ),
    code='''
import torch


def scale_invariant(pred, depth, valid, lam):
    """Loss of each image, [B]; pred, depth (metres) and valid are [B,1,H,W]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from depthnb.course.asking import case, close, tensor

CASES = (  # depth at invalid pixels, their share, lam, images
    (3.0, 0.0, 0.0, 2), (3.0, 0.0, 1.0, 1), (3.0, 0.0, 0.5, 4), (80.0, 0.4, 0.5, 3), (0.0, 0.5, 0.85, 5), (-1.0, 0.6, 1.0, 2),
    (float("nan"), 0.4, 0.5, 4), (float("inf"), 0.7, 0.3, 3), (float("nan"), 1.0, 1.2, 2),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (junk, share, lam, images) in enumerate(CASES):
        shape = (images, 1, 4 + i, 13 - i)
        depth = torch.exp(8 * torch.rand(shape, generator=random) - 3)
        error = torch.randn(shape, generator=random) + torch.randn(images, 1, 1, 1, generator=random)
        error[..., 1, 2] = 1.5
        pred = depth * error.clamp(-2.5, 2.5).exp()
        valid = torch.rand(shape, generator=random) >= share * torch.linspace(0.6, 1, images).view(-1, 1, 1, 1)
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, 2] = False, True
        holes = f"{junk:.0f} as depth at invalid pixels".replace("nan", "NaN") if share else "every pixel valid"
        with case(f"with {holes} and lam {lam}"):
            got = tensor(answer(pred, torch.where(valid, depth, junk), valid, lam), (images,))
            for b in range(images):
                d = (pred[b].double().log() - depth[b].double().log())[valid[b]]
                close(got[b], (d**2).mean() - lam * d.mean() ** 2, f"the loss of image {b} ({len(d)} valid)")
""",
    hint=(
        "`sum((1, 2, 3))` adds up each image by itself, and `valid.sum((1, 2, 3))` is how many pixels count "
        "in it. NaN times 0 is NaN: choose with `torch.where`."
    ),
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
