"""The scale-invariant loss of each image."""

from depthnb.course.task import Task

TASK = Task(
    name="scale_invariant",
    function="scale_invariant",
    title="The scale-invariant loss, image by image",
    story=(
        "Write equation 1 of notebook 03 for a whole batch. At a valid pixel d = ln pred - ln depth. The loss "
        "of an image is `mean(d**2) - lam * mean(d)**2`, where both means are over the valid pixels of this "
        "image. Return a torch tensor [B], one number for each image. A training descends it, so its gradient "
        "must be right too: that of an invalid pixel of `pred` is 0, never NaN. `valid` is a boolean tensor; "
        "where it is False, the depth may be anything, for example 0 or NaN, and these pixels must not count. "
        "Every image has a valid pixel, and `pred` is above 0 everywhere."
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
from depthnb.course.gradients import gradient, slopes

CASES = (  # depth at invalid pixels, their share, lam, images
    (3.0, 0.0, 0.0, 2), (3.0, 0.0, 1.0, 1), (3.0, 0.0, 0.5, 4), (80.0, 0.4, 0.5, 3), (0.0, 0.5, 0.85, 5), (-1.0, 0.6, 1.0, 2),
    (float("nan"), 0.4, 0.5, 4), (float("inf"), 0.7, 0.3, 3), (float("nan"), 1.0, 1.2, 2), (3.0, 0.0, 0.6, 0),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (junk, share, lam, images) in enumerate(CASES):
        shape = (images, 1, 4 + i, 13 - i) if images else (2, 1, 1, 1)
        depth = torch.exp(8 * torch.rand(shape, generator=random) - 3)
        error = torch.randn(shape, generator=random) + torch.randn(shape[0], 1, 1, 1, generator=random)
        valid = torch.rand(shape, generator=random) >= share * torch.linspace(0.6, 1, shape[0]).view(-1, 1, 1, 1)
        if images:
            error[..., 1, 2], depth[..., 1, 2], depth[..., 2, 1], error[..., 3, :2] = 1.5, 1e-4, 140.0, 0.0
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, 2], valid[0, :, 2:4, 1] = False, True, True
        pred = depth * error.clamp(-2.5, 2.5).exp()
        holes = f"{junk:.0f} as depth at invalid pixels".replace("nan", "NaN") if share else "every pixel valid"
        with case(f"with {holes if images else 'images of a single pixel'} and lam {lam}"):
            given = pred, torch.where(valid, depth, junk), valid, lam
            got = tensor(answer(*given), shape[:1])
            count = valid.sum((1, 2, 3), keepdim=True)
            d = torch.where(valid, pred.double().log() - depth.double().log(), 0.0)
            mean, square = d.sum((1, 2, 3), keepdim=True) / count, (d**2).sum((1, 2, 3)) / count.flatten()
            for b in range(shape[0]):
                want = square[b] - lam * mean[b].item() ** 2
                close(got[b], want, f"the loss of image {b} ({int(count[b])} valid)")
            slopes(gradient(answer, *given), 2 * (d - lam * mean) / count / pred, valid)
""",
    hint=(
        "`sum((1, 2, 3))` adds up each image by itself, and `valid.sum((1, 2, 3))` is how many pixels count "
        "in it. NaN times 0 is NaN, in a gradient too: choose d with `torch.where` before it is squared."
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
