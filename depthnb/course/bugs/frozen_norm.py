"""Batch normalisation of a frozen encoder that goes on learning."""

from depthnb.course.task import Task

TASK = Task(
    name="frozen_norm",
    function="train",
    title="Frozen, and yet it moves",
    story=(
        "An encoder is frozen, so that only the decoder learns. After the training the encoder gives other features for "
        "the same picture, although no weight of it has changed. Nothing of the encoder shall change, its running mean "
        "and variance neither; the decoder, its batch normalisation included, shall learn as before."
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


def check(answer, seed=0):
    random = torch.Generator().manual_seed(seed)
    image = 0.6 + 0.2 * torch.rand(4, 3, 8, 10, generator=random)
    depth = 1 + image.mean(1, keepdim=True) * 3
    encoder, decoder = answer(image, depth, 0)
    frozen, learnt = answer(image, depth, 15)
    for name, value in encoder.items():
        moved = float((frozen[name].double() - value.double()).abs().max())
        assert moved == 0, f"the encoder's {name} has changed by {moved:.3f}"
    for name in ("1.weight", "3.weight", "3.bias"):
        assert bool((learnt[name] != decoder[name]).any()), f"the decoder's {name} has not learnt"
    assert int(learnt["2.num_batches_tracked"]) == 15, "the decoder's batch normalisation has not seen all 15 steps"
    assert bool((learnt["2.running_mean"] != decoder["2.running_mean"]).any()), "the decoder's running mean has not moved"
    x = torch.nn.functional.conv2d(image, frozen["0.weight"], frozen["0.bias"], padding=1)
    keep = (1e-5 + frozen["1.running_var"])[:, None, None].sqrt()
    x = (x - frozen["1.running_mean"][:, None, None]) / keep
    x = torch.nn.functional.conv2d(x.clamp(min=0), decoder["1.weight"], decoder["1.bias"])
    want = 0.1 * x.mean((0, 2, 3))
    _, one = answer(image, depth, 1)
    assert torch.allclose(one["2.running_mean"], want, atol=1e-4), "the decoder is not fed what the frozen encoder gives"
""",
    hint="`requires_grad_(False)` stops gradients. What else changes in batch normalisation, and in which mode?",
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
