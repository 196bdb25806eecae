"""Claims of the documents, checked: every number from a run, every verdict computed.

A table of claims has the columns `claim` (what the document says, in our words), `here` (what was measured, as text) and
`verdict`: `holds`, `does not hold`, or `not tested here` with what would test it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from depthnb import published, runs

HOLDS, FAILS = "holds", "does not hold"


def row(claim: str, here: str, holds: bool | None) -> dict[str, str]:
    """One line of a table of claims; holds None: not tested here."""
    return {"claim": claim, "here": here, "verdict": "not tested here" if holds is None else HOLDS if holds else FAILS}


def sweep(notebook: str, parameters: Sequence[str], *, metric: str = "abs_rel", on: str = "test") -> pd.DataFrame:
    """Finished sweep runs of a notebook, one row per combination of some parameters.

    parameters: names to group by; runs that differ in any *other* parameter than these and the seed are kept apart, and
    only the group of the most common other parameters is returned, so that one comparison changes one thing. Columns:
    parameters, `mean`, `low`, `high` of the metric on split `on` over the seeds, `seeds`. Empty when no run named sweep-... is
    finished.
    """
    rows = []
    for each in runs.finished(notebook):
        if each["run"].startswith("sweep") and on in each["metrics"]:
            others = {k: v for k, v in each["params"].items() if k not in (*parameters, "run", "seed", "device")}
            rows.append(
                {
                    **{name: each["params"].get(name) for name in parameters},
                    "others": repr(sorted(others.items())),
                    "value": each["metrics"][on][metric],
                }
            )
    columns = [*parameters, "mean", "low", "high", "seeds"]
    table = pd.DataFrame(rows)
    if table.empty:
        return pd.DataFrame(columns=columns)
    varied = table.groupby("others")[list(parameters)].nunique().max(axis=1)
    table = table[table["others"] == varied.idxmax()]
    grouped = table.groupby(list(parameters), dropna=False)["value"]
    return grouped.agg(mean="mean", low="min", high="max", seeds="count").reset_index()[columns]


def compare(
    notebook: str,
    parameter: str,
    before: object,
    after: object,
    *,
    claim: str,
    metric: str = "abs_rel",
    on: str = "test",
    sign: int = -1,
) -> dict[str, str]:
    """A claim that changing one parameter changes the error on split `on`, judged by sweep runs and their spread over seeds.

    sign -1: the claim is that the error falls from `before` to `after`; +1 that it rises; 0 that it hardly changes. A
    difference counts when the ranges over the seeds do not overlap.
    """
    table = sweep(notebook, [parameter], metric=metric, on=on).set_index(parameter)
    if before not in table.index or after not in table.index:
        return row(claim, f"needs the sweep runs with {parameter} {before} and {after}: make sweep", None)
    a, b = table.loc[before], table.loc[after]
    apart = b["high"] < a["low"] or b["low"] > a["high"]
    change = (b["mean"] / a["mean"] - 1) * 100
    here = (
        f"{on} {metric} {a['mean']:.3f} [{a['low']:.3f}, {a['high']:.3f}] -> {b['mean']:.3f} [{b['low']:.3f}, {b['high']:.3f}] "
        f"({change:+.0f} %) over {int(min(a['seeds'], b['seeds']))} seeds; "
        + ("larger than" if apart else "within")
        + " the spread"
    )
    return row(claim, here, not apart if sign == 0 else bool(apart and np.sign(change) == sign))


def beats(summary: Mapping[str, float], opponent: Mapping[str, float]) -> bool:
    """Whether a method beats an opponent in abs_rel, rmse and delta1, in all three.

    >>> beats({"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7}, {"abs_rel": 0.3, "rmse": 0.9, "delta1": 0.5})
    True
    """
    return (
        summary["abs_rel"] < opponent["abs_rel"]
        and summary["rmse"] < opponent["rmse"]
        and summary["delta1"] > opponent["delta1"]
    )


def against_baselines(name: str, summary: Mapping[str, float], opponents: Mapping) -> list[dict[str, str]]:
    """Our own claim in every notebook: the method knows more than the two constant opponents."""
    labels = {"mean_depth": "training-mean depth", "mean_image": "training-mean image"}
    return [
        row(
            f"(ours) {name} beats the {labels[key]} in abs_rel, rmse and delta1",
            ", ".join(f"{m} {summary[m]:.3f} against {each.summary[m]:.3f}" for m in ("abs_rel", "rmse", "delta1")),
            beats(summary, each.summary),
        )
        for key, each in opponents.items()
    ]


def bn_cnn(*, tests, opponents, contrast, ranges, histories, loss: str, rival: str) -> pd.DataFrame:
    """The claims of document 000 on its BN-CNN, for notebook 02.

    tests: loss name -> Evaluation on the test split; contrast: loss name -> median contrast; ranges: the table of
    `analysis.loss_ranges` with its last column; histories: loss name -> History.
    """
    mse, l1 = (name if name in tests else None for name in ("mse", "l1"))
    rows = []
    if mse and l1:
        rows.append(
            row(
                "with MSE the output is a blank image (section 2.2.2)",
                f"contrast {contrast['mse']:.2f} of the truth's with MSE, {contrast['l1']:.2f} with L1; blank would be 0",
                contrast["mse"] < 0.1,
            )
        )
        a, b = tests["mse"].summary["abs_rel"], tests["l1"].summary["abs_rel"]
        rows.append(row("with L1 the model improves (2.2.2)", f"test abs_rel {a:.3f} with MSE, {b:.3f} with L1", b < a))
    fitting = ranges[ranges.iloc[:, -1].astype(bool)]
    units = ", ".join(f"{r.loss} in {r.unit}" for r in fitting.itertuples()) or "no unit"
    rows.append(
        row(
            "a loss of 300 to 2300 shows that the network needs more layers (4.1)",
            f"{units} gives that range with this very network; in metres the loss is {ranges.iloc[0]['trained']:.2f}",
            fitting.empty,
        )
    )
    values = histories[loss].frame["val_loss"]
    if len(values) > 5:
        here = f"validation loss {values[2]:.3f} after 3, {values[4]:.3f} after 5, {values.iloc[-1]:.3f} after {len(values)}"
        rows.append(row("more epochs than 3 or 5 help (5.1.3)", here, bool(values.iloc[-1] < values[[2, 4]].min())))
    else:
        rows.append(row("more epochs than 3 or 5 help (5.1.3)", "needs more than 5 epochs: -p epochs 8", None))
    sweeps = [
        ("shuffle", False, True, "with shuffling the model would do a bit better (2.2.2)"),
        ("flip", 0.0, 0.5, "augmenting the data improves it (5.1.3)"),
        ("steps", 3, 4, "more layers improve it (4.1)"),
        ("channels", 8, 16, "more complexity improves it (4.1)"),
    ]
    rows += [compare("02_bn_cnn", p, a, b, claim=text) for p, a, b, text in sweeps]
    rows += against_baselines("the BN-CNN", tests[loss].summary, opponents)
    return pd.DataFrame(rows)


def eigen_table1(tests: Mapping, *, dataset: str) -> pd.DataFrame:
    """Document 003's Table 1 and its Eigen rows (Table 2) beside ours, for notebook 03.

    tests: "coarse train", "coarse + fine val" ... -> Evaluation. Our value is the mean over images of the root, `unrooted`
    the mean over images of its square, which is what the document's equation 1 says. Read from published.csv.
    """
    measures = [
        ("RMSE (log, scale inv.) Training", "si_rmse_log", "train"),
        ("RMSE (log, scale inv.) Validation", "si_rmse_log", "val"),
        ("RMSE (log) Validation", "rmse_log", "val"),
    ]
    rows = []
    for label, metric, split in measures:
        for name, printed in (("coarse", "Coarse"), ("coarse + fine", "Coarse + Fine")):
            values = tests[f"{name} {split}"].per_image[metric]
            rows.append(
                {
                    "row": label,
                    "net": name,
                    "document 003 (NYU V1)": _printed("1", metric, split, printed),
                    "Eigen et al. (NYU V2)": _printed("2", metric, split, f"Eigen et al. {printed}"),
                    f"ours ({dataset})": values.mean(),
                    f"ours, unrooted ({dataset})": (values**2).mean(),
                }
            )
    return pd.DataFrame(rows)


def _printed(table: str, metric: str, split: str, method: str) -> float:
    """One number of document 003, NaN where the table has none."""
    rows = published.load("003")
    rows = rows[(rows[["table", "metric", "split", "method"]] == [table, metric, split, method]).all(axis=1)]
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def eigen(*, tests, opponents, weaknesses, true_ratio, signals) -> pd.DataFrame:
    """The claims of document 003, for notebook 03; arguments as that notebook makes them."""
    coarse, fine = tests["coarse"].summary, tests["coarse + fine"].summary
    rows = [
        row(
            "the fine network improves on the coarse one (Table 1)",
            f"validation si_rmse_log {_si(tests, 'coarse')} -> {_si(tests, 'coarse + fine')}; "
            f"test abs_rel {coarse['abs_rel']:.3f} -> {fine['abs_rel']:.3f}",
            tests["coarse + fine val"].summary["si_rmse_log"] < tests["coarse val"].summary["si_rmse_log"],
        )
    ]
    theirs = _printed("1", "si_rmse_log", "val", "Coarse + Fine")
    eigens = _printed("2", "si_rmse_log", "val", "Eigen et al. Coarse + Fine")
    said = _printed("text", "behind_eigen_percent", "val", "Coarse + Fine")
    rows.append(
        row(
            f"its scale-invariant validation error lags behind Eigen's by {said:.0f} % (4.2.1)",
            f"its own tables: {theirs} / {eigens} is {100 * (theirs / eigens - 1):.0f} % more, on another data set",
            round(100 * (theirs / eigens - 1)) == said,
        )
    )
    predicted = weaknesses.loc["coarse", "centre / border, predicted"]
    rows.append(
        row(
            "the coarse output always takes the middle for farther than the edges (4.2.2)",
            f"centre over border {predicted:.2f} predicted, {true_ratio:.2f} in the truth",
            bool(predicted > true_ratio),
        )
    )
    edges = weaknesses["edge F1 at 0.25 m"]
    rows.append(
        row(
            "fine details are ignored (4.2.2)",
            f"edge F1 {edges['coarse']:.3f} coarse, {edges['coarse + fine']:.3f} with the fine net; 1 would be all of them",
            bool(edges["coarse + fine"] < 0.5),
        )
    )
    contrast = weaknesses["contrast, median"]
    rows.append(
        row(
            "differences in depth come out too small (4.2.2)",
            f"contrast {contrast['coarse']:.2f} coarse, {contrast['coarse + fine']:.2f} with the fine net; 1 is right",
            bool(contrast["coarse + fine"] < 0.9),
        )
    )
    rows.append(_initialisation_claim(signals))
    rows += [
        compare("03_eigen", "decay", False, True, claim="without the decay it plateaus early (4.1)"),
        compare("03_eigen", "frames", 320, 640, claim="more frames have a small impact on the error (4.2.1)", sign=0),
        compare(
            "03_eigen",
            "split",
            "scene",
            "frame",
            on="val",
            claim="(ours) a split by frame flatters the validation error",
        ),
    ]
    rows += against_baselines("coarse + fine", fine, opponents)
    return pd.DataFrame(rows)


def _si(tests: Mapping, name: str) -> str:
    return f"{tests[f'{name} val'].summary['si_rmse_log']:.3f}"


def _initialisation_claim(signals: pd.DataFrame) -> dict[str, str]:
    """Explode or vanish: the gradient's spread changes by more than a factor 100 from the last layer to the first."""
    first, last = signals["layer"].iloc[0], signals["layer"].unique()[-1]
    wide = signals.pivot_table(index="initialisation", columns="layer", values="gradient_std", sort=False)
    ratio = (wide[first] / wide[last]).astype(float)
    bad = {name: not (1e-2 < value < 1e2) for name, value in ratio.items()}
    ours = "kaiming-xavier"
    text = ", ".join(f"{name} {value:.1e}" for name, value in ratio.items())
    return row(
        "other initialisations explode or vanish (3.3)",
        f"gradient at layer 1 over layer 7: {text}",
        not bad[ours] and all(flag for name, flag in bad.items() if name != ours),
    )


def data(*, labelled: pd.DataFrame, compared: pd.DataFrame, middle: pd.DataFrame, moved, leak) -> pd.DataFrame:
    """The claims of documents 000, 002 and 003 about their data, for notebook 01.

    labelled: scene types of the official NYU V2 list (`statistics.nyu_scene_types`). compared: document 000's five counts
    beside the lists. middle: `statistics.middle_and_border`. moved: sideways error of crop and flip with and without the
    camera. leak: median errors of the copied depth where other scenes, other frames, or video frames may be looked up.
    """
    frames, scenes, types = labelled["frames"].sum(), labelled["scenes"].sum(), len(labelled)
    total, times = compared["document 000"].sum(), compared["times raw"]
    ranks = {word: labelled["scene_type"].tolist().index(word) + 1 for word in compared["scene_type"]}
    ranked = ", ".join(f"{word} {rank}" for word, rank in sorted(ranks.items(), key=lambda pair: pair[1]))
    middle = middle.dropna()
    deeper = (middle["middle"] > middle["border"]).mean()
    forgotten, (by_scene, by_frame, by_video) = moved["K forgotten"].iloc[0], leak
    return pd.DataFrame(
        [
            row(
                "000 (1.1): the data set consists of 1449 indoor scenes",
                f"{frames} labelled frames of {scenes} scenes and {types} scene types",
                scenes == 1449,
            ),
            row(
                "000 (1.1): its five numbers of images belong to that data set",
                f"they add up to {total}, all labelled frames to {frames}",
                total <= frames,
            ),
            row(
                "(ours) they count video frames, three times as many as the 24,231-frame subset has",
                f"{times.min():.3f} to {times.max():.3f} times the subset's counts",
                bool((times - 3).abs().max() < 0.01),
            ),
            row(
                "000 (1.1): the five are the most significant scene types",
                f"their ranks in the labelled list: {ranked}",
                max(ranks.values()) <= len(ranks),
            ),
            row(
                "002: over 1449 labelled pairs, with masks for 27 object classes",
                f"{frames} pairs; {types} is the number of scene types",
                frames > 1449 and types != 27,
            ),
            row(
                "003 (4.2.2): in most scenes the camera points down a hallway or at a far corner",
                f"the middle is deeper than the rest in {deeper:.0%} of {len(middle)} frames",
                bool(deeper > 0.5),
            ),
            row(
                "003 (4.1): cropping might distort the geometry",
                f"points move {forgotten:.2f} m sideways if the camera is kept, 0 if it follows the crop",
                bool(forgotten > 0.01),
            ),
            row(
                "(ours) a random split by frame gives depth away",
                f"copying the most similar photograph's depth errs by {by_frame:.3f} by frame, {by_scene:.3f} by scene",
                bool(by_frame < 0.9 * by_scene),
            ),
            row(
                "(ours) a random split of video frames gives depth away",
                f"then it errs by {by_video:.3f}, {100 * (1 - by_video / by_scene):.0f} % less than by scene",
                bool(by_video < 0.9 * by_scene),
            ),
        ]
    )
