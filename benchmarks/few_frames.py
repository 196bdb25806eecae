"""What a few training frames give: the U-Net of notebook 04 on 12, 100 and all frames of the rooms, beside the constants.

Run: `python benchmarks/few_frames.py [--seeds 3]`, about six minutes a seed on one core. Every net sees the images of at least
300 steps of eight; the frames are drawn anew for each seed. All are judged on the same test scenes.
"""

from __future__ import annotations

import argparse
from functools import partial

import pandas as pd
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from depthnb import data, evaluation, losses, models, training
from depthnb.data import statistics, transforms

STEPS, BATCH = 300, 8


def trained(train, seed: int) -> torch.nn.Module:
    """The U-Net of notebook 04 after its recipe, without looking at a validation split."""
    reach = statistics.summary(train)["depth 95 % (m)"]
    passes = training.passes(len(train), BATCH, 4, min_steps=STEPS)
    torch.manual_seed(seed)
    net = models.UNet(channels=12, start=statistics.geometric_mean_depth(train))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    training.fit(
        net,
        train,
        loss=lambda **maps: losses.ssim(**maps, data_range=reach, window=7) + losses.mare(**maps, edge_weighting=True),
        optimizer=optimizer,
        scheduler=CosineAnnealingLR(optimizer, T_max=passes),
        augment=partial(transforms.augment, flip=0.5),
        epochs=passes,
        batch_size=BATCH,
        seed=seed,
        progress=False,
    )
    return net


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seeds", type=int, default=3)
    seeds, rows = range(arguments.parse_args().seeds), []
    size = data.training_size("rooms", "", 0, 0, pixels=96 * 128)
    test = data.open("rooms", split="test", size=size)
    for frames in (12, 100, 0):
        for seed in seeds:
            train, _ = data.training_split("rooms", size=size, frames=frames, seed=seed)
            judged = {"U-Net": evaluation.evaluate(trained(train, seed), test), **evaluation.baselines(train, test)}
            rows.append({"frames": len(train), **{name: each.summary["abs_rel"] for name, each in judged.items()}})
            print(rows[-1], flush=True)
    print(pd.DataFrame(rows).groupby("frames").agg(["mean", "min", "max"]).round(3).to_string())


if __name__ == "__main__":
    main()
