"""A task of the course: a function with a mistake in it, or none yet, and the check that says whether it is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

SESSIONS = 5  # of ninety minutes; PLAN.md says what each holds
DRAWS = 3  # of the numbers that a check asks about


@dataclass(frozen=True)
class Task:
    """A function to correct (find the bug) or to write (an exercise), and what decides whether it is right.

    Attributes:
        name: of the task, unique, a Python name. Students see it, so it does not say what is wrong.
        function: that the code defines and the check asks.
        title: a few words.
        story: two to ten sentences: what goes wrong, or what the notebook explains, and what the function must return.
        code: with the mistake, or with a gap; imports included.
        check: defines `check(answer, seed=0)`, which raises AssertionError with a sentence for the student. It calls
            `answer` with plain values, arrays and tensors alone, since the grader asks a function in another process,
            and `gradients.gradient` for a gradient. What checks have in common is in `asking`.
        hint: a sentence.
        solution: the code without the mistake, or the gap filled.
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


class NoAnswer(Exception):
    """A function that was asked gives none; the message says why."""


class NotWritten(NoAnswer):
    """The gap of an exercise is still one, whatever is asked."""


def checker(task: Task) -> Callable[..., None]:
    """The check of a task as a function of the answer and of the seed that its numbers are drawn from."""
    names: dict = {}
    exec(compile(task.check, f"<check of {task.name}>", "exec"), names)
    return names["check"]


def fault(task: Task, asked: Callable, seed: int) -> str:
    """What is wrong with an answer, in one sentence; empty if nothing is.

    Args:
        task: whose check is asked.
        asked: a `questions.Asked`; or the function itself, of which nothing is known then but its answers.
        seed: of the first numbers of the check; it is asked `DRAWS` times, since a wrong answer may be right by chance.
    """
    return next(filter(None, (_fault(task, asked, seed + draw) for draw in range(DRAWS))), "")


def _fault(task: Task, asked: Callable, seed: int) -> str:
    try:
        checker(task)(asked, seed)
    except NoAnswer as none:
        return str(none)
    except AssertionError as error:  # `asking` knows no name of the function
        return str(error).replace("your function", task.function) or "the check failed"
    except Exception as error:  # the last resort: a check asks for the form of an answer by `asking`
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        return f"the answer has not the form that the task asks for ({said})"
    return ""
