"""Several processes that share work: sums over a batch of which each holds some images, and frames that each judges in part.

A loss that divides one sum over the batch by another (the error of all valid pixels by their number) cannot be put together
from the losses of the parts: an image with few valid pixels would weigh as much as one with many. So the sums are added up
over all processes, and the division comes after that. Outside a training of several processes nothing is added.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")

# None: this process holds the whole batch; else whether its images belong to the batch, or are only borrowed
_belongs: ContextVar[bool | None] = ContextVar("belongs", default=None)


def sum_over_processes(total: Tensor) -> Tensor:
    """Turn a sum over the images of this process into the sum over the whole batch.

    Args:
        total: any shape, the same in every process, float or integer.

    Returns:
        The same shape and dtype, and the same bits in all processes. Gradients flow back through it into every process.

    >>> sum_over_processes(torch.tensor([1.0, 2.0]))  # one process: nothing to add
    tensor([1., 2.])
    """
    belongs = _belongs.get()
    if belongs is None:
        return total
    # replaced, not multiplied by 0, and still part of the graph: every process must take part in the backward pass
    return _Sum.apply(total if belongs else torch.where(torch.zeros_like(total, dtype=torch.bool), total, 0))


def in_batch() -> bool:
    """Whether the images at hand belong to the batch; borrowed ones, of a process that was left without, do not."""
    return _belongs.get() is not False


@contextlib.contextmanager
def one_batch(processes: int, *, belongs: bool) -> Iterator[None]:
    """Let `sum_over_processes` add up over all processes of the launch; all of them must enter it and call the same losses.

    Args:
        processes: how many there are; with one, nothing is added.
        belongs: whether the images of this process count; False for a process that had to borrow one.
    """
    token = _belongs.set(belongs if processes > 1 else None)
    try:
        yield
    finally:
        _belongs.reset(token)


def together() -> int:
    """How many processes are connected with each other for a training; 1 before the first training has begun."""
    joined = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if joined else 1


def own_part(count: int) -> range:
    """Which of `count` things, one after the other, this process does when all processes share them.

    >>> own_part(5)  # one process
    range(0, 5)
    """
    processes = together()
    rank = torch.distributed.get_rank() if processes > 1 else 0
    return range(count * rank // processes, count * (rank + 1) // processes)


def gathered(compute: Callable[[], T]) -> list[T]:
    """What every process computed, in the order of their ranks; all processes must call it, and all get the same.

    Args:
        compute: this process's part; the result can be pickled.

    Raises:
        ValueError, RuntimeError: in all processes, where it fails in one of them: none waits for another in vain.
    """
    if together() == 1:
        return [compute()]
    own, failure = None, None
    try:
        own = compute()
    except Exception as error:
        failure = error
    told = None if failure is None else (isinstance(failure, ValueError), str(failure) or type(failure).__name__)
    parts: list = [None] * together()
    torch.distributed.all_gather_object(parts, (own, told))
    if failure is not None:
        raise failure
    for rank, (_, told) in enumerate(parts):
        if told is not None:
            raise ValueError(told[1]) if told[0] else RuntimeError(f"process {rank} of {len(parts)} failed: {told[1]}")
    return [part for part, _ in parts]


class _Sum(torch.autograd.Function):
    """Sum over processes. Each process's part moves the loss of all, so gradients are summed over processes as well."""

    @staticmethod
    def forward(ctx: Any, total: Tensor) -> Tensor:
        total = total.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)
