"""The change between two methods, paired by seed, with its interval."""

from depthnb.course.task import Task

TASK = Task(
    name="paired_change",
    function="paired_change",
    title="A change with its interval",
    story=(
        "Two methods were trained with several seeds each. Pair them by seed (a seed that only one of them has is left "
        "out), take the logarithm of after / before of each pair, and give three numbers in percent: the mean change, and "
        "the lower and upper end of its 95 % interval. The interval of the mean m of n log ratios is m plus and minus "
        "t s / sqrt(n), with their standard deviation s (n - 1 in it) and Student's t for n - 1 degrees of freedom."
    ),
    code='''
import numpy as np
from scipy.special import stdtrit  # stdtrit(n - 1, 0.975) is Student's t


def paired_change(before, after):
    """(change, low, high) in percent; before and after are dicts from the name of a seed to an error above 0."""
    raise NotImplementedError("not written yet")
''',
    check="""
import numpy as np
from scipy.special import stdtrit


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for n in (5, 3, 9):
        names = [f"seed {i}" for i in range(n)]
        before = dict(zip(names, random.uniform(0.15, 0.3, n).tolist()))
        after = {name: before[name] * float(random.uniform(0.85, 1.05)) for name in random.permutation(names).tolist()}
        ratios = np.log([after[name] / before[name] for name in names])
        reach = stdtrit(n - 1, 0.975) * ratios.std(ddof=1) / np.sqrt(n)
        want = 100 * np.expm1(ratios.mean() + reach * np.array([0, -1, 1]))
        for more in ({}, {"seed 77": 5.0}):
            got = answer({**more, **before}, {**after, **{"seed 88": 9.0 for _ in more}})
            assert len(got) == 3, f"the function returns {len(got)} numbers; expected change, low, high"
            where = f"{n} pairs{', and a seed without a partner on either side' if more else ''}"
            for name, mine, right in zip(("change", "low", "high"), got, want):
                said = f"{where}: {name} is {float(mine):.3f} %"
                assert abs(float(mine) - right) < 0.005, f"{said}; expected {right:.3f} %"
""",
    hint="Work with logarithms to the end, and turn them into percent last: 100 (exp(x) - 1).",
    solution='''
import numpy as np
from scipy.special import stdtrit  # stdtrit(n - 1, 0.975) is Student's t


def paired_change(before, after):
    """(change, low, high) in percent; before and after are dicts from the name of a seed to an error above 0."""
    ratios = [np.log(after[name] / before[name]) for name in before if name in after]
    mean, count = np.mean(ratios), len(ratios)
    reach = stdtrit(count - 1, 0.975) * np.std(ratios, ddof=1) / np.sqrt(count)
    return tuple(100 * np.expm1([mean, mean - reach, mean + reach]))
''',
    minutes=15,
    points=2,
    session=5,
    notebook="10_comparison",
)
