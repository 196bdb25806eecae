"""A crop whose rows and columns are exchanged."""

from depthnb.course.task import Task

TASK = Task(
    name="wrong_crop",
    function="cropped_error",
    title="Better than the paper",
    story=(
        "On KITTI a net scores much better than the paper that it reproduces. A picture of the pixels that count shows a "
        "narrow box in the left part of the street. The crop of Garg et al. keeps the rows from 0.40810811 to 0.99189189 "
        "of the height and the columns from 0.03594771 to 0.96405229 of the width, cut to whole pixels, the last one "
        "excluded; the error is the mean of |pred - depth| / depth over the valid pixels in it."
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


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for height, width in ((96, 320), (123, 201)):
        depth = random.uniform(2, 60, (height, width))
        valid = random.random(depth.shape) < 0.3
        off = random.uniform(0.05, 0.4, depth.shape)
        rows = slice(int(0.40810811 * height), int(0.99189189 * height))
        columns = slice(int(0.03594771 * width), int(0.96405229 * width))
        want = float(off[rows, columns][valid[rows, columns]].mean())
        got = float(answer(depth * (1 + off), np.where(valid, depth, 0.0), valid))
        assert abs(got - want) < 1e-7, f"on {width}x{height} the error is {got:.6f}; in the crop it is {want:.6f}"
        edge = np.array(off)
        edge[rows.start, columns] = edge[rows, columns.start] = 3.0
        edge[rows.stop :], edge[: rows.start], edge[:, columns.stop :], edge[:, : columns.start] = 9.0, 9.0, 9.0, 9.0
        want = float(edge[rows, columns][valid[rows, columns]].mean())
        got = float(answer(depth * (1 + edge), np.where(valid, depth, 0.0), valid))
        assert abs(got - want) < 1e-7, f"on {width}x{height} the crop begins or ends a pixel elsewhere"
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
    minutes=8,
    points=1,
    session=5,
    notebook="10_comparison",
)
