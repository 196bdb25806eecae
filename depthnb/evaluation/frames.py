"""Some frames of a data set at native size: pictures of predictions, what a small output costs, how flat planes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthnb import metrics
from depthnb.data import transforms
from depthnb.evaluation.predicting import predict, upsample
from depthnb.metrics import surfaces


def gallery(
    nets: Mapping[str, nn.Module | Tensor],
    dataset,
    indices: Sequence[int],
    *,
    protocol: str | metrics.Protocol | None = None,
    kind: str = "metric",
    size: tuple[int, int] | None = None,
) -> dict:
    """Some frames with every model's prediction, ready for `plotting.predictions_grid(**gallery(...))`.

    Args:
        nets: name -> model, or the predictions of all frames of the data set.
        size: (H, W) of the pictures, where they shall be smaller than native.
        protocol: every prediction is aligned and clipped as this protocol does, so that what is drawn, or measured of it, is
            what is scored (default: the data set's); one that aligns is needed where the nets' `kind` is `affine-inverse`.

    Returns:
        Image [B,3,H,W], depth and valid [B,1,H,W], preds name -> [B,1,H,W], all at `size` or the native size of the first
        frame (data sets may hold frames of several sizes; the others are resized without mixing valid and invalid pixels).
    """
    native = dataset.native()
    whole = tuple(native[indices[0]]["image"].shape[-2:])
    image, depth = (torch.empty(len(indices), channels, *whole) for channels in (3, 1))
    valid = torch.empty(depth.shape, dtype=torch.bool)
    for row, index in enumerate(indices):  # one at a time: a hundred native frames twice would be gigabytes
        frame = native[index]
        image[row] = transforms.resize_image(frame["image"], whole)
        depth[row], valid[row] = transforms.resize_depth(frame["depth"], frame["valid"], whole)
    few = dataset.subset(indices)
    nets = {name: net[list(indices)] if isinstance(net, Tensor) else net for name, net in nets.items()}
    preds = {name: upsample(predict(net, few), whole) for name, net in nets.items()}
    truth = {"depth": depth, "valid": valid, "protocol": protocol or dataset.protocol, "kind": kind}
    preds = {name: metrics.aligned(pred=pred, **truth) for name, pred in preds.items()}
    if size is not None:  # only now: a protocol's crop may need the native size
        image, (depth, valid) = transforms.resize_image(image, size), transforms.resize_depth(depth, valid, size)
        preds = {name: F.interpolate(pred, size=size, mode="area") for name, pred in preds.items()}
    return {"image": image, "depth": depth, "valid": valid, "preds": preds}


def ceiling(dataset, size: tuple[int, int]) -> dict[str, float]:
    """What the truth itself scores when it is reduced to `size` (H, W) and enlarged again: what that size alone costs.

    Close to the best that a prediction of this size can do, but no bound: another small map may come a little nearer.

    Returns:
        Metric -> mean over the frames of a data set, by its own protocol; pixels that the reduced truth does not know do not
        count.
    """
    native, sums = dataset.native(), []
    for index in range(len(dataset)):
        frame = native[index]
        depth, valid = frame["depth"][None], frame["valid"][None]
        small, known = transforms.resize_depth(depth, valid, size)
        large = tuple(depth.shape[-2:])
        pred = F.interpolate(torch.where(known, small, 0.0), large, mode="bilinear")
        weight = F.interpolate(known.float(), large, mode="bilinear")
        given = {"pred": pred / weight.clamp(min=1e-6), "depth": depth, "valid": valid & (weight > 0.99)}
        sums.append(metrics.evaluate(**given, protocol=dataset.protocol))
    return pd.DataFrame(sums).mean().to_dict()


def flatness(nets: Mapping[str, nn.Module], dataset, indices: Sequence[int]) -> dict[str, Tensor]:
    """`surfaces.plane_residual` of several nets and of the truth itself, at the frames' native size: name -> [frames]."""
    native, few = dataset.native(), dataset.subset(indices)
    preds = {name: predict(net, few) for name, net in nets.items()}
    rows: dict[str, list[Tensor]] = {name: [] for name in (*preds, "truth")}
    for number, index in enumerate(indices):
        frame = {key: value[None] for key, value in native[index].items() if key in ("depth", "valid", "intrinsics")}
        for name, pred in preds.items():
            large = upsample(pred[number : number + 1], tuple(frame["depth"].shape[-2:]))
            rows[name].append(surfaces.plane_residual(pred=large, **frame, protocol=dataset.protocol))
        rows["truth"].append(surfaces.plane_residual(pred=frame["depth"], **frame, protocol=dataset.protocol))
    return {name: torch.cat(each) for name, each in rows.items()}
