"""Benchmarks still run: at the smallest size, one turn each; what they print is for people."""

import re
import runpy
import sys

import data_fixtures
import pytest

from depthnb import runs

ROOT = ("--root", "{root}")
SMALL = {
    "bench_augment": ["--batch", "2", "--height", "24", "--width", "32", "--repeats", "1"],
    "bench_data": [
        "--root",
        "{root}",
        "--height",
        "24",
        "--width",
        "32",
        "--batch",
        "2",
        "--workers",
        "1",
        "--passes",
        "1",
    ],
    "bench_metrics": ["--images", "1", "--height", "48", "--width", "64", "--repeats", "1"],
    "bench_training": [
        "--root",
        "{root}",
        "--frames",
        "4",
        "--height",
        "64",
        "--width",
        "64",
        "--repeats",
        "1",
        "--only",
        "BN",
    ],
}


def test_every_benchmark_has_a_small_form():
    assert {path.stem for path in (runs.ROOT / "benchmarks").glob("bench_*.py")} == SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs(name, tmp_path, monkeypatch, capsys):
    data_fixtures.write_folder(tmp_path, {"a": "train", "b": "train", "c": "val", "d": "test"})
    monkeypatch.setattr(sys, "argv", [name, *(word.format(root=tmp_path) for word in SMALL[name])])
    runpy.run_path(str(runs.ROOT / "benchmarks" / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert re.search(r"\d\.\d+ (ms|s|batches/s)|ms an image", said), said
