"""The change between two methods, paired by seed, with its interval."""

from depthnb.course.task import Task

TASK = Task(
    name="paired_change",
    function="paired_change",
    title="A change with its interval",
    story=(
        "Two methods were trained with several seeds each. Pair them by the name of the seed: the two dicts may hold the "
        "seeds in different order. Leave out a seed that only one of them has; at least two pairs remain. Take the natural "
        "logarithm of after / before of each pair: n numbers with the mean m and the standard deviation s (divide by n - "
        "1). The 95 % interval of m goes from m - t s / sqrt(n) to m + t s / sqrt(n), with Student's t for n - 1 degrees "
        "of freedom. Compute m and both ends first; only then turn each of the three into percent: x becomes 100 (exp(x) "
        "- 1). Return three numbers: the change, the lower end and the upper end of its interval. An example of two seeds: "
        "the errors 0.20 and 0.30 before and 0.18 and 0.24 after give a change of -15.1 %, from -59.8 % to 79.3 %. Do not "
        "round."
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
from depthnb.course.asking import case, close, number, numbers

CASES = (  # pairs, the least and the largest of their ratios, seeds without a partner on each side, the size of the errors
    (2, 0.8, 0.9, 0, 1.0), (5, 0.8, 1.1, 0, 1.0), (3, 0.9, 1.4, 0, 1.0), (9, 0.3, 3.0, 0, 1e-5), (2, 0.5, 0.6, 0, 1.0),
    (4, 0.7, 1.2, 1, 1.0), (6, 1.1, 2.5, 2, 1000.0),
)
FAULTS = (  # what the three numbers are if ..., of the ratios
    ("s is divided by n, not by n - 1", lambda x, n: three(x, stdtrit(n - 1, 0.975) * x.std() / n**0.5)),
    ("1.96 stands in place of Student's t", lambda x, n: three(x, 1.96 * x.std(ddof=1) / n**0.5)),
    ("t is that for n degrees of freedom, not n - 1", lambda x, n: three(x, stdtrit(n, 0.975) * x.std(ddof=1) / n**0.5)),
    ("t leaves 5 % above, not 2.5 %", lambda x, n: three(x, stdtrit(n - 1, 0.95) * x.std(ddof=1) / n**0.5)),
    ("s is not divided by sqrt(n)", lambda x, n: three(x, stdtrit(n - 1, 0.975) * x.std(ddof=1))),
    ("s is divided by n, not by sqrt(n)", lambda x, n: three(x, stdtrit(n - 1, 0.975) * x.std(ddof=1) / n)),
)


def three(ratios, reach):
    return 100 * np.expm1(ratios.mean() + reach * np.array([0, -1, 1]))


def right(ratios):
    return three(ratios, stdtrit(len(ratios) - 1, 0.975) * ratios.std(ddof=1) / np.sqrt(len(ratios)))


def check(answer, seed=0):
    random = np.random.default_rng(seed)
    before, after = {"seed 1": 0.2, "seed 2": 0.3}, {"seed 1": 0.18, "seed 2": 0.24}
    for words, second in (("", after), (", one dict in another order", dict([*after.items()][::-1]))):
        with case(f"with the two seeds of the example{words}"):
            ask(answer, before, second)
    for n, low, high, more, size in CASES:
        names = [f"seed {i}" for i in random.permutation(40)[: n + 2 * more]]
        before = dict(zip(names, (size * random.uniform(0.05, 3, len(names))).tolist()))
        after = {name: before[name] * float(random.uniform(low, high)) for name in random.permutation(names).tolist()}
        after[names[more]] = before[names[more]]  # no change at one seed
        for lost in names[:more]:
            del before[lost]
        for lost in names[-more:] if more else ():
            del after[lost]
        alone = f", and {more} without a partner on each side" if more else ""
        with case(f"with {n} pairs of seeds{alone}"):
            ask(answer, before, after)


def ask(answer, before, after):
    ratios = np.log([after[name] / before[name] for name in before if name in after])
    got = answer(before, after)
    parts = ("the change", "the lower end", "the upper end")
    got = [number(mine, name) for mine, name in zip(numbers(got, 3, ", ".join(parts)), parts)]
    want = right(ratios)
    mistaken = [(words, wrong(ratios, len(ratios))) for words, wrong in FAULTS]
    by_place = np.log([b / a for a, b in zip(before.values(), after.values())])
    mistaken.append(("the pairs are those of the same place in the two dicts, not of the same name", right(by_place)))
    if not np.allclose(got, want, 1e-5):
        alike = [words for words, wrong in mistaken if np.allclose(got, wrong, 1e-6)]
        assert not alike, f"the numbers are what they are if {', or if '.join(alike)}"
    for name, mine, expected in zip(parts, got, want):
        close(mine, expected, f"{name} in percent", 2e-4 / max(1, abs(expected)))
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
