"""`python -m depthnb.course`: notebooks for a course, their grader, and a contest."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

_EXAMPLES = """examples:
  python -m depthnb.course build --out course/
  python -m depthnb.course build --out course/ --for student
  python -m depthnb.course grade handed_in/*.ipynb --session 2 --csv points.csv
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run with these words (default: those of the process); returns the exit status, 1 with a line for what was not done."""
    given = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return given.run(given)
    except KeyboardInterrupt:
        print("stopped; every file that was begun is whole or not there", file=sys.stderr)
        return 128 + signal.SIGINT
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"depthnb.course: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m depthnb.course", description=__doc__, epilog=_EXAMPLES, formatter_class=shape
    )
    parts = parser.add_subparsers(metavar="COMMAND", required=True)
    build = parts.add_parser("build", help="write notebooks for students, solutions, nbgrader and otter-grader")
    build.add_argument("--out", required=True, metavar="DIR", help="a folder; no file in it that differs is replaced")
    build.add_argument("--for", dest="kind", metavar="WHO", help="student, solution, nbgrader or otter (default: all)")
    build.set_defaults(run=_build)
    grade = parts.add_parser("grade", help="give points to notebooks that were handed in")
    grade.add_argument("files", nargs="+", metavar="FILE", help="a notebook")
    grade.add_argument("--session", type=int, help="whose tasks are due (default: what the notebook says)")
    grade.add_argument("--csv", metavar="FILE", help="also write a line a task")
    grade.set_defaults(run=_grade)
    return parser


def _build(given: argparse.Namespace) -> int:
    from depthnb.course import building

    for file in building.build(given.out, [given.kind] if given.kind else tuple(building.KINDS)):
        print(file)
    return 0


def _grade(given: argparse.Namespace) -> int:
    """Grade all files; one that cannot be read does not keep the others from being graded."""
    from depthnb.course import grading, marks

    status, rows = 0, []
    for file in given.files:
        try:
            grades = grading.grade(file, session=given.session)
        except (OSError, ValueError) as error:
            print(f"{file}: {' '.join(str(error).split())}", file=sys.stderr)
            status = 1
            continue
        print(marks.said(file, grades), flush=True)
        rows += marks.rows(file, grades)
    if given.csv and rows:
        print(marks.write(rows, given.csv))
    print(grading.ISOLATION)
    return status


if __name__ == "__main__":
    sys.exit(main())
