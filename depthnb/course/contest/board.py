"""The leaderboard: every submission that was scored is a line of a CSV, each team's best one a line of a page."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from depthnb import files
from depthnb.files.locks import Lock

MEASURES = ("abs_rel", "rmse", "log10", "silog", "delta1")
COLUMNS = ("name", "time", "file", *MEASURES)
_NAME = "leaderboard"


@dataclass(frozen=True)
class Place:
    """Where a team stands: its place from 1, how many there are, and how often it has tried."""

    rank: int
    teams: int
    tries: int


def add(
    folder: Path, name: str, digest: str, scores: Mapping[str, float], words: str, reports: Path | None = None
) -> Place:
    """Append a submission and write the page anew; processes take turns.

    Args:
        folder: of `leaderboard.csv` and `leaderboard.md`.
        name: of the team.
        digest: of the file, so that a submission can be recognised.
        scores: with all of `MEASURES`.
        words: below the table.
        reports: of the report that shall show the leaderboard.

    Raises:
        ValueError: for a leaderboard that is damaged.
        OSError: if it cannot be written.
    """
    lock = Lock(folder / f".{_NAME}.lock")
    lock.take(wait=lambda holder: print(f"waiting for {holder}", file=sys.stderr))
    try:
        table = _read(folder / f"{_NAME}.csv")
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        row = {"name": name, "time": now, "file": digest, **{key: round(scores[key], 6) for key in MEASURES}}
        added = pd.DataFrame([row], columns=list(COLUMNS))
        table = added if table.empty else pd.concat([table, added], ignore_index=True)
        files.write_text(folder / f"{_NAME}.csv", _csv(table))
        ranked = best(table)
        shown = _shown(ranked)
        files.write_text(folder / f"{_NAME}.md", _page(shown, words))
        if reports is not None:
            files.write_text(reports / "contest" / f"{_NAME}.csv", _csv(shown))
            files.write_text(reports / "contest" / "rule.txt", words + "\n")
    finally:
        lock.release()
    rank = ranked["name"].tolist().index(name)
    return Place(rank + 1, len(ranked), int(ranked["tries"].iloc[rank]))


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Each team's submission with the lowest abs_rel, the first among equals, best team first; `tries` counts all of them."""
    ranked = table.sort_values(["abs_rel", "time"], kind="stable").drop_duplicates("name")
    return ranked.assign(tries=ranked["name"].map(table["name"].value_counts())).reset_index(drop=True)


def _read(file: Path) -> pd.DataFrame:
    if not file.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    table = files.read_table(file, text=("name", "time", "file"))
    numbers = all(pd.api.types.is_numeric_dtype(table[key]) for key in MEASURES if key in table)
    if tuple(table.columns) != COLUMNS or not numbers:
        raise ValueError(f"{file} is no leaderboard of ours; expected the columns {','.join(COLUMNS)}; move it away")
    return table


def _csv(table: pd.DataFrame) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([table.columns, *table.itertuples(index=False)])
    return text.getvalue()


def _shown(ranked: pd.DataFrame) -> pd.DataFrame:
    """What everybody may see of each team, best first."""
    table = ranked[["name", *MEASURES, "time", "tries"]].rename(columns={"name": "team", "time": "submitted (UTC)"})
    table.insert(0, "place", range(1, len(table) + 1))
    return table


def _page(table: pd.DataFrame, words: str) -> str:
    lines: list[Sequence[str]] = [list(table.columns), ["---"] * len(table.columns)]
    for row in table.to_dict("records"):
        lines.append([f"{value:.4f}" if key in MEASURES else str(value) for key, value in row.items()])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"# Leaderboard\n\n{text}\n\n{words}\n"
