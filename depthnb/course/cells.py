"""The cells of a notebook of tasks, in four forms. Nothing in them depends on time or chance."""

from __future__ import annotations

from collections.abc import Sequence

from depthnb.course.desk import fenced, folded
from depthnb.course.task import Task
from depthnb.course.tasks import Sheet

_HIDDEN = (101, 202)  # seeds of the numbers of hidden tests
_RULES = (
    "The check calls your function with NumPy arrays, or with torch tensors where the cell imports torch. The function "
    "and all that it needs, its imports too, must stand in one cell. Your function must not "
    "change what it is given. If you define the function twice, only the last cell is graded.\n"
)
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def notebook(cells: Sequence, said: dict[str, int | str]) -> str:
    """Cells as the text of an .ipynb file that says its session or its notebook.

    Raises:
        ImportError: without nbformat.
    """
    nbformat = _nbformat()
    made = nbformat.v4.new_notebook(cells=list(cells), metadata={**_METADATA, "depthnb": said})
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def student(sheet: Sheet) -> list:
    """The function to correct or to write, a check, a hint that is folded."""
    made = [_markdown("title", _title(sheet, "then run the cell below it"))]
    for task in sheet.tasks:
        made += [
            _markdown(f"{task.name}-story", f"{_story(task)}\n\n{_hint(task)}"),
            _code(f"{task.name}-answer", task.code.strip(), tags=["answer"]),
            _code(f"{task.name}-check", _check(task), tags=["check"]),
        ]
    return made


def solution(sheet: Sheet) -> list:
    """The function as students get it, and as it should be."""
    made = [_markdown("title", f"# {sheet.title}\n\nWith solutions: for those who teach.")]
    for task in sheet.tasks:
        made += [
            _markdown(
                f"{task.name}-story", f"{_story(task)}\n\n{_hint(task)}\n\nThe {sheet.given}:\n\n{fenced(task.code)}"
            ),
            _code(f"{task.name}-answer", task.solution.strip(), tags=["answer", "solution"]),
            _code(f"{task.name}-check", _check(task), tags=["check"]),
        ]
    return made


def nbgrader(sheet: Sheet) -> list:
    """A source notebook of nbgrader: solution regions that it clears, locked tests with points, hidden ones among them.

    Source: the metadata of nbgrader 0.9, schema version 3.
    """
    how = _title(sheet, "delete the last line of the cell, which raises an error too, and run the cell below it")
    made = [_markdown("title", how, **_nbgrader("title", locked=True))]
    for task in sheet.tasks:
        region = f"{task.code.strip()}\n\n\n### BEGIN SOLUTION\n{task.solution.strip()}\n### END SOLUTION"
        hidden = "\n".join(["### BEGIN HIDDEN TESTS", *_hidden(task), "### END HIDDEN TESTS"])
        given = {"grade": True, "locked": True, "points": task.points}
        made += [
            _markdown(
                f"{task.name}-story", f"{_story(task)}\n\n{_hint(task)}", **_nbgrader(f"{task.name}-story", locked=True)
            ),
            _code(f"{task.name}-answer", region, **_nbgrader(task.name, solution=True)),
            _code(f"{task.name}-check", f"{_check(task)}\n{hidden}", **_nbgrader(f"{task.name}-check", **given)),
        ]
    return made


def otter(sheet: Sheet) -> list:
    """A master notebook of otter assign: raw cells that say where a question, its solution and its tests begin and end.

    Source: the notebook format of otter-grader 7.
    """
    config = "# ASSIGNMENT CONFIG\ninit_cell: true\nexport_cell:\n  pdf: false\ncheck_all_cell: true"
    made = [_raw("config", config), _markdown("title", _title(sheet, "then run the cell below it"))]
    for task in sheet.tasks:
        answer = (
            f"# BEGIN SOLUTION NO PROMPT\n{task.solution.strip()}\n# END SOLUTION\n"
            f"r''' # BEGIN PROMPT\n{task.code.strip()}\n''' # END PROMPT"
        )
        hidden = "\n".join(["# HIDDEN", *_hidden(task, ", quiet=True")])
        settings = f"name: {task.name}\npoints: {task.points}\nall_or_nothing: true"  # else each test gives its share
        made += [
            _raw(f"{task.name}-begin", f"# BEGIN QUESTION\n{settings}"),
            _markdown(f"{task.name}-story", f"{_story(task)}\n\n{_hint(task)}"),
            _raw(f"{task.name}-solution", "# BEGIN SOLUTION"),
            _code(f"{task.name}-answer", answer),
            _raw(f"{task.name}-solved", "# END SOLUTION"),
            _raw(f"{task.name}-tests", "# BEGIN TESTS"),
            _code(f"{task.name}-check", _check(task, "_ = ", ", quiet=True")),  # otter compares what a cell shows
            _code(f"{task.name}-hidden", hidden),
            _raw(f"{task.name}-tested", "# END TESTS"),
            _raw(f"{task.name}-end", "# END QUESTION"),
        ]
    return made


def _title(sheet: Sheet, then: str) -> str:
    return f"# {sheet.title}\n\n{sheet.about} {sheet.do}, {then}. {_RULES}"


def _story(task: Task) -> str:
    points = f"{task.points} point{'s' if task.points > 1 else ''}"
    return f"## {task.title}\n\n*{points}, {task.minutes} minutes, with notebook {task.notebook}*\n\n{task.story}"


def _hint(task: Task) -> str:
    return folded("A hint", task.hint)


def _check(task: Task, to: str = "", how: str = "") -> str:
    return f'from depthnb.course import check\n\n{to}check("{task.name}", {task.function}{how})'


def _hidden(task: Task, how: str = "") -> list[str]:
    lines = [f'_ = check("{task.name}", {task.function}, seed={seed}{how})' for seed in _HIDDEN]
    return ["from depthnb.course import check", "", *lines]


def _nbgrader(grade_id: str, *, grade=False, solution=False, locked=False, points: int | None = None) -> dict:
    said = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return {"nbgrader": said | ({} if points is None else {"points": points})}


def _markdown(name: str, text: str, **metadata):
    return _nbformat().v4.new_markdown_cell(text.strip(), id=_id(name), metadata=metadata)


def _code(name: str, text: str, **metadata):
    return _nbformat().v4.new_code_cell(text, id=_id(name), metadata=metadata)


def _raw(name: str, text: str):
    return _nbformat().v4.new_raw_cell(text, id=_id(name))


def _id(name: str) -> str:
    return name.replace("_", "-")


def _nbformat():
    try:
        import nbformat
    except ImportError:
        raise ImportError("notebooks are written by nbformat, which is not here; pip install depthnb[course]") from None
    return nbformat
