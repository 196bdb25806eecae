"""Time an epoch of `training.fit` against the naive loop of most course projects, in one process on the same frames.

    python benchmarks/bench_training.py [--root FOLDER] [--frames 128] [--height 96] [--width 128] [--repeats 3] [--only U-Net]

The naive loop: a DataLoader that decodes JPEG and PNG again for each frame of each epoch, resizes and augments it alone, and
reads the loss with .item() after each step. fit: frames from the memory map, augmented as a batch, channels_last inside. Both
train the same net from the same weights with the same optimiser; the frames are prepared before the clock starts (the time
that took is printed). Then fit alone: what channels_last, a fused optimiser, precision="auto" and bf16 bring on this processor.

Each side's best epoch counts. Both wall and CPU time are given: on a busy machine trust the latter.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
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

from depthnb import data, files, losses, models, training
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


@dataclass(frozen=True)
class Case:
    """A net with the loss and the optimiser of its notebook."""

    net: nn.Module
    loss: training.Loss
    make: Callable[..., torch.optim.Optimizer]

    def optimizer(self, *, fused: bool) -> torch.optim.Optimizer:
        return self.make([p for p in self.net.parameters() if p.requires_grad], lr=1e-4, fused=fused)


def naive_epoch(case: Case, frames: Frames) -> None:
    optimizer = case.optimizer(fused=False)
    total = 0.0
    for image, depth in DataLoader(frames, batch_size=BATCH, shuffle=True, num_workers=0):
        pred = case.net(image)
        depth = nn.functional.interpolate(depth, size=pred.shape[-2:], mode="nearest")
        loss = case.loss(pred=pred, depth=depth, valid=depth > 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(image)


def fit_epoch(case: Case, dataset: data.Dataset, *, fused: bool = False, precision: str = "32-true") -> None:
    training.fit(
        case.net,
        dataset,
        loss=case.loss,
        optimizer=case.optimizer(fused=fused),
        augment=partial(transforms.augment, rotate=ROTATE, flip=FLIP),
        epochs=1,
        batch_size=BATCH,
        precision=precision,
        device="cpu",
        progress=False,
    )


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
    parser.add_argument("--only", default="", help="part of the name of a net; default: all of them")
    options = parser.parse_args()
    size = (options.height, options.width)
    started = time.perf_counter()
    dataset = data.open("folder" if options.root else "rooms", root=options.root or None, size=size)
    dataset = dataset.subset(min(options.frames, len(dataset)))
    print(
        f"{len(dataset)} frames at {size[0]}x{size[1]} (H x W), batches of {BATCH}, {torch.get_num_threads()} threads"
    )
    print(f"preparing took {time.perf_counter() - started:.1f} s (once for all trainings)\n")
    index = files.read_table(dataset.root / "index.csv").set_index("id").loc[dataset.frames["id"]]

    equation1 = partial(losses.silog, root=False, factor=1.0, per_image=True, lam=0.5)
    sgd = partial(torch.optim.SGD, momentum=0.9)
    cases = {
        "BN-CNN, 16 channels": Case(models.BNCNN(width=16), losses.l1, torch.optim.Adam),
        "Eigen coarse": Case(models.EigenCoarse(size), equation1, sgd),
        "Eigen fine": Case(models.EigenFine(models.EigenCoarse(size)), equation1, sgd),
        "U-Net, 12 channels": Case(models.UNet(channels=12), losses.mare, torch.optim.Adam),
    }
    print(f"precision auto is {training.fast_precision('cpu')} here\n")
    for name, case in cases.items():
        if options.only and options.only not in name:
            continue
        frames, fit = Frames(dataset.root, index, size), partial(fit_epoch, case, dataset)
        case.net.train()
        sides = {
            "naive loop": partial(naive_epoch, case, frames),
            "fit, contiguous": partial(contiguous, fit),
            "fit": fit,
            "fit, fused": partial(fit, fused=True),
            "fit, auto": partial(fit, precision="auto"),
            "fit, contiguous, bf16": partial(contiguous, partial(fit, precision="bf16-mixed")),
            "fit, bf16": partial(fit, precision="bf16-mixed"),
        }
        show(f"{name}: seconds per epoch", best(sides, options.repeats))


if __name__ == "__main__":
    main()
