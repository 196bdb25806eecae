"""The run folder: parameters as papermill and a reader give them, and that nothing half-written counts as a result."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from toys import Net, Toy

from depthnb import evaluation, metrics, models, runs, training

# --- parameters -------------------------------------------------------------------------------------------------------

IMPORTS = "import math\nfrom depthnb import data, runs\nbefore = set(globals())"
DECLARED = """
epochs: int = 10  # passes
learning_rate: float = 0.001
height: int = 114
dataset: str = "rooms"
decay: bool = True
run: str = "quick"
seed: int = 0
device: str = "auto"
"""
CHECK = "parameters = runs.check_parameters(globals(), before)"


@pytest.fixture
def cells():
    """Run notebook cells one after the other in one IPython namespace; returns that namespace, or raises."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()

    def run(*sources: str) -> dict:
        for source in sources:
            shell.run_cell(source, store_history=True).raise_error()
        return shell.user_ns

    return run


@pytest.mark.parametrize(("value", "hint"), [("Rooms", "; did you mean 'rooms'\\?"), ("garden", "$")])
def test_a_value_that_is_no_choice_is_refused_with_the_choices(cells, value, hint):
    check = 'parameters = runs.check_parameters(globals(), before, dataset=("rooms", "streets"))'
    assert cells(IMPORTS, DECLARED, check)["parameters"]["dataset"] == "rooms"
    with pytest.raises(ValueError, match=f"'dataset' is one of 'rooms', 'streets', found '{value}'{hint}"):
        cells(IMPORTS, DECLARED, f"dataset = {value!r}", check)


def test_parameters_as_declared_or_injected(cells):
    scope = cells(IMPORTS, DECLARED, "epochs = 41\nlearning_rate = 1\ndecay = False", CHECK)
    assert scope["parameters"] == {
        "epochs": 41, "learning_rate": 1.0, "height": 114, "dataset": "rooms", "decay": False, "run": "quick",
        "seed": 0, "device": "auto",
    }  # fmt: skip
    assert type(scope["learning_rate"]) is float, "a whole number where a float is declared becomes one"


@pytest.mark.parametrize(
    ("injected", "said"),
    [
        (
            "epoch = 41",
            r"unknown parameter 'epoch'; did you mean 'epochs'\? This notebook knows: epochs, learning_rate",
        ),
        ("lr = 0.1", r"unknown parameter 'lr'; This notebook knows"),
        ("data = 'nyu-v2'", "unknown parameter 'data'; did you mean 'dataset'"),  # over the module of the imports cell
        ("learning_rate = '1e-3'", r"'learning_rate' must be float, found str '1e-3' \(in YAML write 1.0e-3"),
        ("epochs = '41'", "'epochs' must be int, found str '41'"),
        ("epochs = 41.0", "'epochs' must be int, found float 41.0"),
        ("epochs = True", "'epochs' must be int, found bool True"),
        ("epochs = None", "'epochs' must be int, found NoneType None"),
        ("decay = 0", "'decay' must be bool, found int 0"),
        ("epochs = 0", "'epochs' must be at least 1, found 0"),
        ("learning_rate = -0.1", "'learning_rate' must be between 0 and 10"),
        ("learning_rate = float('nan')", "'learning_rate' must be between 0 and 10"),
        ("height = 8", "0 or at least 16 pixels, found 8"),
        ("device = 'gpu'", "'device' must be auto, cpu, cuda or mps"),
        ("run = '../elsewhere'", "'run' must be a letter, then letters"),
        ("run = '1'", "'run' must be a letter"),
        ("epochs = 2**70", r"'epochs' must be at most \d+, found a number of 71 bits"),
        ("dataset = 'a' * 100_000", "'dataset' must be a text of at most 4,000 characters.* found 100,000 characters"),
        ("dataset = 'a' + chr(0)", "'dataset' must be a text .* found a NUL character"),
        ("run = 'x' * 300", r"'run' must be a letter.*100 characters at most, found 'x{37}\.\.\.$"),
        (f"seed = {2**70}", f"'seed' must be a whole number from 0 to 4294967295, found {2**70}"),
        (
            "# Parameters\nepochs = 2\nimport sys",
            "the cell of injected parameters holds 'import sys', which is no name",
        ),
        ("# Parameters\nepochs = print(3)", r"holds 'epochs = print\(3\)', which is no name"),
        ("# Parameters\nepochs = _x = 3", "holds 'epochs = _x = 3', which is no name"),
        ("# Parameters\n_x = 3", "holds '_x', which is no name"),
    ],
)
def test_a_wrong_parameter_is_refused(cells, injected, said):
    with pytest.raises(ValueError, match=said):
        cells(IMPORTS, DECLARED, injected, CHECK)


def test_a_seed_is_one_that_every_library_takes(cells):
    assert cells(IMPORTS, DECLARED + "seed: int = 0", "seed = 2**32 - 1", CHECK)["parameters"]["seed"] == 2**32 - 1
    with pytest.raises(ValueError, match="'seed' must be a whole number from 0 to 4294967295, found 4294967296"):
        cells(IMPORTS, DECLARED + "seed: int = 0", "seed = 2**32", CHECK)


def test_what_papermill_injects_is_taken(cells):
    """Also the values for which it writes no literal."""
    from papermill.translators import PythonTranslator

    given = {"epochs": 3, "learning_rate": -1.0, "dataset": "it's", "decay": False}
    with pytest.raises(ValueError, match="'learning_rate' must be between"):
        cells(IMPORTS, DECLARED, PythonTranslator.codify({**given, "learning_rate": math.nan}), CHECK)
    with pytest.raises(ValueError, match=r"'learning_rate' must be between .*found -1\.0"):
        cells(IMPORTS, DECLARED, PythonTranslator.codify(given), CHECK)
    scope = cells(IMPORTS, DECLARED, PythonTranslator.codify({**given, "learning_rate": 0.1}), CHECK)
    assert scope["parameters"]["dataset"] == "it's"


def test_parameters_can_be_checked_again_by_hand(cells):
    """After later cells have made names of their own, and with a changed value; the value is still checked."""
    scope = cells(IMPORTS, DECLARED, CHECK, "loss_value = 3.0\nepoch = 7", DECLARED, "epochs = 3", CHECK)
    assert scope["parameters"]["epochs"] == 3
    with pytest.raises(ValueError, match="at least 1"):
        cells("epochs = 0", CHECK)


def test_postponed_annotations_are_understood(cells):
    scope = cells("from __future__ import annotations", IMPORTS, DECLARED, "epochs = 5", CHECK)
    assert scope["parameters"]["epochs"] == 5


def scope_of(*sources: str) -> dict:
    """A namespace as Python 3.14 leaves it in a notebook: the cells are remembered, their annotations are not (PEP 649)."""
    scope: dict = {"In": ["", *sources], "__name__": "no such module"}
    for source in sources:
        exec(source, scope)
        scope.pop("__annotations__", None)
        scope.pop("__annotate__", None)
    return scope


def test_parameters_are_read_from_the_cell_where_a_namespace_forgets_them():
    scope = scope_of(IMPORTS, DECLARED, "epochs = 41")
    before = scope["before"]
    assert runs.check_parameters(scope, before)["epochs"] == 41
    scope = scope_of(IMPORTS, DECLARED, "epoch = 41")
    with pytest.raises(ValueError, match="unknown parameter 'epoch'; did you mean 'epochs'"):
        runs.check_parameters(scope, scope["before"])
    with pytest.raises(ValueError, match="run the cell tagged 'parameters' first"):
        runs.check_parameters({"In": [""], "__name__": "none"}, set())


def test_only_a_cell_of_declarations_declares(cells):
    scope = cells(IMPORTS, DECLARED, CHECK, "counter: int = 0\nprint(counter)", "%who_ls", CHECK)
    assert "counter" not in scope["parameters"] and scope["parameters"]["epochs"] == 10


def test_a_script_made_of_a_notebook_declares_too(tmp_path):
    """As `jupyter nbconvert --to script` writes it: there is no history of cells, the module itself is asked."""
    script = tmp_path / "script.py"
    script.write_text("\n".join([IMPORTS, DECLARED, "epochs = 7", CHECK, "print(parameters['epochs'])"]))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout == "7\n", done.stderr


def test_a_cell_that_declares_nothing_says_so(cells):
    with pytest.raises(ValueError, match="run the cell tagged 'parameters' first"):
        cells(IMPORTS, "epochs = 3", CHECK)


def test_a_parameter_of_an_unusable_kind_says_so(cells):
    with pytest.raises(ValueError, match=r"'sizes' is declared as list\[int\]; a parameter is an int"):
        cells(IMPORTS, "sizes: list[int] = [1]", CHECK)


# --- the run folder ---------------------------------------------------------------------------------------------------

PARAMETERS = {"dataset": "toy", "data_root": "", "run": "quick", "epochs": 2, "seed": 0, "device": "cpu"}


def start(**changed):
    return runs.start("02_toy", {**PARAMETERS, **changed}, data={"train": Toy(10), "test": Toy(4)})


def test_new_resumed_anew_and_another(reports, capsys):
    """Same hash unfinished: resume; finished: anew, beside the old result; other parameters: a folder of their own."""
    first = start()
    assert first.folder == reports / "02_toy" / "quick.unfinished"
    first.checkpoint().write_text("epoch 1")
    (first.folder / "history.csv.part").write_text("half")
    second = start()
    assert second.folder == first.folder and second.checkpoint().read_text() == "epoch 1"
    assert not (first.folder / "history.csv.part").exists()
    second.save_table(pd.DataFrame({"a": [1]}), "old")
    assert second.finish() == reports / "02_toy" / "quick" / "run.json"
    assert second.folder == reports / "02_toy" / "quick" and not first.folder.exists()
    assert not second.checkpoint().exists(), "a finished run needs no checkpoint"
    assert [each["run"] for each in runs.finished()] == ["quick"]

    third = start()
    assert third.folder == first.folder and not (third.folder / "tables").exists()
    assert [each["folder"] for each in runs.finished()] == [second.folder], (
        "the old result stays until the new one is there"
    )
    other = start(epochs=3)
    assert other.place.name == f"quick-{other.hash}" and other.hash != first.hash
    other.checkpoint().write_text("epoch 1")
    assert start(epochs=3).checkpoint().exists()
    third.finish()
    assert not (second.folder / "tables").exists(), "nothing of the old result is left in the new one"
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("run folder")]
    assert lines == [
        "run folder: reports/02_toy/quick (new)",
        "run folder: reports/02_toy/quick (unfinished before, resumed)",
        "run folder: reports/02_toy/quick (finished before; made anew, and the old result stays until then)",
        f"run folder: reports/02_toy/quick-{other.hash} (new)",
        f"run folder: reports/02_toy/quick-{other.hash} (unfinished before, resumed)",
    ]


def test_the_hash_stands_for_parameters_data_and_code_but_not_for_places(reports, monkeypatch):
    same = {start().hash, start(run="another").hash}
    assert len(same) == 1
    assert start(data_root="/home/a/nyu.mat").hash == start(data_root="/mnt/b/nyu.mat").hash
    others = {start(seed=1).hash, start(epochs=3).hash}
    monkeypatch.setattr(Toy, "fingerprint", "other")
    others.add(start().hash)
    monkeypatch.setattr("depthnb.__version__", "99")
    others.add(start().hash)
    assert len(others) == 4 and not others & same


def test_a_damaged_record_is_named_and_can_be_trained_over(reports):
    run = start()
    run.finish()
    for text in ('{"hash": "0', "[1, 2]", ""):
        (run.folder / "run.json").write_text(text)
        problems = []
        assert runs.finished(problems=problems) == []
        (said,) = problems
        assert re.match(
            r"02_toy/quick/run\.json is left out: it is damaged .*delete this run folder and train again", said
        )
    start().finish()
    assert len(runs.finished()) == 1


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_kill_while_results_are_exchanged_leaves_a_whole_one(reports, monkeypatch, fails_at):
    """Between two renames: the next start of the same run finishes what was begun."""
    start().finish()
    run, calls, original = start(), [], os.replace
    run.record(second=True)

    def killed(source, target):
        if Path(source).is_dir():
            calls.append(source)
            if len(calls) == fails_at:
                raise KeyboardInterrupt
        return original(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        run.finish()
    assert all("second" not in each for each in runs.finished())
    start()
    (record,) = runs.finished()
    assert record["second"] is True and sorted(f.name for f in (reports / "02_toy").iterdir() if f.name[0] != ".") == [
        "quick", "quick.unfinished",
    ]  # fmt: skip


def test_an_unfinished_record_does_not_exist(reports):
    run = start()
    assert runs.finished() == []
    run.finish()
    record = json.loads((run.folder / "run.json").read_text())
    for value in (False, None, "true"):
        (run.folder / "run.json").write_text(json.dumps({**record, "finished": value}))
        assert runs.finished() == []


def test_the_price_is_that_of_the_judged_stages(reports):
    seconds = {"ours": 3.0, "rival": 5.0}
    histories = {name: training.History([{"epoch": 1, "seconds": value}]) for name, value in seconds.items()}
    for judged, price in ((None, 8.0), (["ours"], 3.0), (["ours", "rival"], 8.0)):
        run = start()
        run.save_history(judged=judged, **histories)
        assert run.record_["training_seconds"] == price


def test_a_run_says_in_which_precision_it_was_computed(reports):
    run = start()
    options = {"loss": _loss, "epochs": 1, "batch_size": 4, "device": "cpu", "progress": False}
    histories = {}
    for precision in ("auto", "bf16-mixed"):
        model = Net()
        histories[precision] = training.fit(
            model, Toy(), optimizer=torch.optim.Adam(model.parameters()), precision=precision, **options
        )
    run.save_history(judged=["auto"], **histories)
    assert run.record_["precision"] == training.fast_precision("cpu")
    run.save_history(judged=["bf16-mixed"], **histories)
    assert run.record_["precision"] == "bf16-mixed"


def test_what_a_record_holds(reports):
    run = start(data_root="/home/somebody/rgbd")
    model, test = Net(), Toy(4, seed=1)
    run.save_model(model)
    history = training.fit(
        model, Toy(), loss=_loss, optimizer=torch.optim.Adam(model.parameters()), epochs=2, batch_size=4,
        device="cpu", progress=False, checkpoint=run.checkpoint(),
    )  # fmt: skip
    run.save_history(only=history)
    run.save_evaluation("test", evaluation.evaluate(model, test), evaluation.baselines(Toy(), test))
    run.record(published=[{"metric": "rmse", "value": 0.9}], odd={"nan": math.nan, "inf": math.inf}, path=Path("/a/b"))
    run.record(array=np.arange(2), tensor=torch.tensor(1.5), number=np.float32(0.5), truth=np.bool_(True))
    run.finish()
    (record,) = runs.finished("02_toy")
    assert record["finished"] is True and record["folder"] == run.folder
    expected = {
        "notebook": "02_toy", "run": "quick", "hash": run.hash, "dataset": "toy", "seed": 0, "array": [0, 1],
        "split_counts": {"train": 10, "test": 4}, "odd": {"nan": None, "inf": None}, "tensor": 1.5, "number": 0.5,
        "truth": True, "parameters": models.parameter_count(model), "published": [{"metric": "rmse", "value": 0.9}],
    }  # fmt: skip
    assert {key: record[key] for key in expected} == expected
    assert metrics.Protocol.from_record(record["protocol"]) == metrics.protocol("rooms")
    assert record["measured"] == str(metrics.protocol("rooms"))
    assert record["content"] == {"train": "f00d", "test": "f00d"} and record["inputs"] == {}
    assert record["metrics"]["test"]["abs_rel"] > 0 and record["scored"] == 4
    assert set(record["baselines"]["test"]) == {"mean_depth", "mean_image"}
    assert {"seconds", "training_seconds", "versions", "commit", "device", "params", "processes"} <= record.keys()
    files = sorted(str(file.relative_to(run.folder)) for file in run.folder.rglob("*") if file.is_file())
    assert files == [
        "by_distance.csv", "environment.txt", "history.csv", "per_image.csv", "predictions.npz", "run.json",
        "weights/model.safetensors", "weights/started.json",
    ]  # fmt: skip
    assert pd.read_csv(run.folder / "history.csv").stage.tolist() == ["only", "only"]
    assert pd.read_csv(run.folder / "per_image.csv").columns[:4].tolist() == ["id", "scene", "scene_type", "abs_rel"]
    assert len(np.load(run.folder / "predictions.npz").files) == 4


def _loss(*, pred, depth, valid):
    return (pred - depth).abs()[valid].mean()


def test_no_path_of_this_machine_is_written_or_printed(reports, capsys, tmp_path):
    for root in ("/home/somebody/nyu.mat", "~/nyu.mat", "C:\\data\\nyu.mat"):
        run = start(data_root=root)
        run.finish()
        assert "-p data_root path/to/nyu.mat" in run.command()
    said = capsys.readouterr().out
    for text in (said, *(file.read_text() for file in run.folder.rglob("*") if file.is_file())):
        assert str(tmp_path) not in text and "somebody" not in text and str(Path.home()) not in text.split()


def test_the_command_makes_the_same_parameters_again(reports):
    command = start(dataset="my folder", data_root="").command()
    assert command.startswith(
        "papermill notebooks/02_toy.ipynb out.ipynb -p dataset 'my folder' -p data_root '' -p run "
    )


def test_a_reports_folder_that_cannot_be_written_is_one_clear_error(reports):
    reports.write_text("a file where the folder should be")
    with pytest.raises(
        OSError, match=r"cannot write the run folder .*set DEPTHNB_REPORTS to a folder that can be written"
    ):
        start()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_reports_folder_is_one_clear_error(reports):
    reports.mkdir(mode=0o500)
    with pytest.raises(OSError, match=r"cannot write the run folder .*ermission denied.*set DEPTHNB_REPORTS"):
        start()


def test_a_figure_is_written_twice_with_the_same_bytes(reports):
    run, contents = start(), []
    for _ in range(2):
        figure = Figure(figsize=(3, 2))
        figure.subplots().plot([1, 2], label="depth (m)")
        figure.axes[0].imshow(np.arange(6).reshape(2, 3))
        assert run.save_figure(figure, "curve") is figure
        contents.append([(run.folder / "figures" / f"curve.{s}").read_bytes() for s in ("png", "pdf")])
        time.sleep(1.1)  # dates have seconds
    assert contents[0] == contents[1]
    png, pdf = contents[0]
    assert png.startswith(b"\x89PNG") and pdf.startswith(b"%PDF") and b"atplotlib" not in png + pdf


def test_a_table_is_written_for_machines_and_for_papers(reports):
    run = start()
    table = pd.DataFrame(
        {"method": ["a_b", "c & d"], "rmse": [0.123456789, math.nan], "rate": [1e-4, 2.0], "n": [3, 42657689]}
    )
    assert run.save_table(table, "scores") is table
    folder = run.folder / "tables"
    assert pd.read_csv(folder / "scores.csv").equals(table)
    latex = (folder / "scores.tex").read_text()
    assert r"a\_b & 0.123 & 0.0001 & 3 \\" in latex and r"c \& d & -- & 2.000 & 42657689 \\" in latex
    assert latex.startswith("\\begin{tabular}{lrrr}\n")
    run.save_table(table.set_index("method"), "scores", index=True)
    assert (folder / "scores.tex").read_text().startswith("\\begin{tabular}{lrrr}\n")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_tables_compile_in_latex_and_long_texts_are_broken_into_lines(reports, tmp_path):
    run = start()
    claim = "the loss falls by 50 % & more, from 0.3 \u00b1 0.1 to x_y {or} ~ #1 \\ $ ^"
    table = pd.DataFrame(
        {"claim": [claim] * 2, "here": ["so it does, in every one of the five seeds"] * 2, "p": [0.01, math.nan]}
    )
    run.save_table(table, "claims")
    run.save_table(table.set_index("claim"), "indexed", index=True)
    for name in ("claims", "indexed"):
        content = (run.folder / "tables" / f"{name}.tex").read_text()
        page = "\\documentclass{article}\\usepackage{booktabs,array}\\begin{document}\n" + content + "\\end{document}\n"
        (tmp_path / f"{name}.tex").write_text(page)
        call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", f"{name}.tex"]
        made = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stdout[-2000:]
        if name == "claims":
            assert "Overfull" not in made.stdout, made.stdout


def test_a_write_that_fails_leaves_nothing_half_written(reports, monkeypatch):
    run = start()
    run.save_table(pd.DataFrame({"a": [1]}), "scores")
    monkeypatch.setattr(os, "replace", _no_room)
    for write, file in (
        (lambda: run.save_figure(Figure(), "curve"), "curve.png"),
        (lambda: run.save_table(pd.DataFrame({"b": [2]}), "scores"), "scores.csv"),
        (run.finish, "environment.txt"),
    ):
        with pytest.raises(OSError, match=rf"could not write .*{file} .*No space left.*free some space"):
            write()
    assert runs.finished() == []
    files = sorted(file.name for file in run.folder.rglob("*") if file.is_file())
    assert files == ["scores.csv", "scores.tex", "started.json"]
    assert pd.read_csv(run.folder / "tables" / "scores.csv").columns.tolist() == ["a"]


def _no_room(*_) -> None:
    raise OSError(28, "No space left on device")


def test_only_the_first_of_several_processes_writes(reports, monkeypatch, capsys):
    first = start()
    (first.folder / "weights" / "model.ckpt").write_text("kept")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    capsys.readouterr()
    run = start()
    assert run.folder == first.folder
    folder = run.folder
    run.save_table(pd.DataFrame({"a": [1]}), "scores")
    run.save_figure(Figure(), "curve")
    run.save_model(Net())
    run.finish()
    assert capsys.readouterr().out == ""
    assert sorted(file.name for file in folder.rglob("*") if file.is_file()) == ["model.ckpt", "started.json"]


# --- a real kernel under papermill ------------------------------------------------------------------------------------

CELLS = [
    ("from depthnb import runs\nbefore = set(globals())", None),
    ('run: str = "quick"\nepochs: int = 2  # passes\nseed: int = 0\npause: float = 0.0', "parameters"),
    ("parameters = runs.check_parameters(globals(), before)", None),
    ("import sys, time\nsys.path.insert(0, TESTS)\nimport torch\nfrom toys import Net, Toy, l1\n"
     "from depthnb import training\n"
     'this_run = runs.start("02_toy", parameters, data={"train": Toy(10)})', None),
    ("net = Net()\n"
     "def slow(batch, *, seed, epoch):\n    time.sleep(pause)\n    return batch\n"
     "history = training.fit(net, Toy(10), Toy(4, seed=1), loss=l1, optimizer=torch.optim.Adam(net.parameters()),\n"
     '    epochs=epochs, batch_size=1, augment=slow, checkpoint=this_run.checkpoint(), device="cpu", name="toy net")', None),
    ("parameters = runs.check_parameters(globals(), before)  # by hand again", None),
    ("this_run.save_model(net)\nthis_run.save_history(only=history)\nthis_run.finish()", None),
]  # fmt: skip


@pytest.fixture
def papermill(tmp_path, reports):
    """Start papermill on a notebook that trains a toy; returns the process and the path of its output."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for source, tag in CELLS:
        source = source.replace("TESTS", repr(str(Path(__file__).parents[1] / "helpers")))
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": [tag] if tag else []})
        notebook.cells.append(cell)
    file = tmp_path / "02_toy.ipynb"
    nbformat.write(notebook, file)

    def call(*options: str, name: str = "out"):
        command = [sys.executable, "-m", "papermill", str(file), str(tmp_path / f"{name}.ipynb"), "--kernel", "python3"]
        process = subprocess.Popen(
            [*command, "--no-progress-bar", *options],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process, tmp_path / f"{name}.ipynb"

    return call


@pytest.mark.slow
def test_papermill_with_a_wrong_name_fails_and_names_the_right_one(papermill, reports):
    process, _ = papermill("-p", "epoch", "41")
    _, said = process.communicate(timeout=600)
    assert process.returncode != 0
    assert "unknown parameter 'epoch'; did you mean 'epochs'?" in said
    assert not reports.exists(), "nothing was started"


@pytest.mark.slow
def test_a_killed_kernel_leaves_no_result_and_the_next_call_carries_on(papermill, reports):
    """And the notebook it leaves holds one small table of the training, and nothing on stderr."""
    options = ("-p", "epochs", "10", "-p", "pause", "0.02")
    killed, _ = papermill(*options, name="killed")
    checkpoint = reports / "02_toy" / "quick.unfinished" / "weights" / "model.ckpt"
    _wait_for(checkpoint.exists, killed)
    _kill_kernel(killed)
    _, said = killed.communicate(timeout=600)
    assert killed.returncode != 0 and "DeadKernelError" in said
    assert runs.finished() == [] and checkpoint.exists()

    again, output = papermill(*options, name="again")
    _, said = again.communicate(timeout=600)
    assert again.returncode == 0, said
    (record,) = runs.finished()
    assert record["params"]["epochs"] == 10
    notebook = nbformat.read(output, as_version=4)
    config, train = (next(c for c in notebook.cells if key in c.source) for key in ("runs.start", "training.fit("))
    assert config.outputs[0].text == "run folder: reports/02_toy/quick (unfinished before, resumed)\n"
    (shown,) = train.outputs
    table = shown.data["text/html"]
    assert "10 of 10 epochs" in table and "in an earlier session" in table
    assert table.count("<tr>") <= 9 and "<progress" not in table and len(json.dumps(shown)) < 4000
    assert all(output.get("name") != "stderr" for cell in notebook.cells for output in cell.get("outputs", []))

    undisturbed, loaded = Net(), models_state(reports)
    from toys import l1

    training.fit(
        undisturbed, Toy(10), Toy(4, seed=1), loss=l1, optimizer=torch.optim.Adam(undisturbed.parameters()), epochs=10,
        batch_size=1, device="cpu", progress=False,
    )  # fmt: skip
    assert all(torch.equal(loaded[key], value) for key, value in undisturbed.state_dict().items())


def models_state(reports: Path) -> dict:
    from safetensors.torch import load_file

    return load_file(reports / "02_toy" / "quick" / "weights" / "model.safetensors")


def _wait_for(condition, process, seconds: float = 600) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.02)


def _kill_kernel(process) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("needs /proc to find the kernel")
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
