"""Several processes that train together over gloo, forked from one that has imported everything: torchrun without its start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

SCRIPT = """
import os, socket, sys
import torch
{source}

torch.set_num_threads(1)
for processes in map(int, sys.argv[2:]):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(processes):
        child = os.fork()
        if child == 0:
            os.environ |= {{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}}
            os.environ |= {{"LOCAL_WORLD_SIZE": str(processes), "RANK": str(rank), "LOCAL_RANK": str(rank)}}
            status = 1
            try:
                torch.save(train(), f"{{sys.argv[1]}}/{{processes}}-{{rank}}.pt")
                status = 0
            finally:
                sys.stdout.flush()
                if status:
                    import traceback
                    traceback.print_exc()
                os._exit(status)
        children.append(child)
    assert not any(os.waitpid(child, 0)[1] for child in children), f"one of {{processes}} failed"
"""


def train_together(source: str, folder: Path, processes: Sequence[int]) -> tuple[dict[int, list], str]:
    """What `train()` returned in each process, for each number of processes; and what all of them printed.

    source: Python that defines train().
    """
    script = folder / "several.py"
    script.write_text(SCRIPT.format(source=source))
    tests = Path(__file__).parents[1]
    paths = [str(tests / "training"), str(tests / "helpers"), str(tests.parent)]
    done = subprocess.run(
        [sys.executable, str(script), str(folder), *map(str, processes)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    results = {n: [torch.load(folder / f"{n}-{rank}.pt") for rank in range(n)] for n in processes}
    return results, done.stdout
