"""Checkpoints of a training: written atomically after every epoch, and refused when damaged or of another training."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from depthnb import files
from depthnb.training.undo import undone_when_stopped


def save(file: Path, parts: Mapping[str, Any], *, rows: list[dict], settings: dict) -> None:
    """Write the state of a training; the file is there whole, or as it was before.

    Args:
        file: the checkpoint.
        parts: name -> whatever has a state_dict: models, optimisers, schedulers.
        rows: one dict per finished epoch.
        settings: plain values that a later `restore` must agree on.

    Raises:
        OSError: which says what to do, when it cannot be written.
    """
    state = {name: part.state_dict() for name, part in parts.items()} | {"rows": rows, "settings": settings}
    files.clear(file)

    def writer(part: Path) -> None:
        with open(part, "wb") as stream:
            torch.save(state, stream)

    try:
        files.write(file, writer)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError that says something else
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        known = isinstance(reason, OSError)
        remedy = files.remedy(reason) if known else "free some space"
        raise OSError(
            f"could not write the checkpoint of epoch {rows[-1]['epoch']} to {file.parent} "
            f"({reason.strerror or reason if known else reason}); {remedy}. Then start the same command again: it continues "
            "after the last epoch that was saved"
        ) from error


def restore(file: Path, parts: Mapping[str, Any], *, settings: dict, epochs: int) -> list[dict]:
    """Load the state that `save` wrote into the same parts, and return its rows.

    Args:
        file: the checkpoint.
        parts, settings: as for `save`.
        epochs: how many there shall be in the end; a checkpoint that has more is refused, as is one with other settings.

    Raises:
        ValueError: that names the file, what is wrong with it and what to do. The parts are then as they were, as they are
            after any other exception.
    """
    remedy = f"delete {file} to train from the start"
    state = _read(file, remedy)
    stored, rows = state["settings"], state["rows"]
    differences = [
        f"{key} {stored.get(key)!r}, now {settings.get(key)!r}"
        for key in dict.fromkeys([*settings, *stored])
        if stored.get(key) != settings.get(key)
    ]
    if len(rows) > epochs:
        differences.append(f"{len(rows)} epochs, now {epochs}")
    if differences:
        raise ValueError(f"the checkpoint {file} belongs to another training ({'; '.join(differences)}); {remedy}")
    try:
        with undone_when_stopped(parts):
            for name, part in parts.items():
                part.load_state_dict(state[name])
    except Exception as error:
        raise ValueError(f"the checkpoint {file} does not fit this training ({error}); {remedy}") from error
    return rows


def _read(file: Path, remedy: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(file) as archive:  # torch itself does not look at the checksums
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"checksum of {damaged} is wrong")
        state = torch.load(file, map_location="cpu", weights_only=True)
        if not {"settings", "rows"} <= state.keys():
            raise ValueError("it has no rows or no settings")
    except Exception as error:
        # torch's own text is long and advises to load what must not be trusted
        reason = "objects that are no tensors" if isinstance(error, UnpicklingError) else error
        raise ValueError(f"the checkpoint {file} is damaged or not one of depthnb's ({reason}); {remedy}") from error
    return state
