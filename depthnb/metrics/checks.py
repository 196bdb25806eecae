"""What every loss and metric refuses: tensors that would be broadcast, resized or masked in silence."""

from __future__ import annotations

import torch
from torch import Tensor


def check_maps(*, pred: Tensor, depth: Tensor, valid: Tensor) -> None:
    """Check that prediction, truth and mask are batches of single-channel maps of one size.

    Args:
        pred, depth: floating point, [B, 1, H, W].
        valid: bool, [B, 1, H, W].

    Raises:
        ValueError: for another number of dimensions or channels, different sizes, or a mask that is not bool.

    >>> check_maps(pred=torch.ones(1, 1, 2, 2), depth=torch.ones(1, 2, 2), valid=torch.ones(1, 1, 2, 2).bool())
    Traceback (most recent call last):
    ValueError: depth has shape [1, 2, 2]; expected [B, 1, H, W]: add the missing dimension (`depth[:, None]`)
    """
    for name, tensor in (("pred", pred), ("depth", depth), ("valid", valid)):
        if tensor.ndim != 4 or tensor.shape[1] != 1:
            raise ValueError(
                f"{name} has shape {list(tensor.shape)}; expected [B, 1, H, W]: "
                f"add the missing dimension (`{name}[:, None]`)"
            )
    if valid.dtype != torch.bool:
        raise ValueError(f"valid is {valid.dtype}; expected torch.bool (`valid > 0` makes one from a 0/1 image)")
    if valid.shape != depth.shape:
        raise ValueError(f"valid has shape {list(valid.shape)} but depth {list(depth.shape)}; they belong together")
    if pred.shape != depth.shape:
        height, width = depth.shape[-2:]
        raise ValueError(
            f"pred has shape {list(pred.shape)} but the true depth {list(depth.shape)}; predict the same images, and "
            f"resize the prediction first: torch.nn.functional.interpolate(pred, size=({height}, {width}), "
            'mode="bilinear", align_corners=False)'
        )


def check_finite(*, pred: Tensor, depth: Tensor, valid: Tensor) -> None:
    """Check that nothing which counts is NaN or infinite.

    Args:
        pred, depth: [B, 1, H, W]; anything where `valid` is False.
        valid: bool, [B, 1, H, W].

    Raises:
        ValueError: saying how many valid pixels of which image are not finite, in the prediction or in the truth.

    >>> nan = torch.tensor([[[[1.0, float("nan")]]]])
    >>> check_finite(pred=nan, depth=torch.ones(1, 1, 1, 2), valid=torch.ones(1, 1, 1, 2).bool())
    Traceback (most recent call last):
    ValueError: pred is NaN or infinite on 1 of 2 valid pixels of image 0 of the batch; the model diverged or divided by 0
    """
    reasons = {
        "pred": "the model diverged or divided by 0",
        "depth": "mark such pixels False in valid",
    }
    for name, tensor in (("pred", pred), ("depth", depth)):
        bad = (valid & ~torch.isfinite(tensor)).flatten(1).sum(1)
        if bad.any():
            image = int(bad.argmax())
            raise ValueError(
                f"{name} is NaN or infinite on {int(bad[image])} of {int(valid[image].sum())} valid pixels of image "
                f"{image} of the batch; {reasons[name]}"
            )
