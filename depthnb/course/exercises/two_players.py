"""The losses of generator and discriminator, for numbers of any size."""

from depthnb.course.task import Task

TASK = Task(
    name="two_players",
    function="player_losses",
    title="The losses of both players",
    story=(
        "The discriminator gives each patch a logit x, and D = 1 / (1 + exp(-x)) is the probability that the patch is "
        "true. Write the two losses. The loss of the discriminator is the mean of -ln D over the true patches plus the "
        "mean of -ln(1 - D) over the false ones. The loss of the generator is the mean of -ln D over the false ones. "
        "Return two torch tensors that hold one number each: the discriminator first. Begin by hand: what are the two "
        "losses if all logits are 0? Your losses must be right for logits of 300 and -300 too, where D is rounded to 1 or "
        "0 and a logarithm of 0 is minus infinity."
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
from depthnb.course.asking import case, close, number, tensor


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    logits = lambda size, count: size * (2 * torch.rand(count, generator=random) - 1)
    cases = [("where all logits are 0", torch.zeros(2), torch.zeros(1))]
    cases += [(f"with {n} true and {m} false logits from -{size} to {size}", logits(size, n), logits(size, m))
              for size, n, m in ((3, 5, 8), (6, 4, 1), (3, 1, 6), (30, 9, 7))]
    for true, false in ((300.0, -1.0), (1.0, -300.0), (-300.0, -1.0), (1.0, 300.0)):
        cases.append((f"with the true logits {true:.0f} and 2, and the false logits {false:.0f}, 1 and 0",
                      torch.tensor([true, 2.0]), torch.tensor([false, 1.0, 0.0])))
    for words, true, false in cases:
        log = lambda x: -max(-x, 0.0) - math.log1p(math.exp(-abs(x)))  # ln D without overflow
        lows = [log(x) for x in true.tolist()], [log(-x) for x in false.tolist()], [log(x) for x in false.tolist()]
        real, fake, fooled = (-sum(each) / len(each) for each in lows)
        with case(words):
            got = answer(true, false)
            two = isinstance(got, (tuple, list)) and len(got) == 2
            assert two, "your function must return two losses: of the discriminator and of the generator"
            for who, mine, want in zip(("discriminator", "generator"), got, (real + fake, fooled)):
                close(number(tensor(mine, None, f"the loss of the {who}")), want, f"the loss of the {who}")
""",
    hint=(
        "1 - D is D of -x, and -ln D is ln(1 + exp(-x)). Which function of torch.nn.functional computes that "
        "without the exponential of 300?"
    ),
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
