"""Files of networks that were trained here: safetensors, with the network's class and configuration beside its weights."""

from __future__ import annotations

import errno
import json
import os
import re
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

    Atomic: a file of that name stays as it was until the new one is whole. The same weights are the same bytes.

    Raises:
        OSError: when there is no room.
        ValueError: for weights that are not finite, which no later command could use.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    if bad := not_finite(stored):
        raise ValueError(
            f"not saved to {file}: {bad} of this {model} holds NaN or infinite values; expected trained weights. Train again "
            "with a lower learning rate, or in 32-true precision"
        )

    def writer(part: Path) -> None:
        try:
            save_file(stored, part, metadata={"model": model, "config": json.dumps(config)})
        except SafetensorError as error:  # as which safetensors reports a full disk
            number = re.search(r"\(os error (\d+)\)", str(error))
            code = int(number[1]) if number else errno.EIO
            raise OSError(code, os.strerror(code) if number else str(error)) from error
        _order(part)

    return files.write(file, writer)


def _order(file: Path) -> None:
    """Bring the metadata of a safetensors file into one order; the library writes it in another one every time."""
    with open(file, "r+b") as stream:
        size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= size:  # it is as long as before, and spaces fill it up
            stream.seek(8)
            stream.write(text.ljust(size))


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with NaN or infinite values; None where there is none.

    >>> import torch
    >>> not_finite({"a": torch.ones(2), "b": torch.tensor([1, torch.nan])})
    'b'
    """
    return next(
        (name for name, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()), None
    )


def read(file: Path) -> Trained:
    """What `write` wrote.

    Raises:
        ValueError: that names the file if it is damaged, holds values that are not finite, or was written by something else.
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
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{file} does not fit this version of depthnb (configuration: {error}); delete it and train again"
        ) from error
    if bad := not_finite(tensors):
        raise ValueError(
            f"{file}: {bad} holds NaN or infinite values: the file is damaged or of a training that failed; delete it and "
            "train again"
        )
    return Trained(metadata["model"], config, tensors)
