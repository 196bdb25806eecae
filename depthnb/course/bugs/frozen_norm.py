"""Batch normalisation of a frozen encoder that goes on learning."""

from depthnb.course.task import Task

TASK = Task(
    name="it_moves",
    function="train",
    title="Frozen, and yet it moves",
    story=(
        "An encoder is frozen, so that only the decoder learns. After the training the encoder gives other features "
        "for the same picture, although no weight of it has changed. `train` must return two state dicts as it does "
        "now, the one of the encoder and the one of the decoder. Nothing in the encoder's state may change, however "
        "many steps there are. During the training the decoder must see exactly the features that the frozen encoder "
        "gives later, when it is used. The decoder must still learn, its batch normalisation too. Keep the seed, the "
        "optimizer and the number of steps."
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

from depthnb.course.asking import case, close, tensor


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    for batch, height, width, steps in ((4, 8, 10, 1), (3, 9, 7, 5)):
        image = 0.6 + 0.4 * torch.rand(batch, 3, height, width, generator=random)
        # errors of both signs, else every gradient behind the batch norm is 0 but for rounding, which Adam makes large
        depth = torch.exp(5 * torch.rand(batch, 1, height, width, generator=random) - 3)
        with case(f"after {steps} step{'s' * (steps > 1)}"):
            encoder, decoder = _states(answer(image, depth, 0))
            frozen, learnt = _states(answer(image, depth, steps))
            for name, value in encoder.items():
                close(frozen[name], value, f"the encoder's {name}", 0)
            for name in ("2.running_mean", "1.weight", "2.weight", "3.weight"):
                what = "batch normalisation" if name[0] == "2" else "convolution"
                same = torch.equal(learnt[name], decoder[name])
                assert not same, f"the decoder's {what} did not learn: its {name} is as it was before the first step"
            given = encoder, decoder, image, depth, steps
            close(learnt["2.num_batches_tracked"], steps, "the number of steps, which the decoder's batch norm counts,", 0)
            want = _learnt(*given)
            if not _alike(learnt, want) and _alike(learnt, _learnt(*given, frozen=False)):
                said = "the encoder's state is as it must be, but during the training the decoder saw other features"
                raise AssertionError(f"{said}; expected those that the encoder gives in eval mode")
            for name in _SEEN:
                close(learnt[name], want[name], f"the decoder's {name}", 1e-2)


# before a batch norm a bias has no gradient but rounding
_SEEN = ("1.weight", "2.weight", "2.bias", "2.running_var", "3.weight", "3.bias")


def _alike(got, want):
    return all(torch.allclose(got[name], want[name].to(got[name].dtype), 1e-2, 1e-2) for name in _SEEN)


def _nets():
    encoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
    return encoder, nn.Sequential(nn.ReLU(), nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))


def _states(value):
    with torch.random.fork_rng(devices=[]):
        expected = [net.state_dict() for net in _nets()]
    said = "your function must return two state dicts, of the encoder and of the decoder"
    assert isinstance(value, (tuple, list)) and len(value) == 2, f"{said}; it returned one {type(value).__name__}"
    for state, right, name in zip(value, expected, ("encoder", "decoder")):
        assert isinstance(state, dict), f"{said}; that of the {name} is of type {type(state).__name__}"
        missing = [key for key in right if key not in state]
        assert not missing, f"the {name}'s state has no {missing[0]}; keep its layers as they are"
        for key, tensor_ in right.items():
            tensor(state[key], tuple(tensor_.shape), f"the {name}'s {key}")
    return value


def _learnt(encoder_state, decoder_state, image, depth, steps, frozen=True):
    with torch.random.fork_rng(devices=[]):
        encoder, decoder = _nets()
    encoder.load_state_dict(encoder_state), decoder.load_state_dict(decoder_state)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=0.05)
    features = encoder.train(not frozen)(image).detach()
    for _ in range(steps):
        optimizer.zero_grad()
        with torch.enable_grad():
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
