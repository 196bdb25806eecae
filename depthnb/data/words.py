"""Numbers in sentences for people."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """A number and its noun.

    >>> plural(1, "frame"), plural(2, "frame")
    ('1 frame', '2 frames')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def percent(share: float) -> str:
    """A share in per cent with as many digits as it needs; never 0 or 100 % for what is not quite.

    >>> percent(0.0153), percent(0.25), percent(0.9999), percent(1.0)
    ('1.5 %', '25 %', '99.99 %', '100 %')
    """
    digits = 0 if 0.1 <= share <= 0.99 or share in (0, 1) else 1 if 0.01 <= share <= 0.99 else 2
    return f"{100 * share:.{digits}f} %"
