"""The notebooks, and papermill as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

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


def papermill(file: Path, output: Path, cwd: Path, reports: Path, **parameters) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "papermill", str(file), str(output), "--kernel", "python3", "--no-progress-bar"]
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    environment = {**os.environ, "DEPTHNB_REPORTS": str(reports), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
