"""The command `depthnb`: reads the words, calls a public function, prints what came out. A file a subcommand.

Nothing heavy is imported before a subcommand runs, so that `depthnb --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from depthnb import __version__
from depthnb.cli import check, download, evaluate, export, import_, predict, run, sweep
from depthnb.cli.words import one_line, refuse_endless

_COMMANDS = {
    "predict": predict,
    "import": import_,
    "check": check,
    "download": download,
    "evaluate": evaluate,
    "export": export,
    "run": run,
    "sweep": sweep,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these words (default: those of the process).

    Returns:
        Its exit status. 0: done. 1: something could not be done, each with one line on standard error. 2: the words make no
        sense.
    """
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    try:
        refuse_endless(words)
    except ValueError as error:
        print(f"depthnb: {one_line(error)}", file=sys.stderr)
        return 2
    try:
        given = parser.parse_args(words)
    except SystemExit as stopped:
        if stopped.code == 2 and any(len(word) > 2 and word[0] == "-" != word[1] for word in words):
            print(
                "depthnb: a file that begins with a dash is written ./-name, a value --option=-value", file=sys.stderr
            )
        raise
    if given.run is None:
        parser.print_help()
        return 2
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what a console cannot show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is there: threads that wait let others work
    try:
        return given.run(given)
    except KeyboardInterrupt:
        print("stopped; every file that was begun is whole or not there", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of a pipe has gone
        sys.stderr.close()
        return 1
    except MemoryError:
        print("depthnb: the memory is full; take smaller pictures, or fewer at a time", file=sys.stderr)
        return 1
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"depthnb: {one_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depthnb", description="Monocular depth: one image in, a depth for every pixel out."
    )
    parser.add_argument("--version", action="version", version=f"depthnb {__version__}")
    parser.set_defaults(run=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, module in _COMMANDS.items():
        made = subparsers.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(made)
        made.set_defaults(run=module.run)
    return parser
