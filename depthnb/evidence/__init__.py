"""Every decision rule of the project: what a verdict is, what seeds and scenes allow to say, what others have published."""

from . import published, scenes, seeds, trainings
from .ablations import ablations, ablations_said
from .seeds import EQUAL, HIGHER, LOWER, against_baselines, between, measured, within
from .verdicts import (
    FAILS,
    HOLDS,
    IN_PRINT,
    SAME,
    UNDECIDED,
    UNTESTED,
    Claim,
    Effect,
    beats,
    decide,
    fact,
    in_print,
    untested,
)

__all__ = [
    "EQUAL",
    "FAILS",
    "HIGHER",
    "HOLDS",
    "IN_PRINT",
    "LOWER",
    "SAME",
    "UNDECIDED",
    "UNTESTED",
    "Claim",
    "Effect",
    "ablations",
    "ablations_said",
    "against_baselines",
    "beats",
    "between",
    "decide",
    "fact",
    "in_print",
    "measured",
    "published",
    "scenes",
    "seeds",
    "trainings",
    "untested",
    "within",
]
