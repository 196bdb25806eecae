"""The command `depthnb`: what it prints, its exit status, and that it starts at once."""

import io
import json
import shutil
import subprocess
import sys

import data_fixtures
import numpy as np
import pytest
from PIL import Image

from depthnb import cli, runs
from depthnb.cli.words import one_line

FAST = ["--formats", "npy", "json"]


@pytest.fixture
def picture(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "me.png")
    return tmp_path / "me.png"


def test_help_needs_no_torch():
    code = "import sys, depthnb.cli as c\ntry: c.main(['--help'])\n"
    code += "except SystemExit: print('torch' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "predict" in done.stdout and done.stdout.rstrip().endswith("False False")


def test_without_a_command_it_helps_and_a_wrong_word_is_refused(capsys):
    assert cli.main([]) == 2 and "predict" in capsys.readouterr().out
    for words in (["predict"], ["predikt", "x"], ["predict", "x", "--fov", "60", "--focal", "5"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(words)
        assert stopped.value.code == 2


@pytest.mark.parametrize("words", [["predict", "-me.jpg"], ["predict", "x", "--known", "-1,5=2"]])
def test_a_word_that_begins_with_a_dash_is_told_how_it_is_written(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    told = capsys.readouterr().err
    assert (
        stopped.value.code == 2 and "a file that begins with a dash is written ./-name, a value --option=-value" in told
    )


def test_beside_a_clone_the_package_is_found_and_not_the_folder(tmp_path):
    """Where the clone's folder `depthnb` lies in the working directory, it could be taken for a package without files."""
    (tmp_path / "depthnb").symlink_to(runs.ROOT)
    code = "import depthnb.data.sample, depthnb; print(depthnb.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(runs.ROOT / "depthnb" / "__init__.py")


def test_an_error_of_the_disk_is_a_sentence():
    assert one_line(FileExistsError(17, "File exists", "out")) == "out: File exists"


def test_predict_says_what_it_did_and_where(picture, tmp_path, capsys):
    assert cli.main(["predict", str(picture), "--out", str(tmp_path / "out"), "--fov", "60", *FAST]) == 0
    said = capsys.readouterr().out
    assert "me: " in said and "60 degrees across the longer side, as told" in said and "me_depth.npy" in said
    assert np.load(tmp_path / "out" / "me_depth.npy").shape == (48, 64)


def test_json_is_one_line_a_picture_and_net(picture, tmp_path, capsys):
    nets = ["--net", "reports/11_today/rooms-full", "--net", "reports/02_bn_cnn/rooms-full"]
    words = ["predict", str(picture), "--out", str(tmp_path / "out"), "--known", "10,10=2", "--json", *nets, *FAST]
    assert cli.main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["net"] for line in lines] == ["11_today-rooms-full", "02_bn_cnn-rooms-full"]
    assert all((tmp_path / "out" / line["net"] / "me_depth.npy").exists() for line in lines)


def test_one_bad_picture_of_several_does_not_stop_the_others(picture, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_text("no picture")
    assert cli.main(["predict", str(tmp_path), "--out", str(tmp_path / "out"), *FAST]) == 1
    told = capsys.readouterr()
    assert "me: " in told.out and "bad.jpg: no picture" in told.err and "1 of 2 pictures could not be done" in told.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{picture}", "--net", "reports/nothing"], "is no folder of a run"),
        (["{picture}", "--net", "{root}/README.md"], "README.md is no folder of a run"),
        (["{picture}", "--known", "1=2"], "is written X,Y=METRES"),
        (["{picture}", "--formats", "exr"], "unknown format exr"),
        (["{folder}/gone.jpg"], "there is no file"),
        (["~nobody-of-that-name/gone.jpg"], "there is no file"),
        (["{picture}", "--net", "{copy}", "--net", "{root}/reports/02_bn_cnn/rooms-full"], "are called alike"),
        (["{picture}", "{folder}/other.png", "--known", "1,2=3"], "belongs to one picture, and there are 2"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(words, told, picture, tmp_path, capsys):
    (tmp_path / "other.png").write_bytes(picture.read_bytes())
    copy = tmp_path / "02_bn_cnn" / "rooms-full"
    if "{copy}" in words:
        shutil.copytree(runs.ROOT / "reports/02_bn_cnn/rooms-full", copy)
    words = [word.format(picture=picture, folder=tmp_path, copy=copy, root=runs.ROOT) for word in words]
    assert cli.main(["predict", *words, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("depthnb: ") and told in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_predictions_never_lie_among_the_pictures(picture, capsys):
    assert cli.main(["predict", str(picture), "--out", str(picture.parent), *FAST]) == 1
    assert "would lie among the pictures" in capsys.readouterr().err
    assert [path.name for path in picture.parent.iterdir()] == ["me.png"]


def test_a_reader_that_goes_away_ends_it(picture, tmp_path, monkeypatch):
    (tmp_path / "two.png").write_bytes(picture.read_bytes())
    seen = []

    def gone(*_, **__):
        seen.append(1)
        raise BrokenPipeError

    monkeypatch.setattr(cli.predict, "_report", gone)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert cli.main(["predict", str(tmp_path), "--out", str(tmp_path / "out"), *FAST]) == 1 and len(seen) == 1


def test_check_names_files_that_cannot_be_read(tmp_path, capsys):
    root = tmp_path / "frames"
    root.mkdir()
    rows = data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"})
    file = root / rows[0][5]
    file.write_bytes(file.read_bytes()[:60])
    assert cli.main(["check", str(root)]) == 1
    assert f"wrong  {file}" in capsys.readouterr().out


def test_check_names_what_is_wrong_with_a_folder(tmp_path, capsys):
    root = tmp_path / "frames"
    root.mkdir()
    rows = data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"})
    assert cli.main(["check", str(root)]) == 0
    told = capsys.readouterr().out
    assert "frames of 3 scenes" in told and told.endswith("Nothing was found that cannot be right.\n")
    data_fixtures.write_index(root, [[*row[:7], "1.0", *row[8:]] for row in rows])  # millimetres taken for metres
    assert cli.main(["check", str(root)]) == 1
    told = capsys.readouterr().out
    assert "wrong  " in told and "its unit is not what is said" in told and "times 0.001" in told
    assert cli.main(["check", str(root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["wrong"] is True


def test_check_of_nothing_and_of_an_unknown_name(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path)]) == 1
    assert "nothing that can be read" in capsys.readouterr().out
    assert cli.main(["check", str(tmp_path), "--data", "foldr"]) == 1
    assert "did you mean 'folder'?" in capsys.readouterr().err


def test_check_points_to_lines_and_writes_a_corrected_index_beside(tmp_path, capsys):
    root = tmp_path / "frames"
    root.mkdir()
    rows = data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"})
    v, u = np.mgrid[:24, :32]
    for number, row in enumerate(rows):  # planes of 1.4 to 4 m in millimetres
        Image.fromarray(np.round(1000 / (0.25 + 0.008 * u + 0.01 * v) + number).astype(np.uint16)).save(root / row[5])
    (root / rows[0][5]).unlink()
    data_fixtures.write_index(root, [[*row[:7], "1.0", *row[8:]] for row in rows])
    before = (root / "index.csv").read_bytes()
    assert cli.main(["check", str(root), "--all"]) == 1
    assert "       index.csv:2\n" in capsys.readouterr().out and not (root / "index.fixed.csv").exists()
    assert cli.main(["check", str(root), "--fix"]) == 1
    told = capsys.readouterr().out
    assert "fixed  index.csv:2 left out: 0_depth.png is missing" in told and "index.fixed.csv: written" in told
    assert (root / "index.csv").read_bytes() == before
    assert cli.main(["check", str(root / "index.fixed.csv"), "--json"]) == 0
    assert not any(each["wrong"] for each in json.loads(capsys.readouterr().out)["findings"])
    (root / "index.fixed.csv").write_text("of somebody else")
    assert cli.main(["check", str(root), "--fix", "--json"]) == 1
    assert "is there already and says something else" in json.loads(capsys.readouterr().out)["error"]


def test_the_command_that_fix_names_finds_what_was_left(tmp_path, capsys):
    root = tmp_path / "frames"
    root.mkdir()
    rows = data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"})
    (root / rows[0][5]).unlink()
    (root / rows[1][4]).write_text("no picture")
    assert cli.main(["check", str(root), "--fix"]) == 1
    told = capsys.readouterr().out
    assert "1 of what is wrong is left to you." in told
    command = told.partition("Look at it with: depthnb ")[2].splitlines()[0].split()
    assert command == ["check", str(root / "index.fixed.csv"), "--all"] and cli.main(command) == 1
    assert f"wrong  {root / rows[1][4]}: not an image file" in capsys.readouterr().out


def test_fix_without_anything_to_fix_and_where_there_is_no_index(tmp_path, capsys):
    root = tmp_path / "frames"
    root.mkdir()
    data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"})
    assert cli.main(["check", str(root), "--fix"]) == 0
    assert "so no file was written" in capsys.readouterr().out and not (root / "index.fixed.csv").exists()
    assert cli.main(["check", str(root), "--fix", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fixed"] is None
    assert cli.main(["check", str(root), "--data", "diode", "--fix"]) == 1
    assert "diode has none" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main(["check"])
    assert stopped.value.code == 2


@pytest.mark.parametrize("word", ["a" * 100_000, "a/" * 3000, "a\0b"])
@pytest.mark.parametrize("command", ["check", "predict", "import"])
def test_a_word_that_is_no_path_is_one_short_line(command, word, capsys):
    assert cli.main([command, word, "--out", "o"] if command != "check" else [command, word]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and len(said) < 300 and said.startswith("depthnb: a word of the command has ")


def test_a_name_that_no_disk_takes_is_one_short_line(tmp_path, capsys):
    for words in (["predict", "a" * 300], ["import", "a" * 300, "--out", str(tmp_path / "out")]):
        assert cli.main(words) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and len(said) < 300 and "300 characters" in said and "shorter one" in said
