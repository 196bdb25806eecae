"""The batch script with which SLURM runs a notebook on several machines."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthnb import files

_SCRIPT = """#!/bin/bash
# made by depthnb run --slurm; the lines below are what clusters differ in: partition, account, time, memory
#SBATCH --job-name={name}
#SBATCH --nodes={nodes}
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={processes}
#SBATCH --cpus-per-task={cores}
#SBATCH --time=24:00:00
#SBATCH --output={name}-%j.log
# a training that runs out of time goes on when the same script is submitted again
set -euo pipefail
export MASTER=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# jobs of several users on one machine shall not meet at one port
export PORT=$((20000 + SLURM_JOB_ID % 10000))
cd {folder}
srun --ntasks={nodes} --ntasks-per-node=1 --kill-on-bad-exit=1 bash -c {command}
"""
_CORES = 8  # of a machine for each GPU


def write(
    file: str | os.PathLike,
    notebook: Path,
    parameters: Mapping[str, Any],
    out: Path,
    *,
    processes: int,
    nodes: int,
) -> Path:
    """Write a batch script that runs a notebook with one task a machine, each of which starts its processes.

    Args:
        file: where to; it must not be there.
        notebook: its file, on a file system that all machines see.
        parameters: as `notebooks.values` gives them.
        out: the executed notebook.
        processes: on each machine, one for each GPU.
        nodes: machines.

    Raises:
        FileExistsError: if there is such a file already.
        OSError: if it cannot be written.
    """
    file = Path(file).expanduser()
    if file.exists():
        raise FileExistsError(f"{file} exists already; delete it, or choose another name with --slurm")
    words = [
        sys.executable,
        "-m",
        "depthnb.cli",
        "run",
        str(notebook),
        "--out",
        str(out),
        "--processes",
        str(processes),
    ]
    for name, value in parameters.items():
        words += ["-p", name, str(value)]
    command = shlex.join(words)
    if nodes > 1:
        command += f' --nodes {nodes} --node-rank "$SLURM_NODEID" --master "$MASTER:$PORT"'
    text = _SCRIPT.format(
        name=notebook.stem,
        nodes=nodes,
        processes=processes,
        cores=_CORES * processes,
        folder=shlex.quote(str(Path.cwd())),
        command=shlex.quote(command),
    )
    return files.write_text(file, text)
