"""Named protocols: ranges, crops, names."""

import dataclasses
import json

import pytest
import torch

from depthnb.metrics.protocols import PROTOCOLS, Protocol, protocol

# (crop, height, width) -> top, bottom, left, right, from the published evaluation code
CROPS = {
    ("kitti-garg", 480, 640): (195, 476, 23, 616),
    ("kitti-eigen", 480, 640): (159, 438, 23, 616),
    ("kitti-garg", 375, 1242): (153, 371, 44, 1197),
    ("kitti-eigen", 375, 1242): (124, 342, 44, 1197),
    ("kitti-garg", 370, 1226): (151, 366, 44, 1181),
    ("kitti-eigen", 370, 1226): (122, 337, 44, 1181),
    ("kitti-garg", 376, 1241): (153, 372, 44, 1196),
    ("kitti-eigen", 376, 1241): (124, 343, 44, 1196),
    ("kitti-garg", 352, 1216): (143, 349, 43, 1172),
    ("kitti-eigen", 352, 1216): (117, 321, 43, 1172),
    ("kitti-garg", 240, 320): (97, 238, 11, 308),
    ("kitti-eigen", 240, 320): (79, 219, 11, 308),
    ("nyu-eigen", 480, 640): (45, 471, 41, 601),
}


@pytest.mark.parametrize(("name", "height", "width"), CROPS)
def test_crop_boxes_equal_the_published_ones(name, height, width):
    assert PROTOCOLS[name].crop_box(height, width) == CROPS[name, height, width]


@pytest.mark.parametrize("name", ["nyu-eigen", "nyu-eigen-filled"])
def test_nyu_crop_refuses_another_size(name):
    with pytest.raises(ValueError, match=r"480x640 \(height x width\), but the depth is 240x320; score at the stored"):
        PROTOCOLS[name].crop_box(240, 320)


def test_both_ends_of_the_range_are_open_and_nan_never_counts():
    depth = torch.tensor([0.1, 0.1001, 9.999, 10.0, 12.0, 0.0, float("nan"), float("inf")])[None]
    valid = torch.ones_like(depth, dtype=torch.bool)
    counted = PROTOCOLS["rooms"].counts(depth=depth, valid=valid)
    assert counted.tolist() == [[False, True, True, False, False, False, False, False]]
    assert not PROTOCOLS["rooms"].counts(depth=depth, valid=~valid).any()


def test_crop_is_part_of_what_counts():
    depth = torch.full((1, 1, 480, 640), 2.0)
    counted = PROTOCOLS["nyu-eigen"].counts(depth=depth, valid=depth > 0)
    assert counted.sum() == (471 - 45) * (601 - 41)
    assert counted[0, 0, 45, 41] and counted[0, 0, 470, 600]
    assert not counted[0, 0, 44, 41] and not counted[0, 0, 471, 600]


def test_every_named_protocol_prints_as_one_line_and_goes_into_json():
    for name, item in PROTOCOLS.items():
        line = str(item)
        assert item.name == name and "\n" not in line
        crop = "no crop" if item.crop == "none" else f"crop {item.crop},"
        aligned = "no alignment" if item.alignment == "none" else f"aligned by {item.alignment},"
        assert all(part in line for part in (f"{name}: ", crop, aligned, item.truth, item.frames))
        assert Protocol(**json.loads(json.dumps(dataclasses.asdict(item)))) == item


def test_the_names_that_others_rely_on():
    assert set(PROTOCOLS) == {
        "rooms", "streets", "nyu-eigen", "nyu-eigen-filled", "nyu-v1", "nyu-v1-raw", "nyu-v2-50k", "kitti-garg",
        "kitti-eigen", "diode", "diode-indoors", "make3d", "zero-shot", "folder-10", "folder-80", "folder-300",
    }  # fmt: skip
    assert PROTOCOLS["zero-shot"].alignment == "scale-shift-inverse"
    assert (PROTOCOLS["rooms"].min_depth, PROTOCOLS["rooms"].max_depth) == (0.1, 10.0)
    assert (PROTOCOLS["streets"].min_depth, PROTOCOLS["streets"].max_depth) == (1.0, 80.0)
    assert PROTOCOLS["make3d"].max_depth == 70.0


def test_alignment_changes_the_name_and_the_name_gives_it_back():
    aligned = PROTOCOLS["kitti-garg"].with_alignment("median")
    assert aligned.name == "kitti-garg/median" and aligned != PROTOCOLS["kitti-garg"]
    assert protocol(aligned.name) == aligned
    assert aligned.with_alignment("scale").name == "kitti-garg/scale"
    assert protocol(aligned) is aligned


def test_a_protocol_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PROTOCOLS["rooms"].max_depth = 20.0
    with pytest.raises(TypeError):
        PROTOCOLS["rooms"] = PROTOCOLS["streets"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_depth": 0.0}, "0 < min_depth"),
        ({"min_depth": 20.0}, "0 < min_depth"),
        ({"max_depth": float("inf")}, "both finite"),
        ({"crop": "garg"}, "crop 'garg' is not one of"),
        ({"alignment": "affine"}, "alignment 'affine' is not one of"),
        ({"average": "batch"}, "average 'batch' is not one of"),
    ],
)
def test_impossible_protocols_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PROTOCOLS["rooms"], **change)


@pytest.mark.parametrize("name", ["nyu", "rooms/affine", ""])
def test_unknown_names_are_refused(name):
    with pytest.raises(ValueError, match=r"nyu-eigen|not one of"):
        protocol(name)


def test_a_protocol_of_somebody_s_own_survives_json():
    mine = Protocol(
        "a: b/c, d", 0.25, 33.3, "kitti-garg", "median", "pixels", truth="tape: 3 points, by hand", frames="x"
    )
    for rule in (mine, mine.with_alignment("scale"), *PROTOCOLS.values()):
        assert Protocol.from_record(json.loads(json.dumps(dataclasses.asdict(rule)))) == rule


def test_what_is_no_stored_protocol_is_refused():
    whole = dataclasses.asdict(PROTOCOLS["rooms"])
    for stored in (
        "rooms: depth 0.1 to 10 m",
        {},
        {**whole, "cap": 3},
        {**whole, "min_depth": "0.1"},
        {**whole, "crop": "x"},
    ):
        with pytest.raises(ValueError, match="protocol"):
            Protocol.from_record(stored)
