r"""Which files are there: each folder listed once, no file opened, so that tens of thousands of frames are found quickly."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_AT_ONCE = 256


class Listing:
    """Names in folders, hidden ones (macOS leaves `._*` in archives) left out; a folder that is not there is empty."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def __getitem__(self, folder: Path) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(name for name in os.listdir(folder) if not name.startswith("."))
            except (FileNotFoundError, NotADirectoryError):
                self._names[folder] = frozenset()
        return self._names[folder]


def state_of(files: Iterable[str]) -> str:
    """Hash of the sizes and times of change of files, so that a file replaced in place makes a prepared cache stale.

    No file is opened. KITTI's 48,000 take about half a second on a local disk; a network disk may need as long for each
    thousand, so several are asked at once.

    Raises:
        FileNotFoundError: if one of them went away since the folders were listed.
    """

    def facts(some: list[str]) -> list[tuple[int, int]]:
        found = []
        for path in some:
            try:
                status = os.stat(path)
            except OSError as error:
                raise FileNotFoundError(
                    f"{path}: its folder lists it, but it cannot be found ({error.strerror}); copy it again, or mend the link"
                ) from None
            found.append((status.st_size, status.st_mtime_ns))
        return found

    files = list(files)
    parts = [files[start : start + _AT_ONCE] for start in range(0, len(files), _AT_ONCE)]
    with ThreadPoolExecutor(8) as pool:
        return hashlib.sha256(repr(list(pool.map(facts, parts))).encode()).hexdigest()


def require(folder: Path, wanted: list[str], there: frozenset[str], what: str, remedy: str) -> None:
    """Raise FileNotFoundError, naming the count and the first, if a folder lacks some of the files wanted."""
    missing = [name for name in wanted if name not in there]
    if missing:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(wanted)} {what} are missing, the first is {missing[0]}. {remedy}"
        )
