"""Reading depth networks that other programs wrote: transformers' folders, MiDaS's checkouts, MiDaS's own file.

What is read cannot run code (safetensors, or `torch.load` with `weights_only=True`), with one exception that the caller
asks for by name: a checkout of MiDaS is a folder of Python files, and its `hubconf.py` is run.
"""

from __future__ import annotations

import contextlib
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from depthnb import files
from depthnb.models.midas import AnyAspect, Input, ZeroShot
from depthnb.models.preprocessing import wanted
from depthnb.weights import hub, imagenet, reading, zoo
from depthnb.weights.midas_checkpoint import as_transformers
from depthnb.weights.origin import Kind, Origin

_IMAGENET = {"mean": (0.485, 0.456, 0.406), "deviation": (0.229, 0.224, 0.225)}
# entry point of a checkout of MiDaS -> how it wants its images, and the names its weights go by
ENTRIES: Mapping[str, tuple[Input, tuple[str, ...]]] = MappingProxyType(
    {
        "DPT_Large": (Input(), ("dpt_large-midas-2f21e586.pt", "dpt_large_384.pt")),
        "DPT_Hybrid": (Input(), ("dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid_384.pt")),
        "MiDaS_small": (Input(256, 256, **_IMAGENET), ("model-small-70d6b9c8.pt", "midas_v21_small_256.pt")),
    }
)
# the first fusion layer has nothing to fuse: this part of it exists, is in no published file, and is never run
_NEVER_RUN = "neck.fusion_stage.layers.0.residual_layer1."


def from_path(path: str | Path, *, entry: str = "DPT_Large") -> ZeroShot:
    """The network at a path.

    Args:
        path: a folder as `save_pretrained` or the hub writes it (`config.json` and weights); or a checkout of MiDaS
            (`hubconf.py`), whose code is run, with its weights under `weights/`, beside `hubconf.py` or in torch.hub's
            cache; or the file of weights of DPT-Large that MiDaS publishes (`dpt_large-midas-2f21e586.pt`,
            `dpt_large_384.pt`), which transformers' class then runs, so that timm is not needed.
        entry: of a checkout, one of `ENTRIES`.

    Raises:
        FileNotFoundError: if there is nothing at the path, or no weights in the checkout.
        ValueError: for anything that is damaged or something else, naming it; for code that does not run here.
        ImportError: if transformers is not installed.
    """
    path = Path(path).expanduser()
    if (path / "hubconf.py").is_file():
        return from_checkout(path, entry)
    if (path / "config.json").is_file():
        # in the hub's cache a folder is named by a commit, its repository two levels above
        cached = path.resolve().parent.name == "snapshots"
        name = path.resolve().parents[1].name.rpartition("--")[2] if cached else path.resolve().name
        return from_folder(path, name=name, origin=f"weights from the folder {name}")
    if path.is_file():
        return from_checkpoint(path, name="dpt-large", origin=f"weights from the file {path.name}")
    if not path.exists():
        raise FileNotFoundError(
            f"nothing at {path}; expected 'cache', 'hub', 'require', 'none', or the path of a folder or file of weights"
        )
    raise ValueError(
        f"{path} is no network: expected config.json with weights beside it, hubconf.py of a checkout of MiDaS, or a file"
    )


def _transformers():
    """transformers, asked for only where it is needed: importing it takes seconds."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError("transformers is not installed; get it with: pip install 'depthnb[hub]'") from error
    return transformers


@contextlib.contextmanager
def _quiet(transformers) -> Iterator[None]:
    """Without its bars and its warnings; what matters in them is checked here and becomes an error."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def from_folder(folder: Path, *, name: str, origin: str) -> ZeroShot:
    config = _json(folder / "config.json")
    _refuse_metric(folder, config)
    kind = config["model_type"]
    weights = hub.weights_of(folder)
    if weights is None:
        raise FileNotFoundError(
            f"{folder} holds config.json but no weights; expected {' or '.join(hub.WEIGHTS)} beside it"
        )
    transformers = _transformers()
    try:
        with _quiet(transformers):
            network, told = transformers.AutoModelForDepthEstimation.from_pretrained(
                folder,
                local_files_only=True,
                output_loading_info=True,
                use_safetensors=weights.suffix == ".safetensors",
                weights_only=True,
            )
    except Exception as error:  # of any kind: torch's, safetensors', transformers' own
        said = str(error).partition("\n")[0]
        raise ValueError(
            f"{weights} cannot be read as {kind}; get it again ({type(error).__name__}: {said[:160]})"
        ) from error
    _refuse_partial(weights, kind, told)
    plain = kind == "dpt" and config.get("backbone_config") is None and not config.get("is_hybrid")
    return ZeroShot(
        AnyAspect(network.float()) if plain else network.float(),
        _wants(folder, config, plain),
        name=name,
        origin=Origin(Kind.FILE, origin, files.digest(weights)),
    )


def _json(file: Path) -> dict:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError, OSError) as error:
        raise ValueError(f"{file} is damaged ({error}); get it again") from error


def _refuse_partial(file: Path, kind: str, told: Mapping) -> None:
    """transformers fills what a file lacks with random numbers and only warns of it."""
    missing = [key for key in told["missing_keys"] if not key.startswith(_NEVER_RUN)]
    # v4 names a mismatch by (key, shape found, shape expected), v5 in its own class; either begins with the key
    mismatched = [key if isinstance(key, str) else key[0] for key in told["mismatched_keys"]]
    for keys, said in ((missing, "lacks"), (mismatched, "has another shape of")):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise ValueError(f"{file} does not hold the weights of this {kind}: it {said} {min(keys)}{more}")


def _wants(folder: Path, config: Mapping, plain: bool) -> Input:
    """How the network wants its images: as the folder says, else as its kind is known to.

    Deviation: the file published with DPT-Large presses every image into a square; MiDaS's own transform, which document
    000 used, keeps the aspect, and so does this.
    """
    file = folder / "preprocessor_config.json"
    depth_anything = config["model_type"] == "depth_anything"
    usual = Input(518, 518, 14, True, **_IMAGENET) if depth_anything else Input(keep_aspect=plain)
    side = config.get("image_size") or (config.get("backbone_config") or {}).get("image_size")
    if side:
        usual = replace(usual, height=int(side), width=int(side))
    wants = wanted(file, _json(file) if file.is_file() else {}, usual)
    return replace(wants, multiple=usual.multiple, keep_aspect=usual.keep_aspect) if plain else wants


def _refuse_metric(folder: Path, config: Mapping) -> None:
    """Networks of the same classes that were trained for metres: taken for inverse depth, near and far change places."""
    kind, backbone = config.get("model_type"), (config.get("backbone_config") or {}).get("model_type")
    if kind not in ("dpt", "depth_anything"):
        raise ValueError(
            f"{folder} holds a model of the type {kind!r}; expected 'dpt' or 'depth_anything', which predict inverse depth up "
            "to scale and shift. Models in metres belong to another protocol"
        )
    metric = config.get("depth_estimation_type", "relative") != "relative" or config.get("max_depth") not in (None, 1)
    if kind == "depth_anything" and metric:
        raise ValueError(
            f"{folder} holds a metric variant of Depth Anything (depth_estimation_type "
            f"{config.get('depth_estimation_type', 'relative')!r}, max_depth {config.get('max_depth')}); expected the relative "
            "one"
        )
    if kind == "dpt" and backbone in ("dinov2", "dinov2_with_registers"):
        raise ValueError(
            f"{folder} holds DPT on {backbone}, as published for NYU and KITTI: it predicts depth in metres; expected one of "
            "MiDaS's, which predict inverse depth up to scale and shift"
        )


def from_checkpoint(file: Path, *, name: str, origin: str) -> ZeroShot:
    """DPT-Large from MiDaS's own file, run by transformers' class."""
    tensors, sizes = as_transformers(reading.read(file), file)
    transformers = _transformers()
    with _quiet(transformers):
        network, told = transformers.DPTForDepthEstimation.from_pretrained(
            None, config=transformers.DPTConfig(**sizes), state_dict=tensors, output_loading_info=True
        )
    _refuse_partial(file, "dpt", told)
    side = sizes["image_size"]
    whence = Origin(Kind.FILE, origin, files.digest(file))
    return ZeroShot(AnyAspect(network.float()), Input(side, side), name=name, origin=whence)


def from_checkout(folder: Path, entry: str) -> ZeroShot:
    """A network of MiDaS run by MiDaS's own code."""
    if entry not in ENTRIES:
        raise ValueError(f"entry {entry!r} of a checkout is unknown; expected one of {', '.join(ENTRIES)}")
    wants, names = ENTRIES[entry]
    places = [
        place / name
        for place in (folder / "weights", folder, Path(torch.hub.get_dir()) / "checkpoints")
        for name in names
    ]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise FileNotFoundError(
            f"the checkout {folder} has no weights of {entry}: put {names[0]} into {folder / 'weights'}"
        )
    network = _run(folder, entry)
    try:
        network.load_state_dict(reading.read(file))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise ValueError(f"{file} does not hold weights of {entry}: {' '.join(lines[1:2])[:160]}") from error
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, 3, 2 * wants.multiple, 2 * wants.multiple))
    except Exception as error:
        raise ValueError(_does_not_run(folder, entry, error)) from error
    origin = Origin(Kind.FILE, f"weights from {file.name}, code of {folder.name}", files.digest(file))
    return ZeroShot(network, wants, name=f"{entry} (checkout)", origin=origin)


def _run(folder: Path, entry: str) -> nn.Module:
    try:
        # pretrained=False: its own download knows no time limit and unpickles what it gets
        network = torch.hub.load(str(folder), entry, source="local", pretrained=False)
    except Exception as error:
        raise ValueError(_does_not_run(folder, entry, error)) from error
    if not isinstance(network, nn.Module):
        raise ValueError(f"{entry} of the checkout {folder} returned {type(network).__name__}, expected a network")
    return network


def _does_not_run(folder: Path, entry: str, error: Exception) -> str:
    try:
        import timm

        here = f"here is timm {timm.__version__}"
    except ImportError:
        here = "timm is not installed here"
    said = str(error).partition("\n")[0]
    return textwrap.shorten(
        f"{entry} of the checkout {folder} does not run ({type(error).__name__}: {said}). MiDaS was written for timm 0.6.12, "
        f"{here}. Without timm: give the file of weights itself instead of the checkout, or use dpt-large",
        600,
    )


def find(
    networks: str | Sequence[str], weights: str = "cache", *, timeout: float = 8.0
) -> tuple[dict[str, ZeroShot], str]:
    """Published networks by name, and a paragraph that says where each comes from, or why it is not here.

    Args:
        networks: names in `weights.zoo.NETWORKS`, as a list or separated by commas.
        weights: `cache`: what this machine has, in Hugging Face's cache or torch.hub's. `hub`: download what is missing.
            `require`: the same, but an error where one is not to be had. `none`: nothing is looked for. Anything else is a
            path (see `from_path`), whose network is the only one then, whatever `networks` says.
        timeout: seconds that a server may be silent before it, and every download after it, is given up.

    Returns:
        name -> network, possibly empty, and the paragraph, which holds no path.

    Raises:
        ValueError: for an unknown name; for a file that is damaged or holds another network.
        FileNotFoundError: if there is nothing at the path.
        ConnectionError: if `require` does not find one.
    """
    if weights == "none":
        return {}, "No pretrained network: none was asked for."
    if weights not in ("cache", "hub", "require"):
        network = from_path(weights)
        return {network.name: network}, f"{network.name}: {network.origin}."
    found, said, silent = {}, [], None
    for name in zoo.names(networks):
        network = _cached(name)
        reason = "whole in neither cache"
        if network is None and weights != "cache":
            network, reason, silent = _downloaded(name, timeout, silent)
        if network is not None:
            found[name] = network
            said.append(f"{name}: {network.origin}.")
        else:
            said.append(f"{name}: not here ({reason}).")
    missing = [name for name in zoo.names(networks) if name not in found]
    if missing and weights == "require":
        raise ConnectionError(f"{' '.join(said)} {zoo.remedy(missing, weights)}")
    return found, " ".join([*said, zoo.remedy(missing, weights)] if missing else said)


HUB = "hub:"  # before the name of a published network, where a run could stand too


def referred(which: str) -> ZeroShot:
    """One published network, from the caches of this machine or by a download.

    Args:
        which: behind `HUB` or not, a name of `weights.zoo.NETWORKS`, a repository such as
            `depth-anything/Depth-Anything-V2-Small-hf`, or the path of a folder that `save_pretrained` wrote.

    Raises:
        ValueError, FileNotFoundError, ConnectionError: as `find`.
    """
    which = which.removeprefix(HUB)
    if Path(which).expanduser().exists():
        return from_path(which)
    known = {each.repository: key for key, each in zoo.NETWORKS.items()}
    by_name, _ = find(known.get(which, which), "require")
    return next(iter(by_name.values()))


def _cached(name: str) -> ZeroShot | None:
    published = zoo.NETWORKS[name]
    folder = hub.cached(published.repository)
    if folder is not None:
        return from_folder(folder, name=name, origin=f"weights of {published.repository} from Hugging Face's cache")
    file = zoo.in_torch_hub(zoo.DPT_LARGE_URL)
    if name == "dpt-large" and file.is_file() and imagenet.is_whole(file, imagenet.checksum_in(file.name)):
        return from_checkpoint(file, name=name, origin=f"weights from {file.name} in torch.hub's cache")
    return None


def _downloaded(name: str, timeout: float, silent: str | None) -> tuple[ZeroShot | None, str, str | None]:
    """The network or None, why not, and what kept the server silent, so that nobody waits for it twice."""
    if silent:
        return None, silent, silent
    published = zoo.NETWORKS[name]
    try:
        folder = hub.download(published.repository, timeout=timeout)
        return from_folder(folder, name=name, origin=f"weights of {published.repository}, downloaded"), "", None
    except ConnectionError as error:
        reason, silent = str(error), str(error) if isinstance(error, hub.Unreachable) else None
    if name == "dpt-large":  # the same weights, where Akondi had them from
        file = zoo.in_torch_hub(zoo.DPT_LARGE_URL)
        try:
            imagenet.ensure(zoo.DPT_LARGE_URL, file, imagenet.checksum_in(file.name), timeout)
            return from_checkpoint(file, name=name, origin=f"weights from {file.name}, downloaded"), "", silent
        except (OSError, ValueError) as error:
            reason = f"{reason}; {error}"
    return None, reason, silent
