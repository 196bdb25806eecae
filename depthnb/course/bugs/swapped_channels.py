"""BGR, as OpenCV reads pictures, given to a net that learnt RGB."""

from depthnb.course.task import Task

TASK = Task(
    name="blue_kitchen",
    function="network_input",
    title="The blue kitchen",
    story=(
        "A trained encoder is good in the notebook and clearly worse in a program that reads its pictures with "
        "OpenCV's `imread`. No error is raised. `network_input` gets a picture as `imread` gives it, a NumPy array of "
        "uint8, [H,W,3]. It must return what the encoder was trained on: a torch tensor of float32, [3,H,W], with the "
        "channels red, green, blue. Each is divided by 255; then ImageNet's mean of that colour is subtracted, and "
        "the result is divided by ImageNet's standard deviation of that colour."
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

from depthnb.course.asking import case, close, tensor

ROWS = (("red", 2, 0.485, 0.229), ("green", 1, 0.456, 0.224), ("blue", 0, 0.406, 0.225))  # place, mean, deviation


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for height, width in ((6, 9), (11, 4), (1, 1), (3, 5)):
        picture = random.integers(0, 180 if height > width else 256, (height, width, 3), dtype=np.uint8)
        picture[0, 0] = (255, 0, 128) if height == 1 else 0
        for words, shown in (("for a grey picture", picture[..., :1].repeat(3, axis=2)), ("for a picture in colours", picture)):
            with case(f"{words} of {height} x {width}"):
                got = tensor(answer(shown), (3, height, width))
                assert got.dtype == torch.float32, f"the values are {got.dtype}; expected torch.float32"
                for place, (colour, stored, mean, std) in enumerate(ROWS):
                    want = (shown[..., stored] / 255 - mean) / std
                    _others(got[place], want, shown, place)
                    close(got[place], want, f"channel {place}, {colour},", 1e-4)


def _others(got, want, shown, place):
    if np.abs(got.numpy() - want).max() < 1e-4:
        return
    for held, stored, _, _ in sorted(ROWS, key=lambda row: row[0] != ROWS[place][0]):
        for by, _, mean, std in ROWS:
            if np.abs(got.numpy() - (shown[..., stored] / 255 - mean) / std).max() < 1e-4:
                said = f"channel {place} must hold {ROWS[place][0]}, normalised by the numbers of {ROWS[place][0]}"
                raise AssertionError(f"{said}; it holds {held}, normalised by those of {by}")
""",
    hint=(
        "`imread` stores the colours in the order blue, green, red. Which axis holds them, and by which mean is each "
        "of them normalised?"
    ),
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
