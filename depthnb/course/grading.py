"""The grader: a student's cell runs in a process of its own, and the package's check asks it from outside."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from depthnb.course import copies, questions, submissions, wire
from depthnb.course.task import NoAnswer, NotWritten, Task, fault

SECONDS = 20  # for one task
MEMORY = 2**30  # bytes beyond what Python and torch have taken
_START = 300.0  # within which a process begins, with torch imported
ISOLATION = (
    "Each cell ran in a process of its own, with a limit on time, memory and the size of files; the check ran outside of it. "
    "Network, files that your account may read, and processes that a cell leaves behind are not closed off: for submissions "
    "that you do not trust, run this in a container without network, under an account of its own."
)


@dataclass(frozen=True)
class Grade:
    """What a task was given: points, and one sentence."""

    task: Task
    points: int
    said: str


def grade(
    file: str | Path,
    *,
    session: int | None = None,
    notebook: str | None = None,
    seconds: int = SECONDS,
    memory: int = MEMORY,
) -> list[Grade]:
    """Grade a notebook: each task that is due by the package's own check.

    Nothing that the notebook says is trusted: its outputs and its check cells are not looked at. The function is asked with
    the numbers that the notebook's check shows, and with others that are drawn now.

    Args:
        file: a notebook.
        session: whose bugs are due.
        notebook: whose exercises are due. Without both, what the notebook says, else the tasks that it holds.
        seconds: for one task.
        memory: bytes that a task may take.

    Returns:
        A grade for each task, in the order of the course.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for a file that is no notebook or holds no task, and for an unknown session or notebook.
        RuntimeError: on a system that has no such limits.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        raise RuntimeError(
            "this system knows no limits for processes; grade on Linux or macOS, or in WSL or a container"
        )
    cells = submissions.read(Path(file))
    grades = []
    for task in submissions.due(cells, session, notebook):
        try:
            wrong = _examine(task, submissions.answer(cells, task), seconds, memory)
        except (NoAnswer, submissions.Missing) as none:
            wrong = str(none)
        grades.append(Grade(task, 0, _printable(wrong)) if wrong else Grade(task, task.points, "passed"))
    return grades


def _examine(task: Task, source: str, seconds: int, memory: int) -> str:
    """What is wrong with the function of a cell, empty if it passes the check. Raises `NoAnswer` for a cell without one."""
    with (
        tempfile.TemporaryDirectory(prefix="depthnb-grade-") as folder,
        _process((source, task.function, folder, seconds, memory)) as to,
    ):
        late = f"it took longer than {seconds} s"
        deadline = time.monotonic() + seconds
        asked = questions.Asked(lambda question: _reply(to, question, deadline, late))
        _reply(to, None, deadline, late)
        seeds = (0, secrets.randbelow(2**31))
        wrong = next(filter(None, (fault(task, asked, seed) for seed in seeds)), "")
        return copies.with_changes(task.function, wrong, next(iter(asked.changes), ""))


def _reply(to: socket.socket, question: bytes | None, deadline: float, late: str) -> dict:
    """What the process says, to a question if there is one."""
    try:
        if question is not None:
            wire.send(to, question, deadline)
        said = wire.unpack(wire.receive(to, deadline))
    except wire.Gone as gone:
        raise NoAnswer(
            late if gone.late else "its process ended before it had answered (it exits, or hit a limit)"
        ) from None
    except wire.Refused as refused:
        raise NoAnswer(f"the answer is {refused}") from None
    if not isinstance(said, dict) or not {"ready", "value"} & set(said):
        words = said.get("failed") if isinstance(said, dict) else None
        kind = NotWritten if isinstance(said, dict) and said.get("unwritten") is True else NoAnswer
        raise kind(words if isinstance(words, str) else "the answer is no plain value")
    return {"value": None, **said}


@contextlib.contextmanager
def _process(given: Sequence) -> Iterator[socket.socket]:
    """A fresh process that serves a cell; it has ended, with all of its group, when the block is left."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["depthnb.course.worker"])
    ours, theirs = socket.socketpair()
    with ours:
        with theirs, _one_thread():
            process = _started(context, (theirs, *given))
        try:
            _await(ours)
            yield ours
        finally:
            for end in (os.killpg, os.kill):  # the group is there only after it has begun
                with contextlib.suppress(OSError):
                    end(process.pid, signal.SIGKILL)
            process.join(10)


def _started(context: multiprocessing.context.BaseContext, given: Sequence) -> multiprocessing.process.BaseProcess:
    """A process that runs; a cell may have ended the fork server before, which is noticed only a moment later."""
    from depthnb.course import worker

    for pause in (0.1, 0.5, 2.0, None):
        process = context.Process(target=worker.serve, args=tuple(given), daemon=True)
        try:
            process.start()
        except (ConnectionError, FileNotFoundError, EOFError):
            if pause is None:
                raise
            time.sleep(pause)
        else:
            break
    return process


def _await(begun: socket.socket) -> None:
    """Wait until the process is about to run the cell: importing torch is no student's fault."""
    try:
        wire.receive(begun, time.monotonic() + _START)
    except wire.Gone as gone:
        raise RuntimeError(f"the process that grades did not begin ({gone}); is the memory full? Try again") from None


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The fork server and its processes compute on one thread each."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before


def _printable(words: str) -> str:
    """One line of at most 600 characters; what a student wrote may be in it."""
    line = " ".join(words.split())[:600]
    return "".join(sign if sign.isprintable() else "?" for sign in line)
