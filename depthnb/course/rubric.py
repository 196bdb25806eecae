"""The grading form: what each task gives, and what to look for where the check says only yes or no."""

from __future__ import annotations

from depthnb.course.bugs import BUGS, of_session
from depthnb.course.task import SESSIONS, Task

_BEGIN = """# Grading form: find the bug

Full points if the check passes, else none: `python -m depthnb.course grade FILE.ipynb`. One point of a task of two may be given
by hand where the student names the mistake in a sentence and the code is not finished.

The solutions come with the package, as they do with every textbook. Ask one question about each answer before it counts in an
examination.

nbgrader and otter-grader run a check beside the student's code, which can then change it; both need depthnb where they grade.
Only `grade` asks the function from another process.
"""


def page() -> str:
    """The whole form as Markdown."""
    total = sum(task.points for task in BUGS)
    parts = [
        _BEGIN,
        f"All {len(BUGS)} tasks give {total} points and take {sum(task.minutes for task in BUGS)} minutes.\n",
    ]
    for session in range(1, SESSIONS + 1):
        parts.append(f"## Session {session}\n\n| task | notebook | minutes | points | given |\n|---|---|---|---|---|")
        parts += [
            f"| {task.title} (`{task.name}`) | {task.notebook} | {task.minutes} | {task.points} | |"
            for task in of_session(session)
        ]
        parts.append("")
        parts += map(_answer, of_session(session))
    return "\n".join(parts).rstrip() + "\n"


def _answer(task: Task) -> str:
    return f"### {task.title}\n\nAsk for: {task.hint}\n\n```python\n{task.solution.strip()}\n```\n"
