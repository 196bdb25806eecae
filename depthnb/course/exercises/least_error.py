"""The least error over the neighbours, and the pixels that say nothing."""

from depthnb.course.task import Task

TASK = Task(
    name="least_error",
    function="least_error",
    title="The least error, where it says something",
    story=(
        "Notebook 13 looks up each pixel in S neighbouring frames. `moved[s]` is the photometric error of "
        "neighbour s after moving it by depth and motion; it is `inf` where neighbour s does not show the "
        "pixel. `unmoved[s]` is the error of neighbour s without moving it. At each pixel take the minimum "
        "over s of each of the two separately, then compare them. A pixel counts only if its moved minimum is "
        "below its unmoved minimum. A pixel that is hidden in one neighbour can still count through another. "
        "Return one number: the mean of the moved minimum over the pixels that count, or 0 if no pixel "
        "counts."
    ),
    code='''
import numpy as np


def least_error(moved, unmoved):
    """One number, of photometric errors [S,H,W] of the moved and of the unmoved neighbours."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for sources, height, width in ((1, 5, 7), (2, 6, 4), (5, 3, 8)):
        moved, unmoved = random.uniform(0, 2, (2, sources, height, width))
        ask(answer, f"{sources} neighbour{'s' * (sources > 1)} and no hidden pixel", moved, unmoved)
    moved, unmoved = random.uniform(1.1, 2, (2, 3, 4, 6))
    moved[:, 2, :3], unmoved[:, 2, :3] = random.uniform(0.2, 1, (3, 3)), 1.05
    moved[[0, 1, 2], 2, [0, 1, 2]] = np.inf
    ask(answer, "some pixels hidden in one of 3 neighbours (they can count through another one)", moved, unmoved)
    moved[[0, 1, 2], 2, [0, 1, 2]], unmoved[[0, 1, 2], 2, [0, 1, 2]] = np.inf, 0.1
    words = "some pixels hidden in the neighbour whose unmoved error is the least (it takes part in the unmoved minimum)"
    ask(answer, words, moved, unmoved)
    moved, unmoved = random.uniform(0, 2, (2, 4, 5, 3))
    moved[:, :2], unmoved[:, 0] = np.inf, 20.0
    moved[3, 4], unmoved[:, 4] = 0.4, 0.6
    ask(answer, "some pixels hidden in all 4 neighbours (they cannot count)", moved, unmoved)
    moved, unmoved = random.uniform(0, 1, (2, 2, 3, 5))
    unmoved[0, :2], unmoved[1, :2] = moved.min(axis=0)[:2], 1.9
    moved[1, 2], unmoved[:, 2] = 0.1, (np.arange(5) + 1) / 20
    ask(answer, "some pixels whose two minima are equal (they do not count)", moved, unmoved)
    unmoved[0] = moved.min(axis=0) + np.where(np.arange(5) < 2, 3e-4, -3e-4)
    ask(answer, "pixels whose two minima differ by 0.0003 (those with the moved one below count)", moved, unmoved)
    moved, unmoved = random.uniform(1.1, 2, (2, 2, 5, 4))
    moved[1, 3, 2], unmoved[:, 1] = 0.7, 0.9
    unmoved[:, [0, 2, 4]], unmoved[:, 3] = 0.8, np.where(np.arange(4) == 2, 1.3, 0.5)
    ask(answer, "one pixel that counts", moved, unmoved)
    ask(answer, "unmoved errors that are smaller everywhere", moved, moved / 2)
    ask(answer, "every pixel hidden in every neighbour", np.full((3, 2, 4), np.inf), unmoved[:1, :2].repeat(3, axis=0))
    moved, unmoved = random.uniform(0.2, 2, (2, 3, 4, 6))
    moved[1, :2], unmoved[:, :2] = 0.0, random.uniform(0.2, 9, (3, 2, 6))
    ask(answer, "some moved errors that are exactly 0 (they count)", moved, unmoved)
    ask(answer, "pictures of one pixel", np.array([[[0.7]], [[0.3]]]), np.array([[[0.5]], [[0.4]]]))


def ask(answer, words, moved, unmoved):
    best, still = moved.min(axis=0), unmoved.min(axis=0)
    counts = best < still
    want = best[counts].mean() if counts.any() else 0.0
    with case(f"with {words}"):
        close(number(answer(moved.copy(), unmoved.copy())), want, "the result", 1e-6)
""",
    hint=(
        "`errors.min(axis=0)` is the least over the neighbours, pixel by pixel; a comparison of two such maps "
        "chooses pixels. The mean of no numbers is nan."
    ),
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
