"""Time an epoch of `training.fit` against the loop of most course projects, and against its own bare steps.

    python benchmarks/bench_training.py [--root FOLDER] [--frames 32] [--epoch 320] [--height 96] [--width 128] [--turns 5]
        [--only U-Net]

The peer: a DataLoader that decodes JPEG and PNG again for each frame of each epoch, resizes and augments it alone, and reads
the loss with .item() after each step. fit: frames from the memory map, augmented as a batch, channels_last inside, with
precision="auto" and a fused optimiser. Both train the same net with the same optimiser. The bare steps take batches
from the same map by the same functions and do nothing else: what fit costs beside them is its own. Some of that comes once
an epoch, so this is measured in longer epochs, about half of the 658 frames of the notebooks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from decoding import Frames
from torch import nn
from torch.utils.data import DataLoader
from turns import Goal, compare

from depthnb import data, files, losses, models, training
from depthnb.data import transforms

ROTATE, FLIP, BATCH = 5.0, 0.5, 16
AUGMENT = partial(transforms.augment, rotate=ROTATE, flip=FLIP)


@dataclass(frozen=True)
class Case:
    """A net with the loss and the optimiser of its notebook."""

    net: nn.Module
    loss: training.Loss
    make: Callable[..., torch.optim.Optimizer]

    def optimizer(self, *, fused: bool) -> torch.optim.Optimizer:
        return self.make([p for p in self.net.parameters() if p.requires_grad], lr=1e-4, fused=fused)

    def step(self, optimizer: torch.optim.Optimizer, image: torch.Tensor, depth: torch.Tensor, valid: torch.Tensor):
        """One step; the loss, without its graph."""
        pred = self.net(image)
        depth, valid = transforms.resize_depth(depth, valid, tuple(pred.shape[-2:]))
        loss = self.loss(pred=pred, depth=depth, valid=valid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()


def naive_epoch(case: Case, frames: Frames) -> None:
    optimizer, total = case.optimizer(fused=False), 0.0
    for image, depth in DataLoader(frames, batch_size=BATCH, shuffle=True, num_workers=0):
        total += case.step(optimizer, image, depth, depth > 0).item() * len(image)


def bare_epoch(case: Case, dataset: data.Dataset) -> None:
    """The steps of `fit_epoch` and nothing else."""
    case.net.to(memory_format=torch.channels_last)
    optimizer = case.optimizer(fused=False)
    for chosen in torch.randperm(len(dataset)).split(BATCH):
        batch = AUGMENT(dataset.batch(chosen.tolist()), seed=0, epoch=0)
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        case.step(optimizer, image, batch["depth"], batch["valid"])


def fit_epoch(case: Case, dataset: data.Dataset, *, fused: bool = False, precision: str = "32-true") -> None:
    training.fit(
        case.net,
        dataset,
        loss=case.loss,
        optimizer=case.optimizer(fused=fused),
        augment=AUGMENT,
        epochs=1,
        batch_size=BATCH,
        precision=precision,
        device="cpu",
        progress=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="", help="an RGB-D folder; default: the embedded rooms")
    for name, default in (("frames", 32), ("epoch", 320), ("height", 96), ("width", 128), ("turns", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="part of the name of a net; default: all of them")
    options = parser.parse_args()
    size = (options.height, options.width)
    dataset = data.open("folder" if options.root else "rooms", root=options.root or None, size=size)
    whole = dataset.subset(min(options.epoch, len(dataset)))
    dataset = dataset.subset(min(options.frames, len(dataset)))
    index = files.read_table(dataset.root / "index.csv").set_index("id").loc[dataset.frames["id"]]
    print(f"frames of {size[1]}x{size[0]}, batches of {BATCH}; ours / peer")
    print(f"an epoch has {len(dataset)} frames beside the naive loop, {len(whole)} beside the bare steps")
    print(f"precision auto is {training.fast_precision('cpu')} here")

    equation1 = partial(losses.silog, root=False, factor=1.0, per_image=True, lam=0.5)
    cases = {
        "BN-CNN, 16 channels": Case(models.BNCNN(width=16), losses.l1, torch.optim.Adam),
        "Eigen coarse": Case(models.EigenCoarse(size), equation1, partial(torch.optim.SGD, momentum=0.9)),
        "U-Net, 12 channels": Case(models.UNet(channels=12), losses.mare, torch.optim.Adam),
    }
    for name, case in cases.items():
        if options.only not in name:
            continue
        frames, fit = Frames(dataset.root, index, size, ROTATE, FLIP), partial(fit_epoch, case, dataset)
        case.net.train()
        naive, bare = partial(naive_epoch, case, frames), partial(bare_epoch, case, whole)
        fast = partial(fit, fused=True, precision="auto")
        compare(f"{name}: fit as the notebooks do, against the naive loop", fast, naive, turns=options.turns)
        long = partial(fit_epoch, case, whole)
        compare(f"{name}: fit, against its bare steps", long, bare, turns=options.turns, goal=Goal(at_most=1.05))


if __name__ == "__main__":
    main()
