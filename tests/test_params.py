"""Every preset fits its notebook: known names, right types, and ablations that change what they say."""

import functools
from pathlib import Path

import papermill
import pytest
import yaml
from notebook_runs import TRAINING

import depthnb
from depthnb.runs.parameters import RULES

NOTEBOOKS = Path(depthnb.__file__).parents[1] / "notebooks"
PRESETS = sorted((NOTEBOOKS / "params").glob("*.yaml"))
KINDS = {"int": int, "float": float, "str": str, "bool": bool}


@functools.cache  # reading a notebook takes its time, and each is asked about often
def declared(notebook: str) -> dict[str, dict]:
    return papermill.inspect_notebook(str(NOTEBOOKS / f"{notebook}.ipynb"))


def fits(value: object, kind: str) -> bool:
    return type(value) is KINDS[kind] or (kind == "float" and type(value) is int)


@pytest.mark.parametrize("file", PRESETS, ids=lambda file: file.stem)
def test_a_preset_fits_its_notebook(file):
    notebook, _, preset = file.stem.partition("-")
    known = declared(notebook)
    values = yaml.safe_load(file.read_text())
    for name, value in values.items():
        assert name in known, f"{file.name}: {name} is no parameter of {notebook}"
        kind = known[name]["inferred_type_name"]
        assert fits(value, kind), f"{file.name}: {name} must be {kind}, found {value!r} (write 1.0e-3, not 1e-3)"
    assert values["run"] == preset


def test_the_training_notebooks_have_all_presets():
    names = {file.stem for file in PRESETS}
    training = {file.stem for file in TRAINING}
    for notebook in sorted(training):
        assert {f"{notebook}-{preset}" for preset in ("rooms-full", "paper")} <= names


def test_the_ablations_change_known_things():
    lines = [line.split() for line in (NOTEBOOKS / "params/evidence.txt").read_text().splitlines()]
    lines = [line for line in lines if line and line[0] != "#"]
    assert len({(notebook, name) for notebook, name, *_ in lines}) == len(lines), "a name twice"
    for notebook, name, *changes in lines:
        assert RULES["run"][0](f"ablation-{name}-0"), f"{notebook} {name}: no name that a run can have"
        assert bool(changes) != (name == "full"), f"{notebook} {name}: only the line `full` changes nothing"
        known = declared(notebook)
        base = yaml.safe_load((NOTEBOOKS / f"params/{notebook}-rooms-full.yaml").read_text())
        for change in changes:
            parameter, _, value = change.partition("=")
            kind = KINDS[known[parameter]["inferred_type_name"]]
            default = base.get(parameter, known[parameter]["default"])
            assert str(default).strip("'\"") != value, f"{notebook} {name}: {change} is what the base has already"
            assert value in ("True", "False") if kind is bool else kind(value) is not None
