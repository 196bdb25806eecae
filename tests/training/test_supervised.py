"""fit(): what it learns, what it remembers, what it refuses, and that neither a kill nor a second process changes a bit."""

import dataclasses
import json
import logging
import math
import os
import subprocess
import sys
import zipfile
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
import torch
from kills import killed_ten_times
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau, SequentialLR, StepLR
from toys import Net, Poisoned, Toy, l1, same

from depthnb import losses, models, training
from depthnb.data import transforms
from depthnb.training import engine
from depthnb.training.launch import launched
from depthnb.training.settings import Player

AUGMENT = partial(transforms.augment, rotate=5.0, flip=0.5, channel_permutation=0.25)
QUICK = {"loss": l1, "batch_size": 4, "device": "cpu", "progress": False}


def fit(model, train=None, val=None, *, optimizer=None, **options):
    optimizer = optimizer or SGD(model.parameters(), lr=0.01)
    return training.fit(model, train or Toy(), val, optimizer=optimizer, **{"epochs": 2, **QUICK, **options})


def test_learns_and_keeps_one_row_per_epoch():
    model = Net()
    history = fit(model, val=Toy(4, seed=1), optimizer=Adam(model.parameters(), lr=0.03), epochs=8)
    assert history.frame.columns.tolist() == ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]
    assert history.frame.epoch.tolist() == list(range(1, 9))
    assert history.frame.train_loss.iloc[-1] < 0.5 * history.frame.train_loss.iloc[0]
    assert history.seconds == pytest.approx(history.frame.seconds.sum())


def test_losses_are_means_over_images_in_train_and_eval_mode():
    """Ten images in batches of 4, 4 and 2: the last two may not count double. With learning rate 0 it is exact."""
    model, train, val = Net(), Toy(10), Toy(5, seed=1)
    model.layers[2].p = 0.0  # no dropout: training differs from evaluation by batch normalisation alone
    row = fit(model, train, val, optimizer=SGD(model.parameters(), lr=0.0), epochs=1, shuffle=False).rows[0]

    def mean(data, net, sizes):
        parts = [data.batch(range(start, stop)) for start, stop in sizes]
        losses = [l1(pred=net(p["image"]), depth=p["depth"], valid=p["valid"]) * len(p["id"]) for p in parts]
        return float(sum(losses) / len(data))

    with torch.no_grad():
        assert row["val_loss"] == pytest.approx(mean(val, model.eval(), [(0, 4), (4, 5)]), rel=1e-6)
        assert row["train_loss"] == pytest.approx(mean(train, model.train(), [(0, 4), (4, 8), (8, 10)]), rel=1e-6)


def test_a_plain_loop_has_the_same_bits():
    """Order, forward, loss, backward, step: there is nothing else in it, dropout included."""
    plain, fitted, train = Net(), Net(), Toy()
    fit(fitted, train, epochs=2, seed=3)
    plain.to(memory_format=torch.channels_last)
    optimizer = SGD(plain.parameters(), lr=0.01)
    for epoch in (1, 2):
        torch.manual_seed(training.seed_for("epoch", 3, epoch, 0))
        dice = torch.Generator().manual_seed(training.seed_for("order", 3, epoch))
        for numbers in torch.randperm(len(train), generator=dice).split(4):
            batch = train.batch(numbers)
            loss = l1(pred=plain(batch["image"]), depth=batch["depth"], valid=batch["valid"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert same(plain, fitted)


@pytest.mark.parametrize("mode", [True, False])
def test_modes_format_and_random_state_are_left_as_found(mode):
    model = Net().train(mode)
    model.layers[1].train(not mode)  # a layer that its owner has set apart
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(model, val=Toy(4, seed=1))
    assert torch.equal(torch.rand(3), expected)
    assert model.training is mode and model.layers[1].training is not mode
    assert all(parameter.is_contiguous() for parameter in model.parameters())


def test_shuffle_gives_each_epoch_another_order_of_all_frames():
    train = Toy(10)
    fit(Net(), train)
    first, second = ([*chain(*train.asked[i : i + 3])] for i in (0, 3))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    train.asked.clear()
    fit(Net(), train, shuffle=False)
    assert [*chain(*train.asked)] == [*range(10), *range(10)]


def test_augmentation_is_asked_with_seed_and_epoch_and_only_in_training():
    asked = []

    def augment(batch, *, seed, epoch):
        asked.append((seed, epoch, len(batch["id"])))
        return batch

    fit(Net(), val=Toy(4, seed=1), augment=augment, seed=7)
    assert asked == [(7, epoch, n) for epoch in (1, 2) for n in (4, 4, 2)]


@pytest.mark.parametrize("new", [True, False])
def test_an_augmentation_that_may_write_over_the_batch_is_told_so(new):
    told, data = [], Toy()
    data.new_batches = new

    def augment(batch, *, seed, epoch, in_place=False):
        told.append(in_place)
        return batch

    fit(Net(), data, augment=partial(augment), epochs=1)
    assert told == [new] * 3


def test_a_data_set_that_hands_out_its_own_memory_is_left_as_it_is():
    class Stored(Toy):
        def batch(self, indices):
            numbers = [int(i) for i in indices]
            kept = slice(numbers[0], numbers[-1] + 1)
            views = {key: getattr(self, key)[kept] for key in ("image", "depth", "valid")}
            return super().batch(indices) | views

    data, untouched = Stored(), Toy()
    fit(Net(), data, augment=partial(transforms.augment, flip=1.0), shuffle=False, epochs=1)
    assert all(torch.equal(getattr(data, key), getattr(untouched, key)) for key in ("image", "depth", "valid"))


def test_what_is_under_the_mask_never_matters():
    """NaN there reaches no weight; a frame without any valid pixel is no obstacle."""
    clean, dirty = Toy(), Toy()
    for data in (clean, dirty):
        data.valid[3] = False
    dirty.depth[~dirty.valid] = math.nan
    one, other = Net(), Net()
    fit(one, clean, clean, augment=AUGMENT)
    fit(other, dirty, dirty, augment=AUGMENT)
    assert same(one, other)


@pytest.mark.parametrize("loss", [losses.l1, losses.silog], ids=["mean over pixels", "mean over images"])
@pytest.mark.parametrize("empty", [(1, 2, 3), (0, 1, 2, 3)], ids=["most of a batch", "a whole batch"])
def test_frames_without_truth_are_left_out_of_the_losses(loss, empty):
    """As if they were not in the data set: a loss of 0 would pass for a perfect prediction."""
    data, model = Toy(6), Net(plain=True)
    nn.init.constant_(model.layers[-1].bias, 5.0)  # the logarithm wants depths above 0
    batches = [data.batch(part) for part in ([i for i in range(4) if i not in empty], [4, 5]) if part]
    data.valid[list(empty)] = False
    with torch.no_grad():
        sums = sum(training.loss_of(model, batch, loss).item() * len(batch["id"]) for batch in batches)
    row = fit(model, data, data, loss=loss, optimizer=SGD(model.parameters(), lr=0.0), epochs=1, shuffle=False).rows[0]
    assert [row["train_loss"], row["val_loss"]] == pytest.approx([sums / (6 - len(empty))] * 2, rel=1e-5)


def test_where_every_frame_has_truth_the_losses_are_the_means_they_were():
    """To the last bit: the weights of the batches are then their numbers of images."""
    data, model = Toy(10), Net(plain=True)
    with torch.no_grad():
        parts = [data.batch(range(*ends)) for ends in ((0, 4), (4, 8), (8, 10))]
        means = torch.stack([training.loss_of(model, part, l1) for part in parts]).double()
        expected = float(means @ torch.tensor([4.0, 4.0, 2.0]).double() / 10)
    row = fit(model, data, data, optimizer=SGD(model.parameters(), lr=0.0), epochs=1, shuffle=False).rows[0]
    assert row["train_loss"] == row["val_loss"] == expected


def test_what_augmentation_takes_the_truth_from_is_left_out_too():
    def augment(batch, *, seed, epoch):
        gone = torch.tensor([name in ("frame_0_000", "frame_0_004") for name in batch["id"]])
        return {**batch, "valid": batch["valid"] & ~gone[:, None, None, None]}

    data, model = Toy(8), Net(plain=True)
    options = {"loss": losses.l1, "epochs": 1, "batch_size": 1, "shuffle": False}
    row = fit(model, data, optimizer=SGD(model.parameters(), lr=0.0), augment=augment, **options).rows[0]
    with torch.no_grad():
        kept = [training.loss_of(model, data.batch([i]), losses.l1).item() for i in (1, 2, 3, 5, 6, 7)]
    assert row["train_loss"] == pytest.approx(sum(kept) / 6, rel=1e-5)


@pytest.mark.parametrize(("split", "said"), [("train", "in epoch 1"), ("val", "in the validation of epoch 1")])
def test_a_split_without_any_truth_is_refused(split, said, tmp_path):
    data = {"train": Toy(6), "val": Toy(4, seed=1)}
    data[split].valid[:] = False
    model = Net()
    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    with pytest.raises(ValueError, match=rf"no image has a valid pixel {said}, .*look at the masks"):
        fit(model, **data, optimizer=optimizer, checkpoint=tmp_path / "model.ckpt")
    assert same(model, Net()) and not optimizer.state and not list(tmp_path.iterdir())


def test_a_smaller_prediction_meets_the_truth_at_its_own_size():
    class Half(Net):
        def forward(self, image):
            return nn.functional.max_pool2d(super().forward(image), 2)

    shapes = []

    def loss(*, pred, depth, valid):
        shapes.append((pred.shape, depth.shape, valid.shape))
        return l1(pred=pred, depth=depth, valid=valid)

    fit(Half(), loss=loss, epochs=1)
    assert set(shapes[0]) == {torch.Size([4, 1, 8, 12])}


def test_seed_changes_the_result_and_nothing_else_does():
    nets = [Net() for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        torch.manual_seed(torch.seed())  # what happened before must not matter
        fit(net, seed=seed, augment=AUGMENT)
    assert same(nets[0], nets[1]) and not same(nets[0], nets[2])


# --- checkpoints ------------------------------------------------------------------------------------------------------

RECIPES = {
    "sgd, plateau": lambda p: _with(SGD(p, 0.05, momentum=0.9), partial(ReduceLROnPlateau, patience=0)),
    "adam": lambda p: (Adam(p, 0.02), None),
    "adam, fused": lambda p: (Adam(p, 0.02, fused=True), None),
    "sgd, fused": lambda p: (SGD(p, 0.05, momentum=0.9, fused=True), None),
    "adamw, step": lambda p: _with(AdamW(p, 0.02), partial(StepLR, step_size=2)),
    "cosine": lambda p: _with(SGD(p, 0.05), partial(CosineAnnealingLR, T_max=4)),
    "one cycle": lambda p: _with(SGD(p, 0.05), partial(OneCycleLR, max_lr=0.1, total_steps=5)),
    "warm up, then decay": lambda p: _with(SGD(p, 0.05), _warm_up),
}


def _with(optimizer, make):
    return optimizer, make(optimizer)


def _warm_up(optimizer):
    return SequentialLR(optimizer, [StepLR(optimizer, 1, 2.0), StepLR(optimizer, 1, 0.5)], milestones=[2])


@pytest.mark.parametrize("recipe", RECIPES)
def test_resumed_at_any_epoch_gives_the_same_bits(tmp_path, recipe):
    """Dropout, momentum, schedule, augmentation: all as if nothing had happened."""

    def train(epochs, checkpoint):
        model = Net()
        optimizer, scheduler = RECIPES[recipe](model.parameters())
        options = {"optimizer": optimizer, "scheduler": scheduler, "epochs": epochs, "augment": AUGMENT}
        history = fit(model, Toy(), Toy(4, seed=1), checkpoint=checkpoint, **options)
        return model, history.frame.drop(columns="seconds")

    undisturbed, history = train(4, None)
    for stop in (1, 2, 3):
        file = tmp_path / f"{stop}.ckpt"
        train(stop, file)
        resumed, rows = train(4, file)
        assert same(undisturbed, resumed), f"after epoch {stop}"
        assert rows.equals(history)
    again, rows = train(4, file)  # nothing is left to do
    assert same(undisturbed, again) and rows.equals(history)


def test_plateau_follows_the_validation_loss():
    """With a threshold that nothing reaches, the rate falls after each epoch but the first."""
    model = Net()
    optimizer = SGD(model.parameters(), lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.1, patience=0, threshold=100.0, threshold_mode="abs")
    history = fit(model, val=Toy(4, seed=1), optimizer=optimizer, scheduler=scheduler, epochs=4)
    assert history.frame.learning_rate.tolist() == pytest.approx([1.0, 1.0, 0.1, 0.01])
    assert scheduler.best == history.rows[0]["val_loss"] != history.rows[0]["train_loss"]


def test_the_last_batch_of_an_epoch_belongs_to_the_checkpoint(tmp_path):
    model, file = Net(), tmp_path / "deep" / "m.ckpt"
    fit(model, checkpoint=file)
    assert same(torch.load(file, weights_only=True)["model"], model)
    assert [f.name for f in file.parent.iterdir()] == ["m.ckpt"]


DAMAGES = {
    "empty": lambda file: file.write_bytes(b""),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-200]),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "text": lambda file: file.write_text("not a checkpoint"),
    "one byte of the weights": lambda file: _flip(file),
    "a foreign pickle": lambda file: torch.save({"weights": torch.ones(3)}, file),
    "forbidden objects": lambda file: torch.save({"rows": Path("x"), "best": None, "settings": {}}, file),
}


def _flip(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        entry = max(archive.infolist(), key=lambda e: e.file_size)
    data = bytearray(file.read_bytes())
    data[entry.header_offset + 200] ^= 255
    file.write_bytes(data)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_checkpoint_is_refused_by_name(tmp_path, damage):
    file = tmp_path / "model.ckpt"
    model = Net(width=64)
    fit(model, checkpoint=file)
    DAMAGES[damage](file)
    fresh = Net(width=64, seed=3)
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"checkpoint .*model\.ckpt is damaged or not one of depthnb's.*delete .*model"
    ):
        fit(fresh, checkpoint=file)
    assert same(fresh, before)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch_size": 2}, "batch_size 4, now 2"),
        ({"seed": 3}, "seed 0, now 3"),
        ({"epochs": 1}, "2 epochs, now 1"),
        ({"train": Toy(9)}, "training frames 10, now 9"),
        ({"shuffle": False}, "shuffle True, now False"),
        ({"model": Net(width=5)}, "weights .*, now"),
        ({"optimizer": Adam}, "optimizer 'SGD', now 'Adam'"),
        ({"precision": "bf16-mixed"}, "precision '32-true', now 'bf16-mixed'"),
        ({"loss": losses.mse}, "loss 'l1', now 'mse'"),
        ({"loss": partial(losses.silog, lam=0.85)}, r"loss 'l1', now 'silog\(lam=0.85\)'"),
        ({"augment": partial(transforms.augment, flip=0.5)}, r"augment None, now 'augment\(flip=0.5\)'"),
        ({"lr": 0.02}, r"learning rates \[0.01\], now \[0.02\]"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(tmp_path, changed, said):
    file = tmp_path / "model.ckpt"
    fit(Net(), checkpoint=file)
    changed = dict(changed)
    model = changed.pop("model", None) or Net()
    optimizer = changed.pop("optimizer", SGD)(model.parameters(), lr=changed.pop("lr", 0.01))
    with pytest.raises(ValueError, match=f"model.ckpt belongs to another training .*{said}"):
        fit(model, checkpoint=file, optimizer=optimizer, **changed)


def test_the_learning_rate_counts_also_where_the_validation_loss_steers_it(tmp_path):
    """ReduceLROnPlateau notes no first rate by itself; the rate of now, which it has lowered, is no other training."""
    file = tmp_path / "model.ckpt"

    def train(rate: float, epochs: int):
        model = Net()
        optimizer = SGD(model.parameters(), lr=rate)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=1e9)
        return fit(model, val=Toy(4, seed=1), checkpoint=file, optimizer=optimizer, scheduler=plateau, epochs=epochs)

    assert train(0.01, epochs=4).rows[-1]["learning_rate"] < 0.01, "it was never lowered: this proves nothing"
    with pytest.raises(ValueError, match=r"belongs to another training .*learning rates \[0.01\], now \[0.02\]"):
        train(0.02, epochs=5)
    assert len(train(0.01, epochs=5).rows) == 5


def test_a_full_disk_leaves_the_checkpoint_before_usable(tmp_path, monkeypatch):
    """The third write fails after some bytes; then there is room again, and the end is that of an undisturbed run."""
    undisturbed, model, file = Net(), Net(), tmp_path / "model.ckpt"
    fit(undisturbed, epochs=4)
    save, calls = torch.save, []

    def fails_third(state, stream):
        calls.append(1)
        if len(calls) == 3:
            stream.write(b"some bytes")
            raise OSError(28, "No space left on device")
        save(state, stream)

    monkeypatch.setattr(torch, "save", fails_third)
    with pytest.raises(
        OSError, match=r"could not write the checkpoint of epoch 3 to .*No space left.*same command again"
    ):
        fit(model, epochs=4, checkpoint=file)
    assert [f.name for f in tmp_path.iterdir()] == ["model.ckpt"]
    resumed = Net()
    assert len(fit(resumed, epochs=4, checkpoint=file).rows) == 4
    assert same(resumed, undisturbed)


def test_what_a_killed_process_left_is_cleared(tmp_path):
    (tmp_path / ".model.ckpt.123.part").write_bytes(b"half a checkpoint")
    (tmp_path / ".other.ckpt.123.part").write_bytes(b"of another training")
    fit(Net(), checkpoint=tmp_path / "model.ckpt")
    assert sorted(f.name for f in tmp_path.iterdir()) == [".other.ckpt.123.part", "model.ckpt"]


# --- what must not happen ---------------------------------------------------------------------------------------------


def test_a_non_finite_loss_names_epoch_batch_and_samples(tmp_path):
    file = tmp_path / "model.ckpt"
    model, before = Net(), Net()
    with pytest.raises(
        training.NonFiniteLoss, match=r"nan in epoch 1, batch 2, samples frame_0_004, frame_0_005, frame"
    ):
        fit(model, Poisoned(5), shuffle=False, checkpoint=file)
    assert same(model, before), "the weights are as after the epoch before: the first ones"
    assert not list(tmp_path.iterdir()) and model.training


def test_a_non_finite_loss_later_leaves_the_epoch_before(tmp_path):
    file = tmp_path / "model.ckpt"
    model, two = Net(), Net()
    fit(two, epochs=2)

    def loss(*, pred, depth, valid):
        loss.calls += 1
        return l1(pred=pred, depth=depth, valid=valid) * (math.inf if loss.calls == 8 else 1)

    loss.calls = 0
    with pytest.raises(training.NonFiniteLoss, match="the loss is inf in epoch 3, batch 2"):
        fit(model, loss=loss, epochs=4, checkpoint=file)
    assert same(model, two)
    assert same(torch.load(file, weights_only=True)["model"], two)


@pytest.mark.parametrize("optimizer", [Adam, partial(SGD, momentum=0.9)], ids=["adam", "momentum"])
def test_the_optimizer_too_is_as_after_the_epoch_before(optimizer):
    """What it remembers of a NaN would poison the next try, however small its learning rate."""

    def root(*, pred, depth, valid):  # a sound value whose gradient is not finite
        return l1(pred=pred, depth=depth, valid=valid) + (pred * 0).sum().sqrt()

    nets = [Net(), Net()]
    for net, fails in zip(nets, (True, False), strict=True):
        own = optimizer(net.parameters(), lr=0.01)
        fit(net, optimizer=own, epochs=1)
        if fails:
            with pytest.raises(training.NonFiniteLoss):
                fit(net, optimizer=own, loss=root)
        fit(net, optimizer=own, epochs=1)
    assert same(*nets)


def test_a_non_finite_validation_loss_is_refused(tmp_path):
    with pytest.raises(training.NonFiniteLoss, match="in the validation of epoch 1, batch 1, samples frame_1_000"):
        fit(Net(), val=Poisoned(2, frames=4, seed=1), checkpoint=tmp_path / "model.ckpt")
    assert not list(tmp_path.iterdir())


def test_a_gradient_that_is_not_finite_in_the_last_batch_reaches_no_checkpoint(tmp_path):
    def root(*, pred, depth, valid):  # the gradient of the root is infinite at 0
        return (pred * 0).sum().sqrt() + 1.0

    model = Net()
    with pytest.raises(training.NonFiniteLoss, match=r"after epoch 1 .* is not finite though every loss was"):
        fit(model, Toy(4), loss=root, checkpoint=tmp_path / "model.ckpt")
    assert same(model, Net()) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("resumed", [False, True])
def test_weights_that_are_not_finite_are_named_before_anything_is_trained(tmp_path, resumed):
    """A file that somebody has made, or a net that an earlier cell has spoilt."""
    model, file, asked = Net(), tmp_path / "model.ckpt", []
    if resumed:
        fit(model, epochs=1, checkpoint=file)
        state = torch.load(file, weights_only=True)
        next(iter(state["model"].values())).fill_(math.nan)
        torch.save(state, file)
    else:
        with torch.no_grad():
            next(model.parameters()).fill_(math.nan)
    name = next(iter(model.state_dict()))
    content = file.read_bytes() if resumed else None

    def loss(**batch):
        asked.append(batch)
        return l1(**batch)

    loss.__qualname__ = l1.__qualname__  # as a checkpoint knows it
    with pytest.raises(
        training.NonFiniteLoss, match=rf"before its first epoch {name} is not finite.*load other weights"
    ):
        fit(model, loss=loss, epochs=2, checkpoint=file)
    assert not asked and (file.read_bytes() == content if resumed else not file.exists())


def test_refusals_say_what_to_do():
    model, empty = Net(), Toy(0)
    plateau = SGD(model.parameters(), lr=0.1)
    for options, said in (
        ({"train": empty}, "training split of toy is empty"),
        ({"val": empty}, "pass val=None"),
        ({"epochs": 0}, "at least 1, found 0"),
        ({"batch_size": 0}, "at least 1"),
        ({"optimizer": plateau, "scheduler": ReduceLROnPlateau(plateau)}, "pass a validation split"),
        ({"scheduler": StepLR(plateau, 1)}, "steers another optimizer"),
        ({"optimizer": SGD(Net().parameters(), lr=0.1)}, "parameters of another model"),
    ):
        data = options.pop("train", None)
        with pytest.raises(ValueError, match=said):
            training.fit(
                model, Toy() if data is None else data, options.pop("val", None),
                optimizer=options.pop("optimizer", None) or SGD(model.parameters(), lr=0.1),
                **{"epochs": 1, **QUICK, **options},
            )  # fmt: skip


class Small(nn.Module):
    """Batch normalisation of one value per channel: torch itself refuses it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))

    def forward(self, image):
        return self.layers(image).expand(-1, -1, *image.shape[-2:])


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (Small, (4, 4)),
        (lambda: models.UNet(channels=4, batch_norm=True), (16, 16)),
        (lambda: models.HMADepth("resnet18", width=32), (32, 32)),
    ],
    ids=["torch", "UNet", "HMADepth"],
)
@pytest.mark.parametrize(("frames", "batch_size", "better"), [(9, 4, 3), (4, 1, 2), (3, 2, 3)])
def test_a_last_batch_of_one_image_names_a_batch_size_that_avoids_it(make, size, frames, batch_size, better):
    net, data = make(), Toy(frames, size)
    message = rf"{frames} frames in batches of {batch_size} leave a single image .* take batch_size {better},"
    with pytest.raises(ValueError, match=message):
        fit(net, data, batch_size=batch_size, epochs=1)
    fit(net, data, batch_size=better, epochs=1)


def test_a_single_frame_can_only_be_larger_or_more():
    with pytest.raises(ValueError, match="take more frames, or larger images"):
        fit(Small(), Toy(1, (4, 4)), epochs=1)


def test_an_unknown_setting_is_refused_by_name():
    with pytest.raises(TypeError, match="epochz"):
        fit(Net(), epochz=3)


def test_settings_cannot_be_changed_and_know_what_a_checkpoint_must_agree_on():
    settings = training.Settings(epochs=2, batch_size=4, seed=3, name="toy", device="cpu", precision="auto")
    assert settings.precision == training.fast_precision("cpu")
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 4
    net = Net()
    identity = settings.identity({"model": Player(net, SGD(net.parameters(), lr=0.1))}, Toy(10))
    assert identity == {
        "model": "Net", "weights": 157, "optimizer": "SGD", "scheduler": None, "learning rates": [0.1],
        "training frames": 10, "data": "f00d", "batch_size": 4, "seed": 3, "shuffle": True,
        "precision": settings.precision, "augment": None,
    }  # fmt: skip


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_missing_gpu_is_said_in_one_line():
    with pytest.raises(ValueError, match="torch sees no CUDA GPU"):
        fit(Net(), device="cuda")


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_float16_on_a_cpu_is_refused_and_not_replaced_in_silence(device, monkeypatch, tmp_path):
    """Lightning would compute in bfloat16, and the checkpoint say 16-mixed."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"'16-mixed' trains in float16, which needs a GPU, .*'bf16-mixed'"):
        fit(Net(), precision="16-mixed", device=device, checkpoint=tmp_path / "model.ckpt")
    assert not list(tmp_path.iterdir())


# --- precision, processes, kills --------------------------------------------------------------------------------------


def test_bf16_trains_in_bf16_and_keeps_float32_weights():
    model, seen = models.BNCNN(width=4, depth=2), set()
    model.head.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    history = fit(model, val=Toy(4, seed=1), precision="bf16-mixed", epochs=3)
    assert seen == {torch.bfloat16}
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(("able", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bf16_where_the_processor_has_it(monkeypatch, able, dtype):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: able, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert training.fast_precision("cpu") == ("bf16-mixed" if able else "32-true")
    assert training.fast_precision("mps") == "32-true"
    model, seen = models.BNCNN(width=4, depth=2), set()
    model.head.register_forward_hook(lambda module, inputs, output: seen.add(output.dtype))
    fit(model, precision="auto", device="cpu", epochs=1)
    assert seen == {dtype}


def test_a_training_says_nothing_on_stderr(capsys):
    """Lightning announces precision and devices there; a notebook would show that in red."""
    announced = []
    handler = logging.Handler()
    handler.emit = lambda record: announced.append(record.getMessage())
    log = logging.getLogger("lightning_fabric")
    log.addHandler(handler)
    try:
        fit(Net(), precision="bf16-mixed", progress=True, name="toy")
    finally:
        log.removeHandler(handler)
    said = capsys.readouterr()
    assert announced == [] and said.err == ""
    assert said.out.splitlines()[-1].startswith("toy epoch 2/2: train loss ")


def test_a_slurm_reservation_without_srun_is_one_process(monkeypatch):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_JOB_ID": "1", "SLURM_LOCALID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert launched() == (0, 1, 1)
    assert training.fabric("cpu").world_size == 1


def test_launchers_are_recognised(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "8")
    monkeypatch.setenv("SLURM_STEP_NUM_NODES", "2")
    monkeypatch.setenv("SLURM_PROCID", "5")
    assert launched() == (5, 8, 2)
    for name, value in {"WORLD_SIZE": "6", "LOCAL_WORLD_SIZE": "3", "RANK": "4"}.items():
        monkeypatch.setenv(name, value)  # torchrun inside SLURM
    assert launched() == (4, 6, 2)


def test_a_container_of_few_cores_gets_no_more_threads(monkeypatch):
    monkeypatch.setattr(engine, "cores", lambda: 2)
    before = torch.get_num_threads()
    try:
        for asked, chosen in ((None, 2), ("4", 4)):
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
            if asked:
                monkeypatch.setenv("OMP_NUM_THREADS", asked)
            torch.set_num_threads(4)
            training.fabric("cpu")
            assert torch.get_num_threads() == chosen, asked
    finally:
        torch.set_num_threads(before)


TORCHRUN = """
import sys, torch
from pathlib import Path
from depthnb import models, runs, training
from depthnb.training.launch import launched
from toys import Poisoned, Net, Toy, l1
rank, processes, _ = launched()
assert processes == 2
run = runs.start("toy", {"run": "two", "seed": 0, "device": "cpu", "dataset": "toy"}, data={"train": Toy(9)})
for name, net in (("plain", Net(plain=True)), ("full", Net())):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    for epochs in (2, 4):  # the second call goes on from the checkpoint
        history = training.fit(net, Toy(9), Toy(5, seed=1), loss=l1, optimizer=optimizer, epochs=epochs, batch_size=4,
                               device="cpu", checkpoint=run.checkpoint(name), name=name)
    torch.save({"net": net.state_dict(), "val": history.rows[-1]["val_loss"]}, Path(sys.argv[1]) / f"{name}{rank}.pt")
net = models.BNCNN(width=2, depth=1)
run.save_model(net)
run.save_history(plain=history)
run.save_table(history.frame, "history")
assert models.load(run.folder).config == net.config  # both processes can read what one has written
run.finish()
"""


def test_two_processes_train_one_model(tmp_path, reports):
    """torchrun: same bits in both processes, nearly those of one process; one of them writes the run folder."""
    script = tmp_path / "train.py"
    script.write_text(TORCHRUN)
    paths = [str(Path(__file__).parents[1] / "helpers"), str(Path(__file__).parents[2])]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished: reports/toy/two/run.json") == 1
    assert done.stdout.count("plain epoch 1/2") == 1
    for name in ("plain", "full"):
        one, other = (torch.load(tmp_path / f"{name}{rank}.pt") for rank in (0, 1))
        assert same(one["net"], other["net"]) and one["val"] == other["val"]
    alone = Net(plain=True)
    optimizer = SGD(alone.parameters(), lr=0.05, momentum=0.9)
    history = fit(alone, Toy(9), Toy(5, seed=1), optimizer=optimizer, epochs=4)
    two = torch.load(tmp_path / "plain0.pt")
    for key, value in alone.state_dict().items():
        assert torch.allclose(value, two["net"][key], atol=1e-5), key
    assert history.rows[-1]["val_loss"] == pytest.approx(two["val"], rel=1e-4)
    stored = json.loads((reports / "toy" / "two" / "run.json").read_text())
    assert stored["finished"] is True


TRAINED = """
from functools import partial
from depthnb import training
from depthnb.data import transforms
from toys import Poisoned, Net, Toy, l1

def train(checkpoint):
    net = Net(width=4096)  # checkpoints of a megabyte: some kills shall hit while one is written
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    training.fit(net, Toy(10, (4, 6)), Toy(4, (4, 6), seed=1), loss=l1, optimizer=optimizer, epochs=14, batch_size=4,
                 scheduler=torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1),
                 augment=partial(transforms.augment, rotate=5.0, flip=0.5), device="cpu", checkpoint=checkpoint)
    return net.state_dict()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_ten_times_it_ends_with_the_same_bits(tmp_path):
    one, other, epochs = killed_ten_times(TRAINED, tmp_path)
    assert same(one, other)
    assert not list(tmp_path.glob("*.part"))
    assert any(0 < n < 14 for n in epochs), "no kill came in the middle: this proves nothing"
