"""The report: one self-contained page made from the run folders, every number read from their files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd

from depthnb import __version__, files, runs
from depthnb.report import boards, elsewhere, front
from depthnb.report.images import Picture, of_file
from depthnb.report.results import METHODS
from depthnb.report.sections import Section, latest, section
from depthnb.report.words import Table, as_table, short

MAX_BYTES = 1_000_000
ROBUSTNESS = "robustness.csv"
CONTEST = "contest/leaderboard.csv"  # among the runs; depthnb.course writes it, and beside it the rule
_PARTS = ("page.html", "page.css", "page.js")  # files beside this one
LEVELS = (  # figures a notebook, their width in pixels and WebP quality: the first that fits into MAX_BYTES is taken
    (6, 900, 75),
    (6, 860, 55),
    (5, 800, 45),
    (4, 800, 35),
    (3, 720, 30),
    (2, 640, 25),
    (1, 480, 20),
    (0, 0, 0),
)


@dataclass(frozen=True)
class Elsewhere:
    """Nets on data that they were not trained on.

    Attributes:
        said: of who sees no picture.
        records: (net, address of its run.json).
    """

    table: Table
    said: list[str]
    records: list[tuple[str, str]]


@dataclass(frozen=True)
class Changed:
    """What happens when the room, the camera or the picture changes.

    Attributes:
        record: address of the run.json of who asked.
    """

    figures: list[tuple[str, str, Picture]]
    record: str


@dataclass(frozen=True)
class Contest:
    """What the teams of a course handed in.

    Attributes:
        rule: by which it was scored.
    """

    table: Table
    rule: str


@dataclass(frozen=True)
class Front:
    """What stands before the notebooks."""

    sentences: list[str]
    shown: front.Shown | None
    boards: list[boards.Board]
    figures: list[tuple[str, str, Picture]]
    elsewhere: list[Elsewhere]
    changed: Changed | None
    contest: Contest | None
    findings: dict[str, list[tuple[str, str, str]]]


def build(reports_dir: str | Path) -> Path:
    """Make reports_dir/report.html from the finished runs in reports_dir/<notebook>/<run>/ and return its path.

    One file of at most 1 MB with its figures inside, readable offline, on a phone, in light and dark mode. First what came out:
    sentences, photographs with a slider, leaderboards, where methods fail, what they score on other data and in changed rooms,
    the contest of a course, findings. Then each notebook. A run without `finished: true` in its run.json does not exist;
    methods without a run are named. A run.json, table or figure that cannot be read is named at the top of the page and is no
    error. Of several runs of a notebook the first of paper, rooms-full, quick or the alphabet is shown in full, the others as
    rows of a table. Figures are made smaller until the page fits. A list inside of the page says of which runs it was made, by
    the content of their run.json.

    Raises:
        FileNotFoundError: where reports_dir does not exist.
    """
    reports_dir = Path(reports_dir)
    if not reports_dir.is_dir():
        raise FileNotFoundError(
            f"no folder {reports_dir}; run a notebook first, or give the folder that holds the runs"
        )
    problems: list[str] = []
    records = runs.finished(reports=reports_dir, problems=problems)
    found = _by_notebook(records)
    sections = [section(name, found[name], reports_dir, problems) for name in sorted(found)]
    first = _front(records, sections, reports_dir, problems)
    problems = list(dict.fromkeys(problems))
    low, high = 0, len(LEVELS) - 1  # pages only get smaller: halve the levels until the first that fits is found
    pages: dict[int, bytes] = {}
    made = _made(records)
    while low < high:
        level = (low + high) // 2
        pages[level] = _page(first, sections, made, LEVELS[level], reports_dir, problems)
        low, high = (low, level) if len(pages[level]) <= MAX_BYTES else (level + 1, high)
    page = pages.get(low) or _page(first, sections, made, LEVELS[low], reports_dir, problems)
    return files.write_bytes(reports_dir / "report.html", page)


def _front(records: list[dict[str, Any]], sections: Iterable[Section], reports_dir: Path, problems: list[str]) -> Front:
    found = boards.boards(records, problems)
    claims = {each.name: each.claims for each in sections if each.claims is not None}
    findings = front.findings(claims)
    other: dict[str, pd.DataFrame] = {}
    for dataset in dict.fromkeys(str(record.get("dataset")) for record in records):
        for label, table in elsewhere.judged(dataset, records=records, problems=problems).items():
            # nets of several data sets may be judged on one; published ones come with each
            other[label] = pd.concat([other[label], table]).drop_duplicates() if label in other else table
    return Front(
        sentences=front.sentences(found, records, front.counted(findings)),
        shown=front.shown(found),
        boards=found,
        figures=front.figures(found),
        elsewhere=[_elsewhere(label, table) for label, table in other.items()],
        changed=_changed(records, reports_dir, problems),
        contest=_contest(reports_dir / CONTEST, problems),
        findings=findings,
    )


def _changed(records: list[dict[str, Any]], reports_dir: Path, problems: list[str]) -> Changed | None:
    """What the last comparison found of nets in changed rooms; a table that cannot be drawn is named."""
    run, table = latest(records, ROBUSTNESS, reports_dir, problems)
    if table is None:
        return None
    label = _label(run)
    try:
        return Changed(front.changed(table), f"./{quote(f'{label}/{runs.RECORD}')}")
    except (ValueError, KeyError, TypeError) as error:
        problems.append(f"{label}/tables/{ROBUSTNESS}: {short(error)}")
        return None


def _contest(file: Path, problems: list[str]) -> Contest | None:
    """The leaderboard of a contest, if there is one; what cannot be read is named."""
    if not file.exists():
        return None
    try:
        rule = file.with_name("rule.txt").read_text("utf-8").strip()
        return Contest(as_table(files.read_table(file, text=("team",)), "leaderboard of the contest"), rule)
    except (OSError, ValueError) as error:
        problems.append(f"{CONTEST}: {short(error)}")
        return None


def _elsewhere(label: str, table: pd.DataFrame) -> Elsewhere:
    """A table of `elsewhere.judged` for the page."""
    records = [
        (net if len(folders) == 1 else f"{net} {number}", f"./{quote(f'{folder}/{runs.RECORD}')}")
        for net, folders in zip(table["net"], table["runs"], strict=True)
        for number, folder in enumerate(folders, start=1)
    ]
    return Elsewhere(as_table(elsewhere.compact(table), label), elsewhere.constants(table), records)


def _made(records: list[dict[str, Any]]) -> dict[str, str]:
    """Run -> what stands for the content of its run.json."""
    found = {}
    for run in records:
        with contextlib.suppress(OSError):  # another process may have moved it since
            found[_label(run)] = files.digest(run["folder"] / runs.RECORD)
    return found


def _label(run: dict[str, Any]) -> str:
    return f"{run['folder'].parent.name}/{run['folder'].name}"


def _page(
    first: Front,
    sections: list[Section],
    made: dict[str, str],
    level: tuple[int, int, int],
    reports_dir: Path,
    problems: list[str],
) -> bytes:
    """The whole page with so many figures a notebook, of this width and quality."""
    most, width, quality = level
    unreadable: list[str] = []
    for each in sections:
        each.shown = _pictures(each.figures[:most], width, quality, reports_dir, unreadable)
    return _render(first, sections, made, [*problems, *unreadable]).encode("utf-8")


def _by_notebook(records: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Notebook -> its finished runs, the one to show first. Nets judged on other data are a table of the front."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for run in records:
        if not run.get("asked"):
            shown.setdefault(run["folder"].parent.name, []).append(run)
    for each in shown.values():
        each.sort(key=lambda run: _preference(run["folder"].name))
    return shown


def _preference(run: str) -> tuple[int, str]:
    order = ("paper", "rooms-full", "quick")
    places = [i for i, name in enumerate(order) if run == name or run.startswith(f"{name}-")]
    return (places[0] if places else len(order) + run.startswith("ablation"), run)


def _pictures(
    figures: Iterable[Path], width: int, quality: int, reports_dir: Path, problems: list[str]
) -> list[Picture]:
    """The figures of a run, made smaller; those that cannot be read are named."""
    pictures = []
    for file in figures:
        try:
            pictures.append(of_file(file, width, quality))
        except (OSError, ValueError) as error:
            problems.append(f"{file.relative_to(reports_dir).as_posix()}: {short(error)}")
    return pictures


def _render(first: Front, sections: list[Section], made: dict[str, str], problems: list[str]) -> str:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    total = sum(1 + (len(each.others.rows) if each.others else 0) for each in sections)
    own = {name: resources.files("depthnb.report").joinpath(name).read_text("utf-8") for name in _PARTS}
    page = environment.from_string(own["page.html"])
    told = {"front": first, "sections": sections, "problems": problems, "total": total, "version": __version__}
    told["made"] = json.dumps(made)
    told["missing"] = [method for name, method in METHODS.items() if name not in {each.name for each in sections}]
    return page.render(**told, style=own["page.css"], script=own["page.js"]).lstrip()
