"""Batch normalisation of a frozen encoder that goes on learning."""

from depthnb.course.task import Task

TASK = Task(
    name="frozen_norm",
    function="train",
    title="Frozen, and yet it moves",
    story=(
        "An encoder is frozen, so that only the decoder learns. After the training the encoder gives other features "
        "for the same picture, although no weight of it has changed. `train` must return two dicts as it does now, "
        "the state of the encoder and the state of the decoder. Nothing in the encoder's state may change, however "
        "many steps there are. The decoder must still learn, its batch normalisation too, and from the same features "
        "that the encoder gives after the training."
    ),
    code='''
import torch
from torch import nn


def train(image, depth, steps):
    """State of encoder and decoder after some steps; image is [B,3,H,W], depth [B,1,H,W]."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)).requires_grad_(False)
    decoder = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (decoder(encoder(image)) - depth).abs().mean().backward()
        optimizer.step()
    return encoder.state_dict(), decoder.state_dict()
''',
    check="""
import torch
from torch import nn

from depthnb.course.asking import case, close, parts, tensor


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for batch, height, width, steps in ((4, 8, 10, 1), (3, 9, 7, 4)):
        image = 0.6 + 0.4 * torch.rand(batch, 3, height, width, generator=random)
        # errors of both signs, else every gradient behind the batch norm is 0 but for rounding, which Adam makes large
        depth = torch.exp(5 * torch.rand(batch, 1, height, width, generator=random) - 3)
        with case(f"after {steps} step{'s' * (steps > 1)}"):
            encoder, decoder = _states(answer(image, depth, 0))
            frozen, learnt = _states(answer(image, depth, steps))
            for name, value in encoder.items():
                close(frozen[name], value, f"the encoder's {name}", 0)
            for name, value in _learnt(encoder, decoder, image, depth, steps).items():
                if name not in ("1.bias", "2.running_mean"):  # before a batch norm a bias has no gradient but rounding
                    close(learnt[name], value, f"the decoder's {name}", 1e-2)


def _nets():
    encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
    return encoder, nn.Sequential(nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))


def _states(value):
    with torch.random.fork_rng(devices=[]):
        expected = [net.state_dict() for net in _nets()]
    for state, right, name in zip(parts(value, 2), expected, ("encoder", "decoder")):
        assert isinstance(state, dict), f"the {name}'s state must be a dict, as of `state_dict()`; it is {type(state).__name__}"
        missing = [key for key in right if key not in state]
        assert not missing, f"the {name}'s state has no {missing[0]}; keep its layers as they are"
        for key, tensor_ in right.items():
            tensor(state[key], tuple(tensor_.shape), f"the {name}'s {key}")
    return value


def _learnt(encoder_state, decoder_state, image, depth, steps):
    with torch.random.fork_rng(devices=[]):
        encoder, decoder = _nets()
    encoder.load_state_dict(encoder_state), decoder.load_state_dict(decoder_state)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
    features = encoder.eval()(image).detach()
    for _ in range(steps):
        optimizer.zero_grad()
        (decoder(features) - depth).abs().mean().backward()
        optimizer.step()
    return decoder.state_dict()
""",
    hint=(
        "`requires_grad_(False)` stops gradients. What else does a batch normalisation keep, and in which mode does "
        "it change that?"
    ),
    solution='''
import torch
from torch import nn


def train(image, depth, steps):
    """State of encoder and decoder after some steps; image is [B,3,H,W], depth [B,1,H,W]."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)).requires_grad_(False).eval()
    decoder = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (decoder(encoder(image)) - depth).abs().mean().backward()
        optimizer.step()
    return encoder.state_dict(), decoder.state_dict()
''',
    minutes=12,
    points=2,
    session=3,
    notebook="05_densenet",
)
