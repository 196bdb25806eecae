"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import math
import os
import platform
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

import depthnb
from depthnb import models, plotting
from depthnb.launch import is_first, launched

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"int": int, "float": float, "str": str, "bool": bool}  # what a parameter can be
RECORD, STARTED = "run.json", "started.json"
RULES = {  # parameter name -> what its value must be; a notebook uses those it has
    "epochs": (lambda v: v >= 1, "at least 1"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "height": (lambda v: v >= 16, "at least 16 pixels"),
    "width": (lambda v: v >= 16, "at least 16 pixels"),
    "learning_rate": (lambda v: 0 < v < 10, "between 0 and 10"),
    "seed": (lambda v: v >= 0, "0 or more"),
    "device": (lambda v: v in ("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps"),
    "run": (lambda v: re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", v), "a letter, then letters, digits, - and _"),
}


def reports_dir() -> Path:
    """Where runs live: the environment variable DEPTHNB_REPORTS, else `reports` beside the package."""
    return Path(os.environ.get("DEPTHNB_REPORTS") or ROOT / "reports").expanduser().resolve()


def check_parameters(scope: dict[str, Any], known: Collection[str], **choices: Collection[str]) -> dict[str, Any]:
    """The notebook's parameters with their values, or a clear error; papermill itself accepts any name and any type.

    scope: the notebook's globals(). known: the names that existed before the parameters cell. A declared parameter is an
    annotated one (`epochs: int = 2`); papermill injects plain assignments behind it. Raises ValueError for a name that was
    injected and not declared (naming the nearest declared one), and for a value of another type, outside its range, or not
    among its choices (parameter=values). YAML reads 1e-3 as text: the message says so. A whole number is taken where a float
    is declared.

    When the cell is run again by hand, names that later cells made are no longer told apart from injected ones, so only
    types and ranges are checked again.
    """
    declared = {name: kind for name, kind in scope.get("__annotations__", {}).items() if not name.startswith("_")}
    declared = {name: KINDS.get(kind, kind) for name, kind in declared.items()}
    if not declared:
        raise ValueError(
            "no parameters found: run the cell tagged 'parameters' first, with lines like 'epochs: int = 2'"
        )
    if not scope.get("_depthnb_checked"):
        _refuse_unknown(scope, known, declared)
        scope["_depthnb_checked"] = True
    values = {}
    for name, kind in declared.items():
        if kind not in KINDS.values():
            raise ValueError(
                f"parameter {name!r} is declared as {kind}; a parameter is an int, a float, a str or a bool"
            )
        value = scope[name]
        if kind is float and type(value) is int:
            value = scope[name] = float(value)
        if type(value) is not kind:
            hint = " (in YAML write 1.0e-3, not 1e-3)" if kind is float and isinstance(value, str) else ""
            raise ValueError(
                f"parameter {name!r} must be {kind.__name__}, found {type(value).__name__} {value!r}{hint}"
            )
        if name in RULES and not RULES[name][0](value):
            raise ValueError(f"parameter {name!r} must be {RULES[name][1]}, found {value!r}")
        if name in choices and value not in choices[name]:
            near = difflib.get_close_matches(value.lower(), choices[name], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"parameter {name!r} is one of {', '.join(map(repr, choices[name]))}, found {value!r}{hint}"
            )
        values[name] = value
    return values


def _refuse_unknown(scope: Mapping[str, Any], known: Collection[str], declared: Mapping[str, Any]) -> None:
    for name, value in scope.items():
        if name in declared or name.startswith("_") or value is known or name in ("In", "Out"):
            continue
        if name in known and not isinstance(value, int | float | str):
            continue  # the imports cell binds modules and functions; a plain value there was injected over one of them
        near = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(
            f"unknown parameter {name!r}; {hint}This notebook knows: {', '.join(declared)}. "
            "(A variable of your own? Define it after this cell.)"
        )


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits that stand for any JSON-like values.

    >>> fingerprint({"b": 1, "a": 2}) == fingerprint({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]


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
            _write(self.folder / "figures" / f"{name}.{suffix}", partial(_write_bytes, content))
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


def finished(notebook: str | None = None, run: str = "*") -> list[dict[str, Any]]:
    """The content of every finished run.json, sorted by notebook and run, `folder` added.

    notebook: of this one alone; run: of the runs whose folder matches this pattern alone.

    Raises ValueError that names a run.json which cannot be read; an unfinished run does not exist.
    """
    found = []
    for file in sorted(reports_dir().glob(f"{notebook or '*'}/{run}/{RECORD}")):
        try:
            content = dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file} is damaged ({error}); delete this run folder and train again") from error
        if content.get("finished") is True:
            found.append({**content, "folder": file.parent})
    return found


def device_name(device: str = "auto") -> str:
    """A short name of what computes: the GPU's name, or the CPU's architecture and thread count."""
    if device in ("auto", "cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    if device in ("auto", "mps") and torch.backends.mps.is_available():
        return "Apple GPU (mps)"
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"


def versions() -> dict[str, str]:
    """Versions of Python and the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for name in ("depthnb", "torch", "torchvision", "lightning-fabric", "kornia", "numpy", "pandas", "matplotlib"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def commit() -> str | None:
    """The git commit of the code, with `+changes` when tracked files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != ROOT:
            return None  # installed somewhere inside another repository
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "depthnb", "notebooks", "data")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


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
    _write(file, partial(_write_bytes, text.encode()))


def _write_bytes(content: bytes, file: Path) -> None:
    file.write_bytes(content)


def _write(file: Path, writer: Callable[[Path], Any]) -> None:
    """Write through a temporary name in the same folder, so that the file is there whole or not at all."""
    if not is_first():
        return
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        writer(part)
        os.replace(part, file)
    except OSError as error:
        raise OSError(f"could not write {file} ({error}); free some space and run the notebook again") from error
    finally:
        part.unlink(missing_ok=True)
