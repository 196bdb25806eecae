"""Processes that train, killed with SIGKILL at moments drawn at random and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from depthnb.training import adversarial, supervised  # not in each of the processes
{source}

def process(checkpoint, result):
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        torch.save(train(checkpoint), result)
        os._exit(0)
    return child

folder = Path(sys.argv[1])
started = time.monotonic()
os.waitpid(process(folder / "undisturbed.ckpt", folder / "undisturbed.pt"), 0)
whole = time.monotonic() - started
moments = random.Random(0)
for number in range(10):
    child = process(folder / "killed.ckpt", folder / "killed.pt")
    if number:
        time.sleep(moments.uniform(0.0, 0.4) * whole)
    else:  # in the middle for certain, however busy the machine has become: when the first epoch is kept
        while not (folder / "killed.ckpt").exists() and time.monotonic() < started + 100 * whole:
            time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if (folder / "killed.ckpt").exists():
        print("epochs", len(torch.load(folder / "killed.ckpt", weights_only=True)["rows"]))
os.waitpid(process(folder / "killed.ckpt", folder / "killed.pt"), 0)
"""


def killed_ten_times(source: str, folder: Path) -> tuple[dict, dict, list[int]]:
    """Train once undisturbed and once killed -9 at ten moments, in processes forked from one that has imported everything.

    source: Python that defines train(checkpoint) -> weights. Returns both weights, and how many epochs the checkpoint held
    after each kill.
    """
    script = folder / "killed.py"
    script.write_text(SCRIPT.format(source=source))
    tests = Path(__file__).parents[1]
    paths = [str(tests / "training"), str(tests / "helpers"), str(tests.parent)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    one, other = (torch.load(folder / f"{name}.pt") for name in ("undisturbed", "killed"))
    return one, other, [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("epochs ")]
