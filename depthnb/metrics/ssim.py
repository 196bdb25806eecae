"""Structural similarity as a map, shared by the metric and the loss, and the masks of windows that are wholly valid.

Own code instead of `kornia.metrics.ssim`, which the tests hold it against: the Gaussian is a product with two banded
matrices, block by block along the band. On a CPU that is several times as fast forward and backward as the convolution of a
single channel, and on a GPU it stays in full float32 (unless `torch.set_float32_matmul_precision` says otherwise) where
convolutions may silently run in TF32.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from depthnb.metrics.room import Room
from depthnb.metrics.tally import number

Values = Tensor | np.ndarray

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
    pred, depth = pred[:, 0].transpose(0, 1), depth[:, 0].transpose(0, 1)
    (mean_d,) = _Blur.apply(window, depth)  # of a truth: no gradient
    # of the two squares only the sum is asked for
    mean_p, squares, product = _Blur.apply(window, pred, pred * pred + depth * depth, pred * depth)
    similarity = _similarity(torch, mean_p, mean_d, squares, product, data_range)
    return similarity.transpose(0, 1)[:, None, :, : width - window + 1]


def ssim_strip(maps: np.ndarray, room: Room, *, data_range: float, window: int) -> np.ndarray:
    """What `ssim_map` gives, for a few rows of one image, without a gradient and in memory that is there.

    Args:
        maps: float32 or float64 [4, H, W], contiguous rows: the prediction, the truth, and room for two more; H and W are not
            smaller than `window`.
        room: for what is computed on the way, and the result.
        data_range, window: as for `ssim_map`.

    Returns:
        Array [H - window + 1, W - window + 1 or more]; the further columns mean nothing.

    >>> x = np.linspace(0, 1, 4 * 144).reshape(4, 12, 12)
    >>> ssim_strip(x, Room(), data_range=1.0, window=11).shape
    (2, 2)
    """
    pred, depth, squares, product = maps
    np.multiply(pred, pred, out=squares)
    squares += np.multiply(depth, depth, out=product)
    np.multiply(pred, depth, out=product)

    given = torch.from_numpy(maps)[:, :, None]
    half, whole = room.take(*((size,) for size in _memory(given, window)), dtype=maps.dtype)
    moments = _products(given, window, torch.from_numpy(half), torch.from_numpy(whole))[:, :, 0].numpy()
    spare = half[: moments[0].size].reshape(moments[0].shape)  # has done its duty
    return _similarity(np, *moments, data_range, spare)


def _similarity(
    library: ModuleType,
    mean_p: Values,
    mean_d: Values,
    squares: Values,
    product: Values,
    data_range: float,
    spare: np.ndarray | None = None,
) -> Values:
    """Structural similarity from the means over a window: of both maps, of the sum of their squares, of their product.

    Args:
        spare: for NumPy, memory for the result; then the others are overwritten too.
    """

    def over(x: Values) -> Values | None:
        return None if spare is None else x

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    means = library.multiply(mean_p, mean_d, out=spare)
    mean_p = library.multiply(mean_p, mean_p, out=over(mean_p))
    mean_d = library.multiply(mean_d, mean_d, out=over(mean_d))
    of_means = library.add(mean_p, mean_d, out=over(mean_p))
    covariance = library.subtract(product, means, out=over(product))
    variances = library.subtract(squares, of_means, out=over(squares))
    # the formula's two factors of 2 come last, as one
    above = library.multiply(
        library.add(means, c1 / 2, out=over(means)),
        library.add(covariance, c2 / 2, out=over(covariance)),
        out=over(means),
    )
    below = library.multiply(
        library.add(of_means, c1, out=over(of_means)),
        library.add(variances, c2, out=over(variances)),
        out=over(of_means),
    )
    return library.multiply(library.divide(above, below, out=over(above)), 4, out=over(above))


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
    return torch.from_numpy(runs(valid.numpy(), window)) if valid.device.type == "cpu" else runs(valid, window)


def runs(mask: Values, window: int) -> Values:
    """[...,H,W] -> [...,H - window + 1,W - window + 1]: whether so many rows and columns from here on are True."""
    # runs of 1, 2, 4, ... pixels: each step ands two overlapping runs, so log2(window) steps and no float
    run = 1
    while run < window:
        step = min(run, window - run)
        mask = mask[..., step:, :] & mask[..., :-step, :]
        mask = mask[..., step:] & mask[..., :-step]
        run += step
    return mask


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
    return whole & (number(whole) >= share * number(middles)).view(-1, 1, 1, 1)


class _Blur(torch.autograd.Function):
    """Weighted mean over every window inside each map [H,B,W]: [maps,H - window + 1,B,W - window + 1 or more].

    The further columns, which fill the last block, mean nothing.

    The weights are symmetric, so the gradient is the same mean over the incoming gradient with zeros around it.
    """

    @staticmethod
    def forward(ctx, window: int, *maps: Tensor) -> Tensor:
        ctx.window, ctx.width = window, maps[0].shape[-1]
        return _blurred(maps, window)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        around = ctx.window - 1
        gradient = gradient[..., : ctx.width - around]
        return None, *_blurred(gradient, ctx.window, around)[..., : ctx.width]


_BLOCK = 16  # results of one product; larger ones multiply more zeros, smaller ones are more calls


def _blurred(maps: Sequence[Tensor], window: int, around: int = 0) -> Tensor:
    """What `_Blur` says, of maps [H,B,W] with so many zeros around them."""
    height, batch, width = maps[0].shape
    framed = maps[0].new_zeros(len(maps), height + 2 * around, batch, width + 2 * around)
    for some, out in zip(maps, framed, strict=True):
        out[around : around + height, :, around : around + width] = some
    return _products(framed, window, *(framed.new_empty(size) for size in _memory(framed, window)))


def _memory(maps: Tensor, window: int) -> tuple[int, int]:
    """How many numbers the means along the columns take in `_products`, and those over windows."""
    count, height, batch, width = maps.shape
    across, columns = _blocks(width - window + 1)
    lines = count * (height - window + 1) * batch
    # the last blocks of the very last row may reach over its end
    return lines * width + across * columns + window - 1 - width, lines * across * columns


def _products(maps: Tensor, window: int, half: Tensor, whole: Tensor) -> Tensor:
    """From maps [maps,H,B,W] to what `_Blur` says: products of blocks with the band, of overlapping views, uncopied.

    Args:
        half, whole: memory, as much as `_memory` says.
    """
    count, height, batch, width = maps.shape
    length = height - window + 1
    across, columns = _blocks(width - window + 1)
    within = count * length * batch * width
    half[within:] = 0
    with torch.autocast(half.device.type, enabled=False):  # eight binary digits are too few for a variance
        for some, out in zip(maps, half[:within].view(count, length, batch * width), strict=True):
            _down(some.reshape(height, batch * width), out, window)
        band = _gaussian_band(columns + window - 1, window, half.dtype, half.device).T.expand(across, -1, -1)
        # a block that reaches over the end of its row meets weights of 0 there
        lines = half.as_strided((across, count * length * batch, columns + window - 1), (columns, width, 1))
        torch.bmm(lines, band, out=whole.view(-1, across, columns).transpose(0, 1))
    return whole.view(count, length, batch, across * columns)


def _down(rows: Tensor, out: Tensor, window: int) -> None:
    """The weighted mean along the columns of [H,N], written to out [H - window + 1,N]."""
    length = len(out)
    block = min(_BLOCK, length)
    band = _gaussian_band(block + window - 1, window, rows.dtype, rows.device)
    blocks = length // block
    views = rows[: blocks * block + window - 1].unfold(0, block + window - 1, block).transpose(1, 2)
    torch.bmm(band.expand(blocks, -1, -1), views, out=out[: blocks * block].view(blocks, block, -1))
    rest = length - blocks * block
    if rest:
        torch.mm(band[:rest, : rest + window - 1], rows[blocks * block :], out=out[blocks * block :])


def _blocks(length: int) -> tuple[int, int]:
    """Into how many blocks of which size, `_BLOCK` at most, a length is divided; together they may be a little longer."""
    number = -(-length // _BLOCK)
    return number, -(-length // number)


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
