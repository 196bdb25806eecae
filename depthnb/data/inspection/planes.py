r"""Depth, inverse depth or the length of the ray? Planes tell, without a known camera or unit for the first two.

A plane seen by a pinhole camera has $1/z = a u + b v + c$ (see `depthnb.data.planarity`). So where walls, floors and roads
stand, the inverse of a stored depth is linear in column and row. If the stored number itself is linear there and its inverse
bends, it is an inverse depth or a disparity, whatever its scale and shift. Only windows that reach far in depth tell, and
only frames that agree are believed: of a few curved things in a row either reading may look flat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from torch import Tensor

from depthnb.data.inspection.findings import Finding, lines_of
from depthnb.data.planarity import deviation
from depthnb.data.words import plural

if TYPE_CHECKING:
    from depthnb.data.source import Source

_WINDOWS = 4  # along each side of the picture; half-overlapping
_LEAST, _MOST = 64, 2500  # depths of a window
_PLANAR = 0.005  # a window counts if one reading fits it to 0.5 %, in the median of its depths
_REACH = 1.3  # the farther end of a window over its nearer one; else every reading is straight
_CLEARER = {"inverse": 3.0, "ray": 1.5}  # the rest of the worse reading over that of the better
_VOTES, _FRAMES, _AGREE = 8, 5, 0.8  # windows, frames that they are of, and the share that must agree
_STEEP = 0.2  # correlation of row and depth: lower rows are nearer, where there is a floor


class Planes:
    """Collects how flat the windows of frames are under each reading of their depth."""

    def __init__(self) -> None:
        self.parts: list[pd.DataFrame] = []
        self.downwards: list[float] = []

    def add(self, row: int, depth: Tensor, valid: Tensor, intrinsics: Tensor) -> None:
        """Take in one frame.

        Args:
            row: of the index.
            depth, valid: [1,H,W].
            intrinsics: [3,3] in pixels, NaN where unknown.
        """
        found = readings(depth[0].double().numpy(), valid[0].numpy(), intrinsics.double().numpy())
        if len(found):
            self.parts.append(found.assign(row=row))
        rows, values = np.nonzero(valid[0].numpy())[0], depth[valid].double().numpy()
        if len(values) > _LEAST and values.std() > 0 and rows.std() > 0:
            order = np.argsort(np.argsort(values))
            self.downwards.append(float(np.corrcoef(rows, order)[0, 1]))

    def findings(self, source: Source) -> list[Finding]:
        """At most one finding: inverse depth if planes and floors say so, else ray lengths if planes do."""
        if not self.parts:
            return []
        table = pd.concat(self.parts, ignore_index=True)
        inverse, ray = self._votes(table, "inverse"), self._votes(table, "ray")
        if inverse is not None and np.median(self.downwards) > _STEEP:
            return [
                Finding(
                    False,
                    f"In {_counted(inverse)} the stored numbers grow as inverse depth does on a plane, and lower rows hold "
                    "larger ones. They look like inverse depth or disparity, and not like depth.",
                    "Store depth: 1 / inverse depth, or focal length times baseline / disparity, in metres.",
                    lines_of(source, sorted(set(inverse["row"].tolist()))),
                )
            ]
        if ray is not None:
            return [
                Finding(
                    False,
                    f"In {_counted(ray)} the stored depth is straight as the length of the ray is on a plane, and not as z "
                    "is.",
                    "Store z, the distance along the optical axis: the length of the ray divided by "
                    "sqrt(((u - cx) / fx)^2 + ((v - cy) / fy)^2 + 1).",
                    lines_of(source, sorted(set(ray["row"].tolist()))),
                )
            ]
        return []

    @staticmethod
    def _votes(table: pd.DataFrame, reading: str) -> pd.DataFrame | None:
        """The windows that speak for a reading and against z, if nearly all that tell do so; else None."""
        both = table[["z", reading]].dropna()
        told = (both.min(axis=1) < _PLANAR) & (both.max(axis=1) > _CLEARER[reading] * both.min(axis=1))
        if reading == "inverse":
            told &= table.loc[both.index, "reach"] > _REACH
        windows = table.loc[both.index[told]]
        for_it = windows[windows[reading] < windows["z"]]
        frames = windows.assign(share=windows[reading] < windows["z"]).groupby("row")["share"].mean()
        if len(for_it) < _VOTES or len(frames) < _FRAMES or (frames > 0.5).mean() < _AGREE:
            return None
        return for_it if len(for_it) >= _AGREE * len(windows) else None


def readings(depth: np.ndarray, valid: np.ndarray, intrinsics: np.ndarray) -> pd.DataFrame:
    """How flat the windows of one frame are under three readings of what is stored.

    Args:
        depth: float [H,W], as stored.
        valid: bool [H,W].
        intrinsics: float [3,3] in pixels; NaN where unknown.

    Returns:
        One row a window that holds enough depth: reach (its 95th percentile over its 5th), and the median relative deviation
        from the best straight fit if the numbers are z, ray lengths (NaN without a camera) or inverse depth.
    """
    height, width = depth.shape
    known = bool(np.isfinite(intrinsics).all())
    K = intrinsics if known else np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], float)
    rows, step = [], (height / (_WINDOWS + 1), width / (_WINDOWS + 1))
    for i in range(_WINDOWS):
        for j in range(_WINDOWS):
            top, left = round(i * step[0]), round(j * step[1])
            v, u = np.nonzero(valid[top : round((i + 2) * step[0]), left : round((j + 2) * step[1])])
            if len(v) < _LEAST:
                continue
            some = np.linspace(0, len(v) - 1, min(_MOST, len(v))).astype(int)
            v, u = v[some] + top, u[some] + left
            stored = depth[v, u]
            x, y = (u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]
            plane = np.column_stack([x, y, np.ones(len(x))])
            near, far = np.quantile(stored, (0.05, 0.95))
            rows.append(
                {
                    "reach": far / near,
                    "z": deviation(plane, 1 / stored),
                    "ray": deviation(plane, np.sqrt(x**2 + y**2 + 1) / stored) if known else np.nan,
                    "inverse": deviation(plane, stored),
                }
            )
    return pd.DataFrame(rows, columns=["reach", "z", "ray", "inverse"])


def _counted(windows: pd.DataFrame) -> str:
    return f"{plural(len(windows), 'window')} of {plural(windows['row'].nunique(), 'frame')} that show a plane"
