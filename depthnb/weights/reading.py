"""Files of weights as other programs leave them: recognised by their bytes, unwrapped, and never able to run code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
# what is often found in the place of weights, and the remedy
_MISTAKEN = {
    "a web page": "the download failed, get it again",
    "a Git LFS pointer": "get them with git lfs pull",
    "a TensorFlow or Keras file": "its layers are not those of PyTorch; get the PyTorch version of the weights",
    "an ONNX file": "a graph whose weights have lost their names; get the PyTorch version of the weights",
    "a GGUF file": "its weights are quantised; get the PyTorch version of the weights",
}
# under which key training scripts keep the network, the plain one before its moving average
_INNER = (
    "state_dict", "model_state_dict", "model_state", "model", "network", "net", "module", "params", "weights",
    "ema_state_dict", "state_dict_ema", "model_ema", "ema", "params_ema",
)  # fmt: skip
# what DataParallel, torch.compile and Lightning put before every name
_PREFIXES = ("module.", "_orig_mod.", "_forward_module.", "model.", "network.", "net.")


def read(path: Path) -> dict[str, Tensor]:
    """All tensors of a file (safetensors, or by `torch.save`, whatever its name), by name; nothing in it can run code.

    A checkpoint of a training is unwrapped: the network is taken from under `state_dict`, `model_state_dict`, `model`, `net`
    and the like, and prefixes that all names share (`module.`, `_orig_mod.`, `model.` ...) are taken off.

    Raises:
        ValueError: that names the file if it is damaged, holds more than tensors, or tensors without values or with such as are
            not finite.
    """
    stored = _unwrapped(_stored(path), path)
    for key, value in stored.items():
        _refuse_useless(path, key, value)
    while prefix := next((each for each in _PREFIXES if all(key.startswith(each) for key in stored)), None):
        stored = {key.removeprefix(prefix): value for key, value in stored.items()}
    return stored


def _stored(path: Path) -> object:
    """What the file holds, whatever it is."""
    try:
        with open(path, "rb") as file:
            kind = _kind(file.read(64), path.suffix)
            file.seek(0)
            if kind == "safetensors":
                return load_file(path)
            if kind == "torch":  # given the path, torch would go by the name
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is not a file of weights, or holds more than tensors, which could run code: refused; save only "
            "model.state_dict(), best as .safetensors. A checkpoint whose author you trust: "
            "torch.save(torch.load(FILE, weights_only=False)['state_dict'], 'weights.pth')"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file ends in nearly any: IndexError, struct.error, AssertionError ...
        legacy = "legacy .tar" in str(error)
        remedy = "it is in a format of 2016; save it anew with a recent torch" if legacy else "get it again"
        words = str(error).partition("\n")[0]
        raise ValueError(f"{path} cannot be read as weights: {remedy} ({words[:200]})") from error
    raise ValueError(f"{path} is not a file of weights but {kind}: {_MISTAKEN[kind]}")


def _kind(start: bytes, suffix: str) -> str:
    """What a file is, by its first bytes, because files are renamed: safetensors, torch, or a key of `_MISTAKEN`."""
    # the length of a JSON header in 8 bytes, then that header
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 10**8:
        return "safetensors"
    if start.startswith((b"PK", b"\x80")):  # zip, and the pickle of before
        return "a TensorFlow or Keras file" if suffix == ".keras" else "torch"
    if start.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(b"<"):
        return "a web page"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if start.startswith(b"\x89HDF\r\n"):
        return "a TensorFlow or Keras file"
    if start.startswith(b"GGUF"):
        return "a GGUF file"
    if suffix == ".onnx":
        return "an ONNX file"
    return "safetensors" if suffix == ".safetensors" else "torch"  # neither, as its reader will say


def _unwrapped(stored: object, path: Path) -> dict[str, Tensor]:
    """The tensors by name, from as many wrappings as a training script put around them."""
    for _ in range(4):
        if not isinstance(stored, Mapping) or _is_flat(stored):
            break
        inner = next((key for key in _INNER if isinstance(stored.get(key), Mapping) and stored[key]), None)
        if inner is None:
            break
        stored = stored[inner]
    if isinstance(stored, Mapping) and _is_flat(stored):
        return dict(stored)
    if not isinstance(stored, Mapping) or not stored:
        raise ValueError(f"{path} holds {type(stored).__name__}, expected a state_dict: tensors by name")
    nets = [str(key) for key, value in stored.items() if isinstance(value, Mapping) and value and _is_flat(value)]
    if nets:
        raise ValueError(
            f"{path} holds dict, expected a state_dict: tensors by name; it is a checkpoint with the networks "
            f"{', '.join(map(repr, nets))}. Keep one of them: torch.save(torch.load(FILE)[{nets[0]!r}], 'weights.pth')"
        )
    key, value = next((key, value) for key, value in stored.items() if not _is_named_tensor(key, value))
    raise ValueError(
        f"{path} holds dict, expected a state_dict: tensors by name; found {type(value).__name__} by the name of {key!r}"
    )


def _is_flat(stored: Mapping) -> bool:
    return bool(stored) and all(_is_named_tensor(key, value) for key, value in stored.items())


def _is_named_tensor(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor)


def _refuse_useless(path: Path, key: str, value: Tensor) -> None:
    """A tensor that no network can compute with."""
    if value.is_meta:
        raise ValueError(f"{path}: {key} has no values (device meta); save the model after its weights were loaded")
    if value.layout != torch.strided:
        raise ValueError(f"{path}: {key} is stored as {value.layout}; save it dense, with .to_dense()")
    if value.dtype in FLOATS and not torch.isfinite(value).all():
        raise ValueError(
            f"{path}: {key} holds NaN or infinite values: the file is damaged or of a training that failed; take another"
        )
