"""Trained nets in the clone: what they score is what their run.json says, and a notebook can take them for a training."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from depthnb import data, evaluation, files, models, runs
from depthnb.runs import shipping
from depthnb.runs.records import read
from depthnb.weights import trained

REPORTS = Path(__file__).parents[2] / "reports"
SHIPPED = sorted(file.parent for file in REPORTS.glob("*/rooms-full/README.md"))
U_NET = REPORTS / "04_unet" / "rooms-full"
ASKED = {"dataset": "rooms", "data_root": "", "run": "quick", "weights": "shipped", "epochs": 4, "height": 0, "seed": 3}


def test_there_are_some():
    assert U_NET in SHIPPED


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda f: f.parent.name)
def test_a_shipped_net_is_small_and_scores_what_its_run_says(folder):
    file = folder / models.WEIGHTS
    assert {value.dtype for value in load_file(file).values()} <= {torch.float16, torch.int64}
    record, text = read(folder / "run.json"), (folder / "README.md").read_text(encoding="utf-8")
    assert files.digest(file) in text and record["command"] in text
    test = data.open("rooms", split="test", size=shipping.image_size(folder, record))
    aligned = record["protocol"]["alignment"] != "none"
    rule = f"{test.protocol}/scale-shift-inverse" if aligned else test.protocol
    kind = "affine-inverse" if aligned else "metric"
    found = evaluation.evaluate(models.load(folder), test, protocol=rule, kind=kind).summary
    assert found["abs_rel"] == pytest.approx(record["metrics"]["test"]["abs_rel"], abs=0.0005)
    assert found["delta1"] == pytest.approx(record["metrics"]["test"]["delta1"], abs=0.002)


def test_a_notebook_takes_the_settings_of_the_full_run_and_keeps_its_own_places():
    given = {**ASKED, "data_root": "/my/rooms", "rival": "mse", "new": 1}
    full = read(U_NET / "run.json")["params"]
    found = runs.Shipped("04_unet", given).parameters
    assert list(found) == list(given)
    assert (found["epochs"], found["height"], found["seed"]) == (full["epochs"], full["height"], full["seed"])
    assert (found["data_root"], found["weights"], found["new"]) == ("/my/rooms", "shipped", 1)
    assert found["run"] == "shipped" and found["rival"] == ""
    assert runs.Shipped("04_unet", {**given, "run": "mine"}).parameters["run"] == "mine"


def test_in_place_of_a_training_come_weights_and_what_was_written_about_it(capsys):
    shipped = runs.Shipped("04_unet", ASKED)
    config = models.load(U_NET).config
    net = models.UNet(**config)
    history = shipped.fit(net, "train", "val", loss=None, optimizer=None, epochs=16, device="cpu", name="U-Net")
    for mine, theirs in zip(net.state_dict().values(), models.load(U_NET).state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)
    table = pd.read_csv(U_NET / "history.csv").drop(columns="stage")
    pd.testing.assert_frame_equal(history.frame, table)
    assert history.steps == read(U_NET / "run.json")["steps"]
    assert "not trained: weights of reports/04_unet/rooms-full" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("notebook", "change", "error", "words"),
    [
        ("04_unet", {"dataset": "streets"}, ValueError, "dataset is 'streets'.*trained on 'rooms'.*third"),
        ("01_data", {}, FileNotFoundError, "no trained net at .*01_data.*weights='train'"),
    ],
)
def test_what_no_shipped_net_can_do_is_said(notebook, change, error, words):
    with pytest.raises(error, match=words):
        runs.Shipped(notebook, {**ASKED, **change})


@pytest.fixture
def unshipped(tmp_path):
    """The U-Net's run as it is before it is shipped: 32 bits, no card."""
    folder = tmp_path / "04_unet" / "rooms-full"
    shutil.copytree(U_NET, folder)
    (folder / "README.md").unlink()
    models.save(models.load(folder), folder / models.WEIGHTS)
    return folder


def test_shipping_halves_the_weights_and_writes_the_card(unshipped):
    before = (unshipped / models.WEIGHTS).stat().st_size
    change = shipping.ship(unshipped)
    assert 0 <= change < shipping.CHANGE
    assert (unshipped / models.WEIGHTS).stat().st_size < 0.55 * before
    text = (unshipped / "README.md").read_text(encoding="utf-8")
    assert "| this net | 0." in text and "MIT" in text and "Apache" not in text and str(unshipped) not in text


def test_weights_that_float16_cannot_hold_are_refused_and_left(unshipped):
    file = unshipped / models.WEIGHTS
    stored = trained.read(file)
    larger = {
        "down.0.0.weight": 1e6,
        "down.0.1.running_mean": 1e6,
        "down.0.1.running_var": 1e12,
    }  # the same net in 32 bits
    tensors = {name: value * larger.get(name, 1) for name, value in stored.tensors.items()}
    trained.write(file, stored.model, stored.config, tensors)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="float16 moves its predictions by"):
        shipping.ship(unshipped)
    assert file.read_bytes() == before and not (unshipped / "README.md").exists()


def test_a_run_without_weights_is_not_shipped(unshipped):
    (unshipped / models.WEIGHTS).unlink()
    with pytest.raises(FileNotFoundError):
        shipping.ship(unshipped)


def test_what_is_shipped_is_not_shipped_again():
    before = (U_NET / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is in float16 already"):
        shipping.ship(U_NET)
    assert (U_NET / "README.md").read_text(encoding="utf-8") == before


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.parent.name)
def test_nets_that_began_with_the_weights_of_a_package_carry_its_licence(folder):
    record, licence = read(folder / "run.json"), folder / "LICENSE-Apache-2.0.txt"
    borrowed = (record.get("origin") or {}).get("kind") == "imagenet"
    assert licence.exists() == borrowed == ("Apache" in (folder / "README.md").read_text(encoding="utf-8"))
    if borrowed:
        text = licence.read_text(encoding="utf-8")
        assert "ML Illustrated" in text and "TERMS AND CONDITIONS FOR USE" in text and text.endswith("CONDITIONS\n")


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["shipping", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit) as ended:
        shipping.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith(str(tmp_path / "nowhere")) and said.count("\n") == 1
