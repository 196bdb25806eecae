"""fit(): a depth net trained on films without a truth, with the camera's poses given or learnt, on the loop of every training.

Its place is not models/self_supervised.py, because models import no data and no training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

from torch import Tensor

from depthnb.models.photometric import photometric_loss
from depthnb.models.self_supervised import SelfSupervised
from depthnb.training.history import History
from depthnb.training.loop import Loop, Objective
from depthnb.training.settings import Player, Settings, described

__all__ = ["fit"]

Loss = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def fit(player: Player, train, val=None, *, loss: Loss = photometric_loss, **settings: Any) -> History:
    """Train a depth net until its depth explains the neighbouring pictures.

    Args:
        player: a `models.SelfSupervised` with optimiser and scheduler. With a pose net it learns the poses too, and the films'
            own are not looked at; without one they are given.
        train, val: films (`data.sequences.Films`); val may be None.
        loss: called with image, sources, and depth=, intrinsics=, motion=, as `photometric_loss` is.
        **settings: as for `training.fit`, whose promises hold here too.

    Returns:
        A History with further columns, each with a val_ twin: `photometric`, `smoothness` and `counting`, see
        `photometric_loss`.

    Raises:
        NonFiniteLoss, ValueError, OSError: as `training.fit`.
    """
    return Loop(_Films(loss), {"model": player}, train, val, Settings(**settings)).run()


class _Films(Objective):
    """A net that learns from how pictures of one place differ."""

    shown = MappingProxyType({"photometric": "photometric", "counting": "counting"})

    def __init__(self, loss: Loss) -> None:
        self.loss = loss

    def identity(self) -> dict[str, Any]:
        model: SelfSupervised = self.players["model"].model
        return {"loss": described(self.loss), "poses": "given" if model.pose is None else "learnt"}

    def losses(self, batch: dict, note: Callable[..., None]) -> Iterator[tuple[str, Tensor]]:
        loss, parts = self._measured(batch)
        note(loss=loss, **parts)
        yield "model", loss

    def judge(self, batch: dict, note: Callable[..., None]) -> None:
        loss, parts = self._measured(batch)
        note(loss=loss, **parts)

    def _measured(self, batch: dict) -> tuple[Tensor, dict[str, Tensor]]:
        depth, learnt = self.nets["model"](batch["seen"])
        motion = batch["motion"] if learnt is None else learnt
        given = {"depth": depth, "intrinsics": batch["intrinsics"], "motion": motion}
        return self.loss(batch["image"], batch["sources"], **given)
