"""Exercises of code: right answers pass, wrong ones fail with a sentence, solutions compute what the package computes."""

import ast
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from right_exercises import RIGHT
from wrong_exercises import WRONG

import depthnb.course
from depthnb.course import BUGS, EXERCISES, TASKS, desk, find
from depthnb.course.task import SESSIONS
from depthnb.course.tasks import NOTEBOOKS

BOOKS = Path(depthnb.course.__file__).parents[2] / "notebooks"


def wrong(task, code: str, seed: int = 0) -> str:
    """What a notebook says of a cell; an error of the cell itself counts as wrong."""
    names: dict = {}
    exec(compile(code, "<cell>", "exec"), names)
    return desk.examine(task, names[task.function], seed)


def answer(task, body: str) -> str:
    """A cell with the head of the solution and another body."""
    end_of_docstring = task.solution.index('"""', task.solution.index('"""') + 3) + 3
    return f"{task.solution[:end_of_docstring]}\n{body}"


@pytest.fixture
def one_draw(monkeypatch):
    """Each seed alone tells right from wrong: students see the numbers of one, and the grader draws others."""
    monkeypatch.setattr("depthnb.course.task.DRAWS", 1)


@pytest.mark.filterwarnings("ignore")  # a student's code may warn
@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_the_solution_and_other_right_answers_pass(task, one_draw):
    assert len(RIGHT[task.name]) >= 2
    for code in (task.solution, *(answer(task, body) for body in RIGHT[task.name])):
        assert [wrong(task, code, seed) for seed in range(6)] == [""] * 6, code


@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_a_check_asks_little_and_the_solution_warns_of_nothing(task, one_draw):
    assert wrong(task, task.solution) == ""  # what is imported is here then
    begun = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wrong(task, task.solution, 1) == ""
    assert time.process_time() - begun < 0.3


@pytest.mark.filterwarnings("ignore")  # wrong attempts divide by 0
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_gaps_and_wrong_answers_do_not_pass_and_the_sentence_names_case_and_numbers(task, seed, one_draw):
    assert len(wrong(task, task.code, seed).split()) >= 4
    assert len(WRONG[task.name]) >= 20
    for part, other, *said in WRONG[task.name]:
        assert task.solution.count(part) == 1, part
        got = wrong(task, task.solution.replace(part, other), seed)
        assert ": " in got and "\n" not in got and "has not the form" not in got, (other, got)
        numbers = re.search(r"\bis (\S+); expected (\S+)", got)
        assert not numbers or numbers[1] != numbers[2], (other, got)
        for pattern in said:
            assert re.search(pattern.removeprefix("says "), got), (other, pattern, got)


FORMS = (
    0.5, True, "passed", [], [[1.0]], {"a": 1.0}, np.zeros((0, 3)), np.float64(2.0), np.zeros(()), torch.zeros(2, 0), 10**400,
    (np.ones(3), torch.ones(3)), (None, None), ("a", "b", "c"), [[1.0], [1.0, 2.0]], [None] * 5, np.array([True] * 5),
    (torch.ones(1), torch.ones(2, 1, 4, 15)), torch.ones(2, dtype=torch.bool), {"loss": torch.ones(1)},
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_an_answer_of_another_form_is_told_what_is_expected(task):
    """Whatever a function returns; an exception in the check itself is a fault of the check."""
    for value in FORMS:
        said = desk.examine(task, lambda *given, value=value: value)
        assert said and "has not the form" not in said, (value, said)
    said = desk.examine(task, lambda *given: None)
    assert f": {task.function} returned nothing" in said, "the case comes first"


@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_an_exercise_is_short_and_complete(task):
    function = next(node for node in ast.parse(task.solution).body if isinstance(node, ast.FunctionDef))
    lines = {line for node in function.body[1:] for line in range(node.lineno, node.end_lineno + 1)}
    assert function.name == task.function and len(lines) <= 10, "ten lines at most"
    gap = next(node for node in ast.parse(task.code).body if isinstance(node, ast.FunctionDef))
    assert ast.unparse(gap.args) == ast.unparse(function.args) and ast.get_docstring(gap) == ast.get_docstring(function)
    assert 2 <= len(re.findall(r"[.?](?: |$)", task.story)) <= 10 and task.hint and task.code != task.solution
    assert 5 <= task.minutes <= 20 and task.points in (1, 2) and 1 <= task.session <= SESSIONS
    assert (
        not any(word in task.solution for word in ("depthnb", "check")) and (BOOKS / f"{task.notebook}.ipynb").is_file()
    )


def test_every_notebook_has_one_and_no_names_are_alike():
    assert list(NOTEBOOKS) == [file.stem for file in sorted(BOOKS.glob("*.ipynb")) if "01" <= file.stem[:2] <= "13"]
    assert set(WRONG) == set(RIGHT) == {task.name for task in EXERCISES}
    assert len({task.name for task in TASKS}) == len({task.function for task in TASKS}) == len(BUGS) + len(EXERCISES)


def solved(name: str):
    """The function of a solution."""
    names: dict = {}
    exec(find(name).solution, names)
    return names[find(name).function]


def test_solutions_compute_what_the_package_computes():
    """So a student who has solved an exercise knows what the notebook's own numbers are made of."""
    from depthnb import evidence, losses, pointcloud
    from depthnb.metrics import alignment
    from depthnb.models import gan, planes, style_transfer

    random = torch.Generator().manual_seed(3)
    depth = 1 + 4 * torch.rand(2, 1, 9, 11, generator=random)
    pred, valid = (
        depth * (0.5 + torch.rand(depth.shape, generator=random)),
        torch.rand(depth.shape, generator=random) < 0.6,
    )
    maps = {"pred": pred, "depth": depth, "valid": valid}
    K = torch.tensor([[20.0, 0, 5.2], [0, 19, 4.1], [0, 0, 1]])
    points = solved("project")(depth[0, 0].numpy(), valid[0, 0].numpy(), K.numpy())
    assert np.allclose(points, pointcloud.points(depth[0], valid[0], K)[0], atol=1e-5)
    assert torch.allclose(solved("masked_mse")(**maps), losses.mse(**maps))
    silog = losses.silog(**maps, lam=0.5, root=False, factor=1.0, per_image=True)
    assert torch.allclose(solved("scale_invariant")(**maps, lam=0.5).mean(), silog)
    theta, phi, distance = 0.5, 2.1, 3.0
    plane = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta), distance]
    ours = planes.local_planar_guidance(torch.tensor(plane).float().view(1, 4, 1, 1), 4)[0, 0]
    assert np.allclose(solved("planar_guidance")(theta, phi, distance, 4), ours, rtol=1e-5)
    fits = alignment.fit_scale_shift(pred=pred, target=1 / depth, valid=valid)
    for mine, ours in zip(solved("scale_and_shift")(pred, 1 / depth, valid), fits, strict=True):
        assert torch.allclose(mine.float(), ours.flatten(), atol=1e-4)
    whole = torch.ones_like(valid)
    assert torch.allclose(
        solved("masked_gram")(depth.repeat(1, 3, 1, 1), whole), style_transfer.gram(depth.repeat(1, 3, 1, 1))
    )
    true, false, count = (
        torch.randn(5, generator=random),
        torch.randn(5, generator=random),
        torch.ones(5, dtype=torch.bool),
    )
    both = sum(gan.patch_loss(logits, count, true=side) for logits, side in ((true, True), (false, False)))
    assert torch.allclose(
        torch.stack(solved("two_players")(true, false)), torch.stack([both, gan.patch_loss(false, count, true=True)])
    )
    before, after = ({"a": 0.2, "b": 0.3, "c": 0.25}, {"b": 0.28, "c": 0.26, "d": 1.0, "a": 0.19})
    effect = evidence.Effect.of(before, after)
    assert np.allclose(solved("paired_change")(before, after), [effect.change, *effect.interval()])
