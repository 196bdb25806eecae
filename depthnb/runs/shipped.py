"""Trained nets that come with the clone: a notebook takes one of them instead of training its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from torch import nn

from depthnb import models
from depthnb.models import WEIGHTS
from depthnb.runs.provenance import ROOT
from depthnb.runs.records import RECORD, read
from depthnb.training.engine import fabric
from depthnb.training.history import History

_OWN = (
    "data_root",
    "third",
    "third_root",
    "run",
    "device",
    "weights",
)  # parameters that say nothing about the training
# further nets beside the one that is kept, which are left out
_ALONE = {"rival": "", "members": 0}


class Shipped:
    """The full run of a notebook whose weights come with the clone.

    Args:
        notebook: its name, without ending.
        parameters: the notebook's own.
        run: name of the run.

    Raises:
        FileNotFoundError: if the run or its weights are not there.
        ValueError: if the notebook was asked for another data set than the one it was trained on.
    """

    def __init__(self, notebook: str, parameters: Mapping[str, Any], *, run: str = "rooms-full") -> None:
        self.folder = ROOT / "reports" / notebook / run
        file = self.folder / WEIGHTS
        if not (self.folder / RECORD).is_file() or not file.is_file():
            raise FileNotFoundError(
                f"no trained net at {file}: it comes with a clone of the repository, where the notebook has one. "
                "Take weights='train'"
            )
        self.record = read(self.folder / RECORD)
        own, theirs = parameters.get("dataset"), self.record["params"].get("dataset")
        if own != theirs:
            raise ValueError(
                f"dataset is {own!r}, and the weights that come with the clone were trained on {theirs!r}. To judge them on "
                "other data, name those in the parameter third; to train on them, take weights='train'"
            )
        self._given = dict(parameters)

    @property
    def parameters(self) -> dict[str, Any]:
        """The notebook's parameters with the settings of that training, so that everything fits its weights.

        Where the data lie, the device and the name of the run stay; a run called quick becomes one called shipped.
        """
        theirs = {name: value for name, value in self.record["params"].items() if name in self._given}
        alone = {name: value for name, value in _ALONE.items() if name in self._given}
        own = {name: self._given[name] for name in _OWN if name in self._given}
        if own.get("run") == "quick":
            own["run"] = "shipped"
        return {**self._given, **theirs, **alone, **own}

    def fit(self, model: Any, *_: Any, device: str = "auto", name: str = "", **__: Any) -> History:
        """In place of `training.fit`: give the net the weights of the run, and return what the run wrote about its training.

        Args:
            model: the net as the notebook builds it, or what is trained in its place: a wrapper or player with it as `model`.
            device: to which the net goes.
            name: of the training; where the run has several, that one's rows are returned, else the first one's.
        """
        net: nn.Module = getattr(model, "model", model)
        net.load_state_dict(models.load(self.folder).state_dict())
        net.to(fabric(device).device)
        print(f"not trained: weights of reports/{self.folder.parent.name}/{self.folder.name}")
        table = pd.read_csv(self.folder / "history.csv")
        stage = name if name in set(table["stage"]) else table["stage"].iloc[0]
        rows = json.loads(table[table["stage"] == stage].drop(columns="stage").to_json(orient="records"))  # NaN as None
        steps = int(self.record.get("steps") or 0)
        return History(rows, steps // len(rows), str(self.record.get("precision") or "32-true"))
