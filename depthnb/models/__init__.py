"""One file per method; here their names, and saving and loading of trained weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from depthnb import files
from depthnb.models.blocks import describe, parameter_count
from depthnb.models.bn_cnn import BNCNN
from depthnb.models.densenet import DenseDepth
from depthnb.models.eigen import EigenCoarse, EigenFine
from depthnb.models.gan import PatchDiscriminator, Pix2PixGenerator
from depthnb.models.hma import HMADepth
from depthnb.models.unet import UNet

__all__ = [
    "BNCNN",
    "DenseDepth",
    "EigenCoarse",
    "EigenFine",
    "HMADepth",
    "PatchDiscriminator",
    "Pix2PixGenerator",
    "UNet",
    "build",
    "describe",
    "load",
    "parameter_count",
    "save",
]

# class name -> model from its config; one line for each model that a run folder may hold
_BUILDERS = {
    "BNCNN": lambda config: BNCNN(**config),
    "DenseDepth": lambda config: DenseDepth(**config),
    "EigenCoarse": lambda config: EigenCoarse(**config),
    "EigenFine": lambda config: EigenFine(EigenCoarse(**config["coarse"]), initialisation=config["initialisation"]),
    "PatchDiscriminator": lambda config: PatchDiscriminator(**config),
    "Pix2PixGenerator": lambda config: Pix2PixGenerator(**config),
    "HMADepth": lambda config: HMADepth(**config),
    "UNet": lambda config: UNet(**config),
}
WEIGHTS = Path("weights") / "model.safetensors"  # inside a run folder


def build(name: str, config: dict) -> nn.Module:
    """The untrained model of a class name and its `config` (as stored beside the weights)."""
    if name not in _BUILDERS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(sorted(_BUILDERS))}")
    return _BUILDERS[name](config)


def save(model: nn.Module, file: str | os.PathLike) -> Path:
    """Write a model's weights as safetensors, with its class and config as metadata; returns the path.

    Atomic: a file of that name stays as it was until the new one is whole. Raises OSError when there is no room.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {"model": type(model).__name__, "config": json.dumps(model.config)}

    def writer(part: Path) -> None:
        try:
            save_file(tensors, part, metadata=metadata)
        except SafetensorError as error:  # as which safetensors reports a full disk
            raise OSError(str(error)) from error

    return files.write(file, writer)


def load(run_folder: str | os.PathLike) -> nn.Module:
    """The trained model of a run folder (or of one `.safetensors` file), in eval mode on the CPU.

    Raises FileNotFoundError that names the command which trains it anew when the weights are not there (they are not kept
    in git), and ValueError for a damaged or foreign file.
    """
    folder = Path(run_folder)
    file = folder if folder.suffix == ".safetensors" else folder / WEIGHTS
    if not file.exists():
        raise FileNotFoundError(f"no weights at {file}; make them with: {_command(folder)}")
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a readable safetensors file ({error}); delete it and train again") from error
    if "model" not in metadata or "config" not in metadata:
        raise ValueError(f"{file} was not written by depthnb.models.save: it does not say which model it holds")
    try:
        model = build(metadata["model"], json.loads(metadata["config"]))
        model.load_state_dict(tensors)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise ValueError(f"{file} does not fit this version of depthnb ({error}); delete it and train again") from error
    return model.eval()


def _command(folder: Path) -> str:
    try:
        return json.loads((folder / "run.json").read_text())["command"]
    except (OSError, ValueError, KeyError):
        return "the notebook of that method (there is no finished run in this folder)"
