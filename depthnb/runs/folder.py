"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

import depthnb
from depthnb import files, models, plotting
from depthnb.runs.provenance import commit, device_name, fingerprint, versions
from depthnb.runs.records import RECORD, STARTED, reports_dir
from depthnb.training.launch import is_first, launched


def start(notebook: str, parameters: Mapping[str, Any], *, data: Mapping[str, Any] | None = None) -> Run:
    """Open the run folder `reports/<notebook>/<run>` for these parameters and say which it is.

    parameters: as check_parameters gives them, with `run` and `seed` among them. data: split name -> data set (with
    `name`, `fingerprint`, `len`). A hash of all other parameters, the data and depthnb's version decides: the same hash
    unfinished is resumed, the same hash finished is trained anew, another hash gets a folder `<run>-<hash>`. Raises OSError
    when the folder cannot be written.

    Under torchrun or srun every process calls this and all of Run; the first one alone writes and prints.
    """
    data = dict(data or {})
    parameters = {name: _without_path(value) for name, value in parameters.items()}
    others = {name: value for name, value in parameters.items() if name != "run"}
    facts = {split: getattr(part, "fingerprint", "") for split, part in data.items()}
    key = fingerprint(others, facts, depthnb.__version__)
    folder = reports_dir() / notebook / parameters["run"]
    if _stored_hash(folder) not in (None, key):
        folder = folder.with_name(f"{folder.name}-{key}")
    run = Run(notebook, folder, key, parameters, data)
    if is_first():
        try:
            state = _clear(folder)
            run.weights.mkdir(parents=True, exist_ok=True)
            _write_text(run.weights / STARTED, json.dumps({"hash": key, "parameters": others}, indent=1))
        except OSError as error:
            raise OSError(
                f"cannot write the run folder {folder} ({error.__cause__ or error}); free some space, or set "
                "DEPTHNB_REPORTS to a folder that can be written"
            ) from error
        print(f"run folder: {run.label} ({state})")
    return run


def _clear(folder: Path) -> str:
    """Make a run's folder ready, and say what was found there."""
    for left_over in folder.rglob("*.part"):  # of killed processes
        left_over.unlink()
    if (folder / RECORD).exists():
        (folder / RECORD).unlink()  # first: from here on the old result no longer exists
        shutil.rmtree(folder)
        return "finished before, trained anew"
    return "unfinished before, resumed" if (folder / "weights" / STARTED).exists() else "new"


def _stored_hash(folder: Path) -> str | None:
    """The hash a folder belongs to, finished or not; None where there is nothing that binds."""
    for file in (folder / RECORD, folder / "weights" / STARTED):
        try:
            return json.loads(file.read_text())["hash"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _without_path(value: Any) -> Any:
    """A parameter as it may be published: of an absolute path (data_root) the last part alone.

    >>> _without_path("/home/me/nyu_depth_v2_labeled.mat"), _without_path("rooms")
    ('path/to/nyu_depth_v2_labeled.mat', 'rooms')
    """
    if isinstance(value, str) and (value.startswith(("/", "~")) or PureWindowsPath(value).is_absolute()):
        return f"path/to/{PureWindowsPath(value).name}"
    return value


class Run:
    """One run of one notebook: collects results and writes them; `finish` makes them count.

    Everything but run.json may be there after a crash. run.json is written last and atomically with `finished: true`;
    readers look at nothing else to decide whether a run exists.
    """

    def __init__(self, notebook: str, folder: Path, key: str, parameters: dict[str, Any], data: dict[str, Any]) -> None:
        self.notebook, self.folder, self.hash = notebook, folder, key
        self.parameters, self.data = parameters, data
        self.label = f"reports/{notebook}/{folder.name}"
        self.record_: dict[str, Any] = {"metrics": {}, "baselines": {}, "published": []}
        self.started = time.time()

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    def checkpoint(self, name: str = "model") -> Path:
        """The file for `training.fit(checkpoint=)`; removed when the run is finished."""
        return self.weights / f"{name}.ckpt"

    def save_model(self, model: nn.Module) -> Path:
        """Write the weights for `models.load(run_folder)` and note the parameter count."""
        self.record(parameters=models.parameter_count(model))
        file = self.folder / models.WEIGHTS
        if is_first():
            models.save(model, file)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()  # the others may want to load it
        return file

    def save_figure(self, figure: Figure, name: str) -> Figure:
        """Write figures/<name>.png and .pdf (as `plotting.printed` makes them), and return the figure for display."""
        for suffix, content in plotting.printed(figure).items():
            if is_first():
                files.write_bytes(self.folder / "figures" / f"{name}.{suffix}", content)
        return figure

    def save_table(self, table: pd.DataFrame, name: str, *, digits: int = 3, index: bool = False) -> pd.DataFrame:
        """Write tables/<name>.csv (full precision) and .tex (rounded to `digits`), and return the table for display.

        In LaTeX a number too small for `digits` keeps two significant ones, and NaN becomes a dash.
        """
        _write_text(self.folder / "tables" / f"{name}.csv", table.to_csv(index=index, lineterminator="\n"))
        columns = ["r" if pd.api.types.is_numeric_dtype(kind) else "l" for kind in table.dtypes]
        layout = "".join(["l"] * (table.index.nlevels if index else 0) + columns)
        rounded = table.map(lambda value: _rounded(value, digits))
        latex = rounded.to_latex(index=index, escape=True, column_format=layout)
        _write_text(self.folder / "tables" / f"{name}.tex", latex)
        return table

    def save_history(self, *, judged: Collection[str] | None = None, **stages: Any) -> None:
        """Write history.csv from one or more `training.History`, one row per epoch with its stage's name.

        Also records `training_seconds`, the price of what the run is judged by: of all stages, or where some of them trained
        other nets to compare with, of those named in `judged`. Epochs before an interruption count too.
        """
        frames = [history.frame.assign(stage=stage) for stage, history in stages.items()]
        priced = [history.seconds for stage, history in stages.items() if judged is None or stage in judged]
        self.record(training_seconds=round(sum(priced), 1))
        _write_text(self.folder / "history.csv", pd.concat(frames).to_csv(index=False, lineterminator="\n"))

    def save_evaluation(self, split: str, evaluation: Any, baselines: Mapping[str, Any] | None = None) -> None:
        """Record an `evaluation.Evaluation` of a split; that of `test` also writes the per-image files."""
        self.record_["protocol"] = evaluation.protocol
        self.record_["metrics"][split] = evaluation.summary
        if baselines:
            self.record_["baselines"][split] = {name: each.summary for name, each in baselines.items()}
        if split == "test":
            for name in ("per_image", "by_distance"):
                table = getattr(evaluation, name).to_csv(index=False, float_format="%.6g", lineterminator="\n")
                _write_text(self.folder / f"{name}.csv", table)
            _write(self.folder / "predictions.npz", evaluation.save_predictions)

    def record(self, **values: Any) -> None:
        """Add entries to run.json; a document's own numbers go to `published`, never to `metrics`."""
        self.record_.update(values)

    def finish(self) -> Path:
        """Write run.json with everything recorded, drop the checkpoints, and return run.json's path.

        `seconds` is the wall time since `start`; a run that was interrupted has its whole `training_seconds` beside it.
        """
        parameters = self.parameters
        content = {
            "notebook": self.notebook,
            "run": self.folder.name,
            "hash": self.hash,
            "dataset": parameters.get("dataset"),
            "split_counts": {split: len(part) for split, part in self.data.items()},
            "data": {split: getattr(part, "fingerprint", None) for split, part in self.data.items()},
            "params": parameters,
            "seed": parameters.get("seed"),
            "device": device_name(parameters.get("device", "auto")),
            "processes": launched()[1],
            "seconds": round(time.time() - self.started, 1),
            "versions": versions(),
            "commit": commit(),
            "command": self.command(),
            **self.record_,
            "finished": True,
        }
        _write_text(self.folder / "environment.txt", "\n".join(f"{k} {v}" for k, v in versions().items()) + "\n")
        file = self.folder / RECORD
        _write_text(file, json.dumps(_plain(content), indent=1, allow_nan=False) + "\n")
        if is_first():
            for checkpoint in self.weights.glob("*.ckpt"):
                checkpoint.unlink()
            print(f"finished: {self.label}/{RECORD}")
        return file

    def command(self) -> str:
        """The papermill command line that makes this run again."""
        values = " ".join(f"-p {name} {shlex.quote(str(value))}" for name, value in self.parameters.items())
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb {values}"


def _plain(value: Any) -> Any:
    """JSON-ready copy: numbers and arrays of numpy and torch to Python's, NaN and infinity to null, paths to names."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return value.name
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _rounded(value: Any, digits: int) -> Any:
    """A table cell for LaTeX: a float as text, anything else as it is.

    >>> [_rounded(x, 3) for x in (0.12345, 0.0001, float("nan"), 3)]
    ['0.123', '0.0001', '--', 3]
    """
    if not isinstance(value, float | np.floating):
        return value
    if not math.isfinite(value):
        return "--" if math.isnan(value) else str(value)
    return f"{value:.{digits}f}" if value == 0 or abs(value) >= 0.5 * 10**-digits else f"{value:.2g}"


def _write_text(file: Path, text: str) -> None:
    _write(file, lambda part: part.write_bytes(text.encode()))


def _write(file: Path, writer: Callable[[Path], Any]) -> None:
    """`files.write`, by the first process alone."""
    if is_first():
        files.write(file, writer)
