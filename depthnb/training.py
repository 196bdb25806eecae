"""fit(): the one supervised training loop, on Lightning Fabric."""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import lightning_fabric as lightning
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from depthnb.data import transforms
from depthnb.progress import Progress

Loss = Callable[..., Tensor]  # (pred=, depth=, valid=) -> scalar
CHECK_EVERY = 16  # batches between two looks at the losses on a GPU, where each look waits for the device


class NonFiniteLoss(RuntimeError):
    """A training loss became NaN or infinite; the message names epoch, batch and samples."""


@dataclass
class History:
    """One row per epoch: epoch (from 1), train_loss, val_loss (None without validation), learning_rate, seconds."""

    rows: list[dict] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["epoch", "train_loss", "val_loss", "learning_rate", "seconds"])

    @property
    def seconds(self) -> float:
        return float(sum(row["seconds"] for row in self.rows))


def fabric(device: str = "auto", precision: str = "32-true") -> lightning.Fabric:
    """The device and precision to train with; under torchrun or SLURM all processes of the launch together.

    device: auto, cpu, cuda or mps. precision: as Lightning Fabric names it (32-true, bf16-mixed, 16-mixed). Raises
    ValueError for a device that is not there.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no CUDA GPU here; use device 'auto' or 'cpu'")
    if world > 1:
        local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        made = lightning.Fabric(
            accelerator=device, devices=local, num_nodes=world // local, strategy="ddp", precision=precision
        )
    else:
        made = lightning.Fabric(accelerator=device, devices=1, precision=precision)
    made.launch()
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
    on a CPU with the same number of threads.

    The global random state of torch is set at each epoch. Losses are means over images. Raises NonFiniteLoss with epoch,
    batch and sample ids (on a CPU before the weights change, on a GPU at most 16 batches later and always before a
    checkpoint is written), ValueError for an empty data set or a checkpoint that belongs to another model, and OSError
    when a checkpoint cannot be written.
    """
    _check(train, val, epochs, batch_size, scheduler, keep_best)
    engine = fabric(device, precision)
    wrapped, stepper = engine.setup(model, optimizer)
    file = Path(checkpoint) if checkpoint is not None else None
    history, best = History(), None
    if file is not None and file.exists():
        history.rows, best = _restore(file, model, optimizer, scheduler)
    batches = math.ceil(len(train) / (batch_size * engine.world_size))
    bar = Progress(epochs=epochs, batches=batches, name=name, enabled=progress and engine.is_global_zero)

    for epoch in range(len(history.rows) + 1, epochs + 1):
        started = time.monotonic()
        rates = [group["lr"] for group in optimizer.param_groups]
        train_loss = _train_epoch(
            engine, wrapped, stepper, train, loss, batch_size, seed, epoch, augment, shuffle, bar, history.rows
        )
        value = None if val is None else evaluate_loss(wrapped, val, val_loss or loss, batch_size, engine)
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(value)
        elif scheduler is not None:
            scheduler.step()
        history.rows.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "val_loss": value,
                "learning_rate": max(rates),
                "seconds": round(time.monotonic() - started, 3),
            }
        )
        if keep_best and (best is None or value < best["loss"]):
            state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
            best = {"loss": value, "epoch": epoch, "model": state}
        if file is not None and engine.is_global_zero:
            _save(file, model, optimizer, scheduler, history.rows, best)
        engine.barrier()
        bar.epoch(history.rows)
    if best is not None:
        model.load_state_dict(best["model"])
    bar.close(history.rows)
    return history


def _check(train, val, epochs: int, batch_size: int, scheduler, keep_best: bool) -> None:
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1, found {epochs} and {batch_size}")
    if not len(train):
        raise ValueError(f"the training split of {getattr(train, 'name', 'the data set')} is empty")
    if val is not None and not len(val):
        raise ValueError("the validation split is empty; pass val=None to train without one")
    if val is None and (keep_best or isinstance(scheduler, ReduceLROnPlateau)):
        raise ValueError("keep_best and ReduceLROnPlateau look at the validation loss: pass a validation split")


def _train_epoch(engine, model, optimizer, train, loss, batch_size, seed, epoch, augment, shuffle, bar, rows) -> float:
    model.train()
    torch.manual_seed(seed_for("epoch", seed, epoch, engine.global_rank))  # dropout
    order = torch.arange(len(train))
    if shuffle:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed_for("order", seed, epoch)))
    chunks = order.split(batch_size * engine.world_size)
    look_every = 1 if engine.device.type == "cpu" else CHECK_EVERY
    losses, counts, pending = [], [], []
    for number, chunk in enumerate(chunks, start=1):
        indices = _share(chunk, engine.global_rank, engine.world_size).tolist()
        batch = engine.to_device(train.batch(indices))
        if augment is not None:
            batch = augment(batch, seed=seed, epoch=epoch)
        value = loss_of(model, batch, loss)
        losses.append(value.detach())
        counts.append(len(indices))
        pending.append((number, batch["id"], value.detach()))
        if len(pending) >= look_every or number == len(chunks):
            _refuse_non_finite(pending, epoch)
            pending.clear()
        optimizer.zero_grad(set_to_none=True)
        engine.backward(value)
        optimizer.step()
        bar.batch(epoch, number, rows)
    return _mean(losses, counts, engine)


def _share(chunk: Tensor, rank: int, world: int) -> Tensor:
    """This process's part of a batch; a last batch smaller than the number of processes is repeated to fill them."""
    if len(chunk) < world:
        chunk = chunk.repeat(-(-world // len(chunk)))
    return chunk[rank::world]


def loss_of(model: nn.Module, batch: dict, loss: Loss) -> Tensor:
    """Scalar loss of one batch; the truth is resized to the prediction where a net predicts at its own smaller size."""
    pred = model(batch["image"])
    depth, valid = batch["depth"], batch["valid"]
    if pred.shape[-2:] != depth.shape[-2:]:
        depth, valid = transforms.resize_depth(depth, valid, tuple(pred.shape[-2:]))
    return loss(pred=pred, depth=depth, valid=valid)


@torch.no_grad()
def evaluate_loss(model: nn.Module, dataset, loss: Loss, batch_size: int, engine=None) -> float:
    """Mean loss over a data set in eval mode; the model's mode is what it was afterwards."""
    engine = engine or fabric()
    mode = model.training
    model.eval()
    losses, counts = [], []
    for chunk in torch.arange(len(dataset)).split(batch_size * engine.world_size):
        indices = _share(chunk, engine.global_rank, engine.world_size).tolist()
        losses.append(loss_of(model, engine.to_device(dataset.batch(indices)), loss))
        counts.append(len(indices))
    model.train(mode)
    return _mean(losses, counts, engine)


def _mean(losses: list[Tensor], counts: list[int], engine) -> float:
    """Mean over images, not over batches: a short last batch must not weigh more than its images."""
    weights = torch.tensor(counts, dtype=torch.float64)
    total = torch.stack(losses).to("cpu", torch.float64) @ weights
    both = (
        engine.all_reduce(torch.stack([total, weights.sum()]).float().to(engine.device), reduce_op="sum")
        if engine.world_size > 1
        else torch.stack([total, weights.sum()])
    )
    return float(both[0] / both[1])


def _refuse_non_finite(pending: list[tuple[int, list[str], Tensor]], epoch: int) -> None:
    finite = torch.isfinite(torch.stack([value for _, _, value in pending])).tolist()
    for (number, ids, value), good in zip(pending, finite, strict=True):
        if not good:
            raise NonFiniteLoss(
                f"the loss is {float(value)} in epoch {epoch}, batch {number}, samples {', '.join(ids)}. "
                "Look at these frames, lower the learning rate, or train in 32-true precision. "
                "The last checkpoint, if there is one, is from before this epoch and sound"
            )


def _save(file: Path, model, optimizer, scheduler, rows: list[dict], best: dict | None) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "rows": rows,
        "best": best,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        temporary.unlink(missing_ok=True)
        raise OSError(
            f"could not write the checkpoint of epoch {rows[-1]['epoch']} to {file.parent} ({error}); free some space "
            "and start the same command again: it continues after the last epoch that was saved"
        ) from error


def _restore(file: Path, model, optimizer, scheduler) -> tuple[list[dict], dict | None]:
    remedy = f"delete {file} to train from the start"
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        rows, best = state["rows"], state["best"]
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])
    except Exception as error:
        raise ValueError(f"the checkpoint {file} does not fit this training ({error}); {remedy}") from error
    return rows, best
