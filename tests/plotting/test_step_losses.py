"""The loss of every step: a panel a training, the band in each, nothing to draw is an error."""

import pytest

from depthnb import plotting


def test_a_panel_for_each_training_and_the_band_in_each():
    figure = plotting.step_losses({"a": [3.0, 2.0, 1.0], "b": [5.0], "c": [1.0, 2.0]}, band=(1, 2))
    drawn = [ax for ax in figure.axes if ax.axison]
    assert [ax.get_title() for ax in drawn] == ["a", "b", "c"] and len(figure.axes) == 4
    assert drawn[0].lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert all(ax.patches and ax.get_yscale() == "log" for ax in drawn) and "a, b, c" in figure.alt


@pytest.mark.parametrize("nothing", [{}, {"a": []}])
def test_nothing_to_draw(nothing):
    with pytest.raises(ValueError, match="no step to draw"):
        plotting.step_losses(nothing)
