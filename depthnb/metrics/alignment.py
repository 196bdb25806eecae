"""Aligning a prediction with the truth before scoring it, for methods that know depth only up to scale or shift.

Alignment uses the truth of the very image it scores, so an aligned number never stands beside an unaligned one: the
protocol carries the alignment and its name shows it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from depthnb.metrics.checks import check_finite, check_maps
from depthnb.metrics.protocols import ALIGNMENTS
from depthnb.metrics.tally import weights


def fit_scale_shift(*, pred: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and shift per image that bring `pred` closest to `target` in the least-squares sense.

    Args:
        pred, target: [B, 1, H, W], any unit; anything finite where `valid` is False.
        valid: bool, [B, 1, H, W]; the pixels that are fitted.

    Returns:
        (scale, shift), each [B, 1, 1, 1], differentiable. Where `pred` is constant over the valid pixels (one valid
        pixel included) every line through the mean is optimal: the scale is 0 and the shift the mean target. Without a
        valid pixel both are 0.

    Source: Ranftl et al. 2020 (MiDaS, arXiv:1907.01341), equation 4.
    Deviates: solved through mean and covariance, which loses fewer digits in float32 than the normal equations.

    >>> pred = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    >>> scale, shift = fit_scale_shift(pred=pred, target=2 * pred + 1, valid=pred > 0)
    >>> scale.item(), shift.item()
    (2.0, 1.0)
    """
    pred, target = (torch.where(valid, x, torch.zeros_like(x)) for x in (pred, target))  # NaN times 0 is NaN
    scale, _, (pred_mean, _), (target_mean, _) = centred_fit(pred, target, weights(valid, pred.dtype))
    return scale, target_mean - scale * pred_mean


def centred_fit(
    pred: Tensor, target: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The scale of `fit_scale_shift`, the variance of the prediction, and of both maps the mean and the difference from it.

    Args:
        pred, target: [B, 1, H, W], any unit, finite everywhere.
        weight: [B, 1, H, W], 1 on the pixels that are fitted, else 0.

    Returns:
        scale [B, 1, 1, 1]; the variance [B, 1, 1, 1], infinite for a constant, whose scale is 0; twice a mean [B, 1, 1, 1] and
        the centred values [B, 1, H, W], which are 0 where weight is.
    """
    count = weight.sum((1, 2, 3), keepdim=True).clamp_min(1)
    means = [(x * weight).sum((1, 2, 3), keepdim=True) / count for x in (pred, target)]
    centred, truth = ((x - mean) * weight for x, mean in zip((pred, target), means, strict=True))
    variance = centred.square().sum((1, 2, 3), keepdim=True) / count
    covariance = (centred * truth).sum((1, 2, 3), keepdim=True) / count
    # the mean of equal numbers is exact only up to rounding, hence not `== 0`
    constant = variance <= (4 * torch.finfo(pred.dtype).eps * means[0]).square()
    variance = torch.where(constant, torch.inf, variance)
    return covariance / variance, variance, (means[0], centred), (means[1], truth)


def align(*, pred: Tensor, depth: Tensor, valid: Tensor, how: str, max_depth: float | None = None) -> Tensor:
    """Align each prediction of a batch with its own truth; the result is depth in metres.

    Args:
        pred: [B, 1, H, W]; metres up to the factor (and shift) that is fitted, or for "scale-shift-inverse" inverse
            depth up to scale and shift, as MiDaS predicts it.
        depth: [B, 1, H, W], metres; anything where `valid` is False.
        valid: bool, [B, 1, H, W]; the pixels that are fitted.
        how: "none"; "median" (times median(depth) / median(pred)); "scale" (least squares); "scale-shift" (least squares
            in depth); "scale-shift-inverse" (least squares in inverse depth, then inverted).
        max_depth: metres, for "scale-shift-inverse" only: the fitted inverse depth can be zero or negative and is
            clipped from below at 1 / max_depth. None: the largest valid depth of each image.

    Returns:
        Tensor [B, 1, H, W], float32 or float64 as `pred`, not clipped otherwise. An image without a valid pixel has
        nothing to align with and becomes NaN (for "none" it is returned as it is). A prediction that is constant over
        the valid pixels becomes the best constant ("scale-shift", "scale-shift-inverse"); one whose median or square sum
        is 0 stays unchanged ("median", "scale").

    Raises:
        ValueError: for an unknown `how`, tensors that do not fit together, NaN or infinity on a valid pixel, or a true
            depth that is not positive.

    Source: median, Zhou et al. 2017 (arXiv:1704.07813), section 4.1; inverse least squares with the clip, Ranftl et al.
    2020 (arXiv:1907.01341), section 6.

    >>> depth = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> align(pred=3 / depth - 0.5, depth=depth, valid=depth > 0, how="scale-shift-inverse")
    tensor([[[[1., 2., 4.]]]])
    """
    if how not in ALIGNMENTS:
        raise ValueError(f"alignment {how!r} is unknown; choose one of {ALIGNMENTS}")
    check_maps(pred=pred, depth=depth, valid=valid)
    if how == "none":
        return pred
    check_finite(pred=pred, depth=depth, valid=valid)
    if (valid & (depth <= 0)).any():
        raise ValueError("a valid pixel has a depth of 0 m or less; mark such pixels False in valid")
    dtype = torch.promote_types(pred.dtype, torch.float32)
    # sums over 300,000 pixels of values of similar size: float64, where the device has it
    wide = torch.float32 if pred.device.type == "mps" else torch.float64
    # NaN may hide under the mask and must not meet a product with zero
    truth = torch.where(valid, depth, torch.ones_like(depth)).to(wide)
    guess = torch.where(valid, pred, torch.ones_like(pred)).to(wide)
    if how == "median":
        scale, shift = _median(truth, valid) / _median(guess, valid), 0.0
        scale = torch.where(torch.isfinite(scale), scale, torch.ones_like(scale))
    elif how == "scale":
        product = torch.where(valid, guess * truth, 0.0).sum((1, 2, 3), keepdim=True)
        square = torch.where(valid, guess.square(), 0.0).sum((1, 2, 3), keepdim=True)
        scale, shift = torch.where(square > 0, product / square, torch.ones_like(square)), 0.0
    else:
        target = 1 / truth if how == "scale-shift-inverse" else truth
        scale, shift = fit_scale_shift(pred=guess, target=target, valid=valid)
    aligned = scale * pred.to(wide) + shift
    if how == "scale-shift-inverse":
        farthest = truth.masked_fill(~valid, 0).amax((1, 2, 3), keepdim=True) if max_depth is None else max_depth
        aligned = 1 / torch.maximum(aligned, torch.ones_like(aligned) / farthest)
    nothing = ~valid.flatten(1).any(1).view(-1, 1, 1, 1)
    return aligned.masked_fill(nothing, float("nan")).to(dtype)


def _median(values: Tensor, valid: Tensor) -> Tensor:
    """Median per image as numpy defines it: the mean of the two middle values when their number is even."""
    flat = values.masked_fill(~valid, float("nan")).flatten(1)
    lower, upper = flat.nanmedian(1).values, -(-flat).nanmedian(1).values
    return ((lower + upper) / 2).view(-1, 1, 1, 1)
