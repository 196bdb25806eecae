"""What passes in a notebook passes at the grader: inputs are left alone, and a cell has all that it needs."""

import builtins
import functools
import json
import re

import numpy as np
import pytest
import torch

from depthnb.course import TASKS, copies, desk, find, foreign, grading, wire
from depthnb.course.questions import Asked
from depthnb.course.task import DRAWS, fault

TASK = find("high_loss")
FINE = TASK.solution.strip()


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        (lambda pred, depth, valid: depth.mul_(2), "`depth`"),
        (lambda pred, depth, valid: valid.fill_(True), "`valid`"),
        (lambda pred, depth, valid: depth.resize_(1), "`depth`"),
        (lambda pred, *rest: rest[0].zero_(), "2"),
        (lambda *given, **named: given[0].zero_(), "1"),
        (lambda pred, depth, valid: (pred * 2, depth + 1, ~valid), ""),
        (lambda pred, depth, valid: depth, ""),
        (lambda pred, depth, valid: pred.clone().requires_grad_().mean().backward(), ""),
        (lambda pred, depth, valid: pred.requires_grad_().mean().backward(), "`pred` (it sets its `requires_grad`)"),
        (lambda pred, *rest: rest[0].requires_grad_(), "2 (it sets its `requires_grad`)"),
        (lambda pred, depth, valid: depth.masked_fill_(valid, torch.nan), "`depth`"),
        (print, ""),
    ],
)
def test_a_changed_input_is_named(answer, changed, capsys):
    maps = torch.ones(2, 3), torch.full((2, 3), torch.nan).index_fill_(0, torch.tensor([0]), 3.0)
    assert copies.ask(answer, wire.pack([[*maps, torch.eye(2, 3) > 0], {}, None]))["changed"] == changed


def test_inputs_of_every_plain_kind_are_looked_at():
    assert copies.ask(lambda a, b: b.update(c=1), wire.pack([[1, {"a": 1.0}], {}, None]))["changed"] == "`b`"
    assert copies.ask(lambda a, b: b.append(object()), wire.pack([[1], {"b": [2]}, None]))["changed"] == "`b`"
    assert copies.ask(lambda a, b: a.sort(), wire.pack([[np.array([2, 1])], {"b": "x"}, None]))["changed"] == "`a`"


def graded(folder, source: str) -> grading.Grade:
    """A notebook of one cell at the grader."""
    book = {"cells": [{"cell_type": "code", "source": source, "metadata": {}}], "metadata": {}, "nbformat": 4}
    (folder / "eve.ipynb").write_text(json.dumps(book))
    return grading.grade(folder / "eve.ipynb")[0]


# the solution, which changes an input before it returns
SPOILS = f"""{FINE.replace("l1_loss", "right")}


def l1_loss(pred, depth, valid):
    loss = right(pred, depth, valid)
    depth.zero_()
    return loss
"""


def test_a_right_value_from_a_function_that_changes_its_input_fails_in_the_notebook_and_at_the_grader(tmp_path):
    names: dict = {}
    exec(SPOILS, names)
    said = "l1_loss changes its input `depth`; work on a copy"
    assert desk.examine(TASK, names["l1_loss"]) == said
    got = graded(tmp_path, SPOILS)
    assert (got.points, got.said) == (0, said)
    exec(SPOILS.replace("return loss", "return loss + 1"), names)
    assert re.search(
        r"expected .* \(and l1_loss changes its input `depth`; work on a copy\)$", desk.examine(TASK, names["l1_loss"])
    ), "a wrong value is told first, and the change with it, which may be its cause"


def test_no_solution_changes_its_input():
    for task in TASKS:
        names: dict = {}
        exec(task.solution, names)
        asked = Asked(functools.partial(copies.ask, names[task.function]))
        assert (fault(task, asked, 0), asked.changes) == ("", []), task.name


def cell(folder, source: str, **kernel):
    """What a notebook says of a cell that a kernel has run, and what that kernel has besides."""
    file = folder / "cell.py"
    file.write_text(source)
    names = {**kernel, "__name__": "__main__"}
    exec(compile(source, str(file), "exec"), names)
    return foreign.fault(names["l1_loss"], "l1_loss")


SHORT = "def l1_loss(pred, depth, valid):\n    return "


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (SHORT + "np.mean(pred)", "^l1_loss uses `np`, which its own cell does not define; add the import there$"),
        (SHORT + "helper(pred)", "^l1_loss uses `helper`, which its own cell does not define; define it there$"),
        (SHORT + "helper(np.mean(pred))", "uses `helper` and `np`, which its own cell"),
        (SHORT + "[np.mean(p) for p in pred]", "uses `np`"),
        (SHORT + "(lambda p: np.mean(p))(pred)", "uses `np`"),
        (SHORT + "inner(pred)\n\ndef inner(p):\n    return np.mean(p)", "l1_loss uses `np`"),
        (SHORT + "Mean()(pred)\n\nclass Mean:\n    def __call__(self, p):\n        return np.mean(p)", "l1_loss uses `np`"),
        ("def l1_loss(pred=np.pi, depth=1, valid=1):\n    return 1", "the cell of l1_loss uses `np`, .* add the import"),
        ("import functools\n@decorated\ndef l1_loss(pred, depth, valid):\n    return 1", "cell of l1_loss uses `decorated`"),
        (SHORT + "1\nprint(helper(l1_loss(1, 2, 3)))", "the cell of l1_loss uses `helper`, .*or move that line"),
        (SHORT + "display(pred)", "uses `display`.* add the import there"),
        (SHORT + "pred - mean", "^l1_loss uses `mean`, which its own cell does not define; define it there$"),
        ("a = lambda v: helper(v)\nb = lambda v: v\n" + SHORT + "a(b(pred))", "uses `helper`"),
        ("class Loss:\n    weight = helper(1)\n" + SHORT + "pred", "^the cell of l1_loss uses `helper`"),
    ],
)  # fmt: skip
def test_what_a_cell_takes_from_other_cells_is_named(tmp_path, monkeypatch, source, says):
    monkeypatch.setattr(builtins, "display", print, raising=False)  # as in a kernel
    kernel: dict = {"__name__": "__main__", "np": np, "mean": torch.tensor([1.0])}
    exec("helper = decorated = lambda x: x", kernel)
    said = cell(tmp_path, source, **kernel)
    assert re.search(says, said), said


@pytest.mark.parametrize(
    "source",
    [
        FINE,
        "import numpy as np\n" + SHORT + "np.mean([x.mean for x in pred])",
        SHORT + "later(pred)\n\ndef later(p):\n    return LIMIT\n\nLIMIT = 3",
        "from math import *\n" + SHORT + "sqrt(pred)",
        SHORT + "get_ipython().run_line_magic('time', 'np')",
        SHORT + "1\n\n\ndef unused():\n    return np.mean(1)",
        SHORT + "1\nplot = lambda: [x for x in range(3)]",
        "class Unused:\n    def plot(self):\n        return np.mean(1)\n" + SHORT + "1",
        "def l1_loss(pred, depth, valid):\n    import numpy as np\n    return [np.mean(a) for a in pred if a for b in a]",
        "def l1_loss(pred, depth, valid):\n    global kept\n    kept = 1\n    return kept",
        "class Loss:\n    a = 1\n    b = a\n\n    def __call__(self, x):\n        return __class__\n" + SHORT + "Loss()(pred)",
        "try:\n    import numpy as np\nexcept ImportError as error:\n    print(error)\n" + SHORT + "np.mean(pred)",
        "for np in range(2):\n    pass\nwith open('/dev/null') as file:\n    pass\n" + SHORT + "np, file",
        SHORT + "l1_loss if __name__ == 'x' else (isinstance(pred, int), print, NotImplemented)",
        "import functools\n@functools.cache\ndef l1_loss(pred, depth, valid):\n    return 1",
    ],
)  # fmt: skip
def test_a_cell_that_has_all_is_not_blamed(tmp_path, source):
    assert cell(tmp_path, source, np=np) == ""


def test_an_annotation_is_words_in_the_notebook_and_at_the_grader(tmp_path):
    right = FINE.replace("(pred,", "(pred: Maps,", 1)
    right = right.replace("    return", "    def other(x: Maps):\n        return x\n\n    return", 1)
    assert right.count("Maps") == 2 and cell(tmp_path, right, Maps=np.ndarray) == ""
    assert graded(tmp_path, right).points == TASK.points


def test_where_the_source_is_not_known_nothing_is_said(tmp_path):
    names: dict = {"np": np}
    exec(SHORT + "np.mean(pred)", names)
    assert foreign.fault(names["l1_loss"], "l1_loss") == ""
    for other in (print, 7, "l1_loss", np.mean, type("Loss", (), {"__call__": lambda *a: 1})(), lambda *a: helper):  # noqa: F821
        assert foreign.fault(other, "l1_loss") == ""
    (tmp_path / "cell.py").write_text("%time x = 1\n" + SHORT + "np.mean(pred)")
    exec(compile(SHORT + "np.mean(pred)", str(tmp_path / "cell.py"), "exec"), names)
    assert foreign.fault(names["l1_loss"], "l1_loss") == ""


def test_a_right_answer_with_a_missing_import_is_told_in_the_notebook_what_fails_at_the_grader(tmp_path):
    source = FINE.replace("import torch", "").replace("error.mean()", "torch.mean(error)")
    (tmp_path / "cell.py").write_text(source)
    names = {"torch": torch}
    exec(compile(source, str(tmp_path / "cell.py"), "exec"), names)
    assert (
        desk.examine(TASK, names["l1_loss"])
        == "l1_loss uses `torch`, which its own cell does not define; add the import there"
    )
    assert "NameError" in graded(tmp_path, source).said


def test_an_answer_that_is_right_by_chance_is_asked_again():
    """The sentence is that of the first draw that fails."""
    names: dict = {}
    exec(FINE, names)
    asked = []

    def lucky(pred, depth, valid):
        asked.append(pred)
        return names["l1_loss"](pred, depth, valid) + (len(asked) > once)

    once = 10**6
    assert desk.examine(TASK, lucky) == "" and len(asked) % DRAWS == 0
    once, asked[:] = len(asked) // DRAWS, []
    assert "expected" in desk.examine(TASK, lucky)
    assert grading.SECONDS >= 20, "a grader asks twice as much"
