"""Errors by part of the picture: masks of known size, and a net that errs where the test says."""

import math

import numpy as np
import pytest
import torch

from depthnb import data, plotting
from depthnb.report import places


def test_regions_of_a_wall_with_a_step_and_a_hole():
    depth = torch.full((1, 24, 32), 2.0)
    depth[..., 16:] = 3.0
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[:, :4, :4] = False
    depth[~valid] = math.nan
    found = places.regions(depth, valid)
    assert found["middle"].sum() == 12 * 16 and found["border"].sum() == 24 * 32 - 18 * 24 - 16
    columns = found["at edges"].any(dim=1)[0].nonzero()[:, 0].tolist()
    assert columns == list(range(13, 19)), "three pixels on both sides of the step"
    assert torch.equal(found["at edges"] | found["elsewhere"], valid)
    assert not (found["at edges"] & found["elsewhere"]).any()
    slope = torch.linspace(2, 3, 32).expand(1, 24, 32)  # a slanted wall is no edge
    assert not places.regions(slope, valid)["at edges"].any()


class Kept:
    """What a result says of itself, with predictions on disk."""

    def __init__(self, folder, method, preds):
        self.folder, self.method, self.dataset = folder / method, method, "rooms"
        self.folder.mkdir()
        np.savez(self.folder / "predictions.npz", **preds)


def test_a_net_that_errs_at_the_border_alone_is_seen(tmp_path):
    test = data.open("rooms", None, "test")
    frames = {test.frames["id"].iloc[index]: test.native()[index] for index in (0, 40)}
    good, bad = {}, {}
    for name, frame in frames.items():
        depth = torch.where(frame["valid"], frame["depth"], 1.0)
        border = places.regions(depth, torch.ones_like(frame["valid"]))["border"]
        good[name], bad[name] = (1.1 * depth).numpy(), torch.where(border, 1.5 * depth, depth).numpy()
    table = places.table([Kept(tmp_path, "bad", bad), Kept(tmp_path, "good", good)]).set_index("method")
    assert table.loc["good", ["middle", "border", "at edges", "elsewhere"]].tolist() == pytest.approx(
        [0.1] * 4, abs=1e-3
    )
    assert table.loc["bad", "border"] == pytest.approx(0.5, abs=1e-3) and table.loc["bad", "middle"] < 1e-3
    assert table["frames"].tolist() == [2, 2]
    drawn = plotting.by_place(table.drop(columns="frames").reset_index())
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == table.index.tolist()


def test_runs_without_predictions_and_frames_that_are_not_here_are_left_out(tmp_path):
    empty = Kept(tmp_path, "other", {"no such frame": np.ones((1, 4, 4), np.float32)})
    lost = Kept(tmp_path, "lost", {})
    (lost.folder / "predictions.npz").unlink()
    assert places.table([empty, lost]).empty
