"""Repositories of Hugging Face's hub: what of them this machine has, and a download that may be ended at any moment.

The files lie where every other program looks for them, in the hub's own cache: `blobs/` holds them, each named by its
checksum, `snapshots/<commit>/` links to them by name, and `refs/main` says which commit is meant.

Source: "Understand caching", the documentation of huggingface_hub.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from depthnb import files
from depthnb.files import fetching, kinds, transfer

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first of these is taken
OTHERS = ("config.json", "preprocessor_config.json")
_LARGEST, _LARGEST_TEXT = 3 * 10**9, 10**7  # bytes of weights, of everything else


class Unreachable(ConnectionError):
    """The server did not answer: asking it for something else would take as long again."""


def weights_of(folder: Path) -> Path | None:
    """The file of weights in a folder as `save_pretrained` and the hub's cache have it, None without one."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def cached(repository: str) -> Path | None:
    """The folder of a repository in the hub's cache, if its configuration and weights are there whole; nobody is asked."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError:  # without it nobody has filled its cache in a way that could be read
        return None
    try:
        folder = Path(snapshot_download(repository, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    weights = weights_of(folder)
    return folder if (folder / "config.json").is_file() and weights and _is_as_named(weights) else None


def _is_as_named(link: Path) -> bool:
    """Whether a large file of the cache has the checksum that its own name is; a small one may be named by another."""
    blob = link.resolve()
    return not re.fullmatch("[0-9a-f]{64}", blob.name) or kinds.has_checksum(blob, f"sha256:{blob.name}")


def download(repository: str, *, timeout: float = 15.0) -> Path:
    """Fetch a repository's configuration and weights into the hub's cache and return their folder.

    What arrives is kept until it is whole, and the next call goes on. Every file is of one commit, and has the size and the
    checksum that the server tells of it.

    `HF_ENDPOINT` names another server, `HF_HUB_OFFLINE=1` and `DEPTHNB_OFFLINE=1` keep it from trying.

    Args:
        repository: such as Intel/dpt-large.
        timeout: seconds without 64 kB after which it is given up; however long, a download that goes on is waited for.

    Raises:
        ConnectionError: (`Unreachable` where the server did not answer) with one part of a sentence that holds no path.
    """
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise ConnectionError("huggingface_hub is not installed; pip install 'depthnb[hub]'") from error
    for name in ("DEPTHNB_OFFLINE", "HF_HUB_OFFLINE"):
        if os.environ.get(name, "0").lower() not in ("", "0", "false", "no", "off"):
            raise ConnectionError(f"{name} is set")
    place = Path(constants.HF_HUB_CACHE) / ("models--" + repository.replace("/", "--"))
    try:
        return _fetch(constants.ENDPOINT, repository, place, timeout)
    except fetching.Unreachable as error:
        silent = isinstance(error.__cause__, transfer.Broken)
        raise (Unreachable if silent else ConnectionError)(error.reason) from error
    except (OSError, ValueError) as error:
        raise ConnectionError(fetching.words(error)) from error


def _fetch(endpoint: str, repository: str, place: Path, timeout: float) -> Path:
    commit, there = _listed(endpoint, repository, timeout)
    weights = next((name for name in WEIGHTS if name in there), None)
    if weights is None or OTHERS[0] not in there:
        raise ValueError(f"{repository} holds no model that transformers could read")
    folder = place / "snapshots" / commit
    for name in (*(name for name in OTHERS if name in there), weights):
        checksum, size = there[name]
        most = _LARGEST if name in WEIGHTS else _LARGEST_TEXT
        if size > most:
            raise ValueError(f"{name} of {repository} has {size:,} bytes, expected at most {most:,}")
        blob = place / "blobs" / checksum.partition(":")[2]
        url = f"{endpoint}/{repository}/resolve/{commit}/{name}"
        damaged = blob.is_file() and not kinds.has_checksum(blob, checksum)
        fetching.fetch(url, blob, checksum=checksum, size=size, stall=timeout, tries=1, anew=damaged)
        if not (folder / name).is_file() or not (folder / name).samefile(blob):
            files.write(folder / name, partial(_link, blob, folder))
    files.write_text(place / "refs" / "main", commit)  # last: who reads it finds everything
    return folder


def _listed(endpoint: str, repository: str, timeout: float) -> tuple[str, Mapping[str, tuple[str, int]]]:
    """The newest commit, and checksum and bytes of each file in it."""
    url = f"{endpoint}/api/models/{repository}?blobs=true"
    with tempfile.TemporaryDirectory() as folder:
        file = fetching.fetch(url, Path(folder) / "list", checksum=None, most=_LARGEST_TEXT, stall=timeout, tries=1)
        text = file.read_bytes()
    try:
        answer = json.loads(text)
        there = {each["rfilename"]: (_checksum(each), int(each["size"])) for each in answer["siblings"]}
        commit = re.fullmatch("[0-9a-f]{40}", answer["sha"])[0]  # a folder is called so
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        host = urlsplit(endpoint).netloc
        raise ValueError(f"{host} gave no list of the files of {repository} that could be read") from error
    return commit, there


def _checksum(entry: Mapping) -> str:
    """Of a file as the hub lists it: what is large has a SHA-256, everything else what Git calls it."""
    large = entry.get("lfs")
    algorithm, digits = ("sha256", large["sha256"]) if large else ("git", entry["blobId"])
    return f"{algorithm}:{re.fullmatch('[0-9a-f]{40}|[0-9a-f]{64}', digits)[0]}"  # a file is called so


def _link(blob: Path, folder: Path, part: Path) -> None:
    with contextlib.suppress(OSError, NotImplementedError):
        part.symlink_to(os.path.relpath(blob, folder))
        return
    shutil.copyfile(blob, part)  # where links are not to be had, as the hub's own program does
