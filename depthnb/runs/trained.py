"""A finished run's net, with what one has to know to ask it about other pictures than its own."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from depthnb import evaluation, models
from depthnb.metrics.protocols import Protocol
from depthnb.runs.provenance import ROOT
from depthnb.runs.records import RECORD, read

METRIC, INVERSE = "metric", "affine-inverse"
ONNX = ".onnx"  # ending of files that `runs.exporting` writes
MULTIPLE = 8  # sides of the images that a net sees are multiples of it, so that they hardly change their shape
LEAST = 32  # pixels a side, of every encoder here
STRIP = 4  # a picture longer than this many times its width is pressed, rather than seen with one row of features
_NAMED = 8  # nets that are here, in the words about a folder that is none


@dataclass(frozen=True, eq=False)
class Trained:
    """The net of a finished run.

    Attributes:
        folder: of the run.
        module: image [B,3,h,w] in 0..1, and intrinsics where it takes them -> [B,1,h,w]; in eval mode on the CPU.
        kind: `metric`, metres; or `affine-inverse`, inverse depth up to a scale and a shift.
        size: (H, W) of the images that it was trained on.
        rigid: whether it takes images of that size alone.
        rule: the protocol that the run was judged by.
        record: run.json.
    """

    folder: Path
    module: nn.Module
    kind: str
    size: tuple[int, int]
    rigid: bool
    rule: Protocol
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.folder.parent.name}-{self.folder.name}"

    @property
    def label(self) -> str:
        return f"{self.folder.parent.name}/{self.folder.name}"

    @property
    def data(self) -> list[str]:
        """The data sets that it has seen."""
        second = self.record.get("params", {}).get("second")
        seen = second and "second train" in self.record.get("split_counts", {})
        return [str(self.record.get("dataset")), *([second] if seen else [])]

    def sees(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) at which it is asked about an image of (H, W): as many pixels as in its training, in the image's shape."""
        if self.rigid:
            return self.size
        aspect = min(max(size[1] / size[0], 1 / STRIP), STRIP)
        height = math.sqrt(self.size[0] * self.size[1] / aspect)
        return tuple(max(LEAST, round(side / MULTIPLE) * MULTIPLE) for side in (height, height * aspect))


def trained(run: str | os.PathLike) -> Trained:
    """The net of a finished run.

    Args:
        run: its folder such as `reports/11_today/rooms-full`, from here or from the clone.

    Raises:
        FileNotFoundError: for a folder that is not there or holds no weights, with what makes them.
        ValueError: for damaged weights, or weights without a whole run; for an ONNX file.
    """
    folder = Path(run).expanduser()
    if folder.suffix.lower() == ONNX:
        raise ValueError(f"{folder} is an ONNX file, which depthnb predict takes; here the folder of its run is wanted")
    if not folder.exists() and not folder.is_absolute() and (ROOT / folder).exists():
        folder = ROOT / folder
    folder = folder.resolve()
    if not (folder / models.WEIGHTS).exists() and not (folder / RECORD).exists():
        there = sorted(str(file.parents[1].relative_to(ROOT)) for file in ROOT.glob(f"reports/*/*/{models.WEIGHTS}"))
        more = len(there) - _NAMED
        raise FileNotFoundError(
            f"{folder} is no folder of a run; expected one with {RECORD} and {models.WEIGHTS}. Nets that are here: "
            f"{', '.join(there[:_NAMED]) or 'none'}{f' and {more} more' if more > 0 else ''}"
        )
    module = models.load(folder)
    rigid = isinstance(module, models.EigenCoarse | models.EigenFine)
    try:
        record = read(folder / RECORD)
        rule = Protocol.from_record(record["protocol"])
        size = getattr(module, "coarse", module).size if rigid else record.get("size") or _kept_size(folder)
        size = tuple(int(side) for side in size)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} holds weights but no whole run ({type(error).__name__}: {error}), so the size of the images that the "
            "net was trained on is not known; take the folder of a finished run"
        ) from error
    kind = INVERSE if rule.alignment == evaluation.ALIGNED else METRIC
    return Trained(folder, module, kind, size, rigid, rule, record)


def _kept_size(folder: Path) -> tuple[int, int]:
    """(H, W) of the images, from the kept predictions of a run that is older than the entry `size`."""
    kept = evaluation.load_predictions(folder / "predictions.npz")
    return tuple(next(iter(kept.values())).shape[-2:])
