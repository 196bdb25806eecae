"""How errors are said, and which words are none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

_LONGEST = 4000  # characters; no file system takes a longer path


def one_line(error: Exception) -> str:
    """The sentence of an error in one line; its type where it has none."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG and error.filename and not error.__cause__:
        name = max(os.fsdecode(error.filename).split(os.sep), key=len)
        return f"the name {name[:40]!r}... has {len(name)} characters, more than this disk takes; give a shorter one"
    if isinstance(error, OSError) and error.filename and str(error).startswith("[Errno"):
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def refuse_endless(words: Iterable[str]) -> None:
    """Raise ValueError for a word that can be no path and no name: every message about it would be as long as it is."""
    for word in words:
        if len(word) > _LONGEST or "\0" in word:
            found = f"{len(word):,} characters" if len(word) > _LONGEST else "a NUL character"
            raise ValueError(
                f"a word of the command has {found} and begins with {word[:40]!r}; expected at most {_LONGEST:,} characters "
                "without NUL; is a quote missing?"
            )
