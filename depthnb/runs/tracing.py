"""A net as an ONNX graph: traced, and put between two steps of resizing, so that it takes an image of any size."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from depthnb.models.camera import ask
from depthnb.runs.trained import INVERSE, LEAST, MULTIPLE, STRIP, Trained

OPSET = 18  # of ONNX: the first whose Resize averages when it shrinks
IMAGE, CAMERA = "image", "intrinsics"
_INPUTS = {
    IMAGE: "float[batch, 3, height, width] image",
    CAMERA: "float[batch, 3, 3] intrinsics",
}
# What `Trained.sees` computes, in the same order and the same 64 bits, so that both come to the same pixels.
_SEES = """
    aspect_own = Div(resize_across, resize_down)
    aspect = Clip(aspect_own, aspect_least, aspect_most)
    area = Div(pixels, aspect)
    tall = Sqrt(area)
    wide = Mul(tall, aspect)
    wanted = Concat<axis = 0>(tall, wide)
    steps_own = Div(wanted, multiple)
    steps = Round(steps_own)
    sides = Mul(steps, multiple)
    resize_size = Max(sides, least)
"""
_RIGID = """
    resize_size = Identity(fixed)
"""
_BEFORE = """
    resize_own = Shape<start = 2>(image)
    resize_sides = Cast<to = 11>(resize_own)
    resize_down, resize_across = Split<axis = 0, num_outputs = 2>(resize_sides)
    {sees}
    resize_whole = Cast<to = 7>(resize_size)
    resize_colours = Shape<end = 2>(image)
    resize_target = Concat<axis = 0>(resize_colours, resize_whole)
    seen = Resize<mode = "linear", antialias = 1, exclude_outside = 1>(image, , , resize_target)
"""
# `transforms.resize_intrinsics`: fx, skew and cx times what the width changes, and cx moves by half a pixel
_INTRINSICS = """
    scale_double = Div(resize_size, resize_sides)
    scale_rows = Cast<to = 1>(scale_double)
    scale_down, scale_across = Split<axis = 0, num_outputs = 2>(scale_rows)
    scale_row = Concat<axis = 0>(scale_across, scale_down, one)
    scale = Unsqueeze(scale_row, last_axis)
    scale_more = Sub(scale, one)
    shift = Mul(scale_more, half_of_last)
    camera_scaled = Mul(intrinsics, scale)
    camera = Add(camera_scaled, shift)
"""
_AFTER = """
    resize_answers = Shape<end = 2>(answer)
    resize_back = Concat<axis = 0>(resize_answers, resize_own)
    {output} = Resize<mode = "linear">(answer, , , resize_back)
"""


def graph(run: Trained):
    """The net of a run as an `onnx.ModelProto` that takes images of any size.

    Inputs: `image` float32 [batch,3,height,width], RGB in 0..1; for a net that takes the camera also `intrinsics` float32
    [batch,3,3] in pixels of that image, NaN where unknown. Output: `depth` (metres) or `inverse_depth` float32
    [batch,1,height,width]. Inside it resizes as `photos.predict` does.

    torch has a newer exporter (dynamo=True). For nets that take any size it needs minutes for what tracing does in seconds,
    and what is frozen by tracing shows when the file is compared with the net at other sizes.

    Raises:
        ImportError: where onnx is not installed.
        ValueError: for a net that torch cannot write as ONNX.
    """
    onnx = package("onnx")
    try:
        inner = onnx.load_model_from_string(_traced(run))
    except (RuntimeError, TypeError, NotImplementedError) as error:  # torch's errors for ONNX derive from the first
        words = " ".join(str(error).split())[:300]
        raise ValueError(f"torch cannot write {type(run.module).__name__} of {run.label} as ONNX: {words}") from error
    for node in inner.graph.node:
        node.ClearField("doc_string")  # where in which file the node comes from
    camera = getattr(run.module, "takes_camera", False)
    output = output_name(run.kind)
    before = _BEFORE.format(sees=_RIGID if run.rigid else _SEES) + (_INTRINSICS if camera else "")
    inputs = ", ".join(_INPUTS[name] for name in (IMAGE, *([CAMERA] if camera else [])))
    text = (
        f"whole ({inputs}) => (float[batch, 1, height, width] {output}) {{ {before} {_AFTER.format(output=output)} }}"
    )
    whole = onnx.parser.parse_graph(text)
    nodes = list(whole.node)
    del whole.node[:]
    whole.node.extend([*nodes[:-3], *inner.graph.node, *nodes[-3:]])
    whole.initializer.extend([*_constants(onnx, run, camera=camera), *inner.graph.initializer])
    inner.graph.CopyFrom(whole)
    return inner


def output_name(kind: str) -> str:
    """What the output is called, so that nobody takes the one for the other."""
    return "inverse_depth" if kind == INVERSE else "depth"


def package(name: str):
    """A package of the extra `onnx`.

    Raises:
        ImportError: with what installs it.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"ONNX files take the package {name}: pip install 'depthnb[onnx]'") from error


def _constants(onnx, run: Trained, *, camera: bool) -> list:
    if run.rigid:
        values = {"fixed": np.array(run.size, np.float64)}
    else:
        values = {
            "aspect_least": np.array(1 / STRIP), "aspect_most": np.array(float(STRIP)),
            "pixels": np.array([float(run.size[0] * run.size[1])]),
            "multiple": np.array([float(MULTIPLE)]), "least": np.array([float(LEAST)]),
        }  # fmt: skip
    if camera:
        values["one"], values["last_axis"] = np.ones(1, np.float32), np.ones(1, np.int64)
        values["half_of_last"] = np.array([0, 0, 0.5], np.float32)
    return [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]


def _traced(run: Trained) -> bytes:
    """The net itself, image `seen` (and `camera`) -> `answer`, for batches and images of any size."""
    module = copy.deepcopy(run.module).cpu().eval()
    _fit_for_onnx(module)
    height, width = run.size if run.rigid else run.sees((LEAST * 3, LEAST * 4))
    batch = {"image": torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))}
    names, free = ["seen"], {"seen": {0: "batch"} if run.rigid else {0: "batch", 2: "rows", 3: "columns"}}
    if getattr(module, "takes_camera", False):
        batch["intrinsics"] = torch.tensor([[100.0, 0, 60], [0, 100, 40], [0, 0, 1]]).repeat(2, 1, 1)
        names.append("camera")
        free["camera"] = {0: "batch"}
    content = io.BytesIO()
    with _quiet(), _Repeated(), torch.no_grad():
        torch.onnx.export(
            _Asked(module), tuple(batch.values()), content, dynamo=False, opset_version=OPSET,
            input_names=names, output_names=["answer"], dynamic_axes=free,
        )  # fmt: skip
    return content.getvalue()


class _Asked(nn.Module):
    """A net with its inputs by position, as torch traces it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, *camera: Tensor) -> Tensor:
        return ask(self.net, {"image": image, **({"intrinsics": camera[0]} if camera else {})})


class _Enlarged(nn.ConvTranspose2d):
    """A transposed convolution that doubles the size and is told its output's.

    ONNX fixes once for all whether it adds a row to make an odd size. Here it always adds one, and what is too much is cut
    off again: the same numbers.
    """

    def forward(self, x: Tensor, output_size) -> Tensor:
        height, width = output_size[-2:]
        return super().forward(x)[..., :height, :width]


def _fit_for_onnx(module: nn.Module) -> None:
    """Let layers that ONNX cannot say say the same in other words."""
    for each in module.modules():
        if type(each) is nn.ConvTranspose2d and each.stride == (2, 2) and each.output_padding == (0, 0):
            each.__class__, each.output_padding = _Enlarged, (1, 1)


class _Repeated(TorchFunctionMode):
    """Repeats rows and columns by enlarging: `repeat_interleave`, as torch writes it, keeps the traced image's size."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.repeat_interleave and args[0].ndim == 4 and args[2:] in ((-2,), (-1,)):
            scale = (args[1], 1) if args[2] == -2 else (1, args[1])
            return F.interpolate(args[0], scale_factor=[float(each) for each in scale], mode="nearest")
        return func(*args, **(kwargs or {}))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says to developers of exporters; other warnings pass."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # the comparison with the net shows it
        warnings.filterwarnings("ignore", message="Constant folding")
        yield
