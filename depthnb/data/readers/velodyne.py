r"""KITTI's laser scans as depth maps: the calibration files of a day, one scan, and its projection into a colour camera.

A point of the scan goes from the scanner's frame (x forward, y left, z up) to rectified camera 0 and into the image of
camera 2 (left colour) or 3 (right colour):

$$ w\,(u, v, 1)^\top = P_{rect,2}\; R_{rect,0}\; [R\,|\,T]_{velo}\; (x, y, z, 1)^\top $$

`w` is its depth along that camera's optical axis. Several points may fall on one pixel (the scanner sits a metre above the
cameras and sees past edges that hide things from them): the nearest wins.

Three differences to the maps of the Eigen-split community (the code of monodepth and its successors):

- depth is z in the camera. Theirs is the distance in front of the *scanner*, about 0.27 m more; its authors call that a
  mistake, kept for consistency with Eigen et al. (nianticlabs/monodepth2, issue 274);
- pixels count from 0, as KITTI's labels and calibration do. Theirs are one pixel further left and up ("minus 1", from
  MATLAB code);
- theirs takes the last pixel of a row and the first of the next for one where it looks for points that share a pixel.

In neither is a scan corrected for the car's motion while the scanner turns: that is what the annotated truth is for.

Source: Geiger, Lenz, Stiller and Urtasun, IJRR 2013, section IV.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

_CAMERA_FILE, _SCANNER_FILE = "calib_cam_to_cam.txt", "calib_velo_to_cam.txt"
_POINT = 4 * 4  # bytes: x, y, z in metres and reflectance, float32 each
# Metres. From the scanner to camera 0 it is about 0.3 in every published file, from there to camera 2 or 3 along the
# optical axis a few millimetres. Numbers are written as 2.717806e-01, so one that lost its exponent is 1 or more.
_FARTHEST = 1.0
_REMEDY = "Get that date's calibration file again from the raw data page (https://www.cvlibs.net/datasets/kitti)"


@dataclass(frozen=True)
class Calibration:
    """The calibration of one recording day, for one colour camera.

    Attributes:
        size: (height, width) of its rectified images.
        projection: P_rect, float64 [3,4].
        scanner: float64 [3,4] from scanner to rectified camera 0, or None where it was not asked for.
    """

    size: tuple[int, int]
    projection: np.ndarray
    scanner: np.ndarray | None = None

    @property
    def intrinsics(self) -> np.ndarray:
        """K, float64 [3,3]: the left part of P_rect, pixel centres at integers."""
        return self.projection[:, :3]


def read_calibration(folder: Path, camera: str = "02", *, scanner: bool = False) -> Calibration:
    """Read a day's calibration.

    Args:
        folder: of the date, holding calib_cam_to_cam.txt and (for `scanner`) calib_velo_to_cam.txt.
        camera: "02" (left colour) or "03" (right colour).
        scanner: whether the scanner's place is needed.

    Raises:
        FileNotFoundError, ValueError: naming the file, what was expected, what was found.
    """
    path = folder / _CAMERA_FILE
    cells = _read(path)
    size = _numbers(path, cells, f"S_rect_{camera}", 2)
    projection = _numbers(path, cells, f"P_rect_{camera}", 12).reshape(3, 4)
    if not (projection[0, 0] > 0 and projection[1, 1] > 0 and (size >= 1).all()):
        raise ValueError(
            f"{path}: P_rect_{camera} has focal lengths {projection[0, 0]:g}, {projection[1, 1]:g} and S_rect_{camera} "
            f"is {size.tolist()}; expected positive numbers. {_REMEDY}"
        )
    if not (np.array_equal(projection[2, :3], [0, 0, 1]) and abs(projection[2, 3]) < _FARTHEST):
        raise ValueError(
            f"{path}: the last four numbers of P_rect_{camera} are {projection[2].tolist()}; expected 0, 0, 1 and a few "
            f"millimetres, so it is cut short or changed. {_REMEDY}"
        )
    placed = None
    if scanner:
        rectify = _rotation(path, cells, "R_rect_00")
        path = folder / _SCANNER_FILE
        cells = _read(path)
        rotation, translation = _rotation(path, cells, "R"), _numbers(path, cells, "T", 3)
        if not np.linalg.norm(translation) < _FARTHEST:
            raise ValueError(
                f"{path}: T is {cells['T'].strip()!r}, {np.linalg.norm(translation):.3g} m long; expected metres from the "
                f"scanner to the camera, about 0.3 in all, so a number is cut short or changed. {_REMEDY}"
            )
        placed = rectify @ np.column_stack([rotation, translation])
    return Calibration((int(size[1]), int(size[0])), projection, placed)


def _read(path: Path) -> dict[str, str]:
    """The lines `key: values` of a calibration file, values as text (a time of day has colons of its own)."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: the calibration of this date is missing. {_REMEDY}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path}: not a calibration file ({error}). {_REMEDY}") from None
    return {
        key.strip(): value for key, separator, value in (line.partition(":") for line in text.splitlines()) if separator
    }


def _numbers(path: Path, cells: dict[str, str], key: str, count: int) -> np.ndarray:
    if key not in cells:
        raise ValueError(f"{path}: no line {key}; found {', '.join(cells) or 'no line of key: values'}. {_REMEDY}")
    try:
        values = np.array([float(word) for word in cells[key].split()])
    except ValueError as error:
        raise ValueError(f"{path}: {key}: {error}; expected {count} numbers. {_REMEDY}") from None
    if len(values) != count or not np.isfinite(values).all():
        raise ValueError(f"{path}: {key} is {cells[key].strip()!r}; expected {count} finite numbers. {_REMEDY}")
    return values


def _rotation(path: Path, cells: dict[str, str], key: str) -> np.ndarray:
    """Nine numbers as float64 [3,3]; ValueError unless they turn without stretching or mirroring."""
    matrix = _numbers(path, cells, key, 9).reshape(3, 3)
    if not (np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3) and np.linalg.det(matrix) > 0):
        raise ValueError(
            f"{path}: {key} is {cells[key].strip()!r}; expected the nine numbers of a rotation, so one is cut short or "
            f"changed. {_REMEDY}"
        )
    return matrix


def read_scan(path: Path) -> np.ndarray:
    """Read one scan: float32 [N,4], x forward, y left, z up in metres and reflectance.

    Raises:
        FileNotFoundError, ValueError: for a missing, empty or cut file, and for values that are no points.
    """
    try:
        size = path.stat().st_size
    except OSError:
        raise FileNotFoundError(f"{path}: the scan is missing; unpack the drive's *_sync.zip again") from None
    if size == 0 or size % _POINT:
        raise ValueError(
            f"{path}: {size} bytes; expected points of {_POINT} bytes (x, y, z, reflectance as float32), so it is cut short "
            "or another file; unpack the drive's *_sync.zip again"
        )
    points = np.fromfile(path, dtype="<f4").reshape(-1, 4)
    if not np.isfinite(points).all() or np.abs(points[:, :3]).max() > 1000:
        raise ValueError(
            f"{path}: coordinates that are not finite or beyond 1000 m; expected metres around the scanner (at most about "
            "120), float32, little-endian; unpack the drive's *_sync.zip again"
        )
    return points


def project(points: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Project a scan into the camera's image.

    Args:
        points: float [N,4] or [N,3], metres in the scanner's frame.
        calibration: with the scanner's place.

    Returns:
        float32 [H,W]: depth in metres along the optical axis, 0 where no point fell; the nearest where several did. A
        point belongs to the pixel whose centre is nearest to it.
    """
    matrix = np.vstack([calibration.scanner, [0, 0, 0, 1]])
    matrix = calibration.projection @ matrix
    homogeneous = points[:, :3].astype(np.float64) @ matrix[:, :3].T + matrix[:, 3]
    depth = homogeneous[:, 2]
    ahead = depth > 0
    depth = depth[ahead]
    column, row = np.floor(homogeneous[ahead, :2] / depth[:, None] + 0.5).T
    height, width = calibration.size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    pixel = (row[inside] * width + column[inside]).astype(np.int64)
    nearest = np.full(height * width, np.inf)
    np.minimum.at(nearest, pixel, depth[inside])
    return np.where(np.isfinite(nearest), nearest, 0).astype(np.float32).reshape(height, width)
