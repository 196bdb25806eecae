"""Robustness on a toy set with known answers: ratios, intervals, the camera told and not told, and what is said of them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from depthnb import data
from depthnb.data import corruptions
from depthnb.evidence import scenes
from depthnb.studies import robustness as study

CHANGES = ("base", "wall-dark", "view-90")
FOCAL = {"base": 50.0, "wall-dark": 50.0, "view-90": 25.0}


class Changed:
    """Frames of even depth: twice as near behind dark walls, half as near through the wide lens; the picture stays."""

    name, protocol = "toy", "rooms"

    def __init__(self, count: int = 4, changes=CHANGES, *, slope: float = 0.0) -> None:
        self.slope = 1 + slope * torch.linspace(-1, 1, 32)
        self.rows = [(i, change) for i in range(count) for change in changes]
        self.frames = pd.DataFrame({"id": [f"room_{i:04d}_00-{change}" for i, change in self.rows]})

    def native(self):
        return self

    def batch(self, indices) -> dict:
        numbers, changes = zip(*(self.rows[i] for i in indices), strict=True)
        far = torch.tensor([1.0 + i for i in numbers]).view(-1, 1, 1, 1)
        scale = torch.tensor([{"base": 1.0, "wall-dark": 0.5, "view-90": 0.5}[c] for c in changes]).view(-1, 1, 1, 1)
        camera = torch.eye(3).repeat(len(numbers), 1, 1)
        camera[:, 0, 0] = camera[:, 1, 1] = torch.tensor([FOCAL[c] for c in changes])
        return {
            "image": (far * self.slope / 10).expand(-1, 3, 24, 32).contiguous(),
            "depth": (far * self.slope * scale).expand(-1, 1, 24, 32).contiguous(),
            "valid": torch.ones(len(numbers), 1, 24, 32, dtype=torch.bool),
            "intrinsics": camera,
            "id": [self.frames["id"][i] for i in indices],
            "scene": [f"room_{i:04d}" for i in numbers],
        }


class Bright(nn.Module):
    """Ten metres for white, with a tenth too much; told the camera, in proportion to the focal length."""

    def __init__(self, takes_camera: bool = False) -> None:
        super().__init__()
        self.takes_camera = takes_camera

    def forward(self, image, intrinsics=None):
        depth = 11 * image.mean(1, keepdim=True)
        if intrinsics is None:
            return depth
        focal = intrinsics[:, 0, 0].nan_to_num(50.0)
        return depth * (focal / 50).view(-1, 1, 1, 1)


def table(nets, **options):
    return study.robustness(study.frame_errors(nets, Changed(), **options)).set_index(["method", "change", "strength"])


def test_ratios_are_those_that_one_can_reckon():
    found = table({"net": Bright()}, strengths=())
    assert found.loc[("net", "base", 0), "abs_rel"] == pytest.approx(0.1)
    assert found.loc[("net", "wall-dark", 0), "abs_rel"] == pytest.approx(1.2)
    row = found.loc[("net", "wall-dark", 0)]
    assert (row["ratio"], row["low"], row["high"]) == pytest.approx((12, 12, 12), rel=1e-4)
    assert tuple(found.loc[("net", "base", 0), ["ratio", "low", "high"]]) == pytest.approx((1, 1, 1))
    assert row["delta1"] == 0 and found.loc[("net", "base", 0), "delta1"] == 1
    assert (found["scenes"] == 4).all() and row["said"] == "dark walls"
    assert len(found) == 3 and found["beside"].isna().all()


def test_a_net_that_takes_the_camera_is_asked_with_it_and_without():
    found = table({"net": Bright(takes_camera=True)}, strengths=())
    assert found.loc[("net", "view-90", 0), "ratio"] == pytest.approx(1, rel=1e-4)
    assert found.loc[("net, not told", "view-90", 0), "ratio"] == pytest.approx(12, rel=1e-4)
    assert ("net, not told", "wall-dark", 0) not in found.index
    lenses = study.views(found.reset_index())
    assert list(lenses["degrees"]) == [56.9, 56.9, 90.0, 90.0]
    (said,) = (each for each in study.sentences(found.reset_index()) if "focal" in each)
    assert said == "net and the focal length. wider view (90°): 1.00 times the error told, 12.00 times not told."


def test_corruptions_change_the_picture_alone_and_every_strength_is_there():
    found = table({"net": Bright()}, strengths=(1, 3))
    worse = found[found["family"] == "corruption"]
    assert set(worse.reset_index()["change"]) == set(corruptions.CORRUPTIONS) and len(worse) == 12
    assert (worse["scenes"] == 4).all()
    # 0.1 more of white is 1.1 m more: of 1 to 4 m
    expected = np.mean([0.1 + 1.1 / far for far in range(1, 5)])
    assert found.loc[("net", "brightness", 1), "abs_rel"] == pytest.approx(expected, rel=1e-3)
    assert found.loc[("net", "contrast", 1), "ratio"] == pytest.approx(1, rel=1e-3)  # an even picture has no contrast


def test_the_interval_is_over_scenes_and_paired():
    before, after = pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([2.0, 4.0, 6.0, 8.0])
    own = pd.Series(list("abcd"))
    assert scenes.ratio(before, after, own) == pytest.approx((2, 2, 2))
    middle, low, high = scenes.ratio(before, pd.Series([2.0, 8.0, 3.0, 16.0]), own)
    assert middle == 2.9 and 1 < low < 2.9 < high < 4.01
    assert scenes.ratio(before, pd.Series([2.0, 8.0, np.nan, 16.0]), own)[0] == pytest.approx(26 / 7)
    one = scenes.ratio(before, after, pd.Series(["a"] * 4))
    assert one[0] == 2 and all(math.isnan(each) for each in one[1:])
    assert all(math.isnan(each) for each in scenes.ratio(before[:0], after[:0], own[:0]))
    assert all(math.isnan(each) for each in scenes.ratio(0 * before, after, own)), "no ratio to an error of nothing"


class Train:
    """Training frames of 2.2 m everywhere."""

    name, split, size = "toy", "train", (24, 32)

    def __len__(self):
        return 1

    def batch(self, indices):
        return {"depth": torch.full((1, 1, 24, 32), 2.2), "valid": torch.ones(1, 1, 24, 32, dtype=torch.bool)}


class Inverse(Bright):
    kind = "affine-inverse"

    def forward(self, image, intrinsics=None):
        return 1 / super().forward(image) + 0.01 * torch.linspace(0, 1, 32)


def test_opponents_are_measured_as_the_net_is():
    errors = study.frame_errors({"net": Bright(), "shape": Inverse()}, Changed(slope=0.3), train=Train(), strengths=())
    found = study.robustness(errors).set_index(["method", "change", "strength"])
    assert set(found.index.get_level_values(0)) == {"net", "shape, aligned", "mean image", "mean image, aligned"}
    true = np.outer(np.arange(1.0, 5.0), 1 + 0.3 * np.linspace(-1, 1, 32))
    constant = (abs(2.2 - true) / true).mean()
    assert found.loc[("net", "base", 0), "beside"] == pytest.approx(0.1 / constant, rel=1e-3)
    assert found.loc[("mean image", "wall-dark", 0), "beside"] == 1
    rival = found.loc[("mean image, aligned", "base", 0), "abs_rel"]
    assert found.loc[("shape, aligned", "base", 0), "beside"] == pytest.approx(
        found.loc[("shape, aligned", "base", 0), "abs_rel"] / rival
    )
    assert rival > 0.05


def test_sentences_name_the_worst_change_and_where_the_net_is_of_no_use():
    found = table({"one": Bright(), "two": Bright()}, train=Train(), strengths=()).reset_index()
    said = study.sentences(found)
    assert study.methods_of(found) == ["one", "two"] and len(said) == 3
    assert said[0].startswith("one: what hurts most is dark walls, 12.00 times the error (12.00 to 12.00).")
    assert "With 0 of 2 changes the interval holds 1" in said[0]
    assert said[2].startswith("Over all 2 nets (geometric mean)") and "12.00 times" in said[2]


def test_what_cannot_be_asked_is_named():
    with pytest.raises(ValueError, match="toy has no unchanged frame"):
        study.frame_errors({"net": Bright()}, Changed(changes=("wall-dark",)))

    class Broken(Bright):
        def forward(self, image, intrinsics=None):
            return image[:, :1] * torch.nan

    with pytest.raises(ValueError, match=r"broken, base: .*(NaN|finite)"):
        study.frame_errors({"broken": Broken()}, Changed(), strengths=())


def test_the_net_stays_in_the_mode_it_was_in():
    net = Bright().train()
    study.frame_errors({"net": net}, Changed(2), strengths=())
    assert net.training


def test_names_in_words():
    assert study.name_of("clutter") == "added clutter" and study.name_of("motion", 2) == "motion blur (strength 2)"


def test_the_nets_that_come_with_the_clone_are_asked_at_their_own_size():
    nets = study.shipped()
    assert {"U-Net", "Today's recipe"} <= set(nets)
    opened = data.open("rooms-changed", split="test")
    some = opened.subset([i for i, name in enumerate(opened.frames["id"]) if name.endswith(("-base", "-view-90"))][:8])
    asked = {name: nets[name] for name in ("U-Net", "Today's recipe")}
    found = study.robustness(study.frame_errors(asked, some, strengths=())).set_index(["method", "change"])
    assert (found["scenes"] == 4).all() and set(found.index.get_level_values(0)) == {
        "U-Net",
        "Today's recipe",
        "Today's recipe, not told",
    }
    assert (found["abs_rel"].xs("base", level="change") < 0.25).all()
    assert (
        found.loc[("Today's recipe", "view-90"), "abs_rel"]
        < 0.6 * found.loc[("Today's recipe, not told", "view-90"), "abs_rel"]
    )
