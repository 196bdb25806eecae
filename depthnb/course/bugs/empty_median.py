"""Median scaling of a frame without a valid pixel."""

from depthnb.course.task import Task

TASK = Task(
    name="nan_table",
    function="scaled_error",
    title="One frame, and the table says nan",
    story=(
        "Each prediction is scaled by the median of its frame before it is scored. One frame of the test set shows a "
        "mirror, in which the sensor saw nothing, and the score of the whole set is nan. `scaled_error` must return "
        "the mean over the frames of their abs_rel, one number. A frame without a valid pixel does not count; a frame "
        "with a single one does. If no frame has a valid pixel, it must return `np.nan`. Where `valid` is False, the "
        "depth may be anything, NaN too."
    ),
    code='''
import numpy as np


def scaled_error(preds, depths, valids):
    """Mean over frames of abs_rel after median scaling; all three are [N,H,W]."""
    errors = []
    for pred, depth, valid in zip(preds, depths, valids):
        scale = np.median(depth[valid]) / np.median(pred[valid])
        errors.append(np.mean(np.abs(scale * pred - depth)[valid] / depth[valid]))
    return np.mean(errors)
''',
    check="""
import numpy as np

from depthnb.course.asking import case, close, number


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for count, height, width in ((5, 9, 11), (4, 13, 8)):
        shape = (count, height, width)
        depths = np.exp(random.uniform(-2, 4, shape))  # 14 cm to 55 m
        depths[:, 5, 5], depths[:, 6, 5] = 1e-4, 150.0
        spread = random.permutation(np.linspace(0.1, 0.9, count))[:, None, None]
        preds = depths * (1 + spread * random.uniform(-0.9, 1, shape)) * np.exp(random.uniform(-2, 2, (count, 1, 1)))
        preds[0] = 2 * depths[0]  # of this frame no pixel has an error, and it counts
        preds[1, 4, 2] = preds[1, 4, 4] * depths[1, 4, 2] / depths[1, 4, 4]
        some = random.random(shape) < 0.6
        some[0, :3] = some[:, 0, 0] = False  # of the first frame not even the first rows
        some[1] = False
        some[1, 4, 2:7:2] = True  # three pixels
        empty, one, single = some.copy(), np.zeros(shape, dtype=bool), some.copy()
        empty[2] = False
        one[-1] = some[-1]
        single[0], single[-1] = False, False
        single[0, 5, 3] = True
        junk = np.where(random.random(shape) < 0.5, np.nan, 80.0)
        asked = [("where every pixel is valid", np.ones(shape, dtype=bool), 0.0)]
        asked += [("where each frame has valid pixels", some, 0.0)]
        for under, said in ((0.0, "0"), (2.5, "2.5 m"), (junk, "NaN or 80 m")):
            asked.append((f"where frame 2 has no valid pixel, with {said} where `valid` is False", empty, under))
        asked += [("where frame 0 has one valid pixel and the last has none", single, 0.0)]
        asked += [("where only the last frame has valid pixels", one, 0.0)]
        asked += [("where no frame has a valid pixel", np.zeros(shape, dtype=bool), 0.0)]
        for words, valids, under in asked:
            errors = [np.nan]
            for pred, depth, valid in zip(preds, depths, valids):
                if valid.any():
                    scaled = pred[valid] * np.median(depth[valid]) / np.median(pred[valid])
                    errors.append(np.mean(np.abs(scaled - depth[valid]) / depth[valid]))
            want = np.mean(errors[1:] or errors)
            with case(words):
                close(number(answer(preds, np.where(valids, depths, under), valids)), want, "the score", 1e-6)
    for words, valid, want in (("valid", True, 0.0), ("invalid", False, np.nan)):
        with case(f"for one frame of one pixel, which is {words}"):
            got = answer(*(np.full((1, 1, 1), each) for each in (2.0, 4.0, valid)))
            close(number(got), want, "the score", 0)
""",
    hint=(
        "What is the median of no numbers? Which frames have an error, and how many of them does the mean divide by?"
    ),
    solution='''
import numpy as np


def scaled_error(preds, depths, valids):
    """Mean over frames of abs_rel after median scaling; all three are [N,H,W]."""
    errors = []
    for pred, depth, valid in zip(preds, depths, valids):
        if valid.any():
            scale = np.median(depth[valid]) / np.median(pred[valid])
            errors.append(np.mean(np.abs(scale * pred - depth)[valid] / depth[valid]))
    return np.mean(errors) if errors else np.nan
''',
    minutes=10,
    points=1,
    session=4,
    notebook="07_midas",
)
