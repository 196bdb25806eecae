"""A depth map as points in space."""

from depthnb.course.task import Task

TASK = Task(
    name="project",
    function="project",
    title="From pixels to points",
    story=(
        "Write the function that turns a depth map into points in space. The pixel in column u and row v with the depth z "
        "is the point x = (u - cx) z / fx to the right, y = (v - cy) z / fy down, z forward. Only valid pixels become "
        "points, row by row from the top; elsewhere the depth may be any number, NaN too."
    ),
    code='''
import numpy as np


def project(depth, valid, K):
    """Points [N,3] in metres (right, down, forward); depth and valid are [H,W], K is [3,3]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    depth, valid = random.uniform(1, 6, (7, 11)), random.random((7, 11)) < 0.7
    fx, fy, cx, cy = 40.0, 30.0, *random.uniform((3, 2), (7, 5))
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    want = [((u - cx) * depth[v, u] / fx, (v - cy) * depth[v, u] / fy, depth[v, u]) for v, u in np.argwhere(valid)]
    for junk in (0.0, 80.0, np.nan):
        got = np.asarray(answer(np.where(valid, depth, junk), valid, K))
        assert got.shape == (len(want), 3), f"the points have the shape {got.shape}; expected {(len(want), 3)}"
        wrong = ~np.isclose(got, want, rtol=1e-4, atol=1e-5).all(1)
        if wrong.any():
            i = int(wrong.argmax())
            v, u = np.argwhere(valid)[i]
            said, right = (", ".join(f"{x:.2f}" for x in point) for point in (got[i], want[i]))
            raise AssertionError(f"the pixel in column {u} and row {v} becomes ({said}); expected ({right})")
""",
    hint="`np.nonzero(valid)` gives the rows and the columns of the valid pixels, in this order.",
    solution='''
import numpy as np


def project(depth, valid, K):
    """Points [N,3] in metres (right, down, forward); depth and valid are [H,W], K is [3,3]."""
    v, u = np.nonzero(valid)
    z = depth[v, u]
    x = (u - K[0, 2]) * z / K[0, 0]
    y = (v - K[1, 2]) * z / K[1, 1]
    return np.stack([x, y, z], axis=1)
''',
    minutes=12,
    points=2,
    session=1,
    notebook="01_data",
)
