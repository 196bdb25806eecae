"""Local planar guidance: one cell becomes a square of depths."""

from depthnb.course.task import Task

TASK = Task(
    name="planar_guidance",
    function="cell_depth",
    title="A plane in one cell",
    story=(
        "In BTS one pixel of a coarse map stands for a square of pixels and describes a plane: the angles theta and phi "
        "of its normal (n1, n2, n3) = (sin theta cos phi, sin theta sin phi, cos theta), and a distance. A pixel of the "
        "square has the depth distance / (n1 u + n2 v + n3). Here u goes from -1/2 at the left border of the square to "
        "1/2 at the right border, and v from -1/2 at the top to 1/2 at the bottom; use the values at the pixel centres. "
        "Return a NumPy array [side,side]; row 0 is the top row. The angles can be any numbers. Do not clip or change "
        "what the formula gives, even where a depth is negative or very large."
    ),
    code='''
import numpy as np


def cell_depth(theta, phi, distance, side):
    """Depth [side,side] in metres; theta and phi in radians, distance in metres."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import array, case, close


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    far = random.uniform(90, 150)
    cases = [("a plane that faces the camera", 0.0, 1.0, 3.0, 4)]
    cases += [("a plane tilted to the right", 0.5, 0.0, 3.0, 4), ("a plane tilted down", 0.5, np.pi / 2, 3.0, 5)]
    cases += [("any plane", *random.uniform((0.3, 0.2), (0.9, 1.4)), 4.0, side) for side in (2, 3)]
    for phi in (random.uniform(-1.5, -0.2), random.uniform(3.3, 4.6), random.uniform(6.5, 7.5), random.uniform(-3, -1.7)):
        cases.append(("a far plane", random.uniform(0.3, 0.8), phi, far, int(random.integers(2, 9))))
        cases.append(("a steep plane", random.uniform(1.1, 1.4), phi, 6.0, 6))
    cases.append(("a plane from behind", random.uniform(1.9, 2.6), 0.4, 3.0, 7))
    cases.append(("one pixel", 0.6, 0.8, 2.0, 1))
    cases.append(("a very near plane", 0.4, 0.3, 0.002, 4))
    cases.append(("a negative theta", -0.6, 0.9, 3.0, 3))
    for words, theta, phi, distance, side in cases:
        n = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
        at = [(k + 0.5) / side - 0.5 for k in range(side)]
        below = np.array([[n[0] * u + n[1] * v + n[2] for u in at] for v in at])
        below[np.abs(below) < 0.01] = np.nan
        with case(f"{words} (theta {theta:.2f}, phi {phi:.2f}, distance {distance:.2f}, side {side})"):
            got = array(answer(float(theta), float(phi), float(distance), side), (side, side))
            got, want = np.where(np.isnan(below), 0, got), np.nan_to_num(distance / below)
            close(got, want, "the depth of the pixel", 3e-5 * min(1, distance))
""",
    hint=(
        "With two pixels the centres lie at -1/4 and 1/4. Let u be a row of numbers and v a column: NumPy "
        "does the rest."
    ),
    solution='''
import numpy as np


def cell_depth(theta, phi, distance, side):
    """Depth [side,side] in metres; theta and phi in radians, distance in metres."""
    centres = (np.arange(side) + 0.5) / side - 0.5
    u, v = centres[None, :], centres[:, None]
    n1, n2, n3 = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    return distance / (n1 * u + n2 * v + n3)
''',
    minutes=12,
    points=2,
    session=3,
    notebook="06_hma",
)
