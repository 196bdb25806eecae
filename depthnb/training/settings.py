"""What a training is told once and keeps to: its settings, and the nets that take part."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from depthnb.training.engine import fast_precision

# of optimizers that a plateau may have slowed down since: kept beside them, so that nothing is added to their state
_first_rates: WeakKeyDictionary[Optimizer, list[float]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Settings:
    """How to train. `fit`, `adversarial.fit` and `painting.paint` make it from their keywords.

    Args:
        epochs: passes over the training frames; see `passes` for a set of few frames.
        batch_size: images of one step, over all processes together.
        seed: of the order of the frames, of the augmentation and of dropout. Every random number comes from it and the number
            of the epoch.
        shuffle: a new order of frames each epoch.
        augment: called as augment(batch, seed=, epoch=) on the training device, for training batches only.
        device: auto, cpu, cuda or mps.
        precision: 32-true, bf16-mixed, 16-mixed (on a GPU), or auto: what `fast_precision` says of the device.
        checkpoint: a file, written whole after every epoch. When it exists, the training continues after its last epoch.
        name: for the progress display.
        progress: whether there is one.

    Raises:
        ValueError: when epochs or batch_size is below 1.
    """

    epochs: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    augment: Callable[..., dict] | None = None
    device: str = "auto"
    precision: str = "32-true"
    checkpoint: str | os.PathLike | None = None
    name: str = ""
    progress: bool = True

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"epochs and batch_size must be at least 1, found {self.epochs} and {self.batch_size}")
        if self.precision == "auto":  # a checkpoint remembers what was computed
            object.__setattr__(self, "precision", fast_precision(self.device))

    @property
    def file(self) -> Path | None:
        """The checkpoint's path."""
        return None if self.checkpoint is None else Path(self.checkpoint)

    def identity(self, players: Mapping[str, Player], train) -> dict[str, Any]:
        """What a checkpoint must agree on with the training that continues it; plain values only.

        Not the epochs, since more of them continue a training, nor what changes no weight (name, progress, device).
        """
        identity: dict[str, Any] = {}
        for name, player in players.items():
            prefix = f"{name} " if len(players) > 1 else ""
            identity |= {f"{prefix}{key}": value for key, value in player.identity().items()}
        return identity | {
            "training frames": len(train),
            "data": str(getattr(train, "fingerprint", "")),
            "batch_size": self.batch_size,
            "seed": self.seed,
            "shuffle": self.shuffle,
            "precision": self.precision,
            "augment": described(self.augment),
        }


@dataclass
class Player:
    """A model that learns, with the optimiser and the scheduler (stepped once an epoch) that were built on it."""

    model: nn.Module
    optimizer: Optimizer
    scheduler: Any = None

    def check(self, *, validated: bool) -> None:
        """Raise ValueError unless the three belong together.

        Args:
            validated: whether there is a validation split, which some schedulers look at.
        """
        own = {id(parameter) for parameter in self.model.parameters()}
        if any(id(parameter) not in own for group in self.optimizer.param_groups for parameter in group["params"]):
            raise ValueError(
                "the optimizer holds parameters of another model: build it anew on this model's parameters"
            )
        if getattr(self.scheduler, "optimizer", self.optimizer) is not self.optimizer:
            raise ValueError("the scheduler steers another optimizer: build it anew on this one")
        if isinstance(self.scheduler, ReduceLROnPlateau) and not validated:
            raise ValueError("ReduceLROnPlateau looks at the validation loss: pass a validation split")

    def identity(self) -> dict[str, Any]:
        """What a checkpoint must agree on; plain values only."""
        return {
            "model": type(self.model).__name__,
            "weights": sum(parameter.numel() for parameter in self.model.parameters()),
            "optimizer": type(self.optimizer).__name__,
            "scheduler": None if self.scheduler is None else type(self.scheduler).__name__,
            "learning rates": self._rates(),
        }

    def _rates(self) -> list[float]:
        """The learning rate of each group at the start, which schedulers note in the groups, all but ReduceLROnPlateau."""
        groups = self.optimizer.param_groups
        if isinstance(self.scheduler, ReduceLROnPlateau):
            return list(_first_rates.setdefault(self.optimizer, [float(group["lr"]) for group in groups]))
        return [float(group.get("initial_lr", group["lr"])) for group in groups]

    def parts(self, name: str) -> dict[str, Any]:
        """Whatever of it changes in a training: name -> something with a state_dict."""
        parts = {name: self.model, f"{name} optimizer": self.optimizer, f"{name} scheduler": self.scheduler}
        return {key: part for key, part in parts.items() if part is not None}

    def step_scheduler(self, val_loss: float | None) -> None:
        """The end of an epoch, as far as the learning rate is concerned."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(val_loss)
        elif self.scheduler is not None:
            self.scheduler.step()


def described(function: Callable | None) -> str | None:
    """What a checkpoint remembers of a function: its name, and the plain values that a partial gives it.

    >>> described(functools.partial(round, ndigits=2))
    'round(ndigits=2)'
    """
    if isinstance(function, functools.partial):
        given = {**dict(enumerate(function.args)), **function.keywords}
        plain = (bool, int, float, str, tuple, type(None))
        values = [f"{key}={value!r}" if isinstance(value, plain) else f"{key}" for key, value in given.items()]
        return f"{described(function.func)}({', '.join(values)})"
    return None if function is None else getattr(function, "__qualname__", type(function).__qualname__)
