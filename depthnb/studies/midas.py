"""Document 000's claims on MiDaS, the paper's on mixing, and their tables, for notebook 07."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import evaluation
from depthnb.data.sample import Dataset
from depthnb.evidence import published
from depthnb.evidence.seeds import compare
from depthnb.evidence.verdicts import beats, more, row
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

    tests: trained on -> data set -> Evaluation. opponents: data set -> `evaluation.baselines`. One row a net: `trained on`,
    and a column for each data set and metric, such as `rooms abs_rel`.
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

    tests: (predictor, one of `ALIGNMENTS`) -> Evaluation; predictors are `RECIPE` and the values of `CONSTANTS`. A pair that
    makes no sense is left out and becomes NaN.
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
    """The zero-shot errors that MiDaS's authors print, one row a network; read from published.csv.

    Columns: method, then for each test set abs_rel or the percentage of pixels with delta above 1.25.
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


def checked(*, tests, opponents, aligned, swapped, found, same_frames) -> pd.DataFrame:
    """The table of claims.

    tests, opponents: as for `cross_table`; the first data set is the notebook's own, the second the other that is trained
    on, a third is only judged. aligned: as for `alignment_table`.
    swapped: Evaluation of the net trained on both, fed BGR. found: published network -> Evaluation on a few frames;
    same_frames: the net trained on both on those very frames.
    """
    return pd.DataFrame(
        [
            _trained_on_nyu(),
            _best_maps(found, same_frames),
            _colours(tests, swapped),
            *_alignment(aligned),
            *_generalisation(tests, opponents),
            compare(NOTEBOOK, "alpha", 0.0, 0.5, claim="(paper, 5) matching gradients lowers the error"),
            compare(
                NOTEBOOK, "alpha", 0.0, 0.5, metric="edge_f1_025", sign=1,
                claim="(paper, 5) matching gradients makes discontinuities sharp",
            ),
            compare(NOTEBOOK, "robust", False, True, claim="(paper, 6) the trimmed loss is better than the squared one"),
            compare(
                NOTEBOOK, "balanced", False, True, on="second test",
                claim="(paper, 5) equal parts serve the smaller data set",
            ),
            *_against_constants(tests, opponents),
        ]
    )  # fmt: skip


def _trained_on_nyu() -> dict[str, str]:
    table = training_sets().set_index("network")
    large, newer = table.loc["dpt-large"], table.loc[zoo.NEWER[0]]
    return row(
        "000 (5.2.2): MiDaS was trained on NYU V2, so its features might have over-fitted to it",
        f"DPT-Large learnt from {large['sets']} sets, NYU V2 is {'' if large[zoo.NYU] else 'not '}among them; it is "
        f"{'' if newer[zoo.NYU] else 'not '}among the {newer['sets']} of v3.1, which came later",
        bool(large[zoo.NYU]),
    )


def _best_maps(found: Mapping, same_frames) -> dict[str, str]:
    claim = "000 (4.2): pretrained MiDaS gives the best depth maps"
    if not found:
        return row(claim, "needs a published network, and none is on this machine (see above)", None)
    scores = {name: each.summary["abs_rel"] for name, each in found.items()}
    ours = same_frames.summary["abs_rel"]
    said = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    return row(claim, f"abs_rel {said}; trained here on both {ours:.3f}, the same frames", min(scores.values()) < ours)


def _colours(tests: Mapping, swapped) -> dict[str, str]:
    own = next(iter(tests[BOTH].values())).summary["abs_rel"]
    other = swapped.summary["abs_rel"]
    return row(
        "(ours) it matters that 000 turned OpenCV's BGR into RGB (2.3)",
        f"abs_rel {own:.3f} fed RGB, {other:.3f} fed BGR ({100 * (other / own - 1):+.0f} %)",
        more(other, own) is True,  # one net on the same frames: no luck of training in it, so hardly more is not more
    )


def _alignment(aligned: Mapping) -> list[dict[str, str]]:
    score = {key: each.summary["abs_rel"] for key, each in aligned.items()}
    constant, image = CONSTANTS.values()
    recipe = {how: score[RECIPE, how] for how in ("median", "scale and shift")}
    return [
        row(
            "(ours) alignment alone makes even blank pictures better",
            "; ".join(
                f"abs_rel of the {name} {score[name, 'none']:.3f} unaligned, {score[name, 'scale and shift']:.3f} aligned"
                for name in (constant, image)
            ),
            all(score[name, "scale and shift"] < score[name, "none"] for name in (constant, image)),
        ),
        row(
            "(ours) median scaling is not enough where the shift is unknown",
            f"abs_rel of the same predictions {recipe['median']:.3f} by median, {recipe['scale and shift']:.3f} with the shift",
            recipe["scale and shift"] < recipe["median"],
        ),
    ]


def _generalisation(tests: Mapping, opponents: Mapping) -> list[dict[str, str]]:
    score = {name: {where: e.summary["abs_rel"] for where, e in each.items()} for name, each in tests.items()}
    sets = list(opponents)[:2]  # of a third one no net is a specialist
    worse = [score[other][own] / score[own][own] - 1 for own, other in (sets, sets[::-1])]
    beaten = [
        beats(tests[other][own].summary, opponents[own]["mean_depth"].summary) for own, other in (sets, sets[::-1])
    ]
    cost = [score[BOTH][own] / score[own][own] - 1 for own in sets]
    gain = [score[BOTH][own] / score[other][own] - 1 for own, other in (sets, sets[::-1])]

    def said(values: list[float]) -> str:
        return ", ".join(f"{100 * value:+.0f} % on {own}" for value, own in zip(values, sets, strict=True))

    return [
        row(
            "(ours) a net trained on one kind of scene is worse on the other",
            f"abs_rel against the net trained there: {said(worse)}",
            min(worse) > 0,
        ),
        row(
            "(ours) on scenes of a kind it never saw it is no better than each image's best constant",
            ", ".join(f"{'better' if better else 'not better'} on {own}" for better, own in zip(beaten, sets, strict=True)),
            not any(beaten),
        ),
        row(
            "(paper) mixing data sets makes one net good on both",
            f"abs_rel of the mixture against the net of the other kind: {said(gain)}",
            max(gain) < 0,
        ),
        row(
            "(ours) at equal steps the mixture costs less than a tenth of what specialists reach",
            f"abs_rel of the mixture against the specialist: {said(cost)}",
            max(cost) < 0.1,
        ),
    ]  # fmt: skip


def _against_constants(tests: Mapping, opponents: Mapping) -> list[dict[str, str]]:
    """Our own claim in every notebook, here after the same alignment for everybody, on both data sets."""
    return [
        row(
            f"(ours) trained on both it beats {label} on {where} in abs_rel, rmse and delta1",
            ", ".join(f"{m} {tests[BOTH][where].summary[m]:.3f} against {each[key].summary[m]:.3f}" for m in METRICS),
            beats(tests[BOTH][where].summary, each[key].summary),
        )
        for where, each in opponents.items()
        for key, label in OPPONENTS.items()
    ]


def ask(network: nn.Module, dataset: Dataset) -> Tensor:
    """Inverse depth of every frame, photographs at their native size and one at a time, as document 000 asked.

    network: image [1,3,H,W] -> [1,1,H,W], such as what `find` returns; stays on its device. Returns float32 [N,1,H,W] on the
    CPU, all at the size of the first frame.
    """
    place = next((each.device for each in (*network.parameters(), *network.buffers())), torch.device("cpu"))
    with torch.inference_mode():
        answers = [network(frame["image"][None].to(place)).cpu() for frame in dataset.native()]
    return torch.cat([evaluation.upsample(each, tuple(answers[0].shape[-2:])) for each in answers])


def compared(
    networks: Mapping[str, nn.Module], dataset: Dataset
) -> tuple[dict[str, Tensor], dict[str, evaluation.Evaluation]]:
    """Networks of inverse depth on the same frames: as they are meant, fed the wrong colours, and scaled by the median alone.

    networks: name -> published network (asked at the frames' native size) or one of ours (at the data set's), all moved to the
    device of the first.

    Returns predictions, name -> [N,1,h,w], and evaluations of the names, of "name, fed BGR" (aligned by scale and shift in
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
