"""Notebooks run by the command: one process and several, one machine and several, and what is left when one of them fails."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import small_notebooks
from small_notebooks import GROUP, MEET, NETS, PARAMETERS, TRAINING, gone, wait_for

from depthnb import cli
from depthnb.jobs import running
from depthnb.jobs.group import Group
from depthnb.jobs.running import Failed

HELPERS = Path(__file__).parents[1] / "helpers"
PATHS = os.pathsep.join([str(HELPERS), str(HELPERS.parents[1])])


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Kernels find depthnb and the toys."""
    monkeypatch.setenv("PYTHONPATH", PATHS)


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "depthnb.cli", "run", *map(str, words)]


def test_two_processes_train_what_one_does(tmp_path, reports, capsys):
    """Uneven shares: 9 frames in batches of 4, and 5 to judge."""
    toy = small_notebooks.write(tmp_path / "90_toy.ipynb", TRAINING, imports=NETS)
    assert (
        cli.main(["run", str(toy), "-p", "run", "two", "--processes", "2", "--out", str(tmp_path / "two.ipynb")]) == 0
    )
    assert "two.ipynb; its runs lie in" in capsys.readouterr().out
    scope = {"__name__": "alone", "before": set()}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(NETS + PARAMETERS + TRAINING.replace("runs.check_parameters(globals(), before)", "GIVEN"),
             scope | {"GIVEN": {"run": "one", "seed": 0, "device": "cpu"}})  # fmt: skip
    one, two = (json.loads((reports / "90_toy" / name / "run.json").read_text()) for name in ("one", "two"))
    assert (one["processes"], two["processes"]) == (1, 2)
    expected = {name: value for name, value in one["metrics"]["test"].items() if value is not None}
    assert {"abs_rel", "rmse", "silog"} <= expected.keys()
    assert {name: two["metrics"]["test"][name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert sorted(file.name for file in tmp_path.glob("*.ipynb")) == ["90_toy.ipynb", "two.ipynb"]
    outputs = [cell.get("outputs") for cell in json.loads((tmp_path / "two.ipynb").read_text())["cells"]]
    assert "run folder: reports/90_toy/two (new)" in json.dumps(outputs), "the first process's notebook is kept"


SRUN = """#!/bin/bash
# as many tasks as --ntasks says, each with its number; all end when one fails
for word in "$@"; do
    case "$word" in --ntasks=*) tasks=${word#--ntasks=};; --*) ;; *) break;; esac
    shift
done
for ((node = 0; node < tasks; node++)); do
    SLURM_NODEID=$node SLURM_PROCID=$node SLURM_STEP_NUM_TASKS=$tasks SLURM_STEP_NUM_NODES=$tasks SLURM_NTASKS=$tasks "$@" &
done
for ((node = 0; node < tasks; node++)); do wait -n || exit 1; done
"""


def free_port(port):
    with socket.socket() as asked, contextlib.suppress(OSError):
        asked.bind(("127.0.0.1", port))
        return True
    return False


def test_the_batch_script_brings_two_machines_together(tmp_path, monkeypatch, capsys):
    """SLURM's own commands are played; the two machines are this one."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "it's here"  # a name that a shell has to be told
    notebook = small_notebooks.write(place / "90_toy.ipynb", GROUP, imports="import torch\n" + small_notebooks.IMPORTS)
    words = ["-p", "folder", str(place), "--nodes", "2", "--out", str(place / "out.ipynb"), "--slurm", "toy.sbatch"]
    assert cli.main(["run", str(notebook), *words]) == 0
    script = (tmp_path / "toy.sbatch").read_text()
    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n#SBATCH --gpus-per-node=1" in script
    assert cli.main(["run", str(notebook), *words]) == 1
    assert "toy.sbatch exists already" in capsys.readouterr().err
    tools = tmp_path / "tools"
    for name, text in {"srun": SRUN, "scontrol": "#!/bin/bash\necho 127.0.0.1\necho other\n"}.items():
        tools.mkdir(exist_ok=True)
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    job = next(
        number for number in range(10000) if free_port(20000 + number)
    )  # the script makes the port of the job's number
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SLURM_JOB_ID": str(job)}
    environment["SLURM_JOB_NODELIST"] = "two"
    done = subprocess.run(["bash", "toy.sbatch"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (place / "met").read_text() == f"1.0 2 {tmp_path}"
    assert (place / "out.ipynb").is_file() and not list(place.glob("*.failed.ipynb"))


def test_one_that_fails_ends_all_and_is_named(tmp_path):
    """The first process would wait for two minutes."""
    cells = (
        MEET,
        "rank = int(os.environ['RANK'])\nif rank == 1:\n    raise ValueError('frame 7 is blue')\ntime.sleep(120)",
    )
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", *cells)
    started = time.monotonic()
    with pytest.raises(
        Failed, match=r"90_toy, process 1 of 2, failed in cell 5: ValueError: frame 7 is blue; the notebook"
    ):
        running.run(notebook, {"folder": str(tmp_path)}, tmp_path / "out.ipynb", group=Group(2))
    assert time.monotonic() - started < 110
    assert not (tmp_path / "out.ipynb").exists() and "frame 7 is blue" in (tmp_path / "out.failed.ipynb").read_text()
    assert gone(tmp_path)


def test_a_killed_kernel_is_named_and_a_good_run_clears_what_a_bad_one_left(tmp_path):
    cells = (MEET, "if not Path(folder, 'again').exists():\n    os.kill(os.getpid(), 9)")
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", *cells)
    (tmp_path / "out.failed.ipynb").write_text("of before")
    with pytest.raises(Failed, match="90_toy failed: DeadKernelError: Kernel died"):
        running.run(notebook, {"folder": str(tmp_path)}, tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()
    (tmp_path / "again").touch()
    assert running.run(notebook, {"folder": str(tmp_path)}, tmp_path / "out.ipynb").exists()
    assert not (tmp_path / "out.failed.ipynb").exists()
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.skipif(os.name != "posix", reason="sockets in files")
@pytest.mark.parametrize(("deep", "expected"), [("", "ipc"), ("x" * 100, "tcp")])
def test_kernels_listen_in_their_folder_where_its_name_is_short_enough(tmp_path, monkeypatch, deep, expected):
    """Two kernels that start together may choose the same port, and then one of them dies."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    if deep:
        (tmp_path / deep).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / deep))
    else:
        monkeypatch.setenv("TMPDIR", "/tmp")
    told = "from ipykernel.connect import get_connection_info\nimport json\n"
    told += "Path(folder, 'told').write_text(json.dumps(get_connection_info(unpack=True), default=str))"
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", told)
    running.run(notebook, {"folder": str(tmp_path)}, tmp_path / "out.ipynb")
    found = json.loads((tmp_path / "told").read_text())
    assert found["transport"] == expected
    assert not Path(found["ip"]).parent.exists() or expected == "tcp", "the sockets have gone with their folder"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_stopping_the_command_ends_every_process(tmp_path, number, code):
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", MEET, "time.sleep(120)")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        command(notebook, "-p", "folder", tmp_path, "--processes", 2, "--out", tmp_path / "out.ipynb"),
        stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    wait_for(lambda: len(list(tmp_path.glob("pid-*"))) == 2 or process.poll() is not None)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert gone(tmp_path)
    assert not list(tmp_path.glob("out*"))
    assert wait_for(lambda: not list(scratch.iterdir()))


@pytest.mark.parametrize("moment", ["running.Meeting", "running._wait"])
def test_one_killed_while_it_starts_the_others_leaves_nothing(tmp_path, moment):
    """While they are brought together; and before those that it has started could look who started them."""
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", MEET, "time.sleep(120)")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    script = f"""
import os, sys
from depthnb.jobs import running
from depthnb.jobs.group import Group
def killed(*_):
    os._exit(9)
{moment} = killed
running.run(sys.argv[1], {{"folder": sys.argv[2]}}, sys.argv[2] + "/out.ipynb", group=Group(2))
"""
    environment = {**os.environ, "TMPDIR": str(scratch)}
    done = subprocess.run(
        [sys.executable, "-c", script, notebook, tmp_path], env=environment, stderr=subprocess.DEVNULL
    )
    assert done.returncode == 9
    assert wait_for(lambda: not list(scratch.iterdir()))
    assert not list(tmp_path.glob("pid-*")) and not list(tmp_path.glob("out*"))


def kernels(folder: Path) -> list[psutil.Process]:
    """Those whose address lies in this folder."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(word.startswith(f"{folder}/") and word.endswith(".json") for word in process.info["cmdline"] or ())
    ]


HELD = """
import sys, time
from pathlib import Path
if any("ipykernel" in word for word in sys.orig_argv):
    go = Path(__file__).with_name("go")
    go.with_name("held").touch()
    while not go.exists():
        time.sleep(0.05)
"""


@pytest.mark.parametrize("target", ["command", "worker"])
def test_a_kernel_that_still_starts_when_its_starter_is_killed_leaves_nothing(tmp_path, target):
    """It would make its folder anew where that is gone already; it is held until that is so."""
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", MEET, "time.sleep(120)")
    scratch, start = tmp_path / "scratch", tmp_path / "start"
    scratch.mkdir()
    start.mkdir()
    (start / "sitecustomize.py").write_text(HELD)
    paths = os.pathsep.join([str(start), PATHS])
    process = subprocess.Popen(
        command(notebook, "-p", "folder", tmp_path, "--out", tmp_path / "out.ipynb"),
        stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(scratch), "PYTHONPATH": paths},
    )  # fmt: skip
    assert wait_for(lambda: (start / "held").exists() and kernels(scratch))
    (kernels(scratch)[0].parent() if target == "worker" else process).kill()
    assert process.wait(60) == (1 if target == "worker" else -9)
    assert wait_for(lambda: not list(scratch.iterdir()))
    (start / "go").touch()
    assert wait_for(lambda: not kernels(scratch) and not list(scratch.iterdir()))
    assert not list(tmp_path.glob("pid-*")) and not list(tmp_path.glob("out*"))


def test_a_run_in_a_thread_is_stopped_by_an_event(tmp_path):
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", MEET, "time.sleep(120)")
    stop = threading.Event()
    threading.Thread(target=lambda: (wait_for(lambda: list(tmp_path.glob("pid-*"))), stop.set())).start()
    with pytest.raises(running.Stopped):
        running.run(notebook, {"folder": str(tmp_path)}, tmp_path / "out.ipynb", stop=stop)
    assert gone(tmp_path)


def test_machines_that_were_asked_for_different_things_say_so(tmp_path):
    notebook = small_notebooks.write(tmp_path / "90_toy.ipynb", "time.sleep(120)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    machines = [
        subprocess.Popen(
            command(notebook, "-p", "seed", node, "--nodes", 2, "--node-rank", node, "--master", f"127.0.0.1:{port}"),
            stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )
        for node in (0, 1)
    ]  # fmt: skip
    said = [machine.communicate(timeout=60)[1] for machine in machines]
    assert [machine.returncode for machine in machines] == [1, 1]
    assert all("start all with the same words" in each and "Traceback" not in each for each in said), said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["03_egen"], "no notebook '03_egen'; did you mean 03_eigen"),
        (["03_eigen", "-p", "epoch", "4"], "unknown parameter 'epoch'; did you mean 'epochs'"),
        (["03_eigen", "-p", "epochs", "many"], "'epochs' must be int, found str 'many'"),
        (["03_eigen", "-p", "epochs", "4", "-p", "epochs", "5"], "-p epochs was given twice"),
        (["03_eigen", "-p", "import os", "4"], "-p holds 'import os', which is no name"),
        (["03_eigen", "-p", "seed", str(2**70)], "'seed' must be a whole number from 0 to 4294967295"),
        (["03_eigen", "-p", "run", "x" * 300], "100 characters at most"),
        (["03_eigen", "--preset", "romms"], "has no preset 'romms'; it has kitti, make3d, paper, rooms-full"),
        (["03_eigen", "-f", "nothing.yaml"], "nothing.yaml is not there; expected a YAML file"),
        (["03_eigen", "--processes", "0"], "are 1 or more, found 0 and 1"),
        (["03_eigen", "--processes", "40"], "batch_size 32 is shared by 40 processes"),
        (["03_eigen", "--nodes", "2", "--node-rank", "2", "--master", "a:1"], "--node-rank 2 does not fit --nodes 2"),
        (["03_eigen", "--nodes", "2"], "--master '' is no host:port"),
        (["03_eigen", "--nodes", "2", "--master", "here"], "--master 'here' is no host:port"),
        (["03_eigen", "--master", "here:1"], "--master belongs to several machines"),
        (["12_your_photo", "--processes", "2"], "12_your_photo trains nothing that processes could share"),
        (["03_eigen", "--out", "."], "--out . is a folder"),
        (["03_eigen", "--out", "a.html"], "the name of a notebook ends in .ipynb"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(words, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was started"))
    assert cli.main(["run", *words]) == 1
    answer = capsys.readouterr().err
    assert said in answer and answer.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"learning rate: 0.1", "holds 'learning rate', which is no name of a parameter"),
        (b"'epochs = 1; import os; x': 2", "holds 'epochs = 1; import os; x', which is no name"),
        (b"true: 3", "holds True, which is no name"),
        (b"learning_rate: 1e-3", "'learning_rate' must be float, found str '1e-3' (in YAML write 1.0e-3, not 1e-3)"),
        (b"- epochs", "holds a list; expected lines like epochs: 41"),
        (b"epochs: [1", "is no YAML"),
        (b"epochs: \xff", "is no YAML"),
        (b"\x00", "is no YAML"),
        (b"[" * 5000, "is no YAML"),
        (b"epochs: {a: 1}", "'epochs' must be int, found dict"),
        (b"seed: 2020-01-01", "'seed' must be int, found date"),
    ],
)
def test_a_file_of_parameters_that_cannot_be_is_refused(content, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_bytes(content)
    assert cli.main(["run", "03_eigen", "-f", "mine.yaml"]) == 1
    answer = capsys.readouterr().err
    assert said in answer and answer.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


def test_the_last_value_wins_and_a_text_is_read_as_its_parameter_asks(tmp_path):
    from depthnb.jobs import notebooks

    (tmp_path / "mine.yaml").write_text("epochs: 7\nseed: 3\n")
    (tmp_path / "empty.yaml").write_text("")
    found = notebooks.values(
        notebooks.find("03_eigen.ipynb"), preset="rooms-full", files=[tmp_path / "mine.yaml", tmp_path / "empty.yaml"],
        given={"seed": "4", "decay": "false", "learning_rate": "1", "third": "007"},
    )  # fmt: skip
    assert found == {
        "run": "rooms-full", "epochs": 7, "precision": "32-true", "seed": 4, "decay": False, "learning_rate": 1.0,
        "third": "007",
    }  # fmt: skip
