r"""Finding a data set's files, and saying where to get them where they are not.

The data sets' home pages have been unreachable for months at times, so a file brought by hand is as good.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from depthnb.data.download.origins import ORIGINS


def locate(name: str, inside: str | Sequence[str], root: Path | str | None) -> Path:
    """Find a data set's file or folder.

    Args:
        name: data set, a key of `ORIGINS`.
        inside: what to look for, relative to the data set's root, such as "nyu_depth_v2_labeled.mat"; or several, the
            first that is there counts.
        root: the folder that holds it, or the file itself; None: `$DEPTHNB_DATA/<name>`, then `$DEPTHNB_DATA`.

    Raises:
        FileNotFoundError: saying where it was looked for, and page, size and layout of the data set.
    """
    data = os.environ.get("DEPTHNB_DATA")
    if root is not None:
        bases = [Path(root).expanduser()]
    else:
        bases = [Path(data).expanduser() / name, Path(data).expanduser()] if data else []
    single = isinstance(inside, str)
    choices = [inside] if single else inside
    for base in bases:
        if base.is_file() and not single:
            raise ValueError(f"{base}: a file; expected the folder that its archive was unpacked into")
        for place in [base] if base.is_file() else [base / choice for choice in choices]:
            if place.exists():
                return place
    origin = ORIGINS[name]
    places = [str(base / inside) if single else f"{base} for {' or '.join(choices)}" for base in bases]
    looked = ", ".join(places) or "nowhere: neither root nor DEPTHNB_DATA is set"
    raise FileNotFoundError(
        f"data set {name} not found (looked at: {looked}).{_nearby(bases, choices)} "
        f"Get it from {origin.page}: {origin.size}; {origin.terms}. "
        f"Layout: {origin.layout}. Then give root= (in a notebook: data_root), or put it in the folder {name} under the "
        "one that DEPTHNB_DATA names"
    )


def _nearby(bases: Sequence[Path], choices: Sequence[str]) -> str:
    """A sentence that names the folder that was meant, where it is one or two levels above or below what was given."""
    for base in (base for base in bases if base.is_dir()):
        around = [
            *(base / ".." / up for up in ("", "..")),
            *sorted(base.glob("*/"))[:100],
            *sorted(base.glob("*/*/"))[:400],
        ]
        for place in (folder.resolve() for folder in around):
            if any((place / choice).exists() for choice in choices):
                return f" It looks as if {place} is meant: give that as root."
    return ""


def search(name: str, patterns: Sequence[str], root: Path | str | None) -> Path:
    """Find a data set whose archives people unpack in several ways, such as into a folder of their own.

    Args:
        name, root: as for `locate`, but `root` is a folder.
        patterns: glob patterns relative to the root; the first match of the first one that has any counts.

    Raises:
        FileNotFoundError: as `locate`.
        ValueError: if `root` is a file, such as the archive itself.
    """
    data = os.environ.get("DEPTHNB_DATA")
    where = [root] if root is not None else [Path(data) / name, data] if data else []
    for base in (Path(folder).expanduser() for folder in where):
        if base.is_file():
            raise ValueError(f"{base}: a file; expected the folder that the archive of {name} was unpacked into")
        for pattern in patterns:
            for found in sorted(base.glob(pattern)):
                return found
    return locate(name, patterns[0], root)
