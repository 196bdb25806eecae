"""The published numbers: complete, unique, exactly as printed, each with its source."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from depthnb import metrics
from depthnb.evidence import published

CSV = Path(published.__file__).with_name("published.csv")


def value(document, table, method, metric):
    rows = published.load(document)
    return rows[(rows.table == table) & (rows.method == method) & (rows.metric == metric)].printed.item()


def test_parses_with_the_fixed_columns_and_no_stray_space():
    with CSV.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    assert tuple(lines[0]) == published.COLUMNS
    assert all(len(line) == len(published.COLUMNS) for line in lines)
    assert all(cell == cell.strip() for line in lines for cell in line)
    rows = published.load()
    assert len(rows) == len(lines) - 1 and rows.value.notna().all()


def test_no_number_twice():
    rows = published.load()
    key = ["document", "table", "row", "method", "dataset", "split", "protocol", "metric"]
    assert not rows.duplicated(key).any()


def test_every_document_is_present_and_every_number_has_a_source():
    rows = published.load()
    assert tuple(rows.document.unique()) == published.DOCUMENTS
    for column in ("method", "metric", "source", "table"):
        assert (rows[column] != "").all(), column


def test_every_table_of_the_documents_is_complete():
    cells = {
        ("000", "scene counts"): 5,
        ("001", "1"): 30,
        ("002", "layers"): 69,
        ("003", "1"): 6,
        ("003", "2"): 4,
        ("004", "I"): 72,
    }
    rows = published.load()
    assert {key: int(n) for key, n in rows.groupby(["document", "table"]).size().items() if key in cells} == cells


@pytest.mark.parametrize(
    ("document", "table", "method", "metric", "printed"),
    [
        ("000", "scene counts", "Bedroom", "images", "15466"),
        ("001", "1", "U-Net epoch 1", "ms_per_step", "556"),
        ("001", "1", "U-Net epoch 8", "tensorflow_loss", "0.3408"),
        ("001", "1", "U-Net epoch 10", "custom_loss", "0.2385"),
        ("002", "layers", "CONV2", "channels", "1664"),
        ("002", "text", "DenseNet-169 encoder-decoder", "parameters", "42.6M"),
        ("004", "I", "DORN", "rmse", "2.727"),
        ("004", "I", "HMA-Depth-DenseNet 161", "rmse", "2.850"),
        ("004", "I", "HMA-Depth-DenseNet 121", "abs_rel", "0.063"),
        ("paper", "BTS repository KITTI", "BTS DenseNet161", "rmse", "2.798"),
        ("paper", "BTS repository NYU", "BTS DenseNet161", "silog", "11.533"),
        ("paper", "DenseDepth NYU", "DenseDepth (paper)", "rmse", "0.465"),
        ("paper", "DPT fine-tuned", "DPT-Hybrid fine-tuned on NYU", "delta1", "0.904"),
    ],
)
def test_key_numbers_stand_as_printed(document, table, method, metric, printed):
    assert value(document, table, method, metric) == printed


def test_the_loss_of_001_falls_and_003_lags_30_percent_by_its_own_tables():
    losses = published.table("001", "1")["custom_loss"]
    assert losses.is_monotonic_decreasing and len(losses) == 10
    ours, eigen = (
        published.table("003", name).dropna(subset="si_rmse_log").iloc[-1].si_rmse_log for name in ("1", "2")
    )
    assert (ours, eigen) == (0.285, 0.219)
    assert ours / eigen - 1 == pytest.approx(0.30, abs=0.005)


def test_the_bts_rows_of_004_are_worse_than_the_repository_s():
    quoted, repository = published.table("004", "I"), published.table("paper", "BTS repository KITTI")
    for here, there in (("BTS-ResNet 50", "BTS ResNet50"), ("BTS-DenseNet 161", "BTS DenseNet161")):
        a, b = (frame[frame.method == name].iloc[0] for frame, name in ((quoted, here), (repository, there)))
        assert a.rmse > b.rmse and a.abs_rel > b.abs_rel and a.delta1 < b.delta1


def test_metric_names_are_ours_where_we_have_the_metric():
    rows = published.load()
    others = {
        "images", "loss_min", "loss_max", "epochs", "epochs_longer", "epochs_run", "epochs_realistic", "ms_per_step", "lam",
        "tensorflow_loss", "custom_loss", "height", "width", "channels", "parameters", "learning_rate", "batch_size", "whdr",
        "iterations", "scenes", "behind_eigen_percent", "delta1_error_percent", "frames_per_second", "hours",
        "content_over_style_weight", "style_layer_weight", "style_weight", "content_weight", "steps",
    }  # fmt: skip
    assert set(rows.metric) <= others | set(metrics.NAMES)
    assert {"abs_rel", "rmse", "delta1"} <= set(rows.metric)


def test_named_protocols_exist():
    named = published.load()
    named = named[named.protocol.str.fullmatch(r"[a-z0-9-]+")]
    assert set(named.protocol) == {"kitti-garg", "nyu-eigen"} <= set(metrics.PROTOCOLS)


def test_filters_and_tables():
    assert set(published.load(method="bts").document) == {"004", "paper"}
    assert published.load("002").value.max() == 42.6e6
    frame = published.table("004", "I")
    assert frame.columns.tolist() == ["method", "delta1", "delta2", "delta3", "abs_rel", "rmse", "rmse_log"]
    assert frame.index.tolist() == list(range(1, 13))
    assert pd.isna(published.table("003", "1").loc[1].rmse_log).all()


def test_refusals():
    with pytest.raises(ValueError, match="choose one of"):
        published.load("005")
    with pytest.raises(ValueError, match=r"it has \['I', 'text'\]"):
        published.table("004", "1")
