"""`depthnb sweep`: many runs of notebooks, here, under SLURM or under Ray."""

from __future__ import annotations

import argparse
import sys

HELP = "many runs of notebooks: here, under SLURM, or under Ray"
DESCRIPTION = (
    "Runs every line of a file with every seed. Runs that are there already are not made again: to make one anew delete its "
    "folder. Ctrl-C ends what works and leaves what is finished; the same command goes on."
)
EXAMPLES = """a line of the file: notebook, name, parameter=value ...; it differs from the notebook's preset in what it says
  03_eigen  faster  learning_rate=0.003
  04_unet   l1      loss=l1
  04_unet   full

examples:
  depthnb sweep notebooks/params/evidence.txt --seeds 0 1 2 3 4 --dry-run
  depthnb sweep mine.txt --jobs 2
  depthnb sweep mine.txt --on slurm --jobs 20 --set slurm_partition=gpu gpus_per_node=1 cpus_per_task=8 timeout_min=600
  depthnb sweep mine.txt --on ray --jobs 8 --set num_gpus=0.5

--set takes what submitit's AutoExecutor.update_parameters or ray.remote take. Under SLURM this command waits for the jobs;
a folder that all machines see must hold the clone, the reports and --out.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("file", metavar="FILE", help="such as notebooks/params/evidence.txt")
    add("--on", choices=("local", "slurm", "ray"), default="local", help="where (default: local)")
    add("--jobs", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    add("--seeds", type=int, nargs="+", default=[0], metavar="N", help="of every line (default: 0)")
    add("--preset", default="rooms-full", metavar="NAME", help="from which the lines differ (default: rooms-full)")
    add("--retries", type=int, default=1, metavar="N", help="how often a failed run is tried again (default: 1)")
    add("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings of submitit or Ray")
    add("--out", default="sweep", metavar="DIR", help="executed notebooks and sweep.csv (default: sweep)")
    add("--dry-run", action="store_true", help="say what would be run, and run nothing")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from pathlib import Path

    from depthnb.jobs.engines import engine
    from depthnb.jobs.plans import plan

    if given.jobs < 1 or given.retries < 0:
        raise ValueError(f"--jobs is 1 or more and --retries 0 or more, found {given.jobs} and {given.retries}")
    tasks = plan(given.file, seeds=list(dict.fromkeys(given.seeds)), preset=given.preset)
    missing = sum(not task.finished() for task in tasks)
    print(f"{len(tasks)} runs, {len(tasks) - missing} there already, {missing} to make", flush=True)
    if given.dry_run:
        for task in tasks:
            words = " ".join(f"{name}={value}" for name, value in task.parameters.items() if name != "run")
            print(f"{'there  ' if task.finished() else 'to make'}  {task.label}  {words}")
        return 0
    if not missing:
        return 0
    folder = Path(given.out).expanduser()
    if folder.is_file():
        raise ValueError(f"--out {folder} is a file; give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    settings = dict(_setting(text) for text in given.set)
    from depthnb.jobs.sweep import TABLE, sweep

    table = sweep(tasks, engine(given.on, given.jobs, folder, settings), folder, retries=given.retries, told=_tell)
    failed = (table["state"] == "failed").sum()
    print(f"{(table['state'] == 'done').sum()} made, {failed} failed; {folder / TABLE} says which")
    return 1 if failed else 0


def _tell(row) -> None:
    print(f"{row.state:8} {row.task.label}  {row.where}  {row.seconds:.0f} s", flush=True)
    if row.said:
        print(f"depthnb: {row.task.label}: {row.said}", file=sys.stderr, flush=True)


def _setting(text: str) -> tuple[str, object]:
    """NAME=VALUE, a number where it is one."""
    name, mark, value = text.partition("=")
    if not mark or not name.isidentifier():
        raise ValueError(f"--set {text!r}; expected NAME=VALUE, such as slurm_partition=gpu")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value
