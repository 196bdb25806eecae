"""One process that executes a notebook by papermill; `running` starts one, or several that train together.

`python -m depthnb.jobs.worker NOTEBOOK FOLDER PARAMETERS` leaves notebook.ipynb in FOLDER, and error.json if it failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

EXECUTED, ERROR = "notebook.ipynb", "error.json"


def main(notebook: str, folder: str, parameters: str) -> int:
    """Execute the notebook; returns the exit status.

    Args:
        notebook: its file.
        folder: where the executed one goes, also if it failed.
        parameters: JSON object.
    """
    _end_with_parent()
    _leave_out(b"TCP without encryption")
    import papermill
    from papermill.exceptions import PapermillExecutionError

    shown = int(os.environ.get("RANK", "0")) == 0 and sys.stderr.isatty()
    try:
        papermill.execute_notebook(
            notebook,
            str(Path(folder) / EXECUTED),
            json.loads(parameters),
            kernel_name="python3",  # of this environment, whatever the notebook was made with
            progress_bar=shown,
            request_save_on_cell_execute=False,
        )
    except PapermillExecutionError as error:
        said = {"cell": error.exec_count, "type": error.ename, "text": error.evalue}
    except Exception as error:  # a dead kernel, a full disk, a file that papermill cannot read
        said = {"cell": None, "type": type(error).__name__, "text": str(error)}
    else:
        return 0
    (Path(folder) / ERROR).write_text(json.dumps(said | {"time": time.time()}), encoding="utf-8")
    return 1


def _leave_out(words: bytes) -> None:
    """Of what is written to standard error, by the kernel too, drop lines with these words: every kernel begins with them."""
    screen = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)
    sys.stderr = open(screen, "w", buffering=1, closefd=False)  # the progress bar draws on the screen itself

    def forward() -> None:
        with open(reading, "rb") as lines:
            for line in lines:
                if words not in line:
                    os.write(screen, line)

    threading.Thread(target=forward, daemon=True).start()


def _end_with_parent() -> None:
    """End this process and its kernel when the one that started it is gone, killed before it could say so."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(15)
        os._exit(1)  # the kernel looks after its own parent

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
