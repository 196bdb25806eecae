"""The notebooks, and papermill as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from data_fixtures import write_folder, write_index

import depthnb

ROOT = Path(depthnb.__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
UNTRAINED = ("00_start", "01_data", "10_comparison", "12_your_photo")
TRAINING = [file for file in NOTEBOOKS if file.stem not in UNTRAINED]


def brief(name: str) -> dict[str, int | str]:
    """Parameters of one short training."""
    least = {
        "07_midas": {"min_steps": 0, "images": 16},
        "08_style_transfer": {"network": "vgg11", "frames": 4},
        "13_self_supervised": {"min_steps": 0, "scenes": 8},
    }
    return {"epochs": 1, "batch_size": 4, **least.get(name, {"min_steps": 0})}


def write_mixed_folder(root: Path) -> Path:
    """Frames of two sizes whose depths go beyond 10 m, and of which every second camera is unknown."""
    scenes = {"a": "train", "b": "train", "c": "val", "d": "test", "e": "test"}
    rows = write_folder(root, scenes, per_scene=3, sizes=[(96, 128), (120, 90)])
    rows = [[*row[:7], str(float(row[7]) * 6), *(row[8:] if i % 2 else [""] * 4)] for i, row in enumerate(rows)]
    write_index(root, rows)
    return root


def words(file: Path, output: Path, **parameters) -> list[str]:
    """What stands behind `papermill`; a cell of 15 minutes hangs."""
    given = [str(file), str(output), "--kernel", "python3", "--no-progress-bar", "--execution-timeout", "900"]
    for name, value in parameters.items():
        given += ["-p", name, str(value)]
    return given


def papermill(file: Path, output: Path, cwd: Path, reports: Path, **parameters) -> None:
    """The command papermill on a notebook, in this process: its kernel is one of its own, and papermill is imported once.

    Fails with the error of the cell, as papermill shows it.
    """
    from click.testing import CliRunner
    from papermill.cli import papermill as command

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        environment = {"DEPTHNB_REPORTS": str(reports), "OMP_NUM_THREADS": "1"}
        done = CliRunner().invoke(command, words(file, output, **parameters), env=environment)
    assert done.exit_code == 0, f"{done.exception}\n{done.output[-2000:]}"


def papermill_process(file: Path, output: Path, cwd: Path, reports: Path, **parameters) -> subprocess.CompletedProcess:
    """The same as a process of its own: what it prints and how it ends."""
    command = [sys.executable, "-m", "papermill", *words(file, output, **parameters)]
    environment = {**os.environ, "DEPTHNB_REPORTS": str(reports), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
