"""Figures of films."""

import pytest
import torch

from depthnb import plotting

SIZE = (24, 32)


def view():
    picture, error = torch.rand(3, *SIZE), torch.rand(1, *SIZE)
    inside = torch.ones(1, *SIZE, dtype=torch.bool)
    inside[..., :8] = False
    named = {
        "image": picture,
        "neighbour": picture,
        "moved": picture,
        "inside": inside,
        "counts": inside & (error < 0.5),
    }
    return {**named, "error unmoved": error, "error moved": error}


def test_a_film_is_a_row():
    figure = plotting.film_grid(torch.rand(2, 3, 3, *SIZE), titles=["a", "b"])
    assert len([ax for ax in figure.axes if ax.images]) == 6 and len(plotting.encode(figure)) > 1000
    with pytest.raises(ValueError, match="a title a film"):
        plotting.film_grid(torch.rand(2, 3, 3, *SIZE), titles=["a"])
    with pytest.raises(ValueError, match="expected images"):
        plotting.film_grid(torch.rand(3, 3, *SIZE), titles=["a", "b", "c"])


def test_what_does_not_count_is_grey():
    figure = plotting.photometric({"moved, true depth": view(), "moved, flat wall": view()})
    pictures = [ax for ax in figure.axes if ax.images]
    assert len(pictures) == 10 and pictures[1].get_title(loc="left") == "moved, true depth"
    unmoved, moved, counting = (ax.images[0].get_array() for ax in pictures[2:5])
    assert not unmoved.mask.any() and moved.mask[:, :8].all() and counting.mask.sum() > moved.mask.sum()
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.photometric({})
