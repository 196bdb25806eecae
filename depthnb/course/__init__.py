"""The course: tasks with their checks, notebooks and a grader made of them, and a contest. PLAN.md says how it is taught."""

from __future__ import annotations

from collections.abc import Callable

from depthnb.course.bugs import BUGS, find
from depthnb.course.task import Task, checker

__all__ = ["BUGS", "Task", "check", "checker", "find"]


def check(name: str, answer: Callable, seed: int = 0) -> str:
    """Ask a function the questions of a task; returns a sentence that says that it has passed.

    Args:
        name: of the task.
        answer: the function.
        seed: of the numbers that it is asked about.

    Raises:
        AssertionError: with a sentence, if it has not.
        ValueError: for an unknown task.
    """
    task = find(name)
    checker(task)(answer, seed)
    return f"{task.function} passes the check of '{task.title}'"
