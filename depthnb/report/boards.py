"""Leaderboards: the methods of one data set, measured in one way, each with what other scenes or seeds would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd

from depthnb import evaluation, metrics
from depthnb.evidence import published
from depthnb.evidence.scenes import bootstrap
from depthnb.report import results, tables
from depthnb.report.results import Result
from depthnb.report.words import BASELINES, Table, as_table, count, duration, number

METRIC = "abs_rel"  # the boards are ordered by it
MEASURES = ("rmse", "delta1", "edge_f1_025")
HELP: Mapping[str, str] = {
    "abs_rel": "mean error as a share of the true distance",
    "rmse": "root of the mean squared error, metres: large errors count more",
    "delta1": "share of pixels less than 25 % off",
    "edge_f1_025": "agreement of edges in depth of 0.25 m, 0 to 1",
}
_COSTS = (
    ("weights", "", "numbers that were learnt"),
    ("training", "", "time of one training, on the machine that it ran on"),
)
IN_PRINT = 8  # published rows below a board


@dataclass(frozen=True)
class Cell:
    """A text of a board, and the number that it is sorted by (None: at the end)."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Row:
    """A line of a board.

    Attributes:
        bar, low, high: the error and its interval as per cent of the longest bar.
        runs: (seed, address of run.json) pairs.
    """

    name: str
    notebook: str
    ours: bool
    bar: float
    low: float | None
    high: float | None
    cells: tuple[Cell, ...]
    runs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Board:
    """One leaderboard.

    Attributes:
        measured, rule: sentences on how it was measured and what the intervals mean.
        printed: of others.
    """

    title: str
    measured: str
    rule: str
    columns: tuple[tuple[str, str, str], ...]  # heading, arrow, explanation
    rows: tuple[Row, ...]
    printed: Table | None
    results: tuple[Result, ...]

    @property
    def ours(self) -> list[Row]:
        return [row for row in self.rows if row.ours]


def boards(records: Sequence[Mapping], problems: list[str]) -> list[Board]:
    """The leaderboards of finished runs: of each data set one in metres, and one where all are aligned with the truth.

    Args:
        records: run.json of finished runs. Nets judged on data that they were not trained on are no rows: see `elsewhere`.
        problems: gets a sentence for each run that cannot be read.
    """
    own = [record for record in records if not record.get("asked")]
    names = dict.fromkeys(str(record.get("dataset")) for record in own)
    found = []
    for dataset in sorted(names, key=lambda name: (name not in ("rooms", "streets"), name)):
        chosen = results.select(results.read_all(own, dataset, problems))
        aligned, others = results.as_aligned(chosen)
        parts = [part for part in results.comparable(chosen).values() if _metric(part)]
        found += [_board(f"{dataset}: metres", part) for part in parts]
        if aligned:
            left = f" Runs that do not say it: {', '.join(others)}." if others else ""
            found.append(_board(f"{dataset}: shape alone", aligned, left))
    return [board for board in found if board.rows]


def _metric(part: Sequence[Result]) -> bool:
    return part[0].protocol.alignment != evaluation.ALIGNED


def _board(title: str, part: Sequence[Result], note: str = "") -> Board:
    frame = tables.table(part, by=METRIC)
    scores = [name for name in MEASURES if frame[name].notna().any()]
    intervals, rule = _intervals(part, frame)
    longest = float(np.nanmax([frame[METRIC].max(), *(high for _, high in intervals.values())])) or 1.0
    groups = results.groups(part)
    rows = tuple(
        _row(line, scores, intervals.get(line["method"]), longest, groups.get(line["method"], []))
        for line in frame.to_dict("records")
    )
    arrows = {"lower": "↓", "higher": "↑"}
    heads = [(name, arrows[metrics.BETTER[name]], HELP[name]) for name in (METRIC, *scores)]
    method = ("method", "", "how it is called here; its section is behind the link")
    seeds = ("runs", "", "one for each seed: the file that holds these numbers")
    printed = published.like(part[0].dataset, part[0].protocol) if _metric(part) else pd.DataFrame()
    return Board(
        title,
        results.measured(part),
        rule + note,
        (method, *heads, *_COSTS, seeds),
        rows,
        _printed(printed),
        tuple(part),
    )


def _intervals(part: Sequence[Result], frame: pd.DataFrame) -> tuple[dict[str, tuple[float, float]], str]:
    """Low and high end for each method, and what they mean."""
    if _metric(part):
        images = tables.images(part)
        found = {
            name: bootstrap(each[METRIC].dropna(), each.loc[each[METRIC].notna(), "scene"])
            for name, each in images.items()
            if each["scene"].nunique() > 1  # one scene says nothing of others
        }
        return found, "Bars end at the mean; lines show its 95 % interval over these scenes."
    spread = frame[frame[f"{METRIC}_std"].notna() & (frame["kind"] == "ours")]
    found = {
        line["method"]: (line[METRIC] - line[f"{METRIC}_std"], line[METRIC] + line[f"{METRIC}_std"])
        for line in spread.to_dict("records")
    }
    return found, "Bars end at the mean; lines show one standard deviation over the seeds."


def _row(
    line: Mapping, scores: Sequence[str], interval: tuple[float, float] | None, longest: float, part: Sequence[Result]
) -> Row:
    ours = line["kind"] == "ours"
    low, high = interval or (None, None)
    ends = f" [{low:.3f}, {high:.3f}]" if interval else ""
    cells = [Cell(f"{line[METRIC]:.3f}{ends}", line[METRIC])]
    cells += [Cell(number(line[name]), _known(line[name])) for name in scores]
    if ours:
        cells += [
            Cell(count(line["parameters"]), _known(line["parameters"])),
            Cell(duration(line["seconds"]), _known(line["seconds"])),
        ]
    else:
        cells += [Cell("")] * len(_COSTS)
    addresses = sorted((str(one.seed), f"./{quote(f'{one.label}/run.json')}") for one in part)
    name = line["method"] if ours else BASELINES.get(line["method"], line["method"])
    share = [None if value is None else 100 * value / longest for value in (line[METRIC], low, high)]
    return Row(name, line["notebook"], ours, *share, tuple(cells), tuple(addresses))


def _known(value: float) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _printed(frame: pd.DataFrame) -> Table | None:
    """The published rows with the least error, for people."""
    if not len(frame) or METRIC not in frame:
        return None
    best = frame[frame[METRIC].notna()].sort_values(METRIC, kind="stable").head(IN_PRINT)
    names = [name for name in (METRIC, "rmse", "delta1") if name in best]
    return as_table(best[["method", "dataset", "protocol", *names, "source"]], "In print")
