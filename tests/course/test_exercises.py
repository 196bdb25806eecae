"""Exercises of code: solutions pass, gaps and wrong attempts fail, crafted answers get nothing, and the notebooks hold them."""

import ast
import json
import re
import time
from pathlib import Path

import pytest

import depthnb.course
from depthnb.course import BUGS, EXERCISES, TASKS, check, desk, exercise, find
from depthnb.course.task import SESSIONS
from depthnb.course.tasks import NOTEBOOKS

BOOKS = Path(depthnb.course.__file__).parents[2] / "notebooks"
# exercise -> attempts, each the solution with one part exchanged: (part, what stands there instead)
WRONG = {
    "project": [
        ("v, u = np.nonzero", "u, v = np.nonzero"),
        ("(v - K[1, 2]) * z / K[1, 1]", "(K[1, 2] - v) * z / K[1, 1]"),
        ("/ K[1, 1]", "/ K[0, 0]"),
        ("[x, y, z], axis=1", "[x, y, z], axis=0"),
        ("np.nonzero(valid)", "np.nonzero(depth > 0)"),
    ],
    "masked_mse": [
        ("torch.where(valid, pred - depth, 0.0)", "(pred - depth) * valid"),
        (".clamp(min=1)", ""),
        ("(error**2).sum() / valid.sum().clamp(min=1)", "(error**2).mean()"),
        ("(error**2).sum() / valid.sum().clamp(min=1)", "error.abs().sum() / valid.sum().clamp(min=1)"),
        ("torch.where(valid,", "torch.where(depth > 0,"),
    ],
    "blank_picture": [
        ('if loss == "mse"', 'if loss != "mse"'),
        ("depth[valid]", "depth[depth > 0]"),
        ("np.median(seen)", "np.mean(seen)"),
        ("np.mean(seen)", "np.exp(np.mean(np.log(seen)))"),
    ],
    "scale_invariant": [
        ("- lam * mean**2", "- lam * mean"),
        ("sum((1, 2, 3)) / count, (d", "sum() / count, (d"),
        ("torch.where(valid, pred.log() - depth.log(), 0.0)", "(pred.log() - depth.log()) * valid"),
        ("count = valid.sum((1, 2, 3))", "count = valid[0].numel()"),
        ("square - lam * mean**2", "(square - lam * mean**2).sqrt()"),
        ("square - lam * mean**2", "(square - lam * mean**2).mean()"),
    ],
    "nan_slope": [
        ("1.0) for", "0.0) for"),
        ("(torch.where(valid, each, 1.0) for each in (pred, depth))", "(pred, torch.where(valid, depth, pred.detach()))"),
        ("error.sum() / valid.sum()", "error.mean()"),
        ("pred.grad", "pred.grad * 2"),
    ],
    "skip_join": [
        ("size=skip.shape[-2:]", "scale_factor=2"),
        ("[large, skip]", "[skip, large]"),
        ('mode="nearest"', 'mode="bilinear"'),
        ("dim=1", "dim=0"),
    ],
    "gradient_term": [
        ("& valid[..., :-1])", "| valid[..., :-1])"),
        ("torch.where(valid, pred - truth, 0.0)", "pred - truth"),
        ("across.sum((1, 2, 3)) + down", "2 * across.sum((1, 2, 3)) + 0 * down"),
        ("/ valid.sum((1, 2, 3))", "/ valid.sum()"),
        ("error.diff(dim=-1).abs()", "error.diff(dim=-1) ** 2"),
    ],
    "planar_guidance": [
        ("(np.arange(side) + 0.5) / side - 0.5", "np.linspace(-0.5, 0.5, side)"),
        ("centres[None, :], centres[:, None]", "centres[:, None], centres[None, :]"),
        ("distance / (n1 * u + n2 * v + n3)", "distance * (n1 * u + n2 * v + n3)"),
        ("np.cos(theta)\n", "np.sin(theta)\n"),
    ],
    "scale_and_shift": [
        ("s = ((p - p.mean()) * (q - q.mean())).mean()", "s = (p * q).mean()"),
        ("[s, q.mean() - s * p.mean()]", "[s, q.mean() - p.mean()]"),
        ("[s, q.mean() - s * p.mean()]", "[s.abs(), q.mean() - s.abs() * p.mean()]"),
        ("p, q = p[v].double(), q[v].double()", "p, q = p.double(), q.double()"),
        ("return s, t", "return t, s"),
    ],
    "masked_gram": [
        ("torch.where(valid, maps, 0.0)", "(maps * valid)"),
        ("valid.sum((1, 2, 3))", "valid.sum()"),
        ("maps.shape[1] * valid", "valid"),
        ("torch.where(valid, maps, 0.0)", "maps.nan_to_num(1.0)"),
    ],
    "two_players": [
        ("F.softplus(-true).mean()", "-torch.sigmoid(true).log().mean()"),
        ("F.softplus(false).mean()", "F.softplus(-false).mean()"),
        ("of_generator = F.softplus(-false)", "of_generator = -F.softplus(false)"),
        ("return of_discriminator, of_generator", "return of_generator, of_discriminator"),
    ],
    "paired_change": [
        ("if name in after", ""),
        ("ddof=1", "ddof=0"),
        ("count - 1, 0.975", "count - 1, 0.95"),
        ("/ np.sqrt(count)", ""),
        ("100 * np.expm1([mean, mean - reach, mean + reach])", "100 * np.array([mean, mean - reach, mean + reach])"),
        ("after[name] / before[name]", "before[name] / after[name]"),
        (
            "[np.log(after[name] / before[name]) for name in before if name in after]",
            "[np.log(a / b) for a, b in zip(after.values(), before.values())]",
        ),
    ],
    "errors_left": [
        ("-unsure", "unsure"),
        ("-unsure", "-error"),
        ("round(share * len(error)) :", ": len(error) - round(share * len(error)) + 1"),
        (".mean()", ".sum() / len(error)"),
    ],
    "two_distances": [
        ("1 / z1 - 1 / z2", "z1 - z2"),
        ("+ 1 / z1\n", "\n"),
        ("np.where(found > 0, 1 / np.where(found > 0, found, 1.0), np.nan)", "1 / found"),
        ("/ (q1 - q2)", "/ (q2 - q1)"),
    ],
}  # fmt: skip


def wrong(task, code: str, seed: int = 0) -> str:
    """What a notebook says of a cell; an error of the cell itself counts as wrong."""
    names: dict = {}
    exec(compile(code, "<cell>", "exec"), names)
    return desk.examine(task, names[task.function], seed)


@pytest.mark.filterwarnings("ignore")  # wrong attempts divide by 0
@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_solutions_pass_and_gaps_and_wrong_attempts_do_not(task):
    begun = time.process_time()
    assert [wrong(task, task.solution, seed) for seed in range(6)] == [""] * 6
    assert len(wrong(task, task.code).split()) >= 4
    assert len(WRONG[task.name]) >= 4
    for part, other in WRONG[task.name]:
        assert task.solution.count(part) == 1, part
        for seed in (0, 1):
            said = wrong(task, task.solution.replace(part, other), seed)
            assert len(said.split()) >= 4 and "\n" not in said, (other, said)
    assert time.process_time() - begun < 8  # two minutes for all of them


@pytest.mark.parametrize("task", EXERCISES, ids=lambda task: task.name)
def test_an_exercise_is_short_and_complete(task):
    function = next(node for node in ast.parse(task.solution).body if isinstance(node, ast.FunctionDef))
    lines = {line for node in function.body[1:] for line in range(node.lineno, node.end_lineno + 1)}
    assert function.name == task.function and len(lines) <= 10, "ten lines at most"
    gap = next(node for node in ast.parse(task.code).body if isinstance(node, ast.FunctionDef))
    assert ast.unparse(gap.args) == ast.unparse(function.args) and ast.get_docstring(gap) == ast.get_docstring(function)
    assert 2 <= len(re.findall(r"[.?](?: |$)", task.story)) <= 6 and task.hint and task.code != task.solution
    assert 5 <= task.minutes <= 20 and task.points in (1, 2) and 1 <= task.session <= SESSIONS
    assert (
        not any(word in task.solution for word in ("depthnb", "check")) and (BOOKS / f"{task.notebook}.ipynb").is_file()
    )


def test_every_notebook_has_one_and_no_names_are_alike():
    assert list(NOTEBOOKS) == [file.stem for file in sorted(BOOKS.glob("*.ipynb")) if "01" <= file.stem[:2] <= "12"]
    assert set(WRONG) == {task.name for task in EXERCISES}
    assert len({task.name for task in TASKS}) == len({task.function for task in TASKS}) == len(BUGS) + len(EXERCISES)


CRAFTED = {
    "inspects": "import inspect, sys\n    return sys._getframe(1).f_locals.get('want', sys._getframe(2).f_locals.get('want'))",
    "exits": "raise SystemExit(0)",
    "claims to be equal": (
        "class Yes(float):\n        __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda *a: True\n"
        "        __abs__ = __sub__ = __rsub__ = __float__ = lambda *a: Yes()\n    return Yes()"
    ),
    "an object": "return type('T', (), {'__getattr__': lambda *a: True})()",
    "mutates": "pred[:], depth[:] = 1.0, 1.0\n    valid[:] = True\n    return 0.0",
    "mutates the shape": "pred.resize_(0), depth.resize_(0), valid.resize_(0)\n    return float('nan')",
    "forgets to return": "(pred - depth)[valid].pow(2).mean()",
    "never fits": "return [[0.0]] * 3",
    "patches": "import builtins\n    builtins.abs = lambda x: 0\n    return 5.0",
}


@pytest.mark.parametrize("how", CRAFTED)
def test_crafted_answers_pass_nowhere(how, monkeypatch):
    """In the same process, as in a notebook; the grader, which asks from another one, has its own tests."""
    import builtins

    monkeypatch.setattr(builtins, "abs", builtins.abs)  # taken back when the test ends
    task = find("masked_mse")
    code = f"import torch\n\n\ndef masked_mse(pred, depth, valid):\n    {CRAFTED[how]}"
    if how == "inspects":
        assert wrong(task, code), "frames between the function and the check are not the check's"
    elif how != "patches":  # who replaces `abs` in his own notebook deceives himself
        said = wrong(task, code)
        assert len(said.split()) >= 4, said


def test_a_function_gets_copies_and_gives_plain_values():
    import torch

    seen = []
    task = find("masked_mse")

    def spoil(pred, depth, valid):
        seen.append(pred)
        pred.zero_(), depth.zero_()
        return (pred - depth).sum()

    assert "expected 0.3" in desk.examine(task, spoil), "the check still knows its own numbers"
    assert len(seen) == 1 and not seen[0].any()
    names: dict = {}
    exec(task.solution, names)
    half = lambda pred, depth, valid: names["masked_mse"](pred.requires_grad_(), depth, valid) * torch.ones(1, 1)  # noqa: E731
    assert desk.examine(task, half) == ""


def test_a_notebook_says_passed_or_what_is_wrong_in_a_sentence(capsys):
    on_desk = exercise("masked_mse")
    names: dict = {}
    exec(on_desk.solution, names)
    on_desk.check(names["masked_mse"])
    on_desk.check(names["masked_mse"], seed=7)
    assert capsys.readouterr().out == "Passed: masked_mse is right.\n" * 2

    def gap(pred, depth, valid):
        pred.whatever()

    on_desk.check(gap)
    said = capsys.readouterr().out
    line = gap.__code__.co_firstlineno + 1
    assert (
        said
        == f"Not yet: masked_mse raised AttributeError: 'Tensor' object has no attribute 'whatever' (line {line} of its cell)\n"
    )
    on_desk.check(7)
    assert "not callable" in capsys.readouterr().out
    on_desk.check(lambda pred, depth, valid: None)
    assert "returned nothing; does it end with `return`?" in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"expected 0\.3"):
        check("masked_mse", lambda pred, depth, valid: 0.0)
    with pytest.raises(ValueError, match=r"'masked_loss' is unknown; expected one of .*masked_mse"):
        exercise("masked_loss")
    shown = on_desk._repr_markdown_()
    assert find("masked_mse").code.strip() in shown and find("masked_mse").code.strip() in repr(on_desk)
    assert "<details><summary>Hint</summary>" in shown and on_desk.solution not in shown and on_desk.hint in shown


def test_ctrl_c_goes_through():
    def stopped(pred, depth, valid):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.examine(find("masked_mse"), stopped)


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
            assert not re.search(r"\d\.\d", folds[1][1]), "a number in a text is computed"
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
    from depthnb.course import submissions

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
