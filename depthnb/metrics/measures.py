"""Every error measure, computed under a named protocol.

`evaluate` gives one row of a table, `per_image` one value for each image, `by_distance` one row for each band of true
distance. All three rest on `statistics`, sums that can be pooled over batches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor

from depthnb.metrics.alignment import align
from depthnb.metrics.checks import check_finite, check_maps
from depthnb.metrics.protocols import AVERAGES, Protocol, protocol
from depthnb.metrics.strips import image_sums
from depthnb.metrics.sums import (
    EDGE_THRESHOLDS,
    PIXEL_SUMS,
    RELATIVE_EDGE_THRESHOLDS,
    WINDOW_SUMS,
    pixel_sums,
    window_sums,
)

KINDS = ("metric", "affine-inverse")
PIXEL_NAMES = (
    "abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "si_rmse_log", "delta1", "delta2", "delta3",
)  # fmt: skip
NAMES = (*PIXEL_NAMES, "ssim", *EDGE_THRESHOLDS, *RELATIVE_EDGE_THRESHOLDS)
BETTER: Mapping[str, str] = MappingProxyType(
    {name: "higher" if name.startswith(("delta", "ssim", "edge")) else "lower" for name in NAMES}
)

# on a GPU: 654 NYU frames need no 10 GB
_PIXELS_AT_ONCE = 4_000_000


def evaluate(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    protocol: str | Protocol,
    kind: str = "metric",
    average: str | None = None,
) -> dict[str, float]:
    """All metrics of a set of predictions under a protocol, as one row of a table.

    Args:
        pred: [B, 1, H, W] at the truth's own size; metres (`kind="metric"`) or inverse depth up to scale and shift
            (`kind="affine-inverse"`). Aligned as the protocol says, then clipped to [min_depth, max_depth].
        depth: [B, 1, H, W], metres along the optical axis; anything where `valid` is False.
        valid: bool, [B, 1, H, W]; the protocol narrows it further (see `Protocol`).
        protocol: a name or a `Protocol`.
        kind: one of `KINDS`.
        average: "image" or "pixels" instead of the protocol's own.

    Returns:
        dict with the keys `NAMES` in that order. "image": the mean over the images where the metric is defined; "pixels":
        all pixels (SSIM windows, edges) pooled. NaN where no image defines it: an image without a valid pixel defines
        nothing; an image with sparse truth has neither SSIM nor an edge score, one without any edge no edge score.

    Raises:
        ValueError: for tensors that do not fit together, a prediction of another size than the truth, NaN or infinity on
            a pixel that counts, an affine-inverse prediction under a protocol without inverse alignment, or an unknown
            protocol, kind or average.

    >>> depth = torch.full((1, 1, 16, 16), 2.0)
    >>> row = evaluate(pred=1.5 * depth, depth=depth, valid=depth > 0, protocol="rooms")
    >>> row["abs_rel"], row["rmse"], row["delta1"], row["delta2"]
    (0.5, 1.0, 0.0, 1.0)
    """
    average = average or _resolve(protocol).average
    if average not in AVERAGES:
        raise ValueError(f"average {average!r} is unknown; choose one of {AVERAGES}")
    sums = statistics(pred=pred, depth=depth, valid=valid, protocol=protocol, kind=kind)
    rows = finish(pool(sums) if average == "pixels" else sums)
    return {name: rows[name].nanmean().item() for name in NAMES}


def per_image(
    *, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol, kind: str = "metric"
) -> dict[str, Tensor]:
    """All metrics of each image, NaN where an image does not define one.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`.

    Returns:
        dict with the keys `NAMES` in that order, each a float64 tensor [B] on the CPU.

    Raises:
        ValueError: as `evaluate`.

    >>> depth = torch.full((2, 1, 16, 16), 2.0)
    >>> factor = torch.tensor([1.0, 1.5]).view(2, 1, 1, 1)
    >>> per_image(pred=factor * depth, depth=depth, valid=depth > 0, protocol="rooms")["abs_rel"]
    tensor([0.0000, 0.5000], dtype=torch.float64)
    """
    return finish(statistics(pred=pred, depth=depth, valid=valid, protocol=protocol, kind=kind))


def by_distance(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    protocol: str | Protocol,
    edges: Sequence[float],
    kind: str = "metric",
) -> list[dict[str, float]]:
    """The pixel metrics in bands of true distance, all pixels of a band pooled whatever the protocol's average.

    Pooled, because an image with ten pixels in a band would otherwise count as much as one with ten thousand.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`; alignment uses all pixels, not those of a band.
        edges: metres, rising; bands are [edges[i], edges[i + 1]).

    Returns:
        One dict for each band: "near" and "far" (metres), "pixels" (their number), and `PIXEL_NAMES`, NaN in an empty
        band.

    Raises:
        ValueError: for fewer than two edges or edges that do not rise, and as `evaluate`.

    >>> depth = torch.tensor([[[[1.0, 3.0]]]])
    >>> bands = by_distance(pred=depth + 0.5, depth=depth, valid=depth > 0, protocol="rooms", edges=(0, 2, 4))
    >>> [(band["near"], band["far"], band["pixels"], band["rmse"]) for band in bands]
    [(0, 2, 1, 0.5), (2, 4, 1, 0.5)]
    """
    sums = band_statistics(pred=pred, depth=depth, valid=valid, protocol=protocol, kind=kind, edges=edges)
    pooled = pool(sums)
    values = finish(pooled)
    rows = []
    for i, (near, far) in enumerate(pairwise(edges)):
        row = {"near": near, "far": far, "pixels": int(pooled["pixels"][0, i])}
        rows.append(row | {name: values[name][0, i].item() for name in PIXEL_NAMES})
    return rows


def aligned(*, pred: Tensor, depth: Tensor, valid: Tensor, protocol: str | Protocol, kind: str = "metric") -> Tensor:
    """The prediction in metres as the protocol scores it: aligned with the truth on the pixels that count, and clipped.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`.

    Returns:
        Tensor [B, 1, H, W], metres between the protocol's ends, everywhere, also where nothing is valid; NaN for an image
        that has nothing to align with.

    Raises:
        ValueError: as `evaluate`.

    >>> depth = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    >>> aligned(pred=5 / depth - 1, depth=depth, valid=depth < 4, protocol="zero-shot", kind="affine-inverse")
    tensor([[[[1., 2., 4.]]]])
    """
    scoring = _resolve(protocol)
    _check_kind(scoring, kind)
    check_maps(pred=pred, depth=depth, valid=valid)
    counts = scoring.counts(depth=depth, valid=valid)
    pred = pred.to(torch.promote_types(pred.dtype, torch.float32))
    return scoring.clipped(_in_metres(pred, depth.to(pred.dtype), counts, scoring, kind))


def statistics(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    protocol: str | Protocol,
    kind: str = "metric",
) -> dict[str, Tensor]:
    """The sums over pixels from which `finish` makes the metrics; concatenate those of several batches to pool them.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`.

    Returns:
        dict of float64 tensors [B] on the CPU: "pixels", sums of errors, "log_mean" and "log_m2" (mean and centred square
        sum of the log ratio), the sum and number of SSIM windows, and the edge counts.

    Raises:
        ValueError: as `evaluate`.

    >>> depth = torch.full((1, 1, 2, 2), 2.0)
    >>> statistics(pred=depth, depth=depth, valid=depth > 0, protocol="rooms")["pixels"]
    tensor([4.], dtype=torch.float64)
    """
    return all_statistics(pred=pred, depth=depth, valid=valid, protocol=protocol, kind=kind)[0]


def band_statistics(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    protocol: str | Protocol,
    edges: Sequence[float],
    kind: str = "metric",
) -> dict[str, Tensor]:
    """The sums of `statistics` in bands of true depth, without SSIM and edges: no band has a use for its pixels' neighbours.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`; alignment uses all pixels, not those of a band.
        edges: metres, rising; bands are [edges[i], edges[i + 1]).

    Returns:
        dict of float64 tensors [B, bands] on the CPU, which `pool` and `finish` take as they take those of `statistics`.

    Raises:
        ValueError: for fewer than two edges or edges that do not rise, and as `evaluate`.

    >>> depth = torch.tensor([[[[1.0, 3.0, 3.5]]]])
    >>> band_statistics(pred=depth, depth=depth, valid=depth > 0, protocol="rooms", edges=(0, 2, 4))["pixels"]
    tensor([[1., 2.]], dtype=torch.float64)
    """
    _check_edges(edges)
    banded, _ = _sums(pred, depth, valid, protocol, kind, edges, windows=False)
    return _named(PIXEL_SUMS, banded[:, :-1])


def all_statistics(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    protocol: str | Protocol,
    edges: Sequence[float] = (),
    kind: str = "metric",
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What `statistics` and `band_statistics` give, in one pass over the pixels.

    Args:
        pred, depth, valid, protocol, kind: as for `evaluate`.
        edges: as for `band_statistics`; none: no bands.

    Returns:
        The two dicts; the second is empty without edges.

    Raises:
        ValueError: as `band_statistics`.

    >>> depth = torch.tensor([[[[1.0, 3.0, 3.5]]]])
    >>> whole, bands = all_statistics(pred=depth, depth=depth, valid=depth > 0, protocol="rooms", edges=(0, 2, 4))
    >>> whole["pixels"].tolist(), bands["pixels"].tolist()
    ([3.0], [[1.0, 2.0]])
    """
    if len(edges):
        _check_edges(edges)
    banded, others = _sums(pred, depth, valid, protocol, kind, edges, windows=True)
    whole = pool(_named(PIXEL_SUMS, banded.transpose(0, 1)))
    whole = {name: values[0] for name, values in whole.items()} | _named(WINDOW_SUMS, others)
    return whole, _named(PIXEL_SUMS, banded[:, :-1]) if len(edges) else {}


def _check_edges(edges: Sequence[float]) -> None:
    if len(edges) < 2 or any(near >= far for near, far in pairwise(edges)):
        raise ValueError(
            f"edges {list(edges)} must be at least two distances in metres, each larger than the one before"
        )


def _named(names: Sequence[str], sums: Tensor) -> dict[str, Tensor]:
    """Sums [...,names] as a dict."""
    return dict(zip(names, sums.unbind(-1), strict=True))


def pool(sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pool the statistics of many images into those of one large image.

    Args:
        sums: from `statistics`, each [B]; B may run over many batches (`torch.cat` each entry).

    Returns:
        dict of the same keys, each [1].

    >>> depth = torch.full((3, 1, 2, 2), 2.0)
    >>> pool(statistics(pred=depth, depth=depth, valid=depth > 0, protocol="rooms"))["pixels"]
    tensor([12.], dtype=torch.float64)
    """
    pooled = {name: values.nansum(0, keepdim=True) for name, values in sums.items()}
    pixels, mean = sums["pixels"], sums["log_mean"].nan_to_num()
    pooled["log_mean"] = (pixels * mean).sum(0, keepdim=True) / pooled["pixels"]
    # between the images as well as within them (Chan, Golub & LeVeque 1979)
    pooled["log_m2"] = pooled["log_m2"] + (pixels * (mean - pooled["log_mean"]).square()).nansum(0, keepdim=True)
    return pooled


def finish(sums: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The metrics that belong to the sums of `statistics` or `pool`.

    Args:
        sums: from `statistics` (each [B]) or `pool` (each [1]).

    Returns:
        dict of float64 tensors of the same length, in the order of `NAMES` (`PIXEL_NAMES` for the statistics of a band);
        NaN where undefined.

    Source: abs_rel, sq_rel, rmse, rmse_log, delta: Eigen et al. 2014 (arXiv:1406.2283), section 4.3; silog = 100 times
    the standard deviation (ddof 0) of the log ratio, as the KITTI benchmark; si_rmse_log = sqrt of Eigen's equation 1
    with lambda 1, which is silog / 100; SSIM: Wang et al. 2004, 11x11 Gaussian window of sigma 1.5, data range =
    max_depth, mean over the windows that are wholly valid, not for an image where these are fewer than 5 % of the scored
    pixels; edge F1: Hu et al. 2019 (arXiv:1803.08673), section 4.4.
    Deviates: Hu et al. score every pixel; here only those whose 3x3 neighbourhood is wholly valid, and not an image where
    these are fewer than half of the scored pixels (sparse truth). edge_f1_rel10 is ours: the Sobel magnitude of log depth, for
    scenes where a step of a quarter of a metre is nothing; a step is an edge from 10 % of the depth on.

    >>> depth = torch.full((1, 1, 2, 2), 2.0)
    >>> finish(statistics(pred=2 * depth, depth=depth, valid=depth > 0, protocol="rooms"))["log10"]
    tensor([0.3010], dtype=torch.float64)
    """
    pixels = sums["pixels"]
    deviation = (sums["log_m2"] / pixels).sqrt()
    metrics = {
        "abs_rel": sums["abs_rel"] / pixels,
        "sq_rel": sums["sq_rel"] / pixels,
        "rmse": (sums["square"] / pixels).sqrt(),
        "rmse_log": (sums["log_m2"] / pixels + sums["log_mean"].square()).sqrt(),
        "log10": sums["log_abs"] / pixels / math.log(10),
        "silog": 100 * deviation,
        "si_rmse_log": deviation,
        **{f"delta{i}": sums[f"delta{i}"] / pixels for i in (1, 2, 3)},
    }
    if "ssim" in sums:
        metrics["ssim"] = sums["ssim"] / sums["ssim_windows"]
        for name in (*EDGE_THRESHOLDS, *RELATIVE_EDGE_THRESHOLDS):
            # 0 / 0 = NaN: no edge in truth or prediction, so nothing to find
            metrics[name] = 2 * sums[f"{name}_both"] / (sums[f"{name}_true"] + sums[f"{name}_pred"])
    return metrics


def _resolve(which: str | Protocol) -> Protocol:
    """`protocol(which)`, for functions whose argument has that name."""
    return protocol(which)


def _check_kind(scoring: Protocol, kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; choose one of {KINDS}")
    if kind == "affine-inverse" and scoring.alignment != "scale-shift-inverse":
        raise ValueError(
            f"an affine-inverse prediction has no metres, and protocol {scoring.name!r} aligns with {scoring.alignment!r}; "
            f"use protocol '{scoring.name.split('/')[0]}/scale-shift-inverse' (or 'zero-shot')"
        )


_NEAREST = 1e-3  # metres: a prediction of 0 or less has no inverse


def _in_metres(pred: Tensor, depth: Tensor, counts: Tensor, scoring: Protocol, kind: str) -> Tensor:
    """The prediction after the protocol's alignment on the pixels that count, not clipped."""
    if scoring.alignment == "none":
        return pred
    if kind == "metric" and scoring.alignment == "scale-shift-inverse":
        pred = 1 / pred.clamp_min(_NEAREST)  # not clipped to the range before its scale is known
    return align(pred=pred, depth=depth, valid=counts, how=scoring.alignment, max_depth=scoring.max_depth)


def _sums(
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    which: str | Protocol,
    kind: str,
    edges: Sequence[float],
    *,
    windows: bool,
) -> tuple[Tensor, Tensor]:
    """`sums.pixel_sums` and, if wanted, `sums.window_sums` of all images under a protocol, on the CPU."""
    scoring = protocol(which)
    _check_kind(scoring, kind)
    check_maps(pred=pred, depth=depth, valid=valid)
    low, high = scoring.min_depth, scoring.max_depth
    banded = torch.zeros(len(depth), max(1, len(edges)), len(PIXEL_SUMS), dtype=torch.float64)
    others = torch.zeros(len(depth), len(WINDOW_SUMS), dtype=torch.float64)
    if depth.device.type == "cpu":
        how = {"low": low, "high": high, "borders": edges, "windows": windows}
        for image, maps in enumerate(_cropped(pred, depth, valid, scoring, kind, 1)):
            guess, truth, mask = (x[0, 0] for x in maps)
            found = image_sums(guess, truth, mask, **how)
            if found is None:
                _check_counted(pred, depth, valid, scoring)
                mask = scoring.in_range(depth=truth, valid=mask)
                found = image_sums(_filled(guess, mask), _filled(truth, mask), mask, **how)
            banded[image], others[image] = (torch.from_numpy(x) for x in found)
        return banded, others
    found = []
    for guess, truth, counts in _cropped(pred, depth, valid, scoring, kind, _PIXELS_AT_ONCE):
        clipped = (*(x.clamp(low, high) for x in (guess, truth)), counts)
        found.append((pixel_sums(*clipped, edges), window_sums(*clipped, high) if windows else others[:0]))
    banded, others = (torch.cat(each) for each in zip(*found, strict=True))
    return banded.cpu(), others.cpu()


def _cropped(
    pred: Tensor, depth: Tensor, valid: Tensor, scoring: Protocol, kind: str, at_once: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Prediction, truth and mask inside the crop, aligned, so many pixels (an image at least) at a time.

    The mask holds at least what counts. Where an alignment is fitted, and on a GPU, it holds nothing else, and all values are
    finite.
    """
    height, width = depth.shape[-2:]
    top, bottom, left, right = scoring.crop_box(height, width)
    on_cpu, aligns, finite = depth.device.type == "cpu", scoring.alignment != "none", []
    step = max(1, at_once // max(1, height * width))
    for start in range(0, len(depth), step):
        guess, truth, mask = (x.detach()[start : start + step, :, top:bottom, left:right] for x in (pred, depth, valid))
        guess = guess.to(torch.promote_types(guess.dtype, torch.float32))
        if aligns or not on_cpu:
            mask = scoring.in_range(depth=truth, valid=mask)
            guess, truth = _filled(guess, mask), _filled(truth, mask)
            finite.append(guess.sum().isfinite())
            if aligns and not finite[-1]:
                _check_counted(pred, depth, valid, scoring)
        truth = truth.to(guess.dtype)
        if aligns:  # NaN where there is nothing to align with
            guess = _filled(_in_metres(guess, truth, mask, scoring, kind), mask)
        yield guess, truth, mask
    if finite and not torch.stack(finite).all():  # only now: a GPU would have to be waited for at every step
        _check_counted(pred, depth, valid, scoring)


def _check_counted(pred: Tensor, depth: Tensor, valid: Tensor, scoring: Protocol) -> None:
    """Raise for the first image that has a NaN or an infinity on a pixel that counts."""
    check_finite(pred=pred, depth=depth, valid=scoring.counts(depth=depth, valid=valid))


def _filled(x: Tensor, counts: Tensor) -> Tensor:
    """A map with 1 where a pixel does not count."""
    return torch.where(counts, x, torch.ones((), dtype=x.dtype, device=x.device))
