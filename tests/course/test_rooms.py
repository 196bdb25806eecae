"""make contest: the seed is a secret, a stopped rendering goes on, another seed is refused. The renderer is a fake here."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from depthnb.course import __main__, contest
from depthnb.course.contest import rooms

SEED = "4829155703160"
# Does what render.py and pack.py are asked for, with pictures of one colour, and writes down what that was.
FAKE = """#!{python}
import json, os, pathlib, sys, time
words = dict(zip(sys.argv[3::2], sys.argv[4::2]))
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if os.environ.get("FAKE_FAILS"):
    print("no memory for a room"), sys.exit(3)
if sys.argv[1].endswith("render.py"):
    (k, n), last = map(int, words["--worker"].split("/")), int(words["--scenes"].split("-")[1])
    for number in range(k, last + 1, n):
        room = pathlib.Path(words["--out"], f"bedroom_{{1000 + number}}")
        if not room.exists():
            room.mkdir()
            (room / "scene.json").write_text("{{}}")
            time.sleep(float(os.environ.get("FAKE_SECONDS", 0)))
else:
    import numpy as np
    from PIL import Image
    out = pathlib.Path(words["--out"])
    out.mkdir(exist_ok=True)
    lines = ["id,scene,scene_type,split,image,depth,valid,depth_scale,fx,fy,cx,cy"]
    for room in sorted(pathlib.Path(words["--work"]).iterdir()):
        Image.new("RGB", (8, 6), "red").save(out / f"{{room.name}}.png")
        np.save(out / f"{{room.name}}.npy", np.full((6, 8), 2.0, np.float32))
        lines.append(f"{{room.name}},{{room.name}},bedroom,train,{{room.name}}.png,{{room.name}}.npy,,1,5,5,3.5,2.5")
    (out / "index.csv").write_text("\\n".join(lines))
"""


@pytest.fixture
def renderer(tmp_path, monkeypatch):
    """A program in place of the renderer's Python; `asked()` gives what it was called for."""
    file, log = tmp_path / "python", tmp_path / "log"
    log.touch()
    file.write_text(FAKE.format(python=sys.executable, log=str(log)))
    file.chmod(0o755)
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))
    return file, lambda: [line.split(" ")[0].rpartition("/")[2] for line in log.read_text().splitlines()]


def hidden(tmp_path, renderer, **more):
    given = {"seed": SEED, "scenes": 3, "jobs": 2, "renderer": renderer[0]} | more
    return contest.hidden_rooms(tmp_path / "contest", **given)


def test_rooms_are_rendered_packed_and_hidden(tmp_path, renderer, capsys):
    handout, key = hidden(tmp_path, renderer)
    assert renderer[1]() == ["render.py", "render.py", "pack.py"] and "3 of 3 rooms" in capsys.readouterr().out
    assert len(list((handout / "images").iterdir())) == 3 and (key / "key.json").is_file()
    assert json.loads((key / "rooms.json").read_text()) == {"seed": int(SEED), "scenes": 3, "views": 2}
    assert SEED not in "".join(file.read_text() for file in handout.glob("*.*"))
    assert sorted(path.name for path in tmp_path.iterdir() if "contest" in path.name) == ["contest"], "the work is gone"
    assert (tmp_path / "contest" / "key").stat().st_mode & 0o077 == 0
    assert hidden(tmp_path, renderer) == (handout, key) and len(renderer[1]()) == 3, "done is done"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"seed": "4829155703161"}, "is there, with another seed; choose another folder"),
        ({"scenes": 4}, "is there, with 3 scenes and 2 views, not 4 and 2"),
    ],
)
def test_a_contest_that_is_there_with_another_seed_or_number_stays(tmp_path, renderer, more, says):
    hidden(tmp_path, renderer)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "contest").rglob("*")}
    with pytest.raises(FileExistsError, match=says) as error:
        hidden(tmp_path, renderer, **more)
    assert SEED not in str(error.value) and len(renderer[1]()) == 3
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / "contest").rglob("*")}


def test_a_folder_of_something_else_is_not_touched(tmp_path, renderer):
    (tmp_path / "contest").mkdir()
    assert hidden(tmp_path, renderer), "an empty folder will do"
    (tmp_path / "contest" / "key" / "rooms.json").unlink()
    with pytest.raises(FileExistsError, match="was not made by this command"):
        hidden(tmp_path, renderer)


def test_a_rendering_that_failed_goes_on_and_another_seed_does_not_mix_in(tmp_path, renderer, monkeypatch):
    monkeypatch.setenv("FAKE_FAILS", "1")
    with pytest.raises(RuntimeError, match="the renderer ended with status 3: no memory for a room"):
        hidden(tmp_path, renderer)
    assert not (tmp_path / "contest").exists() and (tmp_path / ".contest.rooms").stat().st_mode & 0o077 == 0
    monkeypatch.delenv("FAKE_FAILS")
    with pytest.raises(FileExistsError, match="was begun with another seed; give what it was begun with"):
        hidden(tmp_path, renderer, seed="90817263544536")
    (tmp_path / ".contest.rooms" / "scenes" / "bedroom_1001").mkdir()
    (tmp_path / ".contest.rooms" / "scenes" / "bedroom_1001" / "scene.json").write_text("{}")
    assert hidden(tmp_path, renderer)
    work = tmp_path / ".contest.rooms"
    (work / "scenes").mkdir(parents=True)
    work.rename(tmp_path / ".contest2.rooms")
    with pytest.raises(FileExistsError, match="holds rooms of a seed that is not written there any more"):
        contest.hidden_rooms(tmp_path / "contest2", seed=SEED, renderer=renderer[0])


def test_ctrl_c_ends_the_renderers_and_the_next_call_goes_on(tmp_path, renderer):
    call = [sys.executable, "-m", "depthnb.course", "contest", "rooms", "--seed", SEED, "--scenes", "60"]
    call += ["--out", str(tmp_path / "contest"), "--renderer", str(renderer[0]), "--jobs", "2"]
    first = subprocess.Popen(call, env=os.environ | {"FAKE_SECONDS": "3"}, stderr=subprocess.PIPE, text=True)
    until, scenes = time.monotonic() + 60, tmp_path / ".contest.rooms" / "scenes"
    while len(list(scenes.glob("*"))) < 3:
        assert time.monotonic() < until and first.poll() is None
        time.sleep(0.05)
    again = subprocess.run(call, capture_output=True, text=True, timeout=60)
    assert again.returncode == 1 and "wait until it is done" in again.stderr
    first.send_signal(signal.SIGINT)
    assert "stopped" in first.communicate(timeout=30)[1] and first.returncode == 130
    there = len(list(scenes.glob("*")))
    time.sleep(4)
    assert len(list(scenes.glob("*"))) == there < 60, "no renderer works on"
    assert contest.hidden_rooms(tmp_path / "contest", seed=SEED, scenes=60, renderer=renderer[0])


SHORT = "can be guessed: the renderer is public"


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        ("", "SEED is missing: .* whoever knows it can make their depth"),
        ("7", SHORT),
        ("12345678901", SHORT),
        ("000000000042", SHORT),
        ("111222111222", SHORT),
        ("secret", "the seed is 'secret'; expected 12 or more digits"),
        ("-482915570316", "expected 12 or more digits"),
        ("١٢٣٤٥٦٧٨٩٠١٢", "expected 12 or more digits"),
        ("48291557031 6", "expected 12 or more digits"),
        ("1234567890" * 7, "expected at most 60"),
    ],
)  # fmt: skip
def test_a_seed_that_is_no_secret_is_refused_with_the_reason(tmp_path, seed, says, capsys):
    with pytest.raises(ValueError, match=says):
        contest.hidden_rooms(tmp_path / "contest", seed=seed)
    assert __main__.main(["contest", "rooms", "--check", f"--seed={seed}", "--out", str(tmp_path / "contest")]) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("more", [{"scenes": 0}, {"scenes": 10**6}, {"views": 7}, {"jobs": 0}])
def test_numbers_that_make_no_sense_are_refused(tmp_path, renderer, more):
    with pytest.raises(ValueError, match="expected 1 to 9000 scenes"):
        hidden(tmp_path, renderer, **more)


def test_without_a_renderer_it_says_what_is_needed(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no-such is no program; give --renderer a Python 3\.11 that has bpy"):
        contest.hidden_rooms(tmp_path / "contest", seed=SEED, renderer="no-such")
    monkeypatch.setattr(rooms, "_SCRIPTS", Path("/nowhere"))
    with pytest.raises(FileNotFoundError, match="rendered in a clone"):
        contest.hidden_rooms(tmp_path / "contest", seed=SEED, renderer="no-such")
