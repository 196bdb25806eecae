"""What the page says about one notebook: its run, its scores beside the baselines, its tables, claims and figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from depthnb import files, metrics, runs
from depthnb.evidence.verdicts import clearly_better
from depthnb.report.images import Picture
from depthnb.report.titles import title
from depthnb.report.words import BASELINES, Table, as_table, duration, is_number, number, short

CLAIMS = "claims.csv"
HEADLINE = ("abs_rel", "rmse", "log10", "delta1", "delta2", "ssim")  # enough for a phone; the table files hold the rest
FIRST = (
    "comparison",
    "same_images",
    "best_median_worst",
    "curves",
    "by_distance",
)  # figures shown first, then the others by name


@dataclass
class Section:
    """What the page says about one notebook."""

    name: str
    title: str
    run: dict[str, Any]
    facts: list[tuple[str, str]]
    scores: Table | None
    verdict: str
    claims: pd.DataFrame | None
    claims_title: str
    published: Table | None
    folded: list[Table]
    others: Table | None
    figures: list[Path]
    shown: list[Picture] = field(default_factory=list)

    @property
    def claims_table(self) -> Table | None:
        return None if self.claims is None else as_table(self.claims, self.claims_title)

    @property
    def record(self) -> str:
        """Address of run.json beside the page; a name may look like another address, so it begins with a dot."""
        folder = self.run["folder"]
        return f"./{quote(f'{folder.parent.name}/{folder.name}/{runs.RECORD}')}"


def section(name: str, found: list[dict[str, Any]], reports_dir: Path, problems: list[str]) -> Section:
    """What the page says about a notebook.

    Args:
        name: of the notebook.
        found: its finished runs, the one to show first.
        reports_dir: where runs lie.
        problems: gets a sentence for each table that cannot be read.
    """
    run, *others = found
    folder = run["folder"]
    # by stem: "comparison" before "comparison-rooms-median"
    files = {file.stem: file for file in _listed(folder, "tables/*.csv", problems) if file.name != CLAIMS}
    tables = {stem: _read_table(files[stem], reports_dir, problems) for stem in sorted(files)}
    tables = {stem: table for stem, table in tables.items() if table is not None}
    scores, verdict = _scores(run)
    claims, claims_title = _claims(found, reports_dir, problems)
    figures = {file.stem: file for file in _listed(folder, "figures/*.png", problems)}
    order = [*(stem for stem in FIRST if stem in figures), *sorted(stem for stem in figures if stem not in FIRST)]
    return Section(
        name=name,
        title=_title(name),
        run=run,
        facts=_facts(run),
        scores=scores,
        verdict=verdict,
        claims=claims,
        claims_title=claims_title,
        published=as_table(pd.DataFrame(run["published"]), "Published numbers")
        if _is_rows(run.get("published"))
        else None,
        folded=[as_table(table, title(stem)) for stem, table in tables.items()],
        others=_other_runs(others) if others else None,
        figures=[figures[stem] for stem in order],
    )


def _listed(folder: Path, pattern: str, problems: list[str]) -> list[Path]:
    """The files of a run that match; none, and a sentence among the problems, where the disk does not say."""
    try:
        return list(folder.glob(pattern))
    except OSError as error:
        problems.append(f"{folder.parent.name}/{folder.name}/{pattern.partition('/')[0]}: {short(error)}")
        return []


def _claims(found: list[dict[str, Any]], reports_dir: Path, problems: list[str]) -> tuple[pd.DataFrame | None, str]:
    """The claims that were judged last, and their heading; the run is named where it is not the one shown.

    They are judged by several runs, so a run in git keeps none, and an older table is out of date with the next run. Seeds and
    ablations are what is judged: their own tables were written before the others were there.
    """
    judges = [run for run in found if not re.search(r"^ablation-|-seed\d+$", run["folder"].name)]
    run, table = latest(judges, CLAIMS, reports_dir, problems)
    if table is None:
        return None, ""
    other = "" if run is found[0] else f" (run {run['folder'].name})"
    table = table.drop(columns="appendix", errors="ignore").dropna(axis="columns", how="all")
    return table, f"Claims of the document, checked{other}"


def latest(
    records: Iterable[dict[str, Any]], name: str, reports_dir: Path, problems: list[str]
) -> tuple[dict[str, Any], pd.DataFrame] | tuple[None, None]:
    """The run that wrote tables/`name` last, and this table; what cannot be read is named among the problems and left out."""
    tables = [(run, file) for run in records for file in _listed(run["folder"], f"tables/{name}", problems)]
    for run, file in sorted(tables, key=lambda pair: _written(pair[1]), reverse=True):
        table = _read_table(file, reports_dir, problems)
        if table is not None:
            return run, table
    return None, None


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


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
        "parameters": number(run["parameters"]) if isinstance(run.get("parameters"), int) else None,
        "seed": run.get("seed"),
        "device": run.get("device"),
        "time": duration(run.get("seconds")),
        "training": duration(run.get("training_seconds")),
        "commit": re.sub(r"^([0-9a-f]{10})[0-9a-f]+", r"\1", commit) if isinstance(commit, str) else None,
        "protocol": run.get("measured"),
    }
    return [(label, str(value)) for label, value in facts.items() if value not in (None, "")]


def _scores(run: Mapping[str, Any]) -> tuple[Table | None, str]:
    """The model beside the baselines on the test split, best value of each metric marked, and a verdict in words."""
    model = run.get("metrics", {}).get("test") or {}
    baselines = run.get("baselines", {}).get("test") or {}
    rows = {"this run": model, **baselines} if model else baselines
    names = [name for name in HEADLINE if any(is_number(row.get(name)) for row in rows.values())]
    if not names:
        return None, ""
    best = {}
    for name in names:
        values = [row[name] for row in rows.values() if is_number(row.get(name))]
        best[name] = min(values) if metrics.BETTER[name] == "lower" else max(values)
    cells = []
    for label, row in rows.items():
        line = [(BASELINES.get(label, label), "")]
        for name in names:
            value = row.get(name)
            line.append((number(value), "number best" if is_number(value) and value == best[name] else "number"))
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
    return is_number(value) and all(clearly_better(value, other, metric) for other in others if is_number(other))


def _other_runs(others: Iterable[Mapping[str, Any]]) -> Table:
    """One row a further run: what differs is its name; headline metrics, seed, device and time."""
    rows = [
        {
            "run": run["folder"].name,
            "data set": run.get("dataset"),
            "seed": run.get("seed"),
            "device": run.get("device"),
            "time": duration(run.get("seconds")),
            **{name: (run.get("metrics", {}).get("test") or {}).get(name) for name in HEADLINE[:4]},
        }
        for run in others
    ]
    return as_table(pd.DataFrame(rows), "Other finished runs")


def _read_table(file: Path, reports_dir: Path, problems: list[str]) -> pd.DataFrame | None:
    try:
        return files.read_table(file)
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        problems.append(f"{file.relative_to(reports_dir).as_posix()}: {short(error)}")
        return None


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
