"""A task of the course: a function with a mistake in it, and the check that finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SESSIONS = 5  # of ninety minutes; PLAN.md says what each holds


@dataclass(frozen=True)
class Task:
    """Find the bug: what a student sees going wrong, the code, and what decides whether it was mended.

    Attributes:
        name: of the task, unique, a Python name.
        function: that the code defines and the check asks.
        title: a few words.
        story: two or three sentences: what goes wrong, and what the function shall do.
        code: with the mistake, imports included.
        check: defines `check(answer, seed=0)`, which raises AssertionError with a sentence for the student. It calls
            `answer` with plain values, arrays and tensors alone, since the grader asks a function in another process.
        hint: a sentence.
        solution: the code without the mistake.
        minutes: that it takes.
        points: that it gives.
        session: of the plan, from 1.
        notebook: that it belongs to.
    """

    name: str
    function: str
    title: str
    story: str
    code: str
    check: str
    hint: str
    solution: str
    minutes: int
    points: int
    session: int
    notebook: str


def checker(task: Task) -> Callable[..., None]:
    """The check of a task as a function of the answer and of the seed that its numbers are drawn from."""
    names: dict = {}
    exec(compile(task.check, f"<check of {task.name}>", "exec"), names)
    return names["check"]
