"""The grading form: what each task gives, and what to look for where the check says only yes or no."""

from __future__ import annotations

from collections.abc import Sequence

from depthnb.course.task import Task
from depthnb.course.tasks import TASKS, sheets

_BEGIN = """# Grading form: find the bug, and exercises of code

Full points if the check passes, else none: `python -m depthnb.course grade FILE.ipynb`. One point of a task of two may be given
by hand where the student names the mistake in a sentence and the code is not finished.

The solutions come with the package, as they do with every textbook. Ask one question about each answer before it counts in an
examination.

nbgrader and otter-grader (tried: 0.9.6 and 7.0.0) run a check beside the student's code: one line that replaces
`depthnb.course.check` gets full points from both, and a cell that ends the kernel gets no grade. Only `grade` asks the function
from another process; it reads what both hand out, so grade with it where points matter. Both need depthnb where they grade: the
zip of `otter assign` does not install it. `nbgrader autograde` stops for everybody at a notebook with a copied test cell: name
the students with `--student`. A deleted test cell waits for a grade by hand. nbgrader's feedback shows the hidden tests.
`otter run` did not end an endless loop: put a limit of time around it.
"""


def page() -> str:
    """The whole form as Markdown."""
    parts = [_BEGIN, f"All {_sum(TASKS)}\n"]
    for sheet in sheets():
        parts.append(f"## {sheet.title}\n\n| task | notebook | minutes | points | given |\n|---|---|---|---|---|")
        parts += [
            f"| {task.title} (`{task.name}`) | {task.notebook} | {task.minutes} | {task.points} | |"
            for task in sheet.tasks
        ]
        parts.append("")
        parts += map(_answer, sheet.tasks)
    return "\n".join(parts).rstrip() + "\n"


def _sum(tasks: Sequence[Task]) -> str:
    minutes, points = sum(task.minutes for task in tasks), sum(task.points for task in tasks)
    return f"{len(tasks)} tasks give {points} points and take {minutes} minutes."


def _answer(task: Task) -> str:
    return f"### {task.title}\n\nAsk for: {task.hint}\n\n```python\n{task.solution.strip()}\n```\n"
