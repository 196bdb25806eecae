"""Benchmarks still run: at the smallest size, one turn each; what they print is for people."""

import importlib
import itertools
import re
import runpy
import sys

import data_fixtures
import pytest

from depthnb import runs

SMALL = {
    "bench_augment": ["--batch", "2", "--height", "24", "--width", "32", "--turns", "1"],
    "bench_data": ["--root", "{root}", "--sizes", "24x32", "--batch", "2", "--turns", "1"],
    "bench_losses": ["--batch", "2", "--height", "48", "--width", "64", "--turns", "1"],
    "bench_metrics": ["--images", "1", "--height", "48", "--width", "64", "--turns", "1"],
    "bench_training": [
        *("--root", "{root}", "--frames", "4", "--height", "64", "--width", "64", "--turns", "1", "--only", "BN")
    ],
}
GROWTH = ["--least", "8", "--most", "16", "--gigabytes", "0.003"]  # prints lines of its own form
FOLDER = runs.ROOT / "benchmarks"


def test_every_benchmark_has_a_small_form():
    assert {path.stem for path in FOLDER.glob("bench_*.py")} == SMALL.keys() | {"bench_growth"}


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs(name, tmp_path, monkeypatch, capsys):
    data_fixtures.write_folder(tmp_path, {"a": "train", "b": "train", "c": "val", "d": "test"})
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))  # a script may set it; afterwards it is as it was
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", [name, *(word.format(root=tmp_path) for word in SMALL[name])])
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if "turns" in line]
    assert lines
    for line in lines:
        assert re.search(
            r" \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d, 1 turns; .* ms, peer .* ms\)  (no goal|goal .* (met|missed))$", line
        ), line


def test_growth_says_times_memory_and_slope_of_each_stage(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEPTHNB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["bench_growth", *GROWTH])
    runpy.run_path(str(FOLDER / "bench_growth.py"), run_name="__main__")
    said = capsys.readouterr().out.splitlines()
    lines = [line for line in said if "slope" in line]
    assert [line.split("  ")[0].strip() for line in lines] == ["preparing", "one epoch", "evaluation"]
    for line in lines:
        assert re.search(
            r"8 frames .* s \d+ MB.* slope -?\d+\.\d\d  goal <= 1.1  (met|missed); extrapolated: 50,688 ", line
        )
    assert (
        len([line for line in said if re.match(r"0\.00 GB prepared, \d+ frames: preparing \d+ MB, one epoch ", line)])
        == 2
    )
    memory = [line for line in said if re.search(r"[+-]\d+ MB on the large set  goal <= 1000 MB  met$", line)]
    assert [line.split("  ")[0].strip() for line in memory] == ["preparing", "one epoch", "evaluation"]


@pytest.mark.parametrize(
    ("goal", "verdicts"),
    [({}, ["", ""]), ({"at_most": 1.0}, ["met", "missed"]), ({"at_least": 1.0}, ["missed", "met"])],
)
def test_a_goal_is_met_or_missed(goal, verdicts, monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    turns = importlib.import_module("turns")
    assert [turns.Goal(**goal).verdict(ratio) for ratio in (0.5, 2.0)] == verdicts


def test_the_side_that_works_twice_as_long_has_twice_the_ratio(monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    turns = importlib.import_module("turns")
    clock = itertools.count()
    spent = iter([0, 2, 2, 3, *(0, 2, 2, 3) * 3])  # CPU seconds before and after: ours takes 2, the peer 1
    monkeypatch.setattr(turns.time, "process_time", lambda: next(spent))
    ratio = turns.compare("work", lambda: next(clock), lambda: next(clock), turns=3, goal=turns.Goal(at_most=1.5))
    assert ratio == 2 and capsys.readouterr().out.rstrip().endswith("goal <= 1.5  missed")
