"""How time and memory grow with the number of frames: preparing, one epoch, evaluation; and what follows for large sets.

Frames are those of the rooms again and again, each with its own brightness and shift, so that none is another's copy. A line is
fitted through the logarithms; a slope of 1 is a time per frame that does not depend on how many there are. What is computed
from it for sets that are not here says so. A set of some gigabytes is read where it lies: a training on it must not need much
more memory of its own than one on a fiftieth of it.

    python benchmarks/bench_growth.py --most 10000 --gigabytes 5
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from depthnb import data, evaluation, losses, models, training
from depthnb.data import Dataset
from depthnb.data.source import Source

SIZE = (48, 64)  # (H, W) at which the frames are prepared
WIDE = (240, 320)  # those of a large set
LARGE = (50_688, 407_000)  # frames of the CSV form of NYU Depth V2, and of its raw videos
GOAL = 1.1  # slope
GOAL_MEMORY = 1e9  # bytes of anonymous memory that a training on the large set may need beyond one on a fiftieth of it


class Again(Source):
    """So many frames made of the training frames of the rooms."""

    name, protocol, max_depth, root = "rooms-again", "rooms", 10.0, Path("rooms-again")

    def __init__(self, frames: int) -> None:
        self._rooms = data.open("rooms", split="train")
        self.fingerprint = f"{frames:012d}"
        rows = {"id": [f"f{i:06d}" for i in range(frames)], "scene": [f"s{i // 4:06d}" for i in range(frames)]}
        split = ["test" if i % 2 else "train" for i in range(frames)]
        self.index = pd.DataFrame({**rows, "scene_type": "room", "split": split})

    def read(self, row: int) -> dict[str, torch.Tensor]:
        sample = self._rooms._source.read(row % len(self._rooms))
        light = 0.7 + 0.3 * ((row * 37) % 101) / 101
        shift = row // len(self._rooms)
        moved = {key: sample[key].roll(shift, -1) for key in ("image", "depth", "valid")}
        return {**sample, **moved, "image": (moved["image"] * light).to(torch.uint8)}


class Memory:
    """Most anonymous memory of this process while it runs, bytes: mapped files do not count, the system takes them back."""

    def __enter__(self) -> Memory:
        self.most, self._end = _anonymous(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.most = max(self.most, _anonymous())

    def _look(self) -> None:
        while not self._end.wait(0.02):
            self.most = max(self.most, _anonymous())


def _anonymous() -> int:
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:")), 0)


def measure(frames: int, size: tuple[int, int] = SIZE) -> dict[str, tuple[float, int]]:
    """CPU seconds and most anonymous memory of each stage for so many frames, half of them to train on and half to judge."""
    source, found = Again(frames), {}

    def stage(name: str, work) -> None:
        with Memory() as memory:
            begun = time.process_time()
            work()
            found[name] = (time.process_time() - begun, memory.most)

    sets: dict[str, Dataset] = {}
    stage("preparing", lambda: sets.update({part: Dataset(source, part, size) for part in ("train", "test")}))
    torch.manual_seed(0)
    net = models.BNCNN(width=8, depth=3)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    few = sets["test"].subset(min(16, len(sets["test"])))
    told = dict(loss=losses.l1, optimizer=optimizer, epochs=1, batch_size=16, device="cpu", progress=False)
    stage("one epoch", lambda: training.fit(net, sets["train"], few, **told))
    stage("evaluation", lambda: evaluation.evaluate(net, sets["test"]))
    return found


def growth(sizes: list[int]) -> None:
    """Print for each stage its time and memory at each size, the slope, and what follows from it for large sets."""
    measure(sizes[0] // 2)  # what the first call of everything takes is no growth
    table = {frames: measure(frames) for frames in sizes}
    for stage in table[sizes[0]]:
        seconds = [table[frames][stage][0] for frames in sizes]
        memory = [table[frames][stage][1] / 1e6 for frames in sizes]
        slope, start = np.polyfit(np.log(sizes), np.log(seconds), 1)
        lines = ", ".join(f"{n:,} frames {s:.1f} s {m:.0f} MB" for n, s, m in zip(sizes, seconds, memory, strict=True))
        far = ", ".join(f"{n:,} frames {np.exp(start) * n**slope / 3600:.2f} h" for n in LARGE)
        verdict = "met" if slope <= GOAL else "missed"
        print(f"{stage:12} {lines}; slope {slope:.2f}  goal <= {GOAL:g}  {verdict}; extrapolated: {far}", flush=True)


def large(gigabytes: float, cache: Path) -> None:
    """Print the memory of each stage on a set of so many gigabytes and on a fiftieth of it, each prepared anew."""
    before = _bytes(cache)
    measure(6, WIDE)
    frame = (_bytes(cache) - before) / 6
    most = {}
    for share in (gigabytes / 50, gigabytes):
        frames = max(8, round(share * 1e9 / frame))
        before = _bytes(cache)
        most[share] = {stage: memory for stage, (_, memory) in measure(frames, WIDE).items()}
        parts = ", ".join(f"{stage} {memory / 1e6:.0f} MB" for stage, memory in most[share].items())
        print(f"{(_bytes(cache) - before) / 1e9:.2f} GB prepared, {frames:,} frames: {parts}", flush=True)
    for stage in most[gigabytes]:
        more = most[gigabytes][stage] - most[gigabytes / 50][stage]
        verdict = (
            "not measured on this system" if not most[gigabytes][stage] else "met" if more <= GOAL_MEMORY else "missed"
        )
        print(
            f"{stage:12} {more / 1e6:+.0f} MB on the large set  goal <= {GOAL_MEMORY / 1e6:.0f} MB  {verdict}",
            flush=True,
        )


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--least", type=int, default=100, help="frames of the smallest set")
    parser.add_argument("--most", type=int, default=1000, help="frames of the largest; three sizes in all")
    parser.add_argument(
        "--gigabytes",
        type=float,
        default=0.25,
        help="prepared size of the large set; they are written to the temporary folder",
    )
    given = parser.parse_args()
    sizes = np.unique(np.geomspace(given.least, given.most, 3).round().astype(int)).tolist()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("DEPTHNB_CACHE")
        data.open("rooms", split="train")  # what it looks at once belongs to no size
        os.environ["DEPTHNB_CACHE"] = folder
        try:
            growth(sizes)
            large(given.gigabytes, Path(folder))
        finally:
            os.environ.pop("DEPTHNB_CACHE") if before is None else os.environ.update(DEPTHNB_CACHE=before)


if __name__ == "__main__":
    main()
