"""What checks share: forms are told in a sentence, cases are named, and numbers that differ differ in print."""

import re

import numpy as np
import pytest
import torch

from depthnb.course import asking, find
from depthnb.course.task import NoAnswer, fault


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: asking.tensor(np.ones(3)), "must return one torch tensor; it returned a numpy.ndarray of shape (3,)"),
        (lambda: asking.tensor(0.5, (2, 3)), "must return one torch tensor of shape (2, 3); it returned a float"),
        (lambda: asking.tensor(torch.ones(3, 2), (2, 3)), "of shape (2, 3); it returned one of shape (3, 2)"),
        (lambda: asking.tensor((torch.ones(1), torch.ones(1))), "it returned a tuple of 2"),
        (lambda: asking.tensor([], None, "the camera"), "the camera must be one torch tensor; it is a list of 0"),
        (lambda: asking.array(torch.ones(2, 3)), "must return one NumPy array; it returned a torch.Tensor of shape (2, 3)"),
        (lambda: asking.array(np.float64(1), (2,)), "of shape (2,); it returned a numpy.float64"),
        (lambda: asking.number("0.5"), "must return one number; it returned a str"),
        (lambda: asking.number(None), "it returned nothing"),
        (lambda: asking.number(True), "it returned True or False"),
        (lambda: asking.number(torch.tensor(True)), "it returned True or False"),
        (lambda: asking.number(np.ones(2)), "it returned a numpy.ndarray of shape (2,)"),
        (lambda: asking.number(np.ones(0)), "it returned a numpy.ndarray of shape (0,)"),
        (lambda: asking.number(10**400), "beyond every float"),
        (lambda: asking.parts(torch.ones(2), 2), "must return 2 values; it returned a torch.Tensor of shape (2,)"),
        (lambda: asking.parts((1, 2, 3), 2), "must return 2 values; it returned a tuple of 3"),
    ],
)  # fmt: skip
def test_another_form_is_told_in_a_sentence(ask, says):
    with pytest.raises(AssertionError, match=re.escape(says)):
        ask()


def test_what_has_the_form_comes_back_as_it_is():
    maps = torch.ones(2, 1, 3, 4)
    assert asking.tensor(maps, (2, 1, 3, 4)) is maps and asking.tensor(maps) is maps
    assert asking.array(np.ones((2, 0)), (2, 0)).shape == (2, 0)
    for one in (1, 1.0, np.float32(1), np.ones(1), torch.ones(1, 1), torch.tensor(1.0, requires_grad=True)):
        assert asking.number(one) == 1.0
    assert np.isnan(asking.number(torch.tensor(torch.nan))) and asking.parts([1, 2], 2) == (1, 2)


@pytest.mark.parametrize(
    ("got", "want", "says"),
    [
        (0.26360001, 0.26361, r"0\.26360; expected 0\.26361$"),
        (1e-9, 2e-9, r"0\.000000001; expected 0\.000000002$"),
        (1e-15, 2e-15, r"1e-15; expected 2e-15$"),
        (float("nan"), 0.5, r"nan; expected 0\.5000$"),
        (float("inf"), 0.5, r"inf; expected 0\.5000$"),
        (0.5, float("nan"), r"0\.5000; expected nan$"),
        (float("-inf"), float("inf"), r"-inf; expected inf$"),
        (torch.tensor([[1.0, 2.0], [3.0, torch.nan]]), torch.ones(2, 2), r"at \[1, 1\] is nan; expected 1\.0000$"),
        (torch.tensor([[1.0, 2.0], [9.0, 3.0]]), torch.ones(2, 2).double(), r"at \[1, 0\] is 9\.0000; expected 1\.0000$"),
        (torch.ones(2, 3), np.ones((3, 2)), r"has the shape \(2, 3\); expected \(3, 2\)$"),
    ],
)  # fmt: skip
def test_numbers_that_differ_differ_in_print(got, want, says):
    with pytest.raises(AssertionError, match=f"^the loss {says if says.startswith(('at', 'has')) else f'is {says}'}"):
        asking.close(got, want, "the loss", tolerance=0.0)


def test_numbers_that_are_close_enough_pass():
    asking.close(torch.tensor([1.0, torch.nan, torch.inf]), np.array([1.00009, np.nan, np.inf]), "it")
    asking.close(50000.0, 50004.9, "it")
    asking.close(torch.zeros(0, 3), np.zeros((0, 3)), "it")


def test_a_case_is_named_whatever_goes_wrong_in_it():
    for error in (NoAnswer("f raised KeyError"), AssertionError("the loss is 2")):
        with (
            pytest.raises(type(error), match=rf"^with 0 under the mask: {error}$"),
            asking.case("with 0 under the mask"),
        ):
            raise error
    with pytest.raises(AssertionError, match=r"^a: b: c$"), asking.case("a"), asking.case("b"):
        raise AssertionError("c")


def test_a_task_says_the_name_of_its_function(monkeypatch):
    task = find("high_loss")
    ask = "def check(answer, seed=0):\n    from depthnb.course import asking\n    asking.tensor(answer())"
    monkeypatch.setattr("depthnb.course.task.checker", lambda task: exec(ask, names) or names["check"])
    names: dict = {}
    assert (
        fault(task, lambda: np.ones(2), 0)
        == "l1_loss must return one torch tensor; it returned a numpy.ndarray of shape (2,)"
    )
