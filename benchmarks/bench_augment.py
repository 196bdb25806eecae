"""Time of `transforms.augment` for one batch against kornia's augmentation of the same kinds and strengths.

    python benchmarks/bench_augment.py [--device cuda --batch 16 --height 120 --width 160]

Flip 0.5, rotation +-5 degrees and channel permutation 0.25, on image, depth and valid together. Kornia gets one
`AugmentationSequential` for image (bilinear), depth and mask (nearest), the channel shuffle for the image alone.
"""

from __future__ import annotations

import argparse
import itertools
import warnings

import kornia.augmentation as K
import torch
from turns import compare

from depthnb.data.transforms import augment


def example(batch: int, height: int, width: int, device: str) -> dict:
    """A batch of noise and one slope."""
    depth = torch.linspace(1, 8, width).expand(batch, 1, height, width).contiguous()
    intrinsics = torch.tensor([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]]).repeat(batch, 1, 1)
    out = {"image": torch.rand(batch, 3, height, width), "depth": depth, "valid": depth < 7, "intrinsics": intrinsics}
    return {**{key: value.to(device) for key, value in out.items()}, "id": [f"frame_{i}" for i in range(batch)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 16), ("height", 120), ("width", 160), ("turns", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    batch = example(args.batch, args.height, args.width, args.device)
    warnings.filterwarnings("ignore", module="kornia")
    geometry = K.AugmentationSequential(
        K.RandomHorizontalFlip(p=0.5),
        K.RandomRotation(5.0, p=1.0),
        data_keys=["input", "mask", "mask"],
        same_on_batch=False,
    )
    shuffle = K.RandomChannelShuffle(p=0.25)
    wait = torch.cuda.synchronize if args.device != "cpu" else lambda: None

    def theirs() -> None:
        image, _depth, _valid = geometry(batch["image"], batch["depth"], batch["valid"].float())
        shuffle(image)
        wait()

    def ours(number: int) -> None:
        augment(batch, seed=0, epoch=number, rotate=5.0, flip=0.5, channel_permutation=0.25)
        wait()

    print(f"augmentation, {args.batch} frames of {args.width}x{args.height} on {args.device}; ours / peer")
    numbers = itertools.count()
    compare("one batch, against kornia's", lambda: ours(next(numbers)), theirs, turns=args.turns)


if __name__ == "__main__":
    main()
