"""Finding networks that others trained for depth: on this machine, in a cache, on the hub, or honestly not at all."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import torch
from torch import Tensor, nn

from depthnb import evaluation, foreign, hub, pretrained
from depthnb.data.sample import Dataset
from depthnb.models.midas import SwappedColours, ZeroShot, as_depth

NYU = "NYU Depth V2"
# MiDaS's README lists the ten for v2.1 and v3.0; its release notes of v3.1 add the two
TEN = (
    "ReDWeb", "DIML", "Movies", "MegaDepth", "WSVD", "TartanAir", "HRWSI", "ApolloScape", "BlendedMVS", "IRS",
)  # fmt: skip
DEPTH_ANYTHING = (
    "BlendedMVS", "Hypersim", "IRS", "TartanAir", "VKITTI 2",  # rendered, with depth
    "BDD100K", "Google Landmarks", "ImageNet-21K", "LSUN", "Objects365", "Open Images V7", "Places365", "SA-1B",  # without
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """A network as its authors published it: repository on Hugging Face's hub, size, training sets and their source."""

    repository: str
    megabytes: int
    training_sets: tuple[str, ...]
    source: str


NETWORKS: Mapping[str, Published] = MappingProxyType(
    {
        "dpt-large": Published("Intel/dpt-large", 1370, TEN, "README of MiDaS; DPT, arXiv:2103.13413, section 4.1"),
        "dpt-hybrid": Published(
            "Intel/dpt-hybrid-midas", 490, TEN, "README of MiDaS; DPT, arXiv:2103.13413, section 4.1"
        ),
        "depth-anything-v2-small": Published(
            "depth-anything/Depth-Anything-V2-Small-hf", 99, DEPTH_ANYTHING, "arXiv:2406.09414, table 7"
        ),
    }
)
NEWER = ("MiDaS v3.1 (not loaded here)", (*TEN, "KITTI", NYU), "release notes of MiDaS v3.1")
# the file that torch.hub.load("intel-isl/MiDaS", "DPT_Large") of document 000 fetches; its name holds the SHA-256's start
DPT_LARGE_URL = "https://github.com/intel-isl/MiDaS/releases/download/v3/dpt_large-midas-2f21e586.pt"


def find(
    networks: str | Sequence[str], weights: str = "cache", *, timeout: float = 8.0
) -> tuple[dict[str, ZeroShot], str]:
    """Published networks by name, and a paragraph that says where each comes from, or why it is not here.

    Args:
        networks: names in `NETWORKS`, as a list or separated by commas.
        weights: `cache`: what this machine has, in Hugging Face's cache or torch.hub's. `hub`: download what is missing.
            `require`: the same, but an error where one is not to be had. `none`: nothing is looked for. Anything else is a
            path (see `foreign.from_path`), whose network is the only one then, whatever `networks` says.
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
        network = foreign.from_path(weights)
        return {network.name: network}, f"{network.name}: {network.origin}."
    found, said, silent = {}, [], None
    for name in _names(networks):
        network = _cached(name)
        reason = "in neither cache"
        if network is None and weights != "cache":
            network, reason, silent = _downloaded(name, timeout, silent)
        if network is not None:
            found[name] = network
            said.append(f"{name}: {network.origin}.")
        else:
            said.append(f"{name}: not here ({reason}).")
    missing = [name for name in _names(networks) if name not in found]
    if missing and weights == "require":
        raise ConnectionError(f"{' '.join(said)} {_remedy(missing, weights)}")
    return found, " ".join([*said, _remedy(missing, weights)] if missing else said)


def ask(network: nn.Module, dataset: Dataset) -> Tensor:
    """Inverse depth of every frame, photographs at their native size and one at a time, as document 000 asked.

    network: image [1,3,H,W] -> [1,1,H,W], such as what `find` returns; stays on its device. Returns float32 [N,1,H,W] on the
    CPU, all at the size of the first frame.
    """
    place = next((each.device for each in (*network.parameters(), *network.buffers())), torch.device("cpu"))
    with torch.inference_mode():
        answers = [network(frame["image"][None].to(place)).cpu() for frame in dataset.native()]
    return torch.cat([evaluation.upsample(each, tuple(answers[0].shape[-2:])) for each in answers])


def compared(
    networks: Mapping[str, nn.Module], dataset: Dataset
) -> tuple[dict[str, Tensor], dict[str, evaluation.Evaluation]]:
    """Networks of inverse depth on the same frames: as they are meant, fed the wrong colours, and scaled by the median alone.

    networks: name -> published network (asked at the frames' native size) or one of ours (at the data set's), all moved to the
    device of the first.

    Returns predictions, name -> [N,1,h,w], and evaluations of the names, of "name, fed BGR" (aligned by scale and shift in
    inverse depth under the data set's protocol) and of "name, by median" (its inverse taken for depth).
    """
    place = next((each.device for net in networks.values() for each in net.parameters()), torch.device("cpu"))
    protocol = f"{dataset.protocol}/scale-shift-inverse"
    aligned = partial(evaluation.evaluate, dataset=dataset, protocol=protocol, kind="affine-inverse")
    answers, scored = {}, {}
    for name, net in networks.items():
        predict = ask if isinstance(net, ZeroShot) else evaluation.predict
        answers[name] = predict(net.to(place), dataset)
        scored[name] = aligned(answers[name])
        scored[f"{name}, fed BGR"] = aligned(predict(SwappedColours(net), dataset))
        scored[f"{name}, by median"] = evaluation.evaluate(
            as_depth(answers[name]), dataset, protocol=f"{dataset.protocol}/median"
        )
    return answers, scored


def training_sets() -> pd.DataFrame:
    """What each published network was trained on, and whether NYU Depth V2 is among it.

    One row a network: network, sets (how many), `NYU Depth V2` (True or False), trained on, source.
    """
    known = [(name, each.training_sets, each.source) for name, each in NETWORKS.items()]
    return pd.DataFrame(
        [
            {"network": name, "sets": len(sets), NYU: NYU in sets, "trained on": ", ".join(sets), "source": source}
            for name, sets, source in (*known, NEWER)
        ]
    )


def _names(networks: str | Sequence[str]) -> list[str]:
    names = networks.split(",") if isinstance(networks, str) else networks
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in NETWORKS:
            near = difflib.get_close_matches(name, NETWORKS, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"unknown network {name!r}; {hint}Known: {', '.join(NETWORKS)}")
    return list(dict.fromkeys(names))


def _remedy(missing: Sequence[str], weights: str) -> str:
    size = ", ".join(f"{name} {NETWORKS[name].megabytes / 1000:.1f} GB" for name in missing)
    repositories = ", ".join(NETWORKS[name].repository for name in missing)
    first = (
        "Ask for 'hub' to download"
        if weights == "cache"
        else "With a network that reaches the hub they come by themselves"
    )
    return f"{first} ({size}); or fetch a folder of {repositories} elsewhere and give its path."


def _cached(name: str) -> ZeroShot | None:
    published = NETWORKS[name]
    folder = hub.cached(published.repository)
    if folder is not None:
        return foreign.from_folder(
            folder, name=name, origin=f"weights of {published.repository} from Hugging Face's cache"
        )
    file = _in_torch_hub(DPT_LARGE_URL)
    if name == "dpt-large" and file.is_file():
        return foreign.from_checkpoint(file, name=name, origin=f"weights from {file.name} in torch.hub's cache")
    return None


def _downloaded(name: str, timeout: float, silent: str | None) -> tuple[ZeroShot | None, str, str | None]:
    """The network or None, why not, and what kept the server silent, so that nobody waits for it twice."""
    if silent:
        return None, silent, silent
    published = NETWORKS[name]
    try:
        folder = hub.download(published.repository, timeout=timeout)
        return foreign.from_folder(folder, name=name, origin=f"weights of {published.repository}, downloaded"), "", None
    except ConnectionError as error:
        reason, silent = str(error), str(error) if isinstance(error, hub.Unreachable) else None
    if name == "dpt-large":  # the same weights, where document 000 had them from
        file = _in_torch_hub(DPT_LARGE_URL)
        try:
            pretrained.ensure(DPT_LARGE_URL, file, "2f21e586", timeout)
            return foreign.from_checkpoint(file, name=name, origin=f"weights from {file.name}, downloaded"), "", silent
        except (OSError, ValueError) as error:
            reason = f"{reason}; {error}"
    return None, reason, silent


def _in_torch_hub(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
