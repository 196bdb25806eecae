"""Akondi's claims on MiDaS, the paper's on mixing, and their tables, for notebook 07."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import evaluation, evidence
from depthnb.data.sample import Dataset
from depthnb.evidence import Claim, published
from depthnb.models.midas import SwappedColours, ZeroShot, as_depth
from depthnb.weights import zoo

NOTEBOOK = "07_midas"

METRICS = ("abs_rel", "rmse", "delta1")
OPPONENTS = {"mean_depth": "each image's best constant", "mean_image": "the mean image, aligned"}
BOTH = "both"
ALIGNMENTS = ("none", "median", "scale and shift")
RECIPE = "trained on both"
CONSTANTS = {"mean_depth": "training-mean depth", "mean_image": "training-mean image"}  # before they are aligned


def cross_table(tests: Mapping[str, Mapping], opponents: Mapping[str, Mapping]) -> pd.DataFrame:
    """Every net on every data set, and the constant opponents below.

    Args:
        tests: trained on -> data set -> Evaluation.
        opponents: data set -> `evaluation.baselines`.

    Returns:
        One row a net: `trained on`, and a column for each data set and metric, such as `rooms abs_rel`.
    """
    rows = {name: dict(scored) for name, scored in tests.items()}
    for key, label in OPPONENTS.items():
        rows[label] = {name: each[key] for name, each in opponents.items()}
    return pd.DataFrame(
        [
            {
                "trained on": name,
                **{f"{where} {metric}": each.summary[metric] for where, each in scored.items() for metric in METRICS},
            }
            for name, scored in rows.items()
        ]
    )


def alignment_table(tests: Mapping[tuple[str, str], object]) -> pd.DataFrame:
    """What the alignment alone changes: one row a way of aligning, one column a predictor and metric.

    Args:
        tests: (predictor, one of `ALIGNMENTS`) -> Evaluation; predictors are `RECIPE` and the values of `CONSTANTS`. A pair
            that makes no sense is left out and becomes NaN.
    """
    table = pd.DataFrame(
        [
            {"alignment": how, "predictor": name, **{metric: each.summary[metric] for metric in METRICS}}
            for (name, how), each in tests.items()
        ]
    )
    wide = table.pivot(index="alignment", columns="predictor", values=["abs_rel", "delta1"])
    wide = wide.loc[[how for how in ALIGNMENTS if how in wide.index]]
    wide.columns = [f"{name}, {metric}" for metric, name in wide.columns]
    return wide.reset_index()


def published_errors() -> pd.DataFrame:
    """The zero-shot errors that MiDaS's authors print; read from published.csv.

    Returns:
        One row a network, with the columns method, then for each test set abs_rel or the percentage of pixels with delta above
        1.25.
    """
    rows = published.load("paper")
    rows = rows[(rows["table"] == "MiDaS zero-shot") & rows["metric"].isin(["abs_rel", "delta1_error_percent"])]
    names = {"abs_rel": "abs_rel", "delta1_error_percent": "% above 1.25"}
    rows = rows.assign(column=rows["dataset"] + " " + rows["metric"].map(names))
    return (
        rows.pivot(index=["row", "method"], columns="column", values="value")
        .reset_index("method")
        .reset_index(drop=True)
    )


def ask(network: nn.Module, dataset: Dataset) -> Tensor:
    """Inverse depth of every frame, photographs at their native size and one at a time, as Akondi asked.

    Args:
        network: image [1,3,H,W] -> [1,1,H,W], such as what `find` returns; stays on its device.

    Returns:
        Float32 [N,1,H,W] on the CPU, all at the size of the first frame.
    """
    place = next((each.device for each in (*network.parameters(), *network.buffers())), torch.device("cpu"))
    with torch.inference_mode():
        answers = [network(frame["image"][None].to(place)).cpu() for frame in dataset.native()]
    return torch.cat([evaluation.upsample(each, tuple(answers[0].shape[-2:])) for each in answers])


def compared(
    networks: Mapping[str, nn.Module], dataset: Dataset
) -> tuple[dict[str, Tensor], dict[str, evaluation.Evaluation]]:
    """Networks of inverse depth on the same frames: as they are meant, fed the wrong colours, and scaled by the median alone.

    Args:
        networks: name -> published network (asked at the frames' native size) or one of ours (at the data set's), all moved
            to the device of the first.

    Returns:
        Predictions, name -> [N,1,h,w], and evaluations of the names, of "name, fed BGR" (aligned by scale and shift in
        inverse depth under the data set's protocol) and of "name, by median" (its inverse taken for depth).
    """
    place = next((each.device for net in networks.values() for each in net.parameters()), torch.device("cpu"))
    protocol = f"{dataset.protocol}/scale-shift-inverse"
    aligned = partial(evaluation.evaluate, dataset=dataset, protocol=protocol, kind="affine-inverse")
    answers, scored = {}, {}
    for name, net in networks.items():
        predict = ask if isinstance(net, ZeroShot) else evaluation.predict
        answers[name] = predict(net.to(place), dataset)
        scored[name] = aligned(answers[name])
        scored[f"{name}, fed BGR"] = aligned(predict(SwappedColours(net), dataset))
        scored[f"{name}, by median"] = evaluation.evaluate(
            as_depth(answers[name]), dataset, protocol=f"{dataset.protocol}/median"
        )
    return answers, scored


def training_sets() -> pd.DataFrame:
    """What each published network was trained on, and whether NYU Depth V2 is among it.

    Returns:
        One row a network: network, sets (how many), `NYU Depth V2` (True or False), trained on, source.
    """
    known = [(name, each.training_sets, each.source) for name, each in zoo.NETWORKS.items()]
    return pd.DataFrame(
        [
            {
                "network": name,
                "sets": len(sets),
                zoo.NYU: zoo.NYU in sets,
                "trained on": ", ".join(sets),
                "source": source,
            }
            for name, sets, source in (*known, zoo.NEWER)
        ]
    )


def claims(*, sets: Sequence[str], found: Mapping, same_frames, aligned: Mapping) -> list[Claim]:
    """What Akondi says about MiDaS, and its authors about mixing data sets.

    Args:
        sets: names of the two data sets that are trained on, the notebook's own first.
        found: published network -> Evaluation on a few frames.
        same_frames: the net trained on both, on those very frames.
        aligned: as for `alignment_table`.
    """
    own, other = sets
    swap = {own: other, other: own}
    rows = [_trained_on_nyu(), _best_maps(found, same_frames)]
    for where in sets:
        here = "test" if where == own else "second test"
        options = {"dataset": own, "measure": f"{where} abs_rel", "learnt": (f"{where} abs_rel", here)}
        rows += [
            evidence.within(
                NOTEBOOK,
                swap[where],
                BOTH,
                claim=f"mixing data sets makes one net good on both (paper): on {where}, beside "
                "the net that never saw it",
                direction=evidence.LOWER,
                **options,
            ),
            evidence.within(
                NOTEBOOK,
                where,
                BOTH,
                claim=f"on {where} the mixture is no worse than the net of {where} alone",
                direction=evidence.NOT_HIGHER,
                **options,
            ),
        ]
    rows += [
        evidence.between(
            NOTEBOOK,
            {"robust": False},
            {"robust": True},
            claim="the trimmed loss is better than the squared one (paper, 6)",
            direction=evidence.LOWER,
            dataset=own,
        ),
        evidence.within(
            NOTEBOOK,
            (BOTH, "abs_rel"),
            (BOTH, "abs_rel fed BGR"),
            claim="it matters that Akondi turned OpenCV's BGR into RGB (2.3): fed BGR the error rises",
            dataset=own,
            direction=evidence.HIGHER,
            appendix=True,
        ),
        _blank(aligned),
    ]
    return [*rows, evidence.against_baselines(NOTEBOOK, own, name="the net trained on both, aligned,")]


def _trained_on_nyu() -> Claim:
    table = training_sets().set_index("network")
    large, newer = table.loc["dpt-large"], table.loc[zoo.NEWER[0]]
    return evidence.fact(
        "Akondi (5.2.2): MiDaS was trained on NYU V2, so its features might have over-fitted to it",
        f"DPT-Large learnt from {large['sets']} sets, NYU V2 is {'' if large[zoo.NYU] else 'not '}among them; it is "
        f"{'' if newer[zoo.NYU] else 'not '}among the {newer['sets']} of v3.1, which came later",
        bool(large[zoo.NYU]),
    )


def _best_maps(found: Mapping, same_frames) -> Claim:
    claim = "Akondi (4.2): pretrained MiDaS gives the best depth maps"
    if not found:
        return evidence.untested(claim, "needs a published network, and none is on this machine (see above)")
    name, best = min(found.items(), key=lambda pair: pair[1].summary["abs_rel"])
    return evidence.scenes.paired(
        claim,
        same_frames.per_image["abs_rel"],
        best.per_image["abs_rel"],
        same_frames.per_image["scene"],
        direction=evidence.LOWER,
        here=f"{name} {best.summary['abs_rel']:.3f}, trained here on both {same_frames.summary['abs_rel']:.3f}",
    )


def _blank(aligned: Mapping) -> Claim:
    score = {key: each.summary["abs_rel"] for key, each in aligned.items()}
    names = CONSTANTS.values()
    text = "; ".join(f"{name} {score[name, 'none']:.3f} -> {score[name, 'scale and shift']:.3f}" for name in names)
    better = all(score[name, "scale and shift"] < score[name, "none"] for name in names)
    return evidence.fact("alignment alone makes even blank pictures better", f"abs_rel: {text}", better, appendix=True)
