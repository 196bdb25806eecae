"""`depthnb check`: what is wrong with a data set."""

from __future__ import annotations

import argparse
import json

from depthnb.cli.progress import Progress

HELP = "what is wrong with an RGB-D folder"
DESCRIPTION = (
    "Looks for what a training would not notice: wrong units, cameras, masks and splits, copies, neighbours of one video "
    "in two splits, files that cannot be read, values that stand for 'nothing there', inverse depth, ray lengths, and depth "
    "that is not registered to its image. Of the frames it reads a few of each split, with --all every one. Looked at whole "
    "are the index, the names and copies of files, and whether each picture file begins as a picture does; the pictures "
    "themselves are compared across splits (of a large set some). "
    "Exit status 1 if something cannot be right, 0 if not, 2 if the words make no sense."
)
EXAMPLES = """examples:
  depthnb check my_frames/
  depthnb check my_frames/ --all
  depthnb check my_frames/ --fix
  depthnb check my_frames/index.fixed.csv --all
  depthnb check nyu_depth_v2_labeled.mat --data nyu-v2

--fix never touches index.csv. Where the path of a folder is asked for, that of the corrected index does as well:
data.open("folder", "my_frames/index.fixed.csv"). Or rename it to index.csv once you have looked at it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add(
        "place",
        metavar="DIR",
        help="folder with index.csv or such a file, or the place of the data set that --data names",
    )
    add("--data", default="folder", metavar="NAME", help="folder, nyu-v2, diode, kitti ... (default: folder)")
    add("--truth", metavar="NAME", help="which depth counts, where a data set stores several")
    add("--all", action="store_true", help="read every frame, and not a few of each split")
    add(
        "--fix",
        action="store_true",
        help="read every frame, and write index.fixed.csv beside index.csv with what can be corrected for sure",
    )
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from pathlib import Path

    from depthnb import data
    from depthnb.data.inspection import mending, places

    if given.fix and given.data != "folder":
        raise ValueError(f"--fix corrects the index of an RGB-D folder, and {given.data} has none")
    with Progress() as progress:
        said, findings = data.examine(
            given.data,
            given.place,
            truth=given.truth,
            every=given.all or given.fix,
            told=lambda done, total: progress.show(done // 2, total // 2),  # every frame is read twice
        )
    wrong = sum(finding.sure for finding in findings)
    if given.json:
        file, changes, failed = None, [], None
        if given.fix:
            try:
                file, changes = mending.mend(given.place, findings)
            except (OSError, ValueError) as error:
                failed = str(error)
        rows = [
            {"wrong": finding.sure, "said": finding.sentence, "remedy": finding.remedy, "lines": finding.lines}
            for finding in findings
        ]
        facts = {"place": given.place, "data": given.data, "there": said, "findings": rows}
        if given.fix:
            facts |= {"fixed": file and str(file), "changes": changes, "error": failed}
        print(json.dumps(facts))
        return 1 if wrong or failed else 0
    name = Path(given.place).name if given.place.lower().endswith(".csv") else "index.csv"
    print(f"{given.place}: {said}.")
    for finding in findings:
        print(f"{'wrong' if finding.sure else 'note '}  {finding.found}")
        for line in filter(None, (finding.remedy, places(finding.lines, name))):
            print(f"       {line}")
    print("Nothing was found that cannot be right." if not wrong else f"{wrong} found that cannot be right.")
    if given.fix:
        _say_changes(*mending.mend(given.place, findings), findings)
    return 1 if wrong else 0


def _say_changes(file, changes: list[str], findings: list) -> None:
    """What --fix did, line by line, and what it leaves to a person."""
    for change in changes:
        print(f"fixed  {change}")
    if file is None:
        print("--fix: nothing here can be corrected for sure, so no file was written.")
        return
    left = sum(finding.sure and not finding.mends for finding in findings)
    rest = f" {left} of what is wrong is left to you." if left else ""
    print(f"{file}: written.{rest} Look at it with: depthnb check {file} --all")
    print(f'It opens as it is, data.open("folder", {str(file)!r}); or rename it to index.csv.')
