"""Time an epoch of `training.fit` against the naive loop of most course projects, in one process on the same frames.

    python benchmarks/bench_training.py [--root FOLDER] [--frames 128] [--height 96] [--width 128] [--repeats 3]

The naive loop: a DataLoader that decodes JPEG and PNG again for each frame of each epoch, resizes and augments it alone, and
reads the loss with .item() after each step. fit: frames from the memory map, augmented as a batch, channels_last inside. Both
train the same net from the same weights with the same optimiser; the frames are prepared before the clock starts (the time
that took is printed). Then fit alone: what channels_last and bf16 bring on this processor.

Each side's best epoch counts. Both wall and CPU time are given: on a busy machine trust the latter.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as vision

from depthnb import data, losses, models, tables, training
from depthnb.data import transforms

ROTATE, FLIP, BATCH = 5.0, 0.5, 16


class Frames(torch.utils.data.Dataset):
    """Decodes, resizes and augments one frame each time it is asked."""

    def __init__(self, root: Path, rows: pd.DataFrame, size: tuple[int, int]) -> None:
        self.root, self.rows, self.size = root, rows, size

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
        angle = random.uniform(-ROTATE, ROTATE)
        image = vision.rotate(image, angle, InterpolationMode.BILINEAR)
        depth = vision.rotate(depth, angle, InterpolationMode.NEAREST)
        if random.random() < FLIP:
            image, depth = vision.hflip(image), vision.hflip(depth)
        return image, depth


def optimizer_of(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1e-4, momentum=0.9)


def naive_epochs(net: nn.Module, frames: Frames, loss: training.Loss, epochs: int) -> None:
    optimizer = optimizer_of(net)
    loader = DataLoader(frames, batch_size=BATCH, shuffle=True, num_workers=0)
    for _ in range(epochs):
        total = 0.0
        for image, depth in loader:
            pred = net(image)
            depth = nn.functional.interpolate(depth, size=pred.shape[-2:], mode="nearest")
            value = loss(pred=pred, depth=depth, valid=depth > 0)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(image)


def fit_epochs(net: nn.Module, dataset: data.Dataset, loss: training.Loss, epochs: int, **options: object) -> None:
    training.fit(
        net, dataset, loss=loss, optimizer=optimizer_of(net), epochs=epochs, batch_size=BATCH, device="cpu", progress=False,
        augment=partial(transforms.augment, rotate=ROTATE, flip=FLIP), **options,
    )  # fmt: skip


def contiguous(function: Callable[[], None]) -> None:
    """Run something with channels_last switched off."""
    with mock.patch.object(torch, "channels_last", torch.contiguous_format):
        function()


def best(sides: dict[str, Callable[[], None]], repeats: int) -> dict[str, tuple[float, float]]:
    """Shortest wall and CPU seconds of each, taken in turn so that a disturbance hits all alike; the first turn warms up."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, function in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            function()
            if turn:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(min(column) for column in zip(*each, strict=True)) for name, each in times.items()}


def show(title: str, times: dict[str, tuple[float, float]]) -> None:
    print(title)
    (first_wall, first_cpu), *_ = times.values()
    for name, (wall, cpu) in times.items():
        print(f"  {name:26s} {wall:7.2f} s ({cpu:7.2f} s CPU)   x{first_wall / wall:.2f} (CPU x{first_cpu / cpu:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="", help="an RGB-D folder; default: the embedded rooms")
    parser.add_argument("--frames", type=int, default=128)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    size = (options.height, options.width)
    started = time.perf_counter()
    dataset = data.open("folder" if options.root else "rooms", root=options.root or None, size=size)
    dataset = dataset.subset(min(options.frames, len(dataset)))
    print(
        f"{len(dataset)} frames at {size[0]}x{size[1]} (H x W), batches of {BATCH}, {torch.get_num_threads()} threads"
    )
    print(f"preparing took {time.perf_counter() - started:.1f} s (once for all trainings)\n")
    index = tables.read(dataset.root / "index.csv").set_index("id").loc[dataset.frames["id"]]

    equation1 = partial(losses.silog, root=False, factor=1.0, per_image=True, lam=0.5)
    cases = {
        "BN-CNN, 16 channels": (models.BNCNN(width=16), losses.l1),
        "Eigen coarse": (models.EigenCoarse(size), equation1),
        "Eigen fine": (models.EigenFine(models.EigenCoarse(size)), equation1),
    }
    for name, (net, loss) in cases.items():
        given = {"dataset": dataset, "loss": loss, "epochs": 1}
        frames = Frames(dataset.root, index, size)
        net.train()
        sides = {
            "naive loop": partial(naive_epochs, net, frames, loss, 1),
            "fit, contiguous": partial(contiguous, partial(fit_epochs, net, **given)),
            "fit": partial(fit_epochs, net, **given),
            "fit, contiguous, bf16": partial(contiguous, partial(fit_epochs, net, precision="bf16-mixed", **given)),
            "fit, bf16": partial(fit_epochs, net, precision="bf16-mixed", **given),
        }
        show(f"{name}: seconds per epoch", best(sides, options.repeats))


if __name__ == "__main__":
    main()
