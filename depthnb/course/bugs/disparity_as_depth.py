"""A disparity that is scaled as if it were a depth."""

from depthnb.course.task import Task

TASK = Task(
    name="near_wall",
    function="to_metres",
    title="The near wall at the horizon",
    story=(
        "A published net gives a disparity: a number that is large where things are near, and small where they are "
        "far. After median scaling the typical value is right, but near and far are swapped. `to_metres` must return "
        "a depth in metres, a NumPy array [H,W], whose median over the valid pixels is that of the true depth. Where "
        "`valid` is False, the true depth may be anything, NaN too, and the function may return any value there. At "
        "least one pixel is valid, and the disparity is above 0 everywhere."
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

from depthnb.course.asking import array, case, close


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for shape, constant in (((15, 21), 0.05), ((9, 11), 200.0)):
        depth = np.exp(random.uniform(np.log(0.5), np.log(40), shape))
        depth[3, 4], depth[4, 4] = 1e-4, 150.0
        disparity = constant / depth * random.uniform(0.7, 1.4, shape)  # the net errs to both sides
        near = random.random(shape) < np.where(depth < 4, 0.9, 0.3)  # a sensor sees what is near
        few = np.zeros(shape, dtype=bool)
        few[2:7, 4], few[1, 1], few[8, 2] = True, True, True
        one = np.zeros(shape, dtype=bool)
        one[5, 6] = True
        junk = np.where(random.random(shape) < 0.5, np.nan, 80.0)
        for words, valid in (
            ("where every pixel is valid", np.ones(shape, dtype=bool)),
            ("where near pixels are valid more often than far ones", near),
            ("where only seven pixels are valid", few),
            ("where only one pixel is valid", one),
        ):
            if not valid.all():
                valid[0, 0] = False
                valid[1, 0] ^= valid.sum() % 2 == 0  # an odd number, so that there is one median
            outside = np.where(valid, disparity, np.where(disparity > constant, 3.0, 0.01))
            want = np.median(depth[valid]) * np.median(outside[valid]) / outside
            with case(words):
                got = array(answer(outside, np.where(valid, depth, junk), valid), shape)
                close(np.where(valid, got, 0), np.where(valid, want, 0), "the depth", 1e-6)
    with case("of one pixel"):
        got = array(answer(np.full((1, 1), 0.3), np.full((1, 1), 7.0), np.ones((1, 1), bool)), (1, 1))
        close(got, [[7.0]], "the depth", 1e-6)
""",
    hint=(
        "A disparity is a constant divided by the depth. Is the largest disparity near or far, and which of the two "
        "may be multiplied by a scale of metres?"
    ),
    solution='''
import numpy as np


def to_metres(disparity, depth, valid):
    """Depth in metres [H,W] of a disparity [H,W] above 0, scaled to the true depth by the median."""
    relative = 1 / disparity
    scale = np.median(depth[valid]) / np.median(relative[valid])
    return relative * scale
''',
    minutes=9,
    points=1,
    session=4,
    notebook="07_midas",
)
