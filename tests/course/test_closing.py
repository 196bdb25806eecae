"""The exercises that close a notebook, and the plan: times, hints, solutions, and the words of the package."""

import json
import re
from pathlib import Path

import pytest

import depthnb.course
from depthnb.course import EXERCISES, desk, submissions
from depthnb.course.tasks import NOTEBOOKS

BOOKS = Path(depthnb.course.__file__).parents[2] / "notebooks"


def closing(name: str) -> str:
    """The text of the exercises of a notebook."""
    book = json.loads((BOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    found = ["".join(cell["source"]) for cell in book["cells"] if "## Exercises" in "".join(cell["source"])]
    assert len(found) == 1
    return found[0].partition("## Exercises\n")[2]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_each_exercise_of_a_notebook_has_its_time_a_hint_and_a_solution(name):
    text = closing(name)
    parts = re.split(r"(?m)^(?=\*\*\d+\. )", text)[1:]
    kinds = []
    for number, part in enumerate(parts, start=1):
        head = re.match(r"\*\*(\d+)\. (Predict|Derive|Code|Try) \((\d+) minutes[^)]*\)", part)
        assert head and int(head[1]) == number, part[:80]
        kinds.append(head[2])
        folds = re.findall(r"<details><summary>(\w+)</summary>\n\n(.+?)\n\n</details>", part, re.S)
        assert [title for title, _ in folds] == ["Hint", "Solution"] and part.count("<details>") == 2, part[:80]
        assert all(len(words.split()) >= 4 or "course.exercise" in words for _, words in folds)
        if head[2] == "Predict":
            assert "`papermill " in part.split("<details>")[0], "a prediction has a run"
        if head[2] in ("Predict", "Try"):
            said = re.sub(r"\(\d(\.\d)+\)", "", folds[1][1])  # sections of a document
            assert not re.search(r"\d\.\d", said), "a number in a text is computed"
    assert {"Predict", "Derive", "Code"} <= set(kinds)
    assert text.count("`papermill ") >= 3


@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_notebooks_hold_the_exercises_as_the_package_words_them(task):
    text = closing(task.notebook)
    numbers = [int(n) for n in re.findall(r"(?m)^\*\*(\d+)\. Code ", text)]
    assert any(desk.in_notebook(task, number) in text for number in numbers), desk.in_notebook(task, numbers[0])
    assert len(numbers) == len([each for each in EXERCISES if each.notebook == task.notebook])


@pytest.mark.parametrize("name", ["00_start", *NOTEBOOKS])
def test_no_cell_of_a_notebook_answers_an_exercise(name):
    """Else the grader would take it for the student's."""
    cells = submissions.read(BOOKS / f"{name}.ipynb")
    with pytest.raises(ValueError, match="holds no task"):
        submissions.due(cells, None, None)


def test_the_plan_names_every_exercise_with_its_time():
    plan = (Path(depthnb.course.__file__).parent / "PLAN.md").read_text()
    rows = [line for line in plan.splitlines() if line.startswith("| ") and "exercises_" in line]
    said = {name: (int(minutes), row) for row in rows for name, minutes in re.findall(r"`(\w+)` (\d+)", row)}
    assert {name: minutes for name, (minutes, _) in said.items()} == {task.name: task.minutes for task in EXERCISES}
    assert all(f"exercises_{task.notebook}" in said[task.name][1] for task in EXERCISES)
    for row in rows:
        assert int(row.split("|")[1]) == next(task.session for task in EXERCISES if f"`{task.name}`" in row)
    numbers = {19: "nineteen", 20: "twenty", 24: "twenty-four", 25: "twenty-five", 26: "twenty-six", 27: "twenty-seven"}
    assert f"{numbers[sum(task.points for task in EXERCISES)]} points" in plan
