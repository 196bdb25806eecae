"""Training: `fit` for one net, `adversarial.fit` for two that play against each other, `painting.paint` for pictures.

The loop itself is `loop.Loop`: `run` counts epochs, `learn` goes through the batches of one.
"""

from .engine import fabric, fast_precision
from .history import History, passes
from .loop import seed_for
from .means import NonFiniteLoss
from .settings import Settings
from .supervised import Loss, at_size, fit, loss_of

__all__ = [
    "History",
    "Loss",
    "NonFiniteLoss",
    "Settings",
    "at_size",
    "fabric",
    "fast_precision",
    "fit",
    "loss_of",
    "passes",
    "seed_for",
]
