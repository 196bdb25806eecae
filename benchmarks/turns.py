"""Two ways of doing the same work, timed in turn, and the line that says whether a goal is met. All scripts here print it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

LEAST = 0.1  # CPU seconds of one side's turn: shorter ones are called several times


@dataclass(frozen=True)
class Goal:
    """What a ratio shall be: at most, or at least; neither where nobody has set a goal."""

    at_most: float = float("inf")
    at_least: float = 0.0

    def __str__(self) -> str:
        if self.at_most < float("inf"):
            return f"goal <= {self.at_most:g}"
        return f"goal >= {self.at_least:g}" if self.at_least else "no goal"

    def verdict(self, ratio: float) -> str:
        """`met` or `missed`, or nothing without a goal."""
        if self == Goal():
            return ""
        return "met" if self.at_least <= ratio <= self.at_most else "missed"


def compare(
    label: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    *,
    turns: int = 5,
    goal: Goal = Goal(),
    rate: bool = False,
    least: float = LEAST,
) -> float:
    """Time both sides in turn and print: ratio, its spread over the turns, the goal, met or missed.

    CPU seconds of this process count, by one thread of torch: what else the machine does disturbs them least, and both sides of
    a turn alike. A turn before the first warms up and says how often a short side is called.

    Args:
        label: what is compared with what.
        ours, peer: the two sides.
        turns: how many count.
        goal: of the ratio.
        rate: the ratio is the peer's time over ours, how many times as fast; else ours over the peer's.
        least: CPU seconds of one side's turn.

    Returns:
        The median ratio.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        calls = [max(1, round(least / max(_seconds(side), 1e-9))) for side in (ours, peer)]
        times = np.array(
            [[_seconds(side, n) for side, n in zip((ours, peer), calls, strict=True)] for _ in range(turns)]
        )
    finally:
        torch.set_num_threads(threads)
    ratios = times[:, 1] / times[:, 0] if rate else times[:, 0] / times[:, 1]
    ratio, (own, other) = float(np.median(ratios)), 1000 * np.median(times, 0)
    print(
        f"{label:58} {ratio:6.2f} ({ratios.min():.2f} to {ratios.max():.2f}, {turns} turns; "
        f"{own:.2f} ms, peer {other:.2f} ms)  {goal}  {goal.verdict(ratio)}".rstrip(),
        flush=True,
    )
    return ratio


def _seconds(side: Callable[[], object], calls: int = 1) -> float:
    """CPU seconds of one call, the mean of several."""
    begun = time.process_time()
    for _ in range(calls):
        side()
    return (time.process_time() - begun) / calls
