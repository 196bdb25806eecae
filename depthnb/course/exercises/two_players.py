"""The losses of generator and discriminator, for numbers of any size."""

from depthnb.course.task import Task

TASK = Task(
    name="two_players",
    function="player_losses",
    title="The losses of both players",
    story=(
        "The discriminator gives each patch a logit x, and D = 1 / (1 + exp(-x)) is the probability that the patch is "
        "true. `true` and `false` are torch tensors of logits; they have any shape, such as [B,1,h,w], and need not hold "
        "equally many. Write the two losses. The loss of the discriminator is the mean of -ln D over all true patches plus "
        "the mean of -ln(1 - D) over all false ones. The loss of the generator is the mean of -ln D over all false ones. "
        "Return two torch tensors that hold one number each: the discriminator first. Both players are trained by their "
        "losses, so the gradients must be right too. Both losses must be right for logits of any size, such as 300 or "
        "-2000, where D is rounded to 1 or 0 and a logarithm of 0 is minus infinity."
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
from depthnb.course.gradients import gradient, slopes

SHAPES = ((3, (5,), (8,)), (6, (2, 1, 3, 4), (3, 1, 2, 2)), (3, (1,), (2, 3)), (30, (4, 1, 1, 2), (7,)))  # size, true, false
SHOWS = "anything that is added inside of the logarithm shows here"


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    drawn = lambda size, shape: size * (2 * torch.rand(shape, generator=random) - 1)
    cases = [("where all logits are 0", torch.zeros(2), torch.zeros(1))]
    cases += [(f"with true logits {list(n)} and false ones {list(m)}, from -{size} to {size}", drawn(size, n), drawn(size, m))
              for size, n, m in SHAPES[:3]]
    cases += [(f"with one true logit, -30 (D is 1e-13: {SHOWS})", torch.tensor([-30.0]), torch.tensor([-1.0, 1.0])),
              (f"with one false logit, 30 (1 - D is 1e-13: {SHOWS})", torch.tensor([[1.0]]), torch.tensor([[30.0]])),
              (f"with one false logit, -30 (D is 1e-13: {SHOWS})", torch.tensor([[1.0]]), torch.tensor([[-30.0]]))]
    for true, false in ((300.0, -1.0), (1.0, -300.0), (-300.0, -1.0), (1.0, 300.0), (-2000.0, 2000.0), (2000.0, -2000.0)):
        cases.append((f"with the true logits {true:.0f} and 2, and the false logits {false:.0f}, 1 and 0",
                      torch.tensor([true, 2.0]), torch.tensor([false, 1.0, 0.0])))
    cases += [(f"with true logits {list(n)} and false ones {list(m)}, from -{size} to {size}", drawn(size, n), drawn(size, m))
              for size, n, m in SHAPES[3:]]
    for words, true, false in cases:
        with case(words):
            ask(answer, true, false)


def ask(answer, true, false):
    log = lambda x: -max(-x, 0.0) - math.log1p(math.exp(-abs(x)))  # ln D without overflow
    flat = true.flatten().tolist(), false.flatten().tolist()
    real, fake, fooled = ([-log(x) for x in flat[0]], [-log(-x) for x in flat[1]], [-log(x) for x in flat[1]])
    got = answer(true, false)
    two = isinstance(got, (tuple, list)) and len(got) == 2
    assert two, "your function must return two losses: of the discriminator and of the generator"
    first, second = sum(real) / len(real) + sum(fake) / len(fake), sum(fooled) / len(fooled)
    for who, mine, want in zip(("discriminator", "generator"), got, (first, second)):
        close(number(tensor(mine, None, f"the loss of the {who}")), want, f"the loss of the {who}")
    D = [torch.sigmoid(each.double()) for each in (true, false)]
    n, m = true.numel(), false.numel()
    for who, part, of, want in (("discriminator", 0, 0, (D[0] - 1) / n), ("discriminator", 0, 1, D[1] / m),
                                ("generator", 1, 1, (D[1] - 1) / m)):
        what, name = f"the loss of the {who}", ("true", "false")[of]
        found = gradient(answer, true, false, of=of, part=part, what=what, to=name)
        at_0 = (true, false)[of] == 0  # where max(-x, 0) + ln(1 + exp(-|x|)), the same number, has two slopes
        slopes(found, want, True, f"{what} with respect to `{name}`", ties=at_0)
""",
    hint=(
        "Begin by hand: if all logits are 0, D is 1/2, and the two losses are 2 ln 2 and ln 2. 1 - D is D of -x, and -ln D "
        "is ln(1 + exp(-x)). Which function of torch.nn.functional computes that without the exponential of 300?"
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
