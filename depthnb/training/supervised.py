"""fit(): supervised training of a depth model, on Lightning Fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import lightning_fabric as lightning
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from depthnb.data import transforms
from depthnb.training.launch import launched
from depthnb.training.loop import History, Loop, NonFiniteLoss, Player, check_data, left_as_found, seed_for

__all__ = ["History", "Loss", "NonFiniteLoss", "at_size", "fabric", "fast_precision", "fit", "loss_of", "seed_for"]

Loss = Callable[..., Tensor]  # (pred=, depth=, valid=) -> scalar


def fabric(device: str = "auto", precision: str = "32-true") -> lightning.Fabric:
    """The device and precision to train with; under torchrun or SLURM all processes of the launch together.

    device: auto, cpu, cuda or mps. precision: as Lightning Fabric names it (32-true, bf16-mixed, 16-mixed). Raises
    ValueError for a device that is not there, and for 16-mixed on a CPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda' was asked for, but torch sees no CUDA GPU here; use device 'auto' or 'cpu'")
    no_gpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
    if precision in ("16-mixed", "16", 16) and (device == "cpu" or (device == "auto" and no_gpu)):
        # Lightning would compute in bfloat16 there, and the checkpoint remember what was not computed
        raise ValueError(
            f"precision {precision!r} trains in float16, which needs a GPU, and this training runs on the CPU: use "
            "'bf16-mixed', '32-true', or 'auto', which takes the faster one of these two"
        )
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


def fast_precision(device: str = "auto") -> str:
    """bf16-mixed where the device computes in bfloat16 itself, else 32-true (there, bfloat16 is imitated and slower).

    device: auto, cpu, cuda or mps. On the processors that can, a large convolutional net trains about twice as fast.
    """
    if device == "mps" or (device == "auto" and torch.backends.mps.is_available()):
        return "32-true"
    if device != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    # torch tells it for x86 alone, and in functions that it calls private
    asked = (getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in ("avx512_bf16", "amx_tile"))
    return "bf16-mixed" if any(ask() for ask in asked if ask is not None) else "32-true"


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
    precision: 32-true, bf16-mixed, 16-mixed (on a GPU), or auto: what `fast_precision` says.
    checkpoint: a file, written atomically after every epoch. When it exists the training continues after its last epoch,
    and because every random number comes from (seed, epoch), it ends with the weights of an undisturbed run: bit for bit
    on a CPU with the same number of threads. More epochs than before continue it; other settings are refused.

    Under torchrun or srun all processes train together and end with the same weights. batch_size is that of one step over
    all of them, so the recipe stays what it was; batch normalisation sees each process's share only.

    Losses are means over the images that have a valid pixel. torch's global random state and the model's train or eval mode
    are afterwards what they were before. Convolutions run channels_last inside (up to twice as fast, same result within
    rounding).

    Raises NonFiniteLoss with epoch, batch and sample ids (model and optimizer are then as at the end of the epoch before, as
    is the checkpoint), ValueError for an empty data set, one without a valid pixel, settings that do not fit together, or a
    checkpoint that is damaged or belongs to another training, and OSError when a checkpoint cannot be written.
    """
    player = Player(model, optimizer, scheduler)
    check_data(train, val, epochs=epochs, batch_size=batch_size)
    if val is None and (keep_best or isinstance(scheduler, ReduceLROnPlateau)):
        raise ValueError("keep_best and ReduceLROnPlateau look at the validation loss: pass a validation split")
    player.check()
    precision = fast_precision(device) if precision == "auto" else precision  # a checkpoint remembers what was computed
    engine = fabric(device, precision)
    settings = {
        **player.settings(),
        "training frames": len(train),
        "data": str(getattr(train, "fingerprint", "")),
        "batch_size": batch_size,
        "seed": seed,
        "shuffle": shuffle,
        "keep_best": keep_best,
        "precision": precision,
    }
    with left_as_found([model], engine.device):
        options = {"batch_size": batch_size, "seed": seed, "augment": augment, "shuffle": shuffle}
        return _Supervised(engine, {"model": player}, loss=loss, val_loss=val_loss or loss, **options).run(
            train, val, epochs=epochs, settings=settings, file=Path(checkpoint) if checkpoint is not None else None,
            keep_best=keep_best, name=name, progress=progress,
        )  # fmt: skip


class _Supervised(Loop):
    """One model that learns from one loss."""

    def __init__(self, engine: lightning.Fabric, players: dict[str, Player], *, loss: Loss, val_loss: Loss, **options):
        super().__init__(engine, players, **options)
        self.loss, self.val_loss = loss, val_loss

    def learn(self, batch: dict, share: float, note: Callable[..., None]) -> None:
        value = loss_of(self.wrapped["model"][0], batch, self.loss)
        note(loss=value)
        self.update("model", value * share)

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        note(loss=loss_of(self.wrapped["model"][0], batch, self.val_loss))


def loss_of(model: nn.Module, batch: dict, loss: Loss) -> Tensor:
    """Scalar loss of one batch; the truth is resized to the prediction where a net predicts at its own smaller size."""
    pred = model(batch["image"].contiguous(memory_format=torch.channels_last))
    depth, valid = at_size(batch, pred.shape[-2:])
    return loss(pred=pred, depth=depth, valid=valid)


def at_size(batch: dict, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """True depth and mask of a batch at (H, W), without mixing valid and invalid pixels."""
    depth, valid = batch["depth"], batch["valid"]
    return (depth, valid) if depth.shape[-2:] == size else transforms.resize_depth(depth, valid, tuple(size))
