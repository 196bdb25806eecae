"""fit(): supervised training of a depth model, on Lightning Fabric."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from depthnb.data import transforms
from depthnb.models.camera import ask
from depthnb.training.history import History
from depthnb.training.loop import Loop, Objective
from depthnb.training.settings import Player, Settings, described

Loss = Callable[..., Tensor]  # (pred=, depth=, valid=) -> scalar


def fit(
    model: nn.Module,
    train,
    val=None,
    *,
    loss: Loss,
    optimizer: Optimizer,
    scheduler: Any = None,
    val_loss: Loss | None = None,
    **settings: Any,
) -> History:
    """Train a depth model for some epochs and return its history; the model is changed in place.

    Args:
        model: image [B,3,H,W] in 0..1 -> depth [B,1,h,w] in metres; where (h, w) is not (H, W), the truth is resized to it
            without mixing valid and invalid pixels.
        train, val: data sets with `batch(indices)`, as `data.open` gives them; their masks decide what counts. val may be
            None.
        loss: called with pred=, depth=, valid= and returns a scalar.
        optimizer: built on the model's parameters.
        scheduler: stepped once an epoch, ReduceLROnPlateau with the validation loss.
        val_loss: the loss of the validation split, if it is another one.
        **settings: epochs, batch_size, seed, shuffle, augment, device, precision, checkpoint, name, progress; the first two
            must be given. `training.Settings` describes each.

    Returns:
        The history: losses are means over the images that have a valid pixel.

    Raises:
        NonFiniteLoss: with epoch, batch and sample ids.
        ValueError: for an empty data set, one without a valid pixel, settings that do not fit together, or a checkpoint that
            is damaged or belongs to another training.
        OSError: when a checkpoint cannot be written.

    **Stopped**, by any of these, by Ctrl-C or by a full memory, it leaves model, optimiser and scheduler as they were after
    the last finished epoch. Modes, the memory format and torch's random state are always left as they were found.

    **Continued** from a checkpoint it ends with the weights of an undisturbed run, because every random number comes from
    seed and epoch: bit for bit on a CPU with the same number of threads. More epochs than before continue it; other settings
    are refused.

    **Several processes** (`depthnb run --processes`, torchrun, srun) train together and end with the same weights. batch_size
    is that of one step over all of them, so the recipe stays what it was, and so do losses and gradients: see
    `depthnb.losses`, also on a loss of your own. Two things differ: batch normalisation sees each process's images only, and
    dropout draws other numbers.

    Convolutions run channels_last inside: up to twice as fast, with the same result within rounding.
    """
    players = {"model": Player(model, optimizer, scheduler)}
    return Loop(_Supervised(loss, val_loss or loss), players, train, val, Settings(**settings)).run()


class _Supervised(Objective):
    """One model that learns from one loss."""

    def __init__(self, loss: Loss, val_loss: Loss) -> None:
        self.loss, self.val_loss = loss, val_loss

    def identity(self) -> dict[str, Any]:
        return {"loss": described(self.loss)}

    def losses(self, batch: dict, note: Callable[..., None]) -> Iterator[tuple[str, Tensor]]:
        loss = loss_of(self.nets["model"], batch, self.loss)
        note(loss=loss)
        yield "model", loss

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        note(loss=loss_of(self.nets["model"], batch, self.val_loss))


def loss_of(model: nn.Module, batch: dict, loss: Loss) -> Tensor:
    """Scalar loss of one batch; the truth is resized to the prediction where a net predicts at its own smaller size."""
    pred = ask(model, {**batch, "image": batch["image"].contiguous(memory_format=torch.channels_last)})
    depth, valid = at_size(batch, pred.shape[-2:])
    return loss(pred=pred, depth=depth, valid=valid)


def at_size(batch: dict, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """True depth and mask of a batch at (H, W), without mixing valid and invalid pixels."""
    depth, valid = batch["depth"], batch["valid"]
    return (depth, valid) if depth.shape[-2:] == size else transforms.resize_depth(depth, valid, tuple(size))
