"""fit(): a depth model and a discriminator trained against each other, on the loop of every other training.

Its place is not models/gan.py, because models import no data and no training.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from depthnb import training
from depthnb.data import transforms
from depthnb.metrics.processes import in_batch
from depthnb.metrics.variation import Variation
from depthnb.models.gan import patch_loss, recognised
from depthnb.training.history import History
from depthnb.training.loop import Loop, Objective
from depthnb.training.settings import Player, Settings, described

__all__ = ["Player", "fit"]


def fit(
    generator: Player,
    discriminator: Player,
    train,
    val=None,
    *,
    loss: training.Loss,
    adversarial_weight: float,
    **settings: Any,
) -> History:
    """Train a depth model on a supervised loss and on the judgement of a discriminator that learns to tell it from the truth.

    Each batch first teaches the discriminator (true depth against prediction, under the same mask of valid pixels: the holes
    of the sensor must not give the truth away), then the generator, which descends loss + adversarial_weight * (its
    `patch_loss`). At weight 0 the discriminator is a spectator: it learns and is heard by nobody, and the generator ends with
    the very bits that `training.fit` gives it.

    Args:
        generator: any depth model, image [B,3,H,W] -> metres [B,1,h,w], with optimiser and scheduler.
        discriminator: a `PatchDiscriminator`, called with image, depth and mask, with optimiser and scheduler.
        train, val, loss: as for `training.fit`. train_loss and val_loss are this loss alone, and so comparable with other
            trainings.
        adversarial_weight: 0 or more.
        **settings: as for `training.fit`, whose promises hold here too, for both players.

    Returns:
        A History with further columns, each with a val_ twin on the validation split: `adversarial` (the generator's patch
        loss, unweighted) and `discriminator` (its loss; ln 2 is guessing), `true_recognised` and `false_recognised` (share
        of patches of true and of predicted depth that it calls right; both near 1 means that it has won), and
        `val_variation` (see `metrics.variation`; near 0 means that the generator answers every photograph alike).

    Raises:
        ValueError: for a weight below 0, and as `training.fit`, as are the others.
    """
    if not adversarial_weight >= 0:
        raise ValueError(f"adversarial_weight is {adversarial_weight}; expected 0 (no adversary) or more")
    players = {"generator": generator, "discriminator": discriminator}
    return Loop(_Adversarial(loss, adversarial_weight), players, train, val, Settings(**settings)).run()


class _Adversarial(Objective):
    """A generator that learns from the truth and from its discriminator, and a discriminator that learns from both."""

    shown = MappingProxyType(
        {"val_true_recognised": "true depth recognised", "val_false_recognised": "predicted depth recognised"}
    )

    def __init__(self, loss: training.Loss, weight: float) -> None:
        self.loss, self.weight = loss, weight

    def identity(self) -> dict[str, Any]:
        return {"loss": described(self.loss), "adversarial_weight": self.weight}

    def losses(self, batch: dict, note: Callable[..., None]) -> Iterator[tuple[str, Tensor]]:
        image, depth, valid, pred = self._predicted(batch)
        loss = self.loss(pred=pred, depth=depth, valid=valid)
        note(loss=loss)
        lesson, _ = self._opinions(self.nets["discriminator"], image, depth, valid, pred.detach(), note)
        yield "discriminator", lesson
        with self._only_a_judge() as judge, torch.set_grad_enabled(self.weight > 0):
            adversarial = patch_loss(judge(image, pred, valid), judge.judged(valid), true=True)
        note(adversarial=adversarial)
        yield "generator", loss + self.weight * adversarial if self.weight > 0 else loss

    def before_validation(self, val) -> None:
        self.varied = Variation(val.protocol)

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        image, depth, valid, pred = self._predicted(batch)
        note(loss=self.loss(pred=pred, depth=depth, valid=valid))
        with self._only_a_judge() as judge:
            _, logits = self._opinions(judge, image, depth, valid, pred, note)
        note(adversarial=patch_loss(logits, judge.judged(valid), true=True))
        self.varied.add(pred=pred, depth=depth, valid=valid & in_batch())

    def after_validation(self) -> dict[str, float]:
        if self.engine.world_size > 1:
            self.varied.sums = self.engine.all_reduce(self.varied.sums, reduce_op="sum")
        return {"variation": self.varied.ratio()}

    def _predicted(self, batch: dict) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image, true depth, mask and prediction, all at the size of the prediction."""
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        pred = self.nets["generator"](image)
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
