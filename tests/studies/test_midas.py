"""Notebook 07's tables: every verdict follows its numbers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from depthnb.studies import midas


def scored(abs_rel, rmse=1.0, delta1=0.5):
    return SimpleNamespace(summary={"abs_rel": abs_rel, "rmse": rmse, "delta1": delta1, "edge_f1_025": 0.3})


GOOD, BAD = (0.9, 0.6), (1.1, 0.4)  # rmse and delta1, better and worse than those of the constants


@pytest.fixture
def results():
    """Specialists are good at home and bad abroad; the mixture is nearly as good as either."""
    tests = {
        "rooms": {"rooms": scored(0.20, *GOOD), "streets": scored(0.50, *BAD)},
        "streets": {"rooms": scored(0.45, *BAD), "streets": scored(0.22, *GOOD)},
        "both": {"rooms": scored(0.21, *GOOD), "streets": scored(0.23, *GOOD)},
    }
    opponents = {
        name: {"mean_depth": scored(0.35), "mean_image": scored(0.30, 0.95, 0.55)} for name in ("rooms", "streets")
    }
    aligned = {
        ("trained on both", "median"): scored(0.40),
        ("trained on both", "scale and shift"): scored(0.21),
        ("training-mean depth", "none"): scored(0.60),
        ("training-mean depth", "median"): scored(0.38),
        ("training-mean depth", "scale and shift"): scored(0.35),
        ("training-mean image", "none"): scored(0.50),
        ("training-mean image", "median"): scored(0.34),
        ("training-mean image", "scale and shift"): scored(0.30),
    }
    return {
        "tests": tests, "opponents": opponents, "aligned": aligned, "swapped": scored(0.25),
        "found": {}, "same_frames": scored(0.21),
    }  # fmt: skip


def test_all_tables_have_a_row_for_everybody(results):
    table = midas.cross_table(results["tests"], results["opponents"])
    assert table["trained on"].tolist() == ["rooms", "streets", "both", *midas.OPPONENTS.values()]
    assert table.columns.tolist()[1:4] == ["rooms abs_rel", "rooms rmse", "rooms delta1"]
    assert table.loc[1, "streets abs_rel"] == 0.22 and table.loc[3, "streets abs_rel"] == 0.35
    table = midas.alignment_table(results["aligned"]).set_index("alignment")
    assert table.index.tolist() == ["none", "median", "scale and shift"]
    assert pd.isna(table.loc["none", "trained on both, abs_rel"])
    assert table.loc["none", "training-mean depth, abs_rel"] == 0.60
    errors = midas.published_errors().set_index("method")
    assert errors.loc["DPT-Large (MiDaS v3.0)", "nyu-v2 % above 1.25"] == 8.32 and len(errors) == 6
