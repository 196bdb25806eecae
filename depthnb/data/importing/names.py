"""Ids: names that are unique, and that any file system and index.csv can hold."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

_LONGEST = 120  # bytes; 255 is the usual limit, and endings and temporary names come on top
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)  # what Windows keeps for itself


def clean(name: str) -> str:
    r"""A name as a single part of a path: what some system forbids becomes `_`, and what is too long ends in its hash.

    >>> clean("kitchen/0001"), clean(" a:b\n"), clean("CON"), clean("")
    ('kitchen_0001', 'a_b', '_CON', '_')
    """
    name = re.sub(r'[/\\:*?"<>|]', "_", printable(name))
    name = name.strip(" ").rstrip(".") or "_"
    if name.startswith(".") or _RESERVED.fullmatch(name):
        name = "_" + name
    content = name.encode()
    if len(content) > _LONGEST:
        short = content[: _LONGEST - 9].decode(errors="ignore")
        name = f"{short}_{hashlib.sha256(content).hexdigest()[:8]}"
    return name


def printable(text: str) -> str:
    """A text in one line, as index.csv can hold it."""
    return "".join(letter if letter.isprintable() else "_" for letter in unicodedata.normalize("NFC", text.strip()))


def unique(names: Iterable[str]) -> list[str]:
    """Clean names, those that would be alike (capital letters do not count) numbered in their order.

    >>> unique(["a/b", "a_b", "A_B", "c"])
    ['a_b', 'a_b-2', 'A_B-3', 'c']
    """
    taken: set[str] = set()
    counts: dict[str, int] = {}
    out = []
    for name in map(clean, names):
        first, one = name.casefold(), name
        while one.casefold() in taken:
            counts[first] = counts.get(first, 1) + 1
            one = f"{name}-{counts[first]}"
        taken.add(one.casefold())
        out.append(one)
    return out
