"""How this process was started: alone, or as one of several that train together."""

from __future__ import annotations

import math
import os
from pathlib import Path


def launched() -> tuple[int, int, int]:
    """(rank, processes, nodes) as torchrun or SLURM's srun started this process; (0, 1, 1) for an ordinary one.

    A batch script that SLURM started without srun is an ordinary process, however many tasks were reserved for it.
    """
    env = os.environ
    if int(env.get("WORLD_SIZE", "1")) > 1:
        processes = int(env["WORLD_SIZE"])
        return int(env["RANK"]), processes, processes // int(env.get("LOCAL_WORLD_SIZE", processes))
    if int(env.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        return int(env["SLURM_PROCID"]), int(env["SLURM_STEP_NUM_TASKS"]), int(env.get("SLURM_STEP_NUM_NODES", "1"))
    return 0, 1, 1


def cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than a container's quota."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(own, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # another system, or "max"
        return own


def is_first() -> bool:
    """Whether this is the process that writes files and prints: the only one, or that of rank 0."""
    return launched()[0] == 0


def alone() -> bool:
    """Whether this process trains by itself."""
    return launched()[1] == 1
