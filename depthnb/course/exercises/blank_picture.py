"""The blank picture that a loss likes best."""

from depthnb.course.task import Task

TASK = Task(
    name="blank_picture",
    function="best_blank",
    title="The best blank picture",
    story=(
        "A network that has learnt nothing else answers every pixel with one number. Write the function that returns the "
        "number with the smallest loss, for the mean squared error (`mse`) and for the mean absolute error (`l1`). First "
        "do it by hand for four pixels of 1, 1, 1.5 and 9 m; a hole beside them does not count."
    ),
    code='''
import numpy as np


def best_blank(depth, valid, loss):
    """The depth in metres, one number; depth and valid have any shape, loss is "mse" or "l1"."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    four, known = np.array([[1.0, 1.0, 1.5, 9.0, 0.0]]), np.array([[True, True, True, True, False]])
    many = random.lognormal(0.7, 0.6, (9, 13))
    for depth, valid in ((four, known), (many, random.random(many.shape) < 0.6)):
        seen = depth[valid]
        for loss, error in (("mse", lambda c: np.mean((seen - c) ** 2)), ("l1", lambda c: np.mean(np.abs(seen - c)))):
            best = error(np.mean(seen) if loss == "mse" else np.median(seen))
            for junk in (0.0, 80.0, np.nan):
                c = float(answer(np.where(valid, depth, junk), valid, loss))
                said = f"of {valid.sum()} pixels the {loss} of {c:.3f} m is {error(c):.4f}"
                assert error(c) < best + 1e-6, f"{said}; there is a number with {best:.4f}"
""",
    hint="The idea of notebook 02 says it. The invalid pixels have to go first.",
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
