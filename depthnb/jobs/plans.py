"""What a sweep is to run: the lines of its file, each with every seed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthnb.jobs import notebooks
from depthnb.runs.parameters import RULES
from depthnb.runs.records import RECORD, read, reports_dir

FULL = "full"  # name of the line that is the preset itself


@dataclass(frozen=True)
class Task:
    """One run of a sweep.

    Attributes:
        file: the notebook.
        run: name of the run.
        parameters: what it gets.
    """

    file: str
    run: str
    parameters: dict[str, Any]

    @property
    def notebook(self) -> str:
        return Path(self.file).stem

    @property
    def label(self) -> str:
        return f"{self.notebook}/{self.run}"

    def finished(self) -> bool:
        """Whether its run is there; whatever has changed since, it is not made again.

        Where an unfinished run of other parameters had its name, it is called `<run>-<hash>`: then parameters must be equal.
        """
        place = reports_dir() / self.notebook
        if _is_finished(place / self.run):
            return True
        return any(_is_finished(other, self.parameters) for other in place.glob(f"{self.run}-{'[0-9a-f]' * 8}"))


def _is_finished(folder: Path, parameters: dict[str, Any] | None = None) -> bool:
    """Whether a finished run lies there, and if they are given with these parameters."""
    try:
        record = read(folder / RECORD)
    except (OSError, ValueError):  # what cannot be read is made again
        return False
    stored = record.get("params", {})
    return record.get("finished") is True and all(stored.get(key) == value for key, value in (parameters or {}).items())


def plan(file: str | os.PathLike, *, seeds: Sequence[int] = (0,), preset: str = "rooms-full") -> list[Task]:
    """The runs of a file such as notebooks/params/evidence.txt, in its order, seed by seed.

    A line is: notebook, name, parameter=value ...; it differs from the notebook's preset in what it says. Its runs are called
    ablation-<name>-<seed>, and those of the line `full`, which is the preset itself, <preset>, <preset>-seed1, and so on.

    Args:
        file: the file; # begins a comment.
        seeds: of each line.
        preset: of every notebook.

    Raises:
        OSError: if the file cannot be read.
        ValueError: that names the line: for words that are no line, an unknown parameter, a value that cannot be, a name twice.
    """
    file = Path(file).expanduser()
    tasks: dict[str, Task] = {}
    for number, line in enumerate(_lines(file), 1):
        words = line.split("#")[0].split() if line.lstrip()[:1] == "#" or " #" in line else line.split()
        if not words:
            continue
        try:
            for task in _tasks(words, seeds, preset):
                if task.label in tasks:
                    raise ValueError(f"the run {task.label} comes twice; give one of the lines another name")
                tasks[task.label] = task
        except (ValueError, OSError) as error:
            raise ValueError(f"{file}, line {number}: {error}") from error
    if not tasks:
        raise ValueError(f"{file} holds no line such as: 03_eigen  faster  learning_rate=0.003")
    return list(tasks.values())


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} {'is a folder' if file.is_dir() else 'is not there'}; expected a file of lines such as those of "
            "notebooks/params/evidence.txt"
        )
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8 ({error})") from error


def _tasks(words: Sequence[str], seeds: Sequence[int], preset: str) -> list[Task]:
    if len(words) < 2:
        raise ValueError(f"found {' '.join(words)!r}; expected a notebook, a name, and parameter=value ...")
    notebook, name, *changes = words
    given = {}
    for change in changes:
        parameter, mark, value = change.partition("=")
        if not mark:
            raise ValueError(f"found {change!r}; expected parameter=value without blanks")
        if parameter in ("seed", "run"):
            raise ValueError(f"{parameter} is set by the sweep; leave it away")
        given[parameter] = value
    if bool(given) == (name == FULL):
        raise ValueError(
            f"only the line {FULL!r} changes nothing" if name != FULL else f"a line {FULL!r} changes nothing"
        )
    file = notebooks.find(notebook)
    tasks = []
    for seed in seeds:
        run = (f"{preset}-seed{seed}" if seed else preset) if name == FULL else f"ablation-{name}-{seed}"
        if not RULES["run"][0](run):
            raise ValueError(f"{name!r} makes the run {run!r}, which is no name; it must be {RULES['run'][1]}")
        values = notebooks.values(file, preset=preset, given={**given, "seed": str(seed), "run": run})
        tasks.append(Task(str(file), run, values))
    return tasks
