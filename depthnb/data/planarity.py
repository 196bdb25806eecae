r"""Is a stored depth the distance along the optical axis (z), or the length of the ray? Planes tell.

A plane $n \cdot X = d$ seen by a pinhole camera has $1/z = a u + b v + c$: inverse z is linear in the pixel's column and
row, whatever the focal length. Stored ray lengths $r = z \sqrt{x^2 + y^2 + 1}$ bend it. So in small windows of real
frames, many of which show a wall or the ground, both readings are fitted by a straight $a u + b v + c$, and the one that
leaves the smaller rest is right. Nothing needs to be known about where the planes are.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data.sample import Dataset
from depthnb.data.words import plural

_PLANAR = 0.003  # a window counts if one reading fits its depth to 0.3 %, in the median of its pixels
_WINDOWS = 4  # along each side of the image; half-overlapping


def residuals(depth: Tensor, valid: Tensor, intrinsics: Tensor) -> pd.DataFrame:
    """How flat the windows of one frame are under both readings of its depth.

    Args:
        depth: float [1,H,W], as stored, in metres.
        valid: bool [1,H,W].
        intrinsics: float [3,3] in pixels.

    Returns:
        One row a window that is at least half valid: z and ray, the median relative deviation of inverse depth from the
        best straight fit. Windows overlap by half; each is 2/5 of the image's height and width.

    Raises:
        ValueError: for unknown (NaN) intrinsics: without them the ray's length is not known.
    """
    if not torch.isfinite(intrinsics).all():
        raise ValueError("intrinsics are unknown (NaN); expected those of the camera: without them rays have no length")
    K = intrinsics.double().numpy()
    height, width = depth.shape[-2:]
    x, y = (np.arange(width) - K[0, 2]) / K[0, 0], (np.arange(height) - K[1, 2]) / K[1, 1]
    x, y = np.meshgrid(x, y)
    known = valid[0].numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / depth[0].double().numpy()
    readings = {"z": inverse, "ray": inverse * np.sqrt(x**2 + y**2 + 1)}
    rows, step = [], (height / (_WINDOWS + 1), width / (_WINDOWS + 1))
    stride = max(1, int(min(step) // 24))  # a window needs no more than some 50 x 50 of its pixels
    for i in range(_WINDOWS):
        for j in range(_WINDOWS):
            window = (
                slice(round(i * step[0]), round((i + 2) * step[0]), stride),
                slice(round(j * step[1]), round((j + 2) * step[1]), stride),
            )
            inside = known[window]
            if inside.sum() < max(16, inside.size / 2):
                continue
            plane = np.column_stack([x[window][inside], y[window][inside], np.ones(inside.sum())])
            rows.append({name: deviation(plane, values[window][inside]) for name, values in readings.items()})
    return pd.DataFrame(rows, columns=["z", "ray"])


def deviation(plane: np.ndarray, inverse: np.ndarray) -> float:
    """Median relative deviation from the best linear fit, after throwing out the worst fifth once."""
    for share in (0.8, 1.0):
        fit = plane @ np.linalg.lstsq(plane, inverse, rcond=None)[0]
        away = np.abs(fit / inverse - 1)
        keep = away <= np.quantile(away, share)
        plane, inverse = plane[keep], inverse[keep]
    return float(np.median(away))


def compare(dataset: Dataset, frames: int = 50) -> pd.DataFrame:
    """Both readings of a data set's depth, judged on the planar windows of some of its frames.

    Args:
        dataset: at any size; frames are read at their native size, those of an unknown camera are left out.
        frames: how many, evenly spaced over the data set.

    Returns:
        Two rows, reading z and ray: windows (planar under at least one reading), flatter (the share of them in which this
        reading leaves the smaller rest), rest (its median, relative). The right reading is flatter in nearly all.

    Raises:
        ValueError: if the camera of no frame is known, or no window is planar under either reading.
    """
    native = dataset.subset(min(frames, len(dataset))).native()
    parts = [
        residuals(frame["depth"], frame["valid"], frame["intrinsics"])
        for frame in native
        if torch.isfinite(frame["intrinsics"]).all()
    ]
    if not parts:
        raise ValueError(
            f"the intrinsics of none of {plural(len(native), 'frame')} of {dataset.name} {dataset.split} are known (the first "
            f"is {native.frames['id'].iloc[0]!r}); without them rays have no length, so planes cannot tell. Give fx, fy, cx, cy"
        )
    table = pd.concat(parts, ignore_index=True)
    table = table[table.min(axis=1) < _PLANAR]
    if table.empty:
        raise ValueError(
            f"no window of {plural(len(parts), 'frame')} of {dataset.name} {dataset.split} is planar to {_PLANAR:.1%} "
            "under either reading; give more frames, or ones with walls or ground and dense depth"
        )
    flatter = (table["z"] < table["ray"]).mean()
    return pd.DataFrame(
        {
            "reading": ["z", "ray"],
            "windows": len(table),
            "flatter": [flatter, 1 - flatter],
            "rest": table[["z", "ray"]].median().to_numpy(),
        }
    )
