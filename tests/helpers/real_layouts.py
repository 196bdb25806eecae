"""Small copies of DIODE and KITTI for the tests: the files of the originals, in their layout, types and quirks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

# calib_cam_to_cam.txt and calib_velo_to_cam.txt of 2011_09_26, with the lines that the reader passes over
CAMERAS = """calib_time: 09-Jan-2012 13:57:47
corner_dist: 9.950000e-02
S_00: 1.392000e+03 5.120000e+02
D_00: -3.728755e-01 2.037299e-01 2.219027e-03 1.383707e-03 -7.233722e-02
S_rect_00: {width:e} {height:e}
R_rect_00: {rectify}
S_rect_02: {width:e} {height:e}
P_rect_02: {left}
S_rect_03: {width:e} {height:e}
P_rect_03: {right}
"""
SCANNER = """calib_time: 15-Mar-2012 11:37:16
R: 7.533745e-03 -9.999714e-01 -6.166020e-04 1.480249e-02 7.280733e-04 -9.998902e-01 9.998621e-01 7.523790e-03 1.480755e-02
T: -4.069766e-03 -7.631618e-02 -2.717806e-01
delta_f: 0.000000e+00 0.000000e+00
delta_c: 0.000000e+00 0.000000e+00
"""
LEFT = np.array([[721.5377, 0, 609.5593, 44.85728], [0, 721.5377, 172.854, 0.2163791], [0, 0, 1, 0.002745884]])
RIGHT = np.array([[721.5377, 0, 609.5593, -339.5242], [0, 721.5377, 172.854, 2.199936], [0, 0, 1, 0.002729905]])
RECTIFY = np.array(
    [0.9999239, 0.00983776, -0.007445048, -0.009869795, 0.9999421, -0.004278459, 0.007402527, 0.004351614, 0.9999631]
)
SIZE = (375, 1242)


def scaled(matrix: np.ndarray, scale: float) -> np.ndarray:
    """A projection matrix for images made smaller by `scale` (pixel centres at integers)."""
    out = matrix.copy()
    out[:2] *= scale
    out[:2] += 0.5 * (scale - 1) * out[2]
    return out


def write_calibration(folder: Path, scale: float = 1.0) -> tuple[int, int]:
    """Write both calibration files of a date; return the images' (height, width)."""
    height, width = (round(side * scale) for side in SIZE)
    arrays = {"left": scaled(LEFT, scale), "right": scaled(RIGHT, scale), "rectify": RECTIFY}
    rows = {name: " ".join(f"{value:.6e}" for value in array.ravel()) for name, array in arrays.items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calib_cam_to_cam.txt").write_text(CAMERAS.format(width=width, height=height, **rows))
    (folder / "calib_velo_to_cam.txt").write_text(SCANNER)
    return height, width


def scan(seed: int = 0, beams: int = 64, steps: int = 360) -> np.ndarray:
    """A scan [N,4] as HDL-64E gives it: the road 1.73 m below, walls at either side, a car ahead, reflectance 0..1.

    All around the scanner, so most points lie behind the camera or outside its image.
    """
    up = np.radians(np.linspace(2.0, -24.8, beams))[:, None]
    around = np.radians(np.arange(steps) * 360 / steps)[None]
    direction = np.stack(np.broadcast_arrays(np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)), -1)
    with np.errstate(divide="ignore"):
        road = np.where(direction[..., 2] < 0, -1.73 / direction[..., 2], np.inf)
        walls = np.abs(9.0 / direction[..., 1])
        car = (8 + seed % 5) / direction[..., 0]
    on_car = (car > 0) & (np.abs(car * direction[..., 1]) < 0.9) & (np.abs(car * direction[..., 2] + 1.0) < 0.7)
    length = np.minimum(np.minimum(road, walls), np.where(on_car, car, np.inf))
    hit = length < 120
    points = direction[hit] * length[hit][:, None]
    return np.column_stack([points, np.linspace(0, 1, len(points))]).astype("<f4")


def photograph(seed: int, height: int, width: int) -> np.ndarray:
    """uint8 [H,W,3]: a road darkening towards the horizon under a bright sky, differing by seed."""
    y, x = np.mgrid[:height, :width]
    sky = np.stack([160 + x % 20, 180 + y % 30, 230 + 0 * x], -1)
    road = np.stack([60 + 90 * y // height + (x * 7 + seed * 31) % 25] * 3, -1)
    return np.where((y > 0.45 * height)[..., None], road, sky).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png", compress_level=1)
    return stream.getvalue()


def write_drive(
    root: Path, date: str, drive: str, frames: range | list[int], *, scale: float = 0.125, camera: str = "02",
    annotated: range | list[int] | None = None, part: str = "train", scans: bool = True,
) -> Path:  # fmt: skip
    """Write one drive: raw/ images and scans of `frames`, depth/ for `annotated` (default: all of them).

    Only four different frames are made; the rest are copies, as of a car that waits. Annotated depth is the projection of
    the scan, thickened by its neighbours below, in units of 1/256 m.
    """
    from depthnb.data.readers import velodyne

    height, width = write_calibration(root / "raw" / date, scale)
    calibration = velodyne.read_calibration(root / "raw" / date, camera, scanner=True)
    name = f"{date}_drive_{drive}_sync"
    folders = {
        "image": root / "raw" / date / name / f"image_{camera}" / "data",
        "scan": root / "raw" / date / name / "velodyne_points" / "data",
        "truth": root / "depth" / part / name / "proj_depth" / "groundtruth" / f"image_{camera}",
    }
    for key, folder in folders.items():
        if key != "scan" or scans:
            folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed in range(4):
        points = scan(seed + int(drive))
        depth = velodyne.project(points, calibration)
        depth[1:] = np.where(depth[1:] > 0, depth[1:], depth[:-1])
        stored = np.round(depth * 256).astype(np.uint16)
        made.append((png(photograph(seed, height, width)), points.tobytes(), png(stored)))
    for frame in frames:
        image, points, truth = made[frame % 4]
        (folders["image"] / f"{frame:010d}.png").write_bytes(image)
        if scans:
            (folders["scan"] / f"{frame:010d}.bin").write_bytes(points)
        if annotated is None or frame in annotated:
            (folders["truth"] / f"{frame:010d}.png").write_bytes(truth)
    return folders["image"].parents[1]


def write_diode(
    root: Path, part: str, kind: str, scene: int, scan: int, frames: int, size: tuple[int, int] = (48, 64)
) -> list[Path]:
    """Write frames of one DIODE scan; returns their paths without ending.

    A room or street under laser noise; what the laser missed is 0, inf or nonsense under mask 0. Depth is float32
    [H,W,1], the mask float64 [H,W], the names end in azimuth and elevation.
    """
    height, width = size
    folder = root / part / kind / f"scene_{scene:05d}" / f"scan_{scan:05d}"
    folder.mkdir(parents=True, exist_ok=True)
    y, x = (np.mgrid[:height, :width] - np.reshape([height / 2, width / 2], (2, 1, 1))) / (0.87 * width)
    paths = []
    for number in range(frames):
        rng = np.random.default_rng([scan, number])
        far = 6.0 if kind == "indoors" else 90.0
        with np.errstate(divide="ignore"):
            ground = np.where(y > 0.02, 1.6 / np.maximum(y, 1e-9), np.inf)
        wall = far / (1 + (0.2 + 0.1 * number) * x)
        depth = np.minimum(ground, wall) * (1 + 2e-4 * rng.standard_normal(size))
        mask = np.ones(size)
        mask[: height // 8 if kind == "indoors" else height // 3] = 0
        mask[rng.random(size) < 0.02] = 0
        depth[mask == 0] = rng.choice([0, np.inf, 5e8, -3, 4.25], int((mask == 0).sum()))
        stem = folder / f"{scene:05d}_{scan:05d}_{kind}_{10 * (number // 6):03d}_{10 * (number % 6):03d}"
        stem.with_name(stem.name + ".png").write_bytes(png(photograph(scan + number, height, width)))
        np.save(stem.with_name(stem.name + "_depth.npy"), depth.astype(np.float32)[..., None])
        np.save(stem.with_name(stem.name + "_depth_mask.npy"), mask)
        paths.append(stem)
    return paths
