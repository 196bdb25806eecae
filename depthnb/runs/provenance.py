"""What made a number: the device, the versions of the packages, the code, the files that a parameter names."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from depthnb import files

ROOT = Path(__file__).resolve().parents[2]
# what decides how a training goes on: a checkpoint of other versions of these is not continued
TRAINED_BY = ("python", "torch", "torchvision", "lightning-fabric", "numpy")
_CODE = ("data", "losses.py", "models", "training", "weights")
_WEIGHTS = re.compile(r"\.(safetensors|pth?|bin|ckpt|tar)$")


def fingerprint(*parts: object) -> str:
    """Eight hexadecimal digits that stand for any JSON-like values.

    >>> fingerprint({"b": 1, "a": 2}) == fingerprint({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]


def device_name(device: str = "auto") -> str:
    """A short name of what computes: the GPU's name, or the CPU's architecture and thread count."""
    import torch  # only here: reading records must not wait for it

    if device in ("auto", "cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    if device in ("auto", "mps") and torch.backends.mps.is_available():
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine()}, {threads} thread{'s' if threads > 1 else ''})"


def versions() -> dict[str, str]:
    """Versions of Python and the packages that numbers depend on."""
    installed = {"python": platform.python_version()}
    for name in ("depthnb", "torch", "torchvision", "lightning-fabric", "numpy", "pandas", "matplotlib"):
        with contextlib.suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def code() -> str:
    """Twelve hexadecimal digits that stand for the part of depthnb's source that decides how a training goes."""
    package = ROOT / "depthnb"
    return hashlib.sha256("".join(files.digest(package / part) for part in _CODE).encode()).hexdigest()[:12]


def inputs(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What lies in the files and folders that parameters name, such as `pretrained`: parameter -> `files.digest`.

    A data set's place (`data_root`) is left out: of a data set the run knows the content already. A parameter names a file
    if it has a separator or the ending of a file of weights, or is called `pretrained`, and something is there.
    """
    contents = {}
    for name, value in parameters.items():
        if not isinstance(value, str) or not value or name == "run" or name.endswith("root"):
            continue
        if name == "pretrained" or "/" in value or "\\" in value or _WEIGHTS.search(value):
            path = Path(value).expanduser()
            if path.exists():
                contents[name] = files.digest(path)
    return contents


def commit() -> str | None:
    """The git commit of the code, with `+changes` when tracked files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != ROOT:
            return None  # installed somewhere inside another repository
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "depthnb", "notebooks", "data")
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
