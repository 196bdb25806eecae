"""A contest: pictures are handed out, their depth stays; arrays come back, are scored and ranked. Never code, never pickles."""

from depthnb.course.contest.board import Place, best
from depthnb.course.contest.hiding import hide
from depthnb.course.contest.rooms import check_seed, hidden_rooms
from depthnb.course.contest.scoring import score

__all__ = ["Place", "best", "check_seed", "hidden_rooms", "hide", "score"]
