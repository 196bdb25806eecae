"""`python -m depthnb.report`: the page of all finished runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from depthnb import runs
from depthnb.report import build


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the page of a folder of runs with these words (default: those of the process); returns the exit status."""
    parser = argparse.ArgumentParser("python -m depthnb.report", description="make report.html of all finished runs")
    parser.add_argument(
        "folder", nargs="?", metavar="DIR", help="of the runs (default: DEPTHNB_REPORTS, or reports/ of the clone)"
    )
    try:
        print(build(parser.parse_args(arguments).folder or runs.reports_dir()))
    except OSError as error:
        print(f"depthnb.report: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
