"""How errors are said."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """The sentence of an error in one line; its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
