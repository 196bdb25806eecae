"""`depthnb check`: what is wrong with a data set."""

from __future__ import annotations

import argparse
import json

HELP = "what is wrong with an RGB-D folder"
DESCRIPTION = (
    "Looks at a few frames of each split: units, cameras, masks, values that stand for 'nothing there'. "
    "Exit status 1 if something cannot be right."
)
EXAMPLES = """examples:
  depthnb check my_frames/
  depthnb check nyu_depth_v2_labeled.mat --data nyu-v2
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("place", metavar="DIR", help="folder with index.csv, or the place of the data set that --data names")
    add("--data", default="folder", metavar="NAME", help="folder, nyu-v2, diode, kitti ... (default: folder)")
    add("--truth", metavar="NAME", help="which depth counts, where a data set stores several")
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from depthnb import data

    said, findings = data.examine(given.data, given.place, truth=given.truth)
    wrong = sum(finding.sure for finding in findings)
    if given.json:
        rows = [{"wrong": finding.sure, "said": finding.sentence} for finding in findings]
        print(json.dumps({"place": given.place, "data": given.data, "there": said, "findings": rows}))
        return 1 if wrong else 0
    print(f"{given.place}: {said}.")
    for finding in findings:
        print(f"{'wrong' if finding.sure else 'note '}  {finding.sentence}")
    print("Nothing was found that cannot be right." if not wrong else f"{wrong} found that cannot be right.")
    return 1 if wrong else 0
