"""What checks ask of a loss besides its value: a gradient that is right where a pixel is valid, and 0 where it is not.

A masked loss may have the right value and a gradient of NaN, which no training survives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from depthnb.course import copies
from depthnb.course.asking import close, doubles, tensor
from depthnb.course.questions import Asked

if TYPE_CHECKING:
    from torch import Tensor


def gradient(
    answer: Callable, *given: Any, of: int = 0, part: int | None = None, what: str = "the loss", to: str = "pred"
) -> Tensor:
    """The gradient of what a function returns, or of the sum of it, with respect to one of its inputs.

    The function gets that input as the output of a network, and its own process goes backward; the check sees the tensor alone.

    Args:
        answer: that the check is given.
        given: its inputs.
        of: the number of the input.
        part: of the answer, if it returns several.
        what: is descended.
        to: what the input is called.

    Raises:
        AssertionError: with a sentence, if there is none.

    >>> import torch
    >>> gradient(lambda pred: (pred**2).mean(), torch.tensor([1.0, 3.0]))
    tensor([1., 3.])
    >>> gradient(lambda pred: (pred.detach() ** 2).mean(), torch.tensor([1.0, 3.0]))
    Traceback (most recent call last):
    AssertionError: the loss has no gradient with respect to `pred`; `detach`, `no_grad`, NumPy and new tensors cut it off
    """
    asked = answer if isinstance(answer, Asked) else Asked(functools.partial(copies.ask, answer))
    found = asked.gradient(*given, of=of, part=part)
    if found is None:
        cut = "`detach`, `no_grad`, NumPy and new tensors cut it off"
        raise AssertionError(f"{what} has no gradient with respect to `{to}`; {cut}")
    if isinstance(found, str):
        raise AssertionError(f"the gradient of {what} cannot be computed ({found})")
    return tensor(found, tuple(given[of].shape), f"the gradient of {what}")


def slopes(got: Tensor, want: Any, valid: Any, what: str = "the loss", ties: Any = None) -> None:
    """A gradient must be right at the valid pixels, and exactly 0 at the others.

    Args:
        got: from `gradient`.
        want: what is right at the valid pixels; anything at the others.
        valid: bool, of a shape that fits to it.
        what: is descended.
        ties: pixels at which several gradients are right, such as |x| at 0: any number will do there.

    Raises:
        AssertionError: with the pixel that is farthest off.
    """
    found, right, valid = doubles(got), doubles(want), np.broadcast_to(np.asarray(valid), got.shape)
    right = np.where(valid, right, 0.0)
    if ties is not None:
        right = np.where(np.asarray(ties) & valid & np.isfinite(found), found, right)
    sizes = np.abs(right)
    usual = np.median(sizes[sizes > 0]) if sizes.any() else 0.0  # small where many pixels share a loss
    tolerance = 1e-4 * np.maximum(np.maximum(sizes, usual), 1e-3) / np.maximum(sizes, 1.0)
    inside = np.where(valid, found, 0.0)
    which = "" if valid.all() else " for the valid pixel"
    close(inside, right, f"the gradient of {what}{which}", tolerance)
    close(np.where(valid, 0.0, found), 0.0 * right, f"the gradient of {what} for the invalid pixel", 0)
