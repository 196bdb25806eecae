"""Sweeps on every engine: what is made, tried again, left alone, stopped; and what a file of lines may hold."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import small_notebooks
from small_notebooks import MEET, gone, wait_for

import depthnb
from depthnb import cli
from depthnb.jobs import engines, plans, sweep

ROOT = Path(depthnb.__file__).parents[1]
# no training: what a notebook leaves is a finished run; epochs say what happens before
CELLS = (
    MEET,
    """
once = Path(folder, run)
if epochs == 5 or epochs == 4 and not once.exists():
    once.touch()
    raise ValueError("the weather")
time.sleep(120 if epochs == 6 else 0)
""",
    """
place = Path(os.environ["DEPTHNB_REPORTS"], "90_toy", run)
place.mkdir(parents=True)
(place / "run.json").write_text('{"finished": true, "epochs": %d, "seed": %d}' % (epochs, seed))
""",
)


def write(folder: Path, *lines: str) -> Path:
    """A file of lines, each for the notebook beside it."""
    notebook = small_notebooks.write(folder / "90_toy.ipynb", *CELLS)
    (folder / "params").mkdir()
    (folder / "params" / "90_toy-rooms-full.yaml").write_text(f"run: rooms-full\nepochs: 3\nfolder: {folder}\n")
    file = folder / "mine.txt"
    file.write_text("# notebook name changes\n\n" + "".join(f"{notebook}  {line}\n" for line in lines))
    return file


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(params=["local", "submitit", "ray"])
def engine(request, tmp_path, reports):
    """Two runs at a time, on this machine whoever manages it."""
    if request.param == "local":
        return lambda: engines.Local(2)
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed: pip install -e '.[cluster]'")
    if request.param == "submitit":
        return lambda: engines.Submitit(2, tmp_path / "logs", {"timeout_min": 5}, cluster="local")
    return lambda: engines.Ray(2, {"num_cpus": 1})


def records(reports: Path) -> dict[str, dict]:
    return {file.parent.name: json.loads(file.read_text()) for file in reports.glob("90_toy/*/run.json")}


def test_a_sweep_makes_what_is_missing_and_tries_again(engine, tmp_path, reports):
    file = write(tmp_path, "full", "there epochs=7", "flaky epochs=4", "bad epochs=5")
    there = reports / "90_toy" / "ablation-there-0"
    there.mkdir(parents=True)
    (there / "run.json").write_text('{"finished": true, "of": "before"}')
    seen: list[tuple[str, str]] = []
    table = sweep.sweep(
        plans.plan(file), engine(), tmp_path / "out", retries=1, told=lambda row: seen.append((row.task.run, row.state))
    ).set_index("run")
    assert table["state"].to_dict() == {
        "rooms-full": "done", "ablation-there-0": "there already", "ablation-flaky-0": "done", "ablation-bad-0": "failed"
    }  # fmt: skip
    assert table["tries"].tolist() == [1, 0, 2, 2]
    assert "ValueError: the weather" in table["said"]["ablation-bad-0"]
    made = records(reports)
    assert made.keys() == {"rooms-full", "ablation-there-0", "ablation-flaky-0"}
    assert made["ablation-there-0"]["of"] == "before" and made["ablation-flaky-0"]["epochs"] == 4
    assert ("ablation-flaky-0", "failed") in seen and ("ablation-flaky-0", "done") in seen
    assert pd.read_csv(tmp_path / "out" / "sweep.csv").state.tolist() == table["state"].tolist()
    assert (tmp_path / "out" / "90_toy" / "rooms-full.ipynb").is_file()
    assert all(table["where"][row] for row in ("rooms-full", "ablation-bad-0"))


def test_a_run_that_had_to_take_another_name_counts_if_its_parameters_are_these(tmp_path, reports):
    """An unfinished run of other parameters may stand in the way of its own."""
    (task,) = plans.plan(write(tmp_path, "longer epochs=7"))
    for name, params in (("0a1b2c3d", {**task.parameters, "epochs": 8}), ("note", task.parameters)):
        folder = reports / "90_toy" / f"{task.run}-{name}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"finished": True, "params": params}))
    assert not task.finished()
    (reports / "90_toy" / f"{task.run}-0a1b2c3d" / "run.json").write_text(
        json.dumps({"finished": True, "params": {**task.parameters, "device": "cpu"}})
    )
    assert task.finished()


def test_a_stopped_sweep_keeps_what_is_finished_and_ends_the_rest(engine, tmp_path, reports):
    """Stopped when the quick run is done; the others would take two minutes, and the last has not begun where two fit."""
    file = write(tmp_path, "full", "long epochs=6", "longer epochs=6 learning_rate=0.1")

    def told(row):
        if row.state == "done":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(plans.plan(file), engine(), tmp_path / "out", told=told)
    assert records(reports).keys() == {"rooms-full"}
    table = pd.read_csv(tmp_path / "out" / "sweep.csv").set_index("run")
    assert table["state"].to_dict() == {
        "rooms-full": "done", "ablation-long-0": "stopped", "ablation-longer-0": "stopped"
    }  # fmt: skip
    assert gone(tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_ctrl_c_ends_the_command_and_the_next_one_goes_on(tmp_path, reports):
    file = write(tmp_path, "full", "long epochs=6")
    words = [sys.executable, "-m", "depthnb.cli", "sweep", str(file), "--jobs", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (reports / "90_toy" / "rooms-full" / "run.json").exists() and (tmp_path / "pid-0").exists())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert gone(tmp_path)
    told = subprocess.run([*words, "--dry-run"], capture_output=True, text=True, timeout=60).stdout
    assert "2 runs, 1 there already, 1 to make" in told and "to make  90_toy/ablation-long-0  epochs=6" in told


def test_the_file_of_the_evidence_gives_the_runs_that_make_gives():
    tasks = {task.label: task for task in plans.plan(ROOT / "notebooks/params/evidence.txt", seeds=(0, 1))}
    assert {"03_eigen/rooms-full", "03_eigen/rooms-full-seed1", "03_eigen/ablation-faster-1"} <= tasks.keys()
    assert tasks["03_eigen/ablation-faster-1"].parameters == {
        "run": "ablation-faster-1", "epochs": 41, "precision": "32-true", "learning_rate": 0.003, "seed": 1
    }  # fmt: skip
    assert tasks["02_bn_cnn/ablation-longer-0"].parameters["rival"] == ""
    kept = {f"{file.parents[1].name}/{file.parent.name}" for file in ROOT.glob("reports/*/ablation-*/run.json")}
    assert len(kept & tasks.keys()) >= 5, "the committed runs are called otherwise"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("03_eigen", "line 1: found '03_eigen'; expected a notebook, a name, and parameter=value"),
        ("03_egen full", "line 1: there is no notebook '03_egen'; did you mean 03_eigen?"),
        ("03_eigen faster learning_rte=0.1", "line 1: unknown parameter 'learning_rte'; did you mean 'learning_rate'"),
        ("03_eigen faster learning_rate 0.1", "line 1: found 'learning_rate'; expected parameter=value without blanks"),
        ("03_eigen faster learning_rate=fast", "line 1: parameter 'learning_rate' must be float, found str 'fast'"),
        ("03_eigen faster", "line 1: only the line 'full' changes nothing"),
        ("03_eigen full epochs=2", "line 1: a line 'full' changes nothing"),
        ("03_eigen a/b epochs=2", "line 1: 'a/b' makes the run 'ablation-a/b-0', which is no name"),
        ("03_eigen " + "x" * 300 + " epochs=2", "100 characters at most"),
        ("03_eigen other seed=2", "line 1: seed is set by the sweep"),
        ("03_eigen full\n03_eigen full", "line 2: the run 03_eigen/rooms-full comes twice"),
        ("# nothing", "holds no line such as"),
        ("12_your_photo full", "12_your_photo has no preset 'rooms-full'"),
    ],
)
def test_a_line_that_cannot_be_is_named(line, said, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text(line)
    assert cli.main(["sweep", str(tmp_path / "mine.txt"), "--dry-run"]) == 1
    answer = capsys.readouterr().err
    assert said in answer and answer.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "0"], "--jobs is 1 or more"),
        (["--seeds", "-1"], "'seed' must be a whole number from 0"),
        (["--set", "partition"], "--set 'partition'; expected NAME=VALUE"),
        (["--set", "partition=gpu"], "--set belongs to slurm and ray; found partition"),
        (["--out", "mine.txt"], "--out mine.txt is a file"),
        (["--preset", "nope"], "has no preset 'nope'"),
    ],
)
def test_words_that_cannot_be_are_refused(words, said, tmp_path, capsys, monkeypatch, reports):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "full")
    assert cli.main(["sweep", "mine.txt", *words]) == 1
    assert said in capsys.readouterr().err
    assert not reports.exists()


@pytest.mark.skipif(importlib.util.find_spec("submitit") is None, reason="submitit is not installed")
def test_without_slurm_it_says_so(tmp_path, capsys, monkeypatch, reports):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    write(tmp_path, "full")
    assert cli.main(["sweep", str(tmp_path / "mine.txt"), "--on", "slurm", "--out", str(tmp_path / "out")]) == 1
    assert "there is no SLURM here" in capsys.readouterr().err


@pytest.mark.parametrize(("on", "package"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_package_is_named(on, package, tmp_path, capsys, monkeypatch, reports):
    monkeypatch.setitem(sys.modules, package, None)
    write(tmp_path, "full")
    assert cli.main(["sweep", str(tmp_path / "mine.txt"), "--on", on, "--out", str(tmp_path / "out")]) == 1
    assert f"this needs the package {package}: pip install -e '.[cluster]'" in capsys.readouterr().err


def test_all_runs_are_asked_to_end_before_any_is_waited_for(tmp_path, reports, monkeypatch):
    """SLURM takes its time for each job; together they have one limit."""
    monkeypatch.setattr(sweep, "PATIENCE", 0.3)
    heard: list[tuple[str, float]] = []

    class Slow:
        def state(self):
            raise KeyboardInterrupt

        def where(self):
            return "far away"

        def cancel(self):
            heard.append(("cancel", 0.0))

        def wait(self, seconds):
            heard.append(("wait", seconds))
            time.sleep(seconds)

    class Engine:
        def submit(self, tasks, folder):
            return [Slow() for _ in tasks]

        def close(self):
            heard.append(("close", 0.0))

    file = write(tmp_path, "full", "long epochs=6", "longer epochs=7")
    with pytest.raises(KeyboardInterrupt):
        sweep.sweep(plans.plan(file), Engine(), tmp_path / "out")
    assert [what for what, _ in heard] == ["cancel"] * 3 + ["wait"] * 3 + ["close"]
    assert sum(seconds for _, seconds in heard) < 0.3 + 1e-6, "one limit for all"


def test_ray_refuses_what_no_machine_has():
    pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[cluster]'")
    with pytest.raises(ValueError, match=r"no machine has CPU 1 and GPU 64 at once \(there are: CPU 2"):
        engines.Ray(2, {"num_gpus": 64})
