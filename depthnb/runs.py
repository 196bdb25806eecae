"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import os
import platform
import shlex
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

import depthnb
from depthnb import models

ROOT = Path(__file__).resolve().parents[1]
RULES = {  # parameter name -> what its value must be; a notebook uses those it has
    "epochs": (lambda v: v >= 1, "at least 1"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "height": (lambda v: v >= 16, "at least 16 pixels"),
    "width": (lambda v: v >= 16, "at least 16 pixels"),
    "learning_rate": (lambda v: 0 < v < 10, "between 0 and 10"),
    "seed": (lambda v: v >= 0, "0 or more"),
    "device": (lambda v: v in ("auto", "cpu", "cuda", "mps"), "auto, cpu, cuda or mps"),
    "run": (lambda v: bool(v) and v.replace("-", "").replace("_", "").isalnum(), "letters, digits, - and _"),
}


def reports_dir() -> Path:
    """Where runs live: the environment variable DEPTHNB_REPORTS, else `reports` beside the package."""
    return Path(os.environ.get("DEPTHNB_REPORTS") or ROOT / "reports").expanduser().resolve()


def check_parameters(scope: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The notebook's parameters with their values, or a clear error; papermill itself accepts any name and any type.

    scope: the notebook's globals(). known: the names that existed before the parameters cell. A declared parameter is an
    annotated one (`epochs: int = 2`); papermill injects plain assignments behind it. Raises ValueError for a name that was
    injected and not declared (naming the nearest declared one), and for a value of another type or outside its range. YAML
    reads 1e-3 as text: the message says so. A whole number is taken where a float is declared.

    When the cell is run again by hand, names that later cells made are no longer told apart from injected ones, so only
    types and ranges are checked again.
    """
    declared = {name: kind for name, kind in scope.get("__annotations__", {}).items() if not name.startswith("_")}
    declared = {name: {"int": int, "float": float, "str": str, "bool": bool}.get(k, k) for name, k in declared.items()}
    if not declared:
        raise ValueError(
            "no parameters found: run the cell tagged 'parameters' first, with lines like 'epochs: int = 2'"
        )
    if not scope.get("_depthnb_checked"):
        for name in scope:
            new = name not in known and name not in declared and scope[name] is not known
            if new and not name.startswith("_") and name not in ("In", "Out"):
                near = difflib.get_close_matches(name, declared, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise ValueError(f"unknown parameter {name!r}; {hint}This notebook knows: {', '.join(declared)}")
        scope["_depthnb_checked"] = True
    values = {}
    for name, kind in declared.items():
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
        values[name] = value
    return values


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
    """
    data = dict(data or {})
    others = {name: value for name, value in parameters.items() if name != "run"}
    facts = {split: getattr(part, "fingerprint", "") for split, part in data.items()}
    key = fingerprint(others, facts, depthnb.__version__)
    folder = reports_dir() / notebook / parameters["run"]
    found = _stored_hash(folder)
    if found is not None and found != key:
        folder = folder.with_name(f"{folder.name}-{key}")
        found = _stored_hash(folder)
    run = Run(notebook, folder, key, dict(parameters), data)
    state = "new"
    try:
        if found == key and (folder / "run.json").exists():
            state = "finished before, trained anew"
            (folder / "run.json").unlink()  # from here on the old result no longer exists
            shutil.rmtree(folder)
        elif found == key:
            state = "unfinished before, resumed"
        for left_over in folder.rglob("*.part"):
            left_over.unlink()
        run.weights.mkdir(parents=True, exist_ok=True)
        _write_text(folder / "weights" / "started.json", json.dumps({"hash": key, "parameters": others}, indent=1))
    except OSError as error:
        raise OSError(
            f"cannot write the run folder {folder} ({error}); free some space, or set DEPTHNB_REPORTS to a folder that "
            "can be written"
        ) from error
    print(f"run folder: {run.label} ({state})")
    return run


def _stored_hash(folder: Path) -> str | None:
    """The hash a folder belongs to, finished or not; None where there is nothing that binds."""
    for file in (folder / "run.json", folder / "weights" / "started.json"):
        try:
            return json.loads(file.read_text())["hash"]
        except (OSError, ValueError, KeyError):
            continue
    return None


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
        return models.save(model, self.folder / models.WEIGHTS)

    def save_figure(self, figure: Figure, name: str) -> Figure:
        """Write figures/<name>.png (150 dpi) and .pdf, both atomically, and return the figure for display."""
        for suffix in ("png", "pdf"):
            file = self.folder / "figures" / f"{name}.{suffix}"
            # no dates and versions inside: the same figure gives the same bytes
            metadata = {"CreationDate": None} if suffix == "pdf" else {"Software": None}
            _write(file, lambda part, s=suffix, m=metadata: figure.savefig(part, format=s, dpi=150, metadata=m))
        return figure

    def save_table(self, table: pd.DataFrame, name: str, *, digits: int = 3, index: bool = False) -> pd.DataFrame:
        """Write tables/<name>.csv (full precision) and .tex (rounded to `digits`), and return the table for display."""
        _write_text(self.folder / "tables" / f"{name}.csv", table.to_csv(index=index))
        latex = table.to_latex(index=index, escape=True, float_format=f"%.{digits}f", na_rep="--")
        _write_text(self.folder / "tables" / f"{name}.tex", latex)
        return table

    def save_history(self, **stages: Any) -> None:
        """Write history.csv from one or more `training.History`, one row per epoch with its stage's name."""
        frames = [history.frame.assign(stage=stage) for stage, history in stages.items()]
        _write_text(self.folder / "history.csv", pd.concat(frames).to_csv(index=False))

    def save_evaluation(self, split: str, evaluation: Any, baselines: Mapping[str, Any] | None = None) -> None:
        """Record an `evaluation.Evaluation` of a split; that of `test` also writes the per-image files."""
        self.record_["protocol"] = evaluation.protocol
        self.record_["metrics"][split] = evaluation.summary
        if baselines:
            self.record_["baselines"][split] = {name: each.summary for name, each in baselines.items()}
        if split == "test":
            _write_text(self.folder / "per_image.csv", evaluation.per_image.to_csv(index=False, float_format="%.6g"))
            _write_text(
                self.folder / "by_distance.csv", evaluation.by_distance.to_csv(index=False, float_format="%.6g")
            )
            _write(self.folder / "predictions.npz", evaluation.save_predictions)

    def record(self, **values: Any) -> None:
        """Add entries to run.json; a document's own numbers go to `published`, never to `metrics`."""
        self.record_.update(values)

    def finish(self) -> Path:
        """Write run.json with everything recorded, drop the checkpoints, and return run.json's path."""
        parameters = self.parameters
        content = {
            "notebook": self.notebook,
            "run": self.folder.name,
            "hash": self.hash,
            "dataset": parameters.get("dataset"),
            "split_counts": {split: len(part) for split, part in self.data.items()},
            "params": parameters,
            "seed": parameters.get("seed"),
            "device": device_name(parameters.get("device", "auto")),
            "seconds": round(time.time() - self.started, 1),
            "versions": versions(),
            "commit": commit(),
            "command": self.command(),
            **self.record_,
            "finished": True,
        }
        _write_text(self.folder / "environment.txt", "\n".join(f"{k} {v}" for k, v in versions().items()) + "\n")
        file = self.folder / "run.json"
        _write_text(file, json.dumps(_plain(content), indent=1, allow_nan=False) + "\n")
        for checkpoint in self.weights.glob("*.ckpt"):
            checkpoint.unlink()
        print(f"finished: {self.label}/run.json")
        return file

    def command(self) -> str:
        """The papermill command line that makes this run again."""
        values = " ".join(f"-p {name} {shlex.quote(str(value))}" for name, value in self.parameters.items())
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb {values}"


def finished(notebook: str | None = None) -> list[dict[str, Any]]:
    """The content of every finished run.json (of one notebook), sorted by notebook and run, `folder` added.

    Raises ValueError that names a run.json which cannot be read; an unfinished run does not exist.
    """
    found = []
    for file in sorted(reports_dir().glob(f"{notebook or '*'}/*/run.json")):
        try:
            content = json.loads(file.read_text())
        except ValueError as error:
            raise ValueError(f"{file} is no valid JSON ({error}); delete this run folder and train again") from error
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
    names = ("depthnb", "torch", "torchvision", "lightning-fabric", "kornia", "numpy", "pandas", "matplotlib")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def commit() -> str | None:
    """The git commit of the code, with `+changes` when tracked files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True).stdout

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "depthnb", "notebooks", "data").strip()
        return git("rev-parse", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _plain(value: Any) -> Any:
    """JSON-ready copy: numpy and torch numbers to Python's, NaN and infinity to null, paths and others to text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _write_text(file: Path, text: str) -> None:
    _write(file, lambda part: part.write_text(text, encoding="utf-8"))


def _write(file: Path, writer) -> None:
    """Write through a temporary name in the same folder, so that the file is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    try:
        writer(part)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(f"could not write {file} ({error}); free some space and run the notebook again") from error
