"""The table of claims of notebook 01: verdicts follow the numbers they are given, in both directions."""

import pandas as pd
import pytest

from depthnb import evidence
from depthnb.data import statistics
from depthnb.studies import data as study

FIVE = {"bedroom": 15466, "living_room": 12242, "dining_room": 7778, "office": 3270, "playroom": 1330}


def table(*, times=3.0, deeper=0.8, forgotten=2.0, errors=(0.5, 0.1, 0.05)):
    compared = pd.DataFrame({"scene_type": list(FIVE), "document 000": FIVE.values(), "times raw": times})
    middle = pd.DataFrame({"middle": [2.0] * 10, "border": [1.0 if i < 10 * deeper else 3.0 for i in range(10)]})
    moved = pd.DataFrame({"K follows": [0.0, 0.0], "K forgotten": [forgotten, 0.0]})
    labelled = statistics.nyu_scene_types()["labelled"]
    return study.checked(labelled=labelled, compared=compared, middle=middle, moved=moved, leak=list(errors))


def test_what_the_lists_say_does_not_depend_on_the_frames():
    verdicts = table()["verdict"].tolist()
    assert (
        verdicts
        == [evidence.FAILS, evidence.FAILS, evidence.HOLDS, evidence.FAILS, evidence.FAILS] + [evidence.HOLDS] * 4
    )
    here = table()["here"]
    assert here[0] == "1449 labelled frames of 464 scenes and 27 scene types"
    assert here[1] == "they add up to 40086, all labelled frames to 1449"
    assert here[3].endswith("bedroom 1, living_room 3, dining_room 5, office 6, playroom 10")


@pytest.mark.parametrize(
    ("line", "change"),
    [
        (2, {"times": 2.1}),
        (5, {"deeper": 0.2}),
        (6, {"forgotten": 0.0}),
        (7, {"errors": (0.5, 0.5, 0.1)}),
        (8, {"errors": (0.5, 0.1, 0.5)}),
    ],
)
def test_a_verdict_turns_with_its_number(line, change):
    assert table()["verdict"][line] == evidence.HOLDS
    assert table(**change)["verdict"][line] == evidence.FAILS
