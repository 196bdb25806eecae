"""The processes that train together, on one machine or on several: who they are, and that they begin and end together."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_PATIENCE = timedelta(minutes=10)  # for the other machines


@dataclass(frozen=True)
class Group:
    """Which processes train together.

    Args:
        processes: on each machine, one for each GPU.
        nodes: machines.
        node: number of this machine, from 0.
        master: host:port of machine 0, with several machines.

    Raises:
        ValueError: for what cannot be.
    """

    processes: int = 1
    nodes: int = 1
    node: int = 0
    master: str = ""

    def __post_init__(self) -> None:
        if self.processes < 1 or self.nodes < 1:
            raise ValueError(f"--processes and --nodes are 1 or more, found {self.processes} and {self.nodes}")
        if not 0 <= self.node < self.nodes:
            raise ValueError(
                f"--node-rank {self.node} does not fit --nodes {self.nodes}: machines are counted from 0 to {self.nodes - 1}"
            )
        if self.nodes == 1 and self.master:
            raise ValueError("--master belongs to several machines; give --nodes as well, or leave it away")
        if self.nodes > 1:
            self.address()

    @property
    def size(self) -> int:
        """All processes."""
        return self.processes * self.nodes

    def address(self) -> tuple[str, int]:
        """Host and port of machine 0."""
        found = re.fullmatch(r"\[?([^\s\[\]]+?)\]?:(\d{1,5})", self.master)
        if not found or not 0 < int(found[2]) < 65536:
            raise ValueError(
                f"--master {self.master!r} is no host:port; expected the machine of --node-rank 0 and a free port there, "
                "such as node17:29500"
            )
        return found[1], int(found[2])

    def ranks(self) -> range:
        """The processes of this machine among all."""
        return range(self.node * self.processes, (self.node + 1) * self.processes)


class Meeting:
    """Where the processes of a group find each other, held by machine 0; machines tell each other there when one fails.

    Args:
        group: with more than one process.
        asked: what this machine was asked for; all must be asked for the same.

    Raises:
        ValueError: if another machine was asked for something else, or has the same number.
        RuntimeError: if machine 0 cannot be reached, the port is taken, or a machine does not come.
    """

    def __init__(self, group: Group, asked: Mapping[str, Any]) -> None:
        from torch.distributed import DistError, TCPStore

        self.group = group
        host, port = group.address() if group.nodes > 1 else ("127.0.0.1", 0)
        first = group.node == 0
        try:  # the port is held from now on, so that nobody else can take it before the processes are there
            self.store = TCPStore(host, port, is_master=first, wait_for_workers=False, timeout=_PATIENCE)
        except (DistError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            what = f"cannot open {host}:{port} on this machine" if first else f"cannot reach {host}:{port}"
            remedy = "take another port" if first else "is the machine of --node-rank 0 at work there?"
            raise RuntimeError(f"{what} ({reason}); {remedy}") from error
        self.host, self.port = host, self.store.port
        if group.nodes > 1:
            self._meet(json.dumps(asked, sort_keys=True))

    def _told(self, key: str) -> str | None:
        """What is said under a key, once it is; None after all patience. Signals are heard meanwhile, between short waits."""
        from torch.distributed import DistError

        until = time.monotonic() + _PATIENCE.total_seconds()
        while time.monotonic() < until:
            with contextlib.suppress(DistError):
                self.store.wait([key], timedelta(seconds=1))
                return self.store.get(key).decode()
        return None

    def _meet(self, asked: str) -> None:
        group = self.group
        if self.store.add(f"machines with number {group.node}", 1) > 1:
            raise ValueError(f"two machines were started with --node-rank {group.node}; count them from 0")
        self.store.set(f"asked {group.node}", asked)
        for node in range(group.nodes):
            theirs = self._told(f"asked {node}")
            if theirs is None:
                raise RuntimeError(f"machine {node} of {group.nodes} did not come within {_PATIENCE}")
            if theirs != asked:
                self.leave()  # not before the others have seen it, too
                raise ValueError(
                    f"machine {group.node} was asked for {asked}, machine {node} for {theirs}; start all with the same words"
                )

    def environment(self, rank: int) -> dict[str, str]:
        """What process `rank` has to know, by the names that torchrun gives."""
        group = self.group
        return {
            "MASTER_ADDR": self.host,
            "MASTER_PORT": str(self.port),
            "WORLD_SIZE": str(group.size),
            "RANK": str(rank),
            "LOCAL_WORLD_SIZE": str(group.processes),
            "LOCAL_RANK": str(rank % group.processes),
            "GROUP_RANK": str(group.node),
            "TORCHELASTIC_RUN_ID": "depthnb",
            "TORCHELASTIC_RESTART_COUNT": "0",
            "TORCHELASTIC_USE_AGENT_STORE": "True",  # it is held here, not by process 0
        }

    def fail(self, said: str) -> None:
        """Tell the other machines that this one has failed."""
        if self.group.nodes > 1:
            with contextlib.suppress(RuntimeError):  # machine 0 may be gone
                self.store.set("failed", f"machine {self.group.node}: {said}")

    def failure(self) -> str | None:
        """What another machine has said of its failure."""
        if self.group.nodes == 1:
            return None
        try:
            return self.store.get("failed").decode() if self.store.check(["failed"]) else None
        except RuntimeError:  # machine 0 is gone
            return "machine 0 is gone"

    def leave(self) -> None:
        """Machine 0 holds the meeting until all others have ended."""
        if self.group.nodes == 1:
            return
        from torch.distributed import DistError

        self.store.set(f"ended {self.group.node}", "")
        if self.group.node == 0:
            try:
                self.store.wait([f"ended {node}" for node in range(self.group.nodes)], timedelta(minutes=1))
            except DistError:
                return
