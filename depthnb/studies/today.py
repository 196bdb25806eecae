"""What notebook 11 builds and measures: the recipe, what the camera is worth, and where the net doubts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from depthnb import evaluation, evidence, losses, models, pointcloud, training
from depthnb.data import statistics, transforms
from depthnb.evidence import Claim
from depthnb.evidence.trainings import line_runs
from depthnb.metrics.processes import sum_over_processes
from depthnb.metrics.uncertainty import Uncertainty, Unit, ause, sparsification
from depthnb.models import foundation
from depthnb.models.camera import Disagreement, Ensemble, FromMirror, ask
from depthnb.models.midas import ZeroShot
from depthnb.models.today import WithDoubt
from depthnb.weights.origin import Origin

NOTEBOOK, NET = "11_today", "today"
DECODERS = ("fpn", "unet")
MIRROR, OWN = "difference from the mirror image", "the net's own estimate"
TEAM = "disagreement of several nets"
TEAM_LINE = "base-ensemble"  # the line of evidence.txt that trains several nets with one seed after the other
# change of colours and weight of neighbours in the loss, of the recipe; greatest magnification, of an ablation
JITTER, GRADIENT, ZOOM = 0.1, 1.0, 1.5
# what the line `rough` of evidence.txt does to the photographs, and what the recipe does
ROUGH, PLAIN = {"blur": 1.0, "noise": 0.05, "jitter": 0.2}, {"blur": 0.0, "noise": 0.0, "jitter": JITTER}
SCALES = 4  # at which neighbours are compared: next to each other, two, four and eight pixels apart
PYRAMID = 4  # times as many channels has the pyramid at every step as the U-Net at its finest


def loss(
    *,
    pred: Tensor,
    depth: Tensor,
    valid: Tensor,
    gradient: float = GRADIENT,
    scales: int = SCALES,
    lam: float = 0.5,
) -> Tensor:
    """The loss of the recipe: scale-invariant, L1, and differences between neighbours, all of the logarithm of depth.

    A depth camera sees nothing beside the edge of a near object, so pixels next to each other seldom lie on both sides of one.
    Pixels that are farther apart do.

    Args:
        pred, depth: [B,1,H,W] metres, above 0 on valid pixels.
        valid: bool [B,1,H,W].
        gradient: weight of the differences between neighbours.
        scales: how many distances between neighbours are summed, 1, 2, 4 ... pixels.
        lam: share of the mean log error that the first term forgives.

    Returns:
        Scalar without unit.

    Source: Eigen et al. 2014, equation 4; `losses.log_l1`; the differences at several scales of Ranftl et al. 2020, equation
    11, of the logarithm.
    """
    whole = losses.silog(pred=pred, depth=depth, valid=valid, lam=lam)
    whole = whole + 0.5 * losses.log_l1(pred=pred, depth=depth, valid=valid)
    if gradient:
        one = torch.ones((), dtype=depth.dtype, device=depth.device)
        maps = {"pred": pred.log(), "depth": torch.where(valid, depth, one).log(), "valid": valid}
        for step in (2**k for k in range(scales)):
            whole = whole + gradient * losses.gradient(**{key: each[..., ::step, ::step] for key, each in maps.items()})
    return whole


def loss_with_doubt(
    *, pred: Tensor, depth: Tensor, valid: Tensor, gradient: float = GRADIENT, scales: int = SCALES
) -> Tensor:
    r"""`loss` of the depth, and the negative log likelihood of its error under the Laplace distribution that the net names.

    Args:
        pred: [B,2,H,W] as `models.today.WithDoubt` gives it: depth in metres, and the scale $b$ of the logarithm's error.
        depth, valid, gradient, scales: as for `loss`.

    Returns:
        Scalar: $L + \frac{1}{n} \sum (|r| / b + \ln 2b)$ with $r = \ln \hat y - \ln y$; the depth learns from $L$ alone.
    """
    guess, scale = pred.split(1, 1)
    one = torch.ones((), dtype=depth.dtype, device=depth.device)
    residual = (torch.where(valid, guess, one).detach().log() - torch.where(valid, depth, one).log()).abs()
    surprise = torch.where(valid, residual / scale + (2 * scale).log(), 0.0)
    doubt = sum_over_processes(surprise.sum()) / sum_over_processes(valid.sum()).clamp_min(1)
    return loss(pred=guess, depth=depth, valid=valid, gradient=gradient, scales=scales) + doubt


def canonical_focal(dataset) -> float:
    """The geometric mean of the focal lengths of a data set at its size, in pixels; of up to 64 frames that know theirs.

    Where none does it is that of a camera that sees `pointcloud.USUAL_VIEW` degrees across.
    """
    some = range(0, len(dataset), max(1, len(dataset) // 64))
    batch = dataset.batch(list(some))
    own = (batch["intrinsics"][:, 0, 0] * batch["intrinsics"][:, 1, 1]).abs().sqrt()
    own = own[own.isfinite() & (own > 0)]
    if not len(own):
        return batch["image"].shape[-1] / 2 / math.tan(math.radians(pointcloud.USUAL_VIEW) / 2)
    return float(own.log().mean().exp())


def network(
    decoder: str, *, encoder: str, channels: int, start: float, pretrained: str, focal: float | None
) -> nn.Module:
    """The net of the recipe: encoder and decoder, told the camera unless `focal` is None.

    Args:
        decoder: one of `DECODERS`.
        encoder, pretrained: as `encoders.build` takes them.
        channels: of the U-Net's finest step; the pyramid has `PYRAMID` times as many at each.
        start: metres that an untrained net answers, nearly.
        focal: the canonical focal length in pixels.

    Raises:
        ValueError: for an unknown decoder, and as the models.
    """
    if decoder not in DECODERS:
        raise ValueError(f"decoder is {decoder!r}; expected one of {', '.join(DECODERS)}")
    options = {"encoder": encoder, "start": start, "pretrained": pretrained}
    if decoder == "unet":
        inner: nn.Module = models.UNet(channels=channels, **options)
    else:
        inner = models.FPN(width=PYRAMID * channels, doubt=True, **options)
    return inner if focal is None else models.CanonicalCamera(inner, focal=focal)


def _inner(net: nn.Module) -> nn.Module:
    return net.net if isinstance(net, models.CanonicalCamera) else net


def encoder_of(net: nn.Module) -> nn.Module:
    """The encoder of a net that `network` made."""
    return _inner(net).encoder


def origin_of(net: nn.Module) -> Origin:
    """Where the encoder's weights come from."""
    return _inner(net).origin


def fine_tuned(
    network: ZeroShot,
    train,
    test,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    encoder_rate: float,
    gradient: float,
    side: int,
    seed: int,
    device: str,
    checkpoint: Callable[[str], Path],
) -> pd.DataFrame:
    """A published network taught metres in several ways, judged on the test frames.

    Each head (`models.foundation.HEADS`) is calibrated on some training frames alone, then trained with the encoder as it was
    published, and with the encoder at a low rate.

    Args:
        network: as `foreign.find` gives it.
        train, test: data sets.
        epochs, batch_size, learning_rate, gradient, seed, device: of each training.
        encoder_rate: of the encoder where it is trained.
        side: as `MetricFoundation` takes it.
        checkpoint: name -> file.

    Returns:
        One row a way: `head`, `trained`, `steps`, and the metrics.
    """
    rows = []
    some = train.batch(evaluation.kept_frames(len(train), 32))
    options = {"max_depth": train.max_depth, "start": statistics.geometric_mean_depth(train), "side": side}
    for head in foundation.HEADS:
        for name, rate in (("nothing, calibrated", None), ("decoder", 0.0), ("decoder and encoder", encoder_rate)):
            net, steps = foundation.MetricFoundation(network, head=head, **options), 0
            net.calibrate(some)
            if rate is not None:
                optimizer = torch.optim.AdamW(
                    net.groups(learning_rate=learning_rate, encoder_rate=rate), weight_decay=0.01
                )
                history = training.fit(
                    net,
                    train,
                    loss=partial(loss, gradient=gradient),
                    optimizer=optimizer,
                    scheduler=CosineAnnealingLR(optimizer, T_max=epochs),
                    augment=partial(transforms.augment, flip=0.5),
                    epochs=epochs,
                    batch_size=batch_size,
                    seed=seed,
                    device=device,
                    checkpoint=checkpoint(f"foundation-{head}-{name.replace(' ', '-')}"),
                    name=f"{network.name}, {head} head, {name}",
                )
                steps = history.steps
            rows.append({"head": head, "trained": name, "steps": steps, **evaluation.evaluate(net, test).summary})
    return pd.DataFrame(rows)


def lenses(net: nn.Module, dataset, *, magnifications: Sequence[float], count: int = 60) -> pd.DataFrame:
    """What a net answers when the middle of each photograph is enlarged, told the focal length and not told it.

    Args:
        net: trained; image (and intrinsics) -> metres.
        dataset: at the net's size; the windows are cut out of its native frames.
        magnifications: from 1.
        count: how many frames, evenly spread.

    Returns:
        One row a magnification: `told` and `not told` are the medians over the frames of the median of predicted over true
        depth, `told: abs_rel` and `not told: abs_rel` means over the frames. A net that takes no camera has equal columns.
    """
    native, rows, device = dataset.native(), [], next(net.parameters()).device
    for magnification in magnifications:
        found = []
        for index in evaluation.kept_frames(len(dataset), count):
            frame = native[index]
            height, width = frame["image"].shape[-2:]
            tall, wide = round(height / magnification), round(width / magnification)
            window = transforms.crop(
                {key: frame[key] for key in ("image", "depth", "valid", "intrinsics")},
                (height - tall) // 2,
                (width - wide) // 2,
                tall,
                wide,
            )
            batch = {key: value[None] for key, value in transforms.resize(window, dataset.size).items()}
            if not batch["valid"].any():
                continue
            batch = {key: value.to(device) for key, value in batch.items()}
            unknown = torch.full_like(batch["intrinsics"], torch.nan)
            for intrinsics in (batch["intrinsics"], unknown):
                with evaluation.answering(net):
                    answer = ask(net, {**batch, "intrinsics": intrinsics})
                answer = evaluation.upsample(answer, tuple(batch["depth"].shape[-2:]))
                ratio = (answer / batch["depth"])[batch["valid"]]
                found += [float(ratio.median()), float((ratio - 1).abs().mean())]
        values = np.array(found).reshape(-1, 4)
        rows.append(
            {
                "magnification": magnification,
                "told": np.median(values[:, 0]),
                "not told": np.median(values[:, 2]),
                "told: abs_rel": values[:, 1].mean(),
                "not told: abs_rel": values[:, 3].mean(),
            }
        )
    return pd.DataFrame(rows)


def camera_of(sample: Mapping[str, Any], size: tuple[int, int]) -> tuple[Tensor, list[str]]:
    """The intrinsics of a frame at a size (H, W), and what had to be supposed where they are unknown, in sentences."""
    camera = transforms.resize_intrinsics(sample["intrinsics"], tuple(sample["image"].shape[-2:]), size)
    if camera.isfinite().all():
        return camera, []
    supposed = f"the camera of this frame is unknown: {pointcloud.USUAL_VIEW:g} degrees supposed"
    return pointcloud.intrinsics_from_fov(size, pointcloud.USUAL_VIEW), [supposed]


def in_space(sample: Mapping[str, Any], depth: Tensor, valid: Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The photograph painted on a depth map of it: points and colours, as `pointcloud.points` gives them.

    Args:
        sample: one frame.
        depth: [1,H,W] metres, of any size.
        valid: bool [1,H,W]; None: all of the depth is taken.
    """
    size = tuple(depth.shape[-2:])
    camera, _ = camera_of(sample, size)
    image = transforms.resize_image(sample["image"], size)
    return pointcloud.points(depth, depth > 0 if valid is None else valid, camera, image)


def sides(sample: Mapping[str, Any], pred: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The photograph on the true depth and on a predicted one [1,h,w], both from the same camera at the side: two pictures."""
    true = in_space(sample, sample["depth"], sample["valid"])
    guess = in_space(sample, pred)
    like = np.concatenate([true[0], guess[0]])
    return pointcloud.picture(*true, like=like), pointcloud.picture(*guess, like=like)


def doubts(net: nn.Module, dataset, team: Sequence[nn.Module] = ()) -> tuple[dict[str, Tensor], dict[str, Uncertainty]]:
    """How unsure a net is of its answers: by what changes when the photograph is mirrored, and by its own estimate.

    Args:
        net: made by `network`; only a pyramid has an estimate of its own (`FPN.with_doubt`).
        team: the net and others that differ in their seed; where there are two or more, it is asked how far they are apart.
        dataset: at the net's size; all of it is read at once.

    Returns:
        pred, depth and valid [B,1,H,W] at the data set's size, and name -> `Uncertainty`.
    """
    everything = dataset.batch(list(range(len(dataset))))
    size = tuple(everything["depth"].shape[-2:])

    def answers(model: nn.Module) -> Tensor:
        return evaluation.upsample(evaluation.predict(model, dataset), size)

    pred, mirrored = answers(net), answers(FromMirror(net))
    found = {MIRROR: Uncertainty((pred.log() - mirrored.log()).abs(), Unit.LOG, MIRROR)}
    if isinstance(_inner(net), models.FPN) and _inner(net).doubt is not None:
        # the standard deviation of a Laplace distribution of this scale
        found[OWN] = Uncertainty(math.sqrt(2) * answers(WithDoubt(net))[:, 1:], Unit.LOG, OWN)
    if len(team) > 1:
        found[TEAM] = Uncertainty(answers(Disagreement(Ensemble(team))), Unit.LOG, TEAM)
    return {"pred": pred, "depth": everything["depth"], "valid": everything["valid"]}, found


def left_out(truth: dict[str, Tensor], unsure: dict[str, Uncertainty], protocol) -> pd.DataFrame:
    """The sparsification of several uncertainties of one prediction as one table; arguments from `doubts`."""
    tables = {name: sparsification(**truth, uncertainty=each, protocol=protocol) for name, each in unsure.items()}
    shared = next(iter(tables.values()))[["left out", "oracle", "random"]]
    return shared.assign(**{name: table["uncertainty"] for name, table in tables.items()})


def worth(table: pd.DataFrame) -> pd.DataFrame:
    """Areas of every uncertainty of `left_out`: one row each with AUSE, AURG, and the AURG that the oracle would have."""
    rows = []
    for name in table.columns.difference(["left out", "oracle", "random"], sort=False):
        missed, gained = ause(table, name)
        rows.append({"uncertainty": name, "AUSE": missed, "AURG": gained, "best possible AURG": missed + gained})
    return pd.DataFrame(rows)


def doubtful(net: nn.Module, dataset, indices: Sequence[int]) -> dict:
    """Some frames with the error and the doubt of a net, for `plotting.doubts`; its own estimate where it has one."""
    few = dataset.subset(list(indices))
    truth, unsure = doubts(net, few)
    name = list(unsure)[-1]
    error = (truth["pred"] / truth["depth"] - 1).abs()
    image = few.batch(list(range(len(few))))["image"]
    return {"image": image, "error": error, "unsure": unsure[name].values, "valid": truth["valid"], "label": name}


def team_of(nets: Sequence[nn.Module]) -> dict[str, nn.Module]:
    """The ensemble of these nets under its name in tables; nothing for one net alone."""
    return {f"mean of {len(nets)} nets": Ensemble(nets)} if len(nets) > 1 else {}


def ensembles(dataset: str) -> pd.DataFrame:
    """What several nets are worth, by the runs of the line `TEAM_LINE`.

    Returns:
        One row a run and net, with the columns run, net, steps of one net, abs_rel, delta1, edge_f1_025. Empty without such a
        run.
    """
    rows = []
    for record in line_runs(NOTEBOOK, dataset, TEAM_LINE):
        for name, numbers in record["nets"].items():
            scores = {key: numbers.get(key) for key in ("abs_rel", "delta1", "edge_f1_025")}
            rows.append({"run": record["run"], "net": name, "steps": record["steps"], **scores})
    return pd.DataFrame(rows, columns=["run", "net", "steps", "abs_rel", "delta1", "edge_f1_025"])


def areas(table: pd.DataFrame) -> dict[str, float]:
    """Of a table of `left_out` the mean error over all shares: in a random order, and with the least sure pixels out first."""
    names = table.columns.difference(["left out", "oracle"], sort=False)
    return {f"error left, {name}": float(table[name].mean()) for name in names}


def lens_errors(lens: pd.DataFrame) -> dict[str, float]:
    """How far the median ratio of `lenses` is from 1 under the longest lens, as the size of its logarithm."""
    longest = lens.iloc[-1]
    return {f"error under a long lens, {column}": abs(math.log(longest[column])) for column in ("told", "not told")}


def claims(dataset: str) -> list[Claim]:
    """What the ingredients promise.

    Args:
        dataset: that the net was judged on.
    """
    better = {"direction": evidence.LOWER, "dataset": dataset}
    blind, mirror, own = (f"error left, {name}" for name in ("random", MIRROR, OWN))
    told, untold = (f"error under a long lens, {name}" for name in ("told", "not told"))
    return [
        _without("pretrained", "none", "auto", "ImageNet weights lower the error", **better),
        _without("zoom", 1.0, ZOOM, "random zoom lowers the error", **better),
        _without("jitter", 0.0, JITTER, "random colours lower the error", appendix=True, **better),
        evidence.between(
            NOTEBOOK,
            PLAIN,
            ROUGH,
            claim="blur, noise and stronger colours lower the error on rendered frames too",
            appendix=True,
            **better,
        ),
        _without(
            "gradient",
            0.0,
            GRADIENT,
            "differences between neighbours in the loss sharpen the edges (edge F1)",
            direction=evidence.HIGHER,
            dataset=dataset,
            measure="edge_f1_025",
        ),
        _without("decoder", "unet", "fpn", "the pyramid is better than a U-Net decoder of more weights", **better),
        evidence.within(
            NOTEBOOK,
            (NET, untold),
            (NET, told),
            claim="told the camera, it is nearer to metres under a long lens",
            **better,
        ),
        evidence.within(NOTEBOOK, (NET, blind), (NET, own), claim="its own estimate says where it is wrong", **better),
        evidence.within(
            NOTEBOOK,
            (NET, blind),
            (NET, mirror),
            claim="the difference from the mirror image says where it is wrong",
            appendix=True,
            **better,
        ),
        evidence.against_baselines(NOTEBOOK, dataset, name="the net"),
    ]


def _without(parameter: str, less: object, more: object, claim: str, **options) -> Claim:
    return evidence.between(NOTEBOOK, {parameter: less}, {parameter: more}, claim=claim, **options)
