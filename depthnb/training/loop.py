"""The loop under every training: epochs, the order of frames, shares of processes, losses watched, nothing lost in a kill."""

from __future__ import annotations

import contextlib
import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import lightning_fabric as lightning
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from depthnb.training import checkpoints
from depthnb.training.progress import Progress

CHECK_EVERY = 16  # batches between two looks at the losses on a GPU, where each look waits for the device


class NonFiniteLoss(RuntimeError):
    """A loss, or a weight, became NaN or infinite; the message names epoch, batch and samples."""


@dataclass
class History:
    """One row per epoch: epoch (from 1), train_loss, val_loss (None without validation), learning_rate, seconds.

    learning_rate is the highest of the (first) optimiser's groups during that epoch; seconds is its wall time, validation
    included. A training that measures more, such as that of two players, adds its columns behind.
    """

    rows: list[dict] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        columns = ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]
        return pd.DataFrame(self.rows, columns=[*dict.fromkeys([*columns, *(key for row in self.rows for key in row)])])

    @property
    def seconds(self) -> float:
        """Seconds of all epochs, those before an interruption included."""
        return float(sum(row["seconds"] for row in self.rows))


@dataclass
class Player:
    """A model that learns, with the optimiser and the scheduler (stepped once an epoch) that were built on it."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: Any = None

    def check(self) -> None:
        """Raise ValueError unless the three belong together."""
        own = {id(parameter) for parameter in self.model.parameters()}
        if any(id(parameter) not in own for group in self.optimizer.param_groups for parameter in group["params"]):
            raise ValueError(
                "the optimizer holds parameters of another model: build it anew on this model's parameters"
            )
        if getattr(self.scheduler, "optimizer", self.optimizer) is not self.optimizer:
            raise ValueError("the scheduler steers another optimizer: build it anew on this one")

    def settings(self) -> dict:
        """What a checkpoint must agree on with the training that continues it; plain values only."""
        return {
            "model": type(self.model).__name__,
            "weights": sum(parameter.numel() for parameter in self.model.parameters()),
            "optimizer": type(self.optimizer).__name__,
            "scheduler": None if self.scheduler is None else type(self.scheduler).__name__,
        }


def seed_for(*parts: object) -> int:
    """A 32-bit seed from any parts, the same on every machine (Python's own hash is salted).

    >>> seed_for(0, 1, "bedroom_0001_02") == seed_for(0, 1, "bedroom_0001_02")
    True
    """
    return zlib.crc32("/".join(map(str, parts)).encode())


class Loop:
    """Trains one or several players on a data set; a subclass says what a batch teaches them.

    players: name -> Player, the first one being the depth model. batch_size: of one step over all processes. also:
    column of the history -> label of what the progress display shall show beside the losses.

    A subclass implements `learn(batch, share, note)`, where `share` is what a loss must be multiplied by before
    `self.update`, and `judge(batch, note)` for validation. Both report by `note(loss=..., other=...)`: scalars, means over
    the images of the batch that have a valid pixel, noted before anybody learns from them. Their means over all such images
    of the data set become the history's columns train_loss and val_loss, other and val_other.
    """

    also: Mapping[str, str] = {}

    def __init__(
        self,
        engine: lightning.Fabric,
        players: Mapping[str, Player],
        *,
        batch_size: int,
        seed: int,
        augment: Callable[..., dict] | None,
        shuffle: bool,
    ) -> None:
        if batch_size < engine.world_size:
            raise ValueError(f"batch_size {batch_size} is shared by {engine.world_size} processes: give each an image")
        self.engine, self.players = engine, dict(players)
        self.batch_size, self.seed, self.augment, self.shuffle = batch_size, seed, augment, shuffle
        # what the engine wrapped shares its weights with the model that the caller knows
        self.wrapped = {name: engine.setup(each.model, each.optimizer) for name, each in self.players.items()}

    def learn(self, batch: dict, share: float, note: Callable[..., None]) -> None:
        raise NotImplementedError

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        raise NotImplementedError

    def update(self, player: str, loss: Tensor) -> None:
        """One step of a player's optimiser down the gradient of a loss."""
        _, optimizer = self.wrapped[player]
        optimizer.zero_grad(set_to_none=True)
        self.engine.backward(loss)
        optimizer.step()

    def run(
        self,
        train,
        val,
        *,
        epochs: int,
        settings: dict,
        file: Path | None,
        keep_best: bool = False,
        name: str = "",
        progress: bool = True,
    ) -> History:
        """All epochs, from the checkpoint in `file` on if there is one; see `training.fit`."""
        engine, first = self.engine, next(iter(self.players.values()))
        history, best, parts = History(), None, self._parts()
        if engine.broadcast(file is not None and file.exists()):
            history.rows, best = checkpoints.restore(file, parts, settings=settings, epochs=epochs)
        bar = Progress(
            epochs=epochs,
            batches=math.ceil(len(train) / self.batch_size),
            name=name,
            before=len(history.rows),
            enabled=progress and engine.is_global_zero,
            also=self.also,
        )
        try:
            for epoch in range(len(history.rows) + 1, epochs + 1):
                started, rate = time.monotonic(), max(group["lr"] for group in first.optimizer.param_groups)
                losses, more = self._epoch(epoch, train, val, partial(bar.batch, epoch, history.rows))
                self._step_schedulers(losses["val_loss"])
                row = {"epoch": epoch, **losses, "learning_rate": rate}
                history.rows.append({**row, "seconds": round(time.monotonic() - started, 3), **more})
                if keep_best and (best is None or losses["val_loss"] < best["loss"]):
                    best = {"loss": losses["val_loss"], "epoch": epoch, "model": _copy(first.model)}
                if file is not None and engine.is_global_zero:
                    checkpoints.save(file, parts, rows=history.rows, settings=settings, best=best)
                engine.barrier()
                bar.epoch(history.rows)
        finally:
            bar.close(history.rows)
        if best is not None:
            first.model.load_state_dict(best["model"])
        return history

    def validate(self, val, epoch: int) -> dict[str, float]:
        """Means over the validation split of what `judge` notes; a subclass may add to them."""
        return self._pass(val, torch.arange(len(val)), f"the validation of epoch {epoch}", self._judge)

    def _parts(self) -> dict[str, Any]:
        parts = {}
        for name, each in self.players.items():
            parts |= {name: each.model, f"{name} optimizer": each.optimizer, f"{name} scheduler": each.scheduler}
        return parts

    def _step_schedulers(self, val_loss: float | None) -> None:
        for each in self.players.values():
            if isinstance(each.scheduler, ReduceLROnPlateau):
                each.scheduler.step(val_loss)
            elif each.scheduler is not None:
                each.scheduler.step()

    def _epoch(self, number: int, train, val, after_batch: Callable[[int], None]) -> tuple[dict, dict]:
        """Train for an epoch and validate; the players stay as they were when something is not finite, or nothing counts.

        Returns the two losses, and whatever else was measured.
        """
        models = {name: each.model for name, each in self.players.items()}
        before = {name: (_copy(each.model), _copy_optimizer(each.optimizer)) for name, each in self.players.items()}
        order = torch.arange(len(train))
        if self.shuffle:
            generator = torch.Generator().manual_seed(seed_for("order", self.seed, number))
            order = torch.randperm(len(train), generator=generator)
        try:
            torch.manual_seed(seed_for("epoch", self.seed, number, self.engine.global_rank))  # dropout
            for model in models.values():
                model.train()
            learnt = self._pass(train, order, f"epoch {number}", partial(self._learn, number), after_batch)
            for name, model in models.items():
                _share_statistics(model, self.engine)
                _refuse_bad_weights(model, f"{name} " if len(models) > 1 else "", number)
            judged = {}
            if val is not None:
                for model in models.values():
                    model.eval()
                with torch.no_grad():
                    judged = self.validate(val, number)
        except (NonFiniteLoss, ValueError):
            for name, each in self.players.items():
                model, optimizer = before[name]
                each.model.load_state_dict(model)
                each.optimizer.load_state_dict(optimizer)  # a moment that is NaN would poison every later training
            raise
        losses = {"train_loss": learnt.pop("loss"), "val_loss": judged.pop("loss", None)}
        return losses, {**learnt, **{f"val_{key}": value for key, value in judged.items()}}

    def _learn(self, epoch: int, batch: dict, share: float, note: Callable[..., None]) -> Tensor:
        if self.augment is not None:
            batch = self.augment(batch, seed=self.seed, epoch=epoch)
        self.learn(batch, share, note)
        return _images_that_count(batch["valid"])

    def _judge(self, batch: dict, share: float, note: Callable[..., None]) -> Tensor:
        self.judge(batch, note)
        return _images_that_count(batch["valid"])

    def _pass(self, dataset, order: Tensor, what: str, step: Callable, after_batch=None) -> dict[str, float]:
        """Means over a data set's images, in one pass, of what `step` notes of each batch; it returns how many count."""
        engine, counts, noted = self.engine, [], _Notes(what)
        look_every = 1 if engine.device.type == "cpu" else CHECK_EVERY
        chunks = order.split(self.batch_size)
        for number, chunk in enumerate(chunks, start=1):
            indices, own = _share(chunk, engine.global_rank, engine.world_size)
            batch = engine.to_device(dataset.batch(indices))
            noted.at(number, batch["id"], look=number % look_every == 0 or number == len(chunks))
            # processes average their gradients: weighted by images, that is the mean over the whole batch
            counted = step(batch, own * engine.world_size / len(chunk), noted)
            counts.append(counted if own else torch.zeros_like(counted))
            if after_batch is not None:
                after_batch(number)
        return {name: _mean(values, counts, engine, what) for name, values in noted.values.items()}


class _Notes:
    """Collects what is noted of each batch, and refuses what is not finite: at once, or on a GPU now and then."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.values: dict[str, list[Tensor]] = {}
        self.unseen: list[tuple[int, list[str], str, Tensor]] = []

    def at(self, number: int, ids: list[str], *, look: bool) -> None:
        self.number, self.ids, self.look = number, ids, look

    def __call__(self, **values: Tensor) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).append(value.detach())
            self.unseen.append((self.number, self.ids, name, value.detach()))
        if self.look:
            self._refuse_non_finite()

    def _refuse_non_finite(self) -> None:
        finite = torch.isfinite(torch.stack([value.float() for *_, value in self.unseen])).tolist()
        for (number, ids, name, value), good in zip(self.unseen, finite, strict=True):
            if not good:
                raise NonFiniteLoss(
                    f"the {name.replace('_', ' ')} is {float(value)} in {self.what}, batch {number}, samples "
                    f"{', '.join(ids)}. Look at these frames (if they are sound, the gradient of the batch before was not), "
                    "lower the learning rate, or train in 32-true precision. The model, its optimizer and the checkpoint, if "
                    "there is one, are as after the epoch before"
                )
        self.unseen.clear()


@contextlib.contextmanager
def left_as_found(models: Iterable[nn.Module], device: torch.device) -> Iterator[None]:
    """Modes, memory format and torch's random state as they were, however the training ends; channels_last in between.

    Without that, a notebook that builds a second net after a resumed training would start it from other weights than after
    an undisturbed one.
    """
    models = list(models)
    modes = {module: module.training for model in models for module in model.modules()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for model in models:
            model.to(memory_format=torch.channels_last)
        try:
            yield
        finally:
            for model in models:
                model.to(memory_format=torch.contiguous_format)
            for module, training in modes.items():
                module.training = training


def check_data(train, val, *, epochs: int, batch_size: int) -> None:
    """Raise ValueError for an empty split or numbers below 1."""
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1, found {epochs} and {batch_size}")
    if not len(train):
        raise ValueError(f"the training split of {getattr(train, 'name', 'the data set')} is empty")
    if val is not None and not len(val):
        raise ValueError("the validation split is empty; pass val=None to train without one")


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return _on_cpu(model.state_dict())


def _copy_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Its state; what it knows of each weight on the CPU, where it takes none of a GPU's memory."""
    state = optimizer.state_dict()
    return {**state, "state": _on_cpu(state["state"])}


def _on_cpu(value: Any) -> Any:
    """A copy with all tensors on the CPU, however deep they lie (some optimisers keep lists of them)."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: _on_cpu(inner) for key, inner in value.items()}
    return [_on_cpu(inner) for inner in value] if isinstance(value, list) else value


def _share(chunk: Tensor, rank: int, processes: int) -> tuple[list[int], int]:
    """This process's images of a batch and how many they are; one that is left with none borrows one, which counts 0.

    >>> _share(torch.tensor([7, 8, 9]), 1, 2), _share(torch.tensor([7]), 1, 2)
    (([8], 1), ([7], 0))
    """
    own = chunk[rank::processes].tolist()
    return own or chunk[:1].tolist(), len(own)


def _images_that_count(valid: Tensor) -> Tensor:
    """How many images of a batch have a valid pixel; it stays on its device, so that nobody waits for it.

    Resizing the truth to a prediction's size does not change that: a cell with a valid pixel stays valid.
    """
    return valid.flatten(1).any(1).sum()


def _mean(values: list[Tensor], counts: list[Tensor], engine, what: str) -> float:
    """Mean over images, not over batches: a short last batch must not weigh more than its images.

    Images without a valid pixel are left out, as losses leave them out of the mean of their batch: where there is none,
    a loss is 0, which would pass for a perfect prediction.
    """
    images = torch.stack(counts).to("cpu", torch.float64)
    sums = torch.stack([torch.stack(values).to("cpu", torch.float64) @ images, images.sum()])
    if engine.world_size > 1:
        sums = engine.all_reduce(sums.to(engine.device), reduce_op="sum")
    if not sums[1] > 0:
        raise ValueError(
            f"no image has a valid pixel in {what}, so that its loss means nothing: look at the masks of this split, at its "
            "range of depth, and at what augmentation leaves of them"
        )
    return float(sums[0] / sums[1])


def _share_statistics(model: nn.Module, engine) -> None:
    """Average what batch normalisation counted in each process, so that all validate and save the same model."""
    if engine.world_size > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.copy_(engine.all_reduce(buffer, reduce_op="mean"))


def _refuse_bad_weights(model: nn.Module, whose: str, epoch: int) -> None:
    """A gradient can be infinite where the loss is not: look before such weights are validated and saved."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise NonFiniteLoss(
                f"after epoch {epoch} {whose}{name} is not finite though every loss was: a gradient was not. Lower the "
                "learning rate, or train in 32-true precision. The model, its optimizer and the checkpoint, if there is one, "
                "are as after the epoch before"
            )
