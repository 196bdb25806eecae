"""A depth map as points in space."""

from depthnb.course.task import Task

TASK = Task(
    name="project",
    function="project",
    title="From pixels to points",
    story=(
        "Write the function that turns a depth map into points in space. The camera matrix K is [[fx, 0, cx], "
        "[0, fy, cy], [0, 0, 1]]. The pixel in column u and row v has the depth z. It becomes the point x = "
        "(u - cx) z / fx to the right, y = (v - cy) z / fy down, and z forward. Return a NumPy array [N,3] "
        "with one point for each valid pixel: row by row from the top, and each row from the left. Where "
        "`valid` is False, the depth can hold anything, even NaN: leave those pixels out. If no pixel is "
        "valid, return an array of shape [0,3]."
    ),
    code='''
import numpy as np


def project(depth, valid, K):
    """Points [N,3] in metres (right, down, forward); depth and valid are [H,W], K is [3,3]."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import array, case, digits

CASES = (  # words, share of valid pixels, depth at the others
    ("where every pixel is valid", 1.0, 0.0), ("where the invalid pixels hold 80 m", 0.7, 80.0),
    ("where the invalid pixels hold 3 m", 0.5, 3.0), ("where the invalid pixels hold 0", 0.6, 0.0),
    ("where the invalid pixels hold NaN", 0.6, np.nan), ("where one pixel is valid", -1.0, 2.0),
    ("with one pixel", 1.0, 0.0),
)


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for i, (words, share, junk) in enumerate(CASES):
        shape = ((5 + i, 12 - i) if i % 2 else (12 - i, 5 + i)) if i < 6 else (1, 1)
        depth, valid = np.exp(random.uniform(-3, 5.2, shape)), random.random(shape) <= share
        if i < 6:
            valid[0, 0], valid[2, 3], depth[2, 3] = share == 1, True, (1e-4, 160.0)[i % 2]
        fx, fy, cx, cy = random.uniform((20, 32, 2.1, 0.1), (30, 45, 4.9, 1.9))
        cx, cy = (cy, cx) if i % 2 else (cx, cy)
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        pixels = np.argwhere(valid)
        want = np.array([((u - cx) * depth[v, u] / fx, (v - cy) * depth[v, u] / fy, depth[v, u]) for v, u in pixels])
        with case(words):
            same(array(answer(np.where(valid, depth, junk), valid, K), want.shape), want, pixels)
    with case("where no pixel is valid"):
        array(answer(depth, np.zeros_like(valid), K), (0, 3))


def same(got, want, pixels):
    off = np.nan_to_num(np.abs(got - want) / np.maximum(1, np.abs(want)), nan=np.inf).max(axis=1)
    if off.max() < 1e-5:
        return
    ordered = [points[np.lexsort(points.T)] for points in (got, want)]
    assert not np.allclose(*ordered, rtol=1e-5), "the points are right, but they do not come row by row, each from the left"
    v, u = pixels[off.argmax()]
    said, right = zip(*(digits(*pair) for pair in zip(got[off.argmax()], want[off.argmax()])))
    said, right = (", ".join(point) for point in (said, right))
    raise AssertionError(f"the pixel in row {v} and column {u} becomes ({said}); expected ({right})")
""",
    hint=(
        "`np.nonzero(valid)` gives the rows and the columns of the valid pixels, in this order. u counts "
        "columns and belongs to fx and cx."
    ),
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
