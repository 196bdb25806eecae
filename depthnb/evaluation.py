"""Judging a depth model on a data set: per image, by distance, beside the two baselines that know no image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import metrics
from depthnb.data import transforms
from depthnb.data.statistics import mean_depth

KEPT = 12  # predictions kept in a run folder, always of the same frames
KEPT_WIDTH = 128  # pixels; larger predictions are kept reduced


@dataclass
class Evaluation:
    """What one model scored on one split.

    protocol: one line that says how it was measured. summary: metric -> mean over images. per_image: one row per frame
    with id, scene, scene_type and the metrics. by_distance: one row per band of true depth. predictions: id -> [1,h,w]
    float32 of the 12 kept frames, at most 128 pixels wide.
    """

    protocol: str
    summary: dict[str, float]
    per_image: pd.DataFrame
    by_distance: pd.DataFrame
    predictions: dict[str, Tensor]

    def ranked(self, metric: str = "abs_rel") -> tuple[int, int, int]:
        """Positions in the data set of the best, the median and the worst image: a fixed rule, so nobody picks."""
        order = self.per_image[metric].dropna().sort_values(kind="stable").index.tolist()
        if metrics.BETTER[metric] == "higher":
            order.reverse()
        return order[0], order[len(order) // 2], order[-1]

    def save_predictions(self, file: Path) -> None:
        """Write the kept predictions as a compressed npz of float16 metres."""
        arrays = {key: value.numpy().astype(np.float16) for key, value in self.predictions.items()}
        with open(file, "wb") as stream:
            np.savez_compressed(stream, **arrays)


class Constant(nn.Module):
    """A predictor that never looks at the image: one depth map for all, in metres."""

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth.reshape(1, 1, *depth.shape[-2:]).float())

    def forward(self, image: Tensor) -> Tensor:
        return self.depth.expand(len(image), -1, -1, -1)


def predict(model: nn.Module, dataset, *, batch_size: int = 32) -> Tensor:
    """Predictions [N,1,h,w] float32 in metres on the CPU, in the order of the data set; eval mode, on the model's device."""
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    mode = model.training
    model.eval()
    with torch.no_grad():
        parts = [
            model(dataset.batch(chunk.tolist())["image"].to(device)).float().cpu()
            for chunk in torch.arange(len(dataset)).split(batch_size)
        ]
    model.train(mode)
    return torch.cat(parts)


def upsample(pred: Tensor, size: tuple[int, int]) -> Tensor:
    """A prediction [B,1,h,w] at the truth's own size, bilinearly (design, section 6)."""
    return F.interpolate(pred, size=size, mode="bilinear", align_corners=False)


def evaluate(
    model: nn.Module,
    dataset,
    *,
    protocol: str | metrics.Protocol | None = None,
    kind: str = "metric",
    batch_size: int = 32,
) -> Evaluation:
    """Score a model on every frame of a data set, at the size of the stored truth.

    The model sees the data set's own `size`; its predictions are upsampled bilinearly to each frame's native size, clipped
    and measured by the protocol (default: the data set's). kind: `metric` or `affine-inverse` (design, section 3).
    Frames without a valid pixel under the protocol keep a row of NaN and do not count in the summary.
    """
    rule = metrics.protocol(protocol or dataset.protocol)
    preds, native = predict(model, dataset, batch_size=batch_size), dataset.native()
    kept = set(kept_frames(len(dataset)))
    rows, bands, predictions = [], [], {}
    for index, pred in enumerate(preds):
        frame = native[index]
        depth, valid = frame["depth"][None], frame["valid"][None]
        full = upsample(pred[None], tuple(depth.shape[-2:]))
        scores = metrics.per_image(pred=full, depth=depth, valid=valid, protocol=rule, kind=kind)
        names = {key: frame[key] for key in ("id", "scene", "scene_type")}
        rows.append({**names, **{name: float(value[0]) for name, value in scores.items()}})
        bands += metrics.by_distance(pred=full, depth=depth, valid=valid, protocol=rule, edges=distance_edges(rule))
        if index in kept:
            predictions[frame["id"]] = _reduced(pred)
    per_image = pd.DataFrame(rows)
    summary = {name: float(per_image[name].mean()) for name in metrics.NAMES if name in per_image}
    return Evaluation(str(rule), summary, per_image, _pool(bands), predictions)


def baselines(train, test, *, protocol: str | metrics.Protocol | None = None) -> dict[str, Evaluation]:
    """The training set's mean depth, and its per-pixel mean image, judged on `test` like any model.

    A method that does not beat them has learnt nothing from the image. Both are means over valid training pixels; where no
    training frame has a valid pixel, the mean image holds the mean depth.
    """
    mean, image = mean_depth(train)
    flat = torch.full_like(image, mean)
    return {
        "mean_depth": evaluate(Constant(flat), test, protocol=protocol),
        "mean_image": evaluate(Constant(image), test, protocol=protocol),
    }


def kept_frames(n: int) -> list[int]:
    """Positions of the 12 frames whose predictions are kept: evenly spread over the split, the same for every method.

    >>> kept_frames(100)[:4]
    [0, 9, 18, 27]
    """
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, KEPT))})


def distance_edges(protocol: metrics.Protocol) -> tuple[float, ...]:
    """Borders in metres of the bands of true depth: ten equal ones up to the protocol's maximum."""
    return tuple(float(x) for x in np.linspace(0.0, protocol.max_depth, 11))


def _reduced(pred: Tensor) -> Tensor:
    """A prediction [1,h,w], made smaller where it is wider than what run folders keep."""
    if pred.shape[-1] <= KEPT_WIDTH:
        return pred
    size = (round(pred.shape[-2] * KEPT_WIDTH / pred.shape[-1]), KEPT_WIDTH)
    return F.interpolate(pred[None], size=size, mode="area")[0]


def _pool(bands: list[dict]) -> pd.DataFrame:
    """Bands of all frames as one table: abs_rel, rmse and delta1 over all pixels of a band, however spread over frames."""
    frame = pd.DataFrame(bands).rename(columns={"near": "lower", "far": "upper"})
    frame = frame[frame["pixels"] > 0]
    sums = pd.DataFrame(
        {
            "lower": frame["lower"],
            "upper": frame["upper"],
            "pixels": frame["pixels"],
            "abs_rel": frame["abs_rel"] * frame["pixels"],
            "rmse": frame["rmse"] ** 2 * frame["pixels"],
            "delta1": frame["delta1"] * frame["pixels"],
        }
    )
    sums = sums.groupby(["lower", "upper"], as_index=False).sum()
    for name in ("abs_rel", "rmse", "delta1"):
        sums[name] = sums[name] / sums["pixels"]
    return sums.assign(rmse=sums["rmse"] ** 0.5)


def gallery(nets: Mapping[str, nn.Module], dataset, indices: Sequence[int]) -> dict:
    """Some frames with every model's prediction, ready for `plotting.predictions_grid(**gallery(...))`.

    Returns image [B,3,H,W], depth and valid [B,1,H,W], preds name -> [B,1,H,W], all at the native size of the first frame
    (data sets may hold frames of several sizes; the others are resized without mixing valid and invalid pixels).
    """
    frames = [dataset.native()[i] for i in indices]
    size = tuple(frames[0]["image"].shape[-2:])
    image = torch.stack([transforms.resize_image(frame["image"], size) for frame in frames])
    maps = [transforms.resize_depth(frame["depth"], frame["valid"], size) for frame in frames]
    few = dataset.subset(indices)
    preds = {name: upsample(predict(net, few), size) for name, net in nets.items()}
    depth, valid = (torch.stack(parts) for parts in zip(*maps, strict=True))
    return {"image": image, "depth": depth, "valid": valid, "preds": preds}
