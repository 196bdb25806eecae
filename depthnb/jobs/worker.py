"""One process that executes a notebook by papermill; `running` starts one, or several that train together.

`python -m depthnb.jobs.worker NOTEBOOK FOLDER PARAMETERS PARENT` makes FOLDER and leaves notebook.ipynb there, and error.json
if it failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

EXECUTED, ERROR = "notebook.ipynb", "error.json"
_PATIENCE = 15.0  # seconds for what was ended to be gone


def main(notebook: str, folder: str, parameters: str, parent: str) -> int:
    """Execute the notebook; returns the exit status.

    Args:
        notebook: its file.
        folder: where the executed one goes, also if it failed; made here.
        parameters: JSON object.
        parent: number of the process that started this one.
    """
    Path(folder).mkdir()
    _end_with_parent(Path(folder), int(parent))
    try:
        return _execute(notebook, folder, parameters)
    finally:
        if _orphan(int(parent)):  # then this process ends when its folder is gone
            time.sleep(_PATIENCE)


def _execute(notebook: str, folder: str, parameters: str) -> int:
    _leave_out(b"TCP without encryption", b"KeyboardInterrupt caught in kernel")
    tempfile.tempdir = folder  # where a kernel's address is kept, which nobody removes when this process is ended
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    shown = int(os.environ.get("RANK", "0")) == 0 and sys.stderr.isatty()
    try:
        papermill.execute_notebook(
            notebook,
            str(Path(folder) / EXECUTED),
            json.loads(parameters),
            kernel_name="python3",  # of this environment, whatever the notebook was made with
            progress_bar=shown,
            request_save_on_cell_execute=False,
            config=Config({"KernelManager": _address(Path(folder))}),
        )
    except PapermillExecutionError as error:
        said = {"cell": error.exec_count, "type": error.ename, "text": error.evalue}
    except Exception as error:  # a dead kernel, a full disk, a file that papermill cannot read
        said = {"cell": None, "type": type(error).__name__, "text": str(error)}
    else:
        return 0
    (Path(folder) / ERROR).write_text(json.dumps(said | {"time": time.time()}), encoding="utf-8")
    return 1


def _address(folder: Path) -> dict[str, str]:
    """Where the kernel listens: at sockets in this folder where the system has them.

    Jupyter's own choice are free ports of this machine, which the kernel takes a second later. Two kernels that start together
    choose the same one now and then, and one of them dies, or is waited for in vain.
    """
    import zmq

    ip = str((folder / "k").absolute())
    if zmq.has("ipc") and os.name == "posix" and len(os.fsencode(ip)) + 2 < zmq.IPC_PATH_MAX_LEN:
        return {"transport": "ipc", "ip": ip}
    return {}


def _leave_out(*words: bytes) -> None:
    """Of what is written to standard error, by the kernel too, drop lines with these words: kernels begin and end with them."""
    screen = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = open(screen, "w", buffering=1, closefd=False)  # the progress bar draws on the screen itself

    def forward() -> None:
        with open(reading, "rb") as lines:
            for line in lines:
                if not any(each in line for each in words):
                    os.write(screen, line)

    threading.Thread(target=forward, daemon=True).start()


def _end_with_parent(folder: Path, parent: int) -> None:
    """End this process and its kernel when the one that started it is gone, killed before it could say so.

    That may have happened before this process could look who it was, so it is told. Nobody will look any more at what is in
    the folder, so that goes too.
    """

    def watch() -> None:
        while not _orphan(parent):
            time.sleep(1)
        end_kernels(folder)
        for _ in range(50):  # papermill may be writing there that its kernel has gone; nothing makes the folder anew
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.02)
        with contextlib.suppress(OSError):  # the last one finds nothing else in there
            folder.parent.rmdir()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _orphan(parent: int) -> bool:
    """Whether the process that started this one is gone; elsewhere than on POSIX nobody is told."""
    return os.name == "posix" and os.getppid() != parent


def end_kernels(folder: Path) -> None:
    """End the kernels whose address lies in this folder, also those that have lost who started them.

    One that is still starting makes the folder anew where it is gone, and then ends by itself and leaves it.
    """
    kernels = [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(
            word.startswith(f"{folder}{os.sep}") and word.endswith(".json") for word in process.info["cmdline"] or ()
        )
    ]
    for kernel in kernels:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            kernel.kill()
    limit = time.monotonic() + _PATIENCE
    while any(map(_is_there, kernels)) and time.monotonic() < limit:
        time.sleep(0.05)


def _is_there(process: psutil.Process) -> bool:
    """Whether a process is still there; one that has ended and that nobody asks for its status, as in a container, is not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
