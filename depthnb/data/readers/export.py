"""Writing samples as an RGB-D folder: the exporter of any data set, and the way to make one from arrays."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from depthnb import files
from depthnb.data.readers.index_csv import COLUMNS
from depthnb.data.readers.pixels import LARGEST_16_BIT


def write(
    root: Path | str, samples: Iterable[dict], *, depth_scale: float = 0.001, jpeg_quality: int | None = None
) -> Path:
    """Write samples as an RGB-D folder: the exporter of any data set, and the way to make one from arrays.

    Args:
        root: folder to make or fill; index.csv is written last.
        samples: dicts of the contract, plus `split`; `id` becomes the file name. Read one at a time.
        depth_scale: metres for each stored unit of the 16-bit PNG; depth is rounded to it. 0 stores `.npy` float32
            exactly.
        jpeg_quality: None stores PNG (exact to 8 bits).

    Returns:
        The path of index.csv.

    Raises:
        ValueError: if a valid depth does not fit the scale (0, or 65535 units and beyond), or an id cannot be a file name.
    """
    root = Path(root)
    rows = []
    for part in ("image", "depth", "valid"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for sample in samples:
        name = sample["id"]
        if not name or "/" in name or "\\" in name or name.startswith("."):
            raise ValueError(f"id {name!r} cannot be a file name; use letters, digits, - and _")
        pixels = (sample["image"] * 255).round().clamp(0, 255).to(torch.uint8).numpy().transpose(1, 2, 0)
        paths = {"image": f"image/{name}.{'png' if jpeg_quality is None else 'jpg'}", "valid": f"valid/{name}.png"}
        Image.fromarray(pixels).save(root / paths["image"], **({"quality": jpeg_quality} if jpeg_quality else {}))
        valid = sample["valid"][0].numpy()
        paths["depth"] = _write_depth(root, name, np.where(valid, sample["depth"][0].numpy(), 0), valid, depth_scale)
        Image.fromarray(valid).save(root / paths["valid"])
        K = sample["intrinsics"]
        values = [float(v) for v in (K[0, 0], K[1, 1], K[0, 2], K[1, 2])]
        camera = [repr(v) for v in values] if np.isfinite(values).all() else [""] * 4
        row = [name, sample["scene"], sample["scene_type"], sample["split"]]
        rows.append([*row, paths["image"], paths["depth"], paths["valid"], repr(depth_scale or 1.0), *camera])
    return files.write(root / "index.csv", lambda part: _write_rows(part, [COLUMNS, *rows]))


def _write_rows(path: Path, rows: list[Iterable[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def _write_depth(root: Path, name: str, depth: np.ndarray, valid: np.ndarray, depth_scale: float) -> str:
    if depth_scale == 0:
        np.save(root / f"depth/{name}.npy", depth.astype(np.float32))
        return f"depth/{name}.npy"
    units = np.round(depth.astype(np.float64) / depth_scale)
    if valid.any() and not (units[valid].min() >= 1 and units[valid].max() < LARGEST_16_BIT):
        raise ValueError(
            f"frame {name!r}: valid depth {depth[valid].min():g}..{depth[valid].max():g} m does not fit 16 bits in units "
            f"of {depth_scale:g} m; choose another depth_scale, or 0 for .npy float32"
        )
    Image.fromarray(units.astype(np.uint16)).save(root / f"depth/{name}.png")
    return f"depth/{name}.png"
