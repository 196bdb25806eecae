"""Depth networks that others published: their names, sizes and training sets, and where their files lie."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch

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
# the file that torch.hub.load("intel-isl/MiDaS", "DPT_Large") of Akondi fetches; its name holds the SHA-256's start
DPT_LARGE_URL = "https://github.com/intel-isl/MiDaS/releases/download/v3/dpt_large-midas-2f21e586.pt"


def names(networks: str | Sequence[str]) -> list[str]:
    names = networks.split(",") if isinstance(networks, str) else networks
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in NETWORKS:
            near = difflib.get_close_matches(name, NETWORKS, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(f"unknown network {name!r}; {hint}Known: {', '.join(NETWORKS)}")
    return list(dict.fromkeys(names))


def remedy(missing: Sequence[str], weights: str) -> str:
    size = ", ".join(f"{name} {NETWORKS[name].megabytes / 1000:.1f} GB" for name in missing)
    repositories = ", ".join(NETWORKS[name].repository for name in missing)
    first = (
        "Ask for 'hub' to download"
        if weights == "cache"
        else "With a network that reaches the hub they come by themselves"
    )
    return f"{first} ({size}); or fetch a folder of {repositories} elsewhere and give its path."


def in_torch_hub(url: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
