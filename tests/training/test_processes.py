"""Several processes train what one would: every loss, with shares of unequal size and unequal numbers of valid pixels."""

import os
from functools import partial

import pytest
import torch
from forks import train_together
from torch.optim import SGD
from toys import Net, Toy, l1, same

from depthnb import losses, training
from depthnb.metrics import processes
from depthnb.models import PatchDiscriminator
from depthnb.models.hma import scale_loss
from depthnb.studies import bn_cnn, today
from depthnb.training import adversarial


def positive(loss, **options):
    """A loss that takes a logarithm of the prediction, for a net whose answers have any sign."""

    def of_exponential(*, pred, depth, valid):
        return loss(pred=pred.exp(), depth=depth, valid=valid, **options)

    return of_exponential


def of_two(*, pred, depth, valid):
    """Put together from ours, as notebook 04 does it."""
    maps = {"pred": pred, "depth": depth, "valid": valid}
    return losses.ssim(**maps, data_range=10.0, window=3) + losses.mare(**maps, edge_weighting=True)


def repeated(loss, channels: int):
    """A loss of several maps, for a net that answers one: each is a multiple of it, and above 0."""

    def of_multiples(*, pred, depth, valid):
        maps = pred.exp() * torch.arange(1, channels + 1).view(1, -1, 1, 1)
        return loss(pred=maps, depth=depth, valid=valid)

    return of_multiples


LOSSES = {
    "l1": losses.l1,
    "mse": losses.mse,
    "log_l1": positive(losses.log_l1),
    "mare": losses.mare,
    "gradient": losses.gradient,
    "ssim": partial(losses.ssim, data_range=10.0, window=3),
    "ssim and mare": of_two,
    "silog of images": positive(losses.silog, lam=0.85),
    "silog of pixels": positive(losses.silog, lam=0.85, root=True, factor=10.0, per_image=False),
    "densedepth": positive(losses.densedepth, max_depth=10.0),
    "scale_shift_invariant": losses.scale_shift_invariant,
    "scale_shift_invariant, robust, of images": partial(losses.scale_shift_invariant, robust=True, per_image=True),
    "gradient_matching": losses.gradient_matching,
    "gradient_matching, robust": partial(losses.gradient_matching, robust=True),
    "midas": losses.midas,
    "midas, squared": partial(losses.midas, robust=False),
    "keras_example": partial(losses.keras_example, data_range=10.0, window=3),
    "in another unit": partial(bn_cnn.loss_in_unit, losses.mse, 10.0),
    "every scale": repeated(scale_loss(losses.silog, 0.5), channels=3),
    "today": positive(today.loss, scales=2),
    "today, with doubt": repeated(partial(today.loss_with_doubt, scales=2), channels=2),
    "the user's own, of images": l1,
}


class Uneven(Toy):
    """Every frame has another number of valid rows, one has none; the holes hold NaN."""

    def __init__(self, frames: int, *, seed: int = 0) -> None:
        super().__init__(frames, seed=seed)
        rows = torch.arange(16).view(1, 1, 16, 1)
        first = torch.tensor([0, 12, 3, 16, 9, 1, 13, 6, 2, 11])[:frames].view(-1, 1, 1, 1)
        self.valid = (rows >= first).expand_as(self.depth).clone()
        self.depth[~self.valid] = torch.nan


def trained(name: str) -> tuple[dict, dict]:
    """Weights and row after an epoch: 9 frames in batches of 4, so that the last batch has a single image."""
    net = Net(plain=True)
    data = Toy if "own" in name else Uneven  # the user's own counts every image, with or without truth
    history = training.fit(
        net, data(9), data(5, seed=1), loss=LOSSES[name], optimizer=SGD(net.parameters(), lr=0.01), epochs=1,
        batch_size=4, device="cpu", name=name,
    )  # fmt: skip
    return net.state_dict(), history.rows[-1]


def played() -> tuple[dict, dict]:
    """The same of two players."""
    torch.manual_seed(0)
    nets = PatchDiscriminator(channels=4, layers=1, spectral=True), Net(plain=True)
    two, one = (adversarial.Player(net, SGD(net.parameters(), lr=0.01)) for net in nets)
    history = adversarial.fit(
        one, two, Uneven(9), Uneven(5, seed=1), loss=losses.l1, adversarial_weight=0.1, epochs=1, batch_size=4,
        device="cpu", name="gan",
    )  # fmt: skip
    return {**one.model.state_dict(), **{f"d.{k}": v for k, v in two.model.state_dict().items()}}, history.rows[-1]


SOURCE = """
from test_processes import LOSSES, played, trained

def train():
    return {**{name: trained(name) for name in LOSSES}, "gan": played()}
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_every_loss_is_that_of_one_process(tmp_path):
    results, printed = train_together(SOURCE, tmp_path, (2, 3))
    alone = {**{name: trained(name) for name in LOSSES}, "gan": played()}
    for first, *others in results.values():
        for name, (weights, row) in alone.items():
            assert all(same(first[name][0], each[name][0]) for each in others), name
            for key, value in weights.items():
                torch.testing.assert_close(
                    first[name][0][key], value, rtol=1e-4, atol=2e-6, msg=partial("{}: {}".format, name)
                )
            for column in row.keys() - {"seconds"}:
                # a deviation is small beside the depths that it is of, so that their rounding weighs more
                near = pytest.approx(row[column], rel=1e-3 if column == "val_variation" else 1e-4, abs=2e-6)
                assert first[name][1][column] == near, f"{name}: {column}"
    for name in alone:
        lines = [line for line in printed.splitlines() if line.startswith(f"{name} epoch 1/1: ")]
        assert len(lines) == len(results), f"{name}: the first process alone prints"


def test_a_sum_inside_one_process_is_left_alone():
    total = torch.rand(3)
    with processes.one_batch(1, belongs=True):
        assert processes.sum_over_processes(total) is total and processes.in_batch()
    assert processes.sum_over_processes(total) is total
