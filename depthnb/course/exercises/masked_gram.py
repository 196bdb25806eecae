"""A Gram matrix that leaves out holes."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_gram",
    function="masked_gram",
    title="A Gram matrix without the holes",
    story=(
        "`maps` are C feature maps of one image. Where the depth map of that image has a hole, `valid` is False "
        "and they mean nothing: they can be anything there, even NaN. Write their Gram matrix over the valid "
        "pixels only. Its entry for the maps c and d is the sum over the valid pixels of map c times map d, "
        "divided by (C times the number of valid pixels). Each image of the batch has its own mask and its own "
        "matrix. Return a torch tensor [B,C,C]. A picture is changed by its gradient, which must be right too: "
        "that of an invalid pixel of `maps` is 0, never NaN. Every image has a valid pixel."
    ),
    code='''
import torch


def masked_gram(maps, valid):
    """Gram matrices [B,C,C] of maps [B,C,H,W] with masks [B,1,H,W]; every image has a valid pixel."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch
from depthnb.course.asking import case, close, tensor
from depthnb.course.gradients import gradient, slopes

CASES = (  # maps at invalid pixels, their share, images, maps
    (0.5, 0.0, 2, 3), (0.5, 0.0, 1, 4), (3.0, 0.4, 3, 2), (0.0, 0.5, 2, 5), (80.0, 1.0, 4, 3), (float("nan"), 0.4, 1, 2),
    (float("nan"), 0.6, 3, 4), (float("inf"), 0.5, 2, 1), (3.0, 0.5, 2, 2), (0.5, 0.0, 2, 1),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (junk, share, images, count) in enumerate(CASES):
        shape = (images, count, 4 + i, 11 - i) if i < 9 else (images, count, 1, 1)
        maps = 0.4 + (2 + 8 * (i % 2)) * torch.randn(shape, generator=random)
        maps[:, :, 0, 0] = 140.0
        valid = torch.rand(shape, generator=random)[:, :1] >= share * torch.linspace(0.5, 1, images).view(-1, 1, 1, 1)
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, :2] = False, True
        words = f"where the invalid pixels of all maps are {junk:.0f}" if share else "where every pixel is valid"
        ask(answer, words.replace("nan", "NaN"), torch.where(valid, maps, junk), valid)
        if i == 8:  # true zeros in all maps
            maps = torch.where(valid, maps.relu() * (maps > 1), junk)
            ask(answer, f"{words}, and no map is below 0, as after a ReLU", maps, valid)


def ask(answer, words, maps, valid):
    images, count = maps.shape[:2]
    with case(words):
        got = tensor(answer(maps, valid), (images, count, count))
        for b in range(images):
            seen = maps[b][:, valid[b, 0]].double()
            close(got[b], seen @ seen.T / (count * seen.shape[1]), f"the matrix of image {b} ({seen.shape[1]} valid)")
        found = gradient(answer, maps, valid, what="the sum of the matrices", to="maps")
        want = 2 * maps.double().sum(1, keepdim=True).expand(maps.shape) / (count * valid.sum((1, 2, 3), keepdim=True))
        slopes(found, want, valid, "the sum of the matrices")
""",
    hint=(
        "With 0 in the holes, a hole adds nothing to any product. Then only the number that you divide by needs care: "
        "of shape [B,1,1] it divides each matrix by its own."
    ),
    solution='''
import torch


def masked_gram(maps, valid):
    """Gram matrices [B,C,C] of maps [B,C,H,W] with masks [B,1,H,W]; every image has a valid pixel."""
    flat = torch.where(valid, maps, 0.0).flatten(2)
    count = maps.shape[1] * valid.sum((1, 2, 3))
    return flat @ flat.transpose(1, 2) / count.view(-1, 1, 1)
''',
    minutes=12,
    points=2,
    session=4,
    notebook="08_style_transfer",
)
