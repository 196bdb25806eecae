"""The report: one self-contained page made from the run folders, every number read from their files."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from PIL import Image

from depthnb import __version__, files, metrics, runs
from depthnb.evidence.verdicts import clearly_better
from depthnb.report.template import PAGE

MAX_BYTES = 1_000_000
COMPARISON = "10_comparison"
CLAIMS = "claims.csv"
HEADLINE = ("abs_rel", "rmse", "log10", "delta1", "delta2", "ssim")  # enough for a phone; the table files hold the rest
FIRST = (
    "comparison",
    "same_images",
    "best_median_worst",
    "curves",
    "by_distance",
)  # figures shown first, then the others by name
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
_LONGEST = 40  # rows of a table in the page


@dataclass
class Table:
    """A table ready for the page: texts only, with the class of every cell ("number", "best" ...)."""

    title: str
    columns: list[str]
    rows: list[list[tuple[str, str]]]
    more: int = 0  # rows left out

    @property
    def numeric(self) -> bool:
        """Whether it is a table of numbers: the page then keeps its first column in sight."""
        return any(kind.startswith("number") for row in self.rows for _, kind in row)


_MOST_PIXELS = 50_000_000  # of a figure


@dataclass
class Section:
    """What the page says about one notebook."""

    name: str
    title: str
    run: dict[str, Any]
    facts: list[tuple[str, str]]
    scores: Table | None
    verdict: str
    claims: Table | None
    published: Table | None
    tables: list[Table]
    folded: list[Table]
    others: Table | None
    figures: list[Path]
    shown: list[dict[str, Any]] = field(default_factory=list)


def build(reports_dir: str | Path) -> Path:
    """Make reports_dir/report.html from the finished runs in reports_dir/<notebook>/<run>/ and return its path.

    One file of at most 1 MB with its figures inside, readable offline, on a phone, in light and dark mode. A run without
    `finished: true` in its run.json does not exist; a run.json, table or figure that cannot be read is named at the top of
    the page and is no error. Of several runs of a notebook the first of paper, rooms-full, quick or the alphabet is shown
    in full, the others as rows of a table. Figures are made smaller until the page fits. Raises FileNotFoundError where
    reports_dir does not exist.
    """
    reports_dir = Path(reports_dir)
    if not reports_dir.is_dir():
        raise FileNotFoundError(
            f"no folder {reports_dir}; run a notebook first, or give the folder that holds the runs"
        )
    problems: list[str] = []
    found = _finished(reports_dir, problems)
    sections = [_section(name, found[name], reports_dir, problems) for name in sorted(found, key=_place)]
    low, high = 0, len(LEVELS) - 1  # pages only get smaller: halve the levels until the first that fits is found
    pages: dict[int, bytes] = {}
    while low < high:
        level = (low + high) // 2
        pages[level] = _page(sections, LEVELS[level], reports_dir, problems)
        low, high = (low, level) if len(pages[level]) <= MAX_BYTES else (level + 1, high)
    page = pages.get(low) or _page(sections, LEVELS[low], reports_dir, problems)
    path = reports_dir / "report.html"
    return files.write_bytes(path, page)


def _page(sections: list[Section], level: tuple[int, int, int], reports_dir: Path, problems: list[str]) -> bytes:
    """The whole page with so many figures a notebook, of this width and quality."""
    most, width, quality = level
    unreadable: list[str] = []
    for section in sections:
        section.shown = _pictures(section.figures[:most], width, quality, reports_dir, unreadable)
    return _render(sections, [*problems, *unreadable]).encode("utf-8")


def _finished(reports_dir: Path, problems: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return notebook -> its finished runs, the one to show first; note what cannot be read."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for run in runs.finished(reports=reports_dir, problems=problems):
        shown.setdefault(run["folder"].parent.name, []).append(run)
    for each in shown.values():
        each.sort(key=lambda run: _preference(run["folder"].name))
    return shown


def _preference(run: str) -> tuple[int, str]:
    order = ("paper", "rooms-full", "quick")
    places = [i for i, name in enumerate(order) if run == name or run.startswith(f"{name}-")]
    return (places[0] if places else len(order) + run.startswith("ablation"), run)


def _place(notebook: str) -> tuple[bool, str]:
    return notebook != COMPARISON, notebook


def _section(name: str, found: list[dict[str, Any]], reports_dir: Path, problems: list[str]) -> Section:
    run, *others = found
    folder = run["folder"]
    # by stem: "comparison" before "comparison-rooms-median"
    files = {file.stem: file for file in _listed(folder, "tables/*.csv", problems) if file.name != CLAIMS}
    tables = {stem: _read_table(files[stem], reports_dir, problems) for stem in sorted(files)}
    tables = {stem: table for stem, table in tables.items() if table is not None}
    scores, verdict = _scores(run)
    figures = {file.stem: file for file in _listed(folder, "figures/*.png", problems)}
    order = [*(stem for stem in FIRST if stem in figures), *sorted(stem for stem in figures if stem not in FIRST)]
    return Section(
        name=name,
        title=_title(name),
        run=run,
        facts=_facts(run),
        scores=scores,
        verdict=verdict,
        claims=_claims(found, reports_dir, problems),
        published=_table(pd.DataFrame(run["published"]), "Published numbers")
        if _is_rows(run.get("published"))
        else None,
        tables=[
            _table(table, stem.replace("_", " ")) for stem, table in tables.items() if stem.startswith("comparison")
        ],
        folded=[
            _table(table, stem.replace("_", " ")) for stem, table in tables.items() if not stem.startswith("comparison")
        ],
        others=_other_runs(others) if others else None,
        figures=[figures[stem] for stem in order],
    )


def _listed(folder: Path, pattern: str, problems: list[str]) -> list[Path]:
    """The files of a run that match; none, and a sentence among the problems, where the disk does not say."""
    try:
        return list(folder.glob(pattern))
    except OSError as error:
        problems.append(f"{folder.parent.name}/{folder.name}/{pattern.partition('/')[0]}: {_short(error)}")
        return []


def _claims(found: list[dict[str, Any]], reports_dir: Path, problems: list[str]) -> Table | None:
    """The claims of the first run that has them, named where it is not the one shown.

    They are judged by several runs, so a run in git keeps none: its table would be out of date with the next one.
    """
    for run in found:
        there = _listed(run["folder"], f"tables/{CLAIMS}", problems)
        table = _read_table(there[0], reports_dir, problems) if there else None
        if table is not None:
            other = "" if run is found[0] else f" (run {run['folder'].name})"
            table = table.drop(columns="appendix", errors="ignore").dropna(axis="columns", how="all")
            return _table(table, f"Claims of the document, checked{other}")
    return None


def _title(notebook: str) -> str:
    """The notebook's own heading where the notebook is at hand, else its name."""
    file = runs.ROOT / "notebooks" / f"{notebook}.ipynb"
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        heading = re.search(r"^# (.+)$", "".join(cells[0]["source"]), re.MULTILINE)
        return heading[1].strip()
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return notebook.replace("_", " ")


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What ran: label and text, only what the run.json says."""
    counts = run.get("split_counts", {})
    commit = run.get("commit")
    facts = {
        "run": run["folder"].name,
        "data set": run.get("dataset"),
        "frames": ", ".join(f"{count:,} {split}" for split, count in counts.items()),
        "parameters": _number(run["parameters"]) if isinstance(run.get("parameters"), int) else None,
        "seed": run.get("seed"),
        "device": run.get("device"),
        "time": _duration(run.get("seconds")),
        "training": _duration(run.get("training_seconds")),
        "commit": re.sub(r"^([0-9a-f]{10})[0-9a-f]+", r"\1", commit) if isinstance(commit, str) else None,
        "protocol": run.get("measured"),
    }
    return [(label, str(value)) for label, value in facts.items() if value not in (None, "")]


def _scores(run: Mapping[str, Any]) -> tuple[Table | None, str]:
    """The model beside the baselines on the test split, best value of each metric marked, and a verdict in words."""
    model = run.get("metrics", {}).get("test") or {}
    baselines = run.get("baselines", {}).get("test") or {}
    rows = {"this run": model, **baselines} if model else baselines
    names = [name for name in HEADLINE if any(_is_number(row.get(name)) for row in rows.values())]
    if not names:
        return None, ""
    best = {}
    for name in names:
        values = [row[name] for row in rows.values() if _is_number(row.get(name))]
        best[name] = min(values) if metrics.BETTER[name] == "lower" else max(values)
    cells = []
    for label, row in rows.items():
        line = [(label.replace("_", " "), "")]
        for name in names:
            value = row.get(name)
            line.append((_number(value), "number best" if _is_number(value) and value == best[name] else "number"))
        cells.append(line)
    arrows = {"lower": "↓", "higher": "↑"}
    columns = ["test split", *(f"{name} {arrows[metrics.BETTER[name]]}" for name in names)]
    if not model or not baselines:
        return Table("Scores", columns, cells), ""
    beaten = [name for name in names if _beaten(model.get(name), [row.get(name) for row in baselines.values()], name)]
    lost = [name for name in names if name not in beaten]
    if not beaten:
        verdict = "Does not beat the baselines, which never look at the photograph."
    else:
        verdict = f"Beats the baselines in {', '.join(beaten)}" + (f"; not in {', '.join(lost)}." if lost else ".")
    return Table("Scores", columns, cells), verdict


def _beaten(value: object, others: Iterable[object], metric: str) -> bool:
    """Whether a number is clearly better than every other that is one."""
    return _is_number(value) and all(clearly_better(value, other, metric) for other in others if _is_number(other))


def _other_runs(others: Iterable[Mapping[str, Any]]) -> Table:
    """One row a further run: what differs is its name; headline metrics, seed, device and time."""
    rows = [
        {
            "run": run["folder"].name,
            "data set": run.get("dataset"),
            "seed": run.get("seed"),
            "device": run.get("device"),
            "time": _duration(run.get("seconds")),
            **{name: (run.get("metrics", {}).get("test") or {}).get(name) for name in HEADLINE[:4]},
        }
        for run in others
    ]
    return _table(pd.DataFrame(rows), "Other finished runs")


def _read_table(file: Path, reports_dir: Path, problems: list[str]) -> pd.DataFrame | None:
    try:
        return files.read_table(file)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        problems.append(f"{file.relative_to(reports_dir).as_posix()}: {_short(error)}")
        return None


def _table(frame: pd.DataFrame, title: str) -> Table:
    """Texts of a table; verdicts get a class of their own, so that the page can colour them."""
    rows = []
    for values in frame.head(_LONGEST).itertuples(index=False):
        row = []
        for name, value in zip(frame.columns, values, strict=True):
            text = _number(value) if _is_number(value) else "" if value is None or value != value else str(value)
            kind = "number" if _is_number(value) else ""
            text = text.replace("± ", "±\N{NO-BREAK SPACE}")
            if name == "verdict":
                kind = {"holds": "yes", "does not hold": "no"}.get(text, "open")
            row.append((text, kind))
        rows.append(row)
    return Table(title, [str(c).replace("_", " ") for c in frame.columns], rows, more=max(0, len(frame) - _LONGEST))


def _pictures(
    files: Iterable[Path], width: int, quality: int, reports_dir: Path, problems: list[str]
) -> list[dict[str, Any]]:
    """Shrink figures to WebP data addresses, with their description and size."""
    pictures = []
    for file in files:
        try:
            with Image.open(file) as stored:
                if stored.width * stored.height > _MOST_PIXELS:
                    raise ValueError(f"{stored.width} x {stored.height} pixels are no figure of a run")
                alt = stored.info.get("Description") or file.stem.replace("_", " ")
                picture = stored.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a broken PNG
            problems.append(f"{file.relative_to(reports_dir).as_posix()}: {_short(error)}")
            continue
        if picture.width > width:
            picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        picture.save(buffer, "webp", quality=quality, method=3)
        address = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
        pictures.append(
            {
                "address": address,
                "alt": alt,
                "caption": file.stem.replace("_", " "),
                "file": f"./{quote(file.relative_to(reports_dir).as_posix())}",  # a name may look like another address
                "width": picture.width,
                "height": picture.height,
            }
        )
    return pictures


def _render(sections: list[Section], problems: list[str]) -> str:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    total = sum(1 + (len(section.others.rows) if section.others else 0) for section in sections)
    return (
        environment.from_string(PAGE)
        .render(sections=sections, problems=problems, total=total, version=__version__)
        .lstrip()
    )


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _number(value: object) -> str:
    """Three digits after the point, whole numbers with separators, very small and large ones in powers of ten.

    >>> [_number(v) for v in (0.12345, 1449, 86.0, 3.2e-05, 0.0, None)]
    ['0.123', '1,449', '86', '3.20e-05', '0.000', '']
    """
    if not _is_number(value):
        return ""
    # a column of whole numbers with an empty cell is read as floats
    if isinstance(value, int) or (value.is_integer() and abs(value) >= 1):
        return f"{int(value):,}"
    return f"{value:.2e}" if value and not 0.0005 <= abs(value) < 1e5 else f"{value:.3f}"


def _duration(seconds: object) -> str:
    """Seconds as a reader says them.

    >>> [_duration(s) for s in (42.4, 99.9, 7322, None)]
    ['42 s', '1 min 40 s', '2 h 2 min', '']
    """
    if not _is_number(seconds):
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _short(error: Exception) -> str:
    """First line of a message without any path of this machine."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines() or [type(error).__name__]
    return re.sub(r"(/[^\s:'\"]+)+", lambda match: Path(match[0]).name, lines[0])[:200]
