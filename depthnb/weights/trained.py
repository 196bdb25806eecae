"""Files of networks that were trained here: safetensors, with the network's class and configuration beside its weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from depthnb import files


@dataclass(frozen=True)
class Trained:
    """What a file holds: the class's name, its configuration, its tensors by name."""

    model: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]


def write(file: str | os.PathLike, model: str, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write a network's weights with its class and configuration as metadata; returns the path.

    Atomic: a file of that name stays as it was until the new one is whole.

    Raises:
        OSError: when there is no room.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def writer(part: Path) -> None:
        try:
            save_file(stored, part, metadata={"model": model, "config": json.dumps(config)})
        except SafetensorError as error:  # as which safetensors reports a full disk
            raise OSError(str(error)) from error

    return files.write(file, writer)


def read(file: Path) -> Trained:
    """What `write` wrote.

    Raises:
        ValueError: that names the file if it is damaged, or written by something else.
    """
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a readable safetensors file ({error}); delete it and train again") from error
    if "model" not in metadata or "config" not in metadata:
        raise ValueError(f"{file} was not written by depthnb.models.save: it does not say which model it holds")
    try:
        config = dict(json.loads(metadata["config"]))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{file} does not fit this version of depthnb (configuration: {error}); delete it and train again"
        ) from error
    return Trained(metadata["model"], config, tensors)
