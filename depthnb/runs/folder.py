"""The run folder: parameters checked, results remembered, and no half-written thing ever taken for a result."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

import depthnb
from depthnb import evaluation, files, models, plotting
from depthnb.runs import place
from depthnb.runs.prose import say
from depthnb.runs.provenance import code, commit, device_name, fingerprint, inputs, versions
from depthnb.runs.records import RECORD, STARTED, read, reports_dir
from depthnb.runs.values import latex_columns, plain, rounded, without_path
from depthnb.training.launch import is_first, launched
from depthnb.weights.origin import Origin


def start(
    notebook: str,
    parameters: Mapping[str, Any],
    *,
    data: Mapping[str, Any] | None = None,
    weights: Mapping[str, Path | None] | None = None,
) -> Run:
    """Open the run `reports/<notebook>/<run>` for these parameters and say which it is.

    A hash decides which run this is: of all parameters but `run`, of the content of the data and of the files that parameters
    name (not of where they lie), and of depthnb's version. The same hash unfinished is resumed; the same hash finished is
    trained anew, and its result stays until the new one is finished; another hash gets a folder `<run>-<hash>`.

    Under torchrun or srun every process calls this and all of Run; the first one alone writes and prints.

    Args:
        notebook: its name, without ending.
        parameters: as check_parameters gives them, with `run` and `seed` among them.
        data: split name -> data set (with `name`, `len`, and `content` or `fingerprint`).
        weights: name -> a file that the run reads and that no parameter names, None where it was not found.

    Returns:
        The run, at work in `<run>.unfinished` beside its place.

    Raises:
        RuntimeError: if another process works on this run, naming it.
        ValueError: if it was begun with other versions of the libraries or other code, so that it cannot be resumed.
        OSError: when the folder cannot be written.
    """
    data = dict(data or {})
    contents = inputs(parameters) | {key: files.digest(file) for key, file in (weights or {}).items() if file}
    parameters = {name: without_path(value) for name, value in parameters.items()}
    identity = {name: contents.get(name, value) for name, value in parameters.items() if name != "run"}
    identity |= {name: content for name, content in contents.items() if name not in parameters}
    if data:  # whose content says more than the name of its folder
        identity = {name: value for name, value in identity.items() if not name.endswith("root")}
    facts = {split: _content(part) for split, part in data.items()}
    kinds = {split: str(getattr(part, "fingerprint", "")) for split, part in data.items()}
    key = fingerprint(identity, facts, kinds, depthnb.__version__)
    begun = {"hash": key, "parameters": parameters, "content": facts, "inputs": contents}
    begun |= {"versions": versions(), "code": code()}
    wanted = reports_dir() / notebook / parameters["run"]
    try:
        chosen = place.choose(wanted, key, lock=is_first())
        run = Run(notebook, chosen, begun, data)
        if is_first():
            state = place.prepare(chosen, begun)
            files.write_text(run.weights / STARTED, json.dumps(begun, indent=1))
            print(f"run folder: {run.label} ({state})")
    except OSError as error:
        raise OSError(
            f"cannot write the run folder {wanted} ({error.__cause__ or error}); free some space, or set "
            "DEPTHNB_REPORTS to a folder that can be written"
        ) from error
    return run


def _content(part: Any) -> str:
    """What stands for a data set: its bytes, or of one that does not know them what it says of itself."""
    return str(getattr(part, "content", None) or getattr(part, "fingerprint", ""))


class Run:
    """One run of one notebook: collects results and writes them; `finish` makes them count.

    Until then everything lies in `<run>.unfinished`, and what was finished before stays as it is. run.json is written last,
    with `finished: true`; readers look at nothing else to decide whether a run exists.
    """

    def __init__(self, notebook: str, chosen: Path, begun: dict[str, Any], data: dict[str, Any]) -> None:
        self.notebook, self.place, self.begun, self.data = notebook, chosen, begun, data
        self.hash, self.parameters = begun["hash"], begun["parameters"]
        self.folder = place.unfinished(chosen)
        self.record_: dict[str, Any] = {"metrics": {}, "baselines": {}, "published": [], "nets": {}}
        self.started = time.time()

    @property
    def label(self) -> str:
        return f"reports/{self.notebook}/{self.place.name}"

    @property
    def weights(self) -> Path:
        return self.folder / "weights"

    def checkpoint(self, name: str = "model", *, origin: Origin | None = None) -> Path:
        """The file for `training.fit(checkpoint=)`; removed when the run is finished.

        Args:
            name: one for each net that is trained.
            origin: where that net's first weights come from. What is found may differ from one call to the next though
                the parameters are the same (`auto`).

        Raises:
            ValueError: if a checkpoint is there that was begun from other weights.
        """
        file, note = self.weights / f"{name}.ckpt", self.weights / f"{name}.origin.json"
        if origin is not None and is_first():
            before = _origin_in(note) if file.exists() else None
            if before is not None and not origin.same(before):
                raise ValueError(
                    f"the checkpoint {file} was begun with {before}; now there are {origin}. Bring back those weights, or "
                    f"delete {self.folder} to train from the start"
                )
            self._write_text(note, json.dumps(asdict(origin)))
        return file

    def save_model(self, model: nn.Module) -> Path:
        """Write the weights for `models.load(run_folder)` and note the parameter count."""
        self.record(parameters=models.parameter_count(model))
        file = self.folder / models.WEIGHTS
        if is_first():
            models.save(model, file)
        _together()  # the others may want to load it
        return file

    def save_figure(self, figure: Figure, name: str) -> Figure:
        """Write figures/<name>.png and .pdf (as `plotting.printed` makes them), and return the figure for display."""
        for suffix, content in plotting.printed(figure).items() if is_first() else ():
            self._write(self.folder / "figures" / f"{name}.{suffix}", partial(Path.write_bytes, data=content))
        return figure

    def save_table(self, table: pd.DataFrame, name: str, *, digits: int = 3, index: bool = False) -> pd.DataFrame:
        """Write tables/<name>.csv (full precision) and .tex (rounded to `digits`), and return the table for display.

        In LaTeX a number too small for `digits` keeps two significant ones, and NaN becomes a dash; the packages booktabs
        and array are needed.
        """
        self._write_text(self.folder / "tables" / f"{name}.csv", table.to_csv(index=index, lineterminator="\n"))
        layout = "l" * (table.index.nlevels if index else 0) + latex_columns(table)
        latex = table.map(lambda value: rounded(value, digits)).to_latex(index=index, escape=True, column_format=layout)
        self._write_text(self.folder / "tables" / f"{name}.tex", latex)
        return table

    def save_history(self, *, judged: Collection[str] | None = None, **stages: Any) -> None:
        """Write history.csv from one or more `training.History`, one row per epoch with its stage's name.

        Also records of what the run is judged by (all stages, or where some of them trained other nets to compare with, those
        named in `judged`): `training_seconds`, its price, with the epochs before an interruption; and `precision`, in which it
        was computed, since `auto` is another one on another machine.
        """
        frames = [history.frame.assign(stage=stage) for stage, history in stages.items()]
        counted = [history for stage, history in stages.items() if judged is None or stage in judged]
        self.record(
            training_seconds=round(sum(history.seconds for history in counted), 1),
            precision=" and ".join(dict.fromkeys(history.precision for history in counted)),
        )
        self._write_text(self.folder / "history.csv", pd.concat(frames).to_csv(index=False, lineterminator="\n"))

    def judge(
        self,
        nets: Mapping[str, nn.Module | torch.Tensor],
        train,
        val,
        test,
        *,
        main: str,
        steps: Mapping[str, int] | None = None,
        protocol: Any = None,
        kind: str = "metric",
    ) -> evaluation.Judged:
        """Score the nets of the notebook (`evaluation.judge`), save what they scored, and print by which protocol.

        Everything goes into run.json: the metrics of the main net and the opponents, both also `aligned`, and under `nets`
        those of every net, by which seeds are paired later. A line warns when the main net does not beat an opponent.

        Args:
            nets, train, val, test, main, protocol, kind: as for `evaluation.judge`.
            steps: name of a net -> steps of its training.

        Returns:
            The scores; `scores` of it is the table that was saved.
        """
        judged = evaluation.judge(nets, train, val, test, main=main, protocol=protocol, kind=kind)
        if judged.aligned:
            others = {name: each for name, each in judged.aligned.items() if name != main}
            self.save_evaluation("aligned", judged.aligned[main], others)
        self.save_evaluation("val", judged.val)
        self.save_evaluation("test", judged.test, judged.opponents)  # last: its protocol is the run's
        for name, each in judged.tests.items():
            self.measure(name, steps=(steps or {}).get(name), **each.summary)
        self.record(steps=(steps or {}).get(main))
        if isinstance(nets[main], nn.Module):
            self.record(**evaluation.cost(nets[main], test))
        self.save_table(judged.scores, "test_metrics")
        if is_first():
            say(judged.test.protocol)
            for name in judged.behind:
                say(
                    f"Note: {main} does not beat the {name.replace('_', ' ')}, which never sees a photograph. It has learnt "
                    "too little to be judged: train it for more steps, or on more frames."
                )
        return judged

    def measure(self, net: str, **numbers: float | None) -> None:
        """Add numbers of one net to run.json's `nets`, where seeds are paired by them (`evidence.within`)."""
        self.record_["nets"].setdefault(net, {}).update(numbers)

    def save_evaluation(self, split: str, scored: Any, baselines: Mapping[str, Any] | None = None) -> None:
        """Record an `evaluation.Evaluation` of a split; that of `test` also writes the per-image files."""
        self.record_["protocol"] = scored.protocol
        self.record_["metrics"][split] = scored.summary
        if baselines:
            self.record_["baselines"][split] = {name: each.summary for name, each in baselines.items()}
        if split == "test":
            self.record_["scored"] = len(scored.per_image)  # may be a part of the split: 08 paints some of its frames
            for name in ("per_image", "by_distance"):
                table = getattr(scored, name).to_csv(index=False, float_format="%.6g", lineterminator="\n")
                self._write_text(self.folder / f"{name}.csv", table)
            self._write(self.folder / "predictions.npz", scored.save_predictions)

    def _write(self, file: Path, writer: Callable[[Path], Any]) -> None:
        """`files.write`, by the first process alone, and only while the run is its own."""
        if is_first():
            if place.lost(self.place):
                raise OSError(
                    f"could not write {file}: this process was silent for so long that another one took over the run "
                    f"{self.label}; start the same command again when that one has ended"
                )
            files.write(file, writer)

    def _write_text(self, file: Path, text: str) -> None:
        self._write(file, lambda part: part.write_bytes(text.encode()))

    def record(self, **values: Any) -> None:
        """Add entries to run.json; a document's own numbers go to `published`, never to `metrics`."""
        self.record_.update(values)

    def finish(self) -> Path:
        """Write run.json with everything recorded, let the run take its place, and return run.json's path there.

        `seconds` is the wall time since `start`; a run that was interrupted has its whole `training_seconds` beside it.

        Raises:
            OSError: when something cannot be written; the result of before, if there was one, is then as it was.
        """
        target = self._target()
        lines = (f"{name} {version}" for name, version in versions().items())
        self._write_text(self.folder / "environment.txt", "\n".join(lines) + "\n")
        content = json.dumps(plain(self._record(target.name)), indent=1, allow_nan=False)
        self._write_text(self.folder / RECORD, content + "\n")
        _together()
        if is_first() and self.folder != target:
            try:
                place.swap(self.folder, target)
            except OSError as error:
                raise OSError(
                    f"the finished run {self.folder} could not be moved to {target} ({error}); close what uses one of the "
                    "two folders and start the same command again"
                ) from error
        self.folder = target
        if is_first():
            for left_over in (*self.weights.glob("*.ckpt"), *self.weights.glob("*.origin.json")):
                left_over.unlink()
            place.release(self.place)
            print(f"finished: reports/{self.notebook}/{target.name}/{RECORD}")
        _together()
        return target / RECORD

    def _target(self) -> Path:
        """The place to take: not that of a result whose net began with other weights, under the same parameters (`auto`)."""
        try:
            before = read(self.place / RECORD)
            if before.get("finished") is not True or before.get("hash") != self.hash:
                return self.place
            before = Origin.from_record(before.get("origin"))
        except (OSError, ValueError):
            return self.place
        origin = self.record_.get("origin") or Origin.from_record(None)
        if self.folder == self.place or not isinstance(origin, Origin) or origin.same(before):
            return self.place
        ending = fingerprint(self.hash, origin.kind, origin.content)
        if is_first():
            print(f"{self.label} stays, since it began with {_words(before)}, and this run with {_words(origin)}")
        return self.place.with_name(f"{self.place.name}-{ending}")

    def _record(self, name: str) -> dict[str, Any]:
        return {
            "notebook": self.notebook,
            "run": name,
            "hash": self.hash,
            "dataset": self.parameters.get("dataset"),
            "split_counts": {split: len(part) for split, part in self.data.items()},
            "data": {split: getattr(part, "fingerprint", None) for split, part in self.data.items()},
            "content": self.begun["content"],
            "size": getattr(self.data.get("test"), "size", None),
            "inputs": self.begun["inputs"],
            "params": self.parameters,
            "seed": self.parameters.get("seed"),
            "device": device_name(self.parameters.get("device", "auto")),
            "processes": launched()[1],
            "seconds": round(time.time() - self.started, 1),
            "versions": versions(),
            "code": self.begun["code"],
            "commit": commit(),
            "command": self.command(),
            **({"measured": str(self.record_["protocol"])} if "protocol" in self.record_ else {}),  # for readers
            **self.record_,
            "finished": True,
        }

    def command(self) -> str:
        """The papermill command line that makes this run again."""
        values = " ".join(f"-p {name} {shlex.quote(str(value))}" for name, value in self.parameters.items())
        return f"papermill notebooks/{self.notebook}.ipynb out.ipynb {values}"


def _words(origin: Origin) -> str:
    return origin.detail or "weights of its own"


def _origin_in(note: Path) -> Origin | None:
    try:
        return Origin.from_record(json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def _together() -> None:
    """Wait until every process of a training is here."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
