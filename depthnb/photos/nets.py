"""Nets that are asked about photographs: trained in this project, or published ones."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from depthnb import evaluation
from depthnb.data import transforms
from depthnb.models import foreign
from depthnb.models.camera import ask
from depthnb.photos.reading import Photo
from depthnb.runs.exported import Exported, exported
from depthnb.runs.trained import INVERSE, ONNX, Trained, trained

BEST = "reports/11_today/rooms-full"  # the best net that comes with the clone


@dataclass(frozen=True, eq=False)
class Net:
    """A net and what one has to know to ask it.

    Attributes:
        name: for people and for file names.
        module: image [B,3,h,w] in 0..1, and intrinsics where it takes them -> [B,1,h,w].
        kind: `metric`, metres; or `affine-inverse`, inverse depth up to a scale and a shift.
        said: what it is and what it has seen, in one sentence.
        run: the run or the ONNX file that it comes from; None for a published net, which resizes by itself.
    """

    name: str
    module: nn.Module
    kind: str
    said: str
    run: Trained | Exported | None = None

    def ask(self, photo: Photo, *, device: str = "cpu") -> Tensor:
        """The answer to one photograph, [1,h,w] float32 on the CPU, at the size at which the net works."""
        size = self.run.sees(photo.size) if self.run else photo.size
        image = transforms.resize_image(photo.image, size)[None]
        camera = transforms.resize_intrinsics(photo.intrinsics, photo.size, size)[None]
        self.module.to(device)
        with evaluation.answering(self.module):
            answer = ask(self.module, {"image": image.to(device), "intrinsics": camera.to(device)})
        return answer[0].float().cpu()

    @property
    def range(self) -> tuple[float, float] | None:
        """Metres beyond which it has never seen a depth; None where that is not known."""
        rule = self.run.rule if self.run else None
        return (rule.min_depth, rule.max_depth) if rule else None


def net(which: str | os.PathLike = BEST) -> Net:
    """A net by the folder of its run, by an ONNX file, or a published one.

    Args:
        which: a run folder such as `reports/11_today/rooms-full`, from here or from the clone; an ONNX file, as
            `runs.exported` takes it; or `hub:` with a name of
            `weights.zoo.NETWORKS`, with a repository such as `hub:depth-anything/Depth-Anything-V2-Small-hf`, or with the
            path of a folder that `save_pretrained` wrote. Published nets are looked for in the caches of this machine and
            downloaded if they are not there.

    Raises:
        FileNotFoundError: for a folder that is not there or holds no weights, with what makes them.
        ValueError: for damaged weights, an unknown name, or an ONNX file that does not say what its numbers are.
        ConnectionError: for a published net that cannot be downloaded.
        ImportError: for a published net where transformers is not installed, for an ONNX file without onnxruntime.
    """
    text = str(which)
    if text.startswith(foreign.HUB):
        found = foreign.referred(text)
        return Net(found.name, found, INVERSE, f"{found.name}, {found.origin}; it knows no metres")
    if text.lower().endswith(ONNX):
        return _from_onnx(exported(which))
    run = trained(which)
    seen = f"trained on {' and '.join(run.data)} alone, at {run.size[1]} x {run.size[0]} pixels"
    return Net(run.name, run.module, run.kind, f"{run.label}, {seen}", run)


def _from_onnx(file: Exported) -> Net:
    told = file.told
    seen = f", trained on {told['data']} alone" if told.get("data") else ""
    size = told.get("size")
    at = f", at {size[1]} x {size[0]} pixels" if size else ""
    return Net(file.name, file.module, file.kind, f"{file.label} in {file.file.name}{seen}{at}", file)


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
