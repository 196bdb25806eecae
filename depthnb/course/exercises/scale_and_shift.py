"""Scale and shift of each image by least squares."""

from depthnb.course.task import Task

TASK = Task(
    name="scale_and_shift",
    function="scale_and_shift",
    title="The best scale and shift of each image",
    story=(
        "Write the fit that is used to judge a network without metres. For each image find the s and t for "
        "which the sum of (s pred + t - target) squared over its valid pixels is smallest; `target` is the "
        "true inverse depth. Return two torch tensors [B]: s and t. Where `valid` is False, `pred` and "
        "`target` can be anything, even NaN. A prediction that is upside down gets a negative s: that is "
        "right. Each image has at least three valid pixels, with different predictions, which may be small."
    ),
    code='''
import torch


def scale_and_shift(pred, target, valid):
    """(s, t), each [B]; pred, target and valid are [B,1,H,W], and each image has several different valid pixels."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from depthnb.course.asking import case, close, tensor

NAN = float("nan")
CASES = (  # prediction and target at invalid pixels, their share, images, the noise of the target
    (0.5, 0.5, 0.0, 2, 0.0), (0.5, 0.5, 0.0, 3, 0.5), (0.5, 0.0, 0.3, 1, 0.5), (80.0, 3.0, 0.5, 4, 0.5),
    (3.0, 80.0, 0.5, 2, 0.4), (0.5, NAN, 0.4, 3, 0.5), (NAN, 0.5, 0.4, 2, 0.5), (NAN, NAN, 1.0, 3, 0.5),
    (float("inf"), 80.0, -1.0, 2, 0.5), (0.5, 0.5, 0.0, 3, -1.0),
)

OF_IMAGES = torch.tensor([[1.0, 3.0, 0.2, 2.0], [2.0, 0.3, -1.5, 25.0], [-0.4, 0.7, 2.0, -9.0]])  # largest prediction, s, t


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (of_pred, of_target, share, images, noise) in enumerate(CASES):
        shape = (images, 1, 5 + i, 12 - i)
        pred = (torch.rand(shape, generator=random) - 0.3) * OF_IMAGES[0, :images].view(-1, 1, 1, 1)
        pred *= 0.03 if noise < 0 else 1
        s, t = OF_IMAGES[1:].roll(-i, 1)[:, :images].view(2, -1, 1, 1, 1)
        target = s * pred + t + abs(noise) * torch.randn(shape, generator=random) * (0.4 + pred)
        valid = torch.rand(shape, generator=random) >= share * torch.linspace(0.6, 1, images).view(-1, 1, 1, 1)
        if share:
            valid &= share > 0  # else three pixels
            valid[:, :, 0, 0], valid[:, :, 1, 1:4] = False, True
        holes = f"where the invalid pixels have the prediction {of_pred:g} and the target {of_target:g}".replace("nan", "NaN")
        holes = f"{holes} and three pixels are valid" if share < 0 else holes if share else "where every pixel is valid"
        holes += " and the predictions are small" if noise < 0 else ""
        with case(f"{holes}, and the target is {'noisy' if noise else 'exactly s pred + t'}"):
            got = answer(torch.where(valid, pred, of_pred), torch.where(valid, target, of_target), valid)
            two = isinstance(got, (tuple, list)) and len(got) == 2
            assert two, "your function must return two results: s and t, each a torch tensor [B]"
            s, t = (tensor(each, (images,), name) for each, name in zip(got, "st"))
            for b in range(images):
                p, q = (each[b][valid[b]].double() for each in (pred, target))
                best = torch.linalg.lstsq(torch.stack([p, torch.ones_like(p)], 1), q[:, None]).solution[:, 0]
                for name, mine, right in (("s", s[b], best[0]), ("t", t[b], best[1])):
                    close(mine, right, f"{name} of image {b} ({len(p)} valid)", 2e-4 if noise >= 0 else 1e-3)
""",
    hint=(
        "The best line goes through the two means: subtract them first, and only s is left to find. Select the valid "
        "pixels before you take any mean. A loop over the images is allowed."
    ),
    solution='''
import torch


def scale_and_shift(pred, target, valid):
    """(s, t), each [B]; pred, target and valid are [B,1,H,W], and each image has several different valid pixels."""
    found = []
    for p, q, v in zip(pred, target, valid):
        p, q = p[v].double(), q[v].double()
        s = ((p - p.mean()) * (q - q.mean())).mean() / ((p - p.mean()) ** 2).mean()
        found.append(torch.stack([s, q.mean() - s * p.mean()]))
    s, t = torch.stack(found, dim=1)
    return s, t
''',
    minutes=15,
    points=2,
    session=4,
    notebook="07_midas",
)
