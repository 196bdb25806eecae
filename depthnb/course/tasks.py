"""All tasks of the course, and the notebooks in which they are handed out."""

from __future__ import annotations

from dataclasses import dataclass

from depthnb.course.bugs import BUGS
from depthnb.course.bugs import of_session as bugs_of
from depthnb.course.exercises import EXERCISES, of_notebook
from depthnb.course.task import SESSIONS, Task

TASKS: tuple[Task, ...] = BUGS + EXERCISES
NOTEBOOKS = tuple(dict.fromkeys(task.notebook for task in EXERCISES))  # those that have exercises of code


@dataclass(frozen=True)
class Sheet:
    """Tasks that are handed out in one notebook.

    Attributes:
        name: of the notebook.
        title: its heading.
        about: a sentence: what all of its functions have in common.
        do: what a student does with each of them, an imperative.
        given: what stands in the cell at first, a noun.
        tasks: in their order.
        said: of what its metadata say, the part that the grader reads: a session or a notebook.
    """

    name: str
    title: str
    about: str
    do: str
    given: str
    tasks: tuple[Task, ...]
    said: dict[str, int | str]


def sheets() -> tuple[Sheet, ...]:
    """The notebooks of the course: a hunt for bugs for each session, and the exercises of each notebook.

    >>> [sheet.name for sheet in sheets()][4:7]
    ['find_the_bug_5', 'exercises_01_data', 'exercises_02_bn_cnn']
    """
    return (*map(_hunt, range(1, SESSIONS + 1)), *map(_exercises, NOTEBOOKS))


def _hunt(session: int) -> Sheet:
    return Sheet(
        f"find_the_bug_{session}",
        f"Find the bug, session {session}",
        "Every function here runs without an error and is wrong.",
        "Correct each function in its cell",
        "mistake",
        bugs_of(session),
        {"session": session},
    )


def _exercises(notebook: str) -> Sheet:
    """Most functions are to be written; one that is there already has a mistake."""
    tasks = of_notebook(notebook)
    gaps = ["raise NotImplementedError" in task.code for task in tasks]
    do = "Write each function in its cell: replace the line `raise NotImplementedError`"
    return Sheet(
        f"exercises_{notebook}",
        f"Exercises of notebook {notebook}",
        "What the notebook explains, as functions of a few lines.",
        do if all(gaps) else f"{do} (if the cell already holds a function, it contains a mistake: correct it)",
        "beginning",
        tasks,
        {"notebook": notebook},
    )


def find(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: for an unknown one.

    >>> find("it_moves").notebook
    '05_densenet'
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"task {name!r} is unknown; expected one of {', '.join(task.name for task in TASKS)}")
