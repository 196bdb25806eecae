"""`python -m depthnb.course`: notebooks for a course, their grader, and a contest."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence

_EXAMPLES = """examples:
  python -m depthnb.course build --out course/
  python -m depthnb.course build --out course/ --for student
  python -m depthnb.course grade handed_in/*.ipynb --session 2 --csv points.csv
  python -m depthnb.course grade handed_in/*.ipynb --notebook 03_eigen
  python -m depthnb.course slides --out slides/ 03_eigen 11_today
"""

_HIDDEN_ROOMS = """Rooms that nobody has seen follow from a seed that only you know. In a clone, make contest SEED=... does all:
about nine seconds a picture, and at first a download of Blender's Python package. A call that was stopped goes on where it was.
Never put the key where students can read it, and do not score for them more often than you would let them try.
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
    grade.add_argument("--session", type=int, help="whose bugs are due (default: what the notebook says)")
    grade.add_argument("--notebook", metavar="NAME", help="whose exercises are due, such as 03_eigen")
    grade.add_argument("--csv", metavar="FILE", help="also write a line a task")
    grade.add_argument("--seconds", type=int, metavar="N", help="that a task may take; more on a busy machine")
    grade.set_defaults(run=_grade)
    about = "make slides of notebooks, one page each, that open without a network"
    slides = parts.add_parser("slides", help=about, description=about)
    slides.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="a name such as 03_eigen, or a file (default: all)"
    )
    slides.add_argument("--out", required=True, metavar="DIR", help="a folder; decks in it are replaced")
    slides.set_defaults(run=_slides)
    _contest_words(
        parts.add_parser("contest", help="hand out pictures, keep their depth, score what comes back"), shape
    )
    return parser


def _contest_words(parser: argparse.ArgumentParser, shape: type) -> None:
    parts = parser.add_subparsers(metavar="COMMAND", required=True)
    about = "make a hand-out and a key of an RGB-D folder"
    hide = parts.add_parser("hide", help=about, description=about, epilog=_HIDDEN_ROOMS, formatter_class=shape)
    hide.add_argument("folder", metavar="DIR", help="in the RGB-D format, with frames that the students do not have")
    hide.add_argument("--out", required=True, metavar="HIDDEN", help="a new folder; it gets handout/ and key/")
    hide.add_argument("--split", default="all", help="whose frames: all, test ... (default: all)")
    hide.add_argument("--protocol", metavar="NAME", help="to score by (default: the folder's own)")
    hide.add_argument("--kind", default="metric", help="of predictions: metric or affine-inverse (default: metric)")
    hide.set_defaults(run=_hide)
    about = "render rooms that nobody has seen and hide them; goes on where it was stopped"
    rooms = parts.add_parser("rooms", help=about, description=about, epilog=_HIDDEN_ROOMS, formatter_class=shape)
    rooms.add_argument("--seed", default="", help="digits, 12 at least, that only you know")
    rooms.add_argument("--out", required=True, metavar="HIDDEN", help="a new folder; it gets handout/ and key/")
    rooms.add_argument("--scenes", type=int, default=30, help="rooms (default: 30)")
    rooms.add_argument("--views", type=int, default=2, help="pictures of each (default: 2)")
    rooms.add_argument("--jobs", type=int, default=1, help="processes that render (default: 1)")
    rooms.add_argument("--renderer", default="python3.11", metavar="PYTHON", help="a Python that has bpy")
    rooms.add_argument("--check", action="store_true", help="say whether the seed will do, and nothing more")
    rooms.set_defaults(run=_rooms)
    score = parts.add_parser("score", help="score a submission and put it on the leaderboard beside the key")
    score.add_argument("file", metavar="SUBMISSION.npz")
    score.add_argument("--key", required=True, metavar="KEY", help="HIDDEN/key")
    score.add_argument("--name", required=True, help="of the team")
    score.add_argument(
        "--report", metavar="DIR", help="show the leaderboard in the report of these runs, such as reports/"
    )
    score.set_defaults(run=_score)


def _build(given: argparse.Namespace) -> int:
    from depthnb.course import building

    for file in building.build(given.out, [given.kind] if given.kind else tuple(building.KINDS)):
        print(file)
    return 0


def _grade(given: argparse.Namespace) -> int:
    """Grade all files; one that cannot be read does not keep the others from being graded."""
    from depthnb.course import grading, marks

    status, rows, seconds = 0, [], given.seconds or grading.SECONDS
    for file in given.files:
        try:
            grades = grading.grade(file, session=given.session, notebook=given.notebook, seconds=seconds)
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


def _slides(given: argparse.Namespace) -> int:
    from depthnb.course import slides

    for file in slides.make(given.notebooks, given.out):
        print(file)
    return 0


def _hide(given: argparse.Namespace) -> int:
    from depthnb.course import contest

    handout, key = contest.hide(given.folder, given.out, split=given.split, protocol=given.protocol, kind=given.kind)
    print(f"{handout}: for the students\n{key}: stays with you")
    return 0


def _rooms(given: argparse.Namespace) -> int:
    from depthnb.course import contest

    if given.check:
        contest.check_seed(given.seed)
        return 0
    handout, key = contest.hidden_rooms(
        given.out,
        seed=given.seed,
        scenes=given.scenes,
        views=given.views,
        jobs=given.jobs,
        renderer=given.renderer,
    )
    print(f"{handout}: for the students\n{key}: stays with you")
    return 0


def _score(given: argparse.Namespace) -> int:
    from depthnb.course import contest

    scores, place = contest.score(given.file, given.key, given.name, given.report)
    print(f"{given.name}: abs_rel {scores['abs_rel']:.4f}, rmse {scores['rmse']:.3f} m, delta1 {scores['delta1']:.3f}")
    print(f"place {place.rank} of {place.teams}, try {place.tries}")
    if given.report:
        print(f"the next report shows it: python -m depthnb.report {shlex.quote(given.report)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
