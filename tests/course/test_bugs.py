"""Find the bug: each check fails on the mistake and on other wrong attempts, and passes on the solution."""

import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from bug_answers import RIGHT, WRONG

import depthnb.course
from depthnb.course import BUGS, check, checker, desk
from depthnb.course.task import SESSIONS

SEEDS = range(6)
NOTEBOOKS = Path(depthnb.course.__file__).parents[2] / "notebooks"


def wrong(task, code: str, seed: int) -> str:
    """What a notebook says of a cell, asked with the numbers of one seed; empty if it passes."""
    names: dict = {}
    exec(compile(code, "<cell>", "exec"), names)
    return desk.examine(task, names[task.function], seed)


@pytest.mark.filterwarnings("ignore")  # the mistakes take medians of nothing
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_the_check_tells_right_from_wrong(task, monkeypatch):
    """Each seed alone does: students see the numbers of one, and the grader draws others."""
    monkeypatch.setattr("depthnb.course.task.DRAWS", 1)
    begun = time.process_time()
    assert [wrong(task, task.solution, seed) for seed in SEEDS] == [""] * len(SEEDS)
    assert all(wrong(task, task.code, seed) for seed in SEEDS)
    attempts = [(part, other) for part, others in WRONG[task.name].items() for other in others]
    assert len(attempts) >= 20
    for part, other in attempts:
        assert task.solution.count(part) == 1, part
        for seed in (0, 1, 2):
            said = wrong(task, task.solution.replace(part, other), seed)
            assert len(said.split()) >= 4 and "\n" not in said, (other, said)
            assert "has not the form" not in said, "a check asks for the form itself"
            if found := re.search(r" is (\S+); expected (\S+)$", said):
                assert found[1] != found[2], said
    assert time.process_time() - begun < 40


@pytest.mark.filterwarnings("ignore")  # of 0 / 0 under the mask
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_right_answers_that_look_different_pass(task):
    for part, others in RIGHT[task.name].items():
        assert task.solution.count(part) == 1, part
        for other in others:
            assert wrong(task, task.solution.replace(part, other), 0) == "", other


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_an_answer_of_another_form_is_told_what_is_expected(task):
    """Whatever a function returns; an exception in the check itself is a fault of the check."""
    for value in (
        0.5,
        True,
        "passed",
        [],
        [[1.0]],
        {"a": 1.0},
        np.zeros((0, 3)),
        torch.zeros(2, 0),
        (np.ones(3), torch.ones(3)),
        10**400,
    ):
        said = desk.examine(task, lambda *given, value=value: value)
        assert said and "has not the form" not in said, (value, said)
    said = desk.examine(task, lambda *given: None)
    assert f"{task.function} returned nothing" in said and (
        ":" in said.split(task.function)[0] or task.name == "next_house"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_a_check_takes_less_than_a_third_of_a_second(task):
    names: dict = {}
    exec(task.solution, names)
    checker(task)(names[task.function], 0)
    begun = time.process_time()
    checker(task)(names[task.function], 1)
    assert time.process_time() - begun < 0.3


@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_a_solution_prints_no_warning(task):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wrong(task, task.solution, 0) == ""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_the_mistake_runs_and_the_check_says_what_is_wrong(task):
    names: dict = {}
    exec(task.code, names)
    with pytest.raises(AssertionError, match=r"\w+ \w+ \w+"):
        checker(task)(names[task.function])


@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_a_task_is_short_and_complete(task):
    lines = [line for line in task.code.strip().splitlines() if line.strip()]
    assert len(lines) <= 15, "at most fifteen lines of code"
    assert 2 <= len(re.findall(r"[.?](?: |$)", task.story)) <= 10
    assert task.hint and task.code != task.solution and task.function in task.code
    assert 3 <= task.minutes <= 20 and task.points in (1, 2) and 1 <= task.session <= SESSIONS
    assert (NOTEBOOKS / f"{task.notebook}.ipynb").is_file()
    assert not any(word in task.solution for word in ("depthnb", "check"))


def test_twelve_tasks_of_different_names():
    assert len(BUGS) == 12 == len({task.name for task in BUGS}) == len({task.function for task in BUGS})
    assert list(WRONG) == list(RIGHT) == [task.name for task in BUGS]


def test_a_notebook_asks_by_the_name_of_the_task():
    task = next(task for task in BUGS if task.name == "two_scores")
    names: dict = {}
    exec(task.solution, names)
    assert "passes" in check("two_scores", names["test_error"])
    with pytest.raises(ValueError, match=r"'two_score' is unknown; expected one of .*two_scores"):
        check("two_score", names["test_error"])


def test_the_plan_names_every_task_and_its_time_and_each_session_has_ninety_minutes():
    plan = (Path(depthnb.course.__file__).parent / "PLAN.md").read_text()
    session, minutes = 0, {}
    for line in plan.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) == 4 and cells[1].isdigit():
            session = int(cells[0][0]) if cells[0] else session
            minutes[session] = minutes.get(session, 0) + int(cells[1])
            if "find the bug" in cells[2]:
                said = {name: int(time) for name, time in re.findall(r"`(\w+)` (\d+)", cells[2])}
                assert said == {task.name: task.minutes for task in BUGS if task.session == session}
                assert sum(said.values()) == int(cells[1]) and cells[3] == f"find_the_bug_{session}"
            elif re.match(r"\d\d_", cells[3]):
                assert (NOTEBOOKS / f"{cells[3]}.ipynb").is_file(), cells[3]
    assert minutes == {number: 90 for number in range(1, SESSIONS + 1)}
    assert "sixteen points" in plan and sum(task.points for task in BUGS) == 16
