"""The contest: what is handed out says nothing of the truth, arrays are scored as the package scores, the rest is refused."""

import io
import json
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path

import data_fixtures
import numpy as np
import pytest
from PIL import Image

from depthnb import data, report
from depthnb.course import __main__, contest
from depthnb.report import __main__ as making

SCENES = {"attic": "train", "cellar": "val", "garage": "test"}


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """A folder of six frames in two sizes, its hand-out and its key."""
    patch = pytest.MonkeyPatch()
    root = tmp_path_factory.mktemp("contest")
    patch.setenv("DEPTHNB_CACHE", str(root / "cache"))
    (root / "set").mkdir()
    data_fixtures.write_folder(root / "set", SCENES, sizes=((24, 32), (20, 40)))
    handout, key = contest.hide(root / "set", root / "out")
    yield root, handout, key
    patch.undo()


def truth(root, key):
    """id of the contest -> true depth [H,W], 2 m where nobody knows it."""
    frames = data.open("folder", root / "set", "all")
    place = {name: index for index, name in enumerate(frames.frames["id"])}
    ids = json.loads((key / "key.json").read_text())["ids"]
    found = {}
    for name, own in ids.items():
        frame = frames[place[own]]
        found[name] = np.where(frame["valid"][0], frame["depth"][0], 2.0).astype(np.float32)
    return found


@pytest.fixture
def given(hidden, tmp_path):
    """submit(arrays or bytes, team) -> scores and place, on a leaderboard of the test's own."""
    root, _, key = hidden
    own = tmp_path / "key"
    own.mkdir()
    for file in key.rglob("*"):
        if file.is_file():
            (own / file.relative_to(key)).parent.mkdir(parents=True, exist_ok=True)
            os.link(file, own / file.relative_to(key))

    def submit(content, team="team"):
        file = tmp_path / f"{team}.npz"
        if isinstance(content, bytes):
            file.write_bytes(content)
        else:
            np.savez_compressed(file, **content)
        return contest.score(file, own, team)

    submit.truth, submit.board, submit.key = truth(root, key), tmp_path / "leaderboard.csv", own
    return submit


def test_what_is_handed_out_tells_nothing_of_depth_scene_or_order(hidden):
    root, handout, key = hidden
    ids = json.loads((key / "key.json").read_text())["ids"]
    names = sorted(path.relative_to(handout).as_posix() for path in handout.rglob("*") if path.is_file())
    assert names == ["README.md", *(f"images/{name}.png" for name in sorted(ids)), "index.csv"]
    text = (handout / "index.csv").read_text() + (handout / "README.md").read_text()
    assert not [word for word in (*SCENES, *ids.values()) if word in text]
    assert {path.stat().st_mtime for path in handout.rglob("*")} == {315532800.0}
    for name, own in ids.items():
        with (
            Image.open(handout / "images" / f"{name}.png") as shown,
            Image.open(root / "set" / f"{int(own[-3:])}.png") as stored,
        ):
            assert not shown.info and np.array_equal(np.asarray(shown), np.asarray(stored))
    assert key.stat().st_mode & 0o077 == 0


def test_the_order_is_drawn_anew_at_each_call(hidden, tmp_path):
    root, _, key = hidden
    orders = {tuple(json.loads((key / "key.json").read_text())["ids"].values())}
    for number in range(4):  # all of five orders of six frames are the same once in 10**11
        _, other = contest.hide(root / "set", tmp_path / str(number))
        orders.add(tuple(json.loads((other / "key.json").read_text())["ids"].values()))
    assert len(orders) > 1


def test_a_used_folder_is_never_replaced(hidden):
    root, _, key = hidden
    before = (key / "key.json").read_bytes()
    with pytest.raises(FileExistsError, match="is there already"):
        contest.hide(root / "set", root / "out")
    assert (key / "key.json").read_bytes() == before


def test_nothing_is_left_of_a_contest_that_could_not_be_written(hidden, tmp_path, monkeypatch):
    root, *_ = hidden

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match=r"could not write .*No space left"):
        contest.hide(root / "set", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_scores_are_those_of_the_evaluation_and_teams_are_ranked(given):
    scores, place = given({name: 1.1 * depth for name, depth in given.truth.items()}, "near")
    assert scores["abs_rel"] == pytest.approx(0.1, abs=1e-4) and (place.rank, place.teams, place.tries) == (1, 1, 1)
    _, place = given({name: 1.3 * depth for name, depth in given.truth.items()}, "far")
    assert (place.rank, place.teams) == (2, 2)
    scores, place = given(given.truth, "far")
    assert scores["abs_rel"] < 1e-5 and (place.rank, place.teams, place.tries) == (1, 2, 2)
    _, place = given({name: 1.5 * depth for name, depth in given.truth.items()}, "far")
    assert (place.rank, place.tries) == (1, 3), "the best try counts"
    page = given.board.with_suffix(".md").read_text()
    assert page.index("| far |") < page.index("| near |") and "One depth for all pixels" in page
    assert len(given.board.read_text().splitlines()) == 5


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_either_order_and_precision_are_read(given, dtype):
    arrays = {name: np.asfortranarray(depth.astype(dtype)) for name, depth in given.truth.items()}
    scores, _ = given(arrays)
    assert scores["abs_rel"] < 1e-3


def archive(arrays, *, compress=zipfile.ZIP_DEFLATED, more=()):
    """A .npz made by hand: arrays, and further (name, bytes) entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compress) as made:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=True)
            made.writestr(f"{name}.npy", content.getvalue())
        for name, content in more:
            made.writestr(name, content)
    return stream.getvalue()


class Harm:
    """What a pickle would run."""

    def __reduce__(self):
        return os._exit, (7,)


def changed(truth, **own):
    first = next(iter(truth))
    return {**truth, **{first if name == "first" else name: value for name, value in own.items()}}


def lied(truth):
    """An entry whose size, as the list has it, is smaller than what it unpacks to."""
    content = bytearray(archive(changed(truth, first=np.zeros((3000, 3000), np.float32))))
    place = content.index(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    return bytes(content)


def spoilt(truth):
    """A byte of the compressed numbers is another one."""
    content = bytearray(archive(truth))
    content[200] ^= 0xFF
    return bytes(content)


def filled(truth, value):
    return archive(changed(truth, first=np.full(next(iter(truth.values())).shape, value)))


def with_header(truth, header):
    first, *others = truth.items()
    return archive(dict(others), more=[(f"{first[0]}.npy", header)])


CRAFTED = {
    "a pickle": (lambda t: pickle.dumps(Harm()), "is no .npz file"),
    "a pickle in an array": (lambda t: archive(changed(t, first=np.array([Harm()], object))), "holds Python objects"),
    "one array": (lambda t: b"\x93NUMPY" + bytes(100), "is a single array"),
    "empty": (lambda t: b"", "is no .npz file"),
    "cut": (lambda t: archive(t)[:-30], "is no whole .npz file"),
    "spoilt": (spoilt, "is no whole .npz file"),
    "missing": (lambda t: archive(dict(list(t.items())[1:])), "lacks 1 of 6 ids"),
    "unknown": (lambda t: archive({**t, "9999": np.ones((2, 2), np.float32)}), "unknown ids, the first is '9999'"),
    "a path": (lambda t: archive(t, more=[("../../evil.npy", b"x")]), "unknown ids"),
    "twice": (lambda t: archive(t, more=[(f"{next(iter(t))}.npy", b"x")]), "more than one entry"),
    "another shape": (lambda t: archive(changed(t, first=np.ones((3, 3), np.float32))), "has the shape"),
    "whole numbers": (lambda t: archive(changed(t, first=np.ones((24, 32), np.int64))), "holds int64"),
    "NaN": (lambda t: filled(t, np.nan), "NaN or infinite"),
    "too large for float32": (lambda t: filled(t, 1e300), "NaN or infinite"),
    "a bomb": (lambda t: archive(changed(t, first=np.zeros((3000, 3000), np.float32))), "unpacks to 36,"),
    "a bomb that lies": (lied, "no whole .npz|unpacks to|is no array"),
    "many entries": (lambda t: archive({}, more=[(f"{i}.npy", b"") for i in range(3000)]), "entries; expected 6|have at most"),
    "another compression": (lambda t: archive(t, compress=zipfile.ZIP_LZMA), "compressed in a way"),
    "a header of its own": (lambda t: with_header(t, b"\x93NUMPY\x01\x00\x10\x00{'descr': exit()}"), "is no array as NumPy"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", CRAFTED)
def test_a_crafted_file_is_refused_in_one_sentence_and_is_no_try(given, kind):
    make, said = CRAFTED[kind]
    with pytest.raises(ValueError, match=said) as error:
        given(make(given.truth))
    assert "\n" not in str(error.value) and not given.board.exists()


def test_a_file_larger_than_all_arrays_together_is_not_read(given, monkeypatch):
    content = bytes(sum(depth.size * 8 + 4096 for depth in given.truth.values()) + 2**16 + 1)
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda file: pytest.fail("read") if file.suffix == ".npz" else read(file))
    with pytest.raises(ValueError, match="have at most"):
        given(content)


@pytest.mark.parametrize("team", ["../up", "a|b", "", "a\nb", ".hidden"])
def test_a_name_is_one_word(given, team):
    with pytest.raises(ValueError):
        contest.score("any.npz", given.key, team)


def test_a_leaderboard_or_key_that_is_damaged_is_named(given):
    given.board.write_text("name,score\na,1\n")
    with pytest.raises(ValueError, match="is no leaderboard of ours"):
        given(given.truth)
    assert given.board.read_text() == "name,score\na,1\n"
    (given.key / "key.json").unlink()
    with pytest.raises(FileNotFoundError, match="is no key of a contest"):
        given(given.truth)


def test_inverse_depth_is_fitted_to_each_image(hidden, tmp_path):
    root, *_ = hidden
    _, key = contest.hide(root / "set", tmp_path / "out", kind="affine-inverse")
    arrays = {name: 3 / depth + 1 for name, depth in truth(root, key).items()}
    np.savez(tmp_path / "team.npz", **arrays)
    scores, _ = contest.score(tmp_path / "team.npz", key, "team")
    assert scores["abs_rel"] < 1e-3
    page = (tmp_path / "out" / "leaderboard.md").read_text()
    flat = float(re.search(r"One depth for all pixels, fitted to each image .* abs_rel (\S+)\.\n", page)[1])
    np.savez(tmp_path / "flat.npz", **{name: np.ones_like(depth) for name, depth in truth(root, key).items()})
    assert contest.score(tmp_path / "flat.npz", key, "flat")[0]["abs_rel"] == pytest.approx(flat, abs=1e-4)


def test_the_command_does_both_and_says_what_is_wrong(hidden, tmp_path, capsys):
    root, *_ = hidden
    out = tmp_path / "out"
    assert __main__.main(["contest", "hide", str(root / "set"), "--out", str(out)]) == 0
    np.savez(tmp_path / "a.npz", **truth(root, out / "key"))
    call = ["contest", "score", str(tmp_path / "a.npz"), "--key", str(out / "key"), "--name", "a"]
    assert __main__.main(call) == 0
    assert "place 1 of 1, try 1" in capsys.readouterr().out
    (tmp_path / "a.npz").write_bytes(b"")
    assert __main__.main(call) == 1
    assert capsys.readouterr().err.startswith("depthnb.course: a.npz is no .npz file")


def test_the_report_shows_the_leaderboard_where_it_was_asked_for(hidden, tmp_path, capsys):
    root, _, key = hidden
    reports = tmp_path / "reports"
    for team, factor in (("slow", 1.5), ("<b>", 1.0), ("fast", 1.1)):
        np.savez(tmp_path / "a.npz", **{name: factor * depth for name, depth in truth(root, key).items()})
        call = [
            "contest",
            "score",
            str(tmp_path / "a.npz"),
            "--key",
            str(key),
            "--name",
            team,
            "--report",
            str(reports),
        ]
        assert __main__.main(call) == (team == "<b>")  # no name
    command = f"python -m depthnb.report {reports}"
    assert command in capsys.readouterr().out
    assert making.main(command.split()[3:]) == 0 and f"{reports / 'report.html'}\n" == capsys.readouterr().out
    page = (reports / "report.html").read_text("utf-8")
    shown = page[page.index('id="contest"') : page.index("</main>")]
    assert shown.index(">fast<") < shown.index(">slow<") and ">0.100<" in shown and ">0.500<" in shown
    assert "the mean of the hidden ones, would have abs_rel" in shown
    (reports / "contest" / "rule.txt").unlink()
    page = report.build(reports).read_text("utf-8")
    assert 'id="contest"' not in page and "contest/leaderboard.csv: " in page, "what cannot be read is named"
    assert not (root / "out" / "contest").exists()
