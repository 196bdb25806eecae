"""Batches per second from the memory map against a data loader that decodes the files each time.

    python benchmarks/bench_data.py [--height 120 --width 160 --batch 16 --workers 2]

The naive side is what most tutorials do: `__getitem__` opens JPEG and PNG and resizes (with the same functions), and
`torch.utils.data.DataLoader` collates, here without workers and with `--workers` of them (started before timing). Both
sides give the same tensors; that is checked. Preparing the map is timed too: it is paid once.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import numpy as np
import torch
from torch.utils.data import DataLoader

from depthnb import data
from depthnb.data import transforms


class Naive:
    """Decode and resize on every access."""

    def __init__(self, native: data.Dataset, size: tuple[int, int]):
        self.native, self.size = native, size

    def __len__(self) -> int:
        return len(self.native)

    def __getitem__(self, i: int) -> dict:
        return transforms.resize(self.native[i], self.size)


def rate(batches, frames: int) -> float:
    """Frames per second of an iterable of batches that is already running."""
    start = time.perf_counter()
    seen = sum(len(batch["id"]) for batch in batches)
    assert seen == frames
    return seen / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("height", 120), ("width", 160), ("batch", 16), ("workers", 2), ("passes", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--root", default=None, help="another RGB-D folder than the embedded rooms")
    args = parser.parse_args()
    size, name = (args.height, args.width), "folder" if args.root else "rooms"
    with tempfile.TemporaryDirectory() as cache:
        os.environ["DEPTHNB_CACHE"] = cache
        native = data.open(name, args.root)
        start = time.perf_counter()
        mapped = data.open(name, args.root, size=size)
        seconds = time.perf_counter() - start
        frames = len(mapped) // args.batch * args.batch
        print(f"{name} train: {len(mapped)} frames prepared at {size[0]}x{size[1]} in {seconds:.1f} s")
        naive = Naive(native, size)
        shown, expected = mapped[3], naive[3]
        assert torch.equal(shown["depth"], expected["depth"]) and torch.equal(shown["valid"], expected["valid"])
        assert (shown["image"] - expected["image"]).abs().max() < 1.01 / 255  # the map stores 8 bits

        order = np.random.default_rng(0).permutation(len(mapped))[:frames].reshape(-1, args.batch)
        [mapped.batch(rows) for rows in order]  # touch every page once: an epoch later all are in memory
        rates = {"memory map": max(rate((mapped.batch(rows) for rows in order), frames) for _ in range(args.passes))}
        for workers in (0, args.workers):
            loader = DataLoader(
                naive, args.batch, sampler=order.ravel().tolist(), num_workers=workers, persistent_workers=workers > 0
            )
            if workers:
                rate(loader, frames)  # starts the workers
            rates[f"decoding, {workers} workers"] = max(rate(loader, frames) for _ in range(2))
    for label, value in rates.items():
        ratio = rates["memory map"] / value
        print(f"{label:22s} {value / args.batch:9.1f} batches/s of {args.batch}   memory map is {ratio:6.1f} x as fast")


if __name__ == "__main__":
    main()
