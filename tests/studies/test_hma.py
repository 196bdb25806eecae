"""The table of claims of notebook 06: what is printed is compared as printed, and verdicts turn with their numbers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from depthnb import evidence
from depthnb.studies import hma as study

OURS = {"abs_rel": 0.2, "rmse": 0.7, "delta1": 0.7, "delta2": 0.9, "delta3": 0.95, "rmse_log": 0.2, "edge_f1_025": 0.3}
CONSTANT = {**OURS, "abs_rel": 0.4, "rmse": 1.2, "delta1": 0.4}


def shares(*, deviation=1e-7, edges=0.4, alone=0.22, shared_by=1.2, moved=0.3) -> pd.DataFrame:
    columns = ["scale", "mask", "mask at edges", "mask elsewhere", "abs_rel", "abs_rel where heaviest"]
    rows = [
        ["H/8", 0.7, 0.6, 0.8, 0.21, 0.2],
        ["H", 0.3, edges, 0.2, alone, 0.2],
        ["all", 1.0, None, None, 0.2, None],
    ]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs.update(shared_by=shared_by, deviation=deviation, moved=moved)
    return table


def table(*, f1=0.2, bump=0.02, opponent=CONSTANT, rival=True, name="HMA-Depth", **options) -> pd.Series:
    tests = {name: SimpleNamespace(summary=OURS)}
    if rival:
        tests["BTS fusion"] = SimpleNamespace(summary={**OURS, "edge_f1_025": f1})
    opponents = {"mean_depth": SimpleNamespace(summary=opponent)}
    residuals = {name: 0.01, "BTS fusion": bump}
    return study.checked(tests=tests, opponents=opponents, shares=shares(**options), residuals=residuals, name=name)


def line(found: pd.DataFrame, text: str) -> pd.Series:
    rows = found[found["claim"].str.contains(text, regex=False)]
    assert len(rows) == 1, text
    return rows.iloc[0]


def test_what_the_tables_say_does_not_depend_on_the_run(reports):
    found = table()
    outperforms = line(found, "in every metric but RMSE")
    assert outperforms["verdict"] == evidence.FAILS  # delta3 is equal
    assert outperforms["here"] == (
        "better in delta1, delta2, abs_rel, rmse_log; delta3 equal (0.998 against 0.998), rmse worse (2.850 against 2.727)"
    )
    authors = line(found, "against the rows that BTS's authors report")
    assert authors["verdict"] == evidence.FAILS
    assert authors["here"] == (
        "ResNet 50: better in 1, equal in 2, worse in 3; ResNeXt 50: better in 1, equal in 1, worse in 4; "
        "DenseNet 121: better in 2, equal in 2, worse in 2; "
        "DenseNet 161: better in 1, equal in 4, worse in 1"
    )
    split = line(found, "Eigen split")
    assert split["verdict"] == evidence.HOLDS
    assert "23488 and 697 frames of 33 and 28 drives have a laser scan, 23158 and 652 annotated depth" in split["here"]


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("sum of the masks", {"deviation": 0.01}),
        ("independent part", {"shared_by": 1.9}),
        ("fine details", {"edges": 0.1}),
        ("depth map for each scale", {"alone": 0.4}),
        ("more accurate boundaries", {"f1": 0.35}),
        ("smoother", {"bump": 0.005}),
        ("beats the training-mean depth", {"opponent": OURS}),
    ],
)
def test_a_verdict_turns_with_its_number(reports, text, change):
    assert line(table(), text)["verdict"] == evidence.HOLDS
    assert line(table(**change), text)["verdict"] == evidence.FAILS


def test_what_was_not_measured_is_said(reports):
    for text in ("more accurate boundaries", "smoother"):
        assert "-p rival lpg" in line(table(rival=False), text)["here"]
    assert line(table(f1=float("nan")), "more accurate boundaries")["verdict"] == "not tested here"
    assert line(table(edges=float("nan")), "fine details")["verdict"] == "not tested here"
    sweeps = table()[lambda rows: rows["here"].str.contains("make sweep")]
    assert len(sweeps) == 5 and set(sweeps["verdict"]) == {"not tested here"}


def test_a_hardly_larger_number_of_one_training_decides_nothing(reports):
    for text, change in (
        ("more accurate boundaries", {"f1": 0.299}),
        ("smoother", {"bump": 0.0101}),
    ):
        assert line(table(**change), text)["verdict"] == evidence.UNDECIDED


def test_a_mask_that_is_hardly_heavier_at_edges_is_not_heavier(reports):
    assert line(table(edges=0.201), "fine details")["verdict"] == evidence.FAILS


def test_a_net_without_masks_is_not_judged_by_them(reports):
    found = table(name="averaged scales")
    for text in ("sum of the masks", "independent part", "fine details", "depth map for each scale"):
        assert line(found, text)["verdict"] == "not tested here" and "-p attention masks" in line(found, text)["here"]
    assert line(found, "more accurate boundaries")["verdict"] == "not tested here"
    assert line(found, "averaged scales beats the training-mean depth")["verdict"] == evidence.HOLDS


def test_masks_that_did_not_move_do_not_testify(reports):
    found = table(moved=0.04)
    for text in ("independent part", "fine details", "depth map for each scale"):
        assert line(found, text)["verdict"] == "not tested here" and "4.0% of their weight" in line(found, text)["here"]
    assert line(found, "sum of the masks")["verdict"] == evidence.HOLDS, "true by construction"


def test_table_1_keeps_the_data_apart():
    rows = study.table1({"HMA-Depth": OURS}, dataset="rooms")
    assert rows["measured on"].value_counts().tolist() == [12, 7, 1]
    assert rows.iloc[-1]["method"] == "HMA-Depth" and rows.iloc[-1]["measured on"] == "rooms (ours)"
    assert rows.columns.tolist() == ["method", "measured on", *study.MEASURES] and rows.notna().all().all()
    assert study.against("HMA-Depth-ResNet 50", "BTS-ResNet 50") == (4, 2, 0)
