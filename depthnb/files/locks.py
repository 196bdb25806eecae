"""One process at a time: a lock that also holds on network file systems, ends with its holder, and says who holds it."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filelock import SoftFileLease, Timeout

LEASE = 60.0  # seconds without a sign of life after which a holder on another machine counts as dead
UNSIGNED = 10.0  # seconds after which a lock file in which nobody has written counts as left by a killed process


class InUse(RuntimeError):
    """Another process holds the lock; the message says which, and is one part of a sentence."""


class Lock:
    """A lock file beside what it guards, held from `take` to `release`, through all threads of this process.

    The file is made by exclusive creation, so it needs no locks of the file system, and its holder touches it every third of
    `LEASE`. A holder that died on this machine is noticed at once, one on another machine after `LEASE` seconds.

    Args:
        file: the lock file; its folder must be there. It is gone when nobody holds the lock.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lease = SoftFileLease(file, lease_duration=LEASE, thread_local=False)
        self._since = file.with_name(file.name + ".since")
        self._let_go = False

    def take(self, *, wait: Callable[[str], None] | None = None) -> None:
        """Hold the lock.

        Args:
            wait: called with who holds it before this process waits for as long as it takes; without it nobody waits.

        Raises:
            InUse: if another process holds it and nobody waits.
            OSError: if the lock file cannot be written.
        """
        # who has made the file signs it within a moment
        if not self._acquired(0.0) and (self._lease.owner or not self._acquired(0.5)):
            holder = self.holder()
            if wait is not None:
                wait(holder)
            elif self._is_here():
                raise InUse(holder)
            else:  # whether it still lives cannot be asked, only watched
                print(f"waiting up to {LEASE:.0f} s to see whether {holder} still works", flush=True)
            self._watch(math.inf if wait is not None else LEASE + 15)
        self._let_go = False
        with contextlib.suppress(OSError):  # it is for people only
            self._since.write_text(time.strftime("%Y-%m-%d %H:%M:%S"))
        self._clear()

    def take_left_over(self) -> bool:
        """Hold the lock if a killed process left it behind and nobody waits for it; returns whether it is held."""
        with contextlib.suppress(OSError):  # a folder that may not be written: it stays as it is
            if self.file.exists() and self._acquired(0.0):
                self._let_go = False
                self._clear()
                return True
        return False

    def release(self) -> None:
        """Let go; without effect where the lock was lost meanwhile.

        Nothing is raised where the disk has become read-only: that error would hide the one because of which the work ended.
        The file then stays behind, as after a killed process, and nobody waits for it longer.
        """
        if self.held:  # else the note is another's
            with contextlib.suppress(OSError):
                self._since.unlink(missing_ok=True)
        self._let_go = True
        with contextlib.suppress(OSError):
            self._lease.release(force=True)

    @property
    def held(self) -> bool:
        """Whether this process holds it still; a process that slept for longer than `LEASE` may have lost it."""
        return not self._let_go and self._lease.is_locked and self._lease.is_lock_held_by_us

    def holder(self) -> str:
        """Who holds it: process, host, and since when, as far as that is written."""
        owner = self._lease.owner
        words = f"process {owner.pid} on {owner.hostname}" if owner else "another process"
        with contextlib.suppress(OSError):
            words += f" (since {self._since.read_text()})"
        return words

    def _is_here(self) -> bool:
        owner = self._lease.owner
        return owner is not None and owner.hostname == _own_host()

    def _acquired(self, seconds: float) -> bool:
        try:
            self._lease.acquire(timeout=seconds, poll_interval=0.2)
        except Timeout:
            return False
        return True

    def _watch(self, patience: float) -> None:
        """Take it as soon as its holder lets go or is seen to be dead.

        A process that is killed between making the file and writing into it leaves an empty one, which the library takes for
        a lock of its old versions, held for ever.
        """
        started = since = time.monotonic()
        before = self._unsigned()
        while not self._acquired(1.0):
            now = time.monotonic()
            if (unsigned := self._unsigned()) != before:
                before, since = unsigned, now
            elif unsigned and now - since >= UNSIGNED:
                self._lease.force_break()
            elif math.isfinite(patience) and (self._is_here() or now - started >= patience):
                raise InUse(self.holder())

    def _unsigned(self) -> tuple[int, int] | None:
        """Which empty file lies there, if one does."""
        with contextlib.suppress(OSError):
            found = self.file.stat()
            return None if found.st_size else (found.st_ino, found.st_mtime_ns)
        return None

    def _clear(self) -> None:
        """Remove what processes left beside the file that were killed while they took it from a dead one."""
        with contextlib.suppress(OSError):
            now = self.file.stat().st_mtime  # the clock of the file system, which may be another machine's
            for path in self.file.parent.iterdir():
                if re.fullmatch(re.escape(self.file.name) + r"\.(break|restore)\.\d+\.[0-9a-f]+", path.name):
                    if now - path.stat().st_mtime > LEASE:
                        path.unlink()


@functools.cache
def _own_host() -> str:
    """This machine as locks call it: its name and, in a container, what tells its processes from those of others."""
    with tempfile.TemporaryDirectory() as folder, SoftFileLease(Path(folder) / "lock") as held:
        return held.owner.hostname
