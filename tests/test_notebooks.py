"""What every notebook promises: form, size, committed outputs of one clean run, a mistyped parameter refused."""

import ast
import json
import re
from pathlib import Path

import pytest
import shortened
from notebook_runs import NOTEBOOKS, ROOT, TRAINING, papermill_process


def code_cells(file: Path) -> list[dict]:
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.fixture(params=NOTEBOOKS, ids=lambda file: file.stem)
def notebook(request) -> Path:
    return request.param


def test_there_are_notebooks():
    assert {"00_start", "01_data", "02_bn_cnn", "03_eigen", "10_comparison"} <= {file.stem for file in NOTEBOOKS}


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
    said = "".join("".join(o.get("text", "")) for o in outputs)
    assert "these frames already" not in said and "preparing " not in said, "frames were not prepared before"


def test_small_and_free_of_machine_paths(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert len(text.encode()) < 620_000  # 10 is the largest: the figures of all methods
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


def test_nbval_is_given_the_same_cells_with_less_to_train(tmp_path):
    """The values are smaller than the notebook's own, or take the net that comes with the clone."""
    named = (ROOT / "Makefile").read_text().split("SHORTENED := ")[1].splitlines()[0].split()
    assert named == sorted(shortened.VALUES)
    for name, values in shortened.VALUES.items():
        before, after = code_cells(ROOT / f"notebooks/{name}.ipynb"), code_cells(shortened.write(name, tmp_path))
        injected = [cell for cell in after if "injected-parameters" in cell["metadata"]["tags"]]
        rest = [(source(cell), cell["outputs"], cell["execution_count"]) for cell in after if cell not in injected]
        assert rest == [(source(cell), cell["outputs"], cell["execution_count"]) for cell in before]
        (told,) = (ast.parse(source(cell)).body for cell in injected)
        assert {line.targets[0].id: ast.literal_eval(line.value) for line in told} == values
        (tagged,) = (cell for cell in before if "parameters" in cell["metadata"].get("tags", []))
        own = {line.target.id: ast.literal_eval(line.value) for line in ast.parse(source(tagged)).body}
        for key, value in values.items():
            assert (own[key], value) == ("train", "shipped") or not own[key] or value <= own[key], (name, key)


@pytest.mark.slow
def test_a_wrong_name_fails_and_names_the_right_one(tmp_path):
    done = papermill_process(
        ROOT / "notebooks/03_eigen.ipynb", tmp_path / "out.ipynb", tmp_path, tmp_path / "reports", epoch=41
    )
    assert done.returncode != 0
    assert "unknown parameter 'epoch'" in done.stderr and "'epochs'" in done.stderr
    assert not list((tmp_path / "reports").rglob("run.json"))
