"""Judging without training: files and functions of any method, or a net on other data; each becomes a run of its own."""

from depthnb.runs.judging.keeping import RUN, Judgement
from depthnb.runs.judging.kinds import KINDS
from depthnb.runs.judging.methods import is_function, judge, judge_function
from depthnb.runs.judging.nets import judge_run

__all__ = ["KINDS", "RUN", "Judgement", "is_function", "judge", "judge_function", "judge_run"]
