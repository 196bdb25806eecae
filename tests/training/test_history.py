"""How many steps there are, and how many epochs a small set needs; what is shown of them."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR
from toys import Net, Toy, l1

from depthnb import training
from depthnb.training.journal import Journal
from depthnb.training.settings import Settings


def fit(epochs, frames=10, **options):
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    options = {"epochs": epochs, "batch_size": 4, "device": "cpu", "progress": False, **options}
    return training.fit(net, Toy(frames), loss=l1, optimizer=optimizer, scheduler=scheduler, **options)


def test_steps_are_those_that_the_optimizer_made(tmp_path, monkeypatch):
    made, step = [], torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *rest: (made.append(1), step(self, *rest))[1])
    assert fit(2, checkpoint=tmp_path / "model.ckpt").steps == len(made) == 6
    history = fit(5, checkpoint=tmp_path / "model.ckpt")
    assert (history.steps, history.steps_per_epoch) == (15, 3) and len(made) == 15, "those before the stop count too"
    assert "steps" not in history.frame


def test_steps_of_a_history_that_nobody_counted_are_none():
    assert training.History([{"epoch": 1, "seconds": 2.0}]).steps == 0


@pytest.mark.parametrize(
    ("frames", "epochs", "least", "wanted"),
    [(640, 6, 0, 6), (640, 6, 240, 6), (640, 6, 241, 7), (12, 6, 300, 300), (17, 1, 300, 150), (1, 1, 1, 1)],
)
def test_a_small_set_is_passed_more_often(frames, epochs, least, wanted, capsys):
    assert training.passes(frames, 16, epochs, min_steps=least) == wanted
    printed = capsys.readouterr().out
    if wanted == epochs:
        assert printed == ""
    else:
        assert printed.count("\n") == 1 and printed.startswith(f"{frames} frames in batches of 16 make ")
        assert f"{least} are wanted, so there will be {wanted} epochs" in printed


def test_only_the_first_process_says_so(monkeypatch, capsys):
    for name, value in {"WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert training.passes(2, 2, 1, min_steps=5) == 5
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrong", [(0, 1, 1, 0), (1, 0, 1, 0), (1, 1, 0, 0), (1, 1, 1, -1)])
def test_passes_of_nothing_are_refused(wrong):
    *numbers, least = wrong
    with pytest.raises(ValueError, match="must be at least 1 and min_steps at least 0, found"):
        training.passes(*numbers, min_steps=least)


def test_a_schedule_ends_with_the_last_of_more_epochs():
    epochs = training.passes(10, 4, 2, min_steps=12)
    history = fit(epochs)
    assert history.steps == 12
    # the rate of an epoch is written down before it is lowered: half a cosine, seen one epoch before its end
    assert history.rows[-1]["learning_rate"] == pytest.approx(0.01 * (1 + math.cos(math.pi * 3 / 4)) / 2)


def test_steps_are_shown_with_every_epoch(capsys):
    fit(2, progress=True, name="toy")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("toy epoch 1/2: train loss ") and first.endswith(" s, 3 of 6 steps)")
    assert second.endswith(" s, 6 of 6 steps)")


def test_a_journal_of_another_process_prints_and_writes_nothing(tmp_path, capsys):
    settings = Settings(epochs=1, batch_size=4, checkpoint=tmp_path / "model.ckpt", name="toy")
    engine = SimpleNamespace(is_global_zero=False, broadcast=lambda value: value, barrier=lambda: None)
    journal = Journal(settings, {"net": Net()}, identity={}, engine=engine, batches=3, steps=3, shown={})
    with journal:
        for epoch in journal.epochs():
            journal.batch(epoch, 1)
            journal.finish(epoch, {"train_loss": 1.0, "val_loss": None}, learning_rate=0.1)
    assert len(journal.history.rows) == 1
    assert capsys.readouterr().out == "" and not list(tmp_path.iterdir())
