"""Training: `fit` for one net, `adversarial.fit` for two that play against each other, `painting.paint` for pictures."""

from .loop import History, NonFiniteLoss, seed_for
from .supervised import Loss, at_size, fabric, fast_precision, fit, loss_of

__all__ = ["History", "Loss", "NonFiniteLoss", "at_size", "fabric", "fast_precision", "fit", "loss_of", "seed_for"]
