"""The comparison: what may stand in one table, what a damaged folder does, and that the notebook runs on anything."""

import dataclasses
import json
import shutil
from pathlib import Path

import data_fixtures
import numpy as np
import pandas as pd
import pytest
import torch

from depthnb import data, evaluation, evidence, metrics, plotting, runs
from depthnb.evidence import published
from depthnb.plotting import beside
from depthnb.report import results, tables
from depthnb.studies import comparison as study
from depthnb.weights.origin import Kind

SCENES = ["a", "a", "b", "b", "c", "c"]
PROTOCOL = metrics.protocol("rooms")


def scores(level: float) -> dict[str, float]:
    """Metrics of a method that is worse the higher its level."""
    return {name: level if better == "lower" else 1 - level for name, better in metrics.BETTER.items()}


def judged(levels, *, protocol: metrics.Protocol = PROTOCOL, first: int = 0) -> evaluation.Evaluation:
    """An Evaluation whose frames have these levels; `first` numbers the frames."""
    ids = [f"f{first + i}" for i in range(len(levels))]
    names = pd.DataFrame({"id": ids, "scene": SCENES[: len(levels)], "scene_type": "office"})
    per_image = names.join(pd.DataFrame([scores(level) for level in levels]))
    bands = pd.DataFrame({"lower": [0.0, 1.0], "upper": [1.0, 2.0], "pixels": [10, 20]})
    bands = bands.join(pd.DataFrame([scores(0.1), scores(levels[0])]))
    kept = {key: torch.full((1, 6, 8), 1.0 + level) for key, level in zip(ids, levels, strict=True)}
    return evaluation.Evaluation(protocol, scores(float(np.mean(levels))), per_image, bands, kept)


def finish(
    notebook: str,
    run: str,
    levels,
    *,
    seed: int = 0,
    dataset: str = "rooms",
    protocol: metrics.Protocol = PROTOCOL,
    first: int = 0,
    seconds: float = 10.0,
    parameters: int = 1000,
    nets: dict[str, float] | None = None,
    **settings,
) -> Path:
    """A finished run folder, made by Run itself."""
    values = {"dataset": dataset, "data_root": "", "run": run, "seed": seed, "device": "cpu", **settings}
    one = runs.start(notebook, values)
    opponents = {"mean_depth": judged([0.5] * len(levels)), "mean_image": judged([0.6] * len(levels))}
    one.save_evaluation("test", judged(levels, protocol=protocol, first=first), opponents)
    one.record(parameters=parameters, training_seconds=seconds)
    for name, abs_rel in (nets or {}).items():
        one.measure(name, abs_rel=abs_rel, steps=1200)
    one.finish()
    return one.folder


def load(dataset: str = "rooms", preset: str = "best") -> list[results.Result]:
    return results.select(results.load(dataset)[0], preset)


def test_every_net_of_a_run_that_trained_several_has_a_line(reports):
    finish("03_eigen", "rooms-full", [0.2], nets={"coarse": 0.3})
    for seed, value in enumerate((0.2, 0.4)):
        name = f"rooms-full{f'-seed{seed}' if seed else ''}"
        finish("09_gan", name, [value], seed=seed, nets={"GAN": value, "L1 alone": value + 0.1})
    lines = tables.nets(load(), ["abs_rel", "rmse"])
    assert lines.to_dict("list") == {
        "method": ["GAN", "GAN"],
        "net": ["GAN", "L1 alone"],
        "seeds": [2, 2],
        "steps": ["1,200", "1,200"],
        "abs_rel": ["0.300 ± 0.141", "0.400 ± 0.141"],
        "rmse": ["--", "--"],
    }


def test_metres_and_what_knows_none_stand_beside_each_other_when_both_are_aligned(reports):
    aligned = PROTOCOL.with_alignment("scale-shift-inverse")
    finish("07_midas", "quick", [0.15] * 6, protocol=aligned)
    finish("04_unet", "quick", [0.3] * 6)  # as an older depthnb wrote it
    finish("08_style_transfer", "quick", [0.1] * 2, protocol=aligned)  # other frames
    for seed, level in enumerate((0.1, 0.2)):
        one = runs.start("11_today", {"dataset": "rooms", "run": f"quick-seed{seed}", "seed": seed})
        others = {"mean_depth": judged([0.4] * 6, protocol=aligned), "mean_image": judged([0.3] * 6, protocol=aligned)}
        one.save_evaluation("aligned", judged([level] * 6, protocol=aligned), others)
        one.save_evaluation("test", judged([0.25] * 6), {"mean_image": judged([0.6] * 6)})
        one.record(steps=100 * (seed + 1), size=(96, 128))
        one.finish()
    found, without = results.as_aligned(load())
    assert without == ["U-Net", "Style transfer"]
    finish("07_midas", "quick-seed1", [0.15] * 6, seed=1)
    assert results.as_aligned(load())[1] == ["U-Net", "MiDaS recipe (1 of 2 runs)", "Style transfer"]
    shutil.rmtree(reports / "07_midas" / "quick-seed1")
    table = tables.table(found, by="abs_rel").set_index("method")
    assert list(table.index[:2]) == ["MiDaS recipe", "Today's recipe"], "equal errors in the notebooks' order"
    assert table.loc["Today's recipe", "abs_rel"] == pytest.approx(0.15) and table.loc["Today's recipe", "steps"] == 150
    assert table.loc["Today's recipe", "image"] == "128 x 96" and table.loc["MiDaS recipe", "image"] == ""
    assert table.loc["mean_image", "abs_rel"] == pytest.approx(
        0.4
    )  # the mean of what the three runs say: 0.6, 0.3, 0.3
    assert results.as_aligned([]) == ([], [])


# --- which runs -------------------------------------------------------------------------------------------------------


def test_best_is_rooms_full_where_finished_otherwise_quick(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("02_bn_cnn", "rooms-full", [0.2] * 6)
    finish("02_bn_cnn", "rooms-full-seed1", [0.2] * 6, seed=1)
    finish("03_eigen", "quick", [0.3] * 6)
    finish("03_eigen", "ablation-flip-0", [0.1] * 6, flip=0.0)
    finish("03_eigen", "long", [0.1] * 6, epochs=99)
    assert [r.label for r in load()] == ["02_bn_cnn/rooms-full", "02_bn_cnn/rooms-full-seed1", "03_eigen/quick"]
    assert [r.label for r in load(preset="quick")] == ["02_bn_cnn/quick", "03_eigen/quick"]
    assert [r.label for r in load(preset="ablation")] == ["03_eigen/ablation-flip-0"]
    assert [r.label for r in load(preset="long")] == ["03_eigen/long"]
    assert load(preset="paper") == []
    table = tables.table(load()).set_index("method")
    assert table.loc["BN-CNN", ["preset", "seeds"]].tolist() == ["rooms-full", 2]
    assert table.loc["Eigen (quick)", ["preset", "seeds"]].tolist() == ["quick", 1], "beside longer runs it is said"


def test_only_finished_runs_of_this_data_set_with_a_test_split(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("03_eigen", "on-nyu", [0.3] * 6, dataset="nyu-v2")
    data_only = runs.start("01_data", {"dataset": "rooms", "run": "quick", "seed": 0})
    data_only.finish()
    unfinished = runs.start("04_unet", {"dataset": "rooms", "run": "quick", "seed": 0})
    unfinished.save_evaluation("test", judged([0.1] * 6))
    found, notes = results.load("rooms")
    assert [r.label for r in found] == ["02_bn_cnn/quick"] and notes == []


def test_damaged_folders_are_left_out_and_named(reports):
    for notebook in ("02_bn_cnn", "03_eigen", "04_unet", "05_densenet", "06_hma"):
        finish(notebook, "quick", [0.3] * 6)
    record = reports / "02_bn_cnn" / "quick" / runs.RECORD
    record.write_text(record.read_text()[:50])
    (reports / "03_eigen" / "quick" / "per_image.csv").unlink()
    (reports / "04_unet" / "quick" / "per_image.csv").write_text("")
    file = reports / "05_densenet" / "quick" / "by_distance.csv"
    file.write_text("\n".join(file.read_text().replace("pixels", "pix").splitlines()))
    finish("02_bn_cnn", "rooms-full", [0.3] * 6)
    for name, text in (("list", "[]"), ("empty", ""), ("bytes", b"\xff\xfe"), ("other", '{"finished": "no"}')):
        (reports / "07_midas" / name).mkdir(parents=True)
        (reports / "07_midas" / name / runs.RECORD).write_bytes(text if isinstance(text, bytes) else text.encode())
    found, notes = results.load("rooms")
    assert [r.label for r in found] == ["02_bn_cnn/rooms-full", "06_hma/quick"], "one bad file hides no other run"
    assert [note.split(" ")[0] for note in notes] == [
        "02_bn_cnn/quick/run.json", "03_eigen/quick", "04_unet/quick", "05_densenet/quick",
        "07_midas/bytes/run.json", "07_midas/empty/run.json", "07_midas/list/run.json",
    ]  # fmt: skip
    assert all(" left out" in note and "damaged" in note for note in notes)
    assert "per_image.csv" in notes[1] and "lacks ['pixels']" in notes[3]
    assert not any(str(reports) in note for note in notes), "no path of this machine in a notebook"


def test_names_come_back_as_they_were_given(reports):
    given = judged([0.1, 0.2, 0.3])
    names = {"id": ["null", "007", "1e5"], "scene": ["NA", "None", "nan"], "scene_type": ["N/A", "NULL", "1.0"]}
    given.per_image[list(names)] = pd.DataFrame(names)
    given.per_image.loc[1, "ssim"] = np.nan
    one = runs.start("02_bn_cnn", {"dataset": "rooms", "data_root": "", "run": "quick", "seed": 0, "device": "cpu"})
    one.save_evaluation("test", given)
    one.record(parameters=1, training_seconds=1.0)
    one.finish()
    (result,), notes = results.load("rooms")
    assert notes == [] and result.per_image[list(names)].to_dict("list") == names
    assert result.per_image["ssim"].isna().tolist() == [False, True, False]
    assert result.per_image.groupby("scene_type")["abs_rel"].mean().index.tolist() == sorted(names["scene_type"])


def test_a_metric_that_was_not_finite_is_a_gap_not_an_error(reports):
    folder = finish("02_bn_cnn", "quick", [0.3] * 6)
    content = json.loads((folder / runs.RECORD).read_text())
    content["metrics"]["test"]["abs_rel"] = None
    content["parameters"] = None
    (folder / runs.RECORD).write_text(json.dumps(content))
    row = tables.table(load(), by="abs_rel").set_index("method").loc["BN-CNN"]
    assert np.isnan(row["abs_rel"]) and np.isnan(row["parameters"])
    assert row["beats_baselines"].startswith("no"), "what is not a number beats nothing"


def test_the_same_run_twice_counts_once(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("02_bn_cnn", "quick-0a1b2c3d", [0.1] * 6)
    found, notes = results.load("rooms")
    assert [r.label for r in found] == ["02_bn_cnn/quick"]
    assert notes == ["02_bn_cnn/quick-0a1b2c3d is left out: the same parameters and seed as 02_bn_cnn/quick"]


def test_an_unknown_metric_or_preset_is_refused_with_the_nearest_name(reports):
    finish("02_bn_cnn", "long", [0.3] * 6)
    found = results.load("rooms")[0]
    results.check(metric="delta1", preset="long", results=found)
    with pytest.raises(ValueError, match="metric 'absrel' is not known; did you mean 'abs_rel'"):
        results.check(metric="absrel", preset="best")
    with pytest.raises(ValueError, match="preset 'room-full' is not known; did you mean 'rooms-full'"):
        results.check(metric="rmse", preset="room-full", results=found)


# --- nothing is mixed -------------------------------------------------------------------------------------------------

OTHER = metrics.protocol("rooms/median")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"protocol": OTHER}, "protocols"),
        ({"first": 1}, "test frames"),
        ({"dataset": "folder"}, "data sets"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [tables.table, tables.bands, tables.images, tables.each_run, study.differences,
     study.opponents, study.claims],
)  # fmt: skip
def test_results_measured_differently_are_refused(reports, function, other, what):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("03_eigen", "quick", [0.2] * 6, **other)
    mixed = load() + [r for r in load("folder") if what == "data sets"]
    assert len(mixed) == 2
    with pytest.raises(ValueError, match=rf"different {what} .*02_bn_cnn/quick .*03_eigen/quick .*comparable"):
        function(mixed)


def test_comparable_parts_what_must_not_be_mixed(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("03_eigen", "quick", [0.2] * 6)
    finish("04_unet", "quick", [0.2] * 6, first=10)
    finish("07_midas", "quick", [0.2] * 6, protocol=OTHER)
    parts = results.comparable(load())
    assert {key: [r.notebook for r in part] for key, part in parts.items()} == {
        "": ["02_bn_cnn", "03_eigen"], "-rooms-2": ["04_unet"], "-rooms-median": ["07_midas"],
    }  # fmt: skip
    for part in parts.values():
        assert len(tables.table(part).query("kind == 'ours'")) == len(part)
    said = results.explain(load(), load(), [], preset="best")
    assert "3 ways of measuring, so 3 tables" in said and said.count("measured on rooms, 6 test frames") == 3
    assert results.comparable([]) == {}


def test_no_result_is_refused_by_name():
    with pytest.raises(ValueError, match="no results to compare"):
        tables.table([])


# --- the table --------------------------------------------------------------------------------------------------------


def test_a_row_is_mean_and_sample_deviation_over_seeds(reports):
    levels = [0.30, 0.34, 0.29]
    for seed, level in enumerate(levels):
        finish("02_bn_cnn", f"rooms-full-seed{seed}", [level] * 6, seed=seed, seconds=10 + seed, parameters=2500)
    table = tables.table(load()).set_index("method")
    row = table.loc["BN-CNN"]
    assert row["abs_rel"] == pytest.approx(np.mean(levels)) and row["abs_rel_std"] == pytest.approx(
        np.std(levels, ddof=1)
    )
    assert row["delta1"] == pytest.approx(1 - np.mean(levels))
    assert (row["seeds"], row["parameters"], row["seconds"], row["kind"]) == (3, 2500, 11, "ours")
    assert table.loc["mean_depth", "abs_rel"] == 0.5 and table.loc["mean_depth", "kind"] == "baseline"
    assert table.loc["mean_image", "abs_rel"] == pytest.approx(0.6)
    shown = tables.readable(tables.table(load(), by="abs_rel"))
    assert shown.iloc[0][["method", "preset", "seeds", "abs_rel", "parameters"]].tolist() == [
        "BN-CNN", "rooms-full", "3", "0.310 ± 0.026", "2 k",
    ]  # fmt: skip


def test_the_best_is_on_top_whichever_way_the_metric_goes(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("03_eigen", "quick", [0.2] * 6)
    for metric in ("abs_rel", "delta1"):
        order = tables.table(load(), by=metric)["method"].tolist()
        assert order == ["Eigen", "BN-CNN", "mean_depth", "mean_image"]


def test_who_does_not_beat_the_baselines_is_marked(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    finish("03_eigen", "rooms-full", [0.3] * 6)
    finish("03_eigen", "rooms-full-seed1", [0.55] * 6, seed=1)
    finish("04_unet", "quick", [0.9] * 6)
    marks = tables.table(load()).set_index("method")["beats_baselines"]
    assert marks["BN-CNN (quick)"] == "yes"
    assert marks["Eigen"] == "no: not better than mean_depth (1 of 2 seeds)"
    assert marks["U-Net (quick)"] == "no: not better than mean_depth, mean_image"


def test_groups_of_one_notebook_are_told_apart_by_what_differs(reports):
    finish("02_bn_cnn", "ablation-a", [0.3] * 6, loss="mse", flip=0.0)
    finish("02_bn_cnn", "ablation-b", [0.2] * 6, loss="l1", flip=0.0)
    finish("02_bn_cnn", "ablation-b-seed1", [0.2] * 6, loss="l1", flip=0.0, seed=1)
    parts = results.groups(load(preset="ablation"))
    assert {name: len(part) for name, part in parts.items()} == {"BN-CNN (loss mse)": 1, "BN-CNN (loss l1)": 2}


def test_a_run_of_before_a_parameter_was_there_is_told_apart_by_that(reports):
    finish("04_unet", "rooms-full", [0.3] * 6, encoder="resnet18")
    finish("04_unet", "rooms-full-seed1", [0.2] * 6, seed=1)
    assert list(results.groups(load())) == ["U-Net (encoder resnet18)", "U-Net (encoder not said)"]


def test_a_method_about_imagenet_weights_says_when_it_had_none(reports):
    for notebook in ("04_unet", "05_densenet", "08_style_transfer"):
        folder = finish(notebook, "quick", [0.3] * 6)
        give_origin(folder, Kind.NONE)
    assert list(results.groups(load())) == [
        "U-Net", "DenseNet transfer (random weights)", "Style transfer (random weights)",
    ]  # fmt: skip
    give_origin(folder, Kind.IMAGENET)
    assert list(results.groups(load()))[-1] == "Style transfer"


def give_origin(folder: Path, kind: Kind, detail: str = "as a test says", content: str = "") -> None:
    file = folder / runs.RECORD
    origin = {"kind": kind, "detail": detail, "content": content}
    file.write_text(json.dumps({**json.loads(file.read_text()), "origin": origin}))


@pytest.mark.parametrize(("notebook", "method"), [("05_densenet", "DenseNet transfer"), ("06_hma", "HMA-Depth")])
def test_runs_that_found_weights_and_runs_that_did_not_are_never_averaged(reports, notebook, method):
    for run, seed, level, kind, detail in (
        ("quick", 0, 0.2, Kind.IMAGENET, "weights from densenet.pth"),
        ("quick-0a1b2c3d", 0, 0.4, Kind.NONE, "no file and no network"),  # the same parameters and the same seed
        ("quick-seed1", 1, 0.3, Kind.IMAGENET, "weights from a file of another name"),
    ):
        content = "0a" if kind is Kind.IMAGENET else ""
        give_origin(finish(notebook, run, [level] * 6, seed=seed, pretrained="auto"), kind, detail, content)
    found, notes = results.load("rooms")
    assert len(found) == 3 and notes == [], "none is a repeat of another"
    table = tables.table(found).query("kind == 'ours'").set_index("method")
    assert table["seeds"].to_dict() == {method: 2, f"{method} (random weights)": 1}
    assert table["abs_rel"].tolist() == pytest.approx([0.25, 0.4])
    give_origin(finish(notebook, "quick-4e5f6a7b", [0.9] * 6, pretrained="auto"), Kind.NONE)
    assert len(results.load("rooms")[0]) == 3, "two random starts with one seed are a repeat"


def test_a_run_that_says_nothing_of_its_weights_stays_with_those_that_had_none(reports):
    finish("04_unet", "quick", [0.2] * 6, pretrained="auto")
    folder = finish("04_unet", "quick-seed1", [0.4] * 6, seed=1, pretrained="auto")
    give_origin(folder, Kind.NONE)
    assert {name: len(part) for name, part in results.groups(load()).items()} == {"U-Net": 2}


def test_bands_and_images_are_means_over_seeds(reports):
    finish("02_bn_cnn", "rooms-full", [0.2, 0.4])
    finish("02_bn_cnn", "rooms-full-seed1", [0.4, 0.4], seed=1)
    bands, images = tables.bands(load())["BN-CNN"], tables.images(load())["BN-CNN"]
    assert bands["abs_rel"].tolist() == pytest.approx([0.1, 0.3]) and bands["pixels"].tolist() == [10, 20]
    assert images["abs_rel"].tolist() == pytest.approx([0.3, 0.4]) and images["id"].tolist() == ["f0", "f1"]
    plotting.by_distance({"BN-CNN": bands})
    plotting.by_scene_type({"BN-CNN": images})


# --- more than luck? --------------------------------------------------------------------------------------------------


def test_differences_between_neighbours(reports):
    better, worse = [0.1, 0.1, 0.2, 0.2, 0.3, 0.3], [0.2, 0.2, 0.2, 0.2, 0.5, 0.1]
    finish("02_bn_cnn", "quick", worse)
    finish("03_eigen", "quick", better)
    found = study.differences(load(), "abs_rel")
    row = found.iloc[0]
    assert (row["better"], row["worse"], row["seeds"], row["verdict"]) == ("Eigen", "BN-CNN", 1, "not tested here")
    assert row["change (%)"] == pytest.approx(100 * (np.mean(better) / np.mean(worse) - 1))
    assert row["frames_won"] == pytest.approx((3 + 0.5 * 2) / 6)
    # scenes gain 0.1, 0 and 0: the mean of any draw of three lies between 0 and 0.1
    assert row["rooms low"] == pytest.approx(0, abs=1e-9) and 0.06 < row["rooms high"] <= 0.1 + 1e-9
    pd.testing.assert_frame_equal(found, study.differences(load(), "abs_rel"))
    opposite = study.differences(load(), "delta1").iloc[0]
    assert opposite["better"] == "Eigen" and opposite["rooms high"] == pytest.approx(row["rooms high"])
    assert "They share 1 seed(s)" in study.sentences(found)[0]


def test_frames_of_one_scene_are_drawn_together(reports):
    """Within a scene the gains cancel: drawn frame by frame the interval would be wide, by scene it is a point."""
    finish("02_bn_cnn", "quick", [0.5, 0.3] * 3)
    finish("03_eigen", "quick", [0.3, 0.4] * 3)
    row = study.differences(load()).iloc[0]
    assert row["rooms low"] == pytest.approx(0.05) and row["rooms high"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ((0.25, 0.26, 0.27, 0.28, 0.29), "is better than"),
        ((0.25, 0.26, 0.27), "undecided (a decision takes 5 seeds)"),
        ((0.15, 0.30, 0.26, 0.31, 0.17), "undecided (p "),
        ((0.2205, 0.2304, 0.2406, 0.2503, 0.2605), "no difference that matters"),
    ],
)
def test_paired_seeds_decide(reports, levels, said):
    for seed, level in enumerate(levels):
        finish("02_bn_cnn", f"quick-seed{seed}", [level] * 6, seed=seed)
        finish("03_eigen", f"quick-seed{seed}", [0.22 + 0.01 * seed] * 6, seed=seed)
    assert said in study.sentences(study.differences(load()))[0]


def test_all_pairs_are_compared_with_one_correction_and_neighbours_put_into_words(reports):
    for seed in range(5):
        for notebook, level in (("02_bn_cnn", 0.30), ("03_eigen", 0.20), ("04_unet", 0.25)):
            finish(notebook, f"quick-seed{seed}", [level + 0.001 * seed] * 6, seed=seed)
    found = study.differences(load())
    assert list(zip(found["better"], found["worse"], strict=True)) == [
        ("Eigen", "U-Net"), ("Eigen", "BN-CNN"), ("U-Net", "BN-CNN"),
    ]  # fmt: skip
    assert found["next"].tolist() == [True, False, True] and set(found["verdict"]) == {"holds"}
    words = study.sentences(found)
    assert len(words) == 2 and words[0].startswith("Eigen is better than U-Net")
    pair = [each for each in load() if each.notebook != "04_unet"]
    alone = study.differences(pair).iloc[0]
    assert found["p (Holm)"].iloc[1] >= 2 * alone["p (Holm)"] * 0.999, "three comparisons are corrected more than one"


def test_five_seeds_decide_where_twice_the_steps_keep_the_sign(reports):
    for seed in range(5):
        run = f"rooms-full{f'-seed{seed}' if seed else ''}"
        finish("03_eigen", run, [0.200 + 0.001 * seed] * 6, seed=seed, epochs=10)
        finish("06_hma", run, [0.180 + 0.001 * seed] * 6, seed=seed, epochs=10)
    found = study.differences(load())
    assert found["verdict"][0] == "not tested here" and "with twice the steps" in study.sentences(found)[0]
    claim = "Niu (3): HMA-Depth outperforms"
    finish("03_eigen", "ablation-full-doubled-0", [0.19] * 6, epochs=20)
    for value, verdict in ((0.17, "holds"), (0.195, "not tested here")):
        finish("06_hma", "ablation-full-doubled-0", [value] * 6, epochs=20)
        found = study.differences(load())
        assert (found["better"][0], found["verdict"][0]) == ("HMA-Depth", verdict)
        table = evidence.decide(study.claims(load())).set_index("claim")
        assert table.filter(like=claim, axis=0)["verdict"].iloc[0] == verdict
    assert "twice the steps: +2.6 %, so the nets are under-trained" in study.sentences(found)[0]


def test_one_method_has_no_difference(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    found = study.differences(load())
    assert found.empty and study.sentences(found)[0].startswith("One method alone")


def test_worth_its_price(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6, parameters=100, seconds=10)
    finish("03_eigen", "quick", [0.2] * 6, parameters=900, seconds=90)
    sentences = study.worth(load())
    assert sentences[0].startswith("No method is beaten") and "time decides nothing" in sentences[1]
    finish("04_unet", "quick", [0.3] * 6, parameters=500, seconds=10)
    assert (
        study.worth(load())[0]
        == "U-Net is not worth its price: BN-CNN has no larger error, and is better in parameters."
    )


@pytest.mark.parametrize(
    ("error", "parameters", "seconds", "gain"),
    [
        (0.30, 1000, 80.0, ""),  # faster, but by no more than equal work differs here
        (0.298, 1000, 100.0, ""),  # hardly better
        (0.30, 1000, 60.0, "time"),
        (0.28, 1000, 120.0, "error"),  # slower by no more than equal work differs
        (0.20, 500, 120.0, "error, parameters"),
        (0.20, 500, 160.0, ""),  # slower
        (0.20, 1001, 50.0, ""),  # larger, if by little: a number of parameters has no noise
        (0.31, 500, 50.0, ""),  # worse
    ],
)
def test_a_rival_makes_a_method_pointless_by_more_than_the_noise(reports, error, parameters, seconds, gain):
    """The same training took 100 s and 130 s: that is how far times of equal work differ."""
    for seed, time in ((0, 100.0), (1, 130.0)):
        finish("06_hma", f"quick-seed{seed}", [0.9] * 6, seed=seed, parameters=9000, seconds=10 * time)
    finish("02_bn_cnn", "quick", [0.30] * 6, parameters=1000, seconds=100.0)
    finish("03_eigen", "quick", [error] * 6, parameters=parameters, seconds=seconds)
    sentences = [line for line in study.worth(load()) if line.startswith("BN-CNN")]
    expected = [f"BN-CNN is not worth its price: Eigen has no larger error, and is better in {gain}."] if gain else []
    assert sentences == expected


# --- beside the data, the published numbers, the claims ---------------------------------------------------------------


@pytest.fixture
def folder_runs(reports, tmp_path):
    """Two runs on a small RGB-D folder, judged for real; returns its root."""
    root = tmp_path / "frames"
    root.mkdir()
    data_fixtures.write_folder(root, {"r1": "train", "r2": "train", "r3": "val", "r4": "test", "r5": "test"})
    train, test = (data.open("folder", root, split, (24, 32)) for split in ("train", "test"))
    for notebook, depth in (("02_bn_cnn", 2.6), ("03_eigen", 2.9)):
        values = {"dataset": "folder", "data_root": "", "run": "quick", "height": 24, "width": 32, "seed": 0}
        one = runs.start(notebook, values, data={"train": train, "test": test})
        net = evaluation.Constant(torch.full((1, 24, 32), depth))
        one.save_evaluation("test", evaluation.evaluate(net, test), evaluation.baselines(train, test))
        one.record(parameters=768, training_seconds=1.5)
        one.finish()
    return root


def test_opponents_are_those_of_the_run_records(folder_runs):
    found = study.opponents(load("folder"), root=str(folder_runs))
    for name, each in found.items():
        assert each.summary == pytest.approx(load("folder")[0].baselines[name], nan_ok=True)
    assert list(found) == ["mean_depth", "mean_image"]


def test_pictures_show_the_same_frames_of_every_method(folder_runs):
    shown = study.pictures(load("folder"), root=str(folder_runs), frames=2)
    test = data.open("folder", folder_runs, "test")
    assert torch.equal(shown["image"][1], test[2]["image"]), "every second of the kept frames"
    assert shown["preds"]["BN-CNN"].shape == (2, 1, 24, 32)
    assert shown["preds"]["Eigen"].unique().tolist() == [2.90625], "2.9 as kept: 8 binary digits"
    plotting.methods_grid(**shown)


def test_pictures_show_aligned_methods_beside_the_others_and_name_them(folder_runs, capsys):
    test = data.open("folder", folder_runs, "test", (24, 32))
    rule = f"{test.protocol}/median"
    for name, part in (("quick", test), ("one", test.subset([0]))):
        values = {"dataset": "folder", "data_root": "", "run": name, "height": 24, "width": 32, "seed": 0}
        one = runs.start("07_midas", values, data={"test": part})
        net = evaluation.Constant(torch.full((1, 24, 32), 9.0))
        one.save_evaluation("test", evaluation.evaluate(net, part, protocol=rule))
        one.finish()
    shown = study.pictures(load("folder"), root=str(folder_runs), frames=2)
    assert list(shown["preds"]) == ["BN-CNN", "Eigen", "MiDaS recipe, aligned"]
    assert shown["preds"]["MiDaS recipe, aligned"].max() < 9, "as the protocol scores it"
    everything = results.load("folder")[0]
    shown = study.pictures(everything, root=str(folder_runs))
    assert list(shown["preds"])[2:] == ["MiDaS recipe, aligned", "MiDaS recipe, aligned, quick"]
    assert len(shown["image"]) == 1, "only what all of them keep"
    with np.load(everything[3].folder / "predictions.npz") as file:
        renamed = {f"other-{key}": file[key] for key in file}
    np.savez(everything[3].folder / "predictions.npz", **renamed)
    assert len(study.pictures(everything, root=str(folder_runs))["preds"]) == 3
    assert "keeps pictures of other test frames: not shown" in capsys.readouterr().out
    other = dataclasses.replace(everything[0], dataset="rooms")
    with pytest.raises(ValueError, match="different data sets"):
        study.pictures([everything[1], other], root=str(folder_runs))
    assert study.pictures([]) is None and "no finished run" in capsys.readouterr().out


def test_ablation_runs_that_hold_only_their_record_are_counted_not_called_damaged(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    folder = finish("02_bn_cnn", "ablation-base-0", [0.3] * 6, epochs=1)
    for file in folder.glob("*.csv"):
        file.unlink()
    found, notes = results.load("rooms")
    assert [r.label for r in found] == ["02_bn_cnn/quick"]
    assert len(notes) == 1 and notes[0].startswith("runs of ablations with run.json alone, as git keeps them: 1,")


def test_pictures_of_the_seed_asked_for(folder_runs, reports):
    folder = reports / "02_bn_cnn" / "quick"
    other = reports / "02_bn_cnn" / "quick-seed1"
    other.mkdir()
    for file in folder.glob("*.*"):
        (other / file.name).write_bytes(file.read_bytes())
    content = json.loads((other / runs.RECORD).read_text()) | {"seed": 1}
    (other / runs.RECORD).write_text(json.dumps(content))
    with np.load(folder / "predictions.npz") as file:
        np.savez(other / "predictions.npz", **{key: file[key] + 1 for key in file})
    for seed, first in ((0, 2.6), (1, 3.6), (7, 2.6)):
        shown = study.pictures(load("folder"), seed=seed, root=str(folder_runs))
        assert shown["preds"]["BN-CNN"].mean().item() == pytest.approx(first, abs=0.01)


def test_pictures_without_a_file_or_without_data(folder_runs, reports, capsys):
    (reports / "02_bn_cnn" / "quick" / "predictions.npz").write_bytes(b"PK\x03\x04 broken")
    shown = study.pictures(load("folder"), root=str(folder_runs))
    assert list(shown["preds"]) == ["Eigen"]
    assert "02_bn_cnn/quick has no pictures: predictions.npz is damaged or missing" in capsys.readouterr().out
    (folder_runs / "index.csv").unlink()
    assert study.pictures(load("folder"), root=str(folder_runs)) is None
    assert study.opponents(load("folder"), root=str(folder_runs)) == {}
    said = capsys.readouterr().out
    assert "no pictures" in said and "no opponents by distance" in said and "index.csv" in said


def test_walls_of_a_constant_are_flat_and_of_noise_are_not(folder_runs, reports, capsys):
    file = reports / "03_eigen" / "quick" / "predictions.npz"
    noise = np.random.default_rng(0)
    with np.load(file) as kept:
        np.savez(file, **{key: kept[key] + 0.3 * noise.random(kept[key].shape) for key in kept})
    table = study.walls(load("folder"), root=str(folder_runs)).set_index("method")
    assert set(table.index) == {"the truth", "the truth, rounded as predictions are kept", "BN-CNN", "Eigen"}
    assert table.loc["BN-CNN", "plane residual"] == pytest.approx(0, abs=1e-3)
    assert 5 < table.loc["Eigen", "plane residual"] < 100 and table.index[-1] == "Eigen"
    assert table.loc["Eigen", "abs_rel"] == pytest.approx(load("folder")[1].metrics["abs_rel"])
    assert study.walls([]).empty
    (folder_runs / "index.csv").unlink()
    assert study.walls(load("folder"), root=str(folder_runs)).empty and "no pictures" in capsys.readouterr().out


def test_parameters_of_nets_beside_the_method_make_no_second_method(reports):
    finish("11_today", "rooms-full", [0.12] * 6)
    finish("11_today", "rooms-full-seed1", [0.13] * 6, seed=1, members=4, foundation="depth-anything-v2-small")
    assert list(results.groups(results.load("rooms")[0])) == ["Today's recipe"]


def test_the_equal_budget_takes_runs_of_the_same_steps_and_size(reports):
    for notebook, run, seed, error, steps, size in (
        ("02_bn_cnn", "rooms-full", 0, 0.25, 840, [60, 80]),
        ("02_bn_cnn", "ablation-base-equal-0", 0, 0.27, 830, [96, 128]),
        ("02_bn_cnn", "ablation-base-equal-1", 1, 0.29, 830, [96, 128]),
        ("04_unet", "rooms-full", 0, 0.21, 1328, [96, 128]),
        ("05_densenet", "rooms-full", 0, 0.26, 830, [96, 128]),
    ):
        record = {"notebook": notebook, "run": run, "seed": seed, "dataset": "rooms", "finished": True, "steps": steps}
        record |= {"size": size, "params": {"epochs": steps}, "training_seconds": 10.0, "data": {"test": "f00d"}}
        record["metrics"] = {"test": {"abs_rel": error, "delta1": 0.5, "edge_f1_025": 0.1}}
        (reports / notebook / run).mkdir(parents=True)
        (reports / notebook / run / runs.RECORD).write_text(json.dumps(record))
    table = study.equal_budget("rooms")
    assert table["method"].tolist() == ["DenseNet transfer", "BN-CNN"], "the U-Net trained longer"
    assert table["abs_rel"].tolist() == pytest.approx([0.26, 0.28]) and table["seeds"].tolist() == [1, 2]
    assert table["full run"].tolist() == pytest.approx([0.26, 0.25]) and set(table["image"]) == {"128 x 96"}
    assert table["abs_rel_std"].isna().tolist() == [True, False]
    assert study.equal_budget("streets").empty
    shutil.rmtree(reports / "02_bn_cnn" / "ablation-base-equal-1")
    assert "abs_rel_std" not in study.equal_budget("rooms"), "nobody has a second seed"
    shutil.rmtree(reports / "02_bn_cnn" / "rooms-full")
    assert study.equal_budget("rooms").set_index("method")["full run"].isna()["BN-CNN"]


def test_published_rows_that_were_aligned_stand_beside_aligned_results_alone():
    every = set(published.like("streets")["protocol"])
    own, aligned = (
        published.like("streets", metrics.protocol(name)) for name in ("streets", "streets/scale-shift-inverse")
    )
    assert set(own["protocol"]) | set(aligned["protocol"]) == every and not set(own["protocol"]) & set(
        aligned["protocol"]
    )
    assert set(aligned["method"]) >= {"MiDaS v2.1 large", "Monodepth2 mono_640x192"}
    assert "697 frames, raw LiDAR, Garg crop, no alignment" in set(own["protocol"])
    rooms = published.like("rooms", metrics.protocol("rooms/scale-shift-inverse")).set_index("method")
    printed = published.load("paper", method="MiDaS v2.1 large").query("dataset == 'nyu-v2'")["value"].item()
    assert rooms.loc["MiDaS v2.1 large", "delta1"] == pytest.approx(1 - printed / 100)
    assert study.in_print(rooms, "abs_rel") == "delta1" and study.in_print(own, "abs_rel") == "abs_rel"
    assert study.in_print(published.like("folder"), "rmse") == "rmse"


def test_published_rows_keep_to_the_kind_of_scene():
    rooms, streets = published.like("rooms"), published.like("streets")
    assert set(rooms["dataset"]) == {"nyu-v1", "nyu-v2"} and set(streets["dataset"]) == {"kitti"}
    assert set(published.like("nyu-v2-50k")["dataset"]) == {"nyu-v2"}, "the same test frames"
    near, far = (published.like("folder", metrics.protocol(f"folder-{end}")) for end in (10, 80))
    assert set(near["dataset"]) == {"nyu-v1", "nyu-v2"} and set(far["dataset"]) == {"kitti"}
    assert published.like("folder").empty
    assert "train" not in set(rooms["split"]), "training errors stand beside nothing"
    known = published.load("paper", method="BTS ResNet50")
    known = known[(known["dataset"] == "nyu-v2") & (known["metric"] == "abs_rel")]["value"].item()
    assert rooms.set_index("method").loc["BTS ResNet50", "abs_rel"] == known
    assert not rooms.duplicated(["method", "source", "split", "protocol"]).any()


def test_published_numbers_never_share_a_panel_with_ours(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    table, printed = tables.table(load()), published.like("rooms")
    figure = beside.beside_published(table, printed, measured="rooms, 6 test frames")
    panels = [[text.get_text() for text in ax.get_yticklabels()] for ax in figure.axes]
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert panels[0] == ["BN-CNN", "mean_depth", "mean_image"] and titles[0] == "ours: rooms, 6 test frames"
    assert len(panels) > 1 and all(title.startswith("published: nyu-v") for title in titles[1:])
    assert not set(panels[0]) & {name for panel in panels[1:] for name in panel}
    assert figure.get_figwidth() <= plotting.MAX_WIDTH
    alone = beside.beside_published(table, printed.iloc[:0], metric="edge_f1_025", measured="rooms")
    assert len(alone.axes) == 1


def test_transfer_is_not_judged_on_a_net_that_was_given_nothing(reports):
    folders = []
    for seed in range(5):
        finish("02_bn_cnn", f"quick-seed{seed}", [0.2 + 0.01 * seed] * 6, seed=seed)
        folders.append(finish("05_densenet", f"quick-seed{seed}", [0.3 + 0.01 * seed] * 6, seed=seed))
    for kind, verdict in ((Kind.IMAGENET, "does not hold"), (Kind.NONE, "not tested here")):
        for folder in folders:
            give_origin(folder, kind)
        found = evidence.decide(study.claims(load())).set_index("claim")
        assert found.loc[found.index.str.startswith("Constantinescu"), "verdict"].item() == verdict


def test_a_method_with_several_settings_is_judged_by_its_best(reports):
    for seed in range(5):
        finish("02_bn_cnn", f"quick-seed{seed}", [0.3 + 0.01 * seed] * 6, seed=seed)
        finish("03_eigen", f"quick-seed{seed}-0000000a", [0.4 + 0.01 * seed] * 6, seed=seed, learning_rate=0.1)
        finish("03_eigen", f"quick-seed{seed}-0000000b", [0.2 + 0.01 * seed] * 6, seed=seed, learning_rate=0.01)
    row = evidence.decide(study.claims(load())).iloc[0]
    assert row["verdict"] == "holds" and "abs_rel 0.220, the best other is BN-CNN" in row["here"]


def test_claims_need_the_method_and_its_seeds(reports):
    finish("02_bn_cnn", "quick", [0.3] * 6)
    verdicts = evidence.decide(study.claims(load()))["verdict"].tolist()
    assert verdicts == ["not tested here"] * 3 + ["holds"]
    finish("03_eigen", "quick", [0.2] * 6)
    assert evidence.decide(study.claims(load()))["verdict"][0] == "not tested here", "one seed decides nothing"
    for seed in range(1, 5):
        finish("03_eigen", f"quick-seed{seed}", [0.2 + 0.01 * seed] * 6, seed=seed)
        finish("02_bn_cnn", f"quick-seed{seed}", [0.3 + 0.01 * seed] * 6, seed=seed)
    assert evidence.decide(study.claims(load()))["verdict"][0] == "holds"
    finish("04_unet", "quick", [0.7] * 6)
    checked = evidence.decide(study.claims(load()))
    assert checked["verdict"].iloc[-1] == "does not hold" and "U-Net: not better than" in checked["here"].iloc[-1]


@pytest.mark.parametrize(("better", "verdict"), [(0.56, "not tested here"), (0.50, "holds")])  # the mean image has 0.6
def test_no_method_leads_where_none_has_learnt(reports, better, verdict):
    for seed in range(5):
        finish("02_bn_cnn", f"quick-seed{seed}", [0.7 + 0.01 * seed] * 6, seed=seed)
        finish("03_eigen", f"quick-seed{seed}", [better + 0.005 * seed] * 6, seed=seed)
    row = evidence.decide(study.claims(load())).iloc[0]
    assert row["verdict"] == verdict and ("under-trained" in row["here"]) == (verdict != "holds")


# --- the notebook -----------------------------------------------------------------------------------------------------

NOTEBOOK = runs.ROOT / "notebooks" / "10_comparison.ipynb"


def run_notebook(**parameters) -> str:
    """Execute the notebook's code in this process, parameters injected as papermill does; returns what it printed."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell()
    with capture_output() as captured:
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                shell.run_cell("".join(cell["source"])).raise_error()
                if "parameters" in cell["metadata"].get("tags", []):
                    shell.run_cell("\n".join(f"{name} = {value!r}" for name, value in parameters.items()))
    assert str(runs.reports_dir()) not in captured.stdout, "no path of this machine in a notebook"
    return captured.stdout


def test_the_notebook_with_no_run_at_all(reports):
    """On streets: on rooms it asks the nets that come with the clone, which nbval does, without any run either."""
    said = run_notebook(dataset="streets")
    assert "Nothing to compare" in said and "make report" in said
    written = {file.name for file in (reports / "10_comparison" / "quick").rglob("*.*")}
    assert not [name for name in written if name.endswith((".csv", ".tex", ".png", ".pdf"))], "no false table"
    assert "run.json" in written and (reports / "report.html").exists()


def test_the_notebook_with_two_runs_and_a_damaged_one(folder_runs, reports):
    broken = reports / "04_unet" / "quick"
    broken.mkdir(parents=True)
    (broken / runs.RECORD).write_text('{"finished": tr')
    said = run_notebook(dataset="folder", data_root=str(folder_runs), metric="rmse")
    assert (
        "04_unet/quick/run.json is left out: it is damaged" in said
        and "compared: 02_bn_cnn/quick, 03_eigen/quick" in said
    )
    folder = reports / "10_comparison" / "quick"
    figures = {file.stem for file in folder.glob("figures/*.png")}
    assert figures == {
        "comparison", "seeds", "cost", "by_distance", "by_scene_type", "same_images", "published",
    }  # fmt: skip
    table = pd.read_csv(folder / "tables" / "comparison.csv")
    assert set(table["method"]) == {"BN-CNN", "Eigen", "mean_depth", "mean_image"}
    every = pd.read_csv(folder / "tables" / "runs.csv").set_index("run")
    recorded = json.loads((reports / "03_eigen" / "quick" / runs.RECORD).read_text())["metrics"]["test"]
    assert every.loc["03_eigen/quick", "rmse"] == pytest.approx(recorded["rmse"], rel=1e-9)
    assert (folder / "tables" / "comparison.tex").read_text().startswith(r"\begin{tabular}")
