r"""`make3d`: 534 photographs of a campus with laser scans, 400 for training and 134 for testing.

    Train400Img/img-op29-p-295t000.jpg         2272 rows of 1704 pixels, upright
    Train400Depth/depth_sph_corr-op29-p-295t000.mat       MATLAB v5, Position3DGrid [55, 305, 4]: Y, X, Z, distance
    Test134/  Gridlaserdata/ (or Test134Depth/)           alike

- Size: a sample has 460 rows of 345 pixels, what published work resizes to. The image is shrunk to it; each laser cell
  fills 8 or 9 rows and 1 or 2 columns (nearest, no depth is invented), so that all cells count about alike.
- Depth: the fourth column is the *distance along the ray*. Published scores take it as depth; the contract here is z, so
  it is divided by the length of the ray (x, y, 1): by 1 in the middle, by 1.16 in the corners. Scores on this truth are
  therefore close to published ones, not comparable digit by digit. The rays follow from the authors' own calibration
  (below), which their code normalises the same way; the first three columns are not needed.
- Intrinsics: that calibration, scaled. The authors' programs disagree on which side of the middle the principal point
  lies (2 % of the image's side off it), so it is not to be trusted beyond that; z changes by 1 % with it at most.
- Valid: a finite distance above 0 and below 80 m. The scanner's range ends there, and what it did not hit (the sky) is
  stored as its largest value.
- Split: as published, and it divides places. Each place was photographed in several directions that overlap, and the
  authors put some of them into training and others into testing; `notes` counts these places. For validation 10 % of
  the training places serve, by a fixed hash.

Source: Saxena, Chung and Ng, IJCV 2008; Saxena, Sun and Ng, PAMI 2009; protocol make3d ("C1", below 70 m): Liu, Salzmann
and He, CVPR 2014.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data import transforms
from depthnb.data.download import ORIGINS, search
from depthnb.data.readers.nyu_v2 import camera
from depthnb.data.readers.pixels import read_image
from depthnb.data.source import Source
from depthnb.data.splits import derive_splits

PARTS = {"train": ("Train400Img", ("Train400Depth",), 400), "test": ("Test134", ("Gridlaserdata", "Test134Depth"), 134)}
SIZE = (460, 345)
GRID = (55, 305)
RANGE = 80.0  # metres, where the scanner ends
MAX_DEPTH = 70.0  # of the protocol
# The authors' calibration, upright: extent of the image over its focal length, and the principal point as a share of the
# image's sides, from the left and from below.
EXTENT = (0.946584169, 0.70783777)  # (height, width)
PRINCIPAL = (0.488886982, 0.489272914)


class Make3D(Source):
    """The unpacked archives (see the module).

    Args:
        root: the folder that holds Train400Img, Train400Depth, Test134 and Gridlaserdata, or one above it. Either half
            (training or testing) may be missing as a whole.

    Raises:
        FileNotFoundError: if neither half is there, or a photograph has no scan.
    """

    name, protocol, max_depth = "make3d", "make3d", MAX_DEPTH

    def __init__(self, root: Path | str | None):
        patterns = ("Train400Img", "Test134", "*/Train400Img", "*/Test134")
        self.root = search(self.name, patterns, root).parent
        rows = [row for part in PARTS for row in self._rows(part)]
        self.index, self.notes = _index(pd.DataFrame(rows))
        facts = [(self.root / row[key]).stat() for row in rows for key in ("image", "depth")]
        content = repr([(row["id"], row["split"]) for row in rows] + [fact.st_size for fact in facts])
        self.fingerprint = hashlib.sha256(content.encode()).hexdigest()[:12]
        self.state = repr([fact.st_mtime_ns for fact in facts])

    def _rows(self, part: str) -> list[dict]:
        """Photographs of one half with their scans, in order of their names."""
        folder, scans, _ = PARTS[part]
        images = sorted((self.root / folder).rglob("img-*.jpg"))
        if not images and not (self.root / folder).exists():
            return []
        found = {file.stem: file for scan in scans for file in sorted((self.root / scan).rglob("depth_sph_corr-*.mat"))}
        rows = []
        for image in images:
            view = image.stem.removeprefix("img-")
            depth = found.get(f"depth_sph_corr-{view}")
            if depth is None:
                raise FileNotFoundError(
                    f"{image}: its scan depth_sph_corr-{view}.mat is missing; expected it in {' or '.join(scans)} beside "
                    f"{folder}. {_remedy()}"
                )
            files = {"image": str(image.relative_to(self.root)), "depth": str(depth.relative_to(self.root))}
            rows.append({"id": view, "scene": view.rpartition("-p-")[0] or view, "split": part, **files})
        if not rows:
            raise FileNotFoundError(f"{self.root / folder}: no img-*.jpg in it. {_remedy()}")
        return rows

    def files(self, row: int) -> list[Path]:
        return [self.root / cell for cell in self.index.iloc[row][["image", "depth"]]]

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        path = self.root / frame["image"]
        image = read_image(path, turn=True)  # one photograph lies on its side and EXIF says so
        if image.shape[1] <= image.shape[2]:
            raise ValueError(
                f"{path}: {image.shape[2]}x{image.shape[1]} (width x height); expected an upright photograph, as all of "
                f"Make3D are. Turn it upright. {_remedy()}"
            )
        depth, valid = to_z(read_distance(self.root / frame["depth"]))
        depth, valid = transforms.resize_depth(torch.from_numpy(depth)[None], torch.from_numpy(valid)[None], SIZE)
        return {
            "image": transforms.resize_image(image, SIZE),
            "depth": depth,
            "valid": valid,
            "intrinsics": camera(*_pinhole(*SIZE)),
        }


def open_source(root: Path | str | None) -> Make3D:
    """Open the unpacked archives at `root` or under `DEPTHNB_DATA`."""
    return Make3D(root)


def read_distance(path: Path) -> np.ndarray:
    """Distances of one scan, float64 [55, 305], metres along the ray.

    Raises:
        ValueError: for another kind of file, no Position3DGrid in it, or one of another shape.
    """
    from scipy.io import loadmat  # only this data set needs it, and importing it takes a while

    try:
        # some of the published files fail the check of their compression, though all data are there
        content = loadmat(path, variable_names=["Position3DGrid"], verify_compressed_data_integrity=False)
    except NotImplementedError:
        raise ValueError(f"{path}: a MATLAB v7.3 file, while the published ones are v5. {_remedy()}") from None
    except Exception as error:  # scipy raises whatever it stumbles over in a damaged file
        raise ValueError(f"{path}: not a MATLAB v5 file that can be read ({error}). {_remedy()}") from None
    grid = content.get("Position3DGrid")
    if grid is None:
        raise ValueError(f"{path}: no Position3DGrid in it; expected a laser scan of Make3D. {_remedy()}")
    if grid.shape != (*GRID, 4) or grid.dtype.kind != "f":
        raise ValueError(
            f"{path}: Position3DGrid is {grid.dtype} {grid.shape}; expected floats ({GRID[0]}, {GRID[1]}, 4): "
            f"Y, X, Z and distance. {_remedy()}"
        )
    return grid[..., 3].astype(np.float64)


def to_z(distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth along the optical axis from distances along rays, and where the scanner hit something.

    Args:
        distance: [H, W], metres, over the whole image.

    Returns:
        float32 [H, W] with 0 where invalid, and bool [H, W].

    >>> z, valid = to_z(np.full((55, 305), 10.0))
    >>> bool(valid.all()), round(float(z.max()), 2), round(float(z.min()), 2)
    (True, 10.0, 8.59)
    """
    height, width = distance.shape
    (fx, fy), (cx, cy) = _pinhole(height, width)
    row, column = np.mgrid[:height, :width]
    ray = np.sqrt(((column - cx) / fx) ** 2 + ((row - cy) / fy) ** 2 + 1)
    valid = np.isfinite(distance) & (distance > 0) & (distance < RANGE)
    return np.where(valid, distance / ray, 0).astype(np.float32), valid


def _pinhole(height: int, width: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Focal lengths and principal point (x, y) of the upright image at that size, pixel centres at integers."""
    focal = (width / EXTENT[1], height / EXTENT[0])
    return focal, (PRINCIPAL[1] * width - 0.5, (1 - PRINCIPAL[0]) * height - 0.5)


def _remedy() -> str:
    origin = ORIGINS["make3d"]
    return f"Get its archive again from {origin.page}; layout: {origin.layout}"


def _index(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Take validation places out of the training ones, and say what the split is like."""
    index, notes = derive_splits(rows.assign(scene_type="outdoor"))
    places = rows.groupby("split")["scene"].agg(set)
    for part, (folder, _, expected) in PARTS.items():
        counted = int((rows["split"] == part).sum())
        if counted != expected:
            notes += (f"{counted} of {expected} photographs in {folder}.",)
    if len(places) == 2 and (both := places["train"] & places["test"]):
        notes += (
            f"The published split divides {len(both)} of {len(set(rows['scene']))} places: their views, which overlap, are "
            "on both sides, so test scores look better than on new places.",
        )
    return index, notes
