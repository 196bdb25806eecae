"""Errors by part of the picture: masks of known size, and a net that errs where the test says."""

import numpy as np
import pytest
import torch

from depthnb import data, plotting
from depthnb.metrics.regions import regions
from depthnb.report import places, results


class Kept:
    """What a result says of itself, with predictions on disk."""

    def __init__(self, folder, method, preds):
        self.folder, self.method, self.dataset = folder / method, method, "rooms"
        self.folder.mkdir()
        np.savez(self.folder / "predictions.npz", **preds)


@pytest.fixture(autouse=True)
def one_run_a_method(monkeypatch):
    monkeypatch.setattr(results, "groups", lambda part: {one.method: [one] for one in part})


def test_a_net_that_errs_at_the_border_alone_is_seen(tmp_path):
    test = data.open("rooms", None, "test")
    frames = {test.frames["id"].iloc[index]: test.native()[index] for index in (0, 40)}
    good, bad = {}, {}
    for name, frame in frames.items():
        depth = torch.where(frame["valid"], frame["depth"], 1.0)
        border = regions(depth, torch.ones_like(frame["valid"]))["border"]
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
