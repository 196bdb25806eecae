"""The process in which a student's function lives: it knows neither the check nor what a right answer is."""

from __future__ import annotations

import math
import os
import resource
import socket
import time
from typing import Any

import numpy  # noqa: F401  both are here before the process is forked, so that no answer waits for them
import torch

from depthnb.course import copies, foreign, questions, wire

_PATIENCE = 3600.0  # seconds; the grader ends this process long before


def serve(to: socket.socket, source: str, function: str, folder: str, seconds: int, memory: int) -> None:
    """Run a cell, then answer questions to a function of it until the grader hangs up or a limit ends this process.

    Args:
        to: the grader's end is the other one.
        source: of the cell.
        function: that it is to define.
        folder: an empty one, to work in.
        seconds: of computing that the process may use.
        memory: bytes that it may use beyond what it has.
    """
    os.setsid()  # so that the grader can end it with what it has started
    os.chdir(folder)
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    torch.set_num_threads(1)
    _limit(seconds, memory)
    _send(to, {"ready": True})  # the clock of the grader starts here
    asked = None
    try:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(foreign.compiled(source, "<answer>"), names)
        if not callable(names.get(function)):
            raise TypeError(f"{function} is no function")
        asked = names[function]
        reply: Any = {"ready": True}
    except BaseException as error:  # SystemExit too
        reply = {"failed": f"the cell raised {questions.words(error)}"}
    _send(to, reply)
    while asked is not None:
        question = wire.receive(to, time.monotonic() + _PATIENCE)
        try:
            reply = copies.ask(asked, question)
        except BaseException as error:
            why = questions.failure(function, error)
            reply = {"failed": str(why), "unwritten": isinstance(why, questions.NotWritten)}
        _send(to, reply)


def _limit(seconds: int, memory: int) -> None:
    """Computing time, memory, sizes of files, no core file."""
    # what it has used already is not the student's; a second more, since the grader's own clock is to end it and says why
    computing = math.ceil(time.process_time()) + seconds + 1
    limits = {resource.RLIMIT_CPU: computing, resource.RLIMIT_FSIZE: 2**20, resource.RLIMIT_CORE: 0}
    try:
        with open("/proc/self/statm") as stream:  # what torch has mapped already is large, and not the student's
            limits[resource.RLIMIT_AS] = int(stream.read().split()[0]) * resource.getpagesize() + memory
    except OSError:  # macOS, which keeps no such limit
        limits[resource.RLIMIT_DATA] = memory
    for what, value in limits.items():
        hard = resource.getrlimit(what)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (value, value))


def _send(to: socket.socket, value: Any) -> None:
    """Send a value, or why it is none that can be sent."""
    try:
        content = wire.pack(value)
    except wire.Refused as error:
        content = wire.pack({"failed": f"it returned {error}"})
    wire.send(to, content, time.monotonic() + _PATIENCE)
