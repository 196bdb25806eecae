"""Kernels for the notebooks under test that need not import torch and its like again: forked from a process that has.

Only what others wrote is imported beforehand. Each kernel imports depthnb itself, so that a notebook still has to ask for
what it uses, and `papermill_process` in notebook_runs.py starts everything anew as a user does.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

COMMON = (
    "ipykernel.kernelapp", "numpy", "pandas", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf", "torch", "torch._dynamo", "torchvision", "timm", "lightning_fabric", "h5py",
)  # fmt: skip


class Server:
    """The process that forks. It ends with this one, since nobody writes to it then, and its kernels see that it is gone."""

    def __init__(self, env: dict[str, str]) -> None:
        self._lock = threading.Lock()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, __file__], env=env, start_new_session=True, **pipes)

    def ask(self, **order) -> int | None:
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(
                f"the process that forks kernels has ended with {self._process.wait()}; see its error above"
            )
        return json.loads(answer)


class Kernel:
    """What `jupyter_client` wants to know of the process of a kernel: the part of `subprocess.Popen` that it uses."""

    stdin = stdout = stderr = returncode = None

    def __init__(self, server: Server, **order) -> None:
        self._server = server
        self.pid = server.ask(**order)

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._server.ask(poll=self.pid)
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.05)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def use() -> None:
    """Let every kernel that this process starts from now on be a forked one, where the system can do that safely."""
    if sys.platform != "linux":
        return
    from jupyter_client.provisioning import local_provisioner

    start, servers = local_provisioner.launch_kernel, []

    def launch(cmd, env=None, cwd=None, **kwargs):
        if "ipykernel_launcher" in cmd and Path(cmd[0]).parent.resolve() == Path(sys.executable).parent.resolve():
            env, words = dict(env or os.environ), cmd[cmd.index("ipykernel_launcher") + 1 :]
            servers or servers.append(Server(env))  # some settings count only where a process begins
            return Kernel(servers[0], words=words, env=env, cwd=str(cwd or os.getcwd()))
        return start(cmd, env=env, cwd=cwd, **kwargs)

    local_provisioner.launch_kernel = launch


def serve() -> None:
    """Read orders, one a line: fork a kernel and say its process id, or say how one has ended (nothing while it runs)."""
    orders, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # nothing that anybody prints may look like an answer
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # ipykernel reads it when it is imported
    for name in COMMON:
        importlib.import_module(name)
    gc.freeze()
    while line := orders.readline():
        order = json.loads(line)
        if "words" in order:
            answer = _forked(order, (orders, answers))
        else:
            done, status = os.waitpid(order["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if done else None
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _forked(order: dict, pipes: tuple) -> int:
    """Fork a kernel that is the first of its own group of processes, as signals are sent to it; only the server returns."""
    begun, begins = os.pipe()
    server, number = os.getpid(), os.fork()
    if number:
        os.close(begins)
        os.read(begun, 1)  # ends when the other has closed it
        os.close(begun)
        return number
    os.setsid()
    for pipe in pipes:
        pipe.close()
    os.close(begun)
    os.close(begins)
    os.environ.clear()
    os.environ.update(order["env"], JPY_PARENT_PID=str(server))
    os.chdir(order["cwd"])
    sys.path[0] = order["cwd"]  # as `python -m` has it
    sys.argv = ["ipykernel_launcher", *order["words"]]
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    serve()
