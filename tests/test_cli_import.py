"""The subcommand `depthnb import`: what it prints, and its exit status."""

import json
import subprocess
import sys

import import_layouts as layouts
import numpy as np
import pytest
from PIL import Image

from depthnb import cli


@pytest.fixture
def pair(tmp_path):
    layouts.write_pair(tmp_path / "in", layouts.views(6))
    return [str(tmp_path / "in" / "images"), str(tmp_path / "in" / "depth"), "--depth-scale", "0.001"]


def test_it_says_what_it_made_and_what_is_wrong(pair, tmp_path, capsys):
    words = ["import", *pair, "--intrinsics", "295,295,159.5,119.5", "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert "6 frames of 2 scenes" in said and "layout pair" in said and "12 copied" in said
    assert "Nothing was found that cannot be right" in said
    assert cli.main(["check", str(tmp_path / "out")]) == 0


def test_a_wrong_unit_is_found_at_the_end(pair, tmp_path, capsys):
    assert cli.main(["import", *pair[:2], "--depth-scale", "1", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "wrong" in said and "stays; delete it before you import into it again" in said


def test_json_is_one_line_and_frames_left_out_are_status_1(pair, tmp_path, capsys):
    bad = sorted((tmp_path / "in" / "depth").rglob("*.png"))[0]
    Image.fromarray(np.zeros((240, 320), np.uint8)).save(bad)
    assert cli.main(["import", *pair, "--out", str(tmp_path / "out"), "--json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    facts = json.loads(lines[0])
    assert len(lines) == 1 and facts["frames"] == 5 and facts["layout"] == "pair" and len(facts["left_out"]) == 1
    assert not any(finding["wrong"] for finding in facts["findings"])


def test_left_out_frames_are_named_for_people(pair, tmp_path, capsys):
    sorted((tmp_path / "in" / "images").rglob("*.jpg"))[0].write_text("no picture")
    assert cli.main(["import", *pair, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().out
    assert "left out" in said and "1 frames left out" not in said and "1 frame left out" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--intrinsics", "1,2,3"], ["--intrinsics", "a,b,c,d"], ["--intrinsics", "0,1,2,3"], ["--depth-scale", "mm"],
        ["--depth-scale", "0"], ["--every", "0"], ["--every", "x"], ["--split", "half"], ["--scene", "room"],
    ],
)  # fmt: skip
def test_words_without_sense_are_status_2(words, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["import", str(tmp_path), "--out", str(tmp_path / "out"), *words])
    assert stopped.value.code == 2
    with pytest.raises(SystemExit):
        cli.main(["import", str(tmp_path)])


def test_what_cannot_be_done_is_one_line_and_status_1(pair, tmp_path, capsys):
    assert cli.main(["import", str(tmp_path / "nothing"), "--out", str(tmp_path / "out")]) == 1
    assert cli.main(["import", str(tmp_path / "in"), "--layout", "tum", "--out", str(tmp_path / "out")]) == 1
    assert cli.main(["import", *pair[:2], "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3 and all(line.startswith("depthnb: ") for line in told)


def test_how_far_it_is_stands_in_one_line_of_a_terminal_and_seldom_elsewhere(monkeypatch, capsys):
    from depthnb.cli import progress as line

    clock = iter(range(1000))
    monkeypatch.setattr(line.time, "monotonic", lambda: float(next(clock)))
    for live, expected in ((True, 60), (False, 2)):
        monkeypatch.setattr(line.sys.stderr, "isatty", lambda live=live: live, raising=False)
        with line.Progress() as progress:
            for done in range(1, 61):
                progress.show(done, 60)
        told = capsys.readouterr().err
        assert told.count("of 60 frames") == expected and told.count("\n") == (1 if live else 2)
        assert "30 of 60 frames, about 30 s left" in told


def test_layouts_are_those_of_the_package_and_help_needs_no_torch():
    from depthnb.cli import import_
    from depthnb.data.importing import LAYOUTS

    for name, (_, said) in LAYOUTS.items():
        assert any(line.split()[:1] == [name] and said in line for line in import_.EXAMPLES.splitlines()), name
    code = "import sys, depthnb.cli as c\ntry: c.main(['import', '--help'])\n"
    code += "except SystemExit: print('torch' in sys.modules, 'PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "scannet" in done.stdout and done.stdout.rstrip().endswith("False False")
