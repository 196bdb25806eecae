"""The nets of a notebook beside their opponents, on the split they are tested on and on data that they never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import metrics
from depthnb.data.statistics import mean_depth
from depthnb.evaluation.predicting import Constant
from depthnb.evaluation.scored import Evaluation
from depthnb.evaluation.scoring import baselines_each, evaluate, evaluate_each

SHOWN = ("abs_rel", "rmse", "rmse_log", "silog", "delta1", "delta2", "delta3", "ssim")  # what notebook 01 defines
MATTERS = 2.0  # percent: an error that differs by less is the same one; `evidence.verdicts` decides by it
ALIGNED = "scale-shift-inverse"  # how metric nets are fitted to the truth beside those that know no metres


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
