r"""Where the real data sets come from, and fetching them safely.

A download goes to a temporary name, is checked, then renamed: a file of the right name is whole. A file brought by hand is as
good: `locate` finds it, and a missing file is named with its page, size and place.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from depthnb.data.download.archives import SUFFIXES, unpack, unpack_once
from depthnb.data.download.origins import ORIGINS, Origin, Remote
from depthnb.data.download.places import locate, search
from depthnb.files.fetching import fetch
from depthnb.files.kinds import check_file
from depthnb.files.transfer import part_of

__all__ = [
    "ORIGINS",
    "Origin",
    "Plan",
    "Remote",
    "check_file",
    "download",
    "fetch",
    "locate",
    "plan",
    "search",
    "unpack",
]


@dataclass(frozen=True)
class Plan:
    """What a download would do.

    Attributes:
        origin: page, size, terms and layout.
        files: the files that belong to it, in order.
        there: names of those that are there already.
        need: bytes still to fetch, of the files whose size is known.
        unknown: names of files still to fetch whose size nobody has written down.
        free: bytes on the disk.
    """

    origin: Origin
    files: tuple[Remote, ...]
    there: tuple[str, ...]
    need: int
    unknown: tuple[str, ...]
    free: int


def plan(name: str, root: Path | str, parts: Sequence[str] = ()) -> Plan:
    """What `download` would fetch, and whether there is room for it; nothing is fetched.

    Args:
        name: a key of `ORIGINS`.
        root: folder of the data set; it need not be there.
        parts: only these parts of it, such as "val"; none: all.

    Raises:
        ValueError: for an unknown name or part, or a set that cannot be fetched without a person (registration), with its page.
    """
    if name not in ORIGINS:
        raise ValueError(f"data set {name!r} has no known origin; expected one of {', '.join(ORIGINS)}")
    origin, root = ORIGINS[name], Path(root).expanduser()
    if not origin.files:
        raise ValueError(
            f"data set {name} cannot be fetched by a program; get it from {origin.page} ({origin.size}; {origin.terms}); "
            f"layout: {origin.layout}"
        )
    known = tuple(dict.fromkeys(file.part for file in origin.files if file.part))
    strange = [part for part in parts if part not in known]
    if strange:
        has = f"one of {', '.join(known)}" if known else "none, since this set comes in one piece"
        raise ValueError(f"part {strange[0]!r} of {name} is not known; expected {has}")
    wanted = tuple(file for file in origin.files if not parts or file.part in parts)
    absent = [file for file in wanted if not (root / file.name).is_file()]
    place = next(each for each in (root, *root.absolute().parents) if each.is_dir())
    return Plan(
        origin,
        wanted,
        tuple(file.name for file in wanted if file not in absent),
        sum(max(0, (file.bytes or 0) - _begun(root / file.name)) for file in absent),
        tuple(file.name for file in absent if file.bytes is None),
        shutil.disk_usage(place).free,
    )


def _begun(target: Path) -> int:
    """Bytes of a file that were fetched before it was stopped."""
    part = part_of(target)
    return part.stat().st_size if part.is_file() else 0


def download(
    name: str,
    root: Path | str,
    *,
    parts: Sequence[str] = (),
    unpack_archives: bool = True,
    told: Callable[[str, int, int | None], None] | None = None,
) -> list[Path]:
    """Fetch the files of a known data set into `root`, and unpack archives there; what is there already is checked.

    Args:
        name, root, parts: as for `plan`.
        unpack_archives: also unpack them; the archives stay.
        told: called with the name of a file, its bytes that are there and its bytes in all (None: not known).

    Returns:
        Paths of the files fetched.

    Raises:
        ValueError: as `plan`, and for what is damaged or not the file that it should be.
        ConnectionError: if a file cannot be fetched; with where to put it if it was brought by hand.
        OSError: if the disk is too small, before anything is fetched.
    """
    todo, root = plan(name, root, parts), Path(root).expanduser()
    if todo.need > todo.free:
        raise OSError(
            errno.ENOSPC,
            f"{name} needs {todo.need:,} bytes in {root} and {todo.free:,} are free: {todo.need - todo.free:,} are missing; "
            "free some space, give another root, or take only a part of it",
        )
    paths = []
    for file in todo.files:
        tell = None if told is None else lambda done, total, name=file.name: told(name, done, total)
        path = fetch(
            file.urls,
            root / file.name,
            checksum=file.checksum,
            size=file.bytes,
            most=file.most,
            told=tell,
        )
        paths.append(path)
    for path in paths:
        if unpack_archives and todo.origin.unpacked and path.name.endswith(SUFFIXES):
            unpack_once(path, root)
    return paths
