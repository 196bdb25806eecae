"""A Gram matrix that leaves out holes."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_gram",
    function="masked_gram",
    title="A Gram matrix without the holes",
    story=(
        "A depth map has holes, and what fills them becomes part of its style. Write the Gram matrix of C "
        "maps over the valid pixels only. Its entry for the maps c and d is the sum over the valid pixels of "
        "map c times map d, divided by (C times the number of valid pixels). Each image of the batch has its "
        "own mask and its own matrix. Return a torch tensor [B,C,C]. Where `valid` is False, the maps can be "
        "anything, even NaN. Every image has a valid pixel."
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

CASES = (  # maps at invalid pixels, their share, images, maps
    (0.5, 0.0, 2, 3), (0.5, 0.0, 1, 4), (3.0, 0.4, 3, 2), (0.0, 0.5, 2, 5), (80.0, 1.0, 4, 3), (float("nan"), 0.4, 1, 2),
    (float("nan"), 0.6, 3, 4), (float("inf"), 0.5, 2, 1),
)


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for i, (junk, share, images, count) in enumerate(CASES):
        shape = (images, count, 4 + i, 11 - i)
        maps = 0.4 + (2 + 8 * (i % 2)) * torch.randn(shape, generator=random)
        valid = torch.rand(shape, generator=random)[:, :1] >= share * torch.linspace(0.5, 1, images).view(-1, 1, 1, 1)
        if share:
            valid[:, :, 0, 0], valid[:, :, 1, 2] = False, True
        holes = f"the invalid pixels of all maps are {junk:.0f}".replace("nan", "NaN")
        with case(f"where {holes}" if share else "where every pixel is valid"):
            got = tensor(answer(torch.where(valid, maps, junk), valid), (images, count, count))
            for b in range(images):
                seen = maps[b][:, valid[b, 0]].double()
                want = seen @ seen.T / (count * seen.shape[1])
                close(got[b], want, f"the matrix of image {b} ({seen.shape[1]} valid)")
""",
    hint=(
        "With 0 in the holes, a hole adds nothing to any product. Then only the number that you divide by needs care."
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
