"""Every decision rule of the project: what a verdict is, what seeds and scenes allow to say, what others have published."""

from .seeds import ablations, ablations_said, compare, sweep
from .verdicts import FAILS, HOLDS, UNDECIDED, UNTESTED, against_baselines, beats, row

__all__ = [
    "FAILS",
    "HOLDS",
    "UNDECIDED",
    "UNTESTED",
    "ablations",
    "ablations_said",
    "against_baselines",
    "beats",
    "compare",
    "row",
    "sweep",
]
