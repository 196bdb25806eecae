"""How far long work is."""

from __future__ import annotations

import sys
import time

_SAID = (0.5, 30.0)  # seconds between two words: in a terminal, elsewhere


class Progress:
    """How far it is, on standard error: one line that is written over in a terminal, seldom a line elsewhere."""

    def __init__(self) -> None:
        self.started = self.said = time.monotonic()
        self.live = sys.stderr.isatty()
        self.shown = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.live and self.shown:
            print(file=sys.stderr)

    def show(self, done: int, total: int, things: str = "frames") -> None:
        """Say it, if it is time.

        Args:
            total: 0 where nobody knows.
        """
        now = time.monotonic()
        last = self.live and self.shown and done == total
        if now - self.said < _SAID[not self.live] and not last:
            return
        self.said, self.shown = now, True
        left = (now - self.started) / max(done, 1) * (total - done)
        line = f"{done} of {total} {things}, about {left:.0f} s left" if total else f"{done} {things}"
        print(f"\r{line}  " if self.live else line, end="" if self.live else "\n", file=sys.stderr, flush=True)
