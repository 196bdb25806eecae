"""One file per method; here their names, and saving and loading of trained weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

from torch import nn

from depthnb.models.blocks import describe, parameter_count
from depthnb.models.bn_cnn import BNCNN
from depthnb.models.bounds import as_large_as, without_other_files
from depthnb.models.camera import CanonicalCamera
from depthnb.models.densenet import DenseDepth
from depthnb.models.eigen import EigenCoarse, EigenFine
from depthnb.models.gan import PatchDiscriminator, Pix2PixGenerator
from depthnb.models.hma import HMADepth
from depthnb.models.self_supervised import BoundedFPN
from depthnb.models.today import FPN
from depthnb.models.unet import UNet
from depthnb.weights import trained

__all__ = [
    "BNCNN",
    "FPN",
    "BoundedFPN",
    "CanonicalCamera",
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
    "BoundedFPN": lambda config: BoundedFPN(**config),
    "CanonicalCamera": lambda config: CanonicalCamera(build(config["net"], config["config"]), focal=config["focal"]),
    "DenseDepth": lambda config: DenseDepth(**config),
    "EigenCoarse": lambda config: EigenCoarse(**config),
    "EigenFine": lambda config: EigenFine(EigenCoarse(**config["coarse"]), initialisation=config["initialisation"]),
    "FPN": lambda config: FPN(**config),
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

    What torch.compile, DataParallel and Fabric put around a model is taken off first. Atomic: a file of that name stays as it
    was until the new one is whole.

    Raises:
        OSError: when there is no room.
    """
    while type(model).__name__ not in _BUILDERS:
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            break
        model = inner
    return trained.write(file, type(model).__name__, model.config, model.state_dict())


def load(run_folder: str | os.PathLike) -> nn.Module:
    """The trained model of a run folder (or of one `.safetensors` file), in eval mode on the CPU.

    Raises:
        FileNotFoundError: that names the command which trains it anew when the weights are not there (they are not kept in
            git).
        ValueError: for a damaged or foreign file, weights that are not finite, and a configuration that does not belong to the
            weights beside it: one that asks for more of them than the file holds, or for those of another file.
    """
    folder = Path(run_folder)
    file = folder if folder.suffix == ".safetensors" else folder / WEIGHTS
    if not file.exists():
        raise FileNotFoundError(f"no weights at {file}; make them with: {_command(folder)}")
    stored = trained.read(file)
    try:
        with as_large_as(stored.tensors):
            model = build(stored.model, without_other_files(stored.config))
        model.load_state_dict(stored.tensors)
    except (
        ValueError,
        TypeError,
        KeyError,
        RuntimeError,
        OverflowError,
        AttributeError,
        AssertionError,
        MemoryError,
    ) as error:
        said = str(error) or type(error).__name__
        raise ValueError(
            f"{file} does not fit this version of depthnb ({said[:300]}); delete it and train again"
        ) from error
    return model.eval()


def _command(folder: Path) -> str:
    """What trains the model anew; from run.json itself, since models know nothing of runs."""
    try:
        return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["command"])
    except (OSError, ValueError, KeyError, TypeError):
        return "the notebook of that method (there is no finished run in this folder)"
