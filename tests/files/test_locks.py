"""A lock is held by one process, names it, and ends with it, however it ends."""

import os
import subprocess
import sys
import threading
import time

import pytest

from depthnb.files import locks

HOLD = "import sys, pathlib, depthnb.files.locks as l; k = l.Lock(pathlib.Path(sys.argv[1])); k.take(); "
HOLD += "print('held', flush=True); "


@pytest.fixture
def file(tmp_path):
    return tmp_path / ".some.lock"


def holder(file, then="sys.stdin.read()"):
    command = [sys.executable, "-c", HOLD + then, str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_who_holds_it_is_named_and_a_killed_holder_holds_nothing(file):
    process, lock = holder(file), locks.Lock(file)
    try:
        with pytest.raises(locks.InUse, match=rf"^process {process.pid} on \S+ \(since \d{{4}}-\d\d-\d\d .*\)$"):
            lock.take()
        assert not lock.held
    finally:
        process.kill()
        process.communicate()
    lock.take()
    assert lock.held and file.exists()
    lock.release()
    assert not lock.held and list(file.parent.iterdir()) == []


def test_who_waits_is_told_for_whom_and_gets_it(file):
    process, told = holder(file, "__import__('time').sleep(3); k.release()"), []
    lock = locks.Lock(file)
    lock.take(wait=told.append)
    assert told[0].startswith(f"process {process.pid} on ") and lock.held
    lock.release()
    process.communicate()


def test_a_holder_on_another_machine_is_watched_before_it_counts_as_dead(file, monkeypatch, capsys):
    """A file that a machine left behind when it was switched off: nobody touches it any more."""
    process = holder(file)
    process.kill()
    process.communicate()
    left_over = file.read_text()
    host = next(line for line in left_over.splitlines() if line.startswith("host="))
    elsewhere = left_over.replace(host, "host=elsewhere").replace(f"duration={locks.LEASE}", "duration=1.0")
    monkeypatch.setattr(locks, "LEASE", 1.0)
    file.write_text(elsewhere)
    lock, started = locks.Lock(file), time.monotonic()
    lock.take()
    assert lock.held and 1 <= time.monotonic() - started < 15
    assert "waiting up to 1 s to see whether process" in capsys.readouterr().out
    lock.release()


def test_a_lock_that_somebody_deleted_is_no_longer_held(file):
    lock = locks.Lock(file)
    lock.take()
    os.unlink(file)
    assert not lock.held
    process = holder(file)
    lock.release()
    with pytest.raises(locks.InUse, match=rf"process {process.pid} on .* \(since "):
        lock.take()
    process.communicate("")
    lock.take()
    assert lock.held
    lock.release()


def test_a_file_in_which_its_maker_never_wrote_holds_nothing(file, monkeypatch):
    """Left by a process that was killed between making it and signing it."""
    monkeypatch.setattr(locks, "UNSIGNED", 1.0)
    for wait in (None, lambda holder: None):
        file.touch()
        lock, started = locks.Lock(file), time.monotonic()
        lock.take(wait=wait)
        assert lock.held and time.monotonic() - started >= 1
        lock.release()
        assert list(file.parent.iterdir()) == []


def test_a_file_that_is_signed_late_is_not_taken(file, monkeypatch):
    monkeypatch.setattr(locks, "UNSIGNED", 30.0)
    holding = locks.Lock(file)
    holding.take()
    signed = file.read_text()
    file.write_text("")
    late = threading.Timer(1.0, file.write_text, [signed])
    late.start()
    with pytest.raises(locks.InUse, match=f"^process {os.getpid()} on "):
        locks.Lock(file).take()
    late.join()
    assert holding.held
    holding.release()


def test_what_was_left_by_a_kill_while_the_lock_was_taken_over_is_removed_when_it_is_old(file):
    left = [file.with_name(f"{file.name}.break.{pid}.{'0a' * 16}") for pid in (17, 18)]
    others = [file.with_name("some.lock.break.17." + "0a" * 16), file.with_name(f"{file.name}.break.txt")]
    long_ago = time.time() - 2 * locks.LEASE
    for path in left + others:
        path.touch()
        if path != left[0]:
            os.utime(path, (long_ago, long_ago))
    lock = locks.Lock(file)
    lock.take()
    lock.release()
    assert sorted(file.parent.iterdir()) == sorted([left[0], *others])


def test_a_lock_that_a_killed_process_left_can_be_taken_away_and_no_other(file):
    lock = locks.Lock(file)
    assert not lock.take_left_over() and list(file.parent.iterdir()) == [], "there is none"
    process = holder(file)
    assert not lock.take_left_over() and not lock.held and process.poll() is None
    process.kill()
    process.communicate()
    assert file.exists() and lock.take_left_over() and lock.held
    lock.release()
    assert list(file.parent.iterdir()) == []
