"""The change between two methods, paired by seed, with its interval."""

from depthnb.course.task import Task

TASK = Task(
    name="paired_change",
    function="paired_change",
    title="A change with its interval",
    story=(
        "Two methods were trained with several seeds each. Pair them by seed, and leave out a seed that only one of them "
        "has; at least two pairs remain. Take the natural logarithm of after / before of each pair: n numbers with the "
        "mean m and the standard deviation s (divide by n - 1). The 95 % interval of m goes from m - t s / sqrt(n) to m + "
        "t s / sqrt(n), with Student's t for n - 1 degrees of freedom. Turn the three numbers into percent last of all: x "
        "becomes 100 (exp(x) - 1). Return three numbers: the change, the lower end and the upper end of its interval."
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
from depthnb.course.asking import case, close, number

CASES = (  # pairs, the least and the largest of their ratios, seeds without a partner on each side
    (5, 0.8, 1.1, 0), (3, 0.9, 1.4, 0), (9, 0.3, 3.0, 0), (2, 0.5, 0.6, 0), (4, 0.7, 1.2, 1), (6, 1.1, 2.5, 2),
)


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    for n, low, high, more in CASES:
        names = [f"seed {i}" for i in random.permutation(40)[: n + 2 * more]]
        before = dict(zip(names, random.uniform(0.05, 3, len(names)).tolist()))
        after = {name: before[name] * float(random.uniform(low, high)) for name in random.permutation(names).tolist()}
        for lost in names[:more]:
            del before[lost]
        for lost in names[-more:] if more else ():
            del after[lost]
        ratios = np.log([after[name] / before[name] for name in before if name in after])
        reach = stdtrit(n - 1, 0.975) * ratios.std(ddof=1) / np.sqrt(n)
        want = 100 * np.expm1(ratios.mean() + reach * np.array([0, -1, 1]))
        alone = f", and {more} without a partner on each side" if more else ""
        with case(f"with {n} pairs of seeds{alone}"):
            got = answer(before, after)
            three = (isinstance(got, (tuple, list)) or getattr(got, "ndim", 0) == 1) and len(got) == 3
            assert three, "your function must return three numbers: the change, the lower and the upper end"
            for name, mine, right in zip(("the change", "the lower end", "the upper end"), got, want):
                close(number(mine, name), right, f"{name} in percent", 0.006 / max(1, abs(right)))
""",
    hint=(
        "Collect the log ratios in a list, with a loop over the seeds that both have. `np.std` divides by n "
        "if nobody tells it `ddof`."
    ),
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
