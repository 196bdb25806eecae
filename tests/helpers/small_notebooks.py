"""Notebooks of a few cells, as `depthnb run` executes them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import nbformat

IMPORTS = """
import os, time
from pathlib import Path
"""
NETS = """
from pathlib import Path
import torch
from depthnb import evaluation, runs, training
from toys import Net, Toy, l1
before = set(globals())
"""
PARAMETERS = """
run: str = "quick"
epochs: int = 2  # passes
batch_size: int = 4
learning_rate: float = 0.05
seed: int = 0
device: str = "cpu"
folder: str = ""
"""
TRAINING = """
parameters = runs.check_parameters(globals(), before)
splits = {"train": Toy(9), "test": Toy(5, seed=2)}
this_run = runs.start("90_toy", parameters, data=splits)
net = Net(plain=True, seed=seed)
history = training.fit(net, splits["train"], Toy(5, seed=1), loss=l1, epochs=epochs, batch_size=batch_size, device=device,
                       seed=seed, optimizer=torch.optim.SGD(net.parameters(), lr=learning_rate, momentum=0.9),
                       checkpoint=this_run.checkpoint())
this_run.save_history(net=history)
judged = evaluation.evaluate(net, splits["test"])
this_run.save_evaluation("test", judged)
this_run.record(steps=history.steps)
this_run.finish()
"""
GROUP = """
import torch.distributed as group
group.init_process_group("gloo")
ranks = torch.tensor([float(group.get_rank())])
group.all_reduce(ranks)
print("sum of ranks", ranks.item(), "of", group.get_world_size())
if group.get_rank() == 0:
    Path(folder, "met").write_text(f"{ranks.item()} {group.get_world_size()} {os.getcwd()}")
"""
MEET = "Path(folder, f\"pid-{os.environ.get('RANK', 0)}\").write_text(str(os.getpid()))"


def write(file: Path, *cells: str, imports: str = IMPORTS) -> Path:
    """A notebook of imports, parameters and these cells."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(source.strip()) for source in (imports, PARAMETERS, *cells)]
    notebook.cells[1].metadata["tags"] = ["parameters"]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, file)
    return file


def gone(folder: Path) -> bool:
    """Whether the kernels that wrote their numbers into the folder have ended; they may take a moment."""
    return wait_for(lambda: not any(alive(int(file.read_text())) for file in folder.glob("pid-*")))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"


def wait_for(condition) -> bool:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "waited for a minute"
        time.sleep(0.1)
    return True
