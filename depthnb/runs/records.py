"""run.json: where runs live, and which of them are finished. Reading needs no torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from depthnb.runs.provenance import ROOT

RECORD, STARTED = "run.json", "started.json"
UNFINISHED, OLD = ".unfinished", ".old"  # endings of folders beside a run's own; no name of a run holds a dot
_OBJECTS = ("metrics", "baselines", "params", "split_counts")


def reports_dir() -> Path:
    """Where runs live: the environment variable DEPTHNB_REPORTS, else `reports` beside the package."""
    return Path(os.environ.get("DEPTHNB_REPORTS") or ROOT / "reports").expanduser().resolve()


def finished(
    notebook: str | None = None,
    run: str = "*",
    *,
    reports: Path | None = None,
    problems: list[str] | None = None,
) -> list[dict[str, Any]]:
    """The content of every finished run.json, sorted by notebook and run. The one reader of them all.

    An unfinished run does not exist. A record that cannot be used is left out and named, so that one bad file never hides
    the rest.

    Args:
        notebook: of this one alone.
        run: of the runs whose folder matches this pattern alone.
        reports: where runs live, by default `reports_dir()`.
        problems: gets one sentence for each record that was left out; without it they are printed.

    Returns:
        One dict a run: what its run.json holds, and its `folder`.
    """
    records, damaged = [], []
    for file in sorted((reports or reports_dir()).glob(f"{notebook or '*'}/{run}/{RECORD}")):
        if "." in file.parent.name:  # on its way to become a run, or to go
            continue
        try:
            content = read(file)
        except (OSError, ValueError) as error:
            damaged.append(
                f"{file.parent.parent.name}/{file.parent.name}/{RECORD} is left out: {error}; delete this run folder and "
                "train again"
            )
            continue
        if content.get("finished") is True:
            records.append({**content, "folder": file.parent})
    if problems is None:
        for each in damaged:
            print(each)
    else:
        problems += damaged
    return records


def read(file: Path) -> dict[str, Any]:
    """One run.json, finished or not.

    Raises:
        OSError: if it cannot be read; the message holds no path.
        ValueError: if it is damaged, or of a version of depthnb that kept protocol and origin as sentences.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise OSError(f"it cannot be read ({error.strerror or type(error).__name__})") from error
    except ValueError as error:  # of JSON, and of bytes that are no text
        raise ValueError(f"it is damaged ({error})") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"it is damaged (it holds {type(content).__name__}, expected an object)")
    for key in _OBJECTS:
        if not isinstance(content.get(key, {}), Mapping):
            raise ValueError(f"it is damaged ({key} is {type(content[key]).__name__}, expected an object)")
    for key in ("protocol", "origin"):
        if not isinstance(content.get(key) or {}, Mapping):
            raise ValueError(f"its {key} is a sentence, as an older depthnb wrote it, expected an object")
    return dict(content)
