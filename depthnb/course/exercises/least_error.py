"""The least error over the neighbours, and the pixels that say nothing."""

from depthnb.course.task import Task

TASK = Task(
    name="least_error",
    function="least_error",
    title="The least error, where it says something",
    story=(
        "Notebook 13 looks up each pixel in S neighbouring frames. Of a neighbour that was moved by depth and motion you get "
        "the photometric error of each pixel, infinite where the neighbour does not show it; and the error of the same "
        "neighbour unmoved. At each pixel the least error over the moved neighbours counts, but only where it is below the "
        "least error of the unmoved ones. Return the mean over the pixels that count, and 0 if there is none."
    ),
    code='''
import numpy as np


def least_error(moved, unmoved):
    """One number, of photometric errors [S,H,W] of the moved and of the unmoved neighbours."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for sources in (1, 2, 3):
        moved, unmoved = random.uniform(0, 1, (2, sources, 5, 7))
        moved[:, 0, 0], moved[0, 2, 3] = np.inf, np.inf
        best, still = moved.min(axis=0), unmoved.min(axis=0)
        right = best[best < still].mean()
        got = float(answer(moved, unmoved))
        said = f"with {sources} neighbours the loss is {got:.4f}; expected {right:.4f}"
        assert abs(got - right) < 1e-6, said
    blank = np.full((2, 4, 4), 0.3)
    got = float(answer(blank, blank / 2))
    assert got == 0, f"where the unmoved neighbours fit better everywhere, the function says {got}; expected 0"
""",
    hint="`errors.min(axis=0)` is the least over the neighbours, pixel by pixel; a comparison of two such maps chooses pixels.",
    solution='''
import numpy as np


def least_error(moved, unmoved):
    """One number, of photometric errors [S,H,W] of the moved and of the unmoved neighbours."""
    best, still = moved.min(axis=0), unmoved.min(axis=0)
    counts = best < still
    return float(best[counts].mean()) if counts.any() else 0.0
''',
    minutes=10,
    points=1,
    session=4,
    notebook="13_self_supervised",
)
