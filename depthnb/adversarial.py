"""fit(): a depth model and a discriminator trained against each other, on the loop of every other training.

Its place is not models/gan.py, because models import no data and no training.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import training
from depthnb.data import transforms
from depthnb.loop import History, Loop, Player, check_data, left_as_found
from depthnb.models.gan import patch_loss, recognised

__all__ = ["COLLAPSED", "WON", "Player", "Variation", "failure_signs", "fit", "variation"]

WON = 0.95  # a discriminator that calls more than this right, of both kinds, has nothing left to teach
COLLAPSED = 0.3  # a generator that varies less than this, relative to the truth, answers all photographs alike


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
    (see `variation`; near 0 means that the generator answers every photograph alike).

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
        self.varied = Variation()
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


class Variation:
    """How much depth maps vary from photograph to photograph, summed up batch by batch; see `variation`."""

    def __init__(self) -> None:
        self.sums: Tensor | None = None  # [5,1,H,W]: count, then sum and sum of squares of log depth: predicted, true

    def add(self, *, pred: Tensor, depth: Tensor, valid: Tensor) -> None:
        logs = [torch.where(valid, x.float().clamp_min(0.01), 1.0).log() for x in (pred, depth)]
        parts = [valid.float(), *(part for log in logs for part in (log, log.square()))]
        sums = torch.stack([part.sum(0) for part in parts])
        self.sums = sums if self.sums is None else self.sums + sums

    def ratio(self) -> float:
        count, pred, pred_squares, true, true_squares = self.sums
        often = count >= 2
        count = count.clamp_min(1)
        of_pred, of_true = (
            (squares / count - (total / count).square())[often].clamp_min(0).sum()
            for total, squares in ((pred, pred_squares), (true, true_squares))
        )
        return float((of_pred / of_true).sqrt()) if of_true > 0 else float("nan")


def variation(*, pred: Tensor, depth: Tensor, valid: Tensor) -> float:
    """How much predictions vary from image to image at the same pixel, relative to the truth: 1 as much, 0 not at all.

    pred, depth: [B,1,H,W] metres; valid: bool [B,1,H,W]. Root of the ratio of two variances of log depth over the images,
    each averaged over the pixels that are valid in two images or more; depth below 1 cm counts as 1 cm. 0 is what *mode
    collapse* looks like in a conditional GAN: one answer for every photograph. NaN where the truth does not vary.

    >>> depth = torch.tensor([1.0, 4.0]).view(2, 1, 1, 1)
    >>> same = torch.full_like(depth, 2.0)
    >>> round(variation(pred=depth.sqrt(), depth=depth, valid=depth > 0), 4)
    0.5
    >>> variation(pred=same, depth=depth, valid=depth > 0)
    0.0
    """
    varied = Variation()
    varied.add(pred=pred, depth=depth, valid=valid)
    return varied.ratio()


def failure_signs(histories: Mapping[str, History]) -> pd.DataFrame:
    """The two ways in which adversarial training fails, looked for in its last epoch, one row a training.

    histories: name -> History of `fit`, trained with a validation split. Columns, all on validation frames: `true recognised`
    and `predicted recognised`, shares; `discriminator has won`, both above `WON`; `memorised`, by how much more of the true
    patches it recognises on the training frames, which it has seen before; `adversarial loss` of the last epoch over that of
    the first, which grows when the generator falls behind; `variation`, as the function of that name, and `collapsed`, below
    `COLLAPSED`.
    """
    rows = []
    for name, history in histories.items():
        first, last = history.rows[0], history.rows[-1]
        shares = {key: last[f"val_{key}_recognised"] for key in ("true", "false")}
        rows.append(
            {
                "training": name,
                "true recognised": shares["true"],
                "predicted recognised": shares["false"],
                "discriminator has won": min(shares.values()) > WON,
                "memorised": last["true_recognised"] - shares["true"],
                "adversarial loss, last / first": last["val_adversarial"] / first["val_adversarial"],
                "variation": last["val_variation"],
                "collapsed": last["val_variation"] < COLLAPSED,
            }
        )
    return pd.DataFrame(rows)
