"""`depthnb download`: fetch a data set."""

from __future__ import annotations

import argparse
import sys

from depthnb.cli.progress import Progress

HELP = "fetch a data set"
DESCRIPTION = (
    "Says page, size, terms and free space, asks, and fetches. What was stopped goes on where it was; a file gets its name "
    "when its kind is right, and its size and checksum where they are known; archives are unpacked beside themselves. Where a "
    "set cannot be fetched by a program, it says what to get by hand and where to put it."
)
EXAMPLES = """examples:
  depthnb download nyu-v2
  depthnb download diode --part val --root /data/diode
  depthnb download nyu-v2-h5 --part val --yes

DEPTHNB_DATA=/data is the folder that holds all data sets, each under its name. DEPTHNB_OFFLINE=1 fetches nothing.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("name", metavar="NAME", help="nyu-v2, diode ...; one that is not known is answered with all that are")
    add("--root", metavar="DIR", help="folder of this data set (default: NAME in the folder that DEPTHNB_DATA names)")
    add("--part", metavar="PART", action="append", default=[], help="only this part, such as val; may be repeated")
    add("--yes", action="store_true", help="do not ask")
    add("--keep-packed", action="store_true", help="leave archives as they are")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    import os
    from pathlib import Path

    from depthnb.data import download
    from depthnb.files.fetching import offline

    data = os.environ.get("DEPTHNB_DATA")
    download.plan(given.name, Path("."), given.part)  # a name that is none, or a set without files, is said first
    if not given.root and not data:
        raise ValueError(f"nothing says where {given.name} shall be: add --root DIR, or let DEPTHNB_DATA name a folder")
    root = Path(given.root or Path(data) / given.name).expanduser()
    plan = download.plan(given.name, root, given.part)
    for line in _lines(given.name, root, plan):
        print(line)
    left = [file for file in plan.files if file.name not in plan.there]
    if left and offline():
        print(f"DEPTHNB_OFFLINE is set, so nothing is fetched. Get these and put them into {root.absolute()}:")
        for file in left:
            print(f"  {file.url}")
        return 1
    if left and not given.yes and not _agreed():
        print("nothing was fetched; --yes answers for you", file=sys.stderr)
        return 1
    with Progress() as progress:

        def told(file: str, done: int, total: int | None) -> None:
            progress.show(done // 10**6, (total or 0) // 10**6, f"MB of {file}")

        paths = download.download(given.name, root, parts=given.part, unpack_archives=not given.keep_packed, told=told)
    print(f"{root}: {', '.join(path.name for path in paths)}: complete")
    return 0


def _lines(name: str, root, plan) -> list[str]:
    """What the user shall know before anything is fetched."""
    sizes = f"{plan.need / 1e9:.2f} GB to fetch" if plan.need else "nothing of known size to fetch"
    if plan.unknown:
        sizes += f"; size not known of {', '.join(plan.unknown)}"
    lines = [
        f"{name}: {plan.origin.page}",
        f"size:  {plan.origin.size}; {sizes}; {plan.free / 1e9:.1f} GB free",
        f"terms: {plan.origin.terms}",
        f"files: {plan.origin.layout}",
        f"place: {root.absolute()}",
    ]
    if plan.there:
        lines.append(f"there: {', '.join(plan.there)}")
    return lines


def _agreed() -> bool:
    """Whether a person says yes; nobody does where none sits at the keyboard."""
    if not sys.stdin.isatty():
        return False
    return input("fetch it? [y/N] ").strip().lower() in ("y", "yes")
