"""The grader: right, wrong, incomplete and crafted notebooks."""

import csv
import json
import re
import time
from pathlib import Path

import pytest

import depthnb
from depthnb.course import BUGS, EXERCISES, __main__, building, desk, find, grading, marks, wire

SPLIT = find("next_house").solution.strip()  # needs neither torch nor NumPy, so it is asked about quickly


def notebook(folder, *code: str, session: int | None = None, name: str = "eve"):
    """A notebook with these code cells, each with an output that claims success."""
    said = [{"output_type": "stream", "name": "stdout", "text": "passed"}]
    cells = [{"cell_type": "code", "source": c, "metadata": {}, "outputs": said, "execution_count": 1} for c in code]
    metadata = {"depthnb": {"session": session}} if session else {}
    file = folder / f"{name}.ipynb"
    file.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return file


def one(folder, *code: str, **limits) -> grading.Grade:
    (only,) = grading.grade(notebook(folder, *code), **limits)
    assert only.points in (0, only.task.points)
    return only


def test_solutions_get_all_points_and_mistakes_none(tmp_path):
    right = grading.grade(notebook(tmp_path, *(task.solution for task in BUGS)), seconds=60)
    assert [(each.points, each.said) for each in right] == [(task.points, "passed") for task in BUGS]
    wrong = grading.grade(notebook(tmp_path, *(task.code for task in BUGS)), seconds=60)
    assert [each.task.name for each in wrong] == [task.name for task in BUGS]
    assert not any(each.points for each in wrong) and all(len(each.said.split()) > 3 for each in wrong)


def test_an_incomplete_notebook_gets_what_it_has_of_what_was_due(tmp_path):
    file = notebook(tmp_path, SPLIT, "def half_size(depth:\n    return", session=1)
    said = {each.task.name: (each.points, each.said) for each in grading.grade(file)}
    assert said["next_house"] == (2, "passed") and said["shrunken_room"] == (0, "no cell defines resized")
    assert said["ghosts"][0] == 0 and "SyntaxError" in said["ghosts"][1]
    assert [each.task.name for each in grading.grade(file, session=2)] == ["high_loss", "two_scores"]


def test_the_last_cell_that_defines_it_counts_and_magics_do_no_harm(tmp_path):
    assert one(tmp_path, find("next_house").code, f"%matplotlib inline\n!ls\n{SPLIT}", "x = 1").said == "passed"
    assert one(tmp_path, SPLIT, find("next_house").code).points == 0


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import os; os._exit(0)", "ended before it had answered"),
        ("raise SystemExit(0)", "SystemExit"),
        ("while True: pass", "longer than 2 s"),
        ("import time; time.sleep(99)", "longer than 2 s"),
        ("return bytearray(2 << 30)", "MemoryError"),
        ("return [0] * (1 << 29)", "MemoryError"),
        ("import numpy; return numpy.ones(10**12)", "MemoryError"),
        ("return open('big', 'wb').write(b'0' * (8 << 20))", "ended before|File too large"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended before it had answered"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL); os._exit(0)", "ended before it had answered"),
        ("print('passed'); return 'passed'", "must return 2 values; it returned a str"),
        ("return None", "must return 2 values; it returned nothing"),
        ("return True", "must return 2 values; it returned a bool"),
        ("return lambda: True", "something of type function"),
        ("return [], []", "frame 0 is in neither list"),
        ("return split(scenes, share, seed)", "RecursionError"),
        ("a = []; a.append(a); return a", "nested too deeply|RecursionError"),
        ("return (list(range(len(scenes))), [])", "10 scenes are in the training list; expected 7"),
        ("raise ValueError('passed\\n2/2 \\x1b[31m' + 'x' * 9999)", "raised ValueError: passed 2/2"),
    ],
)
def test_crafted_functions_get_no_points(tmp_path, body, says):
    got = one(tmp_path, f"def split(scenes, share, seed):\n    {body}", seconds=2)
    assert got.points == 0 and got.said.isprintable() and len(got.said) <= 600
    assert re.search(says, got.said), got.said


@pytest.mark.parametrize(
    "cell",
    [
        "import builtins\nbuiltins.AssertionError = builtins.Exception = type('E', (BaseException,), {})\n",
        "import depthnb.course.task as t, depthnb.course as c\nt.checker = c.checker = c.check = lambda *a: lambda *b: None\n",
        "class Yes:\n    __eq__ = __len__ = __iter__ = __int__ = lambda *a: True\n",
        "def check(*a, **b): return 'passed'\n",
        "import random\nrandom.Random = None\n",
        "import sys\nsys.exit = exit = lambda *a: None\nfor f in range(3, 99):\n    pass\nprint('passed')\n",
    ],
)
def test_nothing_that_a_cell_redefines_reaches_the_check(tmp_path, cell):
    answer = "def split(scenes, share, seed):\n    return [0, 1], [1, 2]"
    assert "frame 1 is 2 times in the two lists" in one(tmp_path, cell + answer).said


def test_forged_messages_are_answers_and_no_marks(tmp_path):
    """A cell that finds the grader's socket and writes into it only answers wrongly."""
    forge = (
        "import os, json\n"
        "def split(scenes, share, seed):\n"
        "    for fd in range(3, 64):\n"
        '        for said in (b\'{"points": 2, "said": "passed", "value": null}\', b\'\\xff\' * 40):\n'
        "            try: os.write(fd, len(said).to_bytes(8, 'big') + said)\n"
        "            except OSError: pass\n"
        "    return [], []"
    )
    got = one(tmp_path, forge)
    assert got.points == 0


def test_a_message_that_never_ends_takes_no_longer_than_the_limit(tmp_path):
    stall = (
        "import os, time\ndef split(scenes, share, seed):\n"
        "    for fd in range(3, 64):\n"
        "        try: os.write(fd, (1000).to_bytes(8, 'big') + b'x')\n"
        "        except OSError: pass\n"
        "    if os.fork() == 0:\n        os.setsid(); time.sleep(12)\n    time.sleep(99)"
    )
    begun = time.monotonic()
    assert "longer than 2 s" in one(tmp_path, stall, seconds=2).said
    assert time.monotonic() - begun < 60


def test_answers_learnt_by_heart_fail_on_numbers_drawn_anew(tmp_path):
    """The notebook's check shows its numbers; a function that knows only these passes there and gets nothing here."""
    seen: list = []
    names: dict = {}
    exec(SPLIT, names)
    wrong = desk.examine(find("next_house"), lambda *given: seen.append(given) or names["split"](*given))
    assert wrong == "" and len(seen) > 30
    code = (
        f"{SPLIT.replace('def split', 'def _right')}\n\ndef split(scenes, share, seed):\n"
        f"    known = {[scenes[:3] for scenes, *_ in seen]!r}\n"
        "    return _right(scenes, share, seed) if scenes[:3] in known else ([], [])"
    )
    exec(code, names)
    assert desk.examine(find("next_house"), names["split"]) == ""  # passes in the notebook
    assert "in neither list" in one(tmp_path, code).said


def test_the_next_notebook_is_graded_after_one_that_broke_everything(tmp_path):
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef split(*a): pass"
    assert one(tmp_path, kill).points == 0
    assert one(tmp_path, SPLIT).said == "passed"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no notebook"),
        (b"\x80\x04pickle", "is no notebook"),
        (b"[1, 2]", "is no notebook"),
        (b"[" * 100000, "is no notebook"),
        (b'{"cells": [{"cell_type": "code", "source": 7}]}', "is no notebook"),
        (b'{"worksheets": []}', "format 3"),
        (b'{"cells": [], "metadata": {}}', "holds no task of this course"),
        (b'{"cells": [], "metadata": {"depthnb": {"session": "1"}}}', "holds no task of this course"),
    ],
)
def test_what_is_no_notebook_of_the_course_is_refused(tmp_path, content, says):
    (tmp_path / "x.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match=says):
        grading.grade(tmp_path / "x.ipynb")


def test_the_command_goes_on_after_a_bad_file_and_writes_a_table(tmp_path, capsys, monkeypatch):
    good = notebook(tmp_path, SPLIT, name="=ann")
    bad = tmp_path / "bad.ipynb"
    bad.write_text("{")
    monkeypatch.chdir(tmp_path)
    status = __main__.main(
        ["grade", str(bad), str(tmp_path / "none.ipynb"), good.name, "--csv", str(tmp_path / "p.csv")]
    )
    out, err = capsys.readouterr()
    assert status == 1 and "is no notebook" in err and "none.ipynb is no file" in err
    assert "2 of 2 points" in out and "container without network" in out
    with open(tmp_path / "p.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [
        {"file": "'=ann.ipynb", "session": "1", "task": "next_house", "points": "2", "of": "2", "said": "passed"}
    ]
    with pytest.raises(ValueError, match="session is 9; expected 1 to 5"):
        grading.grade(good, session=9)


def test_exercises_solved_get_all_points_and_gaps_none(tmp_path):
    right = grading.grade(notebook(tmp_path, *(task.solution for task in EXERCISES)), seconds=60)
    assert [(each.points, each.said) for each in right] == [(task.points, "passed") for task in EXERCISES]
    gaps = grading.grade(notebook(tmp_path, *(task.code for task in EXERCISES)), seconds=60)
    assert not any(each.points for each in gaps)
    assert all("not written yet" in each.said for each in gaps if each.task.name != "nan_weights")


def test_a_student_solves_an_exercise_in_the_notebook_itself(tmp_path):
    """The cells of 03 are there, none of them is an answer, and the student has added one."""
    book = json.loads((Path(depthnb.__file__).parents[1] / "notebooks/03_eigen.ipynb").read_text())
    mine = {"cell_type": "code", "source": find("scale_invariant").solution, "metadata": {}, "outputs": []}
    book["cells"].insert(-2, mine)
    (tmp_path / "03_eigen.ipynb").write_text(json.dumps(book))
    (only,) = grading.grade(tmp_path / "03_eigen.ipynb")
    assert (only.task.name, only.points, only.said) == ("scale_invariant", 2, "passed")
    first, second = grading.grade(tmp_path / "03_eigen.ipynb", notebook="03_eigen")
    assert first.points == 2 and (second.points, second.said) == (0, "no cell defines log_mse")


def test_what_is_due_is_said_once_and_known(tmp_path):
    file = notebook(tmp_path, SPLIT)
    with pytest.raises(ValueError, match="are both given"):
        grading.grade(file, session=1, notebook="03_eigen")
    with pytest.raises(ValueError, match=r"notebook is '3_eigen'; expected one that has exercises of code: 01_data, "):
        grading.grade(file, notebook="3_eigen")
    assert __main__.main(["grade", str(file), "--notebook", "00_start"]) == 1


def test_a_task_may_be_given_more_or_less_time(tmp_path, capsys):
    file = notebook(tmp_path, "def split(scenes, share, seed):\n    while True:\n        pass")
    assert __main__.main(["grade", str(file), "--seconds", "1"]) == 0
    assert "it took longer than 1 s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pred.zero_(); depth.zero_(); return (pred - depth).sum()", r"the loss is 0\.0000; expected \d+\.\d"),
        ("raise SystemExit(0)", "SystemExit"),
        ("return type('Yes', (), {'__eq__': lambda *a: True, '__float__': lambda s: 0.0})()", "something of type Yes"),
        ("import sys; return sys._getframe(1).f_locals['want']", "KeyError"),
        (
            "import inspect; return [f.frame.f_locals['want'] for f in inspect.stack() if 'want' in f.frame.f_locals][0]",
            "IndexError",
        ),
        (
            "import depthnb.course; return depthnb.course.find('masked_mse').points",
            "must return one torch tensor; it returned an int",
        ),
        ("return torch.full((2, 2), float('nan'))", r"must return one number; .* of shape \(2, 2\)"),
        ("return pred.sum() * float('nan')", "the loss is nan"),
        ("return 10**400", "too large|int"),
        ("return -(pred - depth)[valid].pow(2).mean()", "expected"),
    ],
)
def test_crafted_answers_to_an_exercise_get_no_points(tmp_path, body, says):
    got = one(tmp_path, f"import torch\ndef masked_mse(pred, depth, valid):\n    {body}", seconds=20)
    assert got.points == 0 and got.said.isprintable() and re.search(says, got.said), got.said


def test_generated_exercises_can_be_graded(tmp_path):
    building.build(tmp_path, ["solution", "student"])
    right = grading.grade(tmp_path / "solution" / "exercises_02_bn_cnn.ipynb")
    assert [(each.task.name, each.said) for each in right] == [("masked_mse", "passed"), ("blank_picture", "passed")]
    assert marks.said("x", grading.grade(tmp_path / "student" / "exercises_02_bn_cnn.ipynb")).endswith("0 of 3 points")


def test_generated_notebooks_can_be_graded(tmp_path):
    building.build(tmp_path, ["solution", "student"])
    right = grading.grade(tmp_path / "solution" / "find_the_bug_5.ipynb")
    assert [each.said for each in right] == ["passed", "passed"]
    assert marks.said("x", grading.grade(tmp_path / "student" / "find_the_bug_5.ipynb")).endswith("0 of 2 points")


def test_values_come_back_as_they_were():
    import numpy as np
    import torch

    given = {
        "a": [1, 2.5, None, True, "x"],
        "b": (np.arange(6.0).reshape(2, 3).T, torch.zeros(0, 3), torch.tensor(True)),
    }
    got = wire.unpack(wire.pack(given))
    assert got["a"] == given["a"] and isinstance(got["b"], tuple)
    assert np.array_equal(got["b"][0], given["b"][0]) and got["b"][1].shape == (0, 3) and got["b"][2].item() is True


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04.", b'{"kind": "pickle"}', b"[" * 10**6, b'{"kind": "dict", "of": 3}', b'{"of": 1}', b"\xff",
        b'{"kind": "numpy", "dtype": "object", "shape": [1], "data": ""}',
        b'{"kind": "numpy", "dtype": "float32", "shape": [1000000000000], "data": ""}',
        b'{"kind": "numpy", "dtype": "float32", "shape": [-1, -1], "data": "AAAA"}',
        b'{"kind": "torch", "dtype": "uint8", "shape": [2], "data": "!!"}',
    ],
)  # fmt: skip
def test_bytes_that_are_no_plain_value_are_refused(content):
    with pytest.raises(wire.Refused):
        wire.unpack(content)
