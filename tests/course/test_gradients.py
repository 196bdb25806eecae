"""Gradients that checks ask for: told alike in the notebook and at the grader, and by whom they were cut off."""

import json
import re

import numpy as np
import pytest
import torch

from depthnb.course import TASKS, desk, find, gradients, grading
from depthnb.course.questions import Asked, failure

PRED = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
TRAINS = (
    "masked_mse",
    "scale_invariant",
    "nan_weights",
    "skip_join",
    "gradient_term",
    "masked_gram",
    "two_players",
    "high_loss",
)


def without_gradient(pred):
    with torch.no_grad():
        return (pred**2).sum()


@pytest.mark.parametrize(
    "answer",
    [
        lambda pred: (pred.detach() ** 2).sum(),
        without_gradient,
        lambda pred: torch.tensor((pred**2).sum().item()),
        lambda pred: torch.tensor((pred**2).sum().item(), requires_grad=True),
        lambda pred: (pred**2).sum().item(),
        lambda pred: torch.from_numpy(pred.detach().numpy() ** 2).sum(),
        lambda pred: pred.detach().clone().requires_grad_().sum(),
        lambda pred: (torch.ones(2), pred.sum()),
    ],
)
def test_a_gradient_that_is_cut_off_is_missed(answer):
    with pytest.raises(AssertionError, match=r"^the loss has no gradient with respect to `pred`; `detach`, `no_grad`"):
        gradients.gradient(answer, PRED)


def test_the_gradient_is_that_of_the_part_and_input_that_was_asked_for():
    both = lambda a, b: [(a * b).sum(), (b**2).sum()[None]]  # noqa: E731
    other = PRED + 1
    assert torch.equal(gradients.gradient(both, PRED, other, part=0), other)
    assert torch.equal(gradients.gradient(both, PRED, other, part=0, of=1), PRED)
    assert torch.equal(gradients.gradient(both, PRED, other, part=1, of=1), 2 * other)
    with pytest.raises(AssertionError, match=r"^the loss has no gradient with respect to `a`"):
        gradients.gradient(both, PRED, other, part=1, of=0, to="a")
    with torch.no_grad():  # as in a notebook that has switched gradients off
        assert torch.equal(gradients.gradient(lambda pred: (pred**2).sum(0), PRED), 2 * PRED)


def backward_itself(pred):
    loss = (pred**2).sum()
    loss.backward()
    return loss


def test_a_gradient_that_cannot_be_computed_is_told_in_a_sentence():
    said = r"^the gradient of the term cannot be computed \(RuntimeError: Trying to backward through the graph a second time"
    with pytest.raises(AssertionError, match=said):
        gradients.gradient(backward_itself, PRED, what="the term")
    asked = Asked(lambda question: {"value": 1.0, "gradient": torch.ones(3), "changed": ""})
    with pytest.raises(
        AssertionError, match=r"the gradient of the loss must be .* of shape \(2, 2\)"
    ):  # of a crafted process
        gradients.gradient(asked, PRED)


VALID = torch.tensor([[True, True], [True, False]])
RIGHT = torch.tensor([[0.25, -0.5], [1e-5, torch.nan]])


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ((1, 1), torch.nan, r"for the invalid pixel at \[1, 1\] is nan; expected 0\.0000$"),
        ((1, 1), 1e-12, r"for the invalid pixel at \[1, 1\] is 0\.000000000001; expected"),
        ((0, 1), 0.5, r"for the valid pixel at \[0, 1\] is 0\.5000; expected -0\.5000$"),
        ((0, 1), -0.5002, r"for the valid pixel at \[0, 1\] is -0\.5002; expected -0\.5000$"),
        ((0, 0), torch.inf, r"for the valid pixel at \[0, 0\] is inf; expected 0\.2500$"),
    ],
)  # fmt: skip
def test_a_gradient_must_be_right_where_valid_and_nothing_where_not(place, value, says):
    right = torch.where(VALID, RIGHT, 0.0)
    gradients.slopes(right, RIGHT, VALID)
    got = right.clone()
    got[place] = value
    with pytest.raises(AssertionError, match=f"^the gradient of the loss {says}"):
        gradients.slopes(got, RIGHT, VALID)


def test_where_several_gradients_are_right_none_of_them_is_wrong_but_nan():
    ties = torch.tensor([[True, False], [False, True]])
    got = torch.where(VALID, RIGHT, 0.0)
    for value in (0.0, 0.25, -0.25):
        got[0, 0] = value
        gradients.slopes(got, RIGHT, VALID, ties=ties)
    for place, value in (((0, 0), torch.nan), ((1, 1), 0.1)):
        wrong = got.clone()
        wrong[place] = value
        with pytest.raises(AssertionError, match="the gradient of the loss"):
            gradients.slopes(wrong, RIGHT, VALID, ties=ties)


def wrapped(task, last: str) -> str:
    """A solution whose result goes through one more line."""
    right = task.solution.replace(f"def {task.function}(", "def right(")
    return f"{right}\n\ndef {task.function}(*given):\n    got = right(*given)\n    {last}\n"


DETACHED = "return tuple(each.detach() for each in got) if isinstance(got, tuple) else got.detach()"


@pytest.mark.parametrize("name", TRAINS)
def test_what_stands_in_a_training_must_have_a_gradient(name):
    task, names = find(name), {}
    exec(wrapped(task, "return got"), names)
    assert desk.examine(task, names[task.function]) == ""
    exec(wrapped(task, DETACHED), names)
    assert re.search(r": .* has no gradient with respect to `\w+`; `detach`", desk.examine(task, names[task.function]))
    assert "gradient" in task.story


def test_these_are_all_of_which_it_is_asked():
    assert {task.name for task in TASKS if "gradient(" in task.check} == set(TRAINS)


def test_the_grader_says_of_a_gradient_what_the_notebook_says(tmp_path):
    cells = [wrapped(find(name), DETACHED) for name in ("masked_mse", "two_players", "skip_join")] + [
        find("nan_weights").code
    ]
    book = {"cells": [{"cell_type": "code", "source": each, "metadata": {}} for each in cells], "nbformat": 4}
    (tmp_path / "eve.ipynb").write_text(json.dumps({**book, "metadata": {}}))
    for each in grading.grade(tmp_path / "eve.ipynb", seconds=60):
        names: dict = {}
        exec(next(cell for cell in cells if f"def {each.task.function}(" in cell), names)
        assert each.said == desk.examine(each.task, names[each.task.function]) != ""
        assert each.points == 0 and "gradient" in each.said


def test_an_error_keeps_its_remedy():
    with pytest.raises(ValueError) as found:
        torch.from_numpy(np.ones(3)[::-1])
    assert "work around this by making a copy" in str(failure("f", found.value))
    assert str(failure("f", NotImplementedError("not written yet"))) == "f is not written yet"
    assert str(failure("f", NotImplementedError("on cuda"))) == "f raised NotImplementedError: on cuda"
    assert len(str(failure("f", ValueError("x" * 9999)))) < 400
