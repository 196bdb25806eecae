"""A Gram matrix that leaves out holes."""

from depthnb.course.task import Task

TASK = Task(
    name="masked_gram",
    function="masked_gram",
    title="A Gram matrix without the holes",
    story=(
        "A depth map has holes, and what fills them becomes part of its style. Write the Gram matrix of C maps that counts "
        "valid pixels alone: the sum over them of the products of two maps, divided by C times the number of valid pixels. "
        "Each image of the batch has its own mask and its own matrix; in holes the maps may be NaN."
    ),
    code='''
import torch


def masked_gram(maps, valid):
    """Gram matrices [B,C,C] of maps [B,C,H,W] with masks [B,1,H,W]; every image has a valid pixel."""
    raise NotImplementedError("not written yet")
''',
    check="""
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    maps = torch.rand(2, 3, 5, 7, generator=random) - 0.3
    for share in (1.0, 0.5):
        valid = torch.rand(2, 1, 5, 7, generator=random) <= torch.tensor([share, 0.8 * share + 0.2]).view(2, 1, 1, 1)
        valid[:, :, 0, 0] = True
        for junk in (0.0, 80.0, float("nan")):
            got = answer(torch.where(valid, maps, junk), valid)
            assert tuple(got.shape) == (2, 3, 3), f"the matrices have the shape {tuple(got.shape)}; expected (2, 3, 3)"
            for b in range(2):
                seen = maps[b][:, valid[b, 0]]
                want = seen @ seen.T / (3 * seen.shape[1])
                off = (got[b] - want).abs()
                c, d = divmod(int(off.nan_to_num(nan=9.0).argmax()), 3)
                said = f"image {b}, {int(valid[b].sum())} of 35 pixels valid: the entry of the maps {c} and {d}"
                assert float(off[c, d]) < 1e-4, f"{said} is {float(got[b, c, d]):.4f}; expected {float(want[c, d]):.4f}"
""",
    hint="With 0 in the holes, a hole adds nothing to any product. Only the number of pixels is another one then.",
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
