"""The blank picture that a loss likes best."""

from depthnb.course.task import Task

TASK = Task(
    name="blank_picture",
    function="best_blank",
    title="The best blank picture",
    story=(
        "A network that has learnt nothing gives every pixel the same depth. Write the function that returns "
        "the one depth with the smallest loss over the valid pixels: the mean squared error if `loss` is "
        '`"mse"`, the mean absolute error if it is `"l1"`. First do it by hand for four pixels of 1, 1, 1.5 '
        "and 9 m. Return one number, in metres. Where `valid` is False, the depth can be anything, even NaN. "
        "At least one pixel is valid."
    ),
    code='''
import numpy as np


def best_blank(depth, valid, loss):
    """The depth in metres, one number; depth and valid have any shape, loss is "mse" or "l1"."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from depthnb.course.asking import case, digits, number

CASES = (  # words, shape, share of valid pixels, depth at the others
    ("where every pixel is valid", (4, 9), 1.0, 0.0), ("where the invalid pixels hold 3 m", (2, 1, 5, 7), 0.6, 3.0),
    ("where the invalid pixels hold 80 m", (41,), 0.5, 80.0), ("where the invalid pixels hold 0", (8, 7), 0.7, 0.0),
    ("where the invalid pixels hold NaN", (3, 11), 0.6, np.nan), ("where one pixel is valid", (5, 6), -1.0, 2.0),
    ("with one pixel", (), 1.0, 0.0),
)


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    ask(answer, "where the pixels have 1, 1, 1.5 and 9 m", np.array([[1.0, 1.0, 1.5, 9.0]]), np.ones((1, 4), bool))
    for words, shape, share, junk in CASES:
        depth, valid = random.lognormal(1.5, 1.2, shape or (1, 1)) + 0.2, random.random(shape or (1, 1)) <= share
        if shape:
            depth.flat[5], depth.flat[7:11], depth.flat[3] = 150.0, depth.flat[12], 1e-4  # some depths occur twice
            valid.flat[0], valid.flat[3] = share == 1, True
            valid.flat[[5, 7, 8]] |= share > 0
        ask(answer, words, np.where(valid, depth, junk), valid)


def ask(answer, words, depth, valid):
    seen = np.sort(depth[valid])
    middle = seen[(len(seen) - 1) // 2], seen[len(seen) // 2]  # all between them are equally good
    for loss, error, least, most in (("mse", lambda c: np.mean((seen - c) ** 2), np.mean(seen), np.mean(seen)),
                                     ("l1", lambda c: np.mean(np.abs(seen - c)), *middle)):
        with case(words):
            c = number(answer(depth.copy(), valid.copy(), loss))
            best = min(max(c, least), most) if c == c else least
            mine, lowest = digits(error(c), error(best))
            over = f"the {len(seen)} valid pixel{'s' * (len(seen) > 1)}"
            said = f"your function says {digits(c, best)[0]} m, and the {loss} over {over} is {mine}"
            assert abs(c - best) <= 1e-5 * max(1, best), f"{said}; there is a depth for which it is {lowest}"
""",
    hint=(
        "A sum of squares is smallest at the mean, a sum of absolute values where as many pixels are nearer as are "
        "farther. Select the valid pixels first: `depth[valid]`."
    ),
    solution='''
import numpy as np


def best_blank(depth, valid, loss):
    """The depth in metres, one number; depth and valid have any shape, loss is "mse" or "l1"."""
    seen = depth[valid]
    return np.mean(seen) if loss == "mse" else np.median(seen)
''',
    minutes=8,
    points=1,
    session=2,
    notebook="02_bn_cnn",
)
