"""What a model scored on a split, and the few predictions of it that are kept."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb import metrics

KEPT = 12  # predictions kept in a run folder, always of the same frames
KEPT_PIXELS = 96 * 128  # larger predictions are kept reduced: 12 of them stay below 300 kB


@dataclass
class Evaluation:
    """What one model scored on one split.

    Attributes:
        protocol: how it was measured; prints as one line.
        summary: metric -> mean over images (over pixels, if the protocol says so).
        per_image: one row per frame with id, scene, scene_type and the metrics.
        by_distance: one row per band of true depth that has pixels: lower, upper (metres), pixels, and the pixel metrics over
            all of them.
        predictions: id -> [1,h,w] float32 of the 12 kept frames, at most 12288 pixels each, in metres and clipped as they were
            scored.
        sums: what all of it is made of, a number a frame (`metrics.statistics`).
    """

    protocol: metrics.Protocol
    summary: dict[str, float]
    per_image: pd.DataFrame
    by_distance: pd.DataFrame
    predictions: dict[str, Tensor]
    sums: dict[str, Tensor] = field(default_factory=dict, repr=False)

    def pooled(self) -> Evaluation:
        """The same with all pixels of all frames taken together, as a protocol with average="pixels" has it, at no cost."""
        rule = replace(self.protocol, average="pixels")
        return replace(self, protocol=rule, summary=summary(self.sums, metrics.finish(self.sums), rule))

    def ranked(self, metric: str = "abs_rel", *, among: Sequence[int] | None = None) -> tuple[int, int, int]:
        """Positions in the data set of the best, the median and the worst image: a fixed rule, so nobody picks.

        Frames without the metric do not take part; ties go to the earlier frame.

        Args:
            metric: one of the columns of `per_image`.
            among: of these positions alone, such as `kept_frames`.

        Raises:
            ValueError: when no frame has it.
        """
        order = self._order(metric, among)
        return order[0], order[len(order) // 2], order[-1]

    def spread(self, count: int, metric: str = "abs_rel") -> list[int]:
        """Positions of `count` images at equal distances in the ranking, the better first, neither end among them.

        Raises:
            ValueError: as `ranked`.
        """
        order = self._order(metric)
        return [order[int((number + 0.5) / count * len(order))] for number in range(count)]

    def _order(self, metric: str, among: Sequence[int] | None = None) -> list[int]:
        """Positions from the best to the worst frame that has a value."""
        best_first = metrics.BETTER[metric] == "lower"
        values = self.per_image[metric] if among is None else self.per_image[metric].iloc[list(among)]
        order = values.dropna().sort_values(kind="stable", ascending=best_first).index.tolist()
        if not order:
            raise ValueError(f"no frame has a value of {metric} (no valid pixel, window or edge): nothing to rank")
        return order

    def save_predictions(self, file: Path) -> None:
        """Write the kept predictions as a compressed npz of float16 metres, rounded to 8 binary digits (0.4 % at most).

        That is enough for pictures, and half the size: what a run keeps for them goes into git. A frame's id is the name of
        its array, whatever it is: `np.savez` would take the ids "file" and "allow_pickle" for arguments of its own.
        """
        with zipfile.ZipFile(file, "w") as archive:
            for key, value in self.predictions.items():
                mantissa, exponent = np.frexp(value.numpy())
                rounded = np.ldexp(np.round(mantissa * 256) / 256, exponent).astype(np.float16)
                entry = zipfile.ZipInfo(f"{key}.npy")  # without a date: the same predictions are the same bytes
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w") as stream:
                    np.lib.format.write_array(stream, rounded, allow_pickle=False)


def load_predictions(file: Path) -> dict[str, Tensor]:
    """Read what `Evaluation.save_predictions` wrote: id -> [1,h,w] float32 metres, in the order of the data set.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: for one that is damaged.
    """
    predictions = {}
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                with archive.open(name) as stream:
                    stored = np.lib.format.read_array(stream, allow_pickle=False)
                depth = torch.from_numpy(stored.astype(np.float32))
                predictions[name.removesuffix(".npy")] = depth.reshape(1, *depth.shape[-2:])
    except OSError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise whatever they stumble over in a damaged file
        raise ValueError(
            f"{file}: not whole predictions ({type(error).__name__}: {error}); run the notebook again"
        ) from error
    return predictions


def kept_frames(n: int, count: int = KEPT) -> list[int]:
    """Positions of the `count` frames whose predictions are kept: evenly spread over the split, the same for every method.

    >>> kept_frames(100)[:4]
    [0, 9, 18, 27]
    """
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, count))})


def summary(sums: Mapping[str, Tensor], scores: Mapping[str, Tensor], rule: metrics.Protocol) -> dict[str, float]:
    """One number a metric, of the statistics of all frames and the metrics of each."""
    overall = metrics.finish(metrics.pool(sums)) if rule.average == "pixels" else scores
    return {name: overall[name].nanmean().item() for name in metrics.NAMES}


def reduced(pred: Tensor) -> Tensor:
    """A prediction [1,h,w], made smaller where it has more pixels than what run folders keep."""
    scale = (KEPT_PIXELS / pred[0].numel()) ** 0.5
    if scale >= 1:
        return pred
    return F.interpolate(pred[None], size=[max(1, int(side * scale)) for side in pred.shape[-2:]], mode="area")[0]
