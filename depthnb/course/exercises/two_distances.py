"""Metres from two measured distances."""

from depthnb.course.task import Task

TASK = Task(
    name="two_distances",
    function="from_two_distances",
    title="Two distances make metres",
    story=(
        "A network gives inverse depth q up to a scale s and a shift t: 1 / depth = s q + t. You have "
        "measured the depth at two pixels. Write the function that finds s and t and returns the depth of "
        "every pixel, a NumPy array [H,W]. The scale s may be negative, and the q of the two pixels are never "
        "equal. Where s q + t is 0 or negative there is no depth: return NaN there."
    ),
    code='''
import numpy as np


def from_two_distances(inverse, places, metres):
    """Depth [H,W] in metres of inverse [H,W]; places are two (row, column), metres the distances measured there."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import array, case, close, digits


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for i, s in enumerate((random.uniform(0.2, 3), random.uniform(-3, -0.2), random.uniform(3, 9), random.uniform(-0.9, -0.3))):
        shape, t = ((6 + i, 9 - 2 * i), (9 - i, 4 + 2 * i))[i % 2], random.uniform(-0.3, 0.3)
        depth = np.exp(random.uniform(-0.7, 5.5, shape))
        places = [(1, 3), (4, 0)] if i < 2 else [(0, 2), (3, 1)]
        first, second = random.uniform((1, 5), (2, 30))
        depth[places[0]], depth[places[1]] = (first, second) if i in (0, 3) else (second, first)
        depth[2, 2], depth[5, 1], depth[1, 1] = 5000.0, 0.3, 0.004
        ask(answer, f"with s {s:.2f} and t {t:.2f}", (1 / depth - t) / s, places, depth)
        depth[0, 1], depth[1, 0] = -random.uniform(1, 50, 2)  # s q + t is below 0 there
        ask(answer, f"with s {s:.2f} and t {t:.2f}", (1 / depth - t) / s, places, depth)
    depth = np.array([[np.inf, 4.0, 1.0], [2.0, 8.0, -4.0]])  # s is 1/4 and t is 0: all numbers are exact
    ask(answer, "where s q + t is exactly 0 at one pixel", 4 / depth, [(1, 0), (0, 1)], depth)
    ask(answer, "with two pixels", 4 / depth[:1, 1:], [(0, 1), (0, 0)], depth[:1, 1:])


def ask(answer, words, inverse, places, depth):
    with case(words):
        got = array(answer(inverse.copy(), list(places), [float(depth[place]) for place in places]), depth.shape)
        for i, j in places:
            found, right = digits(got[i, j], depth[i, j])
            good = abs(got[i, j] / depth[i, j] - 1) < 1e-5
            assert good, f"{right} m were measured in row {i}, column {j}; your function gives {found} m there"
        above = (depth > 0) & np.isfinite(depth)
        close(np.where(above, got, 0.0), np.where(above, depth, 0.0), "the depth of the pixel", 1e-6)
        for i, j in np.argwhere(~above):
            is_ = f"s q + t is {1 / depth[i, j]:.3f} in row {i}, column {j}"
            rounded = np.isinf(depth[i, j]) and np.isfinite(got[i, j]) and abs(got[i, j]) > 1e9
            assert np.isnan(got[i, j]) or rounded, f"{is_}; expected NaN there, but your function gives {got[i, j]:.4g} m"
""",
    hint=(
        "Two equations with two unknowns: subtract one from the other, and t is gone. And 1 / 0 is infinity, not NaN."
    ),
    solution='''
import numpy as np


def from_two_distances(inverse, places, metres):
    """Depth [H,W] in metres of inverse [H,W]; places are two (row, column), metres the distances measured there."""
    (q1, q2), (z1, z2) = (inverse[tuple(place)] for place in places), metres
    s = (1 / z1 - 1 / z2) / (q1 - q2)
    found = s * (inverse - q1) + 1 / z1
    return np.where(found > 0, 1 / np.where(found > 0, found, 1.0), np.nan)
''',
    minutes=12,
    points=2,
    session=5,
    notebook="12_your_photo",
)
