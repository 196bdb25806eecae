"""The loop: every training of nets goes through `Loop.run`, epoch by epoch, and `Loop.learn`, batch by batch."""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import lightning_fabric as lightning
import torch
from torch import Tensor, nn

from depthnb.metrics.processes import one_batch
from depthnb.training.engine import better_batch_size, fabric, share, share_statistics, too_small
from depthnb.training.history import History
from depthnb.training.journal import Journal
from depthnb.training.means import Means, NonFiniteLoss, refuse_bad_weights
from depthnb.training.settings import Player, Settings
from depthnb.training.undo import undone_when_stopped, uninterrupted

__all__ = ["Loop", "NonFiniteLoss", "Objective", "seed_for"]


class Objective:
    """What a batch teaches: a training of one net has one loss, one of two players has a loss for each of them.

    A subclass implements `losses` and `judge`. Both call note(loss=..., other=...) with scalars, means over the images of the
    batch. Their means over the data set become the history's columns train_loss and val_loss, other and val_other.

    Attributes:
        engine, players: of this training.
        nets: name -> the player's model, set up for device, precision and processes.
        shown: column of the history -> label, for the progress display.
    """

    shown: Mapping[str, str] = MappingProxyType({})

    def begin(self, engine: lightning.Fabric, players: Mapping[str, Player], nets: Mapping[str, nn.Module]) -> None:
        self.engine, self.players, self.nets = engine, players, nets

    def identity(self) -> dict[str, Any]:
        """Further plain values that a checkpoint must agree on."""
        return {}

    def losses(self, batch: dict, note: Callable[..., None]) -> Iterator[tuple[str, Tensor]]:
        """Names of players and what each shall make smaller, one after the other: the loop makes a step after each."""
        raise NotImplementedError

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        """Measure a batch of the validation split."""
        raise NotImplementedError

    def before_validation(self, val) -> None:
        """Get ready for a pass over the validation split."""

    def after_validation(self) -> dict[str, float]:
        """What was measured over the whole split and is no mean over its images."""
        return {}


class Loop:
    """Trains the players of an objective: `run` counts epochs, `learn` goes through the batches of one; see `training.fit`.

    Args:
        objective: what they learn.
        players: name -> model, optimiser and scheduler; the first one is the depth model. They are changed in place.
        train, val: data sets; val may be None.
        settings: how to train.
    """

    def __init__(self, objective: Objective, players: Mapping[str, Player], train, val, settings: Settings) -> None:
        _check(players, train, val)
        self.objective, self.players, self.train, self.val, self.settings = objective, players, train, val, settings
        self.engine = fabric(settings.device, settings.precision)
        if settings.batch_size < self.engine.world_size:
            raise ValueError(
                f"batch_size {settings.batch_size} is shared by {self.engine.world_size} processes: give each an image"
            )
        self.augment = _writing_over(settings.augment, train)
        self.models = {name: player.model for name, player in players.items()}
        self.parts = {key: part for name, player in players.items() for key, part in player.parts(name).items()}

    def run(self) -> History:
        """All epochs, from the checkpoint on if there is one: learn, validate, let the schedulers step, write it down."""
        first = next(iter(self.players.values()))
        with _left_as_found(self.models.values(), self.engine.device):
            self._set_up()
            with self._journal() as journal:
                self._refuse_bad_weights("before its first epoch", begun=False)
                for epoch in journal.epochs():
                    with undone_when_stopped(self.parts):
                        learning_rate = max(group["lr"] for group in first.optimizer.param_groups)
                        learnt = self.learn(epoch, journal)
                        judged = {} if self.val is None else self.validate(epoch)
                        losses = {"train_loss": learnt.pop("loss"), "val_loss": judged.pop("loss", None)}
                        for player in self.players.values():
                            player.step_scheduler(losses["val_loss"])
                        more = {**learnt, **{f"val_{name}": value for name, value in judged.items()}}
                        journal.finish(epoch, losses, learning_rate=learning_rate, **more)
        return journal.history

    def learn(self, epoch: int, journal: Journal) -> dict[str, float]:
        """One pass over the training frames, a step for each batch: forward, loss, backward, step.

        Returns:
            The means.
        """
        settings, engine = self.settings, self.engine
        torch.manual_seed(seed_for("epoch", settings.seed, epoch, engine.global_rank))  # of dropout
        self._set_modes(training=True)
        means, order = Means(f"epoch {epoch}", engine), _order(len(self.train), epoch, settings)
        with self._single_images_explained():
            for number, chunk in enumerate(order.split(settings.batch_size), start=1):
                batch, part = self._share(self.train, chunk)
                if self.augment is not None:
                    batch = self.augment(batch, seed=settings.seed, epoch=epoch)
                means.begin(number, batch, own=part > 0)
                with one_batch(engine.world_size, belongs=part > 0):
                    for name, loss in self.objective.losses(batch, means.note):  # forward
                        optimizer = self.optimizers[name]
                        optimizer.zero_grad(set_to_none=True)
                        engine.backward(loss * part * engine.world_size)  # gradients are averaged over processes
                        optimizer.step()
                journal.batch(epoch, number)
        measured = means.result()  # first: a loss that is not finite tells more than a weight
        for model in self.models.values():
            share_statistics(model, engine)
        self._refuse_bad_weights(f"after epoch {epoch}", begun=True)
        return measured

    @torch.no_grad()
    def validate(self, epoch: int) -> dict[str, float]:
        """One pass over the validation frames, in eval mode.

        Returns:
            The means.
        """
        self._set_modes(training=False)
        means = Means(f"the validation of epoch {epoch}", self.engine)
        self.objective.before_validation(self.val)
        for number, chunk in enumerate(torch.arange(len(self.val)).split(self.settings.batch_size), start=1):
            batch, part = self._share(self.val, chunk)
            means.begin(number, batch, own=part > 0)
            with one_batch(self.engine.world_size, belongs=part > 0):
                self.objective.judge(batch, means.note)
        return means.result() | self.objective.after_validation()

    def _refuse_bad_weights(self, when: str, *, begun: bool) -> None:
        for name, model in self.models.items():
            refuse_bad_weights(model, f"{name} " if len(self.models) > 1 else "", when, begun=begun)

    def _set_up(self) -> None:
        """Device, precision and processes; what the engine sets up shares its weights with the model of the caller."""
        ready = {name: self.engine.setup(player.model, player.optimizer) for name, player in self.players.items()}
        self.optimizers = {name: optimizer for name, (_, optimizer) in ready.items()}
        self.objective.begin(self.engine, self.players, {name: net for name, (net, _) in ready.items()})

    def _journal(self) -> Journal:
        batches = math.ceil(len(self.train) / self.settings.batch_size)
        return Journal(
            self.settings,
            self.parts,
            identity=self.settings.identity(self.players, self.train) | self.objective.identity(),
            engine=self.engine,
            batches=batches,
            steps=batches,
            shown=self.objective.shown,
        )

    def _set_modes(self, *, training: bool) -> None:
        for model in self.models.values():
            model.train(training)

    def _share(self, dataset, chunk: Tensor) -> tuple[dict, float]:
        """This process's images of a batch, on its device, and which part of the batch they are; 0 when borrowed."""
        indices, own = share(chunk, self.engine.global_rank, self.engine.world_size)
        return self.engine.to_device(dataset.batch(indices)), own / len(chunk)

    @contextlib.contextmanager
    def _single_images_explained(self) -> Iterator[None]:
        """Say which batch size avoids a batch of one image, where batch normalisation cannot train on it."""
        frames, size, processes = len(self.train), self.settings.batch_size, self.engine.world_size
        try:
            yield
        except ValueError as error:
            if "value per channel" not in str(error) or not too_small(size, frames, processes):
                raise
            better = better_batch_size(size, frames, processes)
            remedy = f"take batch_size {better}, which leaves none" if better else "take more frames"
            raise ValueError(
                f"{frames} frames in batches of {size} leave a single image for "
                f"{'one of the processes' if processes > 1 else 'the last batch'}, and at this size of image batch "
                f"normalisation cannot train on one alone: {remedy}, or larger images"
            ) from error


def seed_for(*parts: object) -> int:
    """A 32-bit seed from any parts, the same on every machine (Python's own hash is salted).

    >>> seed_for(0, 1, "bedroom_0001_02") == seed_for(0, 1, "bedroom_0001_02")
    True
    """
    return zlib.crc32("/".join(map(str, parts)).encode())


def _writing_over(augment: Callable[..., dict] | None, dataset) -> Callable[..., dict] | None:
    """An augmentation, told that it may write over a batch if it wants to know, and if the data set keeps no hold of it."""
    keeps = not getattr(dataset, "new_batches", False)
    if augment is None or keeps or "in_place" not in inspect.signature(augment).parameters:
        return augment
    return functools.partial(augment, in_place=True)


def _order(frames: int, epoch: int, settings: Settings) -> Tensor:
    """The numbers of all frames in the order of this epoch."""
    if not settings.shuffle:
        return torch.arange(frames)
    generator = torch.Generator().manual_seed(seed_for("order", settings.seed, epoch))
    return torch.randperm(frames, generator=generator)


def _check(players: Mapping[str, Player], train, val) -> None:
    """Raise ValueError for an empty split, or players whose parts do not belong together."""
    if not len(train):
        raise ValueError(f"the training split of {getattr(train, 'name', 'the data set')} is empty")
    if val is not None and not len(val):
        raise ValueError("the validation split is empty; pass val=None to train without one")
    for player in players.values():
        player.check(validated=val is not None)


@contextlib.contextmanager
def _left_as_found(models: Iterable[nn.Module], device: torch.device) -> Iterator[None]:
    """Modes, memory format and torch's random state as they were, however the training ends; channels_last in between.

    Without that, a notebook that builds a second net after a resumed training would start it from other weights than after
    an undisturbed one.
    """
    models = list(models)
    modes = {module: module.training for model in models for module in model.modules()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            for model in models:
                model.to(memory_format=torch.channels_last)
            yield
        finally:
            with uninterrupted():
                for model in models:
                    model.to(memory_format=torch.contiguous_format)
                for module, training in modes.items():
                    module.training = training
