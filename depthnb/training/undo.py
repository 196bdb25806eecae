"""Nothing half-done is left: what a training changes is put back when it is stopped, by whatever it is stopped."""

from __future__ import annotations

import contextlib
import copy
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer


@contextlib.contextmanager
def undone_when_stopped(parts: Mapping[str, Any]) -> Iterator[None]:
    """Put models, optimisers and schedulers back as they were when the block ends in an exception.

    That holds for KeyboardInterrupt and for a full memory too. The copies lie on the CPU, where they take none of a GPU's
    memory.

    Args:
        parts: name -> whatever has state_dict and load_state_dict.
    """
    before = {name: _copy(part.state_dict()) for name, part in parts.items()}
    try:
        yield
    except BaseException:
        with uninterrupted(), contextlib.ExitStack() as all_of_them:  # also when one of them fails
            for name, part in parts.items():
                _make_room(part)
                all_of_them.callback(part.load_state_dict, before[name])
        raise


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C, or JupyterLab's stop button, wait until the block has ended."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield  # Python hands signals to its main thread alone; None is a handler that is not Python's
        return
    arrived = []
    signal.signal(signal.SIGINT, lambda *_: arrived.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if arrived:
            signal.raise_signal(signal.SIGINT)


def _make_room(part: Any) -> None:
    """Drop what will be replaced: after a full memory there is no room for both."""
    if isinstance(part, nn.Module):
        part.zero_grad(set_to_none=True)
    elif isinstance(part, Optimizer):
        part.zero_grad(set_to_none=True)
        part.state.clear()


def _copy(value: Any) -> Any:
    """A copy with all tensors on the CPU, however deep they lie (some optimisers keep lists of them)."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        copied = copy.copy(value)  # of its own kind: some schedulers keep a Counter
        for key, inner in value.items():
            copied[key] = _copy(inner)
        return copied
    return [_copy(inner) for inner in value] if isinstance(value, list) else copy.deepcopy(value)
