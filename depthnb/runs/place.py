"""Where a run lies: beside its last result until it is finished, and never half of it in that result's place.

`<run>/` holds finished runs alone. A run at work lies in `<run>.unfinished/`; `finish` lets it take its place. One process
works there at a time.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from depthnb.files import locks
from depthnb.runs.provenance import TRAINED_BY
from depthnb.runs.records import OLD, RECORD, STARTED, UNFINISHED, read

_HELD: dict[Path, locks.Lock] = {}  # of this process, by the place it guards
_PATIENCE = 100  # tenths of a second in which who holds a place has said for which run


def unfinished(place: Path) -> Path:
    """The folder of a run at work."""
    return place.with_name(place.name + UNFINISHED)


def choose(place: Path, key: str, *, lock: bool) -> Path:
    """The place of the run with this hash: `place`, or with the hash behind its name where another run has it.

    Args:
        place: `reports/<notebook>/<run>`.
        key: the hash of the run.
        lock: whether this process is the one that writes; it then holds the place until `release`.

    Raises:
        RuntimeError: if another process works there, naming it.
    """
    for each in (place, place.with_name(f"{place.name}-{key}")):
        if not _hashes(each) <= {key}:
            continue
        if not lock:
            return each
        try:
            _hold(each)
        except locks.InUse as error:
            if not _announced(each) <= {key}:  # somebody else's, as we know only now
                continue
            raise RuntimeError(
                f"the run {each.parent.name}/{each.name} is in use: {error} works there already. Let it end or stop it (a "
                "kernel of JupyterLab counts until it is shut down), or give this run another name by the parameter `run`"
            ) from None
        if _hashes(each) <= {key}:
            return each
        release(each)
    raise AssertionError("a folder that is named by its hash holds another")


def _hashes(place: Path) -> set[str]:
    """What a place belongs to: the hashes of the finished run and of the one at work, as far as they can be read."""
    stored = set()
    for file in (place / RECORD, unfinished(place) / "weights" / STARTED):
        try:
            stored.add(str(json.loads(file.read_text(encoding="utf-8"))["hash"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return stored


def _announced(place: Path) -> set[str]:
    """`_hashes` of a place that another process holds, which may have begun so recently that it has not yet said for what."""
    for _ in range(_PATIENCE):
        if (hashes := _hashes(place)) or not place.with_name(f".{place.name}.lock").exists():
            return hashes
        time.sleep(0.1)
    return _hashes(place)


def _hold(place: Path) -> None:
    lock = _HELD.get(place)
    if lock is not None and lock.held:
        return  # started before in this process, as when a cell is run again
    release(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = locks.Lock(place.with_name(f".{place.name}.lock"))
    lock.take()
    _HELD[place] = lock


def release(place: Path) -> None:
    """Let other processes work there."""
    lock = _HELD.pop(place, None)
    if lock is not None:
        lock.release()


def lost(place: Path) -> bool:
    """Whether another process may have taken the place over: this one slept for too long, or somebody deleted the lock."""
    lock = _HELD.get(place)
    return lock is not None and not lock.held


@atexit.register
def _release_all() -> None:
    for place in list(_HELD):
        release(place)


def prepare(place: Path, facts: Mapping[str, object]) -> str:
    """Make the folder of a run at work ready, and say what was there: "new", "resumed" or "made anew".

    Args:
        place: as `choose` gives it, held.
        facts: hash, versions, code and more, kept in started.json; what a checkpoint is continued with must be as then.

    Raises:
        ValueError: if the checkpoints there were made by other versions or other code.
    """
    _mend(place)
    folder = unfinished(place)
    for left_over in folder.rglob("*.part"):  # of killed processes: the place is ours
        left_over.unlink()
    resumed = (folder / "weights" / STARTED).exists()
    if resumed and any((folder / "weights").glob("*.ckpt")):
        _refuse_other_code(folder, facts)
    (folder / "weights").mkdir(parents=True, exist_ok=True)
    if resumed:
        return "unfinished before, resumed"
    if (place / RECORD).exists():
        return "finished before; made anew, and the old result stays until then"
    return "new"


def _refuse_other_code(folder: Path, facts: Mapping) -> None:
    try:
        before = dict(json.loads((folder / "weights" / STARTED).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        before = {}
    then, now = before.get("versions", {}), facts["versions"]
    changed = [
        f"{name} {then.get(name)}, now {now.get(name)}" for name in TRAINED_BY if then.get(name) != now.get(name)
    ]
    if before.get("code") != facts["code"]:
        changed.append("other code of depthnb")
    if changed:
        raise ValueError(
            f"the unfinished run in {folder} was begun with {'; '.join(changed)}: going on would mix the two. Bring back what "
            "it was begun with, or delete that folder to train from the start"
        )


def swap(folder: Path, place: Path) -> None:
    """Let the finished run in `folder` take its place; what was there is deleted when the new one stands."""
    old = place.with_name(place.name + OLD)
    if old.exists():
        shutil.rmtree(old)
    if place.exists():
        os.replace(place, old)
    os.replace(folder, place)
    shutil.rmtree(old, ignore_errors=True)


def _mend(place: Path) -> None:
    """Finish what a process that was killed within `swap` had begun."""
    folder, old = unfinished(place), place.with_name(place.name + OLD)
    if _is_finished(folder):
        swap(folder, place)
    elif old.exists() and not place.exists():
        os.replace(old, place)
    elif old.exists():
        shutil.rmtree(old)


def _is_finished(folder: Path) -> bool:
    try:
        return read(folder / RECORD).get("finished") is True
    except (OSError, ValueError):
        return False
