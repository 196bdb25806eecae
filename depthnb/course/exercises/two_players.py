"""The losses of generator and discriminator, for numbers of any size."""

from depthnb.course.task import Task

TASK = Task(
    name="two_players",
    function="player_losses",
    title="The losses of both players",
    story=(
        "The discriminator gives each patch a logit x, and D = 1 / (1 + exp(-x)) is its probability of being true. Write "
        "the two losses: that of the discriminator, the mean of -ln D over true patches plus the mean of -ln(1 - D) over "
        "false ones, and that of the generator, the mean of -ln D over the false ones. Work them out by hand for the three "
        "logits 0, 0 and 0. They must be right for a logit of 300 too, where D is 1 in the computer and ln(1 - D) is "
        "minus infinity."
    ),
    code='''
import torch
from torch.nn import functional as F


def player_losses(true, false):
    """(loss of the discriminator, loss of the generator) of the logits of true and false patches."""
    raise NotImplementedError("not written yet")
''',
    check="""
import math
import torch


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    drawn = [6 * torch.rand(n, generator=random) - 3 for n in (5, 8)]
    cases = {"logits of 0": [torch.zeros(2), torch.zeros(1)], "small logits": drawn,
             "logits of 300": [torch.tensor([-300.0, 300.0]), torch.tensor([300.0, -300.0, 0.0])]}
    for name, (true, false) in cases.items():
        log = lambda x: -max(-x, 0.0) - math.log1p(math.exp(-abs(x)))  # ln D without overflow
        low = [log(x) for x in true.tolist()], [log(-x) for x in false.tolist()], [log(x) for x in false.tolist()]
        real, fake, fooled = (-sum(each) / len(each) for each in low)
        got = answer(true, false)
        assert isinstance(got, (tuple, list)) and len(got) == 2, "the function shall return two losses"
        for who, mine, want in zip(("discriminator", "generator"), got, (real + fake, fooled)):
            assert math.isfinite(float(mine)), f"{name}: the loss of the {who} is {float(mine)}; expected {want:.4f}"
            assert abs(float(mine) - want) < 1e-3, f"{name}: the loss of the {who} is {float(mine):.4f}; expected {want:.4f}"
""",
    hint="-ln D is ln(1 + exp(-x)): torch calls this softplus of -x. And 1 - D is D of -x.",
    solution='''
import torch
from torch.nn import functional as F


def player_losses(true, false):
    """(loss of the discriminator, loss of the generator) of the logits of true and false patches."""
    of_discriminator = F.softplus(-true).mean() + F.softplus(false).mean()
    of_generator = F.softplus(-false).mean()
    return of_discriminator, of_generator
''',
    minutes=12,
    points=2,
    session=4,
    notebook="09_gan",
)
