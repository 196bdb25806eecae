"""Scoring a model on every frame of a data set, by one protocol or several, beside two baselines that know no image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import metrics
from depthnb.data.statistics import mean_depth
from depthnb.evaluation.predicting import Constant, answering, answers, require_one_each, upsample
from depthnb.evaluation.scored import Evaluation, kept_frames, reduced, summary
from depthnb.metrics.processes import gathered, own_part


def evaluate(
    model: nn.Module | Tensor | Sequence[Tensor],
    dataset,
    *,
    protocol: str | metrics.Protocol | None = None,
    kind: str = "metric",
    batch_size: int = 32,
) -> Evaluation:
    """Score a model, or predictions made before as `predict` takes them, on every frame of a data set, at the truth's size.

    The model sees the data set's own `size`; its predictions are upsampled bilinearly to each frame's native size, clipped and
    measured by the protocol. Frames without a valid pixel under the protocol keep a row of NaN and do not count in the summary.
    Processes that have trained together share the frames; all of them must call it, and all get the whole result.

    Args:
        protocol: by which predictions are measured; default: the data set's.
        kind: `metric` or `affine-inverse` (see `metrics.align`).

    Raises:
        ValueError: that names the frame for a prediction that is not finite where it counts, and for a model whose own `kind`
            is another one.
    """
    return evaluate_each(model, dataset, [protocol], kind=kind, batch_size=batch_size)[0]


def evaluate_each(
    model: nn.Module | Tensor | Sequence[Tensor],
    dataset,
    protocols: Sequence[str | metrics.Protocol | None],
    *,
    kind: str = "metric",
    batch_size: int = 32,
) -> list[Evaluation]:
    """As `evaluate`, by several protocols: the model is asked once, and each frame read once. One evaluation a protocol."""
    own = getattr(model, "kind", kind)
    if own in metrics.KINDS and own != kind:
        raise ValueError(f"the model predicts {own} depth, but is to be judged as {kind}: give kind={own!r}")
    rules = [metrics.protocol(each or dataset.protocol) for each in protocols]

    def measure() -> list[_Part]:
        frames = own_part(len(dataset))
        if not len(frames):
            return []
        require_one_each(model, dataset)
        with answering(model):
            preds = answers(model, dataset, frames, batch_size)
            return _measured(preds, frames, dataset, rules, kind)

    processes = [parts for parts in gathered(measure) if parts]
    return [_assembled(parts, rule) for parts, rule in zip(zip(*processes, strict=True), rules, strict=True)]


def baselines(train, test, *, protocol: str | metrics.Protocol | None = None) -> dict[str, Evaluation]:
    """The training set's mean depth, and its per-pixel mean image, judged on `test` like any model.

    A method that does not beat them has learnt nothing from the image. Both are means over valid training pixels; where no
    training frame has a valid pixel, the mean image holds the mean depth.
    """
    return baselines_each(train, test, [protocol])[0]


def baselines_each(train, test, protocols: Sequence[str | metrics.Protocol | None]) -> list[dict[str, Evaluation]]:
    """As `baselines`, by several protocols, at about the cost of one."""
    mean, image = mean_depth(train)
    constants = {"mean_depth": torch.full_like(image, mean), "mean_image": image}
    found = {name: evaluate_each(Constant(each), test, protocols) for name, each in constants.items()}
    return [{name: each[i] for name, each in found.items()} for i in range(len(protocols))]


def distance_edges(protocol: metrics.Protocol) -> tuple[float, ...]:
    """Borders in metres of the bands of true depth: ten equal ones up to the protocol's maximum.

    Beyond 100 m, where equal bands would put nearly all pixels into the first, they widen as 1, 2, 5, 10, 20, 50 and so on.

    >>> distance_edges(metrics.protocol("diode"))
    (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 350.0)
    """
    end = protocol.max_depth
    if end <= 100:
        return tuple(float(x) for x in np.linspace(0.0, end, 11))
    steps = [float(step * 10**power) for power in range(6) for step in (1, 2, 5)]
    return (0.0, *(step for step in steps if step < end), float(end))


@dataclass
class _Part:
    """What was measured of some frames: names of each, statistics of all ([N], and [N, bands]), and predictions to keep."""

    names: list[dict[str, str]]
    sums: dict[str, Tensor]
    bands: dict[str, Tensor]
    kept: dict[str, Tensor]


def _measured(
    preds: Iterable[Tensor], numbers: Sequence[int], dataset, rules: Sequence[metrics.Protocol], kind: str
) -> list[_Part]:
    """Measure predictions [1,h,w] of the frames with these numbers, by each protocol in turn."""
    native, keep = dataset.native(), set(kept_frames(len(dataset)))
    names, found = [], [([], [], {}) for _ in rules]
    for index, pred in zip(numbers, preds, strict=True):
        frame = native[index]
        names.append({key: frame[key] for key in ("id", "scene", "scene_type")})
        depth, valid = frame["depth"][None], frame["valid"][None]
        given = {"pred": upsample(pred[None], tuple(depth.shape[-2:])), "depth": depth, "valid": valid}
        for rule, (whole, bands, kept) in zip(rules, found, strict=True):
            try:
                scored, *statistics = _statistics(given, rule, kind)
            except ValueError as error:
                raise ValueError(f"frame {frame['id']}: {error}") from error
            whole.append(statistics[0])
            bands.append(statistics[1])
            if index in keep:  # as it was scored: in metres, also of a net that knows only the shape of its depth
                kept[frame["id"]] = reduced(rule.clipped(pred if scored is None else scored))
    return [_Part(names, _joined(whole), _joined(bands), kept) for whole, bands, kept in found]


def _statistics(
    given: Mapping[str, Tensor], rule: metrics.Protocol, kind: str
) -> tuple[Tensor | None, dict[str, Tensor], dict[str, Tensor]]:
    """The prediction [1,H,W] in metres, None where it is in metres already; its statistics as a whole, and in bands."""
    how, edges = {"protocol": rule, "kind": kind}, distance_edges(rule)
    if rule.alignment == "none":
        return None, *metrics.all_statistics(**given, **how, edges=edges)
    aligned = metrics.aligned(**given, **how)  # once here, not again for every band
    how = {"protocol": replace(rule, alignment="none"), "kind": "metric"}
    return aligned[0], *metrics.all_statistics(**{**given, "pred": aligned}, **how, edges=edges)


def _assembled(parts: Sequence[_Part], rule: metrics.Protocol) -> Evaluation:
    """What all processes measured by one protocol."""
    sums = _joined([part.sums for part in parts])
    scores = metrics.finish(sums)
    names = pd.DataFrame([row for part in parts for row in part.names])
    per_image = names.assign(**{name: value.numpy() for name, value in scores.items()})
    kept = {name: pred for part in parts for name, pred in part.kept.items()}
    bands = _by_distance([part.bands for part in parts], distance_edges(rule))
    return Evaluation(rule, summary(sums, scores, rule), per_image, bands, kept, sums)


def _joined(sums: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Statistics of several frames (`metrics.statistics`) as those of one long batch."""
    return {name: torch.cat([each[name] for each in sums]) for name in sums[0]}


def _by_distance(bands: Sequence[Mapping[str, Tensor]], edges: Sequence[float]) -> pd.DataFrame:
    """One row per band from every frame's statistics [1, bands]: all pixels of a band pooled, however spread over frames."""
    pooled = {name: values[0] for name, values in metrics.pool(_joined(bands)).items()}
    table = pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], "pixels": pooled["pixels"].long().numpy()})
    table = table.assign(**{name: value.numpy() for name, value in metrics.finish(pooled).items()})
    return table[table["pixels"] > 0].reset_index(drop=True)
