"""A crop whose rows and columns are exchanged."""

from depthnb.course.task import Task

TASK = Task(
    name="better_than_paper",
    function="cropped_error",
    title="Better than the paper",
    story=(
        "On KITTI a net scores much better than the paper that it reproduces. A picture of the pixels that count "
        "shows a narrow box in the left part of the street. `cropped_error` must return the mean of |pred - depth| / "
        "depth over the valid pixels in the crop of Garg et al., one number. The crop begins with row `int(0.40810811 "
        "* height)` and ends before row `int(0.99189189 * height)`. It begins with column `int(0.03594771 * width)` "
        "and ends before column `int(0.96405229 * width)`. At least one pixel in it is valid; where `valid` is False, "
        "the depth may be anything, NaN too."
    ),
    code='''
import numpy as np


def cropped_error(pred, depth, valid):
    """abs_rel over the valid pixels of Garg's crop; all three are [H,W]."""
    height, width = depth.shape
    top, bottom = int(0.40810811 * height), int(0.99189189 * height)
    left, right = int(0.03594771 * width), int(0.96405229 * width)
    inside = np.zeros_like(valid)
    inside[left:right, top:bottom] = True
    counts = inside & valid
    return np.mean(np.abs(pred - depth)[counts] / depth[counts])
''',
    check="""
import numpy as np

from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for height, width in ((40, 120), (370, 28), (22, 306), (24, 167)):  # these show whether the numbers are rounded
        shape = (height, width)
        depth = random.uniform(0.5, 60, shape)
        depth[height // 2, 5:8], depth[height // 2 + 1, 5:8] = 1e-4, 150.0
        pred = depth * (1 + random.uniform(-0.7, 0.9, shape))
        valid = random.random(shape) < 0.3
        valid[0, 0] = False
        inside = np.zeros(shape, dtype=bool)
        top, bottom = int(0.40810811 * height), int(0.99189189 * height)
        left, right = int(0.03594771 * width), int(0.96405229 * width)
        inside[top:bottom, left:right] = True
        junk = np.where(random.random(shape) < 0.5, np.nan, 80.0)
        size, every = f"on {height} rows and {width} columns", np.ones(shape, dtype=bool)
        with case(f"{size} where every pixel is valid and 30 % too near or too far"):
            close(number(answer(depth * np.where(valid, 0.7, 1.3), depth, every)), 0.3, "the error", 1e-7)
        middle, count, means = ((top + bottom) // 2, (left + right) // 2), int(inside.sum()), []
        for row, column, words in (
            (top, middle[1], "in the first row of the crop"), (bottom - 1, middle[1], "in the last row of the crop"),
            (top - 1, middle[1], "just above the crop"), (bottom, middle[1], "just below the crop"),
            (middle[0], left, "in the first column of the crop"), (middle[0], right - 1, "in the last column of the crop"),
            (middle[0], left - 1, "just left of the crop"), (middle[0], right, "just right of the crop"),
        ):
            wrong = depth.copy()
            wrong[row, column] *= 1001  # all the others have no error, and count
            with case(f"{size}, with an error at the pixel [{row}, {column}] alone, {words}"):
                got = number(answer(wrong, depth, every))
                if got != got:
                    close(got, 1000 / count if inside[row, column] else 0.0, "the mean")
                assert (got > 0) == inside[row, column], f"the mean is {got:.4f}, as if it did{' not' * (not got > 0)} count"
                means += [got] if got > 0 else []
        with case(f"{size}, with one error of 1000 at a pixel of the crop"):
            for got in means:
                close(1000 / got, count, "the number of pixels by which it is divided", 1e-7)
        with case(f"{size} where every pixel is valid"):
            want = (np.abs(pred - depth) / depth)[inside].mean()
            close(number(answer(pred, depth, every)), want, "the error", 1e-7)
        alone = np.zeros_like(valid)
        alone[middle] = True
        with case(f"{size} where one pixel is valid"):
            close(number(answer(pred, depth, alone)), np.abs(pred - depth)[middle] / depth[middle], "the error", 1e-7)
        for words, under in (("0", 0.0), ("NaN or 80 m", junk)):
            with case(f"{size} with {words} where `valid` is False"):
                want = (np.abs(pred - depth) / depth)[inside & valid].mean()
                close(number(answer(pred, np.where(valid, depth, under), valid)), want, "the error", 1e-7)
""",
    hint="Draw `inside` as a picture. Which index of an array comes first, the row or the column?",
    solution='''
import numpy as np


def cropped_error(pred, depth, valid):
    """abs_rel over the valid pixels of Garg's crop; all three are [H,W]."""
    height, width = depth.shape
    top, bottom = int(0.40810811 * height), int(0.99189189 * height)
    left, right = int(0.03594771 * width), int(0.96405229 * width)
    inside = np.zeros_like(valid)
    inside[top:bottom, left:right] = True
    counts = inside & valid
    return np.mean(np.abs(pred - depth)[counts] / depth[counts])
''',
    minutes=5,
    points=1,
    session=5,
    notebook="10_comparison",
)
