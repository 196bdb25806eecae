r"""What is said of a preparation that takes long."""

from __future__ import annotations

import time

from depthnb.data.cache import layout
from depthnb.data.cache.frames import threads

_QUIET_SECONDS = 10.0


class Progress:
    """What is printed of a preparation: how much it is and how long it takes, then now and then how far it is.

    A short one, as of the embedded data, is silent.
    """

    def __init__(self, label: str, frames: int, size: tuple[int, int], kept: int) -> None:
        self.label, self.frames, self.size, self.kept = label, frames, size, kept
        self.started = self.said = time.monotonic()
        self.warm = (self.started, 0)  # when how many frames were done: the first ones also start the threads
        self.announced = False
        if kept:
            print(f"preparing {label}: {kept:,} of {frames:,} frames are there already", flush=True)

    def step(self, done: int) -> bool:
        """Count a frame; whether it was time to look around."""
        now, new = time.monotonic(), done - self.kept
        left = (now - self.started) / new * (self.frames - done)
        first = 2 * threads()
        if new == first:
            self.warm = (now, new)
        if not self.announced and new == min(3 * first, self.frames - self.kept):
            self.announced = True  # these have shown how long one takes
            since, counted = self.warm
            left = (now - since) / max(new - counted, 1) * (self.frames - done)
            if left >= _QUIET_SECONDS:
                megabytes = layout.total_bytes(self.frames, self.size) / 1e6
                height, width = self.size
                print(
                    f"preparing {self.label}: {self.frames:,} frames at {height}x{width} take {megabytes:,.0f} MB and about "
                    f"{duration(left)}",
                    flush=True,
                )
        if now - self.said <= _QUIET_SECONDS:
            return False
        self.said = now
        print(
            f"preparing {self.label}: {done:,} of {self.frames:,} frames, about {duration(left)} left",
            flush=True,
        )
        return True


def duration(seconds: float) -> str:
    """Seconds in the unit that people would use.

    >>> duration(8.2), duration(150), duration(9000)
    ('8 s', '2.5 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
