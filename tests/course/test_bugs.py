"""Find the bug: each check fails on the mistake and on other wrong attempts, and passes on the solution."""

import re
import time
from pathlib import Path

import pytest

import depthnb.course
from depthnb.course import BUGS, check, checker
from depthnb.course.task import SESSIONS

SEEDS = range(6)
NOTEBOOKS = Path(depthnb.course.__file__).parents[2] / "notebooks"
# task -> attempts, each the solution with one part exchanged: (part, what stands there instead)
WRONG = {
    "unmasked_loss": [
        ("(pred[valid] - depth[valid]).abs()", "((pred - depth) * valid).abs()"),
        ("(pred[valid] - depth[valid]).abs()", "(pred - depth)[depth > 0].abs()"),
        ("(pred[valid] - depth[valid]).abs()", "(pred - depth).nan_to_num().abs()"),
        ("error.mean()", "error.sum()"),
        ("error.mean()", "error.mean() * 0 + 0.5"),
    ],
    "batch_means": [
        ("* len(p)", "* batch_size"),
        ("range(0, len(pred), batch_size)", "range(0, len(pred) - batch_size + 1, batch_size)"),
        ("/ len(pred)", "/ (len(pred) // batch_size + 1)"),
    ],
    "mixed_holes": [
        ("total / share.clamp(min=0.25)", "total"),
        ("share > 0, total / share.clamp(min=0.25)", "share == 1, total"),
        ("total / share.clamp(min=0.25), 0.0", "total / share, float('nan')"),
        ("total / share.clamp(min=0.25), 0.0", "total / share, depth.mean()"),
        ("share > 0, total / share.clamp(min=0.25)", "share < 0, total"),
    ],
    "swapped_channels": [
        ("picture[..., ::-1]", "picture[:, ::-1]"),
        ("return (image - mean) / std", "return ((image - mean) / std).flip(0)"),
        (".float() / 255", ".float()"),
    ],
    "disparity_as_depth": [
        ("1 / disparity", "disparity.max() - disparity"),
        ("1 / disparity", "-disparity"),
        ("relative * scale", "relative"),
        ("np.median(relative[valid])", "np.median(relative)"),
    ],
    "wrong_crop": [
        ("inside[top:bottom, left:right] = True", "inside[:] = True"),
        ("inside & valid", "inside | valid"),
        ("inside & valid", "inside"),
        ("int(0.40810811 * height)", "round(0.40810811 * height + 0.5)"),
        ("int(0.96405229 * width)", "int(0.96405229 * width) + 1"),
    ],
    "empty_median": [
        ("np.mean(errors) if errors else np.nan", "np.sum(errors) / len(preds)"),
        ("if errors else np.nan", "if errors else 0.0"),
        ("np.median(depth[valid]) / np.median(pred[valid])", "np.median(depth) / np.median(pred)"),
    ],
    "scene_leak": [
        ("if scene not in chosen", ""),
        ("[: round(share * len(names))]", "[: round(share * len(names)) + 1]"),
        ("random.Random(seed).shuffle(names)", "pass"),
        ("random.Random(seed).shuffle(names)", "random.shuffle(names)"),
    ],
    "frozen_norm": [
        (".requires_grad_(False).eval()", ".requires_grad_(False)"),
        (".requires_grad_(False).eval()", ".eval()\n    encoder[1].momentum = 0.0\n    encoder.train()"),
        ("nn.Conv2d(4, 1, 1))", "nn.Conv2d(4, 1, 1)).eval()"),
        ("decoder.parameters()", "list(decoder[3].parameters())"),
        ("decoder.parameters()", "[*encoder.parameters(), *decoder[1].parameters()]"),
    ],
    "focal_length": [
        ("(K[0, 2] + 0.5) * sx - 0.5", "K[0, 2] * sx"),
        ("sy, sx = size[0] / depth.shape[0], size[1] / depth.shape[1]", "sx = sy = size[1] / depth.shape[1]"),
        ("(K[1, 2] + 0.5) * sy - 0.5", "K[1, 2]"),
        ("camera = K.clone()", "camera = K * sx"),
    ],
    "clipped_first": [
        ("(scale * pred).clamp(nearest, farthest)", "scale * pred"),
        ("scale = depth", "pred = pred.clamp(nearest, farthest)\n    scale = depth"),
        ("pred[valid].median()", "pred.median()"),
        ("clamp(nearest, farthest)", "clamp(0.1, 10.0)"),
    ],
    "pooled_pixels": [
        ("torch.stack(errors).mean()", "torch.stack(errors).median()"),
        ("torch.stack(errors).mean()", "torch.stack(errors).sum() / len(preds)"),
        ("if valid.any():", "if True:"),
    ],
}  # fmt: skip


def passes(task, code: str, seed: int) -> bool:
    """Whether code passes; an exception of any kind is a failure, as it is for the grader."""
    names: dict = {}
    exec(code, names)
    try:
        checker(task)(names[task.function], seed)
    except Exception:
        return False
    return True


@pytest.mark.filterwarnings("ignore")  # the mistakes take medians of nothing
@pytest.mark.parametrize("task", BUGS, ids=lambda task: task.name)
def test_the_check_tells_right_from_wrong(task):
    begun = time.process_time()
    assert all(passes(task, task.solution, seed) for seed in SEEDS)
    assert not any(passes(task, task.code, seed) for seed in SEEDS)
    attempts = WRONG[task.name]
    assert len(attempts) >= 2
    for part, other in attempts:
        assert task.solution.count(part) == 1, part
        wrong = task.solution.replace(part, other)
        assert not any(passes(task, wrong, seed) for seed in (0, 1)), other
    assert time.process_time() - begun < 20


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
    assert 2 <= len(re.findall(r"[.?](?: |$)", task.story)) <= 5
    assert task.hint and task.code != task.solution and task.function in task.code
    assert 3 <= task.minutes <= 20 and task.points in (1, 2) and 1 <= task.session <= SESSIONS
    assert (NOTEBOOKS / f"{task.notebook}.ipynb").is_file()
    assert not any(word in task.solution for word in ("depthnb", "check"))


def test_twelve_tasks_of_different_names():
    assert len(BUGS) == 12 == len({task.name for task in BUGS}) == len({task.function for task in BUGS})
    assert set(WRONG) == {task.name for task in BUGS}


def test_a_notebook_asks_by_the_name_of_the_task():
    task = next(task for task in BUGS if task.name == "batch_means")
    names: dict = {}
    exec(task.solution, names)
    assert "passes" in check("batch_means", names["test_error"])
    with pytest.raises(ValueError, match=r"'batch_mean' is unknown; expected one of .*batch_means"):
        check("batch_mean", names["test_error"])


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
