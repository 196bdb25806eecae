"""Structural similarity as a map, shared by the metric and the loss, and the masks of windows that are wholly valid.

Own code instead of `kornia.metrics.ssim`, which the tests hold it against: the Gaussian is a product with two banded
matrices, block by block along the band. On a CPU that is several times as fast forward and backward as the convolution of a
single channel, and on a GPU it stays in full float32 (unless `torch.set_float32_matmul_precision` says otherwise) where
convolutions may silently run in TF32.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor
from torch.nn import functional as F

SIGMA = 1.5


def ssim_map(*, pred: Tensor, depth: Tensor, data_range: float, window: int = 11) -> Tensor:
    """Structural similarity of two maps in every window that lies wholly inside them.

    Args:
        pred, depth: float32 or float64, [B, 1, H, W], any unit; all values finite.
        data_range: the range L of the values, in their unit; sets the constants (0.01 L)^2 and (0.03 L)^2.
        window: odd side of the Gaussian window, whose sigma is 1.5 pixels whatever the side.

    Returns:
        Tensor [B, 1, H - window + 1, W - window + 1], -1..1, differentiable; empty where H or W is smaller than `window`.

    Raises:
        ValueError: for an even window or a data range that is not positive.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", section III-B.

    >>> x = torch.linspace(0, 1, 144).view(1, 1, 12, 12)
    >>> ssim_map(pred=x, depth=x, data_range=1.0).shape
    torch.Size([1, 1, 2, 2])
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window {window} must be odd, so that it has a centre")
    if not data_range > 0:
        raise ValueError(f"data_range {data_range} must be positive: the span of the values, such as the largest depth")
    height, width = pred.shape[-2:]
    if min(height, width) < window:
        return pred[..., : max(0, height - window + 1), : max(0, width - window + 1)]  # empty, but part of the graph
    mean_d, square_d = _Blur.apply(torch.cat([depth, depth * depth], 1), window).split(1, 1)  # of a truth: no gradient
    mean_p, square_p, product = _Blur.apply(torch.cat([pred, pred * pred, pred * depth], 1), window).split(1, 1)
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    means, squares = mean_p * mean_d, mean_p * mean_p + mean_d * mean_d
    structure = (2 * (product - means) + c2) / (square_p + square_d - squares + c2)
    return (2 * means + c1) / (squares + c1) * structure


def wholly_valid(valid: Tensor, window: int) -> Tensor:
    """The windows in which every pixel is valid.

    Args:
        valid: bool, [B, 1, H, W].
        window: side of the window in pixels.

    Returns:
        bool [B, 1, H - window + 1, W - window + 1], one value for each window inside the map; empty if there is none.

    >>> valid = torch.tensor([[[[True, True, True, False]]]])
    >>> wholly_valid(valid.expand(1, 1, 2, 4), 2)
    tensor([[[[ True,  True, False]]]])
    """
    if min(valid.shape[-2:]) < window:
        height, width = valid.shape[-2:]
        return valid[..., : max(0, height - window + 1), : max(0, width - window + 1)]
    for dim in (-2, -1):
        # runs of 1, 2, 4, ... valid pixels: each step ands two overlapping runs, so log2(window) steps and no float
        run = 1
        while run < window:
            step = min(run, window - run)
            length = valid.shape[dim] - step
            valid = valid.narrow(dim, 0, length) & valid.narrow(dim, step, length)
            run += step
    return valid


def trusted_windows(valid: Tensor, window: int, share: float) -> Tensor:
    """The windows in which every pixel is valid, of those images that have enough of them to stand for the image.

    On sparse truth a few windows are whole by chance, and a number taken from them is noise.

    Args:
        valid: bool, [B, 1, H, W].
        window: odd side of the window in pixels.
        share: an image counts when at least this share of its valid pixels, those too near the border left out, is the
            middle of a wholly valid window; 0..1.

    Returns:
        bool as from `wholly_valid`, all False for an image without enough.

    >>> valid = torch.ones(1, 1, 3, 5).bool()
    >>> valid[..., 4] = False
    >>> trusted_windows(valid, 3, 0.5).any().item(), trusted_windows(valid, 3, 0.7).any().item()
    (True, False)
    """
    whole = wholly_valid(valid, window)
    edge = window // 2
    middles = valid[..., edge : valid.shape[-2] - edge, edge : valid.shape[-1] - edge]
    return whole & (whole.sum((1, 2, 3), keepdim=True) >= share * middles.sum((1, 2, 3), keepdim=True))


class _Blur(torch.autograd.Function):
    """Weighted mean over every window inside the maps, [B,C,H,W] -> [B,C,H - window + 1,W - window + 1].

    The weights are symmetric, so the gradient is the same mean over the incoming gradient with zeros around it.
    """

    @staticmethod
    def forward(ctx, maps: Tensor, window: int) -> Tensor:
        ctx.window = window
        with torch.autocast(maps.device.type, enabled=False):  # eight binary digits are too few for a variance
            return _along(_along(maps, -2, window), -1, window)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        around = ctx.window - 1
        return _Blur.apply(F.pad(gradient, (around, around, around, around)), ctx.window), None


_BLOCK = 32  # results of one product; larger ones multiply more zeros, smaller ones are more calls
_ONE = 96  # up to so many results one product is fastest


def _along(maps: Tensor, dim: int, window: int) -> Tensor:
    """The weighted mean along the rows (dim -2) or the columns (-1) of [..., H, W], as products with blocks of the band."""
    length = maps.shape[dim] - window + 1
    block = _BLOCK if length > _ONE else length
    band = _gaussian_band(block + window - 1, window, maps.dtype, maps.device)
    if block == length:
        return band @ maps if dim == -2 else maps @ band.T
    shape = list(maps.shape)
    shape[dim] = length
    out = maps.new_empty(shape)
    for start in range(0, length, block):
        some = min(block, length - start)
        part, here = band[:some, : some + window - 1], maps.narrow(dim, start, some + window - 1)
        out.narrow(dim, start, some).copy_(part @ here if dim == -2 else here @ part.T)
    return out


@functools.lru_cache(16)  # a data set has few sizes, and is asked for each of them thousands of times
@torch.inference_mode(False)  # what is made in inference mode could not be used by a training later
def _gaussian_band(size: int, window: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Matrix [size - window + 1, size] whose every row is the normalised Gaussian, shifted by one; made on the device."""
    # weights whose sum is off by one part in 1e7 spoil the variances, hence float64 where the device has it
    wide = dtype if device.type == "mps" else torch.float64
    column = torch.arange(size, dtype=wide, device=device)
    centre = column[: size - window + 1, None] + window // 2
    offset = column - centre
    weight = torch.exp(-offset.square() / (2 * SIGMA**2)) * (offset.abs() <= window // 2)
    return (weight / weight.sum(1, keepdim=True)).to(dtype)
