"""Training: `fit` for one net, `adversarial.fit` for two that play against each other, `painting.paint` for pictures.

The loop itself is `loop.Loop`: `run` counts epochs, `learn` goes through the batches of one.
"""

import importlib

from . import launch

_PLACES = {
    "History": "history",
    "Loss": "supervised",
    "NonFiniteLoss": "means",
    "Settings": "settings",
    "at_size": "supervised",
    "fabric": "engine",
    "fast_precision": "engine",
    "fit": "supervised",
    "loss_of": "supervised",
    "passes": "history",
    "seed_for": "loop",
}

__all__ = [
    "History",
    "Loss",
    "NonFiniteLoss",
    "Settings",
    "at_size",
    "fabric",
    "fast_precision",
    "fit",
    "launch",
    "loss_of",
    "passes",
    "seed_for",
]


def __getattr__(name: str):
    """What trains needs torch, and waits until it is asked for: whoever only starts trainings asks `launch` alone."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
