"""Fetching from servers that cut, stall, lie and refuse: a whole file under its name, or one sentence and no file."""

import hashlib
import os
import select
import signal
import subprocess
import sys
import time

import pytest
from hostile_server import CONTENT, server  # noqa: F401, a fixture

from depthnb.files import fetching, kinds, transfer
from depthnb.files.fetching import fetch

SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.delenv("DEPTHNB_OFFLINE")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(transfer, "_CHUNK", 8192)


def named(folder):
    """Files that have their name; what is kept to go on is hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_good_file_gets_its_name_once(server, tmp_path):  # noqa: F811
    target, steps = tmp_path / "new" / "file.bin", []
    for _ in range(2):
        told = lambda done, total: steps.append((done, total))  # noqa: E731
        assert fetch(f"{server.url}/file.bin", target, checksum=SHA, size=len(CONTENT), told=told) == target
    assert target.read_bytes() == CONTENT and list(target.parent.iterdir()) == [target]
    assert server.requests == [("/file.bin", None)] and steps[-1] == (len(CONTENT), len(CONTENT)) and len(steps) > 5
    md5 = "md5:" + hashlib.md5(CONTENT).hexdigest().upper()
    assert fetch(f"{server.url}/file.bin", tmp_path / "again", checksum=md5).is_file()
    assert fetch(f"{server.url}/file.bin", tmp_path / "begin", checksum=SHA[:15]).is_file()  # first digits will do


@pytest.mark.parametrize(("mood", "etag"), [("cut", True), ("cut", False), ("stall", True), ("silent length", True)])
def test_a_server_that_breaks_off_is_asked_for_the_rest(server, tmp_path, mood, etag):  # noqa: F811
    server.mood, server.etag = mood, etag
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA, size=len(CONTENT), stall=2, tries=1)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT and named(tmp_path) == ["f.bin"] == os.listdir(tmp_path)
    asked = [int((each or "bytes=0-")[6:-1]) for _, each in server.requests]
    assert asked[0] == 0 < asked[1] and asked == sorted(set(asked)) and len(asked) >= 4  # each went on where one ended


def test_without_a_checksum_it_goes_on_only_where_the_file_is_still_the_same(server, tmp_path):  # noqa: F811
    server.mood = "cut"
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None, stall=2)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT and server.requests[1] == ("/file.bin", "bytes=30000-")
    server.requests.clear()
    server.etag = False
    with pytest.raises(fetching.Unreachable, match=r"broke off .*Get the file elsewhere and put it at .*g\.bin"):
        fetch(f"{server.url}/file.bin", tmp_path / "g.bin", checksum=None, stall=2)
    assert {asked for _, asked in server.requests} == {None} and named(tmp_path) == ["f.bin"]


def test_a_file_that_changes_meanwhile_is_begun_anew(server, tmp_path):  # noqa: F811
    server.mood, server.cut_at = "changed", 60_000
    with pytest.raises(ConnectionError, match="broke off"):
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None, stall=2, tries=1)
    server.mood = ""
    server.files["/file.bin"] = CONTENT[::-1]
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT[::-1]


def test_a_server_without_range_begins_anew(server, tmp_path):  # noqa: F811
    server.mood = "no range"
    with pytest.raises(ConnectionError, match="broke off"):
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA, stall=2)
    assert server.requests[-1] == ("/file.bin", "bytes=30000-")
    server.cut_at = len(CONTENT)
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(server, tmp_path):  # noqa: F811
    (tmp_path / ".f.bin.part").write_bytes(b"x" * 5000)
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT and os.listdir(tmp_path) == ["f.bin"]
    assert [asked for _, asked in server.requests] == ["bytes=5000-", None]
    for length in (len(CONTENT), len(CONTENT) + 5):  # whole, or longer than the file
        (tmp_path / ".g.bin.part").write_bytes((CONTENT + b"12345")[:length])
        fetch(f"{server.url}/file.bin", tmp_path / "g.bin", checksum=SHA, anew=True, stall=2)
        assert (tmp_path / "g.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("mood", "checksum", "size", "kind", "words"),
    [
        ("", "sha256:" + "0" * 64, None, ValueError, "expected 0000"),
        ("", None, 5, ValueError, "announces 102400 bytes, expected 5"),
        ("silent length", SHA, None, ValueError, "sha256"),
        ("drip", SHA, None, ConnectionError, r"silent for 0\.3 s"),
        ("long", SHA, None, ValueError, "sha256"),  # what follows the announced end is not read
        ("endless", None, None, ValueError, "more than the 200000 bytes"),
        ("endless", None, 100_000, ValueError, "more than the 100000 bytes"),
        ("page", None, None, ConnectionError, "web page instead of the file"),
        ("page as binary", None, None, ConnectionError, "web page instead of the file"),
        ("empty", None, None, ConnectionError, "empty answer"),
        ("404", SHA, None, ConnectionError, "answered 404"),
        ("500", SHA, None, ConnectionError, "answered 500"),
        ("wrong part", SHA, None, ConnectionError, "another part|broke off"),
        ("compressed", "sha256:" + "1" * 64, None, ValueError, "expected 1111"),
    ],
)
def test_a_bad_answer_never_gets_the_name(server, tmp_path, mood, checksum, size, kind, words):  # noqa: F811
    server.mood, started = mood, time.monotonic()
    with pytest.raises(kind, match=words) as error:
        # a busy machine lets an answer wait: the limit is short only where the server is silent
        limits = {
            "checksum": checksum,
            "size": size,
            "most": 200_000,
            "stall": 0.3 if mood == "drip" else 2,
            "tries": 2,
        }
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", **limits)
    assert named(tmp_path) == [] and "\n" not in str(error.value) and time.monotonic() - started < 10
    server.released.set()
    server.mood = ""  # and the next call succeeds, without anything to clean up
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT and os.listdir(tmp_path) == ["f.bin"]


def test_an_announced_size_beyond_the_bound_is_refused_unread(server, tmp_path):  # noqa: F811
    with pytest.raises(ValueError, match="announces 102400 bytes, expected at most 1000"):
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None, most=1000)
    assert os.listdir(tmp_path) == []


def test_a_file_marked_as_compressed_stays_as_it_is(server, tmp_path):  # noqa: F811
    server.mood = "compressed"
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_mirrors_are_asked_in_turn(server, tmp_path):  # noqa: F811
    urls = ["http://127.0.0.1:9/file.bin", f"{server.url}/missing", f"{server.url}/file.bin"]
    fetch(urls, tmp_path / "f.bin", checksum=SHA, stall=5, tries=1)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    with pytest.raises(ConnectionError, match=r"cannot be reached .*answered 404"):
        fetch(urls[:2], tmp_path / "g.bin", checksum=SHA, stall=5, tries=1)
    with pytest.raises(ValueError, match="begins with http"):
        fetch("file:///etc/passwd", tmp_path / "g.bin", checksum=None)


def test_the_checksum_that_a_hub_sends_along_counts(server, tmp_path):  # noqa: F811
    server.linked, server.mood, server.etag = True, "silent length", False
    with pytest.raises(ValueError, match=r"sha256 .* expected"):
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None, stall=2)
    server.mood = ""
    assert fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=None).is_file()


def test_offline_nobody_is_asked(server, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("DEPTHNB_OFFLINE", "1")
    with pytest.raises(
        ConnectionError, match=r"DEPTHNB_OFFLINE is set\. Get the file elsewhere and put it at .*f\.bin"
    ):
        fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    (tmp_path / "f.bin").write_bytes(CONTENT)
    assert fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA).is_file() and not server.requests


def test_a_file_brought_by_hand_is_checked(tmp_path):
    (tmp_path / "f").write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"f: 102399 bytes, expected 102400"):
        fetch("http://127.0.0.1:9/f", tmp_path / "f", checksum=SHA, size=len(CONTENT))
    with pytest.raises(ValueError, match="expected 'sha256:<hex>'"):
        kinds.check_file(tmp_path / "f", "abc", None)
    (tmp_path / "f.zip").write_text("<html>")
    with pytest.raises(ValueError, match="a web page, not the file"):
        fetch("http://127.0.0.1:9/f.zip", tmp_path / "f.zip", checksum=None)


def test_a_full_disk_or_a_folder_in_the_way(server, tmp_path, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        patch.setattr(transfer.shutil, "disk_usage", lambda _: type("usage", (), {"free": 2400}))
        with pytest.raises(OSError, match=r"102,400 bytes are needed, 100,000 more than are free.*free some space"):
            fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="a file is where a folder should be"):
        fetch(f"{server.url}/file.bin", tmp_path / "file" / "f.bin", checksum=SHA)


SCRIPT = """
import sys
from depthnb.files import fetching, transfer
transfer._CHUNK = 8192
fetching.fetch(sys.argv[1] + "/file.bin", sys.argv[2], checksum=sys.argv[3], stall=20)
"""


def test_killed_in_the_middle_it_goes_on(server, tmp_path):  # noqa: F811
    server.mood = "stall"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, server.url, str(tmp_path / "f.bin"), SHA])
    part = tmp_path / ".f.bin.part"
    while not part.is_file() or part.stat().st_size < 20_000:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    server.mood, there = "", part.stat().st_size
    fetch(f"{server.url}/file.bin", tmp_path / "f.bin", checksum=SHA)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT and os.listdir(tmp_path) == ["f.bin"]
    assert server.requests[-1] == ("/file.bin", f"bytes={there}-")


def test_an_answer_that_comes_too_late_touches_nothing(server, tmp_path):  # noqa: F811
    server.mood, server.etag = "late", False
    for number in range(3):
        server.requests.clear()
        file = tmp_path / f"{number}.bin"
        fetch(f"{server.url}/file.bin", file, checksum=None, stall=0.5, tries=10)
        assert file.read_bytes() == CONTENT and len(server.requests) >= 2


def test_two_processes_fetch_it_once(server, tmp_path):  # noqa: F811
    server.mood, server.cut_at = "stall", 30_000
    command = [sys.executable, "-c", SCRIPT, server.url, str(tmp_path / "f.bin"), SHA]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    while not server.requests:
        time.sleep(0.02)
    select.select([process.stdout for process in processes], [], [], 60)  # until the second one says that it waits
    server.mood = ""
    server.released.set()
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0] and (tmp_path / "f.bin").read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == [None, "bytes=30000-"]
    assert sum("fetches f.bin already: waiting" in each for each in said) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.zip", b"PK\x03\x04 cut", "not a whole .zip"),
        ("a.tar", b"name" + bytes(1000) + b"cut", "not a whole .tar"),
        ("a.parquet", b"PAR1 cut", "not a whole .parquet"),
        ("a.tar.gz", b"\x1f\x8b\x08 cut", "not a whole .gz"),
        ("a.mat", b"\x89HDF", "not a .mat file"),
        ("a.bin", b"", "empty"),
        ("a.bin", b"\xef\xbb\xbf \n<HTML>", "web page"),
    ],
)
def test_kinds_are_told_by_their_bytes(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in kinds.fault(tmp_path / name)


KILLED = """
import os, sys
from depthnb.files.fetching import fetch
from pathlib import Path
def end(event, args):
    if event == sys.argv[3] and str(args[0]).endswith(sys.argv[4]):
        os._exit(9)
sys.addaudithook(end)
fetch(sys.argv[1], Path(sys.argv[2]), checksum=None)
"""


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("os.rename", ".part.json.{pid}.part"),
        ("os.remove", ".part.json"),
        ("os.remove", ".since"),
        ("os.remove", ".lock"),
    ],
)
def test_one_that_is_killed_when_the_file_just_has_its_name_leaves_nothing_in_the_end(server, tmp_path, event, name):  # noqa: F811
    """Before the note is renamed, before it is removed, before the lock is."""
    url, target = f"{server.url}/file.bin", tmp_path / "f.bin"
    script = KILLED.replace("sys.argv[4]", f"{name!r}.format(pid=os.getpid())")
    done = subprocess.run([sys.executable, "-c", script, url, str(target), event], timeout=60)
    assert done.returncode == 9 and len(os.listdir(tmp_path)) > 1
    fetch(url, target, checksum=None)
    assert os.listdir(tmp_path) == ["f.bin"] and target.read_bytes() == CONTENT
