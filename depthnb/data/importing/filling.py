"""Filling a target with frames: several are read ahead, each is written in its turn."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from depthnb.data.importing import fitting
from depthnb.data.importing.frames import Frame
from depthnb.data.importing.writing import Target
from depthnb.data.words import plural

_HOPELESS = 20  # frames; if the first so many cannot be read, the others will not be tried
_AHEAD = 4  # frames for each thread


def fill(target: Target, frames: dict[str, Frame], watch: Callable[[int, int], None]) -> dict[str, str]:
    """Write the frames that are not there yet.

    Args:
        target: that is open.
        frames: by id.
        watch: called after each with how many are done, and how many there are.

    Returns:
        Id of a frame that cannot be read -> why.

    Raises:
        ValueError: if none can be read, or not one of the first 20.
        ImportError, OSError: if a package is missing, or the disk cannot take a file.
    """
    left_out: dict[str, str] = {}
    target.rows = {name: row for name, row in target.rows.items() if name in frames}
    wanted = {name: frame for name, frame in frames.items() if name not in target.rows}
    before = len(target.rows)
    for done, (name, reading) in enumerate(_read_ahead(wanted), 1):
        try:
            whole = reading.result()
        except ImportError:
            raise
        except (OSError, ValueError) as error:
            left_out[name] = " ".join(str(error).split())
            if not target.rows and len(left_out) == min(_HOPELESS, len(frames)):
                more = f"; so it is with the first {len(left_out)} of {plural(len(frames), 'frame')}"
                raise ValueError(left_out[next(iter(left_out))] + (more if len(left_out) > 1 else "")) from None
        else:
            target.add(name, frames[name], whole)
        watch(before + done, len(frames))
    return left_out


def _read_ahead(frames: dict[str, Frame]) -> Iterator[tuple[str, Future]]:
    """Ids and frames in their order; decoding lets other threads work."""
    threads = min(4, os.cpu_count() or 1)
    under_way: deque[tuple[str, Future]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for name, frame in frames.items():
                under_way.append((name, pool.submit(fitting.read, frame)))
                if len(under_way) > threads * _AHEAD:
                    yield under_way.popleft()
            while under_way:
                yield under_way.popleft()
        finally:
            pool.shutdown(cancel_futures=True)


def notes(target: Target, frames: list[Frame], every: int) -> list[str]:
    """Sentences on what was done to the files."""
    counts, said = target.counts, []
    if every > 1:
        said.append(f"Of each scene one frame of {every} was taken.")
    if not any(frame.split for frame in frames):
        said.append("index.csv says no split: whoever opens it draws test and validation by scene, by a fixed hash.")
    kinds = [
        ("copied", "copied"),
        ("hard link", "hard-linked"),
        ("symbolic link", "linked symbolically"),
        ("written", "written anew"),
    ]
    done = [f"{counts[kind]} {word}" for kind, word in kinds if counts[kind]]
    said.append(f"Files: {', '.join(done)}.")
    if counts["smaller image"]:
        said.append(
            f"{plural(counts['smaller image'], 'picture')} reduced to the size of the depth map, which stays as it is; "
            "both are taken to show one field of view."
        )
    if counts["smaller depth"]:
        said.append(
            f"{plural(counts['smaller depth'], 'depth map')} reduced to the size of the picture: one measured pixel "
            "for each, none mixed."
        )
    if counts["lost camera"]:
        said.append(
            f"The camera of {plural(counts['lost camera'], 'frame')} belongs to a picture of another shape and was left out."
        )
    if counts["unmeasured"]:
        said.append(f"{plural(counts['unmeasured'], 'frame')} without any valid depth.")
    if counts["hard link"] or counts["symbolic link"]:
        said.append("A linked file is the original itself: whoever changes one changes both.")
    if target.begun:
        said.append(f"{plural(target.begun, 'frame')} had been imported by an earlier run.")
    return said
