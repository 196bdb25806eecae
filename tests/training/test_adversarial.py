"""Two players: each learns, masks hold, a spectator changes nothing, and no kill or second process changes a bit."""

import math
import os
from functools import partial

import pytest
import torch
from forks import train_together
from kills import killed_ten_times
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from toys import Net, Poisoned, Toy, l1, same

from depthnb import training
from depthnb.data import transforms
from depthnb.metrics import variation
from depthnb.models import PatchDiscriminator
from depthnb.studies import gan as study
from depthnb.training import adversarial
from depthnb.training.adversarial import Player

AUGMENT = partial(transforms.augment, rotate=5.0, flip=0.5)
QUICK = {"loss": l1, "batch_size": 4, "device": "cpu", "progress": False}


def generator(epochs=4, rate=0.02, **options):
    net = Net(**options)
    optimizer = Adam(net.parameters(), lr=rate)
    return Player(net, optimizer, CosineAnnealingLR(optimizer, T_max=epochs))


def discriminator(epochs=4, rate=0.01, seed=0, **options):
    torch.manual_seed(seed)
    net = PatchDiscriminator(**{"channels": 4, "layers": 1, "spectral": True, **options})
    optimizer = Adam(net.parameters(), lr=rate, betas=(0.5, 0.999))
    return Player(net, optimizer, CosineAnnealingLR(optimizer, T_max=epochs))


def fit(one, other, train=None, val=None, **options):
    return adversarial.fit(
        one, other, train or Toy(), val, **{"epochs": 2, "adversarial_weight": 0.1, **QUICK, **options}
    )


def test_a_spectator_changes_nothing():
    """At weight 0 the generator has, bit for bit, the weights of training.fit: dropout, batch statistics, order and all."""
    alone, watched = generator(), generator()
    options = {"epochs": 3, "augment": AUGMENT, "seed": 5, **QUICK}
    expected = training.fit(
        alone.model, Toy(), Toy(4, seed=1), optimizer=alone.optimizer, scheduler=alone.scheduler, **options
    ).frame
    opponent = discriminator()
    first = {key: value.clone() for key, value in opponent.model.state_dict().items()}
    history = adversarial.fit(watched, opponent, Toy(), Toy(4, seed=1), adversarial_weight=0.0, **options).frame
    assert same(alone.model, watched.model)
    assert history[["epoch", "train_loss", "val_loss", "learning_rate"]].equals(expected.drop(columns="seconds"))
    assert not same(opponent.model, first), "it learns though nobody listens"


def test_the_adversary_is_heard():
    plain, taught = generator(), generator()
    fit(plain, discriminator(), adversarial_weight=0.0)
    fit(taught, discriminator(), adversarial_weight=0.1)
    assert not same(plain.model, taught.model)


class Flat(Toy):
    """Frames whose depth is the same everywhere."""

    def __init__(self, frames=16, *, metres=8.0, **options):
        super().__init__(frames, **options)
        self.depth = torch.full_like(self.depth, metres)


def test_a_discriminator_wins_against_a_generator_that_does_not_learn():
    """Truth 8 m, prediction near 0: in a few epochs it recognises all, and its loss is far below guessing."""
    opponent = discriminator(rate=0.02)
    rows = fit(generator(rate=0.0), opponent, Flat(), Flat(4, seed=1), epochs=8).rows
    last = rows[-1]
    assert min(last[f"{k}_recognised"] for k in ("true", "false", "val_true", "val_false")) > 0.9
    assert last["val_discriminator"] < 0.5 * math.log(2) and last["val_adversarial"] > math.log(2)


def test_a_generator_learns_from_its_adversary_alone():
    """No supervised loss at all: a discriminator that knows the truth (and learns no more) pulls predictions towards it."""

    def nothing(*, pred, depth, valid):
        return 0.0 * pred.mean()

    class Positive(Net):
        def forward(self, image):
            return super().forward(image).exp()

    train, net, opponent = Flat(metres=4.0), Positive(plain=True), discriminator().model

    def play(rate, opponents_rate, epochs):
        players = (
            Player(net, Adam(net.parameters(), rate)),
            Player(opponent, Adam(opponent.parameters(), opponents_rate)),
        )
        fit(*players, train, epochs=epochs, adversarial_weight=1.0, loss=nothing)
        with torch.no_grad():
            return float((net(train.image) / 4.0).log().abs().mean())

    before = play(0.0, 0.01, epochs=6)
    assert play(0.005, 0.0, epochs=4) < 0.8 * before


def test_history_has_the_curves_of_both_players():
    frame = fit(generator(), discriminator(), val=Toy(4, seed=1)).frame
    both = ["adversarial", "discriminator", "true_recognised", "false_recognised"]
    assert frame.columns.tolist()[:5] == ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]
    assert {*both, *(f"val_{name}" for name in both), "val_variation"} <= {*frame.columns}
    assert frame.drop(columns="epoch").notna().all(axis=None)
    alone = fit(generator(), discriminator()).frame  # without a validation split
    assert alone["val_loss"].isna().all() and not {c for c in alone.columns if c.startswith("val_")} - {"val_loss"}


def test_losses_are_supervised_ones_and_means_over_images():
    player = generator(rate=0.0)
    player.model.layers[2].p = 0.0
    val = Toy(5, seed=1)
    row = fit(player, discriminator(), val=val, epochs=1).rows[0]
    with torch.no_grad():
        batches = [val.batch(range(4)), val.batch([4])]
        losses = [training.loss_of(player.model.eval(), b, l1) * len(b["id"]) for b in batches]
    assert row["val_loss"] == pytest.approx(float(sum(losses)) / 5, rel=1e-6)


def test_what_is_under_the_mask_never_matters():
    clean, dirty = Toy(), Toy()
    for data in (clean, dirty):
        data.valid[3] = False
    dirty.depth[~dirty.valid] = math.nan
    players = []
    for data in (clean, dirty):
        players.append((generator(), discriminator()))
        fit(*players[-1], data, data, augment=AUGMENT)
    (g1, d1), (g2, d2) = players
    assert same(g1.model, g2.model) and same(d1.model, d2.model)


def test_a_perfect_prediction_cannot_be_recognised():
    """Right on every valid pixel, anything in the holes: then the shares of both kinds add up to one, exactly."""

    class Knows(nn.Module):
        def __init__(self):
            super().__init__()
            self.nothing = nn.Parameter(torch.zeros(()))

        def forward(self, image):
            return 1 + 6 * image.mean(1, keepdim=True) + self.nothing  # how Toy makes its depth

    class Holes(Toy):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.depth = torch.where(self.valid, self.depth, 0.0)

    net = Knows()
    rows = fit(Player(net, SGD(net.parameters(), lr=0.0)), discriminator(), Holes(), Holes(4, seed=1), epochs=6).rows
    for row in rows:
        assert row["val_true_recognised"] + row["val_false_recognised"] == pytest.approx(1.0)
        assert row["val_discriminator"] >= math.log(2) - 1e-6


def test_a_smaller_prediction_meets_image_and_truth_at_its_own_size():
    class Half(Net):
        def forward(self, image):
            return nn.functional.max_pool2d(super().forward(image), 2)

    seen = []

    class Opponent(PatchDiscriminator):
        def forward(self, image, depth, valid):
            seen.append((image.shape[-2:], depth.shape[-2:], valid.shape[-2:]))
            return super().forward(image, depth, valid)

    net, opponent = Half(), Opponent(channels=4, layers=1)
    players = (Player(net, SGD(net.parameters(), lr=0.01)), Player(opponent, SGD(opponent.parameters(), lr=0.01)))
    fit(*players, val=Toy(4, seed=1))
    assert set(seen) == {((8, 12),) * 3}


# --- variation --------------------------------------------------------------------------------------------------------


def test_variation_is_that_of_a_plain_loop_and_adds_up_over_batches():
    torch.manual_seed(0)
    depth, pred, valid = 1 + torch.rand(7, 1, 3, 4), 1 + 3 * torch.rand(7, 1, 3, 4), torch.rand(7, 1, 3, 4) > 0.4
    variances = {"pred": 0.0, "true": 0.0}
    for i in range(12):
        on = valid.flatten(1)[:, i]
        if on.sum() >= 2:
            for name, maps in (("pred", pred), ("true", depth)):
                variances[name] += float(maps.flatten(1)[on, i].log().var(unbiased=False))
    expected = math.sqrt(variances["pred"] / variances["true"])
    rooms = {"protocol": "rooms"}
    assert variation.variation(pred=pred, depth=depth, valid=valid, **rooms) == pytest.approx(expected, rel=1e-4)
    parts = variation.Variation("rooms")
    for some in (slice(0, 4), slice(4, 7)):
        parts.add(pred=torch.where(valid, pred, math.nan)[some], depth=depth[some], valid=valid[some])
    assert parts.ratio() == pytest.approx(expected, rel=1e-4)
    assert variation.variation(pred=depth, depth=depth, valid=valid, **rooms) == pytest.approx(1.0)
    assert math.isnan(variation.variation(pred=pred[:1], depth=depth[:1], valid=valid[:1], **rooms))


def test_failure_signs_are_read_off_the_last_epoch():
    def history(share, variation, loss):
        first = {"epoch": 1, "true_recognised": 0.5, "val_adversarial": 0.5}
        last = {"true_recognised": share + 0.02, "val_true_recognised": share, "val_false_recognised": share}
        return training.History([first, {"epoch": 2, **last, "val_adversarial": loss, "val_variation": variation}])

    frame = study.failure_signs({"lost": history(0.97, 0.1, 2.0), "fine": history(0.6, 0.8, 0.6)})
    assert frame["training"].tolist() == ["lost", "fine"]
    assert frame["discriminator has won"].tolist() == frame["collapsed"].tolist() == [True, False]
    assert frame["adversarial loss, last / first"].tolist() == pytest.approx([4.0, 1.2])
    assert frame["memorised"].tolist() == pytest.approx([0.02, 0.02])


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_resumed_at_any_epoch_gives_the_same_bits(tmp_path):
    def train(epochs, checkpoint):
        players = generator(), discriminator()
        history = fit(*players, val=Toy(4, seed=1), epochs=epochs, checkpoint=checkpoint, augment=AUGMENT)
        return players, history.frame.drop(columns="seconds")

    undisturbed, history = train(4, None)
    for stop in (1, 2, 3):
        file = tmp_path / f"{stop}.ckpt"
        train(stop, file)
        resumed, rows = train(4, file)
        assert all(same(a.model, b.model) for a, b in zip(undisturbed, resumed, strict=True)), f"after epoch {stop}"
        assert rows.equals(history)


@pytest.mark.parametrize(
    ("options", "players", "said"),
    [
        ({"adversarial_weight": 0.2}, {}, "adversarial_weight 0.1, now 0.2"),
        ({"seed": 3}, {}, "seed 0, now 3"),
        ({"epochs": 1}, {}, "2 epochs, now 1"),
        ({}, {"other": lambda: discriminator(channels=5)}, "discriminator weights .*, now"),
        ({}, {"one": lambda: generator(width=5)}, "generator weights .*, now"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(tmp_path, options, players, said):
    file = tmp_path / "gan.ckpt"
    fit(generator(), discriminator(), checkpoint=file)
    one, other = players.get("one", generator)(), players.get("other", discriminator)()
    with pytest.raises(ValueError, match=f"gan.ckpt belongs to another training .*{said}"):
        fit(one, other, checkpoint=file, **options)


def test_checkpoints_of_one_and_of_two_players_are_not_confused(tmp_path):
    file = tmp_path / "gan.ckpt"
    player = generator()
    training.fit(player.model, Toy(), optimizer=player.optimizer, epochs=1, checkpoint=file, **QUICK)
    with pytest.raises(ValueError, match="belongs to another training"):
        fit(generator(), discriminator(), checkpoint=file)
    two = tmp_path / "two.ckpt"
    fit(generator(), discriminator(), checkpoint=two)
    with pytest.raises(ValueError, match="belongs to another training"):
        training.fit(player.model, Toy(), optimizer=player.optimizer, epochs=2, checkpoint=two, **QUICK)


def test_the_same_weights_made_otherwise_are_refused(tmp_path):
    file = tmp_path / "gan.ckpt"
    fit(generator(), discriminator(spectral=True), checkpoint=file)
    with pytest.raises(ValueError, match=r"(?s)gan.ckpt does not fit this training .*delete"):
        fit(generator(), discriminator(spectral=False), checkpoint=file)


TRAINED = """
from functools import partial
from test_adversarial import AUGMENT, Toy, discriminator, fit, generator

def train(checkpoint):
    one, other = generator(width=1024), discriminator(channels=32)
    fit(one, other, Toy(8, (16, 16)), Toy(4, (16, 16), seed=1), epochs=10, augment=AUGMENT, checkpoint=checkpoint)
    return {**one.model.state_dict(), **{f"d.{k}": v for k, v in other.model.state_dict().items()}}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_ten_times_both_players_end_with_the_same_bits(tmp_path):
    one, other, epochs = killed_ten_times(TRAINED, tmp_path)
    assert same(one, other)
    assert not list(tmp_path.glob("*.part"))
    assert any(0 < n < 10 for n in epochs), "no kill came in the middle: this proves nothing"


# --- what must not happen ---------------------------------------------------------------------------------------------


def test_a_non_finite_loss_names_epoch_batch_and_samples(tmp_path):
    one, other = generator(plain=True), discriminator()
    before = [{k: v.clone() for k, v in player.model.state_dict().items()} for player in (one, other)]
    with pytest.raises(training.NonFiniteLoss, match=r"the loss is nan in epoch 1, batch \d, samples frame_0_0"):
        fit(one, other, Poisoned(5), checkpoint=tmp_path / "gan.ckpt")
    assert same(one.model, before[0]) and same(other.model, before[1])
    assert not list(tmp_path.iterdir())


def test_a_discriminator_that_explodes_is_named(tmp_path):
    class Explodes(PatchDiscriminator):
        def forward(self, image, depth, valid):
            return super().forward(image, depth, valid) * math.inf

    torch.manual_seed(0)
    net = Explodes(channels=4, layers=1)
    with pytest.raises(training.NonFiniteLoss, match=r"the discriminator is (nan|inf) in epoch 1, batch 1, samples"):
        fit(generator(), Player(net, SGD(net.parameters(), lr=0.1)))


def test_refusals_say_what_to_do():
    for options, said in (
        ({"adversarial_weight": -0.1}, "expected 0 .no adversary. or more"),
        ({"adversarial_weight": math.nan}, "expected 0 .no adversary. or more"),
        ({"epochs": 0}, "at least 1, found 0"),
        ({"val": Toy(0)}, "pass val=None"),
        ({"one": Player(Net(), generator().optimizer)}, "parameters of another model"),
    ):
        options = dict(options)
        with pytest.raises(ValueError, match=said):
            fit(options.pop("one", generator()), discriminator(), **options)


def test_modes_and_random_state_are_left_as_found():
    one, other = generator(), discriminator()
    one.model.train(), other.model.eval()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(one, other, val=Toy(4, seed=1))
    assert torch.equal(torch.rand(3), expected)
    assert one.model.training and not other.model.training
    assert all(parameter.requires_grad for parameter in other.model.parameters())


def test_progress_reports_both_players(capsys):
    fit(generator(), discriminator(), val=Toy(4, seed=1), progress=True, name="toy")
    said = capsys.readouterr()
    assert said.err == ""
    last = said.out.splitlines()[-1]
    assert last.startswith("toy epoch 2/2: train loss ") and "true depth recognised 0." in last


def test_bf16_trains_both_and_keeps_float32_weights():
    one, other = generator(), discriminator()
    rows = fit(one, other, val=Toy(4, seed=1), precision="bf16-mixed").rows
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert {p.dtype for player in (one, other) for p in player.model.parameters()} == {torch.float32}


TOGETHER = """
from test_adversarial import Toy, discriminator, fit, generator
from depthnb.training.launch import launched

def train():
    assert launched()[1] == 2
    one, other = generator(plain=True, rate=0.005), discriminator(rate=0.001)
    for epochs in (2, 4):  # the second call goes on from the checkpoint
        history = fit(one, other, Toy(8), Toy(4, seed=1), epochs=epochs, checkpoint=sys.argv[1] + "/two.ckpt")
    return {"one": one.model.state_dict(), "other": other.model.state_dict(), "row": history.rows[-1]}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_train_both_players(tmp_path):
    """Same bits in both processes, nearly those of one process; that torchrun starts them is a test of fit()."""
    results, _ = train_together(TOGETHER, tmp_path, [2])
    first, second = results[2]
    assert same(first["one"], second["one"]) and same(first["other"], second["other"])
    one, other = generator(plain=True, rate=0.005), discriminator(rate=0.001)
    row = fit(one, other, Toy(8), Toy(4, seed=1), epochs=4).rows[-1]
    assert row["val_loss"] == pytest.approx(first["row"]["val_loss"], rel=0.02)
    assert row["val_variation"] == pytest.approx(first["row"]["val_variation"], rel=0.02)
    for key, value in one.model.state_dict().items():
        assert torch.allclose(value, first["one"][key], atol=0.01), key
