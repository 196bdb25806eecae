"""Depth from films alone: whether the poses are right, what the loss can know, and the claims, for notebook 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import data, evaluation, evidence
from depthnb.data import Dataset
from depthnb.data.sequences import Films
from depthnb.evidence import Claim
from depthnb.models import encoders
from depthnb.models.photometric import explained, photometric_error
from depthnb.models.self_supervised import BoundedFPN, PoseNet, SelfSupervised
from depthnb.models.warping import warp

NOTEBOOK = "13_self_supervised"
GIVEN, LEARNT, TWIN = "poses given", "poses learnt", "supervised twin"
ALIGNMENTS = {"median": "by the median", evaluation.ALIGNED: "by scale and shift"}
OPPONENTS = {"mean_depth": "each image's best constant", "mean_image": "mean image"}
AGREES = 0.05  # depths of one point in two frames that differ by less than this share are of one surface


def open_films(
    name: str, root: str, split: str, size: tuple[int, int], *, scenes: int = 0, seed: int = 0
) -> tuple[Dataset, Films]:
    """The frames of a split with their true depth, and the same ones as films, without.

    Args:
        name, root, split, size: as for `data.open`.
        scenes: at most so many, drawn at random; 0: all.
        seed: of the draw.

    Raises:
        ValueError: for a negative number, and as `data.open` and `Films`.
    """
    if scenes < 0:
        raise ValueError(f"scenes is {scenes}; expected a number of films, or 0 for all")
    frames = data.open(name, root, split, size)
    names = frames.frames["scene"].unique()
    if 0 < scenes < len(names):
        kept = set(np.random.default_rng(seed).permutation(names)[:scenes])
        frames = frames.subset(np.flatnonzero(frames.frames["scene"].isin(kept)))
    return frames, Films(frames)


def network(
    *, encoder: str, width: int, start: float, max_depth: float, pretrained: str, pose_channels: int = 0
) -> SelfSupervised:
    """The nets of one training: a bounded feature pyramid, and a pose net unless `pose_channels` is 0."""
    depth = BoundedFPN(encoder=encoder, width=width, start=start, max_depth=max_depth, pretrained=pretrained)
    return SelfSupervised(depth, PoseNet(pose_channels) if pose_channels else None)


def groups(
    nets: SelfSupervised, *, learning_rate: float, encoder_factor: float, pose_factor: float = 1.0
) -> list[dict]:
    """Parameters for an optimiser: the encoder and the pose net at rates of their own."""
    rates = {"learning_rate": learning_rate, "encoder_rate": encoder_factor * learning_rate}
    found = encoders.parameter_groups(nets.depth, nets.depth.encoder, **rates)
    if nets.pose is not None:
        found.append({"params": list(nets.pose.parameters()), "lr": pose_factor * learning_rate})
    return found


def _everything(films: Films) -> dict:
    """All films as one batch, with the true depth of every frame and of its neighbours, for looking and never for training."""
    batch = films.batch(range(len(films)))
    truth = films.frames.batch(range(len(films)))
    batch["depth"], batch["known"] = _filled(truth, films), truth["valid"]
    others = films.neighbours
    batch["source depth"], batch["source known"] = truth["depth"][others], truth["valid"][others]
    return batch


def _filled(truth: Mapping[str, Tensor], films: Films) -> Tensor:
    """The true depth of a batch, and something far away where nothing is known, so that it can be projected."""
    return torch.where(truth["valid"], truth["depth"], films.frames.max_depth)


def proof(films: Films) -> dict[str, float]:
    """Whether the poses are right, by the true depth: every frame is looked up in its neighbours.

    Returns:
        `seen`, the share of pixels that lie within the neighbour's picture; `agree`, of those whose depth both frames know the
        share on which the two depths of the point agree within `AGREES`; `depth error`, their median relative difference;
        `moved` and `unmoved`, the photometric error there with and without the motion.
    """
    batch, sums = _everything(films), []
    for number in range(batch["sources"].shape[1]):
        place = {key: batch[key] for key in ("depth", "intrinsics")} | {"motion": batch["motion"][:, number]}
        seen = warp(batch["sources"][:, number], **place)
        depth = warp(batch["source depth"][:, number], **place)
        # a pixel is read from four: all of them must be known
        known = warp(batch["source known"][:, number].float(), **place).image > 0.999
        known &= batch["known"] & seen.inside
        off = (depth.image / seen.depth - 1).abs()
        same = known & (off < AGREES)
        errors = [photometric_error(batch["image"], other) for other in (seen.image, batch["sources"][:, number])]
        sums.append(
            [seen.inside.float().mean(), (off[known] < AGREES).float().mean(), off[known].median()]
            + [error[same].mean() for error in errors]
        )
    means = np.mean([[float(value) for value in row] for row in sums], axis=0)
    return dict(zip(("seen", "agree", "depth error", "moved", "unmoved"), map(float, means), strict=True))


def scale_table(films: Films, factors: Sequence[float] = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 2.0)) -> pd.DataFrame:
    """What the photometric loss says of the true depth times a factor: with the true poses, and with poses of that scale too.

    Returns:
        One row a factor: `factor`, `poses given`, `poses scaled too` (photometric errors, means over all pixels).
    """
    batch, rows = _everything(films), []
    for factor in factors:
        scaled = batch["motion"].clone()
        scaled[..., :3, 3] *= factor
        row = {"factor": factor}
        for name, motion in {GIVEN: batch["motion"], "poses scaled too": scaled}.items():
            found = explained(
                batch["image"],
                batch["sources"],
                depth=factor * batch["depth"],
                intrinsics=batch["intrinsics"],
                motion=motion,
            )
            row[name] = float(found.error.mean())
        rows.append(row)
    return pd.DataFrame(rows)


def aligned(
    preds: Mapping[str, Tensor], known: Dataset, test: Dataset, judged: evaluation.Judged
) -> tuple[pd.DataFrame, dict[tuple[str, str], evaluation.Evaluation]]:
    """Nets and the two opponents aligned with each image's truth: by the median alone, and by scale and shift.

    Args:
        preds: name -> depth of every test frame, as `evaluation.predict` gives it.
        known: training frames, of which the opponents are made.
        test: the split that is scored.
        judged: what was scored before, which is not scored again.

    Returns:
        One row a way and prediction: `aligned`, `prediction`, abs_rel, rmse, delta1; and (prediction, way) -> Evaluation.
    """
    rows, scored = [], {}
    for how, words in ALIGNMENTS.items():
        rule = f"{test.protocol}/{how}"
        done = judged.aligned if how == evaluation.ALIGNED else evaluation.baselines(known, test, protocol=rule)
        found = {name: done.get(name) or evaluation.evaluate(pred, test, protocol=rule) for name, pred in preds.items()}
        found |= {label: done[key] for key, label in OPPONENTS.items()}
        for name, each in found.items():
            scored[name, how] = each
            scores = {key: each.summary[key] for key in ("abs_rel", "rmse", "delta1")}
            rows.append({"aligned": words, "prediction": name, **scores})
    return pd.DataFrame(rows), scored


def scales(preds: Mapping[str, Tensor], test: Dataset) -> pd.DataFrame:
    """By which factor each net's answers would have to be multiplied, frame by frame: the median of true over predicted depth.

    Args:
        preds: name -> depth of every test frame, as `evaluation.predict` gives it.
        test: the frames, at the size of the answers.

    Returns:
        One row a net: `net`; `factor`, the median over the frames; `spread`, the standard deviation of its logarithm over the
        frames; `scale error`, the mean size of that logarithm.
    """
    truth, rows = test.batch(range(len(test))), []
    for name, pred in preds.items():
        logs = _ratio(pred, truth).log()
        logs = logs[logs.isfinite()]
        found = {"factor": float(logs.median().exp()), "spread": float(logs.std(correction=0))}
        rows.append({"net": name, **found, "scale error": float(logs.abs().mean())})
    return pd.DataFrame(rows)


def _ratio(pred: Tensor, truth: Mapping[str, Tensor]) -> Tensor:
    """The median of true over predicted depth of each frame, [B]; NaN where it has no truth."""
    pred = evaluation.upsample(pred, tuple(truth["valid"].shape[-2:]))
    return torch.where(truth["valid"], truth["depth"] / pred, torch.nan).flatten(1).nanmedian(1).values


def by_texture(preds: Mapping[str, Tensor], test: Dataset, *, parts: int = 4) -> pd.DataFrame:
    """The error where the picture is blank and where it is rich: pixels parted by the largest step of brightness around them.

    Every frame is aligned by its median, so that nets without metres take part; scored at the size at which the nets see.

    Args:
        preds: name -> depth of every test frame, as `evaluation.predict` gives it.
        test: the frames, at the size of the answers.
        parts: how many, of equally many pixels.

    Returns:
        One row a part, blank first: `brightness step` (its mean, 0..1), and each net's mean relative error.
    """
    batch = test.batch(range(len(test)))
    steps = _steps(batch["image"])
    valid = batch["valid"]
    limits = torch.quantile(steps[valid][:: max(1, int(valid.sum()) // 100_000)], torch.linspace(0, 1, parts + 1))
    errors = {}
    for name, pred in preds.items():
        ratio = _ratio(pred, batch).view(-1, 1, 1, 1)
        errors[name] = (evaluation.upsample(pred, tuple(valid.shape[-2:])) * ratio / batch["depth"] - 1).abs()
    rows = []
    for number in range(parts):
        low, high = limits[number], limits[number + 1]
        here = valid & (steps >= low) & ((steps < high) | (number == parts - 1))
        row = {"brightness step": float(steps[here].mean())}
        rows.append(row | {name: float(error[here].nanmean()) for name, error in errors.items()})
    return pd.DataFrame(rows)


def _steps(image: Tensor) -> Tensor:
    """The largest difference of brightness between neighbours in a window of 5x5 pixels, [B,1,H,W]."""
    grey = nn.functional.pad(image.mean(1, keepdim=True), (1, 0, 1, 0), mode="replicate")
    across, down = grey.diff(dim=-1)[..., 1:, :].abs(), grey.diff(dim=-2)[..., 1:].abs()
    return nn.functional.max_pool2d(torch.maximum(across, down), 5, stride=1, padding=2)


def poses_apart(nets: SelfSupervised, films: Films) -> dict[str, float]:
    """How far learnt motions are from the true ones.

    Returns:
        `turn`, the median angle between the rotations in degrees; `direction`, the median angle between the translations;
        `factor`, the median of the true length over the learnt one; `still`, the median angle of the true rotations, which
        is what a net that always answers 0 would score as `turn`.
    """
    batch = films.batch(range(len(films)))
    place = next(nets.parameters()).device
    with evaluation.answering(nets):
        learnt = nets(batch["seen"].to(place))[1].cpu().flatten(0, 1)
    true = batch["motion"].flatten(0, 1)
    one, other = true[:, :3, 3], learnt[:, :3, 3]
    lengths = one.norm(dim=1), other.norm(dim=1).clamp_min(1e-9)
    cosine = (one * other).sum(1) / lengths[0] / lengths[1]
    return {
        "turn": float(_angle(true[:, :3, :3] @ learnt[:, :3, :3].transpose(1, 2)).median()),
        "still": float(_angle(true[:, :3, :3]).median()),
        "direction": float(torch.rad2deg(cosine.clamp(-1, 1).acos()).median()),
        "factor": float((lengths[0] / lengths[1]).median()),
    }


def _angle(rotation: Tensor) -> Tensor:
    """The angles of rotations [N,3,3] in degrees."""
    trace = rotation.diagonal(dim1=1, dim2=2).sum(1)
    return torch.rad2deg(((trace - 1) / 2).clamp(-1, 1).acos())


def look(films: Films, index: int, depth: Tensor | None = None) -> dict[str, Tensor]:
    """One frame of the films as the loss sees it, with its true depth or another one [1,H,W].

    Returns:
        image, `neighbour` and `moved` (the first neighbour, as it is and warped) [3,H,W]; `inside` [1,H,W], also False where
        the true depth is used and not known; the photometric errors `error unmoved` and `error moved` [1,H,W]; `counts`
        [1,H,W], whether the pixel takes part.
    """
    batch, known = films.batch([index]), torch.tensor(True)
    if depth is None:
        truth = films.frames.batch([index])
        depth, known = _filled(truth, films)[0], truth["valid"]
    place = {"depth": depth[None], "intrinsics": batch["intrinsics"]}
    neighbour = batch["sources"][:, 0]
    seen = warp(neighbour, motion=batch["motion"][:, 0], **place)
    found = explained(batch["image"], batch["sources"], motion=batch["motion"], **place)
    inside = seen.inside & known
    # elsewhere the frame itself, as in the loss: a window beside a hole then compares only what is seen
    moved = torch.where(inside, seen.image, batch["image"])
    shown = {
        "image": batch["image"],
        "neighbour": neighbour,
        "moved": moved,
        "inside": inside,
        "counts": found.counts & known,
    }
    for name, other in (("error unmoved", neighbour), ("error moved", moved)):
        shown[name] = photometric_error(batch["image"], other)
    return {name: value[0] for name, value in shown.items()}


def claims(dataset: str, *, proven: Mapping[str, float], table: pd.DataFrame) -> list[Claim]:
    """What the documents hope for from depth without labels, and what geometry says of it.

    Args:
        dataset: that the nets were judged on.
        proven: as `proof` gives it.
        table: as `scale_table` gives it.
    """
    least = table.loc[table[GIVEN].idxmin(), "factor"]
    scaled = table["poses scaled too"]
    # with learnt poses everything is compared aligned, and beside the aligned mean image
    shape = {"measure": "abs_rel aligned", "learnt": ("abs_rel aligned", "aligned"), "dataset": dataset}
    return [
        evidence.fact(
            "the poses are right: two frames agree on the depth of what both see, and on its colour",
            f"depths agree for {proven['agree']:.1%} of the pixels, median difference {proven['depth error']:.2%}; "
            f"photometric error {proven['moved']:.3f}, unmoved {proven['unmoved']:.3f}",
            proven["agree"] > 0.95 and proven["moved"] < 0.6 * proven["unmoved"],
        ),
        evidence.fact(
            "with poses given the loss is least at the true scale; with poses of the same scale it is blind to it",
            f"least at factor {least:g} of {table['factor'].min():g} to {table['factor'].max():g}; with scaled poses it "
            f"changes by {scaled.max() / scaled.min() - 1:.1e}",
            bool(least == 1 and scaled.max() / scaled.min() - 1 < 1e-3),
        ),
        evidence.within(
            NOTEBOOK,
            TWIN,
            GIVEN,
            claim="Lacelle and Nofal (2.2), after Garg et al.: without labels the performance is comparable to that of "
            "supervised methods; read as: the error is no higher",
            direction=evidence.NOT_HIGHER,
            dataset=dataset,
        ),
        evidence.within(
            NOTEBOOK,
            GIVEN,
            LEARNT,
            claim="Casser et al. (Chapre and Deshpande's [6]): a film is enough, the camera's way can be learnt too; read as: "
            "aligned, the error is no higher",
            direction=evidence.NOT_HIGHER,
            **shape,
        ),
        evidence.within(
            NOTEBOOK,
            TWIN,
            GIVEN,
            claim="aligned by scale and shift, the net without labels is as good as its twin",
            direction=evidence.NOT_HIGHER,
            appendix=True,
            **shape,
        ),
        evidence.against_baselines(NOTEBOOK, dataset, name="the net with given poses"),
    ]
