"""What every notebook promises: form, size, committed outputs of one clean run, and papermill from anywhere."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from data_fixtures import write_folder, write_index, write_nyu_v2

import depthnb
from depthnb import data
from depthnb.data import transforms
from depthnb.data.readers import nyu_v2

ROOT = Path(depthnb.__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TRAINING = [file for file in NOTEBOOKS if file.stem not in ("01_data", "10_comparison")]


def code_cells(file: Path) -> list[dict]:
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.fixture(params=NOTEBOOKS, ids=lambda file: file.stem)
def notebook(request) -> Path:
    return request.param


def test_there_are_notebooks():
    assert {"01_data", "02_bn_cnn", "03_eigen", "10_comparison"} <= {file.stem for file in NOTEBOOKS}


def test_one_parameters_cell_of_commented_literals(notebook):
    tagged = [cell for cell in code_cells(notebook) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1
    for line in source(tagged[0]).splitlines():
        statement = ast.parse(line).body[0]
        assert isinstance(statement, ast.AnnAssign), f"not `name: type = value`: {line}"
        assert isinstance(ast.literal_eval(statement.value), int | float | str | bool)
        # papermill loses a parameter whose line holds a second "=", and shows the comment as help
        assert line.count("=") == 1 and re.search(r"\S  # \S", line), line


def test_training_notebooks_share_their_parameters():
    wanted = {
        "dataset",
        "data_root",
        "run",
        "epochs",
        "batch_size",
        "height",
        "width",
        "learning_rate",
        "seed",
        "device",
    }
    for file in TRAINING:
        cell = next(cell for cell in code_cells(file) if "parameters" in cell["metadata"].get("tags", []))
        assert wanted <= {node.target.id for node in ast.parse(source(cell)).body}, file.stem


def test_committed_outputs_come_from_one_clean_run(notebook):
    cells = [cell for cell in code_cells(notebook) if source(cell).strip()]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"], "warnings in the committed outputs"


def test_small_and_free_of_machine_paths(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text.encode()) < 600_000
    for cell in json.loads(text)["cells"]:
        shown = source(cell) + json.dumps(
            [{k: v for k, v in o.items() if k != "data"} for o in cell.get("outputs", [])]
        )
        shown += "".join(str(o.get("data", {}).get("text/plain", "")) for o in cell.get("outputs", []))
        assert not re.search(r"/(home|root|tmp|Users|mnt)/", shown), shown[:300]
    metadata = json.loads(text)["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"


def test_short_and_explained(notebook):
    book = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = [
        line
        for c in code_cells(notebook)
        for line in source(c).splitlines()
        if line.strip() and not line.startswith("#")
    ]
    words = sum(len(source(cell).split()) for cell in book if cell["cell_type"] == "markdown")
    assert max(map(len, lines)) <= 100, max(lines, key=len)
    assert words / len(lines) >= 4
    defining = [cell for cell in code_cells(notebook) if re.search(r"^\s*(def|class) ", source(cell), re.M)]
    assert len(defining) <= 1, "functions belong into depthnb; only the cell of the one idea may define one"


def brief(name: str) -> dict[str, int]:
    """Parameters of one short training."""
    return {"epochs": 1, "batch_size": 4, **({} if name == "08_style_transfer" else {"min_steps": 0})}


def papermill(file: Path, output: Path, cwd: Path, reports: Path, **parameters) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "papermill", str(file), str(output), "--kernel", "python3", "--no-progress-bar"]
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    environment = {**os.environ, "DEPTHNB_REPORTS": str(reports), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)


def test_a_wrong_name_fails_and_names_the_right_one(tmp_path):
    done = papermill(
        ROOT / "notebooks/03_eigen.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports", epoch=41
    )
    assert done.returncode != 0
    assert "unknown parameter 'epoch'" in done.stderr and "'epochs'" in done.stderr
    assert not list((tmp_path / "reports").rglob("run.json"))


@pytest.fixture(scope="module")
def nyu_file(tmp_path_factory) -> Path:
    """Forty embedded frames at 640x480 in the layout of NYU V2's labelled .mat, under names of its own scenes."""
    rooms = data.open("rooms", split="all").subset(40)
    frames = []
    for i in range(40):
        frame = transforms.resize(rooms[i], (480, 640))
        raw = torch.where(frame["valid"], frame["depth"], torch.zeros(()))[0].numpy()
        image = (frame["image"] * 255).round().to(torch.uint8).numpy()
        frames.append({"image": image, "raw": raw, "filled": frame["depth"][0].numpy()})
    chosen = nyu_v2.official_index().iloc[:40]
    file = tmp_path_factory.mktemp("nyu") / nyu_v2.FILE
    return write_nyu_v2(file, frames, chosen["scene"].tolist(), chosen["scene_type"].tolist())


@pytest.mark.parametrize("name", [file.stem for file in TRAINING])
def test_runs_on_nyu_v2_from_a_foreign_directory(name, nyu_file, tmp_path):
    done = papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        dataset="nyu-v2", data_root=nyu_file, height=96, width=128, **brief(name),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "reports" / name / "quick" / "run.json").read_text())
    assert record["finished"] is True and record["dataset"] == "nyu-v2" and record["params"]["epochs"] == 1
    assert record["protocol"]["name"].startswith("nyu-eigen") and 0 < record["metrics"]["test"]["abs_rel"] < 100
    assert str(tmp_path) not in json.dumps({k: v for k, v in record.items() if k not in ("params", "command")})


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory) -> Path:
    """Frames of two sizes whose depths go beyond 10 m, and of which every second camera is unknown."""
    root = tmp_path_factory.mktemp("mixed")
    scenes = {"a": "train", "b": "train", "c": "val", "d": "test", "e": "test"}
    rows = write_folder(root, scenes, per_scene=3, sizes=[(96, 128), (120, 90)])
    rows = [[*row[:7], str(float(row[7]) * 6), *(row[8:] if i % 2 else [""] * 4)] for i, row in enumerate(rows)]
    write_index(root, rows)
    return root


@pytest.mark.parametrize("name", [file.stem for file in NOTEBOOKS if file.stem != "10_comparison"])
def test_runs_on_a_folder_of_several_sizes(name, mixed_folder, tmp_path):
    done = papermill(
        ROOT / f"notebooks/{name}.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports",
        dataset="folder", data_root=mixed_folder, height=64, width=96, **({} if name == "01_data" else brief(name)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "reports" / name / "quick" / "run.json").read_text())
    assert record["finished"] is True and record["dataset"] == "folder"
