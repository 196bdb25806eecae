"""Run a notebook by papermill, on one process or on several: all train, the first draws and writes, and all end together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from depthnb import files
from depthnb.jobs import notebooks
from depthnb.jobs.group import Group, Meeting
from depthnb.jobs.worker import ERROR, EXECUTED, end_kernels
from depthnb.training.launch import cores

FAILED = ".failed.ipynb"  # ending of the notebook that stands beside the one that was to be made
_GRACE = 5.0  # seconds in which further processes say why they failed, when one has
_GENTLE = 15.0  # seconds to end by oneself
# what a process says when another one has gone; the reason is what that one says
_LOST = re.compile(r"connection (closed|reset)|gloo|nccl|socket|timed? ?out|broken pipe", re.IGNORECASE)


class Failed(RuntimeError):
    """A process failed; the message names it, its cell and its error."""


class Stopped(RuntimeError):
    """It was stopped from outside."""


@dataclass(frozen=True)
class Worker:
    """A process at work, and the folder where it leaves what it made."""

    rank: int
    process: subprocess.Popen
    folder: Path

    def said(self) -> dict[str, Any]:
        """Why it failed: cell, type, text, time."""
        try:
            return json.loads((self.folder / ERROR).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            code = self.process.returncode
            text = f"it ended with status {code}" if code is None or code >= 0 else f"signal {-code} ended it"
            return {"cell": None, "type": "", "text": text, "time": time.time()}


def run(
    notebook: str | os.PathLike,
    parameters: Mapping[str, Any],
    out: str | os.PathLike,
    *,
    group: Group | None = None,
    stop: threading.Event | None = None,
) -> Path:
    """Execute a notebook with parameters and keep the executed one.

    With several processes all of them execute all cells and train together; only the first one writes, prints and draws.
    When one fails the others are ended. What a stopped training has finished stays in its run folder, as always.

    Args:
        notebook: its name in the clone, or its path.
        parameters: as `notebooks.values` gives them.
        out: file of the executed notebook, whole or as it was before.
        group: the processes, by default one.
        stop: when it is set, everything is ended.

    Returns:
        The executed notebook.

    Raises:
        Failed: if a process failed; the notebook until then stands beside `out`, with the ending `.failed.ipynb`.
        Stopped: if `stop` was set.
        ValueError: for an `out` that cannot be, more processes than GPUs, and notebooks that train nothing.
        OSError: if the executed notebook cannot be written.
    """
    group, file, out = group or Group(), notebooks.find(notebook), Path(out).expanduser()
    check(file, parameters, out, group)
    given = json.dumps(dict(parameters))
    with contextlib.ExitStack() as ending:
        ending.enter_context(_ended_by_signal())
        asked = {"notebook": file.name, "parameters": dict(parameters), "processes": group.processes}
        meeting = Meeting(group, asked | {"machines": group.nodes}) if group.size > 1 else None
        # a meeting takes seconds, or minutes; who is killed in it shall not leave a folder that no worker removes
        scratch = ending.enter_context(tempfile.TemporaryDirectory(prefix="depthnb-"))
        workers: list[Worker] = []
        try:
            for rank in group.ranks():
                folder = Path(scratch) / str(rank)  # the worker makes it, and removes it if this process is gone
                workers.append(Worker(rank, _started(file, folder, given, group, meeting, rank), folder))
            _wait(workers, group, meeting, stop, file.stem)
        except Failed as error:
            _end(workers)
            if meeting:
                meeting.leave()
            kept = _keep_failed(workers, out)
            raise Failed(f"{error}{f'; the notebook until then is {kept}' if kept else ''}") from None
        except BaseException:
            if meeting:
                meeting.fail("it was stopped")  # or the others would wait for it in the middle of a step
            raise
        finally:
            _end(workers)
            end_kernels(Path(scratch))  # those of workers that were killed
        if group.node == 0:  # the others have executed the same
            files.write(out, lambda part: shutil.copyfile(workers[0].folder / EXECUTED, part))
            out.with_name(out.stem + FAILED).unlink(missing_ok=True)
        if meeting:
            meeting.leave()
    return out


def check(file: Path, parameters: Mapping[str, Any], out: Path, group: Group) -> None:
    """Raise ValueError for what cannot be run or written, before anything is started."""
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; give the name of the executed notebook, such as {out / file.name}")
    if out.suffix != ".ipynb":
        raise ValueError(f"--out {out}: the name of a notebook ends in .ipynb")
    if out.resolve() == file:
        raise ValueError(f"--out {out} is the notebook itself; give the executed one another name")
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ValueError("depthnb run starts its processes itself; start it once, without torchrun")
    if group.size == 1:
        return
    known = notebooks.declared(file)
    if "epochs" not in known:
        raise ValueError(f"{file.stem} trains nothing that processes could share; leave --processes and --nodes away")
    value = {name: parameters.get(name, default) for name, (_, default) in known.items()}
    if value.get("batch_size", group.size) < group.size:
        raise ValueError(f"batch_size {value['batch_size']} is shared by {group.size} processes: give each an image")
    if value.get("device") in ("auto", "cuda"):
        import torch

        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if there and group.processes > there:
            raise ValueError(
                f"{group.processes} processes were asked for and this machine has {there} GPU{'s' if there > 1 else ''}; "
                f"give --processes {there}, or -p device cpu"
            )


def _started(
    file: Path, folder: Path, given: str, group: Group, meeting: Meeting | None, rank: int
) -> subprocess.Popen:
    environment = {"JUPYTER_PREFER_ENV_PATH": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1", **os.environ}
    if group.processes > 1:  # more threads than cores wait for each other
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // group.processes)))
    if meeting:
        environment |= meeting.environment(rank)
    if rank:
        environment["MPLBACKEND"] = "agg"  # nobody looks at its figures
    command = [sys.executable, "-W", "ignore", "-m", "depthnb.jobs.worker", str(file), str(folder), given]
    command.append(str(os.getpid()))
    # a session of its own: Ctrl-C reaches this process alone, which ends all
    return subprocess.Popen(command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL)


def _wait(
    workers: list[Worker], group: Group, meeting: Meeting | None, stop: threading.Event | None, name: str
) -> None:
    """Until all have ended well. Raises Failed, Stopped."""
    while any(worker.process.poll() is None for worker in workers):
        if stop is not None and stop.is_set():
            raise Stopped(f"{name} was stopped")
        if any(worker.process.poll() for worker in workers):
            break
        elsewhere = meeting and meeting.failure()
        if elsewhere:
            raise Failed(f"{name} was ended here: {elsewhere}")
        time.sleep(0.1)
    if not any(worker.process.returncode for worker in workers):
        return
    if len(workers) > 1:
        limit = time.monotonic() + _GRACE
        while time.monotonic() < limit and any(worker.process.poll() is None for worker in workers):
            time.sleep(0.1)
    said = _reason(workers, group, name)
    if meeting:
        meeting.fail(said)
        elsewhere = meeting.failure()
        if elsewhere and _LOST.search(said) and not elsewhere.startswith(f"machine {group.node}:"):
            said = f"{name} was ended here: {elsewhere}"
    raise Failed(said)


def _reason(workers: list[Worker], group: Group, name: str) -> str:
    """What the process said that failed first; that another one had gone is no reason."""
    failed = [(worker, worker.said()) for worker in workers if worker.process.returncode]
    worker, said = min(failed, key=lambda each: (bool(_LOST.search(each[1]["text"])), each[1]["time"]))
    who = f"{name}, process {worker.rank} of {group.size}," if group.size > 1 else name
    where = f" in cell {said['cell']}" if said["cell"] else ""
    text = " ".join(f"{said['type'] + ': ' if said['type'] else ''}{said['text']}".split())
    return f"{who} failed{where}: {text}"


def _keep_failed(workers: list[Worker], out: Path) -> Path | None:
    """The notebook of a process that failed, with its error in it; that of the first one if it has one."""
    for worker in workers:
        executed = worker.folder / EXECUTED
        if worker.process.returncode and executed.is_file():
            with contextlib.suppress(OSError):  # the failure itself is what has to be said
                return files.write(
                    out.with_name(out.stem + FAILED), lambda part, it=executed: shutil.copyfile(it, part)
                )
    return None


def _end(workers: list[Worker]) -> None:
    """End what still works: first as a kernel wants to be ended, then at once."""
    for worker in workers:
        if worker.process.poll() is None:
            worker.process.terminate()
    limit = time.monotonic() + _GENTLE
    for worker in workers:
        try:
            worker.process.wait(max(0.0, limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM, as from a batch system, ends like Ctrl-C: with everything that was started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
