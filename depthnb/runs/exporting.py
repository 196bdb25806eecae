"""Write a trained net as one ONNX file that any program can run, and compare it with the net before it is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from depthnb import __version__, evaluation, files, models
from depthnb.data import transforms
from depthnb.models import WEIGHTS
from depthnb.models.camera import ask
from depthnb.runs import shipping, tracing
from depthnb.runs.exported import KEY, Exported, exported
from depthnb.runs.trained import INVERSE, ONNX, Trained, trained
from depthnb.weights.origin import Origin

TOLERANCE = 1e-4  # by which part of itself an answer may differ from the net's own
_UNITS = {INVERSE: "inverse depth up to a scale and a shift, near is large"}
_METRES = "metres along the optical axis"
_EMBEDDED = ("rooms", "streets", "rooms+more")  # data of this repository, which are free
_SMALL = 0.01  # of the mean: an answer nearer to 0 than this is compared with this


@dataclass(frozen=True)
class Written:
    """An ONNX file that was written.

    Attributes:
        file: where it lies.
        told: what it says about itself.
        differences: (H, W) of an image -> largest difference between the file's answer and the net's, as a part of it.
    """

    file: Path
    told: Mapping[str, Any]
    differences: Mapping[tuple[int, int], float]


def export(run: str | os.PathLike, file: str | os.PathLike | None = None) -> Written:
    """Write the net of a finished run as an ONNX file; see `tracing.graph` for its inputs and its output.

    Args:
        run: folder such as `reports/11_today/rooms-full`, from here or from the clone.
        file: where to; default the run's name in the working folder. Its folder is made.

    Returns:
        A `Written`. The file says in its metadata (key `depthnb`, JSON) all that `photos.net` has to know.

    Raises:
        FileNotFoundError: for a run without weights, with what makes them.
        FileExistsError: if there is such a file already.
        ValueError: for a net that cannot be written, or whose file answers otherwise than the net; there is then no file.
        OSError: if it cannot be written.
        ImportError: where the packages of the extra `onnx` are not installed.
    """
    onnx = tracing.package("onnx")
    tracing.package("onnxruntime")
    net = trained(run)
    if isinstance(net.module, models.PatchDiscriminator):
        raise ValueError(
            f"{net.label} holds a PatchDiscriminator, which judges depth and gives none; nothing to export"
        )
    file = Path(file).expanduser() if file else Path(f"{net.name}{ONNX}")
    if file.suffix.lower() != ONNX:
        raise ValueError(f"{file}: the name of an ONNX file ends in {ONNX}")
    if file.exists():
        raise FileExistsError(f"{file} exists already; delete it, or choose another name with --out")
    told, differences = describe(net), {}

    def writer(part: Path) -> None:
        part.touch()  # where nothing can be written it shows before the work
        model = tracing.graph(net)
        model.producer_name, model.producer_version = "depthnb", __version__
        model.graph.name, model.doc_string = net.name, _sentence(net, told)
        notice = _notice(net)
        onnx.helper.set_model_props(model, {KEY: json.dumps(told), **({shipping.NOTICE: notice} if notice else {})})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, part)
        differences.update(_compared(net, exported(part)))

    return Written(files.write(file, writer), told, differences)


def describe(net: Trained) -> dict[str, Any]:
    """What a file says about its net."""
    record = net.record
    return {
        "kind": net.kind,
        "unit": _UNITS.get(net.kind, _METRES),
        "size": list(net.size),
        "run": net.label,
        "hash": record.get("hash"),
        "weights": files.digest(net.folder / WEIGHTS),
        "model": type(net.module).__name__,
        "data": " and ".join(net.data),
        "began_with": Origin.from_record(record.get("origin")).detail,
        "protocol": record["protocol"],
        "licence": _licence(net),
        "depthnb": __version__,
    }


def _sentence(net: Trained, told: Mapping[str, Any]) -> str:
    camera = "; intrinsics [batch,3,3] in pixels of that image, NaN where unknown" if _takes_camera(net) else ""
    return (
        f"The net of {net.label}. image [batch,3,height,width], RGB in 0..1, of any size{camera} -> "
        f"{tracing.output_name(net.kind)} [batch,1,height,width], {told['unit']}."
    )


def _licence(net: Trained) -> str:
    said = shipping.licence(f"in this file under {shipping.NOTICE}" if _notice(net) else "")
    others = [name for name in net.data if name not in _EMBEDDED]
    return f"{said}; it was trained on {' and '.join(others)}, whose own terms hold too" if others else said


def _notice(net: Trained) -> str:
    """The licence that has to go with the weights, empty if none has to."""
    beside = net.folder / shipping.NOTICE
    return beside.read_text(encoding="utf-8") if beside.exists() else shipping.notice(net.record)


def _takes_camera(net: Trained) -> bool:
    return getattr(net.module, "takes_camera", False)


def _compared(net: Trained, written: Exported) -> dict[tuple[int, int], float]:
    """Ask both about images of two sizes, with a camera and without; raises ValueError if they differ."""
    height, width = net.size
    found = {}
    for size in ((height, width), (2 * width + 1, 2 * height + 5)):  # as it was trained, and upright
        generator = torch.Generator().manual_seed(0)
        coarse = F.interpolate(torch.rand(2, 3, 6, 8, generator=generator), size, mode="bicubic").clamp(0, 1)
        image = 0.8 * coarse + 0.2 * torch.rand(2, 3, *size, generator=generator)
        known = torch.tensor([[0.9 * size[1], 0, size[1] / 2], [0, 0.9 * size[1], size[0] / 2], [0, 0, 1]])
        cameras = torch.stack([known, torch.full_like(known, torch.nan)])
        with evaluation.answering(net.module):
            own = _answer(net, image, cameras)
            theirs = ask(written.module, {"image": image, "intrinsics": cameras})
        found[size] = difference(theirs, own)
        if not found[size] < TOLERANCE:
            raise ValueError(
                f"the ONNX file of {net.label} differs from the net itself by {found[size]:.1e} of its answer on an image of "
                f"{size[1]} x {size[0]}, allowed is {TOLERANCE:g}; nothing was written. Another version of torch or "
                "onnxruntime may do better"
            )
    return found


def _answer(net: Trained, image: Tensor, cameras: Tensor) -> Tensor:
    """The net's own answer at the size of the image, as `photos.predict` asks it."""
    own = tuple(image.shape[-2:])
    size = net.sees(own)
    batch = {
        "image": transforms.resize_image(image, size),
        "intrinsics": transforms.resize_intrinsics(cameras, own, size),
    }
    return evaluation.upsample(ask(net.module, batch), own)


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference of two answers, as a part of the other; near 0, of a hundredth of its mean. NaN counts as all.

    >>> round(difference(torch.tensor([1.0, 2.2]), torch.tensor([1.0, 2.0])), 3)
    0.1
    >>> difference(torch.tensor([float("nan")]), torch.tensor([1.0]))
    inf
    """
    if one.shape != other.shape or not (one.isfinite().all() and other.isfinite().all()):
        return float("inf")
    size = other.abs()
    return float(((one - other).abs() / size.clamp_min(max(float(size.mean()) * _SMALL, 1e-12))).max())
