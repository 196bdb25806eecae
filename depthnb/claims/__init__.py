"""Claims of the documents, checked: every number from a run, every verdict computed.

One file per notebook, whose `checked(...)` returns the table that closes it, with the columns `claim` (what the document
says, in our words), `here` (what was measured, as text) and `verdict`: `holds`, `does not hold`, `undecided here` where the
numbers leave it open, or `not tested here` with what would test it.
"""

from depthnb.claims import bn_cnn, data, densedepth, eigen, gan, hma, midas, style_transfer, unet
from depthnb.claims.ablations import ablations, ablations_said
from depthnb.claims.rules import FAILS, HOLDS, UNDECIDED, UNTESTED, against_baselines, beats, compare, row, sweep

__all__ = [
    "FAILS",
    "HOLDS",
    "UNDECIDED",
    "UNTESTED",
    "ablations",
    "ablations_said",
    "against_baselines",
    "beats",
    "bn_cnn",
    "compare",
    "data",
    "densedepth",
    "eigen",
    "gan",
    "hma",
    "midas",
    "row",
    "style_transfer",
    "sweep",
    "unet",
]
