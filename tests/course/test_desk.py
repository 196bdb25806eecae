"""A function that is checked in a notebook: crafted answers pass nowhere, and every verdict is a sentence."""

import pytest

from depthnb.course import check, desk, exercise, find


def wrong(code: str) -> str:
    """What a notebook says of a cell that answers `masked_mse`."""
    names: dict = {}
    exec(compile(code, "<cell>", "exec"), names)
    return desk.examine(find("masked_mse"), names["masked_mse"])


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
    code = f"import torch\n\n\ndef masked_mse(pred, depth, valid):\n    {CRAFTED[how]}"
    if how == "inspects":
        assert wrong(code), "frames between the function and the check are not the check's"
    elif how != "patches":  # who replaces `abs` in his own notebook deceives himself
        said = wrong(code)
        assert len(said.split()) >= 4, said


def test_a_function_gets_copies_and_gives_plain_values():
    import torch

    seen = []
    task = find("masked_mse")

    def spoil(pred, depth, valid):
        seen.append(pred)
        pred.zero_(), depth.zero_()
        return (pred - depth).sum()

    assert "expected 8.1" in desk.examine(task, spoil), "the check still knows its own numbers"
    assert len(seen) == 1 and not seen[0].any()
    names: dict = {}
    exec(task.solution, names)
    half = lambda pred, depth, valid: names["masked_mse"](pred, depth, valid) * torch.ones(1, 1)  # noqa: E731
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
        == "Not yet: where every pixel is valid: masked_mse raised AttributeError: 'Tensor' object has no attribute 'whatever' "
        f"(line {line} of its cell)\n"
    )
    on_desk.check(7)
    assert "not callable" in capsys.readouterr().out
    on_desk.check(lambda pred, depth, valid: None)
    assert "returned nothing; does it end with `return`?" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="it returned a float"):
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


def test_a_failed_check_is_one_line_in_a_notebook_and_still_a_failure(capsys):
    """nbgrader and otter-grader see the exception; a reader sees its sentence, and none of the lines of the package."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    done = shell.run_cell("from depthnb.course import check\ncheck('masked_mse', lambda pred, depth, valid: 0.5)")
    assert isinstance(done.error_in_exec, AssertionError) and not done.success
    said = "where every pixel is valid: masked_mse must return one torch tensor; it returned a float"
    assert str(done.error_in_exec) == said
    assert capsys.readouterr().out == f"Not yet: {said}\n"


@pytest.mark.parametrize("name", ["masked_mse", "paired_change"])
def test_a_gap_is_told_without_a_case(name):
    names: dict = {}
    exec(find(name).code, names)
    assert desk.examine(find(name), names[find(name).function]) == f"{find(name).function} is not written yet"


def test_a_network_in_place_of_its_state_is_named():
    code = find("it_moves").solution.replace("encoder.state_dict(), decoder.state_dict()", "encoder, decoder")
    names: dict = {}
    exec(code, names)
    said = desk.examine(find("it_moves"), names["train"])
    assert "train returned a network (Sequential); its state, which is plain, is `.state_dict()`" in said
