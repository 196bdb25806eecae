"""A notebook that a student hands in: which cell answers which task. Of the rest nothing is looked at."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from depthnb.course.bugs import of_session
from depthnb.course.exercises import of_notebook
from depthnb.course.task import SESSIONS, Task
from depthnb.course.tasks import NOTEBOOKS, TASKS

_MOST = 64 * 2**20  # bytes of a notebook, pictures included


class Missing(ValueError):
    """No cell answers a task; the message says so."""


@dataclass(frozen=True)
class Cells:
    """Sources of the code cells in their order, the session or notebook that the metadata say, and the file's name."""

    code: tuple[str, ...]
    session: int | None
    notebook: str | None
    name: str


def read(file: Path) -> Cells:
    """Read a notebook.

    Raises:
        FileNotFoundError: if nothing is there.
        ValueError: for a file that is no notebook.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} is no file; expected a notebook (.ipynb)")
    if file.stat().st_size > _MOST:
        raise ValueError(f"{file} has {file.stat().st_size:,} bytes; expected a notebook of at most {_MOST:,}")
    try:
        book = json.loads(file.read_bytes())
        if "worksheets" in book:
            raise ValueError("it is of format 3; open it in JupyterLab and save it")
        code = tuple("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else type(error).__name__
        raise ValueError(f"{file} is no notebook ({' '.join(said.split())[:120]}); hand in the .ipynb itself") from None
    said = book.get("metadata")
    said = said.get("depthnb") if isinstance(said, dict) else None
    session, notebook = (said.get(key) if isinstance(said, dict) else None for key in ("session", "notebook"))
    session = session if type(session) is int and 1 <= session <= SESSIONS else None
    return Cells(code, session, notebook if notebook in NOTEBOOKS else None, str(file))


def due(cells: Cells, session: int | None, notebook: str | None) -> tuple[Task, ...]:
    """The tasks that a notebook is graded by.

    Args:
        cells: of the notebook.
        session: whose bugs are due.
        notebook: whose exercises are due. Without both, what the file itself says, else the tasks that some cell answers.

    Raises:
        ValueError: for an unknown session or notebook, for both at once, and if there is no task.
    """
    if session is not None and notebook is not None:
        raise ValueError(
            f"session {session} and notebook {notebook} are both given; say whose tasks are due by one of them"
        )
    if session is not None and not 1 <= session <= SESSIONS:
        raise ValueError(f"session is {session}; expected 1 to {SESSIONS}")
    if notebook is not None and notebook not in NOTEBOOKS:
        raise ValueError(f"notebook is {notebook!r}; expected one that has exercises of code: {', '.join(NOTEBOOKS)}")
    if session is None and notebook is None:
        session, notebook = cells.session, cells.notebook
    if session is not None or notebook is not None:
        return of_session(session) if session is not None else of_notebook(notebook)
    if tasks := tuple(task for task in TASKS if _holders(cells.code, task)):
        return tasks
    raise ValueError(
        f"{cells.name} holds no task of this course; hand in a notebook that it gave out, or say --session or --notebook"
    )


def answer(cells: Cells, task: Task) -> str:
    """The source of the last cell that defines a task's function: what a kernel would have in the end.

    Raises:
        Missing: if there is none, or only one that is no Python.
    """
    holders = _holders(cells.code, task)
    if not holders:
        raise Missing(f"no cell defines {task.function}")
    return holders[-1]


def _holders(code: Sequence[str], task: Task) -> list[str]:
    sources = [python(source) for source in code]
    return [source for source in sources if _defines(source, task.function)]


def python(source: str) -> str:
    """A cell without the lines that are the notebook's own: those that begin with %, ! or ?.

    >>> python("%matplotlib inline\\nx = 1")
    '\\nx = 1'
    >>> python("x = (7\\n% 2)")
    'x = (7\\n% 2)'
    """
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.sub(r"(?m)^[%!?].*$", "", source)
    return source


def _defines(source: str, function: str) -> bool:
    """Whether a cell defines a function at its top level; of one that is no Python, whether it looks so."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.search(rf"(?m)^def {function}\b", source) is not None
    for each in body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == function:
            return True
        targets = each.targets if isinstance(each, ast.Assign) else ()
        if any(isinstance(target, ast.Name) and target.id == function for target in targets):
            return True
    return False
