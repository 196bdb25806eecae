"""Repositories of Hugging Face's hub: what of them this machine has, and a download that can be given up at any moment.

The download runs in a process of its own (`python -m depthnb.weights.hub <repository>`), because a name look-up, a
connection or a transfer that hangs can be ended for certain only from outside. Files go to the hub's own cache, where every
other program finds them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first of these is taken
OTHERS = ("config.json", "preprocessor_config.json")


class Unreachable(ConnectionError):
    """The server did not answer at all: asking it for something else would take as long again."""


def weights_of(folder: Path) -> Path | None:
    """The file of weights in a folder as `save_pretrained` and the hub's cache have it, None without one."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def cached(repository: str) -> Path | None:
    """The folder of a repository in the hub's cache, if its configuration and weights are there; the network is not asked."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:  # without it nobody has filled its cache in a way that could be read
        return None
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if (folder / "config.json").is_file() and weights_of(folder) else None


def download(repository: str, *, timeout: float = 15.0) -> Path:
    """Fetch a repository's configuration and weights into the hub's cache and return their folder.

    timeout: seconds without a byte after which it is given up; however slow, a download that goes on is waited for.
    `HF_ENDPOINT` names another server, `HF_HUB_OFFLINE=1` and `DEPTHNB_OFFLINE=1` keep it from trying. Raises
    ConnectionError (`Unreachable` where the server did not answer) with one part of a sentence that holds no path.
    """
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise ConnectionError("huggingface_hub is not installed; pip install 'depthnb[hub]'") from error
    for name in ("DEPTHNB_OFFLINE", "HF_HUB_OFFLINE"):
        if os.environ.get(name, "0").lower() not in ("", "0", "false", "no", "off"):
            raise ConnectionError(f"{name} is set")
    host = urlsplit(constants.ENDPOINT).netloc
    place = Path(constants.HF_HUB_CACHE) / ("models--" + repository.replace("/", "--"))
    root = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",  # xet keeps what it has got elsewhere, where its growth would not be seen
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "depthnb.weights.hub", repository]
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL, env=environment)
        try:
            _wait(process, place, timeout, host)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        answer = _last_line(said.read())
    if "folder" not in answer:
        raise (Unreachable if answer.get("unreachable") else ConnectionError)(_reason(answer, host))
    return Path(answer["folder"])


def _wait(process: subprocess.Popen, place: Path, timeout: float, host: str) -> None:
    """Until the process ends; raises Unreachable when nothing in `place` has grown for `timeout` seconds."""
    size, grown = -1, time.monotonic()
    while process.poll() is None:
        now = _bytes_in(place)
        if now != size:
            size, grown = now, time.monotonic()
        if time.monotonic() - grown >= timeout:
            raise Unreachable(f"{host} was silent for {timeout:g} s")
        time.sleep(0.05)


def _bytes_in(folder: Path) -> int:
    total = 0
    for name, _, files in os.walk(folder):
        for file in files:
            try:
                total += os.lstat(os.path.join(name, file)).st_size
            except OSError:  # renamed under our eyes
                continue
    return total


def _last_line(text: str) -> dict:
    try:
        return dict(json.loads(text.strip().rpartition("\n")[2]))
    except (ValueError, TypeError):
        return {"error": "the download ended without a word"}


def _reason(answer: dict, host: str) -> str:
    if answer.get("status"):
        return f"{host} answered {answer['status']}"
    if answer.get("unreachable"):
        return f"{host} cannot be reached ({answer['error']})"
    return f"the download failed ({answer['error']})"


def _fetch(repository: str) -> dict:
    """In the child process: download, and say in plain values what came of it."""
    import requests
    from huggingface_hub import constants, hf_hub_download

    try:
        # not by huggingface_hub, which tries five times and waits longer each time before it says that nobody is there
        answer = requests.get(f"{constants.ENDPOINT}/api/models/{repository}", timeout=60)
        answer.raise_for_status()
        there = {each["rfilename"] for each in answer.json()["siblings"]}
        weights = [name for name in WEIGHTS if name in there]
        if not weights or OTHERS[0] not in there:
            return {"error": f"{repository} holds no model that transformers could read"}
        wanted = [*(name for name in OTHERS if name in there), weights[0]]
        return {"folder": str([Path(hf_hub_download(repository, name)) for name in wanted][-1].parent)}
    except (requests.ConnectionError, requests.Timeout) as error:
        return {"error": type(error).__name__, "unreachable": True}
    except Exception as error:  # whatever it is, the parent gets one line of it
        response = getattr(error, "response", None)
        first = str(error).partition("\n")[0]
        return {"error": f"{type(error).__name__}: {first[:160]}", "status": getattr(response, "status_code", None)}


if __name__ == "__main__":
    print(json.dumps(_fetch(sys.argv[1])), flush=True)
