"""Where the runs of a sweep are computed: here, by SLURM (submitit), or by Ray."""

from __future__ import annotations

import importlib
import os
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Protocol

from depthnb.jobs import running
from depthnb.jobs.plans import Task
from depthnb.training.launch import cores

ENGINES = ("local", "slurm", "ray")
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class Handle(Protocol):
    """A task that was given away."""

    def state(self) -> tuple[str, str]:
        """waiting, running, done or failed; and the reason of a failure."""

    def where(self) -> str:
        """Machine or number of the job."""

    def cancel(self) -> None:
        """Ask it to end, whatever it does."""

    def wait(self, seconds: float) -> None:
        """Return when it has ended, or after so long."""


class Engine(Protocol):
    """Takes tasks and computes them, so many at a time."""

    def submit(self, tasks: Sequence[Task], folder: Path) -> list[Handle]:
        """Give tasks away; the executed notebooks go to the folder."""

    def close(self) -> None:
        """Nothing more is to be done."""


def perform(task: Task, folder: str, stop: threading.Event | None = None) -> str:
    """Compute one task in this process; returns the name of the machine. A run that is finished meanwhile is left alone."""
    if not task.finished():
        out = Path(folder) / task.notebook / f"{task.run}.ipynb"
        running.run(task.file, task.parameters, out, stop=stop)
    return socket.gethostname()


class Local:
    """This machine, `jobs` runs at a time."""

    def __init__(self, jobs: int) -> None:
        # processes of one thread each are faster than those that fight for cores
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
        self._pool, self._stop = ThreadPoolExecutor(jobs), threading.Event()

    def submit(self, tasks: Sequence[Task], folder: Path) -> list[Handle]:
        return [_Thread(self._pool.submit(perform, task, str(folder), self._stop), self._stop) for task in tasks]

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Thread:
    def __init__(self, future: Future, stop: threading.Event) -> None:
        self._future, self._stop = future, stop

    def state(self) -> tuple[str, str]:
        if not self._future.done():
            return (RUNNING if self._future.running() else WAITING), ""
        try:
            self._future.result()
        except (Exception, CancelledError) as error:
            return FAILED, str(error) or type(error).__name__
        return DONE, ""

    def where(self) -> str:
        return socket.gethostname()

    def cancel(self) -> None:
        self._stop.set()
        self._future.cancel()

    def wait(self, seconds: float) -> None:
        wait([self._future], timeout=seconds)


class Submitit:
    """SLURM by way of submitit: one array of jobs, `jobs` of them at a time.

    Args:
        jobs: at a time.
        logs: folder that all machines see.
        settings: as submitit's AutoExecutor names them (timeout_min, gpus_per_node, cpus_per_task, slurm_partition ...).
        cluster: slurm, or local for its executor of this machine.

    Raises:
        ImportError: where submitit is not installed.
        ValueError: for an unknown setting, and where there is no SLURM.
    """

    def __init__(self, jobs: int, logs: Path, settings: Mapping[str, Any], *, cluster: str = "slurm") -> None:
        submitit = _package("submitit")
        try:
            self._executor = submitit.AutoExecutor(folder=logs, cluster=cluster)
        except RuntimeError as error:  # there is no srun
            raise ValueError(
                f"there is no SLURM here ({error}); start this where sbatch is, or take --on local"
            ) from error
        chosen = {"name": "depthnb", "timeout_min": 24 * 60, **settings}
        if cluster == "slurm":
            chosen.setdefault("slurm_array_parallelism", jobs)
        try:
            self._executor.update_parameters(**chosen)
        except (NameError, TypeError, ValueError) as error:
            raise ValueError(f"submitit does not take these settings ({' '.join(str(error).split())})") from error

    def submit(self, tasks: Sequence[Task], folder: Path) -> list[Handle]:
        jobs = self._executor.map_array(perform, tasks, [str(folder.resolve())] * len(tasks))
        return [_Job(job) for job in jobs]

    def close(self) -> None:
        """Nothing is held."""


class _Job:
    def __init__(self, job: Any) -> None:
        self._job = job

    def state(self) -> tuple[str, str]:
        if not self._job.done():
            return (WAITING if self._job.state in ("PENDING", "UNKNOWN") else RUNNING), ""
        error = self._job.exception()
        return (DONE, "") if error is None else (FAILED, _last_line(error))

    def where(self) -> str:
        return f"job {self._job.job_id}"

    def cancel(self) -> None:
        self._job.cancel(check=False)

    def wait(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while not self._job.done() and time.monotonic() < limit:
            time.sleep(0.2)


class Ray:
    """A Ray cluster: that of RAY_ADDRESS, or one that is started on this machine; `jobs` runs at a time.

    Args:
        jobs: at a time.
        settings: of `ray.remote` (num_cpus, num_gpus ...).

    Raises:
        ImportError: where ray is not installed.
        ValueError: for an unknown setting, and where no machine has what one run asks for, since Ray would wait for ever. A
            cluster that grows on demand must have one such machine when the sweep begins.
    """

    def __init__(self, jobs: int, settings: Mapping[str, Any]) -> None:
        self._ray = ray = _package("ray")
        passed = ("DEPTHNB_", "OMP_", "PYTHONPATH", "JUPYTER_", "CUBLAS_", "MALLOC_")
        environment = {name: value for name, value in os.environ.items() if name.startswith(passed)}
        self._own = not ray.is_initialized()
        if self._own:
            here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": jobs, "include_dashboard": False}
            _begin(ray, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": environment}, **here)
        try:
            self._perform = ray.remote(perform).options(max_retries=0, **{"num_cpus": 1, **settings})
        except (ValueError, TypeError) as error:
            self.close()
            raise ValueError(f"ray does not take these settings ({' '.join(str(error).split())})") from error
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if lacking := _lacking(machines, settings):
            self.close()
            raise ValueError(lacking)

    def submit(self, tasks: Sequence[Task], folder: Path) -> list[Handle]:
        return [_Reference(self._ray, self._perform.remote(task, str(folder.resolve()))) for task in tasks]

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def _begin(ray: Any, **options: Any) -> None:
    """ray.init, twice: it gives itself half a minute, which is short on a busy machine. Raises RuntimeError."""
    for left in (1, 0):
        try:
            ray.init(**options)
            return
        except Exception as error:  # a plain Exception among them
            ray.shutdown()
            if not left:
                raise RuntimeError(
                    f"Ray could not start ({_last_line(error)}); try again, or take --on local"
                ) from error


class _Reference:
    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference, self._host = ray, reference, ""

    def state(self) -> tuple[str, str]:
        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return RUNNING, ""
        try:
            self._host = self._ray.get(self._reference)
        except Exception as error:
            return FAILED, _last_line(error)
        return DONE, ""

    def where(self) -> str:
        return self._host or "ray"

    def cancel(self) -> None:
        self._ray.cancel(self._reference)

    def wait(self, seconds: float) -> None:
        self._ray.wait([self._reference], timeout=seconds)


def _lacking(machines: Sequence[Mapping[str, float]], settings: Mapping[str, Any]) -> str:
    """A sentence where no machine of a Ray cluster has all that one run asks for, else nothing.

    >>> _lacking([{"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0}], {"num_cpus": 4, "num_gpus": 1})
    'no machine has CPU 4 and GPU 1 at once (there are: CPU 4; CPU 2, GPU 1); ask for less with --set, or for other machines'
    >>> _lacking([{"CPU": 4.0}], {"num_cpus": 4})
    ''
    """
    asked = {"CPU": settings.get("num_cpus", 1), "GPU": settings.get("num_gpus", 0), **settings.get("resources", {})}
    asked = {name: amount for name, amount in asked.items() if amount}
    if any(all(machine.get(name, 0) >= amount for name, amount in asked.items()) for machine in machines):
        return ""
    names = {"CPU": None, "GPU": None, **asked}
    there = [", ".join(f"{name} {each[name]:g}" for name in names if each.get(name)) or "nothing" for each in machines]
    wanted = " and ".join(f"{name} {amount:g}" for name, amount in asked.items())
    together = " at once" if len(asked) > 1 else ""
    return f"no machine has {wanted}{together} (there are: {'; '.join(there)}); ask for less with --set, or for other machines"


def engine(name: str, jobs: int, folder: Path, settings: Mapping[str, Any]) -> Engine:
    """The engine of this name; see the classes for the settings that they take."""
    if name == "local":
        if settings:
            raise ValueError(f"--set belongs to slurm and ray; found {', '.join(settings)}")
        return Local(jobs)
    return Submitit(jobs, folder / "logs", settings) if name == "slurm" else Ray(jobs, settings)


def _last_line(error: Exception) -> str:
    """What an error that comes with a whole traceback says in the end.

    >>> _last_line(RuntimeError("it failed with trace:\\n----\\nTraceback\\ndepthnb.jobs.running.Failed: why\\n----\\nlogs: a"))
    'why'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    borders = [number for number, line in enumerate(lines) if set(line) == {"-"}]
    if len(borders) > 1:  # of submitit, which says last where its logs are
        lines = lines[borders[0] + 1 : borders[-1]]
    return re.sub(r"^[\w.]+\.Failed: ", "", lines[-1]) if lines else type(error).__name__


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"this needs the package {name}: pip install -e '.[cluster]' in the clone ({error})"
        ) from error
