"""fit(): a depth model and a discriminator trained against each other, on the loop of every other training.

Its place is not models/gan.py, because models import no data and no training.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from depthnb import training
from depthnb.data import transforms
from depthnb.metrics.variation import Variation
from depthnb.models.gan import patch_loss, recognised
from depthnb.training.loop import History, Loop, Player, check_data, left_as_found

__all__ = ["Player", "fit"]


def fit(
    generator: Player,
    discriminator: Player,
    train,
    val=None,
    *,
    loss: training.Loss,
    adversarial_weight: float,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    augment: Callable[..., dict] | None = None,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint: str | os.PathLike | None = None,
    name: str = "",
    progress: bool = True,
) -> History:
    """Train a depth model on a supervised loss and on the judgement of a discriminator that learns to tell it from the truth.

    generator: any depth model, image [B,3,H,W] -> metres [B,1,h,w]. discriminator: a `PatchDiscriminator`, called with image,
    depth and mask. Each batch first teaches the discriminator (true depth against prediction, under the same mask of
    valid pixels: the holes of the sensor must not give the truth away), then the generator, which descends loss +
    adversarial_weight * (its `patch_loss`). At weight 0 the discriminator is a spectator: it learns and is heard by nobody,
    and the generator ends with the very bits that `training.fit` gives it.

    train, val, loss, epochs, batch_size, seed, augment, device, precision, checkpoint, name, progress: as for `training.fit`,
    whose promises hold: atomic checkpoints of both players, the same bits after a kill, masks, non-finite losses refused with
    epoch, batch and samples, any number of processes. Losses train_loss and val_loss are the supervised one alone, and so
    comparable with other trainings.

    Returns a History with further columns, each with a val_ twin on the validation split: `adversarial` (the generator's
    patch loss, unweighted) and `discriminator` (its loss; ln 2 is guessing), `true_recognised` and `false_recognised` (share
    of patches of true and of predicted depth that it calls right; both near 1 means that it has won), and `val_variation`
    (see `metrics.variation`; near 0 means that the generator answers every photograph alike).

    Raises as `training.fit`, and ValueError for a weight below 0.
    """
    if not adversarial_weight >= 0:
        raise ValueError(f"adversarial_weight is {adversarial_weight}; expected 0 (no adversary) or more")
    check_data(train, val, epochs=epochs, batch_size=batch_size)
    precision = training.fast_precision(device) if precision == "auto" else precision
    players = {"generator": generator, "discriminator": discriminator}
    settings = {}
    for role, player in players.items():
        player.check()
        settings |= {f"{role} {key}": value for key, value in player.settings().items()}
    settings |= {
        "adversarial_weight": adversarial_weight,
        "training frames": len(train),
        "data": str(getattr(train, "fingerprint", "")),
        "batch_size": batch_size,
        "seed": seed,
        "precision": precision,
    }
    engine = training.fabric(device, precision)
    with left_as_found([player.model for player in players.values()], engine.device):
        options = {"batch_size": batch_size, "seed": seed, "augment": augment, "shuffle": True}
        loop = _Adversarial(engine, players, loss=loss, weight=adversarial_weight, **options)
        file = Path(checkpoint) if checkpoint is not None else None
        return loop.run(train, val, epochs=epochs, settings=settings, file=file, name=name, progress=progress)


class _Adversarial(Loop):
    """A generator that learns from the truth and from its discriminator, and a discriminator that learns from both."""

    also = MappingProxyType(
        {"val_true_recognised": "true depth recognised", "val_false_recognised": "predicted depth recognised"}
    )

    def __init__(self, engine, players: dict[str, Player], *, loss: training.Loss, weight: float, **options) -> None:
        super().__init__(engine, players, **options)
        self.loss, self.weight = loss, weight

    def learn(self, batch: dict, share: float, note: Callable[..., None]) -> None:
        image, depth, valid, pred = self._predicted(batch)
        loss = self.loss(pred=pred, depth=depth, valid=valid)
        note(loss=loss)
        opponent, _ = self.wrapped["discriminator"]
        lesson, _ = self._opinions(opponent, image, depth, valid, pred.detach(), note)
        self.update("discriminator", lesson * share)
        with self._only_a_judge() as judge, torch.set_grad_enabled(self.weight > 0):
            adversarial = patch_loss(judge(image, pred, valid), judge.judged(valid), true=True)
        note(adversarial=adversarial)
        total = loss + self.weight * adversarial if self.weight > 0 else loss
        self.update("generator", total * share)

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        image, depth, valid, pred = self._predicted(batch)
        note(loss=self.loss(pred=pred, depth=depth, valid=valid))
        with self._only_a_judge() as judge:
            _, logits = self._opinions(judge, image, depth, valid, pred, note)
        note(adversarial=patch_loss(logits, judge.judged(valid), true=True))
        self.varied.add(pred=pred, depth=depth, valid=valid)

    def validate(self, val, epoch: int) -> dict[str, float]:
        self.varied = Variation(val.protocol)
        means = super().validate(val, epoch)
        if self.engine.world_size > 1:
            self.varied.sums = self.engine.all_reduce(self.varied.sums, reduce_op="sum")
        return {**means, "variation": self.varied.ratio()}

    def _predicted(self, batch: dict) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image, true depth, mask and prediction, all at the size of the prediction."""
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        generator, _ = self.wrapped["generator"]
        pred = generator(image)
        size = tuple(pred.shape[-2:])
        if image.shape[-2:] != size:
            image = transforms.resize_image(image, size)
        return image, *training.at_size(batch, size), pred

    def _opinions(self, discriminator, image, depth, valid, pred, note) -> tuple[Tensor, Tensor]:
        """The discriminator's loss, and its logits of the predictions; both halves go through it in one batch."""
        logits = discriminator(image.repeat(2, 1, 1, 1), torch.cat([depth, pred]), valid.repeat(2, 1, 1, 1))
        true, false = logits.chunk(2)
        counts = self.players["discriminator"].model.judged(valid)
        loss = (patch_loss(true, counts, true=True) + patch_loss(false, counts, true=False)) / 2
        note(
            discriminator=loss,
            true_recognised=recognised(true, counts, true=True),
            false_recognised=recognised(false, counts, true=False),
        )
        return loss, false

    @contextlib.contextmanager
    def _only_a_judge(self) -> Iterator[nn.Module]:
        """The discriminator itself, not to be changed: gradients pass through it and leave none in it.

        Not the wrapped one: under several processes that would wait for gradients of its own.
        """
        model = self.players["discriminator"].model
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter in learning:
            parameter.requires_grad_(False)
        try:
            with self.engine.autocast():
                yield model
        finally:
            for parameter in learning:
                parameter.requires_grad_(True)
