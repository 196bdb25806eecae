"""The course: tasks with their checks, notebooks and a grader made of them, and a contest. PLAN.md says how it is taught."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable

from depthnb.course.bugs import BUGS
from depthnb.course.desk import Desk, examine
from depthnb.course.exercises import EXERCISES
from depthnb.course.task import Task, checker
from depthnb.course.tasks import TASKS, find

__all__ = ["BUGS", "EXERCISES", "TASKS", "Desk", "NotYet", "Task", "check", "checker", "exercise", "find"]


def exercise(name: str) -> Desk:
    """Lay a task on the desk: shown in a notebook it says what to do, and its `check` says whether a function is right.

    Raises:
        ValueError: for an unknown task.

    >>> exercise("masked_mse").check(lambda pred, depth, valid: (pred - depth).mean())
    Not yet: where every pixel is valid: the loss is 0.0563; expected 8.1195
    """
    return Desk(find(name))


class NotYet(AssertionError):
    """An answer that does not pass. A notebook shows its sentence and none of the lines of this package."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [f"Not yet: {self}"]


def check(name: str, answer: Callable, seed: int = 0, *, quiet: bool = False) -> str:
    """Ask a function the questions of a task; returns a sentence that says that it has passed.

    Its warnings go to standard output: nbgrader gives a cell no points that writes to standard error.

    Args:
        name: of the task.
        answer: the function.
        seed: of the numbers that it is asked about.
        quiet: show nothing that the function prints; otter-grader takes it for a wrong answer.

    Raises:
        NotYet: with a sentence, if it has not.
        ValueError: for an unknown task.
    """
    asked = find(name)
    shown = io.StringIO() if quiet else sys.stdout
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        wrong = examine(asked, answer, seed)
    if wrong:
        raise NotYet(wrong)
    return f"{asked.function} passes the check of '{asked.title}'"
