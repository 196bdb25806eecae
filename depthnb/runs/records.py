"""run.json: where runs live, and which of them are finished. Reading needs no torch."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from depthnb.runs.provenance import ROOT

RECORD, STARTED = "run.json", "started.json"


def reports_dir() -> Path:
    """Where runs live: the environment variable DEPTHNB_REPORTS, else `reports` beside the package."""
    return Path(os.environ.get("DEPTHNB_REPORTS") or ROOT / "reports").expanduser().resolve()


def finished(notebook: str | None = None, run: str = "*") -> list[dict[str, Any]]:
    """The content of every finished run.json, sorted by notebook and run, `folder` added.

    notebook: of this one alone; run: of the runs whose folder matches this pattern alone.

    Raises ValueError that names a run.json which cannot be read; an unfinished run does not exist.
    """
    found = []
    for file in sorted(reports_dir().glob(f"{notebook or '*'}/{run}/{RECORD}")):
        try:
            content = dict(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file} is damaged ({error}); delete this run folder and train again") from error
        if content.get("finished") is True:
            found.append({**content, "folder": file.parent})
    return found
