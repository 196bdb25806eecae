"""Judging a depth model on a data set: per image, by distance, beside the two baselines that know no image."""

from __future__ import annotations

import contextlib
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from depthnb import metrics
from depthnb.data import transforms
from depthnb.data.statistics import mean_depth
from depthnb.metrics import surfaces
from depthnb.metrics.processes import gathered, own_part
from depthnb.models.camera import ask

SHOWN = ("abs_rel", "rmse", "rmse_log", "silog", "delta1", "delta2", "delta3", "ssim")  # what notebook 01 defines
MATTERS = 2.0  # percent: an error that differs by less is the same one; `evidence.verdicts` decides by it
ALIGNED = "scale-shift-inverse"  # how metric nets are fitted to the truth beside those that know no metres
KEPT = 12  # predictions kept in a run folder, always of the same frames
KEPT_PIXELS = 96 * 128  # larger predictions are kept reduced: 12 of them stay below 300 kB


@dataclass
class Evaluation:
    """What one model scored on one split.

    protocol: how it was measured; prints as one line. summary: metric -> mean over images (over pixels, if the protocol says
    so). per_image: one row per frame with id, scene, scene_type and the metrics. by_distance: one row per band of true
    depth that has pixels: lower, upper (metres), pixels, and the pixel metrics over all of them. predictions: id -> [1,h,w]
    float32 of the 12 kept frames, at most 12288 pixels each, in metres and clipped as they were scored. sums: what all of it is
    made of, a number a frame (`metrics.statistics`).
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
        return replace(self, protocol=rule, summary=_summary(self.sums, metrics.finish(self.sums), rule))

    def ranked(self, metric: str = "abs_rel", *, among: Sequence[int] | None = None) -> tuple[int, int, int]:
        """Positions in the data set of the best, the median and the worst image: a fixed rule, so nobody picks.

        Frames without the metric do not take part; ties go to the earlier frame. Raises ValueError when no frame has it.

        Args:
            metric: one of the columns of `per_image`. among: of these positions alone, such as `kept_frames`.
        """
        order = self._order(metric, among)
        return order[0], order[len(order) // 2], order[-1]

    def spread(self, count: int, metric: str = "abs_rel") -> list[int]:
        """Positions of `count` images at equal distances in the ranking, the better first, neither end among them.

        Raises ValueError as `ranked`.
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

    Raises OSError for a file that cannot be read, ValueError for one that is damaged.
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


class Constant(nn.Module):
    """A predictor that never looks at the image: one depth map for all, in metres."""

    def __init__(self, depth: Tensor) -> None:
        super().__init__()
        self.register_buffer("depth", depth.reshape(1, 1, *depth.shape[-2:]).float())

    def forward(self, image: Tensor) -> Tensor:
        return self.depth.expand(len(image), -1, -1, -1)


def predict(
    model: nn.Module | Tensor | Sequence[Tensor],
    dataset,
    *,
    batch_size: int = 32,
    frames: Sequence[int] | None = None,
) -> Tensor | list[Tensor]:
    """Predictions [N,1,h,w] float32 in metres on the CPU, in the order of the data set; eval mode, on the model's device.

    model: or the predictions themselves, one for each frame: [N,1,h,w], or a list of [1,h,w] of any sizes, which stays one.
    frames: positions of those that are wanted, at least one; all without it.
    Raises ValueError if they are not as many.
    """
    frames = range(len(dataset)) if frames is None else frames
    _require_one_each(model, dataset)
    if isinstance(model, Tensor):
        return model[list(frames)].float().cpu()
    if isinstance(model, Constant):
        return model.depth.cpu().expand(len(frames), -1, -1, -1)
    with answering(model):
        found = list(_answers(model, dataset, frames, batch_size))
    return torch.stack(found) if isinstance(model, nn.Module) else found


def _require_one_each(model: nn.Module | Tensor | Sequence[Tensor], dataset) -> None:
    if not isinstance(model, nn.Module) and len(model) != len(dataset):
        raise ValueError(f"{len(model)} predictions for the {len(dataset)} frames of the data set: give one for each")


def _answers(
    model: nn.Module | Tensor | Sequence[Tensor], dataset, frames: Sequence[int], batch_size: int
) -> Iterator[Tensor]:
    """As `predict`, one [1,h,w] after the other, so that those of one batch are in memory; for a caller in `answering`."""
    if not isinstance(model, nn.Module):
        yield from (model[frame].float().cpu() for frame in frames)
        return
    if isinstance(model, Constant):  # it looks at no image, so frames of several sizes need not form a batch
        yield from (model.depth[0].cpu() for _ in frames)
        return
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    for chunk in torch.tensor(frames).split(batch_size):
        batch = dataset.batch(chunk.tolist())
        seen = {key: batch[key].to(device) for key in ("image", "intrinsics") if key in batch}
        yield from ask(model, seen).float().cpu()


@contextlib.contextmanager
def answering(model: object) -> Iterator[None]:
    """A model in eval mode and without gradients; its parts are in their own modes again afterwards.

    In training mode batch normalisation would learn from what it is asked. For what is no model only the gradients are off.
    """
    parts = model.modules() if isinstance(model, nn.Module) else ()
    modes = {module: module.training for module in parts}
    try:
        if isinstance(model, nn.Module):
            model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def cost(net: nn.Module, dataset, *, turns: int = 5) -> dict[str, float]:
    """What one answer costs, for one image at the data set's size on the net's device.

    Args:
        net: image (and intrinsics) -> depth.
        dataset: its first frame is asked about.
        turns: how often; the median counts. One turn before does not.

    Returns:
        `multiply_adds`, in billions, of convolutions and matrix products; `milliseconds`, which depend on the machine and on
        what else it does.
    """
    device = next(net.parameters(), torch.empty(0)).device
    batch = {key: value.to(device) for key, value in dataset.batch([0]).items() if isinstance(value, Tensor)}
    with answering(net), FlopCounterMode(display=False) as counter:
        ask(net, batch)
    times = []
    with answering(net):
        for _ in range(turns):
            begun = time.perf_counter()
            ask(net, batch).sum().item()  # waits for a GPU
            times.append(1000 * (time.perf_counter() - begun))
    return {"multiply_adds": counter.get_total_flops() / 2e9, "milliseconds": float(np.median(times))}


def upsample(pred: Tensor, size: tuple[int, int]) -> Tensor:
    """A prediction [B,1,h,w] at the truth's own size, bilinearly."""
    return F.interpolate(pred, size=size, mode="bilinear", align_corners=False)


def evaluate(
    model: nn.Module | Tensor | Sequence[Tensor],
    dataset,
    *,
    protocol: str | metrics.Protocol | None = None,
    kind: str = "metric",
    batch_size: int = 32,
) -> Evaluation:
    """Score a model, or predictions made before as `predict` takes them, on every frame of a data set, at the truth's size.

    The model sees the data set's own `size`; its predictions are upsampled bilinearly to each frame's native size, clipped
    and measured by the protocol (default: the data set's). kind: `metric` or `affine-inverse` (see `metrics.align`).
    Frames without a valid pixel under the protocol keep a row of NaN and do not count in the summary. Processes that have
    trained together share the frames; all of them must call it, and all get the whole result. Raises ValueError that names
    the frame for a prediction that is not finite where it counts, and for a model whose own `kind` is another one.
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
        _require_one_each(model, dataset)
        with answering(model):
            preds = _answers(model, dataset, frames, batch_size)
            return _measured(preds, frames, dataset, rules, kind)

    processes = [parts for parts in gathered(measure) if parts]
    return [_assembled(parts, rule) for parts, rule in zip(zip(*processes, strict=True), rules, strict=True)]


def _assembled(parts: Sequence[_Part], rule: metrics.Protocol) -> Evaluation:
    """What all processes measured by one protocol."""
    sums = _joined([part.sums for part in parts])
    scores = metrics.finish(sums)
    names = pd.DataFrame([row for part in parts for row in part.names])
    per_image = names.assign(**{name: value.numpy() for name, value in scores.items()})
    kept = {name: pred for part in parts for name, pred in part.kept.items()}
    bands = _by_distance([part.bands for part in parts], distance_edges(rule))
    return Evaluation(rule, _summary(sums, scores, rule), per_image, bands, kept, sums)


def _summary(sums: Mapping[str, Tensor], scores: Mapping[str, Tensor], rule: metrics.Protocol) -> dict[str, float]:
    """One number a metric, of the statistics of all frames and the metrics of each."""
    overall = metrics.finish(metrics.pool(sums)) if rule.average == "pixels" else scores
    return {name: overall[name].nanmean().item() for name in metrics.NAMES}


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
                kept[frame["id"]] = _reduced(rule.clipped(pred if scored is None else scored))
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


@dataclass
class Judged:
    """What the nets of one notebook scored on the test split, beside the two opponents that never see a photograph.

    Attributes:
        main: name of the net that stands for the notebook.
        tests: name -> Evaluation on the test split.
        val: Evaluation of the main net on the validation split.
        opponents: mean_depth and mean_image -> Evaluation on the test split.
        aligned: main and the opponents -> Evaluation on the test split after a scale and a shift were fitted in inverse depth,
            as it has to be for nets that know no metres; empty where the nets' own protocol aligns.
    """

    main: str
    tests: dict[str, Evaluation]
    val: Evaluation
    opponents: dict[str, Evaluation]
    aligned: dict[str, Evaluation]

    @property
    def test(self) -> Evaluation:
        """Of the main net on the test split."""
        return self.tests[self.main]

    @property
    def all(self) -> dict[str, Evaluation]:
        """Nets and opponents on the test split."""
        return {**self.tests, **self.opponents}

    @property
    def scores(self) -> pd.DataFrame:
        """One row a net and opponent: method, and the metrics."""
        table = pd.DataFrame({name: each.summary for name, each in self.all.items()}).T
        return table.rename_axis("method").reset_index()

    @property
    def shown(self) -> pd.DataFrame:
        """Of `scores` the measures that notebook 01 defines, rounded, for people."""
        return self.scores[["method", *SHOWN]].round(3)

    @property
    def bands(self) -> dict[str, pd.DataFrame]:
        """Name -> errors by true distance, of nets and opponents."""
        return {name: each.by_distance for name, each in self.all.items()}

    @property
    def behind(self) -> list[str]:
        """The opponents that the main net does not beat in abs_rel by `MATTERS` percent or more."""
        error = self.test.summary["abs_rel"] * (1 + MATTERS / 100)
        return [name for name, each in self.opponents.items() if not error <= each.summary["abs_rel"]]


def judge(
    nets: Mapping[str, nn.Module | Tensor],
    train,
    val,
    test,
    *,
    main: str,
    protocol: str | metrics.Protocol | None = None,
    kind: str = "metric",
) -> Judged:
    """Score nets on the test split, the main one on the validation split too, and the two opponents beside them.

    Args:
        nets: name -> model, or its predictions of the test split.
        train, val, test: data sets; the opponents are made from train.
        main: name of the net that stands for the notebook, a model.
        protocol, kind: as for `evaluate`.
    """
    options = {"protocol": protocol, "kind": kind}
    rule = metrics.protocol(protocol or test.protocol)
    rules = [rule]
    if rule.alignment == "none" and kind == "metric":
        rules.append(rule.with_alignment(ALIGNED))
    of_main, opponents = evaluate_each(nets[main], test, rules, kind=kind), baselines_each(train, test, rules)
    return Judged(
        main=main,
        tests={name: of_main[0] if name == main else evaluate(net, test, **options) for name, net in nets.items()},
        val=evaluate(nets[main], val, **options),
        opponents=opponents[0],
        aligned={main: of_main[1], **opponents[1]} if len(rules) > 1 else {},
    )


def elsewhere(net: nn.Module, train, other) -> pd.DataFrame:
    """A trained net on a data set that it never saw: in metres, and aligned with the truth, beside what knows nothing.

    Args:
        net: predicts metres.
        train: the data set that it was trained on, for the opponents.
        other: the other data set, at the size at which the net is asked (`data.open_third`).

    Returns:
        One row each for the net and the training set's mean depth and mean image, as they are (in metres), and aligned by
        scale and shift in inverse depth; aligned, the mean depth is each image's best constant. Columns: `prediction`,
        `measured`, and the metrics. The number of frames stands in the table's attrs as `frames`.
    """
    mean, image = mean_depth(train)
    rivals = {
        "the net": net,
        "training mean depth": Constant(torch.full_like(image, mean)),
        "training mean image": Constant(image),
    }
    rules = {"in metres": other.protocol, "aligned": f"{other.protocol}/{ALIGNED}"}
    found = {label: evaluate_each(model, other, list(rules.values())) for label, model in rivals.items()}
    rows = []
    for number, measured in enumerate(rules):
        for label, each in found.items():
            constant = measured == "aligned" and label == "training mean depth"
            prediction = "each image's best constant" if constant else label
            rows.append({"prediction": prediction, "measured": measured, **each[number].summary})
    table = pd.DataFrame(rows)
    table.attrs["frames"] = len(other)
    return table


def kept_frames(n: int, count: int = KEPT) -> list[int]:
    """Positions of the `count` frames whose predictions are kept: evenly spread over the split, the same for every method.

    >>> kept_frames(100)[:4]
    [0, 9, 18, 27]
    """
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, count))})


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


def _joined(sums: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Statistics of several frames (`metrics.statistics`) as those of one long batch."""
    return {name: torch.cat([each[name] for each in sums]) for name in sums[0]}


def _by_distance(bands: Sequence[Mapping[str, Tensor]], edges: Sequence[float]) -> pd.DataFrame:
    """One row per band from every frame's statistics [1, bands]: all pixels of a band pooled, however spread over frames."""
    pooled = {name: values[0] for name, values in metrics.pool(_joined(bands)).items()}
    table = pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], "pixels": pooled["pixels"].long().numpy()})
    table = table.assign(**{name: value.numpy() for name, value in metrics.finish(pooled).items()})
    return table[table["pixels"] > 0].reset_index(drop=True)


def _reduced(pred: Tensor) -> Tensor:
    """A prediction [1,h,w], made smaller where it has more pixels than what run folders keep."""
    scale = (KEPT_PIXELS / pred[0].numel()) ** 0.5
    if scale >= 1:
        return pred
    return F.interpolate(pred[None], size=[max(1, int(side * scale)) for side in pred.shape[-2:]], mode="area")[0]


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

    nets: name -> model, or the predictions of all frames of the data set. size: (H, W) of the pictures, where they shall be
    smaller than native.
    protocol: every prediction is aligned and clipped as this protocol does, so that what is drawn, or measured of it, is what
    is scored (default: the data set's); one that aligns is needed where the nets' `kind` is `affine-inverse`.

    Returns image [B,3,H,W], depth and valid [B,1,H,W], preds name -> [B,1,H,W], all at `size` or the native size of the
    first frame (data sets may hold frames of several sizes; the others are resized without mixing valid and invalid pixels).
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

    Returns metric -> mean over the frames of a data set, by its own protocol; pixels that the reduced truth does not know
    do not count.
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
