"""A disparity that is scaled as if it were a depth."""

from depthnb.course.task import Task

TASK = Task(
    name="disparity_as_depth",
    function="to_metres",
    title="The near wall at the horizon",
    story=(
        "A published net gives a disparity: a number that is large where things are near. Scaled by the median it has the "
        "right size, yet the error is enormous, and in the point cloud the wall behind stands in front. The function "
        "shall give depth in metres, scaled by the median over the valid pixels; the disparity is a constant divided by "
        "the depth."
    ),
    code='''
import numpy as np


def to_metres(disparity, depth, valid):
    """Depth in metres [H,W] of a disparity [H,W] above 0, scaled to the true depth by the median."""
    scale = np.median(depth[valid]) / np.median(disparity[valid])
    return disparity * scale
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    depth = random.uniform(1, 8, (15, 21))
    valid = random.random(depth.shape) < np.where(depth < 4.5, 0.95, 0.4)  # a sensor sees what is near
    valid.flat[0] = valid.sum() % 2 == 1 if valid.flat[0] else valid.sum() % 2 == 0
    disparity = random.uniform(2, 40) / depth
    got = np.asarray(answer(disparity, np.where(valid, depth, 0.0), valid))
    assert got.shape == depth.shape, f"the depth has the shape {got.shape}; expected {depth.shape}"
    near, far = np.unravel_index(depth.argmin(), depth.shape), np.unravel_index(depth.argmax(), depth.shape)
    assert got[near] < got[far], "what is nearest comes out as farther than what is farthest"
    off = float(np.abs(got / depth - 1).max())
    assert off < 1e-3, f"the order is right, but a depth is off by {off:.0%}; this disparity is a constant / depth"
""",
    hint="Look at the largest disparity: is it near or far? What has to happen before the median is taken?",
    solution='''
import numpy as np


def to_metres(disparity, depth, valid):
    """Depth in metres [H,W] of a disparity [H,W] above 0, scaled to the true depth by the median."""
    relative = 1 / disparity
    scale = np.median(depth[valid]) / np.median(relative[valid])
    return relative * scale
''',
    minutes=8,
    points=1,
    session=4,
    notebook="07_midas",
)
