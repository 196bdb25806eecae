"""How most course projects read frames: decode, resize and augment each alone, every time it is asked for."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision


class Frames(torch.utils.data.Dataset):
    """Frames of an RGB-D folder by PIL and torchvision.

    Args:
        root: the folder.
        rows: the lines of its index.csv that are wanted.
        size: (H, W).
        rotate: degrees, at most; 0 leaves rotation out.
        flip: how often an image is mirrored.
    """

    def __init__(self, root: Path, rows: pd.DataFrame, size: tuple[int, int], rotate: float, flip: float) -> None:
        self.root, self.rows, self.size, self.rotate, self.flip = root, rows, size, rotate, flip

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        row = self.rows.iloc[i]
        image = vision.to_tensor(Image.open(self.root / row["image"]).convert("RGB"))
        depth = np.asarray(Image.open(self.root / row["depth"])).astype(np.float32) * row["depth_scale"]
        if isinstance(row["valid"], str):
            depth = depth * np.asarray(Image.open(self.root / row["valid"]))
        depth = torch.from_numpy(depth)[None]
        image = vision.resize(image, self.size, antialias=True)
        depth = vision.resize(depth, self.size, InterpolationMode.NEAREST)
        if self.rotate:
            angle = random.uniform(-self.rotate, self.rotate)
            image = vision.rotate(image, angle, InterpolationMode.BILINEAR)
            depth = vision.rotate(depth, angle, InterpolationMode.NEAREST)
        if random.random() < self.flip:
            image, depth = vision.hflip(image), vision.hflip(depth)
        return image, depth
