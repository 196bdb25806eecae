"""Niu's claims and Table I, for notebook 06."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from depthnb import evidence, metrics, models
from depthnb.data.readers import kitti
from depthnb.evidence import Claim, published
from depthnb.metrics.ssim import trusted_windows

NOTEBOOK, NET, RIVAL = "06_hma", "HMA-Depth", "BTS fusion"

MEASURES = ("delta1", "delta2", "delta3", "abs_rel", "rmse", "rmse_log")  # in the order of its Table I
MOVED = "mask weight moved"  # in run.json: the share of a pixel's weight at another scale than before the training
ENOUGH = 0.1  # of it, or the masks are still as they started and cannot testify
REPOSITORY = {
    "ResNet 50": "BTS ResNet50",
    "ResNeXt 50": "BTS ResNext50",
    "DenseNet 121": "BTS DenseNet121",
    "DenseNet 161": "BTS DenseNet161",
}


def table1(ours: Mapping[str, Mapping[str, float]], *, dataset: str) -> pd.DataFrame:
    """Niu's Table I, the rows of BTS's own repository, and ours, each with the data it was measured on.

    Args:
        ours: name -> metrics.

    Returns:
        A table with the columns method, measured on, and the six measures of the table, all published numbers read from
        published.csv.
    """
    printed = published.table("004", "I").assign(**{"measured on": "KITTI, as Niu prints it"})
    theirs = published.table("paper", "BTS repository KITTI").assign(
        **{"measured on": "KITTI, as BTS's authors report"}
    )
    here = pd.DataFrame(
        [{"method": name, "measured on": f"{dataset} (ours)", **values} for name, values in ours.items()]
    )
    columns = ["method", "measured on", *MEASURES]
    return pd.concat([part[columns] for part in (printed, theirs, here)], ignore_index=True)


def split_counts() -> pd.DataFrame:
    """Frames and drives of KITTI's Eigen split: what Niu prints beside what the lists in `data/splits` hold.

    The frames need not be there.

    Returns:
        One row a split: `split`, `Niu` (images), `lists, laser scan` and `lists, annotated` (frames with each kind of truth),
        `Niu, scenes` and `lists, drives`.
    """
    printed = published.load("004").query("table == 'text'").set_index(["metric", "split"])["value"]
    scans, annotated = (kitti.official_index(truth)[0] for truth in ("raw", "annotated"))
    rows = []
    for name, parts, key in (("train", ("train", "val"), "train"), ("test", ("test",), "eigen test")):
        with_scan, with_truth = (frames[frames["split"].isin(parts)] for frames in (scans, annotated))
        counted = {"split": name, "Niu": int(printed["images", key]), "lists, laser scan": len(with_scan)}
        counted |= {"lists, annotated": len(with_truth), "Niu, scenes": int(printed["scenes", key])}
        rows.append({**counted, "lists, drives": with_scan["scene"].nunique()})
    return pd.DataFrame(rows)


def against(method: str, rival: str) -> tuple[int, int, int]:
    """How often one row of Table I is better than, equal to and worse than another row, there or in BTS's repository."""
    rows = pd.concat([published.table("004", "I"), published.table("paper", "BTS repository KITTI")]).set_index(
        "method"
    )
    gains = [_gain(rows.loc[method, name], rows.loc[rival, name], name) for name in MEASURES]
    return sum(g > 0 for g in gains), sum(g == 0 for g in gains), sum(g < 0 for g in gains)


def _gain(value: float, other: float, metric: str) -> float:
    return other - value if metrics.BETTER[metric] == "lower" else value - other


COLUMNS = ("mask", "mask at edges", "mask elsewhere", "abs_rel", "abs_rel where its mask is largest")
DENSE = 0.5  # share of the valid pixels that must have all their neighbours, or a frame's depth edges are not looked at


@torch.no_grad()
def per_scale(net: models.HMADepth, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """`HMADepth.per_scale` of a batch of the data contract: in eval mode, on the net's device; the result is on the CPU."""
    modes = {module: module.training for module in net.modules()}
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    try:
        depths, masks = net.eval().per_scale(batch["image"].to(device))
    finally:
        for module, training in modes.items():
            module.training = training
    return depths.cpu(), masks.cpu()


def shares(net: models.HMADepth, dataset, indices: Sequence[int], *, step: float = 0.1) -> pd.DataFrame:
    """What each scale of an HMA-Depth contributes, and whether its depth map is one, on some frames of a data set.

    All pixels are pooled. Depth maps are measured as they are scored: clipped to the range of the data set's protocol, on the
    pixels whose true depth lies inside it.

    Args:
        net: in any mode, on any device; both stay as they are.
        dataset: frames of the data contract, with a protocol.
        indices: of the frames.
        step: an edge is a step of true depth between neighbours by more than this share. Frames whose truth is sparse, where
            fewer than half of the valid pixels have all their neighbours, have no edges: what a few scan lines show of them
            is chance.

    Returns:
        One row a scale, coarse to fine, and one for the whole (where `mask` is the sum): `scale`, `mask at start` (before any
        training, nearly), `mask` (its mean share of the pixels), `mask at edges` and `mask elsewhere` (the same on pixels
        beside an edge, and on the others; NaN on sparse truth), `abs_rel` of its own depth on all pixels that count, and
        `abs_rel where its mask is largest` on those where its mask is the largest. Three numbers stand in the table's `attrs`:

        - `moved`: how much of a pixel's weight lies with another scale than at the start, on average (0 to 1);
        - `shared_by`: the effective number of scales that share a pixel, the mean of 1 / sum of squared masks (1 when each
          pixel belongs to one scale, S when it is shared evenly);
        - `deviation`: the furthest that the masks of any pixel are from summing to one.
    """
    rule = metrics.protocol(dataset.protocol)
    start = net.start()
    sums = torch.zeros(len(net.names) + 1, len(COLUMNS), 2, dtype=torch.float64)  # of the values, and how many
    shared, moved, deviation = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64), 0.0
    for index in indices:  # one at a time: at full size a batch would not fit into memory
        batch = dataset.batch([index])
        depths, masks = per_scale(net, batch)
        valid = rule.in_range(depth=batch["depth"], valid=batch["valid"])
        sums += _sums(depths, masks, batch["depth"], valid, rule, step)
        everywhere = torch.ones_like(masks[:, :1], dtype=torch.bool)
        shared += _both(1 / masks.square().sum(1, keepdim=True), everywhere)
        moved += _both((masks - start.view(1, -1, 1, 1)).abs().sum(1, keepdim=True) / 2, everywhere)
        deviation = max(deviation, float((masks.sum(1) - 1).abs().max()))
    table = pd.DataFrame((sums[..., 0] / sums[..., 1]).numpy(), columns=list(COLUMNS))
    table.insert(0, "scale", [*net.names, "all"])
    table.insert(1, "mask at start", [*start.tolist(), float(start.sum())])
    means = {name: float(total / count) for name, (total, count) in (("shared_by", shared), ("moved", moved))}
    table.attrs.update(means, deviation=deviation)
    return table


def measures(table: pd.DataFrame) -> dict[str, float]:
    """The numbers out of `shares` by which the claims are judged over seeds."""
    scales, finest, whole = table.iloc[:-1], table.iloc[-2], table.iloc[-1]
    return {
        "scales that share a pixel": table.attrs["shared_by"],
        MOVED: table.attrs["moved"],
        "finest mask at edges": float(finest["mask at edges"]),
        "finest mask elsewhere": float(finest["mask elsewhere"]),
        "worst scale beside the whole": float(scales["abs_rel"].max() / whole["abs_rel"]),
    }


def shares_said(table: pd.DataFrame) -> str:
    """Two sentences on the table of `shares`: how far the masks have moved, and how many scales share a pixel."""
    moved, shared, scales = table.attrs["moved"], table.attrs["shared_by"], table.iloc[:-1]
    masks = ", ".join(f"{r['scale']} {r['mask at start']:.2f} -> {r['mask']:.2f}" for _, r in scales.iterrows())
    return (
        f"Masks at the start -> now: {masks}. On average {moved:.0%} of a pixel's mask has moved to another scale since then. "
        f"{shared:.2f} scales share a pixel on average (1: each pixel belongs to one; {len(scales)}: shared evenly)."
    )


def _sums(depths: Tensor, masks: Tensor, depth: Tensor, valid: Tensor, rule: metrics.Protocol, step: float) -> Tensor:
    """Sum and count behind every cell of `shares`, [S + 1, columns, 2]."""
    depth = torch.where(valid, depth, 1.0)
    edges, smooth = _depth_edges(depth, valid, step)
    heaviest, nowhere = masks.argmax(1, keepdim=True), torch.zeros_like(valid)
    everything = rule.clipped(torch.cat([depths, (depths * masks).sum(1, keepdim=True)], 1))
    shares = torch.cat([masks, masks.sum(1, keepdim=True)], 1)
    rows = []
    for index in range(shares.shape[1]):
        mask, error = shares[:, index : index + 1], (everything[:, index : index + 1] - depth).abs() / depth
        whole = index == masks.shape[1]
        where = (nowhere, nowhere) if whole else (edges, smooth)
        cells = [(mask, torch.ones_like(valid)), (mask, where[0]), (mask, where[1]), (error, valid)]
        cells.append((error, valid & (heaviest == index)))
        rows.append(torch.stack([_both(*cell) for cell in cells]))
    return torch.stack(rows)


def _both(values: Tensor, where: Tensor) -> Tensor:
    return torch.stack([values[where].sum(dtype=torch.float64), where.sum().double()])


def _depth_edges(depth: Tensor, valid: Tensor, step: float) -> tuple[Tensor, Tensor]:
    """Pixels beside a step of more than `step` (relative) in depth, and those with a valid neighbour and no step.

    bool [B,1,H,W] each; both empty for a frame with sparse truth.
    """
    edges, seen = torch.zeros_like(valid), torch.zeros_like(valid)
    for dim in (-2, -1):
        length = depth.shape[dim] - 1
        both = valid.narrow(dim, 0, length) & valid.narrow(dim, 1, length)
        jump = both & (depth.log().diff(dim=dim).abs() > math.log1p(step))
        for start in (0, 1):  # the pixel before and the pixel after
            edges.narrow(dim, start, length).logical_or_(jump)
            seen.narrow(dim, start, length).logical_or_(both)
    dense = trusted_windows(valid, 3, DENSE).flatten(1).any(1).view(-1, 1, 1, 1)
    return edges & dense, seen & ~edges & dense


def claims(*, dataset: str, deviation: float, rival: str = RIVAL) -> list[Claim]:
    """What Niu says.

    Args:
        deviation: the furthest that the masks of any pixel are from summing to one.
        rival: name of the second net.
    """
    options = {"dataset": dataset}
    even = 4  # scales that would share a pixel evenly
    independent = evidence.measured(
        NOTEBOOK,
        NET,
        1 + 0.25 * (even - 1),
        measure="scales that share a pixel",
        claim="each attention module focuses on an independent part of the image (2): fewer than 1.75 of 4 share a pixel",
        direction=evidence.LOWER,
        **options,
    )
    fine = evidence.within(
        NOTEBOOK,
        (NET, "finest mask elsewhere"),
        (NET, "finest mask at edges"),
        claim="higher resolution predicts the fine details (2, figure 2): its mask is larger at depth edges",
        direction=evidence.HIGHER,
        **options,
    )
    rows = [
        evidence.fact(
            "the sum of the masks equals 1 (2)",
            f"at every pixel within {deviation:.1e}",
            deviation < 1e-5,
            appendix=True,
        ),
        *(_by_moved_masks(each, dataset) for each in (independent, fine)),
        evidence.within(
            NOTEBOOK,
            (rival, "edge_f1_025"),
            (NET, "edge_f1_025"),
            claim=f"more accurate boundaries than BTS (3, figure 3), for which {rival} stands",
            direction=evidence.HIGHER,
            **options,
        ),
        evidence.within(
            NOTEBOOK,
            (rival, "plane residual"),
            (NET, "plane residual"),
            claim=f"smoother surfaces than BTS (3, figure 3), for which {rival} stands",
            direction=evidence.LOWER,
            **options,
        ),
        evidence.within(
            NOTEBOOK,
            rival,
            NET,
            claim=f"HMA-Depth outperforms BTS (1), for which {rival} stands",
            direction=evidence.LOWER,
            **options,
        ),
        _ablation(
            "the attention mechanism helps (4: to be proved)", {"attention": "average"}, {"attention": "masks"}, dataset
        ),
        _ablation("four scales are better than three (4: to be proved)", {"scales": 3}, {"scales": 4}, dataset),
        evidence.measured(
            NOTEBOOK,
            NET,
            1.5,
            measure="worst scale beside the whole",
            claim="the depth module estimates the depth map for each scale (2): no scale errs by half more than the whole",
            direction=evidence.LOWER,
            appendix=True,
            **options,
        ),
        *_printed_tables(),
        _split(),
    ]
    return [*rows, evidence.against_baselines(NOTEBOOK, dataset, name=NET)]


def _ablation(claim: str, before: dict, after: dict, dataset: str) -> Claim:
    return evidence.between(NOTEBOOK, before, after, claim=claim, direction=evidence.LOWER, dataset=dataset)


def _by_moved_masks(claim: Claim, dataset: str) -> Claim:
    """A claim about what the masks do; not tested where training has hardly moved them, since then it judges their start."""
    if claim.effect is None:
        return claim
    moved = [each["nets"][NET].get(MOVED) or 0.0 for each in evidence.trainings.full(NOTEBOOK, dataset, nets=[NET])]
    share = sum(moved) / len(moved)
    if share >= ENOUGH:
        return claim
    reason = f"training moved {share:.0%} of a pixel's weight to another scale, which is too little to judge the masks"
    return evidence.untested(claim.text, reason, appendix=claim.appendix)


def _printed_tables() -> list[Claim]:
    """What the text says of Table I, by the table's own numbers and by those of BTS's authors."""
    rows = published.table("004", "I")
    own = rows["method"].str.startswith("HMA")
    better, behind = [], []
    for name in MEASURES:
        pick = "min" if metrics.BETTER[name] == "lower" else "max"
        ours, theirs = (getattr(part[name], pick)() for part in (rows[own], rows[~own]))
        (better if _gain(ours, theirs, name) > 0 else behind).append((name, ours, theirs))
    text = ", ".join(f"{name} {'equal' if a == b else 'worse'} ({a:.3f} beside {b:.3f})" for name, a, b in behind)
    counts = {f"HMA-Depth-{net}": against(f"HMA-Depth-{net}", bts) for net, bts in REPOSITORY.items()}
    here = "; ".join(f"{name[10:]}: better in {b}, equal in {e}, worse in {w}" for name, (b, e, w) in counts.items())
    return [
        evidence.in_print(
            "HMA-Depth outperforms the others in every metric but RMSE (3, Table I)",
            f"better in {', '.join(name for name, *_ in better)}; {text}",
            appendix=True,
        ),
        evidence.in_print(
            "HMA-Depth outperforms BTS (1), beside the rows that BTS's authors report with the same backbone",
            here,
            appendix=True,
        ),
    ]


def _split() -> Claim:
    counts = split_counts().set_index("split")
    train, test = counts.loc["train"], counts.loc["test"]
    pairs = {
        key: f"{train[f'lists, {key}']} and {test[f'lists, {key}']}" for key in ("laser scan", "drives", "annotated")
    }
    text = f"lists: {pairs['laser scan']} frames of {pairs['drives']} drives have a laser scan, "
    same = train["Niu"] == train["lists, laser scan"] and test["Niu"] == test["lists, laser scan"]
    claim = f"the Eigen split has {train['Niu']} training and {test['Niu']} test images (3)"
    return evidence.fact(claim, f"{text}{pairs['annotated']} annotated depth", bool(same), appendix=True)
