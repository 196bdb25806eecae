"""Median scaling of a frame without a valid pixel."""

from depthnb.course.task import Task

TASK = Task(
    name="empty_median",
    function="scaled_error",
    title="One frame, and the table says nan",
    story=(
        "Each prediction is scaled by the median of its frame before it is scored. In the test set is one frame of a "
        "mirror, in which the sensor saw nothing, and the score of the whole set is nan. A frame without a valid pixel "
        "shall not count; if no frame has one, there is no score, and nan is the right answer."
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


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    depths = random.uniform(1, 6, (4, 9, 11))
    preds = depths * random.uniform(0.7, 1.4, depths.shape) * np.array([3.0, 0.2, 1.0, 10.0])[:, None, None]
    valids = random.random(depths.shape) < 0.6
    valids[:, 0, 0] = True
    valids[2] = False
    errors = []
    for pred, depth, valid in zip(preds, depths, valids):
        if valid.any():
            scaled = pred[valid] * np.median(depth[valid]) / np.median(pred[valid])
            errors.append(np.mean(np.abs(scaled - depth[valid]) / depth[valid]))
    got, want = float(answer(preds, np.where(valids, depths, 0.0), valids)), float(np.mean(errors))
    assert got == got, "the score is nan because of one frame without a valid pixel"
    assert abs(got - want) < 1e-6, f"the score is {got:.4f}; the mean over the three frames with valid pixels is {want:.4f}"
    nothing = np.zeros_like(valids)
    none = float(answer(preds, depths, nothing))
    assert none != none, f"no frame has a valid pixel, so there is no score, but the function says {none:.4f}"
""",
    hint="What is the median of no numbers? And which error would an empty frame have to have, if any?",
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
    minutes=8,
    points=1,
    session=4,
    notebook="07_midas",
)
