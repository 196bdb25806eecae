"""The hub's cache and downloads into it: whole files of one commit, or one sentence, and the next call goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hostile_server import listed, serve_repository, server  # noqa: F401, a fixture

from depthnb.files import transfer
from depthnb.weights import hub

pytest.importorskip("huggingface_hub")
from huggingface_hub import constants

NAME, COMMIT = "somebody/tiny-depth", "c" * 40
FILES = {
    "config.json": b'{"model_type": "dpt"}',
    "preprocessor_config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 400,
    "README.md": b"# tiny",
}
LIST = f"/api/models/{NAME}?blobs=true"
TIMEOUT = 0.4


@pytest.fixture
def tiny(server, tmp_path, monkeypatch):  # noqa: F811
    """A hub with one repository, and an empty cache."""
    monkeypatch.delenv("DEPTHNB_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(transfer, "_CHUNK", 8192)
    server.files = {}
    assert serve_repository(server, NAME, COMMIT, FILES) == LIST
    return server


def whole(folder):
    """Whether everything that a network needs is there, under names of the hub's own cache."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    names = [name for name in FILES if name != "README.md"]
    assert sorted(each.name for each in folder.iterdir()) == sorted(names)
    assert all((folder / name).read_bytes() == FILES[name] for name in names)
    assert not [each for each in (folder.parents[1] / "blobs").iterdir() if each.name.startswith(".")]
    assert try_to_load_from_cache(NAME, "config.json", cache_dir=constants.HF_HUB_CACHE) == str(folder / "config.json")
    return (
        hub.cached(NAME)
        == folder
        == type(folder)(snapshot_download(NAME, local_files_only=True, cache_dir=constants.HF_HUB_CACHE))
    )


def test_what_is_there_is_not_fetched_again(tiny):
    assert hub.cached(NAME) is None
    assert whole(hub.download(NAME, timeout=5))
    assert not [path for path, _ in tiny.requests if path.endswith("README.md")]
    tiny.requests.clear()
    assert whole(hub.download(NAME, timeout=5)) and [path for path, _ in tiny.requests] == [LIST]


@pytest.mark.parametrize("mood", ["cut", "stall", "silent length"])
def test_a_download_that_breaks_off_goes_on(tiny, mood):
    tiny.mood, tiny.only = mood, "safetensors"
    assert whole(hub.download(NAME, timeout=2))
    assert [each for path, each in tiny.requests if each], "it was asked for the rest"


@pytest.mark.parametrize(
    ("mood", "only", "words", "silent"),
    [
        ("mute", "/api/", r"was silent for 0\.4 s", True),
        ("mute", "safetensors", r"was silent for 0\.4 s", True),
        ("drip", "safetensors", r"was silent for 0\.4 s", True),
        ("404", "/api/", "answered 404", False),
        ("401", "/api/", "answered 401", False),
        ("403", "safetensors", "answered 403", False),
        ("404", "config.json", "answered 404", False),
        ("500", "safetensors", "answered 500", True),
        ("page", "/api/", "web page instead of the file", False),
        ("page as binary", "safetensors", "announces 35 bytes, expected 102400", False),
        ("page as binary", "config.json", "announces 35 bytes, expected", False),
        ("empty", "safetensors", "announces 0 bytes, expected 102400", False),
        ("reversed", "safetensors", "expected .* it is damaged or another file", False),
        ("reversed", "config.json", "expected .* it is damaged or another file", False),
        ("endless", "safetensors", "more than the 102400 bytes", False),
        ("endless", "/api/", "more than the 10000000 bytes", False),
        ("loop", "/api/", r"cannot be reached \(TooManyRedirects\)", True),
        ("loop", "safetensors", r"cannot be reached \(TooManyRedirects\)", True),
    ],
)  # fmt: skip
def test_a_bad_answer_is_one_sentence_and_the_next_call_succeeds(tiny, tmp_path, mood, only, words, silent):
    tiny.mood, tiny.only, began = mood, only, time.monotonic()
    with pytest.raises(ConnectionError, match=words) as error:
        # a busy machine lets an answer wait: the limit is short only where the server is silent
        hub.download(NAME, timeout=TIMEOUT if mood in ("mute", "drip") else 10 if mood == "loop" else 3)
    assert isinstance(error.value, hub.Unreachable) == silent and time.monotonic() - began < 15
    said = str(error.value)
    assert "\n" not in said and str(tmp_path) not in said and len(said) < 400
    assert hub.cached(NAME) is None
    tiny.mood = ""
    tiny.released.set()
    assert whole(hub.download(NAME, timeout=5))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"[]", "gave no list of the files"),
        (b"{}", "gave no list of the files"),
        (b"[" * 100_000, "gave no list of the files"),
        (json.dumps({"sha": COMMIT, "siblings": []}), "holds no model"),
        (json.dumps({"sha": "../../..", "siblings": []}), "gave no list of the files"),
        (json.dumps({"sha": COMMIT, "siblings": [{"rfilename": "config.json"}]}), "gave no list of the files"),
        (
            json.dumps({"sha": COMMIT, "siblings": [{"rfilename": "config.json", "size": 2, "blobId": "../" * 13 + "a"}]}),
            "gave no list of the files",
        ),
        (
            json.dumps({"sha": COMMIT, "siblings": [{**listed(each, FILES[each]), "size": 10**11} for each in FILES]}),
            r"config.json of .* has 100,000,000,000 bytes, expected at most 10,000,000",
        ),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_is_refused(tiny, tmp_path, answer, words):
    tiny.files[LIST] = answer if isinstance(answer, bytes) else answer.encode()
    with pytest.raises(ConnectionError, match=words):
        hub.download(NAME, timeout=5)
    assert not (tmp_path / "hub").exists()


def test_a_damaged_file_of_the_cache_is_none_and_is_fetched_anew(tiny):
    folder = hub.download(NAME, timeout=5)
    for name in ("model.safetensors", "config.json"):
        blob = (folder / name).resolve()
        blob.write_bytes(blob.read_bytes()[:-1] + b"?")
        if name == "model.safetensors":
            assert hub.cached(NAME) is None
        assert whole(hub.download(NAME, timeout=5))


def test_a_new_commit_takes_only_what_has_changed(tiny):
    before, newer = hub.download(NAME, timeout=5), "d" * 40
    changed = FILES | {"config.json": b'{"model_type": "depth_anything"}'}
    serve_repository(tiny, NAME, newer, changed)
    tiny.requests.clear()
    folder = hub.download(NAME, timeout=5)
    assert folder.name == newer and (folder / "config.json").read_bytes() == changed["config.json"]
    assert [path.rpartition("/")[2] for path, _ in tiny.requests[1:]] == ["config.json"]
    assert hub.cached(NAME) == folder and (before / "config.json").read_bytes() == FILES["config.json"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no links to do without")
def test_without_links_the_files_are_copied(tiny, monkeypatch):
    monkeypatch.setattr(os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError("no links here")))
    assert whole(hub.download(NAME, timeout=5))


def test_a_cache_that_cannot_be_written_is_one_sentence(tiny, tmp_path, monkeypatch):
    (tmp_path / "hub").write_text("a file where the folder should be")
    with pytest.raises(ConnectionError, match=r"^(not a directory|file exists)$"):
        hub.download(NAME, timeout=5)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "full"))
    monkeypatch.setattr(
        transfer.shutil, "disk_usage", lambda *_: os.terminal_size((0, 0)) and type("", (), {"free": 1000})
    )
    with pytest.raises(ConnectionError, match=r"bytes are needed, [\d,]+ more than are free"):
        hub.download(NAME, timeout=5)


PROGRAM = """
import sys
from huggingface_hub import constants
from depthnb.weights import hub
constants.ENDPOINT, constants.HF_HUB_CACHE = sys.argv[1:]
print(hub.download("somebody/tiny-depth", timeout=20), flush=True)
"""


def started(tiny, tmp_path):
    words = [sys.executable, "-c", PROGRAM, tiny.url, str(tmp_path / "hub")]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_it_goes_on(tiny, tmp_path):
    tiny.mood, tiny.only, tiny.cut_at = "stall", "safetensors", 2**16  # what is taken from the server at once
    process = started(tiny, tmp_path)
    part = (
        tmp_path
        / "hub"
        / "models--somebody--tiny-depth"
        / "blobs"
        / f".{listed('', FILES['model.safetensors'])['lfs']['sha256']}.part"
    )
    while not (part.is_file() and part.stat().st_size >= tiny.cut_at):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert hub.cached(NAME) is None
    tiny.mood = ""
    tiny.requests.clear()
    assert whole(hub.download(NAME, timeout=5))
    assert [each for path, each in tiny.requests if path.endswith("safetensors")] == [f"bytes={tiny.cut_at}-"]


def test_two_at_once_fetch_it_once(tiny, tmp_path):
    tiny.mood, tiny.only = "late", "safetensors"
    both = [started(tiny, tmp_path) for _ in range(2)]
    assert [process.communicate()[0].splitlines()[-1] for process in both] == [str(hub.cached(NAME))] * 2
    assert whole(hub.cached(NAME))
    assert len([path for path, _ in tiny.requests if path.endswith("safetensors")]) == 1
