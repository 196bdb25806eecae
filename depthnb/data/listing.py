r"""Which files are there: each folder listed once, no file opened, so that tens of thousands of frames are found quickly."""

from __future__ import annotations

import os
from pathlib import Path


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

    def state(self) -> str:
        """Times of change of the folders that hold something.

        A file added, removed or renamed changes its folder's time; one rewritten in place does not, which published data
        are not. Asking every file for its own time would take minutes on a network disk.
        """
        return repr([folder.stat().st_mtime_ns for folder, names in sorted(self._names.items()) if names])


def require(folder: Path, wanted: list[str], there: frozenset[str], what: str, remedy: str) -> None:
    """Raise FileNotFoundError, naming the count and the first, if a folder lacks some of the files wanted."""
    missing = [name for name in wanted if name not in there]
    if missing:
        raise FileNotFoundError(
            f"{folder}: {len(missing)} of {len(wanted)} {what} are missing, the first is {missing[0]}. {remedy}"
        )
