"""`rooms+more`: the embedded splits stay what they are, and further rooms are trained on."""

import sys
from pathlib import Path

import pytest
import torch
from data_fixtures import write_folder, write_index

from depthnb import data

RENDERER = Path(__file__).parents[3] / "data" / "render"


def further(folder, scenes):
    """Write a folder of further rooms whose ids are their scenes'."""
    folder.mkdir()
    rows = write_folder(folder, scenes)
    write_index(folder, [[f"{row[1]}_{k:02d}", *row[1:]] for k, row in enumerate(rows)])
    return folder


@pytest.fixture
def more(tmp_path):
    return further(tmp_path / "rooms-more", {f"bedroom_{number}": "train" for number in range(1000, 1020)})


def test_training_has_the_further_rooms_and_the_other_splits_have_not(more):
    rooms = {split: data.open("rooms", split=split) for split in ("train", "val", "test")}
    both = {split: data.open("rooms+more", more, split) for split in rooms}
    assert len(both["train"]) == len(rooms["train"]) + 40
    for split in ("val", "test"):
        assert list(both[split].frames["id"]) == list(rooms[split].frames["id"])
        assert both[split].content == rooms[split].content
    assert both["train"].protocol == "rooms" and "40 of the training frames, of 20 scenes" in both["train"].notes[0]
    alone = data.open("folder", more, "all")
    for key in ("image", "depth", "valid", "intrinsics"):
        assert torch.equal(both["train"][len(rooms["train"]) + 1][key], alone[1][key])
        assert torch.equal(both["train"][0][key], rooms["train"][0][key])


def test_where_further_rooms_are_looked_for(more, monkeypatch, tmp_path):
    monkeypatch.setenv("DEPTHNB_DATA", str(more.parent))
    assert len(data.open("rooms+more")) == len(data.open("rooms")) + 40
    with pytest.raises(FileNotFoundError, match=r"no further rooms .*nothing.* make rooms-more SCENES=500"):
        data.open("rooms+more", tmp_path / "nothing")


@pytest.mark.parametrize(
    ("scenes", "words"),
    [
        ({"bedroom_0005": "train"}, "the scene 'bedroom_0005' is one of the embedded rooms"),
        ({"bedroom_1000": "train", "bedroom_1001": "test"}, "another split than train"),
    ],
)
def test_what_would_leak_into_the_test_is_refused(tmp_path, scenes, words):
    with pytest.raises(ValueError, match=words):
        data.open("rooms+more", further(tmp_path / "rooms-more", scenes))


def test_the_renderer_numbers_further_rooms_as_no_embedded_one(monkeypatch):
    monkeypatch.syspath_prepend(str(RENDERER))
    plan = __import__("plan")
    monkeypatch.delitem(sys.modules, "plan")
    own, further = plan.ROOMS.scene_list(), plan.MORE_ROOMS.scene_list(700)
    names = [name for _, name in further]
    assert len(set(names)) == 700 and not {*names} & {name for _, name in own}
    assert further[:5] == plan.MORE_ROOMS.scene_list(5) and {plan.MORE_ROOMS.split_of(name) for name in names} == {
        "train"
    }
    assert {name for _, name in own} >= set(data.open("rooms", split="all").frames["scene"])
    for kind, count in plan.ROOM_SCENES.items():  # the mix of the embedded rooms
        assert sum(each == kind for each, _ in further) == pytest.approx(700 * count / len(own), abs=2)
