"""Maps of several units beside a photograph."""

import pytest
import torch

from depthnb import plotting


def test_each_map_has_a_bar_of_its_own_and_holes_are_left_out():
    depth = torch.linspace(1, 5, 48).view(1, 6, 8)
    depth[0, 0] = torch.nan
    maps = {"depth (m)": (depth, "near is small"), "red": (torch.rand(1, 6, 8), "grey")}
    maps["the same everywhere"] = (torch.ones(1, 6, 8), "near is large")
    figure = plotting.quantities(torch.rand(3, 6, 8), maps)
    assert figure.get_size_inches()[0] <= 7 and len(plotting.encode(figure)) > 1000
    pictures = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in pictures] == ["photograph", *maps]
    assert [len(ax.child_axes) for ax in pictures] == [0, 1, 0, 1]
    assert pictures[1].images[0].get_array().mask[0].all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="colours 'jet' of 'a'"):
        plotting.quantities(torch.rand(3, 6, 8), {"a": (torch.rand(1, 6, 8), "jet")})
    with pytest.raises(ValueError, match="differ"):
        plotting.quantities(torch.rand(3, 6, 8), {"a": (torch.rand(1, 6, 9), "grey")})
