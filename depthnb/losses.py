"""Every training loss: masked, keyword-only, in float32 at least.

All take `pred, depth, valid` as [B, 1, H, W] and return a scalar. They share four promises, all tested:

- what lies under the mask, NaN and infinity included, changes neither the value nor the gradient;
- without a valid pixel (pair, window) the loss is 0 with a zero gradient, so an unlucky crop does no harm;
- half-precision predictions are computed in float32, and autocast is off inside;
- tensors of different shape raise instead of being broadcast.

In a training of several processes each holds some images of a batch. There these losses add up sums and counts over all
processes (`metrics.processes`), so each process gets the loss of the whole batch, as one process would. So does whatever is put
together from these losses. A loss of your own is weighted by the number of images of each process: that is exact where it is a
mean over images, and only nearly so where it is a mean over pixels.

`depth` is the target in metres, or the same transform of it that the net predicts (02 trains on other units, 05 on
max_depth / depth), except where a loss says that it needs metres.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from depthnb.metrics.alignment import centred_fit
from depthnb.metrics.checks import check_maps
from depthnb.metrics.processes import sum_over_processes
from depthnb.metrics.ssim import ssim_map, wholly_valid
from depthnb.metrics.tally import weights

Loss = Callable[..., Tensor]
_LEAST_SPREAD = 1e-3  # mean absolute deviation as part of the median; nets of ours begin, untrained, at ten times that


def _masked(loss: Loss) -> Loss:
    """Give a loss its promises: shapes checked, values under the mask replaced by 1, float32, no autocast."""

    @functools.wraps(loss)
    def checked(*, pred: Tensor, depth: Tensor, valid: Tensor, **options: object) -> Tensor:
        check_maps(pred=pred, depth=depth, valid=valid)
        dtype = torch.promote_types(torch.promote_types(pred.dtype, depth.dtype), torch.float32)
        with torch.autocast(pred.device.type, enabled=False):
            pred, depth = _replaced(pred.to(dtype), depth.to(dtype), valid)
            return loss(pred=pred, depth=depth, valid=valid, **options)

    return checked


def _replaced(pred: Tensor, depth: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps with 1 under the mask, where their gradient is 0."""
    one = torch.ones((), dtype=pred.dtype, device=pred.device)
    if pred.device.type == "cpu" and (pred.detach().sum() + depth.detach().sum()).isfinite():
        weight = weights(valid, pred.dtype)
        # exactly the one or the other, several times as fast as `where` on a CPU
        return torch.lerp(one, pred, weight), torch.lerp(one, depth, weight)
    # chosen, not multiplied by 0: NaN times 0 is NaN, in the gradient too
    return torch.where(valid, pred, one), torch.where(valid, depth, one)


def _mean(values: Tensor, weight: Tensor, per_image: bool = False) -> Tensor:
    """Mean over the weighted pixels of the batch, or of each image and then over the images that have any."""
    if weight.dtype == torch.bool:
        weight = weights(weight, values.dtype)
    return _ratio((values * weight).sum((1, 2, 3)), weight.sum((1, 2, 3)), per_image)


def _ratio(sums: Tensor, counts: Tensor, per_image: bool) -> Tensor:
    """Sums over counts of each image [B]: of the batch together, or of each image and then over those that have a count."""
    if not per_image:
        total = sum_over_processes(counts.sum())
        return sum_over_processes(sums.sum()) / torch.where(total > 0, total, torch.ones_like(total))
    means = sums / torch.where(counts > 0, counts, torch.ones_like(counts))
    return sum_over_processes(means.sum()) / sum_over_processes((counts > 0).sum()).clamp_min(1)


@_masked
def l1(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error.

    Args:
        pred, depth: [B, 1, H, W], one unit for both.
        valid: bool, [B, 1, H, W].

    Returns:
        Scalar in that unit, the mean over all valid pixels of the batch; 0 without one.

    Raises:
        ValueError: for shapes that differ or are not [B, 1, H, W], or a mask that is not bool.

    >>> depth = torch.tensor([[[[1.0, 2.0, float("nan")]]]])
    >>> l1(pred=torch.ones(1, 1, 1, 3), depth=depth, valid=depth.isfinite()).item()
    0.5
    """
    return _mean((pred - depth).abs(), valid)


@_masked
def log_l1(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of the logarithms: a step of the prediction costs by its share of the depth, near or far.

    Args:
        pred: [B, 1, H, W], metres, above 0 on valid pixels (zero gives an infinite loss, on purpose, as in `silog`).
        depth: [B, 1, H, W], metres, above 0 on valid pixels.
        valid: bool, [B, 1, H, W].

    Returns:
        Scalar, the mean over all valid pixels of the batch; 0 without one. Small values are relative errors: 0.1 is 10 %. Its
        best guess between several depths is their median, as that of `l1` is, and not the nearer ones, as that of `mare`.

    Raises:
        ValueError: as `l1`.

    >>> depth = torch.tensor([[[[1.0, 2.0]]]])
    >>> round(log_l1(pred=3 * depth, depth=depth, valid=depth > 0).item(), 4)  # ln 3
    1.0986
    """
    return _mean((pred.log() - depth.log()).abs(), valid)


@_masked
def mse(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Mean squared error.

    Args:
        pred, depth: [B, 1, H, W], one unit for both.
        valid: bool, [B, 1, H, W].

    Returns:
        Scalar in that unit squared, the mean over all valid pixels of the batch; 0 without one.

    Raises:
        ValueError: as `l1`.

    >>> depth = torch.tensor([[[[1.0, 3.0]]]])
    >>> mse(pred=torch.ones(1, 1, 1, 2), depth=depth, valid=depth > 0).item()
    2.0
    """
    return _mean((pred - depth).square(), valid)


@_masked
def silog(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    lam: float = 0.5,
    root: bool = False,
    factor: float = 1.0,
    per_image: bool = True,
) -> Tensor:
    r"""Scale-invariant log loss, mean(d^2) - lam * mean(d)^2 with d = ln pred - ln depth.

    Args:
        pred: [B, 1, H, W], metres, above 0 on valid pixels (a zero or negative one gives inf or NaN, on purpose: the
            training loop stops and names the samples; let the model end in exp, softplus or a sigmoid).
        depth: [B, 1, H, W], metres, above 0 on valid pixels.
        valid: bool, [B, 1, H, W].
        lam: 0 compares logs pixel by pixel, 1 ignores a common factor of the whole image altogether.
        root: take the square root (BTS); its gradient at a perfect prediction is 0, not infinite.
        factor: multiplies the result (10 in BTS).
        per_image: means over each image's valid pixels, then over the images that have any (Eigen's equation); False:
            one mean over all valid pixels of the batch (BTS's code).

    Returns:
        Scalar, not negative for lam <= 1; 0 without a valid pixel.

    Raises:
        ValueError: as `l1`.

    Source: Eigen et al. 2014 (arXiv:1406.2283), equation 4, lam 0.5; equation 3 is lam 1. HMA-Depth prints the same
    formula with lam 0.85; BTS (arXiv:1907.10326, section 3.4) is `lam=0.85, root=True, factor=10, per_image=False`.
    Deviates: computed as variance + (1 - lam) * mean^2, which is the same number but cannot turn negative by rounding.

    >>> depth = torch.tensor([[[[1.0, 2.0]]]])
    >>> silog(pred=3 * depth, depth=depth, valid=depth > 0, lam=1.0).item()
    0.0
    >>> round(silog(pred=3 * depth, depth=depth, valid=depth > 0, lam=0.0).item(), 4)  # (ln 3)^2
    1.2069
    """

    def total(values: Tensor) -> Tensor:
        return (
            values.sum((1, 2, 3), keepdim=True)
            if per_image
            else sum_over_processes(values.sum((0, 1, 2, 3), keepdim=True))
        )

    difference = pred.log() - depth.log()
    count = total(valid)
    mean = total(difference) / count.clamp_min(1)  # the difference is 0 under the mask
    variance = total(((difference - mean) * valid).square()) / count.clamp_min(1)
    value = variance + (1 - lam) * mean.square()
    if root:
        # sqrt(0) has an infinite slope, which would turn 0 gradients into NaN
        value = torch.where(value > 0, torch.where(value > 0, value, 1.0).sqrt(), 0.0)
    if not per_image:
        return factor * value.squeeze()
    return factor * sum_over_processes(value.sum()) / sum_over_processes((count > 0).sum()).clamp_min(1)


@_masked
def ssim(*, pred: Tensor, depth: Tensor, valid: Tensor, data_range: float, window: int = 11) -> Tensor:
    """Structural dissimilarity, (1 - SSIM) / 2, over the windows that are wholly valid.

    Args:
        pred, depth: [B, 1, H, W], one unit for both.
        valid: bool, [B, 1, H, W]; a window with a single invalid pixel does not count, so with many small holes take a
            smaller window, and with LiDAR points another loss.
        data_range: span of the values in their unit, such as the largest depth; no default, because a wrong one makes the
            loss blind (1 for metres) or noisy.
        window: odd side of the Gaussian window (sigma 1.5).

    Returns:
        Scalar 0..1, the mean over all wholly valid windows of the batch; 0 without one.

    Raises:
        ValueError: for an even window or a data range that is not positive, and as `l1`.

    Source: DenseDepth (arXiv:1812.11941), section 3.2; SSIM of Wang et al. 2004.

    >>> depth = torch.linspace(1, 5, 256).view(1, 1, 16, 16)
    >>> ssim(pred=depth, depth=depth, valid=depth > 0, data_range=10.0).item() < 1e-6
    True
    """
    similarity = ssim_map(pred=pred, depth=depth, data_range=data_range, window=window)
    return _mean((1 - similarity) / 2, wholly_valid(valid, window))


@_masked
def gradient(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of the image gradients, which punishes blurred and invented edges.

    Args:
        pred, depth: [B, 1, H, W], one unit for both.
        valid: bool, [B, 1, H, W].

    Returns:
        Scalar in that unit: the absolute differences of forward differences down and across, over the pixel pairs that
        are valid on both ends, summed and divided by the number of valid pixels of the batch; 0 without one.

    Raises:
        ValueError: as `l1`.

    Source: DenseDepth (arXiv:1812.11941), section 3.2, with the forward differences of its code.

    >>> depth = torch.tensor([[[[1.0, 1.0, 3.0, 3.0]]]])
    >>> gradient(pred=torch.ones(1, 1, 1, 4), depth=depth, valid=depth > 0).item()
    0.5
    """
    return sum_over_processes(_steps(pred - depth, valid).sum()) / sum_over_processes(valid.sum()).clamp_min(1)


@_masked
def densedepth(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    max_depth: float,
    target: str = "inverse",
    lam: float = 0.1,
    data_range: float | None = None,
) -> Tensor:
    r"""DenseDepth's loss, lam L1 + gradient + (1 - SSIM) / 2, on the target that its network predicts.

    Args:
        pred, depth: [B, 1, H, W], metres, above 0 on valid pixels (a prediction of 0 gives an infinite loss, on purpose).
        valid: bool, [B, 1, H, W].
        max_depth: metres; where `target` is "inverse" all three terms compare max_depth / pred with max_depth / depth, so
            that near things count more; "depth" compares metres.
        lam: weight of the L1 term.
        data_range: of the SSIM, in the unit of the target; None: 100 for the inverse (the authors' code: 10 m to 10 cm),
            max_depth for depth.

    Returns:
        Scalar without a unit that means anything; 0 without a valid pixel.

    Raises:
        ValueError: for an unknown target, and as `l1`.

    Source: Constantinescu et al., "Loss Function" (no lam, no target); Alhashim and Wonka (arXiv:1812.11941), section 3.2:
    lam 0.1 and the inverse target.

    >>> depth = torch.tensor([[[[1.0, 2.0]]]])
    >>> round(densedepth(pred=2 * depth, depth=depth, valid=depth > 0, max_depth=10.0).item(), 4)  # 10 / 2 - 10 / 1 = -5, ...
    1.625
    """
    if target not in ("inverse", "depth"):
        raise ValueError(f"target is {target!r}; expected 'inverse' or 'depth'")
    if data_range is None:
        data_range = 100.0 if target == "inverse" else max_depth
    if target == "inverse":
        pred, depth = max_depth / pred, max_depth / depth
    given = {"pred": pred, "depth": depth, "valid": valid}
    return lam * l1(**given) + gradient(**given) + ssim(**given, data_range=data_range)


@_masked
def mare(*, pred: Tensor, depth: Tensor, valid: Tensor, edge_weighting: bool = False) -> Tensor:
    """Mean absolute relative error, |pred - depth| / depth, if wanted with more weight on edges of the true depth.

    Args:
        pred, depth: [B, 1, H, W], metres; depth above 0 on valid pixels.
        valid: bool, [B, 1, H, W].
        edge_weighting: weigh each pixel by 1 + the magnitude of the true depth's gradient (forward differences, metres a
            pixel; 0 towards an invalid neighbour). The result is a weighted mean, so it keeps its unit and size.

    Returns:
        Scalar, the mean over all valid pixels of the batch; 0 without one.

    Raises:
        ValueError: as `l1`.

    Source: "Depth Estimation in monocular images" (Chapre and Deshpande), figure 3. It speaks of weighted errors using
    gradients without a formula; the weight here is our reading.

    >>> depth = torch.tensor([[[[1.0, 2.0]]]])
    >>> mare(pred=depth + 1, depth=depth, valid=depth > 0).item()
    0.75
    """
    weight = valid.to(pred.dtype)
    if edge_weighting:
        down, across = _differences(depth, valid)
        weight = weight * (1 + (down.square() + across.square()).sqrt())
    return _mean((pred - depth).abs() / depth, weight)


_STEEPEST = 80.0  # whose exponential leaves room for the sums of a float32


@_masked
def keras_example(*, pred: Tensor, depth: Tensor, valid: Tensor, data_range: float, window: int = 7) -> Tensor:
    r"""The loss of Keras' example "Monocular depth estimation": 0.85 (1 - SSIM) + 0.1 L1 + 0.9 smoothness.

    The smoothness is the mean size of the prediction's own slope times e to the mean size of the true slope, down and
    across, each. It falls where the prediction is flat, whatever the truth is.

    Args:
        pred, depth: [B, 1, H, W], one unit for both.
        valid: bool, [B, 1, H, W].
        data_range, window: of the SSIM, as for `ssim`.

    Returns:
        Scalar; 0 without a valid pixel.

    Raises:
        ValueError: as `ssim`.

    Source: V. Basu, "Monocular depth estimation", Keras code examples, 2021. Deviations: masks; the constants of the SSIM
    are those of `ssim`; depth is what it is given, here metres; a mean slope above 80 counts as 80, since the exponential of 89
    is more than a float32 holds.

    >>> depth = torch.tensor([[[[1.0, 2.0]]]])
    >>> found = keras_example(pred=2 * depth, depth=depth, valid=depth > 0, data_range=10.0)
    >>> bool(torch.isclose(found, 0.1 * torch.tensor(1.5) + 0.9 * 2 * torch.tensor(1.0).exp()))  # no window, one slope
    True
    """
    smoothness = pred.new_zeros(())
    for dim in (-2, -1):
        length = pred.shape[dim] - 1
        both = (valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)).to(pred.dtype)
        true, predicted = (_mean(x.diff(dim=dim).abs(), both) for x in (depth, pred))
        smoothness = smoothness + predicted * true.clamp(max=_STEEPEST).exp()
    given = {"pred": pred, "depth": depth, "valid": valid}
    dissimilarity = 2 * ssim(**given, data_range=data_range, window=window)
    return 0.85 * dissimilarity + 0.1 * l1(**given) + 0.9 * smoothness


@_masked
def scale_shift_invariant(
    *, pred: Tensor, depth: Tensor, valid: Tensor, robust: bool = False, per_image: bool = False
) -> Tensor:
    """Error in inverse depth when scale and shift of each image are left open, so that only the shape counts.

    Args:
        pred: [B, 1, H, W], inverse depth up to an unknown scale and shift.
        depth: [B, 1, H, W], metres (its inverse is taken here), above 0 on valid pixels.
        valid: bool, [B, 1, H, W].
        robust: False: squared residual after the best scale and shift (least squares, either sign). True: prediction and
            truth are each brought to median 0 and mean absolute deviation 1, and the fifth of each image's pixels that
            then differ most is left out of the absolute residual. Its scale is positive: nearer has to be larger. A
            deviation below a thousandth of the median's size counts as that thousandth: the noise on a nearly constant
            image is no shape, and its gradient stays bounded. So a shift is left open as long as it is less than about a
            thousand deviations; a scale is whatever it may be.
        per_image: mean over each image's valid pixels, then over the images that have any; False: one mean over all valid
            pixels of the batch.

    Returns:
        Scalar, half the mean squared residual in 1/m^2, or (`robust`) half the mean absolute one, without unit and counting
        the pixels left out as 0; 0 without a valid pixel. The gradient includes that of scale and shift. A prediction that
        is constant over an image is scored against the best constant, and with `robust` one that hardly varies nearly so.

    Raises:
        ValueError: as `l1`.

    Source: Ranftl et al. 2020 (MiDaS, arXiv:1907.01341), section 5: the squared error after least squares; `robust`, the
    normalisation by median and deviation with the trimmed absolute error, which the paper found best. An even number of
    pixels has the lower of two medians. The least deviation is ours.

    >>> depth = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> scale_shift_invariant(pred=5 / depth - 2, depth=depth, valid=depth > 0).item() < 1e-12
    True
    >>> upside_down = functools.partial(scale_shift_invariant, pred=-1 / depth, depth=depth, valid=depth > 0)
    >>> round(upside_down().item(), 3), round(upside_down(robust=True).item(), 3)
    (0.0, 0.333)
    """
    weight = weights(valid, pred.dtype)
    return _sizes(_residual(pred, 1 / depth, weight, robust), weight, robust, per_image)


@_masked
def gradient_matching(
    *, pred: Tensor, depth: Tensor, valid: Tensor, scales: int = 4, robust: bool = False, per_image: bool = False
) -> Tensor:
    """Gradients of the residual in inverse depth at several scales, scale and shift of each image left open.

    Args:
        pred: [B, 1, H, W], inverse depth up to an unknown scale and shift.
        depth: [B, 1, H, W], metres (its inverse is taken here), above 0 on valid pixels.
        valid: bool, [B, 1, H, W].
        scales: number of scales; scale k keeps every 2^k-th pixel.
        robust, per_image: as for `scale_shift_invariant`; no pixel is left out.

    Returns:
        Scalar in 1/m, or without unit (`robust`), summed over the scales: at each the absolute forward differences over
        pairs valid on both ends, divided by that scale's valid pixels; 0 without one.

    Raises:
        ValueError: as `l1`.

    Source: Ranftl et al. 2020 (MiDaS, arXiv:1907.01341), equation 11, added there with weight 0.5 to the data term.

    >>> depth = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> gradient_matching(pred=5 / depth - 2, depth=depth, valid=depth > 0).item() < 1e-6
    True
    """
    weight = weights(valid, pred.dtype)
    return _gradients(_residual(pred, 1 / depth, weight, robust), weight, scales, per_image)


@_masked
def midas(
    *, pred: Tensor, depth: Tensor, valid: Tensor, alpha: float = 0.5, scales: int = 4, robust: bool = True
) -> Tensor:
    """The loss of MiDaS: `scale_shift_invariant` plus alpha times `gradient_matching`, each image on the same footing.

    Args:
        pred: [B, 1, H, W], inverse depth up to an unknown scale and shift.
        depth: [B, 1, H, W], metres (its inverse is taken here), above 0 on valid pixels.
        valid: bool, [B, 1, H, W].
        alpha: weight of the gradients; 0 leaves them out.
        scales: of the gradients.
        robust: the trimmed absolute error, with which the published networks were trained; False: the squared one. Either way
            an image of a street, where inverse depth hardly varies, weighs as much as one of a room: through the
            normalisation, or because the true inverse depth of each image is first stretched to the range 0 to 1.

    Returns:
        Scalar without unit, the mean over the images that have a valid pixel; 0 without one.

    Raises:
        ValueError: as `l1`.

    Source: Ranftl et al. 2020 (MiDaS, arXiv:1907.01341), equation 12 with alpha 0.5 and four scales; the stretching, section
    6.

    >>> depth = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> far = midas(pred=torch.tensor([[[[3.0, 1.0, 2.0]]]]), depth=100 * depth, valid=depth > 0)
    >>> near = midas(pred=torch.tensor([[[[3.0, 1.0, 2.0]]]]), depth=depth, valid=depth > 0)
    >>> abs(far - near).item() < 1e-6
    True
    """
    weight = weights(valid, pred.dtype)
    inverse = 1 / depth
    if not robust:
        top = (weight * inverse).amax((1, 2, 3), keepdim=True)
        bottom = 1 / (weight * depth).amax((1, 2, 3), keepdim=True)
        # the fitted shift takes care of the rest: only the width of the range matters
        inverse = inverse / torch.where(top > bottom, top - bottom, 1.0)
    residual = _residual(pred, inverse, weight, robust)  # of both terms
    loss = _sizes(residual, weight, robust, per_image=True)
    if alpha:
        loss = loss + alpha * _gradients(residual, weight, scales, per_image=True)
    return loss


def _sizes(residual: Tensor, weight: Tensor, robust: bool, per_image: bool) -> Tensor:
    """Half the mean squared residual; with `robust` half the mean absolute one without each image's largest fifth."""
    counts = weight.sum((1, 2, 3))
    if not robust:
        return _ratio(residual.square().sum((1, 2, 3)) / 2, counts, per_image)
    sizes = residual.abs()
    return _ratio((sizes * _smallest(sizes.detach(), weight)).sum((1, 2, 3)) / 2, counts, per_image)


def _smallest(sizes: Tensor, weight: Tensor) -> Tensor:
    """1 for the four fifths of each image's pixels that are smallest, 0 for the others; equal ones at the border share it."""
    kept = weight.flatten(1).sum(1).long() * 4 // 5
    largest = _ranked(sizes, weight, kept - 1)
    below, equal = (
        compare(sizes, largest, out=torch.empty_like(sizes)).mul_(weight) for compare in (torch.lt, torch.eq)
    )
    missing = kept.view(-1, 1, 1, 1) - below.sum((1, 2, 3), keepdim=True)
    share = missing / equal.sum((1, 2, 3), keepdim=True).clamp_min(1)
    return torch.where((kept > 0).view(-1, 1, 1, 1), share, 0.0) * equal + below


def _ranked(x: Tensor, weight: Tensor, rank: Tensor) -> Tensor:
    """The value [B, 1, 1, 1] of that rank [B], from 0, among the weighted pixels of each image; -inf for a negative rank."""
    if x.device.type == "cpu":
        inside = zip(x.numpy(), weight.numpy(), rank.tolist(), strict=True)
        found = [
            np.partition(each[among > 0], place)[place] if place >= 0 else -np.inf for each, among, place in inside
        ]
        return torch.tensor(found, dtype=x.dtype).view(-1, 1, 1, 1)
    ordered = torch.where(weight > 0, x, torch.inf).flatten(1).sort(1).values  # NaN last
    found = ordered.gather(1, rank.clamp_min(0)[:, None])[:, 0]
    return torch.where(rank >= 0, found, -torch.inf).view(-1, 1, 1, 1)


def _gradients(residual: Tensor, weight: Tensor, scales: int, per_image: bool) -> Tensor:
    """The absolute differences of neighbours, summed over scales; the residual is 0 where the weight is."""
    total = residual.new_zeros(())
    for k, sums in enumerate(_StepSums.apply(residual, weight, scales)):
        total = total + _ratio(sums, weight[..., :: 2**k, :: 2**k].sum((1, 2, 3)), per_image)
    return total


class _StepSums(torch.autograd.Function):
    """[scales,B]: at every scale the absolute differences of neighbours, down and across, of pairs with weight 1.

    With the gradient in closed form, which is made of signs: autograd would write every difference to a whole map of zeros.
    """

    @staticmethod
    def forward(ctx, residual: Tensor, weight: Tensor, scales: int) -> Tensor:
        sums, signs = residual.new_zeros(scales, len(residual)), []
        for k, dim in itertools.product(range(scales), (-2, -1)):
            lower, upper = _neighbours(residual, k, dim)
            step = upper - lower
            for end in _neighbours(weight, k, dim):
                step *= end
            signs.append(step.sign())
            sums[k] += step.abs_().sum((1, 2, 3))
        ctx.save_for_backward(*signs)
        ctx.shape = residual.shape
        return sums

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        signs = ctx.saved_tensors
        by_residual = gradient.new_zeros(ctx.shape)
        for (k, dim), sign in zip(itertools.product(range(len(gradient)), (-2, -1)), signs, strict=True):
            lower, upper = _neighbours(by_residual, k, dim)
            change = sign * gradient[k].view(-1, 1, 1, 1)
            upper += change
            lower -= change
        return by_residual, None, None


def _neighbours(x: Tensor, scale: int, dim: int) -> tuple[Tensor, Tensor]:
    """Views of every 2^scale-th pixel of a map: all but the last along a dimension, and all but the first."""
    coarse = x[..., :: 2**scale, :: 2**scale]
    length = coarse.shape[dim] - 1
    return coarse.narrow(dim, 0, length), coarse.narrow(dim, 1, length)


def _residual(pred: Tensor, inverse: Tensor, weight: Tensor, robust: bool) -> Tensor:
    """Prediction minus true inverse depth, scale and shift of each image left open; 0 where the weight is."""
    if robust:  # each with median 0 and mean absolute deviation 1
        return _normalised(pred, weight) - _normalised(inverse, weight)
    return _FittedResidual.apply(pred, inverse, weight)


class _FittedResidual(torch.autograd.Function):
    """Prediction after the least-squares scale and shift, minus the target.

    With the gradient in closed form, scale and shift included: autograd goes over the pixels about three times as often.
    """

    @staticmethod
    def forward(ctx, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        scale, variance, (_, centred), (_, truth) = centred_fit(pred, target, weight)
        ctx.save_for_backward(scale, variance, centred, truth, weight)
        return scale * centred - truth  # the shift brings the means together

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        scale, variance, centred, truth, weight = ctx.saved_tensors
        count = weight.sum((1, 2, 3), keepdim=True).clamp_min(1)
        # the scale is covariance over variance, and both change with the centred prediction
        along = (gradient * centred).sum((1, 2, 3), keepdim=True) / (variance * count)
        by_centred = (scale * gradient).addcmul_(along, truth).addcmul_(-2 * scale * along, centred).mul_(weight)
        mean = by_centred.sum((1, 2, 3), keepdim=True) / count
        return by_centred.addcmul_(mean, weight, value=-1), None, None


def _normalised(x: Tensor, weight: Tensor) -> Tensor:
    """Each image with median 0 and mean absolute deviation 1, less where it hardly varies; 0 where the weight is."""
    count = weight.sum((1, 2, 3), keepdim=True)
    median = _median(x, weight, count)
    centred = (x - median) * weight
    spread = centred.abs().sum((1, 2, 3), keepdim=True) / count.clamp_min(1)
    # noise on a constant, divided by its own tiny deviation, would get a gradient without bound; the floor is a part of the
    # median and no fixed number, because the scale of a prediction is open
    spread = torch.maximum(spread, _LEAST_SPREAD * median.abs())
    # all pixels 0, or none valid: nothing to divide by. NaN compares as False and so remains NaN, which stops the training
    return centred / torch.where(spread <= torch.finfo(x.dtype).tiny ** 0.5, 1.0, spread)


def _median(x: Tensor, weight: Tensor, count: Tensor) -> Tensor:
    """The lower median [B, 1, 1, 1] of each image's weighted pixels, 0 without any; its gradient goes to one pixel."""
    value = _ranked(x.detach(), weight, (count.flatten().long() - 1) // 2)
    at = ((x.detach() == value) & (weight > 0)).flatten(1).to(torch.uint8).argmax(1, keepdim=True)
    median = x.flatten(1).gather(1, at).view(-1, 1, 1, 1)
    return torch.where(count > 0, median, 0.0)


def _differences(x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Forward differences down and across at each pixel, 0 where a neighbour is missing or invalid."""
    differences = []
    for dim in (-2, -1):
        length = x.shape[dim] - 1
        step = x.diff(dim=dim) * (valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length))
        differences.append(torch.cat([step, torch.zeros_like(x.narrow(dim, 0, 1))], dim))
    return differences[0], differences[1]


def _steps(x: Tensor, valid: Tensor) -> Tensor:
    """Sum of the absolute forward differences down and across at each pixel."""
    down, across = _differences(x, valid)
    return down.abs() + across.abs()
