"""The error of the pixels that are left when the least sure ones are taken out."""

from depthnb.course.task import Task

TASK = Task(
    name="errors_left",
    function="errors_left",
    title="Does it know where it is wrong?",
    story=(
        "Write the curve that asks whether an uncertainty is worth anything. For each share leave out that part of the "
        "pixels, the least sure first, and take the mean error of the rest. The number of pixels left out is the share "
        "times their number, rounded with `round`."
    ),
    code='''
import numpy as np


def errors_left(error, unsure, shares):
    """Mean error left, a list as long as shares; error and unsure are [N], shares are from 0 to below 1."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    shares = [0.0, 0.1, 0.25, 0.5, 0.9]
    error = random.exponential(0.2, 60)
    cases = {"an uncertainty that knows something": error + random.uniform(0, 0.3, 60), "the oracle": 3 * error,
             "one that is surest where it is wrong": -error}
    for name, unsure in cases.items():
        ranked = sorted(zip(unsure.tolist(), error.tolist()), reverse=True)
        got = list(answer(error, unsure, shares))
        assert len(got) == len(shares), f"the function returns {len(got)} numbers for {len(shares)} shares"
        for share, mine in zip(shares, got):
            left = [each for _, each in ranked[round(share * 60):]]
            want = sum(left) / len(left)
            said = f"{name}, a share of {share} left out: the error left is {float(mine):.4f}"
            assert abs(float(mine) - want) < 1e-4, f"{said}; expected {want:.4f}"
""",
    hint="`np.argsort` sorts upwards; the order of `-unsure` begins with the least sure pixel.",
    solution='''
import numpy as np


def errors_left(error, unsure, shares):
    """Mean error left, a list as long as shares; error and unsure are [N], shares are from 0 to below 1."""
    order = np.argsort(-unsure)
    return [error[order[round(share * len(error)) :]].mean() for share in shares]
''',
    minutes=10,
    points=2,
    session=5,
    notebook="11_today",
)
