"""Exercises of code: solutions pass and compute what the package computes, gaps and wrong attempts fail."""

import ast
import re
import time
from pathlib import Path

import pytest

import depthnb.course
from depthnb.course import BUGS, EXERCISES, TASKS, desk, find
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
    "least_error": [
        ("best, still = moved.min", "best, still = moved.mean"),
        ("best < still", "best > still"),
        ("unmoved.min(axis=0)", "unmoved.max(axis=0) + 1"),
        ("best[counts].mean()", "best[counts].sum() / counts.size"),
        (" if counts.any() else 0.0", ""),
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
    assert list(NOTEBOOKS) == [file.stem for file in sorted(BOOKS.glob("*.ipynb")) if "01" <= file.stem[:2] <= "13"]
    assert set(WRONG) == {task.name for task in EXERCISES}
    assert len({task.name for task in TASKS}) == len({task.function for task in TASKS}) == len(BUGS) + len(EXERCISES)


def solved(name: str):
    """The function of a solution."""
    names: dict = {}
    exec(find(name).solution, names)
    return names[find(name).function]


def test_solutions_compute_what_the_package_computes():
    """So a student who has solved an exercise knows what the notebook's own numbers are made of."""
    import numpy as np
    import torch

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
