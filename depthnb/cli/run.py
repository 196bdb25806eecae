"""`depthnb run`: execute a notebook, on one process or on several."""

from __future__ import annotations

import argparse

HELP = "run a notebook, on one process, several GPUs or several machines"
DESCRIPTION = (
    "Executes a notebook with parameters, as papermill does, and checks these before anything is started. With several "
    "processes all of them train together; the first one writes the run folder and draws the figures. An interrupted "
    "training goes on where it was when the same command is started again, also with another number of processes."
)
EXAMPLES = """examples:
  depthnb run 03_eigen -p epochs 41
  depthnb run 03_eigen --preset rooms-full --processes 4
  depthnb run 03_eigen -f mine.yaml -p seed 1 -p run mine-1 --out mine-1.ipynb

several machines: the same command on each, with its own number
  depthnb run 03_eigen --processes 4 --nodes 2 --master node17:29500 --node-rank 0
  depthnb run 03_eigen --processes 4 --nodes 2 --master node17:29500 --node-rank 1

under SLURM:
  depthnb run 03_eigen --preset paper --processes 4 --nodes 2 --slurm eigen.sbatch && sbatch eigen.sbatch
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("notebook", metavar="NOTEBOOK", help="its name, such as 03_eigen, or its path")
    add(
        "-p", "--parameter", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter; may be given several times",
    )  # fmt: skip
    add("-f", "--file", dest="files", action="append", default=[], metavar="YAML", help="a file of parameters")
    add("--preset", metavar="NAME", help="rooms-full, streets-full, paper: notebooks/params/NOTEBOOK-NAME.yaml")
    add("--processes", type=int, default=1, metavar="N", help="on each machine, one for each GPU (default: 1)")
    add("--nodes", type=int, default=1, metavar="N", help="machines (default: 1)")
    add("--node-rank", type=int, default=0, metavar="K", help="number of this machine, from 0")
    add("--master", default="", metavar="HOST:PORT", help="machine 0 and a free port there")
    add("--out", metavar="FILE", help="the executed notebook (default: NOTEBOOK-RUN.ipynb in the working folder)")
    add("--slurm", metavar="FILE", help="write a batch script for SLURM that runs this, and start nothing")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    import os
    from pathlib import Path

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # where a machine has gone torch prints its own stack, too
    from depthnb.jobs import notebooks, slurm
    from depthnb.jobs.group import Group
    from depthnb.jobs.running import check
    from depthnb.jobs.running import run as execute
    from depthnb.runs.records import reports_dir

    file = notebooks.find(given.notebook)
    names = [name for name, _ in given.parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"-p {twice[0]} was given twice; which one is meant?")
    parameters = notebooks.values(file, preset=given.preset, files=given.files, given=dict(given.parameters))
    name = parameters.get("run", notebooks.declared(file).get("run", ("str", "executed"))[1])
    out = Path(given.out or f"{file.stem}-{name}.ipynb")
    if given.slurm:
        if given.master or given.node_rank:
            raise ValueError("with --slurm machines find each other by themselves; leave --master and --node-rank away")
        if given.nodes < 1:
            raise ValueError(f"--nodes is {given.nodes}; expected at least 1")
        everywhere = Group(given.processes * given.nodes)
        check(file, {**parameters, "device": "cpu"}, out, everywhere)  # the GPUs are elsewhere
        script = slurm.write(given.slurm, file, parameters, out, processes=given.processes, nodes=given.nodes)
        print(f"{script}: look at its #SBATCH lines, then: sbatch {script}")
        return 0
    group = Group(given.processes, given.nodes, given.node_rank, given.master)
    executed = execute(file, parameters, out, group=group)
    if group.node == 0:
        print(f"{executed}; its runs lie in {reports_dir() / file.stem}")
    return 0
