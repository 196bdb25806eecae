"""fit(): the one supervised training loop, on Lightning Fabric."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning_fabric as lightning
import pandas as pd
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from depthnb.data import transforms
from depthnb.launch import launched
from depthnb.progress import Progress

Loss = Callable[..., Tensor]  # (pred=, depth=, valid=) -> scalar
CHECK_EVERY = 16  # batches between two looks at the losses on a GPU, where each look waits for the device


class NonFiniteLoss(RuntimeError):
    """A loss, or a weight, became NaN or infinite; the message names epoch, batch and samples."""


@dataclass
class History:
    """One row per epoch: epoch (from 1), train_loss, val_loss (None without validation), learning_rate, seconds.

    learning_rate is the highest of the optimiser's groups during that epoch; seconds is its wall time, validation included.
    """

    rows: list[dict] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "train_loss", "val_loss", "learning_rate", "seconds"])

    @property
    def seconds(self) -> float:
        """Seconds of all epochs, those before an interruption included."""
        return float(sum(row["seconds"] for row in self.rows))


def fabric(device: str = "auto", precision: str = "32-true") -> lightning.Fabric:
    """The device and precision to train with; under torchrun or SLURM all processes of the launch together.

    device: auto, cpu, cuda or mps. precision: as Lightning Fabric names it (32-true, bf16-mixed, 16-mixed). Raises
    ValueError for a device that is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no CUDA GPU here; use device 'auto' or 'cpu'")
    _, processes, nodes = launched()
    together = {"devices": processes // nodes, "num_nodes": nodes, "strategy": "ddp"}
    # said explicitly, or Lightning takes a single process inside a SLURM reservation for one of several
    alone = {"devices": 1, "plugins": [LightningEnvironment()]}
    log = logging.getLogger("lightning_fabric")
    level = log.level
    log.setLevel(logging.WARNING)  # at INFO it repeats on stderr what it was told to do
    try:
        made = lightning.Fabric(accelerator=device, precision=precision, **(together if processes > 1 else alone))
        made.launch()
    finally:
        log.setLevel(level)
    return made


def seed_for(*parts: object) -> int:
    """A 32-bit seed from any parts, the same on every machine (Python's own hash is salted).

    >>> seed_for(0, 1, "bedroom_0001_02") == seed_for(0, 1, "bedroom_0001_02")
    True
    """
    return zlib.crc32("/".join(map(str, parts)).encode())


def fit(
    model: nn.Module,
    train,
    val=None,
    *,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    augment: Callable[..., dict] | None = None,
    scheduler=None,
    val_loss: Loss | None = None,
    shuffle: bool = True,
    keep_best: bool = False,
    device: str = "auto",
    precision: str = "32-true",
    checkpoint: str | os.PathLike | None = None,
    name: str = "",
    progress: bool = True,
) -> History:
    """Train a depth model for some epochs and return its history; the model is changed in place.

    model: image [B,3,H,W] in 0..1 -> depth [B,1,h,w] in metres; where (h, w) is not (H, W), the truth is resized to it
    without mixing valid and invalid pixels. train, val: data sets with `batch(indices)` (section 3 of the design; masks
    decide what counts). loss, val_loss: called with pred=, depth=, valid=; val_loss defaults to loss. optimizer: built on
    the model's parameters. scheduler: stepped once an epoch, ReduceLROnPlateau with the validation loss. augment: called
    as augment(batch, seed=, epoch=) on the training device. shuffle: a new order each epoch from (seed, epoch).
    keep_best: end with the weights of the epoch with the lowest validation loss instead of the last.
    checkpoint: a file, written atomically after every epoch. When it exists the training continues after its last epoch,
    and because every random number comes from (seed, epoch), it ends with the weights of an undisturbed run: bit for bit
    on a CPU with the same number of threads. More epochs than before continue it; other settings are refused.

    Under torchrun or srun all processes train together and end with the same weights. batch_size is that of one step over
    all of them, so the recipe stays what it was; batch normalisation sees each process's share only.

    Losses are means over images. torch's global random state and the model's train or eval mode are afterwards what they
    were before. Convolutions run channels_last inside (up to twice as fast, same result within rounding).

    Raises NonFiniteLoss with epoch, batch and sample ids (the model then has the weights of the end of the epoch before, as
    has the checkpoint), ValueError for an empty data set, settings that do not fit together, or a checkpoint that is
    damaged or belongs to another training, and OSError when a checkpoint cannot be written.
    """
    _check(model, optimizer, train, val, epochs, batch_size, scheduler, keep_best)
    engine = fabric(device, precision)
    if batch_size < engine.world_size:
        raise ValueError(f"batch_size {batch_size} is shared by {engine.world_size} processes: give each an image")
    settings = _settings(model, optimizer, train, scheduler, batch_size, seed, shuffle, keep_best, precision)
    file = Path(checkpoint) if checkpoint is not None else None
    history, best = History(), None
    with _left_as_found(model, engine.device):
        loop = _Loop(
            engine, model, *engine.setup(model, optimizer), loss, val_loss or loss, batch_size, seed, augment, shuffle
        )
        if engine.broadcast(file is not None and file.exists()):
            history.rows, best = _restore(file, model, optimizer, scheduler, settings, epochs)
        bar = Progress(
            epochs=epochs,
            batches=math.ceil(len(train) / batch_size),
            name=name,
            before=len(history.rows),
            enabled=progress and engine.is_global_zero,
        )
        try:
            for epoch in range(len(history.rows) + 1, epochs + 1):
                started, rate = time.monotonic(), max(group["lr"] for group in optimizer.param_groups)
                train_loss, value = loop.epoch(epoch, train, val, partial(bar.batch, epoch, history.rows))
                if isinstance(scheduler, ReduceLROnPlateau):
                    scheduler.step(value)
                elif scheduler is not None:
                    scheduler.step()
                row = {"epoch": epoch, "train_loss": train_loss, "val_loss": value, "learning_rate": rate}
                history.rows.append({**row, "seconds": round(time.monotonic() - started, 3)})
                if keep_best and (best is None or value < best["loss"]):
                    best = {"loss": value, "epoch": epoch, "model": _copy(model)}
                if file is not None and engine.is_global_zero:
                    _save(file, model, optimizer, scheduler, history.rows, best, settings)
                engine.barrier()
                bar.epoch(history.rows)
        finally:
            bar.close(history.rows)
        if best is not None:
            model.load_state_dict(best["model"])
    return history


def _check(model, optimizer, train, val, epochs: int, batch_size: int, scheduler, keep_best: bool) -> None:
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1, found {epochs} and {batch_size}")
    if not len(train):
        raise ValueError(f"the training split of {getattr(train, 'name', 'the data set')} is empty")
    if val is not None and not len(val):
        raise ValueError("the validation split is empty; pass val=None to train without one")
    if val is None and (keep_best or isinstance(scheduler, ReduceLROnPlateau)):
        raise ValueError("keep_best and ReduceLROnPlateau look at the validation loss: pass a validation split")
    own = {id(parameter) for parameter in model.parameters()}
    if any(id(parameter) not in own for group in optimizer.param_groups for parameter in group["params"]):
        raise ValueError("the optimizer holds parameters of another model: build it anew on this model's parameters")
    if getattr(scheduler, "optimizer", optimizer) is not optimizer:
        raise ValueError("the scheduler steers another optimizer: build it anew on this one")


def _settings(model, optimizer, train, scheduler, batch_size, seed, shuffle, keep_best, precision) -> dict:
    """What a checkpoint must agree on with the training that continues it; plain values only."""
    return {
        "model": type(model).__name__,
        "weights": sum(parameter.numel() for parameter in model.parameters()),
        "optimizer": type(optimizer).__name__,
        "scheduler": None if scheduler is None else type(scheduler).__name__,
        "training frames": len(train),
        "data": str(getattr(train, "fingerprint", "")),
        "batch_size": batch_size,
        "seed": seed,
        "shuffle": shuffle,
        "keep_best": keep_best,
        "precision": precision,
    }


@contextlib.contextmanager
def _left_as_found(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Modes, memory format and torch's random state as they were, however the training ends.

    Without that, a notebook that builds a second net after a resumed training would start it from other weights than after
    an undisturbed one.
    """
    modes = {module: module.training for module in model.modules()}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        model.to(memory_format=torch.channels_last)
        try:
            yield
        finally:
            model.to(memory_format=torch.contiguous_format)
            for module, training in modes.items():
                module.training = training


@dataclass
class _Loop:
    """What stays the same from epoch to epoch. `wrapped` shares the weights of `model`, the one the caller knows."""

    engine: lightning.Fabric
    model: nn.Module
    wrapped: nn.Module
    optimizer: Any
    loss: Loss
    val_loss: Loss
    batch_size: int
    seed: int
    augment: Callable[..., dict] | None
    shuffle: bool

    def epoch(self, number: int, train, val, after_batch: Callable[[int], None]) -> tuple[float, float | None]:
        """Train for an epoch and validate; the model stays as it was when something is not finite."""
        before = _copy(self.model)
        order = torch.arange(len(train))
        if self.shuffle:
            generator = torch.Generator().manual_seed(seed_for("order", self.seed, number))
            order = torch.randperm(len(train), generator=generator)
        try:
            torch.manual_seed(seed_for("epoch", self.seed, number, self.engine.global_rank))  # dropout
            self.model.train()
            train_loss = self._mean_loss(train, order, f"epoch {number}", epoch=number, after_batch=after_batch)
            _share_statistics(self.model, self.engine)
            _refuse_bad_weights(self.model, number)
            if val is None:
                return train_loss, None
            self.model.eval()
            with torch.no_grad():
                return train_loss, self._mean_loss(val, torch.arange(len(val)), f"the validation of epoch {number}")
        except NonFiniteLoss:
            self.model.load_state_dict(before)
            raise

    def _mean_loss(self, dataset, order: Tensor, what: str, *, epoch: int | None = None, after_batch=None) -> float:
        """Mean loss over a data set's images in one pass; with an epoch the model learns from it."""
        engine, losses, counts, unseen = self.engine, [], [], []
        look_every = 1 if engine.device.type == "cpu" else CHECK_EVERY
        chunks = order.split(self.batch_size)
        for number, chunk in enumerate(chunks, start=1):
            indices, own = _share(chunk, engine.global_rank, engine.world_size)
            batch = engine.to_device(dataset.batch(indices))
            if epoch is not None and self.augment is not None:
                batch = self.augment(batch, seed=self.seed, epoch=epoch)
            value = loss_of(self.wrapped, batch, self.loss if epoch is not None else self.val_loss)
            losses.append(value.detach())
            counts.append(own)
            unseen.append((number, batch["id"], value.detach()))
            if len(unseen) >= look_every or number == len(chunks):
                _refuse_non_finite(unseen, what)
                unseen.clear()
            if epoch is not None:
                self.optimizer.zero_grad(set_to_none=True)
                # processes average their gradients: weighted by images, that is the mean over the whole batch
                engine.backward(value * (own * engine.world_size / len(chunk)))
                self.optimizer.step()
                after_batch(number)
        return _mean(losses, counts, engine)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().to("cpu", copy=True) for key, value in model.state_dict().items()}


def _share(chunk: Tensor, rank: int, processes: int) -> tuple[list[int], int]:
    """This process's images of a batch and how many they are; one that is left with none borrows one, which counts 0.

    >>> _share(torch.tensor([7, 8, 9]), 1, 2), _share(torch.tensor([7]), 1, 2)
    (([8], 1), ([7], 0))
    """
    own = chunk[rank::processes].tolist()
    return own or chunk[:1].tolist(), len(own)


def loss_of(model: nn.Module, batch: dict, loss: Loss) -> Tensor:
    """Scalar loss of one batch; the truth is resized to the prediction where a net predicts at its own smaller size."""
    pred = model(batch["image"].contiguous(memory_format=torch.channels_last))
    depth, valid = batch["depth"], batch["valid"]
    if pred.shape[-2:] != depth.shape[-2:]:
        depth, valid = transforms.resize_depth(depth, valid, tuple(pred.shape[-2:]))
    return loss(pred=pred, depth=depth, valid=valid)


def _mean(losses: list[Tensor], counts: list[int], engine) -> float:
    """Mean over images, not over batches: a short last batch must not weigh more than its images."""
    images = torch.tensor(counts, dtype=torch.float64)
    sums = torch.stack([torch.stack(losses).to("cpu", torch.float64) @ images, images.sum()])
    if engine.world_size > 1:
        sums = engine.all_reduce(sums.to(engine.device), reduce_op="sum")
    return float(sums[0] / sums[1])


def _share_statistics(model: nn.Module, engine) -> None:
    """Average what batch normalisation counted in each process, so that all validate and save the same model."""
    if engine.world_size > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                buffer.copy_(engine.all_reduce(buffer, reduce_op="mean"))


def _refuse_non_finite(unseen: list[tuple[int, list[str], Tensor]], what: str) -> None:
    finite = torch.isfinite(torch.stack([value for _, _, value in unseen])).tolist()
    for (number, ids, value), good in zip(unseen, finite, strict=True):
        if not good:
            raise NonFiniteLoss(
                f"the loss is {float(value)} in {what}, batch {number}, samples {', '.join(ids)}. Look at these frames (if "
                "they are sound, the gradient of the batch before was not), lower the learning rate, or train in 32-true "
                "precision. The model and the checkpoint, if there is one, are as after the epoch before"
            )


def _refuse_bad_weights(model: nn.Module, epoch: int) -> None:
    """A gradient can be infinite where the loss is not: look before such weights are validated and saved."""
    for name, value in model.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise NonFiniteLoss(
                f"after epoch {epoch} {name} is not finite though every loss was: a gradient was not. Lower the learning "
                "rate, or train in 32-true precision. The model and the checkpoint are as after the epoch before"
            )


def _save(file: Path, model, optimizer, scheduler, rows: list[dict], best: dict | None, settings: dict) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "rows": rows,
        "best": best,
        "settings": settings,
    }
    temporary = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        for left_over in file.parent.glob(f"{file.name}.*.part"):  # of killed processes
            left_over.unlink()
        with open(temporary, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError that says something else
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        raise OSError(
            f"could not write the checkpoint of epoch {rows[-1]['epoch']} to {file.parent} ({reason}); free some space "
            "and start the same command again: it continues after the last epoch that was saved"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _restore(file: Path, model, optimizer, scheduler, settings: dict, epochs: int) -> tuple[list[dict], dict | None]:
    remedy = f"delete {file} to train from the start"
    try:
        with zipfile.ZipFile(file) as archive:  # torch itself does not look at the checksums
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"checksum of {damaged} is wrong")
        state = torch.load(file, map_location="cpu", weights_only=True)
        stored, rows, best = state["settings"], state["rows"], state["best"]
    except Exception as error:
        # torch's own text is long and advises to load what must not be trusted
        reason = "objects that are no tensors" if isinstance(error, UnpicklingError) else error
        raise ValueError(f"the checkpoint {file} is damaged or not one of depthnb's ({reason}); {remedy}") from error
    other = [
        f"{key} {stored.get(key)!r}, now {settings[key]!r}" for key in settings if stored.get(key) != settings[key]
    ]
    if len(rows) > epochs:
        other.append(f"{len(rows)} epochs, now {epochs}")
    if other:
        raise ValueError(f"the checkpoint {file} belongs to another training ({'; '.join(other)}); {remedy}")
    try:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
    except Exception as error:
        raise ValueError(f"the checkpoint {file} does not fit this training ({error}); {remedy}") from error
    return rows, best
