"""Nets that are asked about photographs: trained in this project, or published ones."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from depthnb import evaluation, models
from depthnb.data import transforms
from depthnb.metrics.protocols import Protocol
from depthnb.models import foreign
from depthnb.models.camera import ask
from depthnb.models.midas import ZeroShot
from depthnb.photos.reading import Photo
from depthnb.runs.provenance import ROOT
from depthnb.weights import zoo

BEST = "reports/11_today/rooms-full"  # the best net that comes with the clone
METRIC, INVERSE = "metric", "affine-inverse"
_HUB = "hub:"
_MULTIPLE = 8  # sides of the images that a net sees are multiples of it, so that they hardly change their shape
_LEAST = 32  # pixels a side, of every encoder here


@dataclass(frozen=True, eq=False)
class Net:
    """A net and what one has to know to ask it.

    Attributes:
        name: for people and for file names.
        module: image [B,3,h,w] in 0..1, and intrinsics where it takes them -> [B,1,h,w].
        kind: `metric`, metres; or `affine-inverse`, inverse depth up to a scale and a shift.
        size: (H, W) of the images that it was trained on; None for one that resizes by itself.
        rigid: whether it takes images of that size alone.
        said: what it is and what it has seen, in one sentence.
        least, most: metres beyond which it has never seen a depth; None where that is not known.
    """

    name: str
    module: nn.Module
    kind: str
    size: tuple[int, int] | None
    rigid: bool
    said: str
    least: float | None = None
    most: float | None = None

    def ask(self, photo: Photo, *, device: str = "cpu") -> Tensor:
        """The answer to one photograph, [1,h,w] float32 on the CPU, at the size at which the net works."""
        size = self.sees(photo.size)
        image = transforms.resize_image(photo.image, size)[None]
        camera = transforms.resize_intrinsics(photo.intrinsics, photo.size, size)[None]
        self.module.to(device)
        with evaluation.answering(self.module):
            answer = ask(self.module, {"image": image.to(device), "intrinsics": camera.to(device)})
        return answer[0].float().cpu()

    def sees(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) at which it is asked about an image of (H, W): as many pixels as in its training, in the image's shape."""
        if self.size is None:
            return size
        if self.rigid:
            return self.size
        aspect = min(max(size[1] / size[0], 1 / 4), 4)  # a strip is pressed rather than seen with one row of features
        height = math.sqrt(self.size[0] * self.size[1] / aspect)
        sides = (height, height * aspect)
        return tuple(max(_LEAST, round(side / _MULTIPLE) * _MULTIPLE) for side in sides)


def net(which: str | os.PathLike = BEST) -> Net:
    """A net by the folder of its run, or a published one.

    Args:
        which: a run folder such as `reports/11_today/rooms-full`, from here or from the clone; or `hub:` with a name of
            `weights.zoo.NETWORKS`, with a repository such as `hub:depth-anything/Depth-Anything-V2-Small-hf`, or with the
            path of a folder that `save_pretrained` wrote. Published nets are looked for in the caches of this machine and
            downloaded if they are not there.

    Raises:
        FileNotFoundError: for a folder that is not there or holds no weights, with what makes them.
        ValueError: for damaged weights, or an unknown name.
        ConnectionError: for a published net that cannot be downloaded.
        ImportError: for a published net where transformers is not installed.
    """
    text = str(which)
    return _published(text.removeprefix(_HUB)) if text.startswith(_HUB) else _own(Path(which).expanduser())


def _own(folder: Path) -> Net:
    if not folder.exists() and not folder.is_absolute() and (ROOT / folder).exists():
        folder = ROOT / folder
    module = models.load(folder)
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        rule = Protocol.from_record(record["protocol"])
        rigid = isinstance(module, models.EigenCoarse | models.EigenFine)
        size = tuple(int(side) for side in (_built_for(module) if rigid else record.get("size") or _kept_size(folder)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} holds weights but no whole run ({type(error).__name__}: {error}), so the size of the images that the "
            "net was trained on is not known; take the folder of a finished run"
        ) from error
    seen = record.get("dataset", "?")
    return Net(
        name=f"{folder.parent.name}-{folder.name}",
        module=module,
        kind=INVERSE if rule.alignment == "scale-shift-inverse" else METRIC,
        size=size,
        rigid=rigid,
        said=f"{folder.parent.name}/{folder.name}, trained on {seen} alone, at {size[1]} x {size[0]} pixels",
        least=rule.min_depth,
        most=rule.max_depth,
    )


def _built_for(module: models.EigenCoarse | models.EigenFine) -> tuple[int, int]:
    return getattr(module, "coarse", module).size


def _kept_size(folder: Path) -> tuple[int, int]:
    """(H, W) of the images, from the kept predictions of a run that is older than the entry `size`."""
    kept = evaluation.load_predictions(folder / "predictions.npz")
    return tuple(next(iter(kept.values())).shape[-2:])


def _published(name: str) -> Net:
    if Path(name).expanduser().exists():
        found: ZeroShot = foreign.from_path(name)
    else:
        known = {each.repository: key for key, each in zoo.NETWORKS.items()}
        found_by_name, _ = foreign.find(known.get(name, name), "require")
        found = next(iter(found_by_name.values()))
    return Net(
        name=found.name,
        module=found,
        kind=INVERSE,
        size=None,
        rigid=False,
        said=f"{found.name}, {found.origin}; it knows no metres",
    )


def usable_device(name: str) -> str:
    """The device that a word means: `auto` is a GPU where there is one.

    Raises:
        ValueError: for one that is not here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device {name!r} cannot be used here ({str(error).splitlines()[0][:120]}); take cpu"
        ) from None
    return name
