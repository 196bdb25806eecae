"""Rooms that nobody has seen, rendered with a secret seed and hidden as a contest; what was stopped goes on."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from depthnb import files
from depthnb.course.contest.hiding import hide
from depthnb.files.locks import InUse, Lock
from depthnb.runs import ROOT

DIGITS = 12  # of a seed, at least
_PLAN = "rooms.json"  # seed and numbers: beside the key when it is done, beside the scenes until then
_SCRIPTS = ROOT / "data" / "render"


def check_seed(seed: str) -> int:
    """The number of a seed that is long enough to be a secret.

    Raises:
        ValueError: for anything else, with the reason.

    >>> check_seed("482915570316")
    482915570316
    """
    how = 'take one that chance has drawn: python3 -c "import secrets; print(secrets.randbelow(9 * 10**15) + 10**15)"'
    if not seed:
        raise ValueError(f"SEED is missing: the rooms follow from it, and whoever knows it can make their depth; {how}")
    if not (seed.isascii() and seed.isdigit()):
        raise ValueError(f"the seed is {seed[:40]!r}; expected {DIGITS} or more digits; {how}")
    if len(seed.lstrip("0")) < DIGITS or len(set(seed)) < 4:
        raise ValueError(
            f"the seed {seed[:40]} can be guessed: the renderer is public, so short and plain numbers can be tried until a "
            f"room looks like yours; expected {DIGITS} or more digits, without a pattern; {how}"
        )
    if len(seed) > 60:
        raise ValueError(f"the seed has {len(seed)} digits; expected at most 60")
    return int(seed)


def hidden_rooms(
    out: str | Path, *, seed: str, scenes: int = 30, views: int = 2, jobs: int = 1, renderer: str | Path = "python3.11"
) -> tuple[Path, Path]:
    """Render rooms and hide them. A call that was stopped goes on with its finished rooms, and one that is done does nothing.

    Args:
        out: of the contest, see `hide`. Until it is there, the work lies beside it, in `.NAME.rooms`.
        seed: digits, secret, see `check_seed`.
        scenes: rooms.
        views: pictures of each, 1 to 6.
        jobs: processes that render.
        renderer: a Python that has bpy.

    Returns:
        The folder to hand out, and the key.

    Raises:
        ValueError: for a seed or a number that will not do.
        FileExistsError: if `out` or the work beside it is of another seed or of other numbers.
        FileNotFoundError: without the renderer, or outside of a clone.
        RuntimeError: if another process works on it, or rendering fails.
        OSError: if something cannot be written.
    """
    out = Path(out).expanduser().absolute()
    plan = {"seed": check_seed(seed), "scenes": scenes, "views": views}
    if not 1 <= scenes <= 9000 or not 1 <= views <= 6 or jobs < 1:
        raise ValueError(
            f"{scenes} scenes of {views} views by {jobs} processes; expected 1 to 9000 scenes, 1 to 6 views and 1 process"
        )
    if _is_done(out, plan):
        return out / "handout", out / "key"
    work = out.with_name(f".{out.name}.rooms")
    work.mkdir(parents=True, exist_ok=True)
    work.chmod(0o700)
    with _alone(work):
        _begin(work, plan)
        _render(work / "scenes", plan, jobs, renderer)
        _run([renderer, _SCRIPTS / "pack.py", "rooms-more", "--work", work / "scenes", "--out", work / "rooms"])
        handout, key = hide(work / "rooms", out, protocol="rooms", beside={_PLAN: json.dumps(plan)})
    shutil.rmtree(work)
    return handout, key


def _is_done(out: Path, plan: dict) -> bool:
    """Whether the contest of this plan is there; raises FileExistsError for another."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    found = _read(out / "key" / _PLAN)
    if found == plan:
        return True
    if found is None:
        raise FileExistsError(
            f"{out} is there and was not made by this command; choose another folder (--out; of make, CONTEST=)"
        )
    raise FileExistsError(
        f"{out} is there, with {_difference(found, plan)}; choose another folder (--out; of make, CONTEST=)"
    )


def _begin(work: Path, plan: dict) -> None:
    """Write down the plan of the work, or find it there."""
    found = _read(work / _PLAN)
    if found is None and (work / "scenes").exists():
        raise FileExistsError(f"{work} holds rooms of a seed that is not written there any more; delete that folder")
    if found is not None and found != plan:
        raise FileExistsError(
            f"{work} was begun with {_difference(found, plan)}; give what it was begun with, or delete that folder"
        )
    files.write_text(work / _PLAN, json.dumps(plan))
    (work / _PLAN).chmod(0o600)


def _difference(found: dict, plan: dict) -> str:
    """What another plan says; the seed itself is not printed."""
    if found.get("seed") != plan["seed"]:
        return "another seed"
    return f"{found.get('scenes')} scenes and {found.get('views')} views, not {plan['scenes']} and {plan['views']}"


def _read(file: Path) -> dict | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@contextlib.contextmanager
def _alone(work: Path) -> Iterator[None]:
    lock = Lock(work.with_name(f"{work.name}.lock"))
    try:
        lock.take()
    except InUse as holder:
        raise RuntimeError(f"{holder} renders into {work}; wait until it is done, or take another folder") from None
    try:
        yield
    finally:
        lock.release()


def _render(folder: Path, plan: dict, jobs: int, renderer: str | Path) -> None:
    """Render what is not there; each process takes every n-th room."""
    folder.mkdir(exist_ok=True)
    words = [_SCRIPTS / "render.py", "rooms-more", "--seed", plan["seed"], "--scenes", f"0-{plan['scenes'] - 1}"]
    words += ["--views", plan["views"], "--out", folder]
    workers, logs = [], [folder.with_name(f"worker-{number}.log") for number in range(jobs)]
    try:
        for number, log in enumerate(logs):
            with open(log, "wb") as stream:
                workers.append(_started([renderer, *words, "--worker", f"{number}/{jobs}"], stream))
        for number, status in enumerate(_ended(workers, folder, plan["scenes"])):
            if status:  # None: it still works, and is ended below
                raise RuntimeError(f"the renderer ended with status {status}: {_last(logs[number].read_bytes())}")
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


def _ended(workers: Sequence[subprocess.Popen], folder: Path, scenes: int) -> list[int | None]:
    """Print how many rooms are there until all processes have ended, or one has failed; returns their exit statuses."""
    seen = None
    while True:
        statuses = [worker.poll() for worker in workers]
        if (there := len(list(folder.glob("[!.]*/scene.json")))) != seen:
            seen = there
            print(f"{seen} of {scenes} rooms", flush=True)
        if None not in statuses or any(statuses):
            return statuses
        time.sleep(0.5)


def _run(words: Sequence) -> None:
    with subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"{Path(str(words[1])).name} ended with status {process.returncode}: {_last(said)}")


def _started(words: Sequence, stream) -> subprocess.Popen:
    if not _SCRIPTS.is_dir():
        raise FileNotFoundError(f"{_SCRIPTS} is not there; rooms are rendered in a clone of the repository alone")
    try:
        return subprocess.Popen([*map(str, words)], stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    except (FileNotFoundError, PermissionError):
        raise FileNotFoundError(
            f"{words[0]} is no program; give --renderer a Python 3.11 that has bpy, numpy and pillow, or use make contest"
        ) from None


def _last(said: bytes) -> str:
    """The last line of an output that says something."""
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "without a word"
