"""A net in an ONNX file, run by onnxruntime: what `exporting` wrote, or another program's file that says what it is."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from depthnb.metrics.protocols import Protocol
from depthnb.runs.tracing import CAMERA, IMAGE, package
from depthnb.runs.trained import INVERSE, METRIC

KEY = "depthnb"  # by which the file's metadata_props hold a JSON object that says what the net is
_HOW = (
    'in Python: model = onnx.load(FILE); onnx.helper.set_model_props(model, {"depthnb": \'{"kind": "metric"}\'}); '
    "onnx.save(model, FILE)"
)
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_PROVIDERS = {
    "cpu": [_CPU],
    # with TF32, which is usual on a GPU, the answers would differ in the third digit
    "cuda": [(_CUDA, {"use_tf32": "0"}), _CPU],
}


@dataclass(frozen=True, eq=False)
class Exported:
    """The net of an ONNX file.

    Attributes:
        file: where it lies.
        module: image [B,3,H,W] in 0..1, and intrinsics where it takes them -> [B,1,H,W].
        kind: `metric`, metres; or `affine-inverse`, inverse depth up to a scale and a shift.
        told: all that the file says about itself.
        rule: the protocol that its run was judged by; None where the file does not say it.
    """

    file: Path
    module: nn.Module
    kind: str
    told: Mapping[str, Any]
    rule: Protocol | None

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def label(self) -> str:
        return str(self.told.get("run") or self.file.name)

    def sees(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) at which it is asked about an image of (H, W): the same, since the graph resizes."""
        return size


def exported(file: str | os.PathLike) -> Exported:
    """Open an ONNX file.

    Args:
        file: as `depthnb export` writes it; or another one whose metadata_props hold, under `depthnb`, a JSON object with
            `kind`: `metric` or `affine-inverse`. Its input is `image` float32 [B,3,H,W], RGB in 0..1, and `intrinsics` [B,3,3]
            beside it if it takes them; its only output is [B,1,H,W].

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: for what is no ONNX file, has other inputs, or does not say which kind of numbers it gives.
        ImportError: where onnxruntime is not installed.
    """
    file = Path(file).expanduser()
    if not file.is_file():
        kind = "is a folder" if file.is_dir() else "is not there"
        raise FileNotFoundError(f"{file} {kind}; expected an ONNX file, such as depthnb export writes")
    module = Runtime(file)
    told = _told(file, module.metadata)
    rule = None
    if told.get("protocol"):
        try:
            rule = Protocol.from_record(told["protocol"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} does not fit this version of depthnb ({error}); export it again") from error
    return Exported(file, module, told["kind"], told, rule)


def _told(file: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a file says about itself."""
    if KEY not in metadata:
        raise ValueError(
            f"{file} does not say what its numbers are, metres or inverse depth: no {KEY!r} in its metadata; take a file that "
            f"depthnb export wrote, or say it ({_HOW})"
        )
    try:
        told = json.loads(metadata[KEY])
    except ValueError as error:
        raise ValueError(f"{file} has {KEY!r} in its metadata, but it is no JSON ({error}); export it again") from error
    kind = told.get("kind") if isinstance(told, Mapping) else None
    if kind not in (METRIC, INVERSE):
        raise ValueError(f"{file} is of the kind {kind!r}; expected {METRIC} or {INVERSE} ({_HOW})")
    return dict(told)


class Runtime(nn.Module):
    """A net that onnxruntime computes, asked like any other.

    Shapes: image float32 [B,3,H,W] in 0..1, and intrinsics [B,3,3] if `takes_camera` -> float32 [B,1,H,W] on the same device.
    It takes as many threads as torch has. On a GPU it computes where this onnxruntime has CUDA; else on the CPU, with a
    warning.

    Raises:
        ValueError: for what is no ONNX file, or has other inputs and outputs.
        ImportError: where onnxruntime is not installed.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file, self._sessions = file, {}
        session = self._session("cpu")
        self.metadata = dict(session.get_modelmeta().custom_metadata_map)
        inputs, outputs = [each.name for each in session.get_inputs()], [each.name for each in session.get_outputs()]
        if sorted(inputs) not in ([IMAGE], [IMAGE, CAMERA]) or len(outputs) != 1:
            raise ValueError(
                f"{file} has the inputs {', '.join(inputs)} and the outputs {', '.join(outputs)}; expected {IMAGE}, perhaps "
                f"{CAMERA}, and one output"
            )
        self.takes_camera = CAMERA in inputs

    def forward(self, image: Tensor, intrinsics: Tensor | None = None) -> Tensor:
        given = {IMAGE: image}
        if self.takes_camera:
            given[CAMERA] = image.new_full((len(image), 3, 3), torch.nan) if intrinsics is None else intrinsics
        arrays = {name: value.detach().float().cpu().contiguous().numpy() for name, value in given.items()}
        try:
            (answer,) = self._session(image.device.type).run(None, arrays)
        except Exception as error:  # onnxruntime's own, which share no base
            words = " ".join(str(error).split())[:300]
            raise ValueError(
                f"{self.file} cannot answer an image of {image.shape[-1]} x {image.shape[-2]}: {words}"
            ) from error
        if answer.ndim != 4 or answer.shape[:2] != (len(image), 1):
            raise ValueError(f"{self.file} answers with numbers of shape {answer.shape}; expected [B,1,H,W]")
        return torch.from_numpy(answer).float().to(image.device)

    def _session(self, device: str):
        if device not in self._sessions:
            self._sessions[device] = self._opened(device if device in _PROVIDERS else "cpu")
        return self._sessions[device]

    def _opened(self, device: str):
        runtime = package("onnxruntime")
        on_gpu = device == "cuda" and _CUDA in runtime.get_available_providers()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4  # its errors are said here; what it optimised is nobody's business
        try:
            session = runtime.InferenceSession(
                str(self.file), options, providers=_PROVIDERS["cuda" if on_gpu else "cpu"]
            )
        except Exception as error:  # onnxruntime's own, which share no base
            words = " ".join(str(error).split())[:200]
            raise ValueError(
                f"{self.file} cannot be opened as an ONNX file ({words}); it is damaged, or something else: export it again"
            ) from error
        if device == "cuda" and _CUDA not in session.get_providers():  # without its libraries it is left out silently
            warnings.warn(
                f"this onnxruntime cannot use the GPU, so {self.file.name} runs on the CPU; with the package onnxruntime-gpu "
                "in its place it can",
                stacklevel=2,
            )
        return session
