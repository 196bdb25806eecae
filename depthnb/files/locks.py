"""One process at a time: a lock that also holds on network file systems, ends with its holder, and says who holds it."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from filelock import SoftFileLease, Timeout

LEASE = 60.0  # seconds without a sign of life after which a holder on another machine counts as dead


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
        try:
            self._lease.acquire(blocking=False)
        except Timeout:
            holder = self.holder()
            if wait is not None:
                wait(holder)
                self._lease.acquire(poll_interval=0.2)
            elif self._is_here():
                raise InUse(holder) from None
            else:  # whether it still lives cannot be asked, only watched
                print(f"waiting up to {LEASE:.0f} s to see whether {holder} still works", flush=True)
                try:
                    self._lease.acquire(timeout=LEASE + 15, poll_interval=1)
                except Timeout:
                    raise InUse(holder) from None
        self._let_go = False
        with contextlib.suppress(OSError):  # it is for people only
            self._since.write_text(time.strftime("%Y-%m-%d %H:%M:%S"))

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
        return owner is None or owner.hostname == _own_host()


@functools.cache
def _own_host() -> str:
    """This machine as locks call it: its name and, in a container, what tells its processes from those of others."""
    with tempfile.TemporaryDirectory() as folder, SoftFileLease(Path(folder) / "lock") as held:
        return held.owner.hostname
