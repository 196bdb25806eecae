"""BGR, as OpenCV reads pictures, given to a net that learnt RGB."""

from depthnb.course.task import Task

TASK = Task(
    name="swapped_channels",
    function="network_input",
    title="The blue kitchen",
    story=(
        "A trained encoder is good in the notebook and clearly worse in a program that reads its pictures with OpenCV's "
        "`imread`. No error is raised. `imread` gives blue, green, red; the encoder wants red, green, blue, normalised by "
        "ImageNet's mean and spread of red, green and blue."
    ),
    code='''
import numpy as np
import torch


def network_input(picture):
    """uint8 [H,W,3] as OpenCV reads it -> float32 [3,H,W], normalised for an ImageNet encoder."""
    image = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return (image - mean) / std
''',
    check="""
import numpy as np
import torch


def check(answer, seed=0):
    picture = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    given = answer(picture)
    assert tuple(given.shape) == (3, 6, 9), f"the input has the shape {tuple(given.shape)}; expected (3, 6, 9)"
    rows = (("red", 2, 0.485, 0.229), ("green", 1, 0.456, 0.224), ("blue", 0, 0.406, 0.225))
    for place, (colour, stored, mean, std) in enumerate(rows):
        want = torch.from_numpy((picture[..., stored] / 255.0 - mean) / std).float()
        worst = float((given[place] - want).abs().max())
        assert worst < 1e-3, f"channel {place} is not {colour} normalised as {colour}: it is off by {worst:.2f} somewhere"
""",
    hint="Which axis holds the colours, and by which mean is each of them normalised?",
    solution='''
import numpy as np
import torch


def network_input(picture):
    """uint8 [H,W,3] as OpenCV reads it -> float32 [3,H,W], normalised for an ImageNet encoder."""
    rgb = np.ascontiguousarray(picture[..., ::-1])
    image = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    return (image - mean) / std
''',
    minutes=6,
    points=1,
    session=3,
    notebook="05_densenet",
)
