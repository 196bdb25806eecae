"""Training on films: depth comes out of pictures alone, in metres where poses are given; stopped, it continues to the bit."""

import pytest
import torch
from torch import nn
from torch.optim import Adam
from walls import SIZE, film, pose, seen

from depthnb import training
from depthnb.data import sequences
from depthnb.models.photometric import photometric_loss
from depthnb.models.self_supervised import PoseNet, SelfSupervised
from depthnb.training import self_supervised
from depthnb.training.settings import Player

QUICK = {"batch_size": 2, "device": "cpu", "progress": False}


class Walls:
    """Films of the painted wall from other places, as `Films` hands them out."""

    name, fingerprint = "walls", "ba11"

    def __init__(self, count: int = 4) -> None:
        self.parts = []
        for number in range(count):
            given, shift = film(), 0.05 * number
            middle = pose(0.02, -0.03, 0.01, 0.1 + shift, 0.05, -0.1)
            around = [pose(0.0, -0.01, 0.0, shift, 0.05, -0.1), pose(0.0, 0.0, 0.01, 0.2 + shift, 0.04, -0.1)]
            image, depth = seen(middle)
            given |= {"image": image[None], "depth": depth[None]}
            given["sources"] = torch.stack([seen(each)[0] for each in around])[None]
            given["motion"] = torch.stack([torch.linalg.inv(each) @ middle for each in around])[None]
            self.parts.append(given)

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def depth(self):
        return torch.cat([part["depth"] for part in self.parts])

    def batch(self, indices):
        chosen = [self.parts[int(i)] for i in indices]
        keys = ("image", "sources", "motion", "intrinsics")
        batch = {key: torch.cat([part[key] for part in chosen]) for key in keys}
        batch["seen"] = torch.cat([batch["image"][:, None], batch["sources"]], 1)
        batch["valid"] = torch.ones(len(chosen), 1, *SIZE, dtype=torch.bool)
        return {**batch, "id": [f"wall_{int(i)}" for i in indices]}


class Map(nn.Module):
    """One depth map for all photographs: a plane's inverse depth, which is all that a wall needs."""

    def __init__(self, first: float = 2.0) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor([torch.tensor(first).log().item(), 0.0, 0.0]))

    def forward(self, image):
        height, width = image.shape[-2:]
        y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
        log = self.numbers[0] + self.numbers[1] * x + self.numbers[2] * y
        return log.exp().expand(len(image), 1, -1, -1)


def player(pose_net=None, *, rate=0.03, first=2.0):
    nets = SelfSupervised(Map(first), pose_net)
    return Player(nets, Adam(nets.parameters(), lr=rate))


def loss(*given, **named):
    return photometric_loss(*given, **named, scales=2)


def test_with_poses_given_metres_come_out_from_either_side():
    films = Walls()
    for first in (2.0, 4.0):
        learner = player(first=first)
        history = self_supervised.fit(learner, films, films, loss=loss, epochs=40, **QUICK)
        with torch.no_grad():
            pred = learner.model.depth(films.batch(range(4))["image"])
        assert ((pred / films.depth - 1).abs().mean()) < 0.05 < abs(first / films.depth - 1).mean()
        frame = history.frame
        assert frame["val_loss"].iloc[-1] < 0.5 * frame["val_loss"].iloc[0]
        assert {"photometric", "smoothness", "counting", "val_photometric"} <= set(frame.columns)


def test_the_true_depth_is_never_looked_at():
    films = Walls()
    assert "depth" not in films.batch([0])
    ends = []
    for factor in (1.0, 100.0):
        for part in films.parts:
            part["depth"] = part["depth"] * factor
        learner = player()
        self_supervised.fit(learner, films, None, loss=loss, epochs=2, **QUICK)
        ends.append(learner.model.depth.numbers.detach().clone())
    assert torch.equal(*ends)


def test_learnt_poses_do_not_see_the_given_ones():
    ends = []
    for factor in (1.0, 5.0):
        films = Walls()
        for part in films.parts:
            part["motion"][..., :3, 3] *= factor
        torch.manual_seed(0)
        learner = player(PoseNet(4))
        self_supervised.fit(learner, films, None, loss=loss, epochs=2, **QUICK)
        ends.append(learner.model.depth.numbers.detach().clone())
    assert torch.equal(*ends)


def test_both_nets_learn_when_the_poses_are_learnt():
    torch.manual_seed(0)
    films, learner = Walls(), player(PoseNet(4), rate=0.01)
    before = [parameter.detach().clone() for parameter in learner.model.parameters()]
    history = self_supervised.fit(learner, films, None, loss=loss, epochs=30, **QUICK)
    assert all(not torch.equal(*pair) for pair in zip(before, learner.model.parameters(), strict=True))
    assert history.frame["photometric"].iloc[-1] < 0.8 * history.frame["photometric"].iloc[0]


def test_stopped_and_started_again_it_ends_with_the_same_bits(tmp_path):
    def train(epochs, file):
        torch.manual_seed(0)
        learner = player(PoseNet(4))
        options = {**QUICK, "checkpoint": file, "augment": sequences.augment}
        self_supervised.fit(learner, Walls(), None, loss=loss, epochs=epochs, **options)
        return learner.model.state_dict()

    whole = train(4, tmp_path / "whole.ckpt")
    train(2, tmp_path / "parts.ckpt")
    parts = train(4, tmp_path / "parts.ckpt")
    assert all(torch.equal(whole[key], parts[key]) for key in whole)


def test_a_checkpoint_of_given_poses_is_not_continued_with_learnt_ones(tmp_path):
    file = tmp_path / "a.ckpt"
    self_supervised.fit(player(), Walls(), None, loss=loss, epochs=1, checkpoint=file, **QUICK)
    with pytest.raises(ValueError, match=r"poses|weights"):
        self_supervised.fit(player(PoseNet(4)), Walls(), None, loss=loss, epochs=2, checkpoint=file, **QUICK)


def test_a_picture_that_is_not_finite_stops_with_its_name():
    films = Walls()
    films.parts[1]["image"][0, 0, 5, 5] = torch.nan
    with pytest.raises(training.NonFiniteLoss, match="wall_1"):
        self_supervised.fit(player(), films, None, loss=loss, epochs=1, **QUICK)
