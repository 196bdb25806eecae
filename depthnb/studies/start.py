"""What notebook 00 says of every metric, its small tables, and the check of its exercise in code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import torch
from torch import Tensor

from depthnb import metrics

METRICS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {  # name -> formula in words, unit
        "abs_rel": ("mean of error / true depth", "none"),
        "sq_rel": ("mean of squared error / true depth", "m"),
        "rmse": ("root of the mean squared error", "m"),
        "rmse_log": ("root of the mean squared difference of the natural logarithms", "none"),
        "log10": ("mean difference of the decimal logarithms", "none"),
        "silog": ("100 times the standard deviation of the log ratio", "%, nearly"),
        "si_rmse_log": ("the standard deviation of the log ratio", "none"),
        "delta1": ("share of pixels off by a factor below 1.25", "share"),
        "delta2": ("share of pixels off by a factor below 1.25²", "share"),
        "delta3": ("share of pixels off by a factor below 1.25³", "share"),
        "ssim": ("likeness of mean, contrast and pattern in windows of 11 x 11 pixels", "none"),
        "edge_f1_025": ("F1 of edge pixels, Sobel magnitude of the depth above 0.25 m", "share"),
        "edge_f1_050": ("F1 of edge pixels, Sobel magnitude of the depth above 0.5 m", "share"),
        "edge_f1_100": ("F1 of edge pixels, Sobel magnitude of the depth above 1 m", "share"),
        "edge_f1_rel10": ("F1 of edge pixels, depth steps of 10 % or more", "share"),
    }
)


def pixels(values: Sequence[float | bool]) -> Tensor:
    """Four numbers, or four True and False, as the map [1, 1, 2, 2] that losses and metrics take.

    >>> pixels([1.0, 2.0, 4.0, 8.0]).shape
    torch.Size([1, 1, 2, 2])
    """
    return torch.as_tensor(values).view(1, 1, 2, 2)


def metric_table(values: Mapping[str, float]) -> pd.DataFrame:
    """Every metric in one row: its formula in words, its unit, when it is better, and a value.

    Args:
        values: name -> number, for every name in `metrics.NAMES`.

    >>> metric_table(dict.fromkeys(metrics.NAMES, 0.5)).columns.tolist()
    ['metric', 'formula in words', 'unit', 'better when', 'here']
    """
    rows = [(name, *METRICS[name], metrics.BETTER[name], values[name]) for name in metrics.NAMES]
    return pd.DataFrame(rows, columns=["metric", "formula in words", "unit", "better when", "here"])


def markdown(table: pd.DataFrame, *, digits: int = 3) -> str:
    """A small table as Markdown: a quarter of the bytes that pandas needs in a notebook.

    Args:
        table: texts and numbers; its index is left out.
        digits: after the point, of numbers that are not whole by type.

    >>> print(markdown(pd.DataFrame({"layer": ["a | b"], "n": [64], "share": [0.12345]})))
    | layer | n | share |
    |:--|--:|--:|
    | a \\| b | 64 | 0.123 |
    """
    left = [not pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    rows = [table.columns, *table.itertuples(index=False)]
    lines = [" | ".join(_cell(value, digits) for value in row) for row in rows]
    return "\n".join(
        [f"| {lines[0]} |", f"|{'|'.join(':--' if text else '--:' for text in left)}|"]
        + [f"| {line} |" for line in lines[1:]]
    )


def _cell(value: object, digits: int) -> str:
    text = f"{value:.{digits}f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")


def check_abs_rel(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check a student's abs_rel under a mask against ours, on frames that a sensor could give.

    Args:
        function: of pred, depth and valid [B,1,H,W]; gives abs_rel of each image [B], NaN for an image without a valid pixel.

    Raises:
        AssertionError: with a sentence that says which of the frames it was that came out wrong.

    >>> try:
    ...     check_abs_rel(lambda pred, depth, valid: ((pred - depth).abs() / depth).mean((1, 2, 3)))
    ... except AssertionError as error:
    ...     print(str(error).partition(";")[0])
    frames with holes: a depth where valid is False was counted
    """
    for name, (pred, depth, valid) in _frames().items():
        found = function(pred.clone(), depth.clone(), valid.clone())
        true = metrics.per_image(pred=pred, depth=depth, valid=valid, protocol="rooms")["abs_rel"]
        shape = list(getattr(found, "shape", ()))
        assert shape == [len(depth)], (
            f"{name}; expected a tensor of one number an image, shape {[len(depth)]}, found {shape}"
        )
        same = torch.allclose(found.double(), true, rtol=1e-4, equal_nan=True)
        assert same, f"{name}; found {_rounded(found)}, expected {_rounded(true)}"


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def _frames() -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """What may be wrong with the answer -> prediction, truth and mask of two images."""
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 8 * torch.rand(2, 1, 4, 5, generator=generator)
    pred = depth * (0.7 + 0.6 * torch.rand(depth.shape, generator=generator))
    all_valid = torch.ones_like(depth, dtype=torch.bool)
    holes = torch.rand(depth.shape, generator=generator) < torch.tensor([0.2, 0.7]).view(2, 1, 1, 1)
    none = holes.clone()
    none[1] = False
    return {
        "frames without holes: the formula itself is wrong": (pred, depth, all_valid),
        "frames with holes: a depth where valid is False was counted": (pred, depth, holes),
        "frames with 0 in their holes: a division by 0 came through": (pred, torch.where(holes, depth, 0.0), holes),
        "frames with NaN in their holes: NaN times 0 is NaN": (pred, torch.where(holes, depth, torch.nan), holes),
        "a frame without a valid pixel: it has no error, so its number is NaN": (pred, depth, none),
    }
