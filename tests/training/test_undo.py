"""Stopped at any moment, by anything: nets, optimisers and schedulers are as after the last finished epoch."""

import copy
import signal
from collections import Counter

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import MultiStepLR, ReduceLROnPlateau, SequentialLR, StepLR
from toys import Net, Toy, l1, same

from depthnb import training
from depthnb.models import PatchDiscriminator
from depthnb.training import adversarial, checkpoints, undo

ERRORS = [
    KeyboardInterrupt(),
    torch.OutOfMemoryError("CUDA out of memory"),
    OSError(5, "Input/output error"),
    SystemExit(1),
    RuntimeError("a worker has died"),
]
QUICK = {"loss": l1, "batch_size": 4, "device": "cpu", "progress": False}


class Stopped(Toy):
    """A data set that is asked for a batch once too often."""

    def __init__(self, calls: int, error: BaseException, **options) -> None:
        super().__init__(**options)
        self.left, self.error = calls, error

    def batch(self, indices) -> dict:
        self.left -= 1
        if self.left == 0:
            raise self.error
        return super().batch(indices)


def parts(plateau: bool = True) -> dict:
    net = Net()
    optimizer = Adam(net.parameters(), lr=0.02)
    scheduler = ReduceLROnPlateau(optimizer, patience=0) if plateau else StepLR(optimizer, 1, 0.5)
    return {"net": net, "optimizer": optimizer, "scheduler": scheduler}


def fit(of: dict, epochs: int = 3, train=None, val=None, **options):
    """Epochs of 3 batches, with 1 batch to validate."""
    data = train or Toy(), val or Toy(4, seed=1)
    model, rest = of["net"], {"optimizer": of["optimizer"], "scheduler": of["scheduler"]}
    return training.fit(model, *data, epochs=epochs, **rest, **QUICK, **options)


def state(of: dict) -> dict:
    return {name: copy.deepcopy(part.state_dict()) for name, part in of.items()}


def equal(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("where", ["training", "validation"])
def test_what_stops_an_epoch_undoes_it(error, epoch, where, tmp_path):
    expected = parts()
    if epoch > 1:
        fit(expected, epochs=epoch - 1)
    stopped = parts()
    data = {
        "training": {"train": Stopped(3 * epoch - 1, error)},  # in its second batch
        "validation": {"val": Stopped(epoch, error, frames=4, seed=1)},
    }[where]
    with pytest.raises(type(error)):
        fit(stopped, **data)
    assert equal(state(stopped), state(expected))


def test_what_stops_a_step_of_the_scheduler_undoes_the_epoch():
    class Stops(StepLR):
        def step(self, *arguments):
            super().step(*arguments)
            if self.last_epoch == 3:
                raise KeyboardInterrupt

    expected, stopped = parts(plateau=False), parts()
    fit(expected, epochs=2)
    stopped["scheduler"] = Stops(stopped["optimizer"], 1, 0.5)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped)
    assert equal(state(stopped), state(expected))


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(28, "No space left on device")], ids=["Ctrl-C", "full disk"]
)
def test_what_stops_the_writing_of_a_checkpoint_undoes_the_epoch(error, monkeypatch, tmp_path):
    file, expected, stopped = tmp_path / "model.ckpt", parts(), parts()
    fit(expected, epochs=2)
    save, calls = torch.save, []

    def stops_third(content, stream):
        calls.append(1)
        if len(calls) == 3:
            stream.write(b"some bytes")
            raise error
        save(content, stream)

    monkeypatch.setattr(torch, "save", stops_third)
    with pytest.raises(type(error)):
        fit(stopped, checkpoint=file)
    assert equal(state(stopped), state(expected))
    assert [one.name for one in tmp_path.iterdir()] == ["model.ckpt"]
    fit(stopped, checkpoint=file)
    fit(expected := parts())
    assert equal(state(stopped), state(expected)), "the same net, the same cell again"


def test_what_stops_the_reading_of_a_checkpoint_leaves_everything_as_it_was(tmp_path):
    file, stopped = tmp_path / "model.ckpt", parts()
    fit(parts(), epochs=2, checkpoint=file)

    class Stops(ReduceLROnPlateau):
        times = 0

        def load_state_dict(self, state_dict):
            super().load_state_dict(state_dict)
            Stops.times += 1
            if Stops.times == 1:  # the optimiser has its moments already
                raise KeyboardInterrupt

    stopped["scheduler"] = Stops(stopped["optimizer"], patience=0)
    before = state(stopped)
    again = {"settings": torch.load(file, weights_only=True)["settings"], "epochs": 3}
    with pytest.raises(KeyboardInterrupt):
        checkpoints.restore(file, _checkpointed(stopped), **again)
    assert equal(state(stopped), before)
    assert len(checkpoints.restore(file, _checkpointed(stopped), **again)) == 2
    assert not equal(state(stopped), before), "the second try goes through"


def _checkpointed(of: dict) -> dict:
    return {"model": of["net"], "model optimizer": of["optimizer"], "model scheduler": of["scheduler"]}


@pytest.fixture
def ctrl_c():
    """SIGINT interrupts, also where the tests run in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_waits_until_everything_is_put_back(ctrl_c):
    class Slow(Net):
        def load_state_dict(self, *arguments, **options):
            signal.raise_signal(signal.SIGINT)  # while the net is still the half-trained one
            return super().load_state_dict(*arguments, **options)

    stopped = {**parts(), "net": Slow()}
    optimizer = Adam(stopped["net"].parameters(), lr=0.02)
    stopped |= {"optimizer": optimizer, "scheduler": ReduceLROnPlateau(optimizer, patience=0)}
    before, handler = state(stopped), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(stopped, train=Stopped(2, OSError(5, "Input/output error")))
    assert isinstance(caught.value.__context__, OSError)
    assert equal(state(stopped), before)
    assert signal.getsignal(signal.SIGINT) is handler


def test_one_part_that_cannot_be_put_back_keeps_none_of_the_others():
    class Broken(Net):
        def load_state_dict(self, *arguments, **options):
            raise RuntimeError("out of memory")

    net, sound = Broken(), Net()
    first = copy.deepcopy(sound.state_dict())
    with (
        pytest.raises(RuntimeError, match="out of memory"),
        undo.undone_when_stopped({"sound": sound, "net": net, "last": Net()}),
    ):
        nn.init.zeros_(sound.layers[0].weight)
        raise KeyboardInterrupt
    assert same(sound, first)


def test_gradients_and_moments_make_room_before_the_copies_come_back():
    net = Net()
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    sizes = []
    load = optimizer.load_state_dict
    optimizer.load_state_dict = lambda state: (sizes.append(len(optimizer.state)), load(state))
    with pytest.raises(KeyboardInterrupt), undo.undone_when_stopped({"net": net, "optimizer": optimizer}):
        net(torch.rand(2, 3, 8, 8)).sum().backward()
        optimizer.step()
        assert len(optimizer.state) == len([*net.parameters()])
        raise KeyboardInterrupt
    assert sizes == [0] and not optimizer.state and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: MultiStepLR(optimizer, [1, 2], 0.1),
        lambda optimizer: SequentialLR(
            optimizer, [StepLR(optimizer, 1, 2.0), StepLR(optimizer, 1, 0.5)], milestones=[1]
        ),
    ],
    ids=["counter", "lists"],
)
def test_what_schedulers_keep_is_copied_and_keeps_its_kind(make):
    optimizer = SGD(Net().parameters(), lr=1.0)
    scheduler = make(optimizer)
    before = copy.deepcopy(scheduler.state_dict())
    with pytest.raises(KeyboardInterrupt), undo.undone_when_stopped({"optimizer": optimizer, "scheduler": scheduler}):
        optimizer.step()
        scheduler.step()
        raise KeyboardInterrupt
    assert equal(scheduler.state_dict(), before) and optimizer.param_groups[0]["lr"] == before["_last_lr"][0]
    milestones = scheduler.state_dict().get("milestones")
    assert milestones is None or isinstance(milestones, Counter)


def test_both_players_are_put_back():
    def players() -> list:
        torch.manual_seed(0)
        nets = Net(), PatchDiscriminator(channels=4, layers=1, spectral=True)
        return [adversarial.Player(net, Adam(net.parameters(), lr=0.01)) for net in nets]

    def play(two, train):
        adversarial.fit(*two, train, Toy(4, seed=1), epochs=2, adversarial_weight=0.1, **QUICK)

    def states(two) -> list:
        return [copy.deepcopy(part.state_dict()) for each in two for part in (each.model, each.optimizer)]

    stopped = players()
    before = states(stopped)
    with pytest.raises(KeyboardInterrupt):
        play(stopped, Stopped(3, KeyboardInterrupt()))
    assert equal(states(stopped), before)
    assert all(parameter.requires_grad for each in stopped for parameter in each.model.parameters())
