"""What notebook 12 measures, with nets whose answer is known."""

import math

import pytest
import torch
from torch import nn
from toys import Toy

from depthnb import photos
from depthnb.studies import your_photo as study

FOCAL = 30.0
OWN = 2 * math.degrees(math.atan(24 / 2 / FOCAL))


class Ramps(Toy):
    """Frames that get brighter, and farther, from left to right; all of one camera."""

    def __init__(self, frames: int = 4, *, camera: bool = True):
        super().__init__(frames)
        ramp = torch.linspace(0.1, 0.6, 24) + 0.02 * torch.arange(16)[:, None]
        self.image = (ramp + 0.02 * torch.arange(frames).view(-1, 1, 1, 1)).expand(frames, 3, 16, 24).contiguous()
        self.depth = 1 + 6 * self.image.mean(1, keepdim=True)
        self.valid[:] = True
        self.camera = camera

    def batch(self, indices):
        batch = super().batch(indices)
        if self.camera:
            batch["intrinsics"] = torch.tensor([[FOCAL, 0, 11.5], [0, FOCAL, 7.5], [0, 0, 1]]).expand(
                len(indices), 3, 3
            )
        return batch


class Reading(nn.Module):
    """The truth of `Ramps` times a factor, and times the focal length that is told over the true one."""

    def __init__(self, factor: float = 1.0, *, takes_camera: bool = False, inverse: bool = False):
        super().__init__()
        self.factor, self.takes_camera, self.inverse = factor, takes_camera, inverse

    def forward(self, image, intrinsics=None):
        depth = self.factor * (1 + 6 * image.mean(1, keepdim=True))
        if self.takes_camera:
            depth = depth * intrinsics[:, 0, 0].view(-1, 1, 1, 1) / FOCAL
        return 3 / depth + 1 if self.inverse else depth


def net(name, **options):
    kind = "affine-inverse" if options.get("inverse") else "metric"
    return photos.Net(name, Reading(**options), kind, f"{name}, a toy")


def test_a_net_that_is_told_its_camera_scales_and_another_does_not():
    wide = 2 * math.degrees(math.atan(2 * math.tan(math.radians(OWN / 2))))  # half the focal length
    nets = {"told": net("told", takes_camera=True), "blind": net("blind", factor=0.8)}
    table = study.views_told(nets, Ramps(), views=(OWN, wide), count=3).set_index(["net", "told"])
    assert table.loc[("told", OWN), "ratio"] == pytest.approx(1, abs=1e-3)
    assert table.loc[("told", OWN), "abs_rel"] == pytest.approx(0, abs=1e-3)
    assert table.loc[("told", wide), "ratio"] == pytest.approx(0.5, abs=1e-3)
    assert table.loc["blind", "ratio"].tolist() == pytest.approx([0.8, 0.8], abs=1e-3)
    assert table.loc[("told", wide), "abs_rel"] == pytest.approx(0.5, abs=1e-3)


def test_the_own_view_is_that_of_the_camera_or_the_usual_one():
    assert study.own_view(Ramps()) == pytest.approx(OWN)
    assert study.own_view(Ramps(camera=False)) == pytest.approx(photos.USUAL_VIEW)


def test_known_distances_mend_a_factor_and_two_give_metres_to_inverse_depth():
    nets = {"half": net("half", factor=0.5), "inverse": net("inverse", inverse=True)}
    table = study.distances_known(nets, Ramps(), views={"its own": 0.0}, count=3)
    errors = table.set_index(["net", "known"])["abs_rel"]
    assert errors["half", study.NOTHING] == pytest.approx(0.5, abs=1e-3)
    for known in ("one distance in the middle", "nine distances on a grid", study.BEST):
        assert errors["half", known] < 0.01
    assert ("inverse", study.NOTHING) not in errors and ("inverse", "one distance in the middle") not in errors
    assert ("inverse", study.BEST) not in errors and errors["inverse", "two distances, near and far"] < 0.02
    assert (table["frames"] == 3).all()
    said = study.known_said(table)
    assert (
        len(said) == 2
        and said[1].startswith("inverse, camera its own, 3 frames")
        and said[0].startswith("half, camera its own, 3 frames: abs_rel 0.500 with nothing known; -100 % with one")
    )


def test_frames_with_little_depth_or_none():
    frames = Ramps()
    frames.valid[0], frames.valid[1:, :, 1:] = False, False  # one without depth; of the others the upper row alone
    table = study.distances_known({"half": net("half", factor=0.5)}, frames, views={"its own": 0.0}, count=4)
    assert (table["frames"] == 3).all() and table["abs_rel"].notna().all()


def test_a_supposed_camera_is_told_to_the_net():
    views = {"its own": 0.0, "supposed": 90.0}
    table = study.distances_known({"told": net("told", takes_camera=True)}, Ramps(), views=views, count=2)
    errors = table.set_index(["camera", "known"])["abs_rel"]
    assert errors["its own", study.NOTHING] < 0.01 < 0.5 < errors["supposed", study.NOTHING]
    assert errors["supposed", "one distance in the middle"] < 0.01


def test_pictures_are_the_users_or_frames(tmp_path):
    from PIL import Image

    frames = study.pictures("", Ramps(), count=2)
    assert [each.name for each in frames] == ["frame_0_000", "frame_0_003"] and frames[0].focal == FOCAL
    assert study.pictures("", Ramps(), view=90.0)[0].focal == pytest.approx(12)
    assert "supposed" in study.pictures("", Ramps(camera=False))[0].camera
    for name in "abcd":
        Image.new("RGB", (40, 30)).save(tmp_path / f"{name}.png")
    mine = study.pictures(str(tmp_path), Ramps())
    assert [each.name for each in mine] == ["a", "b", "c"] and "supposed" in mine[0].camera
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.jpg"):
        study.pictures(str(tmp_path / "none.jpg"), Ramps())
