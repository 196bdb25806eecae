"""preprocessor_config.json in its many spellings gives one description, or one sentence that names what is odd."""

from pathlib import Path

import pytest

from depthnb.models.midas import Input
from depthnb.models.preprocessing import wanted

FILE, USUAL = Path("preprocessor_config.json"), Input(384, 384, 32, True)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, USUAL),
        ({"size": 256}, Input(256, 256)),
        ({"size": [192, 256]}, Input(192, 256)),
        ({"size": {"height": 192, "width": 256}, "keep_aspect_ratio": False}, Input(192, 256, 32, False)),
        ({"size": {"shortest_edge": 224}}, Input(224, 224, 32, True)),
        ({"size": 999, "do_resize": False}, USUAL),
        ({"size_divisor": 16}, Input(multiple=16)),
        ({"ensure_multiple_of": 14}, Input(multiple=14)),
        ({"do_normalize": False}, Input(mean=(0.0,) * 3, deviation=(1.0,) * 3)),
        ({"image_mean": 0.4, "image_std": [0.2, 0.2, 0.2]}, Input(mean=(0.4,) * 3, deviation=(0.2,) * 3)),
        ({"rescale_factor": 0.00392156862745098}, USUAL),
    ],
)
def test_what_a_file_says_is_understood(told, expected):
    assert wanted(FILE, told, USUAL) == expected


def test_colours_of_another_scale_come_to_the_same():
    bytes_ = {"do_rescale": False, "image_mean": [127.5] * 3, "image_std": [127.5] * 3}
    halves = {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3, "image_std": [1.0] * 3}
    for told in (bytes_, halves):
        found = wanted(FILE, told, USUAL)
        assert found.mean == pytest.approx((0.5,) * 3) and found.deviation == pytest.approx((0.5,) * 3)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"size": {"longest_edge": 500}}, "size {'longest_edge': 500}; expected"),
        ({"size": "384"}, "size '384'; expected"),
        ({"size": [1, 2, 3]}, "expected a number of pixels"),
        ({"size": 0}, "size 0; expected"),
        ({"image_mean": [0.5, 0.5]}, r"image_mean \[0.5, 0.5\]; expected a number for each"),
        ({"image_std": "grey"}, "image_std 'grey'"),
        ({"image_std": 0}, "expected numbers above 0"),
        ({"rescale_factor": 0}, "rescale_factor 0"),
        ({"ensure_multiple_of": "14"}, "ensure_multiple_of '14'"),
        ({"do_center_crop": True}, "do_center_crop"),
    ],
)
def test_what_cannot_be_made_is_named(told, words):
    with pytest.raises(ValueError, match=f"preprocessor_config.json .*{words}"):
        wanted(FILE, told, USUAL)
