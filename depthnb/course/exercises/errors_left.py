"""The error of the pixels that are left when the least sure ones are taken out."""

from depthnb.course.task import Task

TASK = Task(
    name="errors_left",
    function="errors_left",
    title="Does it know where it is wrong?",
    story=(
        "A good uncertainty is large where the error is large. Write the curve that tests this. For each "
        "share leave out that part of the pixels, those with the largest `unsure` first, and take the mean "
        "error of the pixels that are left. The number of pixels to leave out is `round(share * N)`. Return a "
        "list with one number for each share, in the order of `shares`, which need not be sorted. At least "
        "one pixel is always left, and no two pixels are equally unsure."
    ),
    code='''
import numpy as np


def errors_left(error, unsure, shares):
    """Mean error left, a list as long as shares; error and unsure are [N], shares are from 0 to below 1."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import case, close, number

CASES = (  # pixels, shares
    (60, [0.0, 0.1, 0.25, 0.5, 0.9]), (83, [0.8, 0.0, 0.33, 0.05, 0.33]), (5, [0.5, 0.1, 0.3]), (11, [0.6]), (1, [0.0, 0.4]),
)


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for count, shares in CASES:
        error = random.exponential(8.0, count)
        kinds = {"knows something": error + random.uniform(0, 16, count), "is the error itself": 3 * error,
                 "is largest where the error is least": -error, "has nothing to do with the error": random.normal(0, 1, count)}
        for kind, unsure in kinds.items():
            ranked = [each for _, each in sorted(zip(unsure.tolist(), error.tolist()), reverse=True)]
            with case(f"with {count} pixel{'s' if count > 1 else ''} and an uncertainty that {kind}"):
                got = answer(error.copy(), unsure.copy(), list(shares))
                listed = (isinstance(got, (list, tuple)) or getattr(got, "ndim", 0) == 1) and len(got) == len(shares)
                assert listed, f"your function must return a list of {len(shares)} numbers, one for each share"
                for share, mine in zip(shares, got):
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
