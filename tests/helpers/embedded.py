"""Reads a committed data set of the repository for the tests: index, cameras, pixels, and the geometry between them."""

from pathlib import Path

import numpy as np
from PIL import Image

from depthnb import files

DATA = Path(__file__).resolve().parents[2] / "data"
COLUMNS = "id,scene,scene_type,split,image,depth,valid,depth_scale,fx,fy,cx,cy".split(",")


class Embedded:
    """The data set ``name``; ``some`` is every ``stride``-th frame, for tests that read pixels."""

    def __init__(self, name: str, stride: int) -> None:
        self.root = DATA / name
        self.index = files.read_table(self.root / "index.csv")
        self.cameras = files.read_table(self.root / "cameras.csv").set_index("id")
        self.some = self.index.iloc[::stride]

    def depth(self, row) -> np.ndarray:
        """Stored depth in metres, 0 where nothing was hit."""
        return np.asarray(Image.open(self.root / row.depth)).astype(np.float64) * row.depth_scale

    def valid(self, row) -> np.ndarray:
        """Stored mask."""
        return np.asarray(Image.open(self.root / row.valid)).astype(bool)

    def rotation(self, row) -> np.ndarray:
        """World from camera (right, down, forward), as data/README.md defines yaw, pitch and roll."""
        camera = self.cameras.loc[row.id]
        yaw, pitch, roll = np.radians([camera.yaw, camera.pitch, camera.roll])
        forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
        level = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        upright = np.cross(level, forward)
        right = np.cos(roll) * level - np.sin(roll) * upright
        down = -np.sin(roll) * level - np.cos(roll) * upright
        return np.stack([right, down, forward], axis=1)

    def rays(self, row, shape) -> np.ndarray:
        """Viewing rays with z = 1, [H, W, 3], in camera axes."""
        v, u = np.indices(shape)
        return np.stack([(u - row.cx) / row.fx, (v - row.cy) / row.fy, np.ones(shape)], axis=-1)

    def world(self, row, depth) -> np.ndarray:
        """World points [H, W, 3] of a depth map."""
        position = self.cameras.loc[row.id, ["x", "y", "z"]].to_numpy(float)
        return (self.rays(row, depth.shape) * depth[..., None]) @ self.rotation(row).T + position
