"""The error of the pixels that are left when the least sure ones are taken out."""

from depthnb.course.task import Task

TASK = Task(
    name="errors_left",
    function="errors_left",
    title="Does it know where it is wrong?",
    story=(
        "A good uncertainty is large where the error is large. A curve tests this: return its numbers. For each "
        "share leave out that part of all N pixels, those with the largest `unsure` first, and take the mean "
        "error of the pixels that are left. Every share is counted from all N pixels, and the number of pixels to "
        "leave out is `round(share * N)` of Python, which rounds 2.5 to 2. Return a list with one number for each "
        "share, in the order of `shares`, which need not be sorted. At least one pixel is always left, and no two "
        "pixels are equally unsure."
    ),
    code='''
import numpy as np


def errors_left(error, unsure, shares):
    """Mean error left, a list as long as shares; error and unsure are [N], shares are from 0 to below 1."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import case, close, number, numbers

CASES = (  # pixels, shares
    (60, [0.0, 0.1, 0.25, 0.5, 0.9]), (83, [0.8, 0.0, 0.33, 0.05, 0.33]), (5, [0.5, 0.1, 0.3]), (11, [0.6]), (1, [0.0, 0.4]),
)


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for count, shares in CASES:
        error = random.exponential(8.0, count)
        error[1:4] = (150.0, 0.0, 1e-4)[: count - 1]  # the last two are right, or nearly
        kinds = {"knows something": error + random.uniform(0, 16, count), "is thrice the error": 3 * error,
                 "is largest where the error is least": -error, "has nothing to do with the error": random.normal(0, 1, count)}
        for kind, unsure in kinds.items():
            ranked = [each for _, each in sorted(zip(unsure.tolist(), error.tolist()), reverse=True)]
            with case(f"with {count} pixel{'s' if count > 1 else ''} and an uncertainty that {kind}"):
                got = answer(error.copy(), unsure.copy(), list(shares))
                for share, mine in zip(shares, numbers(got, len(shares), "one for each share")):
                    left = ranked[round(share * count):]
                    what = f"the mean error for the share {share} ({len(left)} left)"
                    close(number(mine, what), sum(left) / len(left), what, 1e-5)
""",
    hint=(
        "`np.argsort` sorts upwards: the order of `-unsure` begins with the least sure pixel. Count first how "
        "many pixels go."
    ),
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
