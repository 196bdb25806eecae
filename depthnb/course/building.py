"""Notebooks made of the tasks: for students, for those who teach, for nbgrader and for otter-grader, and the rubric."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from depthnb import files
from depthnb.course import cells, rubric
from depthnb.course.tasks import Sheet, sheets

_PLAN = Path(__file__).with_name("PLAN.md")
# who it is for -> where a notebook of its lies, and the cells of a sheet
KINDS: dict[str, tuple[str, Callable[[Sheet], list]]] = {
    "student": ("student/{name}.ipynb", cells.student),
    "solution": ("solution/{name}.ipynb", cells.solution),
    "nbgrader": ("nbgrader/source/{name}/{name}.ipynb", cells.nbgrader),
    "otter": ("otter/{name}/{name}.ipynb", cells.otter),
}


def build(out: str | Path, kinds: Sequence[str] = tuple(KINDS)) -> list[Path]:
    """Write the notebooks of the course; the same package gives the same bytes.

    Args:
        out: a folder, made if it is not there.
        kinds: of `KINDS`. For those who teach, `RUBRIC.md` and `PLAN.md` are written too.

    Returns:
        The files, each whole.

    Raises:
        FileExistsError: if one of the files is there and holds anything else: a student may have worked in it.
        ImportError: without nbformat.
        ValueError: for an unknown kind.
        OSError: if a file cannot be written.
    """
    out = Path(out).expanduser()
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"kind is {', '.join(unknown)}; expected of {', '.join(KINDS)}")
    contents = {}
    for kind in kinds:
        place, make = KINDS[kind]
        for sheet in sheets():
            contents[out / place.format(name=sheet.name)] = cells.notebook(make(sheet), sheet.said)
    if set(kinds) - {"student"}:
        contents[out / "RUBRIC.md"] = rubric.page()
        contents[out / "PLAN.md"] = _PLAN.read_text(encoding="utf-8")
    for file, text in contents.items():
        if file.exists() and (file.is_dir() or file.read_bytes() != text.encode()):
            raise FileExistsError(
                f"{file} is there and is not what would be written; somebody may have worked in it: choose another folder, or "
                "move it away"
            )
    return [files.write_text(file, text) for file, text in contents.items()]
