"""A data set in memory and a net of a few weights, for tests of what is done with any data set and any net."""

from __future__ import annotations

import math

import pandas as pd
import torch
from torch import Tensor, nn


class Toy:
    """Frames of noise whose depth grows with their brightness; `sizes` gives frames other native sizes, one by one."""

    name, protocol, max_depth, fingerprint, split = "toy", "rooms", 10.0, "f00d", "train"

    def __init__(self, frames: int = 10, size: tuple[int, int] = (16, 24), *, seed: int = 0, sizes=None) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.size = size
        self.image = torch.rand(frames, 3, *size, generator=generator)
        self.depth = 1 + 6 * self.image.mean(1, keepdim=True)
        self.valid = torch.rand(frames, 1, *size, generator=generator) > 0.3
        self.sizes = sizes or [size] * frames
        self.ids = [f"frame_{seed}_{i:03d}" for i in range(frames)]
        self.frames = pd.DataFrame(
            {"id": self.ids, "scene": [f"s{i // 2}" for i in range(frames)], "scene_type": "toy", "split": "train"}
        )
        self.asked: list[list[int]] = []  # what batch() was asked for

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, indices) -> dict:
        numbers = [int(i) for i in indices]
        self.asked.append(numbers)
        names = self.frames.iloc[numbers]
        return {
            "image": self.image[numbers],
            "depth": self.depth[numbers],
            "valid": self.valid[numbers],
            "intrinsics": torch.full((len(numbers), 3, 3), torch.nan),
            **{key: names[key].tolist() for key in ("id", "scene", "scene_type")},
        }

    def __getitem__(self, i: int) -> dict:
        one = {key: value[0] for key, value in self.batch([i]).items()}
        for key in ("image", "depth", "valid"):  # at its native size
            grown = nn.functional.interpolate(one[key][None].float(), size=self.sizes[i], mode="nearest")[0]
            one[key] = grown.to(one[key].dtype)
        return one

    def native(self) -> Toy:
        return self


def l1(*, pred: Tensor, depth: Tensor, valid: Tensor) -> Tensor:
    """Mean over images of the mean absolute error over valid pixels."""
    error = torch.where(valid, pred - torch.where(valid, depth, 0.0), 0.0).abs().sum((1, 2, 3))
    return (error / valid.sum((1, 2, 3)).clamp(min=1)).mean()


class Net(nn.Module):
    """Two convolutions with batch normalisation and dropout between them, or without either."""

    def __init__(self, *, plain: bool = False, width: int = 4, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        between = [] if plain else [nn.BatchNorm2d(width), nn.Dropout(0.3)]
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), *between, nn.ReLU(), nn.Conv2d(width, 1, 3, padding=1)
        )
        self.config: dict = {}

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def same(one: nn.Module | dict, other: nn.Module | dict) -> bool:
    """Whether two models (or their states) hold the same bits."""
    one, other = (each.state_dict() if isinstance(each, nn.Module) else each for each in (one, other))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Poisoned(Toy):
    """The image of one frame is NaN: it poisons the batch statistics before the loss is seen."""

    def __init__(self, bad: int, **options) -> None:
        super().__init__(**options)
        self.image[bad] = math.nan
