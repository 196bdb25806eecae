"""Local planar guidance: one cell becomes a square of depths."""

from depthnb.course.task import Task

TASK = Task(
    name="planar_guidance",
    function="cell_depth",
    title="A plane in one cell",
    story=(
        "In BTS one pixel of a coarse map stands for a square of pixels and estimates a plane: the angles theta and phi of "
        "its normal n = (sin theta cos phi, sin theta sin phi, cos theta), and a distance. A pixel of the square has the "
        "depth distance / (n1 u + n2 v + n3). Here u runs to the right and v down, both are 0 in the middle of the square "
        "and 1/2 at its borders, and are taken at the centres of the pixels."
    ),
    code='''
import numpy as np


def cell_depth(theta, phi, distance, side):
    """Depth [side,side] in metres; theta and phi in radians, distance in metres."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    flat = np.asarray(answer(0.0, 1.0, 3.0, 4))
    assert flat.shape == (4, 4), f"for a side of 4 the depth has the shape {flat.shape}; expected (4, 4)"
    assert np.allclose(flat, 3.0), f"a plane at 3 m that faces the camera has {flat.min():.3f} to {flat.max():.3f} m"
    for side in (2, 3, 8):
        theta, phi, distance = random.uniform((0.2, 0.3, 1.0), (0.7, 1.2, 6.0))
        got = np.asarray(answer(theta, phi, distance, side))
        for i, j in ((0, 0), (0, side - 1), (side - 1, 0), (side // 2, side - 1)):
            u, v = (j + 0.5) / side - 0.5, (i + 0.5) / side - 0.5
            n = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
            want = distance / (n[0] * u + n[1] * v + n[2])
            said = f"side {side}: the pixel in row {i} and column {j} has {float(got[i, j]):.3f} m"
            assert abs(float(got[i, j]) - want) < 1e-3, f"{said}; expected {want:.3f} m"
""",
    hint="With two pixels the centres lie at -1/4 and 1/4. Let u be a row of numbers and v a column: NumPy does the rest.",
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
