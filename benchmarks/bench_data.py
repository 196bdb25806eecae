"""Frames a second that a training is fed with: from the memory map, against decoding each frame again by PIL and torchvision.

    python benchmarks/bench_data.py [--frames 64] [--batch 16] [--sizes 96x128 240x320] [--turns 5] [--root FOLDER]

Both sides give batches of the same frames, flipped, or rotated by up to 5 degrees and flipped. Preparing the map is paid once;
its time is printed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np
from decoding import Frames
from torch.utils.data import DataLoader
from turns import Goal, compare

from depthnb import data, files
from depthnb.data import transforms

FLIP, ROTATE = 0.5, 5.0
SMALL = 128 * 96  # pixels; larger images have a goal of their own where they are rotated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("frames", 64), ("batch", 16), ("turns", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--sizes", nargs="+", default=["96x128", "240x320"], help="height x width")
    parser.add_argument("--root", default=None, help="another RGB-D folder than the embedded rooms")
    args = parser.parse_args()
    name = "folder" if args.root else "rooms"
    print(f"input frames a second, {name}, batches of {args.batch}; times as fast as the peer")
    with tempfile.TemporaryDirectory() as cache:
        os.environ["DEPTHNB_CACHE"] = cache
        for text in args.sizes:
            size = tuple(int(side) for side in text.split("x"))
            begun = time.process_time()
            mapped = data.open(name, args.root, size=size)
            print(f"{len(mapped)} frames prepared at {text} in {time.process_time() - begun:.1f} s of CPU time")
            mapped = mapped.subset(min(args.frames, len(mapped)))
            rows = files.read_table(mapped.root / "index.csv").set_index("id").loc[mapped.frames["id"]]
            for rotate in (0.0, ROTATE):
                order = np.random.default_rng(0).permutation(len(mapped)).tolist()
                batches = [order[i : i + args.batch] for i in range(0, len(order), args.batch)]
                decoded = DataLoader(Frames(mapped.root, rows, size, rotate, FLIP), args.batch, sampler=order)

                def ours(batches=batches, mapped=mapped, rotate=rotate) -> None:
                    for chosen in batches:  # in place, as a training does
                        transforms.augment(
                            mapped.batch(chosen), seed=0, epoch=0, rotate=rotate, flip=FLIP, in_place=True
                        )

                def peer(decoded=decoded) -> None:
                    for _ in decoded:
                        pass

                goal = Goal(at_least=3.0 if rotate and size[0] * size[1] > SMALL else 8.0)
                label = f"{text}, {'rotated and flipped' if rotate else 'flipped'}, against PIL and torchvision"
                compare(label, ours, peer, turns=args.turns, goal=goal, rate=True)


if __name__ == "__main__":
    main()
