"""Notebook 07's tables: every verdict follows its numbers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from depthnb import evidence
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


def verdicts(results):
    return midas.checked(**results).set_index("claim")["verdict"]


def verdict(results, start):
    found = verdicts(results)
    rows = [claim for claim in found.index if start in claim]
    assert len(rows) == 1, rows
    return found[rows[0]]


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


def test_the_document_s_doubt_does_not_hold_for_the_network_it_used(results):
    assert verdict(results, "trained on NYU V2") == evidence.FAILS


def test_generalisation_follows_the_numbers(results):
    assert verdict(results, "is worse on the other") == evidence.HOLDS
    assert verdict(results, "no better than each image's best constant") == evidence.HOLDS
    assert verdict(results, "makes one net good on both") == evidence.HOLDS
    assert verdict(results, "costs less than a tenth") == evidence.HOLDS
    results["tests"]["both"]["streets"] = scored(0.60, *BAD)
    assert verdict(results, "makes one net good on both") == evidence.FAILS
    assert verdict(results, "costs less than a tenth") == evidence.FAILS
    results["tests"]["rooms"]["streets"] = scored(0.10, *GOOD)
    assert verdict(results, "is worse on the other") == evidence.FAILS
    assert verdict(results, "no better than each image's best constant") == evidence.FAILS


def test_a_third_data_set_is_judged_but_nobody_is_its_specialist(results):
    for name, each in results["tests"].items():
        each["folder"] = scored(0.3 if name == "both" else 0.1, *GOOD)
    results["opponents"]["folder"] = {"mean_depth": scored(0.4), "mean_image": scored(0.2, 0.8, 0.7)}
    assert midas.cross_table(results["tests"], results["opponents"]).loc[2, "folder abs_rel"] == 0.3
    assert verdict(results, "is worse on the other") == evidence.HOLDS
    assert verdict(results, "best constant on folder") == evidence.HOLDS
    assert verdict(results, "the mean image, aligned on folder") == evidence.FAILS


def test_alignment_and_colours_follow_the_numbers(results):
    assert verdict(results, "even blank pictures better") == evidence.HOLDS
    assert verdict(results, "median scaling is not enough") == evidence.HOLDS
    assert verdict(results, "BGR into RGB") == evidence.HOLDS
    results["aligned"]["trained on both", "median"] = scored(0.2)
    results["aligned"]["training-mean depth", "scale and shift"] = scored(0.7)
    results["swapped"] = scored(0.2)
    assert verdict(results, "even blank pictures better") == evidence.FAILS
    assert verdict(results, "median scaling is not enough") == evidence.FAILS
    assert verdict(results, "BGR into RGB") == evidence.FAILS
    results["swapped"] = scored(0.215)
    assert verdict(results, "BGR into RGB") == evidence.FAILS


def test_published_networks_are_judged_only_where_they_are(results):
    assert verdict(results, "gives the best depth maps") == "not tested here"
    results["found"] = {"dpt-large": scored(0.1)}
    assert verdict(results, "gives the best depth maps") == evidence.HOLDS
    results["same_frames"] = scored(0.05)
    assert verdict(results, "gives the best depth maps") == evidence.FAILS


def test_sweeps_and_constants(results, reports):
    found = verdicts(results)
    assert (found[[claim for claim in found.index if claim.startswith("(paper, ")]] == "not tested here").all()
    beaten = [claim for claim in found.index if "in abs_rel, rmse and delta1" in claim]
    assert len(beaten) == 4 and (found[beaten] == evidence.HOLDS).all()
    results["tests"]["both"]["rooms"] = scored(0.21, 2.0, 0.6)
    assert verdict(results, "best constant on rooms in") == evidence.FAILS
