"""Image networks of torchvision with ImageNet weights: from a file, the cache or the network, or honestly without them.

torchvision's own registry says which file belongs to which network and part of its checksum; the file is kept where
`torch.hub` keeps it (`$TORCH_HOME/hub/checkpoints`), so that one that is there already is used, and one that was brought
by hand is as good. Nothing that is read can run code: `.pth` files are loaded with `weights_only=True`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import torch
import torchvision
from torch import Tensor, nn

from depthnb import files
from depthnb.files import fetching, kinds
from depthnb.weights import reading
from depthnb.weights.origin import Kind, Origin

_LARGEST = 3 * 10**9  # bytes; no network of torchvision has more
# the published DenseNet files have a dot here that modules may no longer have in their names
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
HEADS = ("classifier.", "fc.", "head.", "heads.")  # the ImageNet classes: no depth net uses them


def backbone(name: str, weights: str | os.PathLike = "auto", *, timeout: float = 10.0) -> tuple[nn.Module, Origin]:
    """A classification network of torchvision, and where its weights come from.

    `DEPTHNB_OFFLINE=1` keeps `auto` and `require` from trying the network. Random weights are drawn from torch's global
    generator in every case, so that what is drawn after them does not depend on whether a file was found.

    Args:
        name: as torchvision spells it: resnet50, resnext50_32x4d, densenet169, vgg19, ...
        weights: `auto`: the file in torch.hub's cache, else a download (checked, at most `timeout` seconds without
            progress), else random weights. `none`: random weights, nothing is looked for. `require`: as `auto`, but an
            error instead of random weights. Anything else is the path of a file: `.safetensors`, or `.pth` as
            `torch.save(model.state_dict(), ...)` writes it. A file need not hold the classification layer.
        timeout: seconds that the network may be silent before it is given up; a name look-up that hangs counts too.

    Returns:
        The network in training mode, and the origin of its weights, whose sentence holds no path.

    Raises:
        ValueError: for an unknown name; for a file that is damaged, holds more than tensors, belongs to another network, or
            holds values that are no weights (not finite, integers, complex).
        FileNotFoundError: if the file given by path is not there.
        ConnectionError: if `require` finds no weights, with the place to put them.
    """
    model = _build(name)
    if not isinstance(weights, str | os.PathLike):
        raise ValueError(f"weights is {weights!r}; expected 'auto', 'none', 'require' or the path of a file")
    if weights == "none":
        return model, Origin(Kind.NONE, "random weights: none were asked for")
    if weights not in ("auto", "require"):
        path = Path(weights).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"no weights at {path}; expected 'auto', 'none', 'require' or the path of a file")
        load_into(model, path, name=name)
        return model, Origin(Kind.FILE, f"weights from the file {path.name}", files.digest(path))
    url, prefix = _published(name)
    path = _place(url)
    try:
        ensure(url, path, prefix, timeout)
    except (OSError, ValueError) as error:
        if weights == "require":
            raise ConnectionError(
                f"no ImageNet weights for {name}: {error}. Get {url} elsewhere and put it at {path}, or give the path of "
                "a file, or 'none' for random weights"
            ) from error
        return model, Origin(Kind.NONE, f"random weights: no ImageNet weights for {name} ({error})")
    load_into(model, path, name=name)
    return model, Origin(Kind.IMAGENET, f"ImageNet weights from {path.name}", files.digest(path))


def cached(name: str) -> bool:
    """Whether the published weights of a network of torchvision are in torch.hub's cache, whole."""
    url, prefix = _published(name)
    return _place(url).is_file() and is_whole(_place(url), prefix)


def _place(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlsplit(url).path).name


def load_into(model: nn.Module, path: Path, *, name: str) -> None:
    """Fill a network of torchvision from a file; all or nothing, save for its classification layer.

    The network may be a part of what the file holds: its tensors are looked for under every prefix (`backbone.`, `encoder.`,
    `module._orig_mod.` ...) that one network can have. Half precision is as good as single.

    Raises:
        ValueError: that names the file if it is damaged, holds more than tensors, belongs to another network, holds this one
            twice, or values that are no weights.
    """
    own = model.state_dict()
    body = {key for key in own if not key.startswith(HEADS)}
    stored, prefix = _under_prefix({_key(key): value for key, value in reading.read(path).items()}, body, path, name)
    # batch norm's step counter is younger than some of the files, and does nothing to a prediction
    missing = sorted(key for key in body - set(stored) if not key.endswith("num_batches_tracked"))
    foreign = sorted(key for key in stored if key not in own and not key.startswith(HEADS))
    fitting = {key: value for key, value in stored.items() if key in own and own[key].shape == value.shape}
    reshaped = sorted(body & set(stored) - set(fitting))
    for keys, complaint in (
        (missing, "it lacks"),
        (foreign, f"{name} has no place for"),
        (reshaped, "it has another shape of"),
    ):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise ValueError(f"{path} does not hold weights of {name}: {complaint} {prefix}{keys[0]}{more}")
    for key, value in fitting.items():
        if own[key].is_floating_point() and value.dtype not in reading.FLOATS:
            raise ValueError(
                f"{path}: {key} is {value.dtype}, expected floats; save the weights themselves, not a quantised or otherwise "
                "converted form of them"
            )
    whole = set(own) - body <= set(fitting)  # a layer for other classes than ImageNet's is left out
    model.load_state_dict({**own, **{key: value for key, value in fitting.items() if whole or key in body}})


def _under_prefix(
    stored: Mapping[str, Tensor], body: Collection[str], path: Path, name: str
) -> tuple[dict[str, Tensor], str]:
    """The tensors of the network without the prefix they have in a larger one, and that prefix ("" if they have none)."""
    shared = {key for key in body if not key.endswith("num_batches_tracked")}
    first = min(shared)
    counts = {"": len(shared & set(stored))}
    for key in stored:
        if key.endswith(f".{first}"):
            prefix = key.removesuffix(first)
            counts[prefix] = sum(prefix + each in stored for each in shared)
    whole = [prefix for prefix, count in counts.items() if count == len(shared)]
    if len(whole) > 1:
        raise ValueError(
            f"{path} holds the network {name} {len(whole)} times, as {' and '.join(map(repr, whole))}; keep one of them: "
            f"tensors = torch.load(FILE); torch.save({{k.removeprefix({whole[0]!r}): v for k, v in tensors.items() if "
            f"k.startswith({whole[0]!r})}}, 'weights.pth')"
        )
    best = whole[0] if whole else max(counts, key=counts.get)
    return {key.removeprefix(best): value for key, value in stored.items() if key.startswith(best)}, best


def _build(name: str) -> nn.Module:
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(str(name), known, 3)
        raise ValueError(
            f"unknown network {name!r}; " + (f"did you mean {' or '.join(close)}?" if close else str(known))
        )
    # these two ask for a choice that the others have not, and warn without it
    extra = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
    return torchvision.models.get_model(name, weights=None, **extra)


def _published(name: str) -> tuple[str, str]:
    """URL of the published weights and the start of their SHA-256, which the file name holds."""
    choices = torchvision.models.get_model_weights(name)
    # V1: what the papers had; later training recipes are better at ImageNet, and another experiment
    url = (choices["IMAGENET1K_V1"] if "IMAGENET1K_V1" in choices.__members__ else choices.DEFAULT).url
    return url, checksum_in(url)


def checksum_in(name: str) -> str:
    """The start of the SHA-256 that the name of a published file holds, "" where it holds none.

    >>> checksum_in("https://download.pytorch.org/models/resnet18-f37072fd.pth"), checksum_in("weights.pth")
    ('f37072fd', '')
    """
    found = re.search(r"-([0-9a-f]{8,})\.", name)
    return found[1] if found else ""


def ensure(url: str, path: Path, prefix: str, timeout: float) -> None:
    """Have the published file at `path`: as it is there already, or by a download that is given up when it stalls.

    Args:
        url: of the file.
        path: where it is, or shall be.
        prefix: the start of its SHA-256, "" where none is published.
        timeout: seconds that the network may be silent.

    Raises:
        OSError: in one part of a sentence, without a path.
        ValueError: likewise, for a file that is not the published one.
    """
    damaged = path.is_file() and not is_whole(path, prefix)
    if path.is_file() and not damaged:
        return
    reason = f"{path.name} is {'damaged' if damaged else 'not'} in torch.hub's cache"
    checksum = f"sha256:{prefix}" if prefix else None
    try:
        fetching.fetch(url, path, checksum=checksum, most=_LARGEST, stall=timeout, tries=1, anew=damaged)
    except fetching.Unreachable as error:
        raise ConnectionError(f"{reason}, and {fetching.words(error)}") from error
    except OSError as error:
        raise OSError(f"{reason}, and {fetching.words(error)}") from error
    except ValueError as error:
        said = "what was downloaded does not have the published checksum" if prefix else fetching.words(error)
        raise ValueError(f"{reason}, and {said}") from error


def is_whole(path: Path, prefix: str) -> bool:
    """Whether a file's SHA-256 begins so; "" says nothing of it."""
    return not prefix or kinds.has_checksum(path, f"sha256:{prefix}")


def _key(key: str) -> str:
    """A tensor's name as the modules of today spell it.

    >>> _key("features.denseblock1.denselayer1.norm.1.weight")
    'features.denseblock1.denselayer1.norm1.weight'
    """
    return _OLD_DENSENET.sub(r"\1\2", key)
