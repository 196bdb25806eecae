"""What notebook 06 measures: the share of each scale, and Table I beside ours."""

import pytest
import torch
from torch import nn

from depthnb.studies import hma as study

OURS = {"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7, "delta2": 0.9, "delta3": 0.95, "rmse_log": 0.2}


class Scales(nn.Module):
    """Three scales: the first has the left half, the others share the right one; the second is wrong by a factor of 2."""

    names = ("H/4", "H/2", "H")

    def start(self):
        return torch.tensor([0.5, 0.25, 0.25])

    def per_scale(self, image):
        left = torch.zeros(1, 1, 8, 16)
        left[..., :8] = 1
        masks = torch.cat([left, (1 - left) / 4, (1 - left) * 3 / 4], 1)
        return torch.tensor([4.0, 8.0, 4.0]).view(1, 3, 1, 1).expand(1, 3, 8, 16), masks


class Frames:
    """Two frames alike: pooling them changes nothing."""

    protocol = "rooms"

    def __init__(self, depth, valid):
        self.depth, self.valid = depth, valid

    def batch(self, indices):
        assert len(indices) == 1
        return {"image": torch.zeros(1, 3, 8, 16), "depth": self.depth, "valid": self.valid}


def test_shares_of_the_scales():
    depth = torch.full((1, 1, 8, 16), 4.0)
    depth[..., 12:] = 5.0  # an edge between columns 11 and 12
    valid = torch.ones_like(depth, dtype=torch.bool)
    valid[..., 0, :] = False
    depth[~valid] = torch.nan
    table = study.shares(Scales(), Frames(depth, valid), [0, 1])
    assert table["scale"].tolist() == ["H/4", "H/2", "H", "all"]
    assert table["mask"].tolist() == pytest.approx([0.5, 0.125, 0.375, 1.0])
    assert table["mask at edges"].tolist()[:3] == pytest.approx([0.0, 0.25, 0.75])
    assert table["mask elsewhere"].tolist()[:3] == pytest.approx([8 / 14, 0.25 * 6 / 14, 0.75 * 6 / 14])
    assert table["abs_rel"].tolist() == pytest.approx(
        [0.05, (12 + 4 * 0.6) / 16, 0.05, (4 * 0.25 + 0 + 4 * 0) / 16], abs=1e-3
    )
    assert (
        table["abs_rel where its mask is largest"][0] == 0
        and table["abs_rel where its mask is largest"].isna().tolist()[1] is True
    )
    assert table["mask at start"].tolist() == [0.5, 0.25, 0.25, 1.0]
    # left: all the weight is with the first scale, which had half of it; right: it has lost its half to the last
    assert table.attrs["moved"] == pytest.approx((0.5 + 0.5) / 2)
    assert "H/4 0.50 -> 0.50, H/2 0.25 -> 0.12, H 0.25 -> 0.38. On average 50% of a pixel's mask" in study.shares_said(
        table
    )
    assert table.attrs["deviation"] == 0
    assert table.attrs["shared_by"] == pytest.approx((1 + 1 / (1 / 16 + 9 / 16)) / 2)


def test_shares_of_sparse_truth_have_no_edges():
    depth, valid = torch.full((1, 1, 8, 16), 4.0), torch.zeros(1, 1, 8, 16, dtype=torch.bool)
    valid[..., ::2, ::2] = True
    table = study.shares(Scales(), Frames(depth, valid), [0, 1])
    assert table["mask at edges"].isna().all() and table["abs_rel"].notna().all()


def test_scan_lines_have_no_edges_either():
    """Neighbours along a line are too few to say where a depth edge runs."""
    depth, valid = torch.full((1, 1, 8, 16), 4.0), torch.zeros(1, 1, 8, 16, dtype=torch.bool)
    depth[..., 12:] = 8.0
    valid[..., ::3, :] = True
    table = study.shares(Scales(), Frames(depth, valid), [0])
    assert table["mask at edges"].isna().all() and table["mask elsewhere"].isna().all()
    assert table["abs_rel"].notna().all()


def test_the_scales_are_measured_as_they_are_scored():
    """Beyond 10 m the rooms' protocol counts no truth and clips every prediction."""
    valid = torch.ones(1, 1, 8, 16, dtype=torch.bool)
    depth = torch.full((1, 1, 8, 16), 4.0)
    net = Scales()
    net.per_scale = lambda image: (1000 * Scales.per_scale(net, image)[0], Scales.per_scale(net, image)[1])
    assert study.shares(net, Frames(depth, valid), [0])["abs_rel"].tolist() == pytest.approx([1.5] * 4)
    depth[..., :4] = 65.535
    assert study.shares(net, Frames(depth, valid), [0])["abs_rel"].tolist() == pytest.approx([1.5] * 4)


def test_table_1_keeps_the_data_apart():
    rows = study.table1({"HMA-Depth": OURS}, dataset="rooms")
    assert rows["measured on"].value_counts().tolist() == [12, 7, 1]
    assert rows.iloc[-1]["method"] == "HMA-Depth" and rows.iloc[-1]["measured on"] == "rooms (ours)"
    assert rows.columns.tolist() == ["method", "measured on", *study.MEASURES] and rows.notna().all().all()
    assert study.against("HMA-Depth-ResNet 50", "BTS-ResNet 50") == (4, 2, 0)
