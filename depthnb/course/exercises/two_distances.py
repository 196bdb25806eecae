"""Metres from two measured distances."""

from depthnb.course.task import Task

TASK = Task(
    name="two_distances",
    function="from_two_distances",
    title="Two distances make metres",
    story=(
        "A net gives inverse depth q up to a scale s and a shift t: 1 / depth = s q + t. You have measured two distances in "
        "the picture. Write the function that finds s and t and returns the depth of every pixel. Where s q + t is not "
        "above 0 there is no depth: return NaN there."
    ),
    code='''
import numpy as np


def from_two_distances(inverse, places, metres):
    """Depth [H,W] in metres of inverse [H,W]; places are two (row, column), metres the distances measured there."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for s in random.uniform(0.2, 3, 3).tolist() + [-0.8]:
        depth, t = random.uniform(1, 8, (6, 9)), float(random.uniform(-0.3, 0.3))
        depth[3, 4] = 9.0
        inverse = (1 / depth - t) / s
        inverse[3, 4] = (-0.05 - t) / s
        places = [(int(i), int(j)) for i, j in (np.unravel_index(depth.argmin(), depth.shape), (5, 8))]
        places[1] = (0, 0) if places[1] == places[0] else places[1]
        got = np.asarray(answer(inverse, places, [float(depth[place]) for place in places]))
        assert got.shape == (6, 9), f"the depth has the shape {got.shape}; expected (6, 9)"
        assert np.isnan(got[3, 4]), f"where s q + t is -0.05 the function says {got[3, 4]:.2f} m; expected NaN"
        got[3, 4] = depth[3, 4]
        for (i, j), right in zip(places, (depth[place] for place in places)):
            assert abs(got[i, j] - right) < 1e-3, f"at row {i}, column {j} {right:.2f} m were measured; found {got[i, j]:.2f} m"
        i, j = np.unravel_index(np.abs(got / depth - 1).argmax(), depth.shape)
        said = f"the pixel in row {i} and column {j} has {got[i, j]:.3f} m"
        assert abs(got[i, j] / depth[i, j] - 1) < 1e-3, f"{said}; expected {depth[i, j]:.3f} m"
""",
    hint="Two equations with two unknowns: subtract one from the other, and t is gone.",
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
