"""Notebooks of the course: the same bytes twice, what nbgrader and otter-grader read, and no student's work lost."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

from depthnb.course import TASKS, __main__, building, find
from depthnb.course.task import SESSIONS
from depthnb.course.tasks import sheets

NAMES = [sheet.name for sheet in sheets()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("course")
    return out, building.build(out)


def cells(out: Path, kind: str, name: str) -> list:
    return nbformat.read(out / building.KINDS[kind][0].format(name=name), as_version=4).cells


def test_the_same_bytes_twice(built, tmp_path):
    out, written = built
    again = building.build(tmp_path / "again")
    assert len(written) == len(building.KINDS) * len(NAMES) + 2
    assert [file.read_bytes() for file in written] == [file.read_bytes() for file in again]
    assert building.build(out) == written  # and over themselves


def test_every_task_is_handed_out_once():
    notebooks = {task.notebook for task in TASKS if task.notebook}
    assert len(NAMES) == SESSIONS + len(notebooks) == len(set(NAMES))
    assert sorted(task.name for sheet in sheets() for task in sheet.tasks) == sorted(task.name for task in TASKS)


def test_students_get_the_mistake_or_the_gap_and_no_solution(built, tmp_path):
    out, _ = built
    for sheet in sheets():
        made = cells(out, "student", sheet.name)
        text = "\n".join(cell.source for cell in made)
        for task in sheet.tasks:
            assert task.code.strip() in text and task.story in text and task.solution.strip() not in text
            assert f'check("{task.name}", {task.function})' in text and "<details>" in text and task.hint in text
    building.build(tmp_path, ["student"])
    assert sorted(file.suffix for file in tmp_path.rglob("*.*")) == [".ipynb"] * len(NAMES)  # no rubric, no plan


def test_the_rules_stand_above_and_only_where_they_hold(built):
    """A function that is there already is to be corrected only where there is one."""
    for kind in ("student", "nbgrader", "otter"):
        for sheet in sheets():
            title = next(cell.source for cell in cells(built[0], kind, sheet.name) if cell.cell_type == "markdown")
            assert "must stand in one cell" in title and "must not change what it is given" in title
            assert "only the last cell is graded" in title
            gaps = {"raise NotImplementedError" in task.code for task in sheet.tasks}
            hunt = sheet.name.startswith("find_the_bug")
            assert ("replace the line `raise NotImplementedError`" in title) == (True in gaps) != hunt
            assert ("already holds a function, it contains a mistake" in title) == (gaps == {True, False})


def test_solutions_run_in_their_notebooks(built):
    out, _ = built
    for name in NAMES:
        names: dict = {}
        for cell in cells(out, "solution", name):
            if cell.cell_type == "code":
                exec(cell.source, names)


def test_nbgrader_finds_solutions_tests_and_points(built):
    out, _ = built
    points, ids = 0, []
    for name in NAMES:
        for cell in cells(out, "nbgrader", name):
            said = cell.metadata.nbgrader
            assert said.schema_version == 3 and said.task is False and not (said.solution and said.locked)
            ids.append((name, said.grade_id))
            if said.grade:
                points += said.points
                assert said.locked and "### BEGIN HIDDEN TESTS" in cell.source and "### END HIDDEN TESTS" in cell.source
            if said.solution:
                assert cell.source.count("### BEGIN SOLUTION") == cell.source.count("### END SOLUTION") == 1
    assert points == sum(task.points for task in TASKS) and len(set(ids)) == len(ids)


def test_otter_finds_questions_solutions_and_tests(built):
    out, _ = built
    raw = []
    for name in NAMES:
        made = cells(out, "otter", name)
        assert made[0].cell_type == "raw" and made[0].source.startswith("# ASSIGNMENT CONFIG")
        raw += [cell.source.splitlines()[0] for cell in made[1:] if cell.cell_type == "raw"]
        asked = [cell.source for cell in made if cell.source.startswith("# BEGIN QUESTION")]
        assert all("\nall_or_nothing: true" in each for each in asked)  # else the check that is shown gives half
    order = ["# BEGIN QUESTION", "# BEGIN SOLUTION", "# END SOLUTION", "# BEGIN TESTS", "# END TESTS", "# END QUESTION"]
    assert raw == order * len(TASKS)


@pytest.mark.parametrize("kind", ["nbgrader", "otter"])
def test_a_right_answer_may_print_and_warn(built, kind, capsys):
    """nbgrader gives no points to a cell that writes to standard error, otter-grader to one that shows anything."""
    made = cells(built[0], kind, "exercises_04_unet")
    names: dict = {}
    exec(find("skip_join").solution, names)
    right = names["joined"]

    def joined(small, skip):
        print("sizes", small.shape)
        print("UserWarning", file=sys.stderr)  # where a warning goes; pytest keeps real ones to itself
        return right(small, skip)

    tests = [cell for cell in made if cell.cell_type == "code" and "import check" in cell.source]
    assert "seed=101" in "".join(cell.source for cell in tests)
    for cell in tests:
        exec(cell.source, {"joined": joined})
    out, err = capsys.readouterr()
    assert err == ""
    assert out == "" if kind == "otter" else "sizes" in out and "UserWarning" in out


def test_a_notebook_that_somebody_has_worked_in_is_not_replaced(tmp_path):
    first = building.build(tmp_path, ["student"])[0]
    book = json.loads(first.read_text())
    book["cells"][2]["source"] = "def half_size(depth): ..."
    first.write_text(json.dumps(book))
    before = first.read_bytes()
    with pytest.raises(FileExistsError, match=r"find_the_bug_1\.ipynb is there .* choose another folder"):
        building.build(tmp_path)
    assert first.read_bytes() == before and not (tmp_path / "RUBRIC.md").exists()


def test_the_form_names_each_task_with_its_points(built):
    text = (built[0] / "RUBRIC.md").read_text()
    assert all(
        task.title in text and f"| {task.points} | |" in text and task.solution.strip() in text for task in TASKS
    )
    assert text.count("| |\n") == len(TASKS)


def test_the_command(tmp_path, capsys):
    assert __main__.main(["build", "--out", str(tmp_path), "--for", "nobody"]) == 1
    assert "kind is nobody; expected of student" in capsys.readouterr().err
    assert __main__.main(["build", "--out", str(tmp_path), "--for", "otter"]) == 0
    assert "find_the_bug_5.ipynb" in capsys.readouterr().out
