"""A task on a student's desk: what a notebook shows of it, and the check of a function that stands in the same notebook."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from depthnb.course import copies, foreign, questions, wire
from depthnb.course.task import NoAnswer, NotWritten, Task, fault


@dataclass(frozen=True, repr=False)
class Desk:
    """One task as a student works on it; as the last line of a cell it shows what is to be done.

    Attributes:
        task: that lies on it.
    """

    task: Task

    def check(self, answer: Callable, seed: int = 0) -> None:
        """Say in one sentence whether a function is right, or what is wrong.

        Args:
            answer: the function.
            seed: of the numbers that it is asked about.
        """
        wrong = examine(self.task, answer, seed)
        print(f"Not yet: {wrong}" if wrong else f"Passed: {self.task.function} is right.")

    @property
    def hint(self) -> str:
        """A sentence that helps."""
        return self.task.hint

    @property
    def solution(self) -> str:
        """Code that passes; `print` it."""
        return self.task.solution.strip()

    def __repr__(self) -> str:
        return f"{self.task.title} ({self.task.minutes} minutes)\n\n{self.task.story}\n\n{self.task.code.strip()}"

    def _repr_markdown_(self) -> str:
        task = self.task
        return (
            f"**{task.title}** ({task.minutes} minutes)\n\n{task.story}\n\nCopy this into a cell and complete or correct it. "
            f'Then run `course.exercise("{task.name}").check({task.function})` in another cell.\n\n'
            f"{fenced(task.code)}\n\n{folded('Hint', task.hint)}"
        )


def examine(task: Task, answer: Callable, seed: int = 0) -> str:
    """What is wrong with a function of this process, in one sentence; empty if nothing is.

    The function gets copies, and gives back what could be sent: so it cannot change the numbers of the check, and an object
    that claims to be equal to everything is no answer. That is what the grader does as well, from another process. A right
    answer fails if it changes its inputs, or if its cell takes from other cells what the grader will not have.
    """
    asked = questions.Asked(functools.partial(_reply, task, answer))
    wrong = fault(task, asked, seed)
    changed = next(iter(asked.changes), "")
    return copies.with_changes(task.function, wrong, changed) or foreign.fault(answer, task.function)


def _reply(task: Task, answer: Callable, question: bytes) -> dict:
    """What a function of this process says to a question, as plain values. Raises `NoAnswer`."""
    try:
        said = copies.ask(answer, question)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: the notebook shall go on
        why, line = questions.failure(task.function, error), _line(error, answer)
        if line and not isinstance(why, NotWritten):
            why = NoAnswer(f"{why} (line {line} of its cell)")
        raise why from None
    if said["value"] is None:
        raise NoAnswer(f"{task.function} returned nothing; does it end with `return`?")
    try:
        return wire.unpack(wire.pack(said))
    except wire.Refused as refused:
        raise NoAnswer(f"{task.function} returned {refused}") from None


def _line(error: BaseException, answer: Callable) -> str:
    """The line of the cell of a function at which an error arose, empty if it cannot be told."""
    cell = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == cell]
    return str(lines[-1]) if lines else ""


def in_notebook(task: Task, number: int) -> str:
    """The text of an exercise among those that close a notebook: tests compare the notebooks with it."""
    asked = f'course.exercise("{task.name}")'
    title = task.title if task.title.endswith("?") else f"{task.title}."
    return (
        f"**{number}. Code ({task.minutes} minutes): {title}** {task.story} In a new cell `from depthnb import course` "
        f"and `{asked}` show where to begin; `{asked}.check({task.function})` says whether your function is right.\n\n"
        f"{folded('Hint', task.hint)}\n{folded('Solution', f'`print({asked}.solution)`')}"
    )


def folded(title: str, text: str) -> str:
    """A text that opens with a click, as Markdown."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def fenced(code: str) -> str:
    """Python as Markdown."""
    return f"```python\n{code.strip()}\n```"
