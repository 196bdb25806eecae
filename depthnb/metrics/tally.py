"""Comparisons and counts of maps. NumPy's on a CPU, where torch takes about ten times as long for anything of type bool."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_KINDS = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}  # NumPy has no bfloat16


def between(x: Tensor, low: float, high: float) -> Tensor:
    """Where low < x < high, both ends left out; False for NaN.

    Args:
        x: any shape, floating point.
        low, high: in the unit of x; rounded to its precision.

    Returns:
        bool of the same shape.

    >>> between(torch.tensor([0.1, 5.0, 10.0, float("nan")]), 0.1, 10.0)
    tensor([False,  True, False, False])
    """
    array = _array(x)
    if array is None:
        return (x > low) & (x < high)
    low, high = array.dtype.type(low), array.dtype.type(high)
    return torch.from_numpy(np.asarray((array > low) & (array < high)))


def number(mask: Tensor) -> Tensor:
    """How many pixels of each image are True.

    Args:
        mask: bool [B, ...].

    Returns:
        int64 [B], on the device of the mask.

    >>> number(torch.tensor([[True, False], [True, True]]))
    tensor([1, 2])
    """
    array = _array(mask)
    if array is None:
        return torch.count_nonzero(mask.flatten(1), dim=1)
    # of what is not contiguous NumPy counts slowly
    return torch.tensor([np.count_nonzero(np.ascontiguousarray(image)) for image in array], dtype=torch.int64)


def weights(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """1 where a mask is True, else 0.

    Args:
        mask: bool, any shape.
        dtype: of the result, floating point.

    Returns:
        Tensor of the same shape.

    >>> weights(torch.tensor([True, False]), torch.float32)
    tensor([1., 0.])
    """
    array = _array(mask)
    if array is None or dtype not in _KINDS:
        return mask.to(dtype)
    return torch.from_numpy(array.astype(_KINDS[dtype]))


def _array(x: Tensor) -> np.ndarray | None:
    """A tensor of the CPU as NumPy sees it, without a copy; None for what NumPy cannot see."""
    return x.detach().numpy() if x.device.type == "cpu" and (x.dtype == torch.bool or x.dtype in _KINDS) else None
