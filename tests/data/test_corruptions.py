"""Corrupted photographs: in range, the same every time, worse with strength, and what each one is said to do."""

import pytest
import torch

from depthnb.data import corruptions
from depthnb.data.corruptions import CORRUPTIONS, SAID, STRENGTHS, corrupt

ALL = [(name, strength) for name in CORRUPTIONS for strength in STRENGTHS]


def photograph(height: int = 72, width: int = 96) -> torch.Tensor:
    """Smooth ramps with a sharp black and a white box, so that every corruption has something to spoil."""
    y, x = torch.meshgrid(torch.linspace(0.1, 0.8, height), torch.linspace(0.2, 0.7, width), indexing="ij")
    image = torch.stack([y, x, 0.5 * (y + x)])
    image[:, 20:40, 20:40], image[:, 40:60, 60:80] = 0.0, 1.0
    return image


@pytest.mark.parametrize(("name", "strength"), ALL)
def test_in_range_finite_and_of_the_same_kind(name, strength):
    image = photograph()
    before = image.clone()
    worse = corrupt(image, name, strength, name="frame")
    assert worse.shape == image.shape and worse.dtype == torch.float32
    assert worse.isfinite().all() and worse.min() >= 0 and worse.max() <= 1
    assert torch.equal(image, before), "the photograph itself was changed"
    assert not torch.equal(worse, image)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_picture_every_time_whatever_else_draws(name):
    state = torch.get_rng_state()
    first = corrupt(photograph(), name, 2, name="frame")
    assert torch.equal(torch.get_rng_state(), state), "drew from the global generator"
    torch.rand(5)
    assert torch.equal(corrupt(photograph(), name, 2, name="frame"), first)
    if name in ("noise", "motion"):
        assert not torch.equal(corrupt(photograph(), name, 2, name="another frame"), first)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_strength_0_changes_nothing_and_each_further_one_changes_more(name):
    image = photograph()
    assert torch.equal(corrupt(image, name, 0), image)
    far = [float((corrupt(image, name, strength, name="f") - image).square().mean()) for strength in STRENGTHS]
    assert 0 < far[0] < far[1] < far[2]


@pytest.mark.parametrize("name", ["defocus", "motion"])
def test_a_blur_keeps_an_even_picture_and_the_light_of_a_point(name):
    even = torch.full((3, 40, 60), 0.3)
    assert torch.allclose(corrupt(even, name, 3), even, atol=1e-5)
    point = torch.zeros(3, 81, 81)
    point[:, 40, 40] = 1.0
    for strength in STRENGTHS:
        spread = corrupt(point, name, strength, name="f")
        assert torch.allclose(spread.sum((1, 2)), torch.ones(3), atol=1e-4)
        assert torch.allclose(spread, spread.flip(1, 2), atol=1e-6), "the picture moved"


def test_a_disc_has_the_radius_that_is_said():
    point = torch.zeros(3, 225, 225)  # nearly the side for which radii are given
    point[:, 112, 112] = 1.0
    lit = corrupt(point, "defocus", 2)[0] > 1e-6
    assert int(lit[112].sum()) == pytest.approx(2 * 6 + 1, abs=2)
    assert torch.equal(lit, lit.T)


def test_motion_goes_one_way_within_45_degrees_of_level():
    point = torch.zeros(3, 225, 225)
    point[:, 112, 112] = 1.0
    for name in "abcdefgh":
        line = corrupt(point, "motion", 3, name=name)[0]
        y, x = torch.nonzero(line > 1e-5, as_tuple=True)
        assert (x.max() - x.min()) >= 0.9 * (y.max() - y.min()), "steeper than 45 degrees"
        assert len(x) < 4 * (x.max() - x.min() + 1), "no line"


def test_exposure_and_contrast_do_what_their_numbers_say():
    grey = torch.full((3, 8, 8), 0.4)
    assert torch.allclose(corrupt(grey, "brightness", 2), torch.full_like(grey, 0.7))
    black = torch.zeros(3, 8, 8)
    assert torch.allclose(corrupt(black, "brightness", 1), torch.full_like(black, 0.1))
    image = photograph()
    flat = corrupt(image, "contrast", 2)
    assert torch.allclose(flat.mean((1, 2)), image.mean((1, 2)), atol=1e-5)
    assert torch.allclose(flat.std((1, 2)), 0.2 * image.std((1, 2)), atol=1e-5)
    noise = corrupt(torch.full((3, 200, 200), 0.5), "noise", 1) - 0.5
    assert float(noise.std()) == pytest.approx(0.08, rel=0.02) and abs(float(noise.mean())) < 1e-3


def test_lengths_grow_with_the_picture():
    def width(side):
        point = torch.zeros(3, side, side)
        point[:, side // 2, side // 2] = 1.0
        return int((corrupt(point, "defocus", 3)[0, side // 2] > 1e-6).sum())

    assert width(449) > 1.7 * width(225) > 0


@pytest.mark.parametrize(
    ("image", "name", "strength", "words"),
    [
        (torch.rand(3, 8, 8), "fog", 1, "corruption is 'fog'; expected one of noise, defocus"),
        (torch.rand(3, 8, 8), "noise", 4, "strength is 4; expected 0"),
        (torch.rand(3, 8, 8), "noise", 0.5, "strength is 0.5"),
        (torch.rand(1, 3, 8, 8), "noise", 1, r"image is \(1, 3, 8, 8\)"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "noise", 1, "uint8; expected"),
        (torch.full((3, 8, 8), 200.0), "noise", 1, "values from 200 to 200; expected 0..1"),
        (torch.full((3, 8, 8), torch.nan), "noise", 1, "values from nan"),
    ],
)
def test_what_cannot_be_corrupted_is_named(image, name, strength, words):
    with pytest.raises(ValueError, match=words):
        corrupt(image, name, strength)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (96, 128)])
def test_any_size(size):
    for name, strength in ALL:
        assert corrupt(torch.rand(3, *size), name, strength).shape == (3, *size)


def test_every_corruption_has_words():
    assert list(SAID) == list(CORRUPTIONS) and corruptions.STRENGTHS == (1, 2, 3)
