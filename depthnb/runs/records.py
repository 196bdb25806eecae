"""run.json: where runs live, and which of them are finished. Reading needs no torch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from depthnb.runs.provenance import ROOT

RECORD, STARTED = "run.json", "started.json"
UNFINISHED, OLD = ".unfinished", ".old"  # endings of folders beside a run's own; no name of a run holds a dot
_NUMBERS = ("seconds", "training_seconds", "parameters", "steps", "multiply_adds", "milliseconds")
_LARGEST = sys.float_info.max
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
    place = reports or reports_dir()
    try:
        there = sorted(place.glob(f"{notebook or '*'}/{run}/{RECORD}"))
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot look for runs in {place} ({error.strerror}); make its folders readable, or copy them elsewhere",
        ) from error
    for file in there:
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


def judged_on(record: Mapping) -> str:
    """The data set of a run's test frames, which rooms+more has from the first of the two.

    >>> judged_on({"dataset": "rooms+more"})
    'rooms'
    """
    return str(record.get("dataset")).partition("+")[0]


def read(file: Path) -> dict[str, Any]:
    """One run.json, finished or not.

    Raises:
        OSError: if it cannot be read; the message holds no path.
        ValueError: if it is damaged, or of a version of depthnb that kept protocol and origin as sentences.
    """
    try:
        text = file.read_text(encoding="utf-8")
        content = json.loads(text)
        if "\\ud" in text.lower():  # half a character, which no page can hold
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except OSError as error:
        raise OSError(f"it cannot be read ({error.strerror or type(error).__name__})") from error
    except (ValueError, RecursionError) as error:  # of JSON, of bytes that are no text, of brackets without an end
        raise ValueError(f"it is damaged ({error})") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"it is damaged (it holds {type(content).__name__}, expected an object)")
    for key in _OBJECTS:
        if not isinstance(content.get(key, {}), Mapping):
            raise ValueError(f"it is damaged ({key} is {type(content[key]).__name__}, expected an object)")
    for key in _NUMBERS:
        if not _is_number(content.get(key)):
            raise ValueError(f"it is damaged ({key} is {str(content[key])[:40]!r}, expected a number)")
    for key in ("metrics", "baselines", "nets"):
        wrong = next((value for value in _leaves(content.get(key) or {}) if not _is_number(value)), None)
        if wrong is not None:
            raise ValueError(f"it is damaged ({key} hold {str(wrong)[:40]!r}, expected numbers)")
    for key in ("protocol", "origin"):
        if not isinstance(content.get(key) or {}, Mapping):
            raise ValueError(f"its {key} is a sentence, as an older depthnb wrote it, expected an object")
    return dict(content)


def _leaves(tree: Any) -> Iterator[Any]:
    """What is not an object itself, of objects within objects."""
    if isinstance(tree, Mapping):
        for value in tree.values():
            yield from _leaves(value)
    else:
        yield tree


def _is_number(value: Any) -> bool:
    """Whether it is a number that fits a float, or null, as which NaN is written."""
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and not _LARGEST < abs(value)
    )
