"""Files of any method judged like a net of ours: found, converted by their kind, and refused where the kind is wrong."""

import json
import sys

import data_fixtures
import networks
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from depthnb import cli, data, evaluation, runs
from depthnb.data.readers import predicted
from depthnb.report import results
from depthnb.runs import judging


@pytest.fixture
def frames(tmp_path):
    """An RGB-D folder, and for each test frame a guess in metres that is off by a tenth here and there."""
    root = tmp_path / "frames"
    root.mkdir()
    data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test", "d": "test"}, per_scene=3)
    test = data.open("folder", root, "test")
    wave = 1 + 0.1 * torch.sin(torch.arange(test[0]["depth"].shape[-1]) / 3)
    guesses = {}
    for i in range(len(test)):
        depth = torch.where(test[i]["valid"], test[i]["depth"], 2.0)
        guesses[test[i]["id"]] = (depth * wave)[0].numpy().astype(np.float32)
    return root, guesses


def write(folder, maps, suffix=".npy"):
    folder.mkdir(exist_ok=True)
    for name, values in maps.items():
        np.save(folder / f"{name.replace('/', '_')}{suffix}", values)
    return folder


def judge(folder, root, **options):
    given = {"kind": "metric", "name": "mine", "dataset": "folder", "root": str(root), **options}
    return judging.judge(folder, **given)


def test_files_score_what_the_arrays_score_and_become_a_run(frames, tmp_path, reports):
    root, guesses = frames
    judged = judge(write(tmp_path / "out", guesses), root)
    test = data.open("folder", root, "test")
    want = evaluation.evaluate(torch.stack([torch.from_numpy(guesses[each])[None] for each in test.frames["id"]]), test)
    assert judged.scored.summary == pytest.approx(want.summary, nan_ok=True) and judged.notes == ()
    assert judged.folder == reports / "mine" / "judged"
    shape = pd.read_csv(judged.folder / "tables" / "shape.csv")
    assert len(shape) == len(guesses) and shape["normals (degrees)"].mean() == pytest.approx(
        judged.shape["normals (degrees)"], rel=1e-4
    )
    within = [judged.shape[f"boundary F1, {radius} px"] for radius in (1, 2, 3)]
    assert 0 < within[0] <= within[1] <= within[2] <= 1
    record = json.loads((judged.folder / "run.json").read_text())
    assert record["finished"] and record["metrics"]["test"]["abs_rel"] == pytest.approx(want.summary["abs_rel"])
    assert set(record["baselines"]["test"]) == {"mean_depth", "mean_image"}
    assert record["command"].startswith("depthnb evaluate --predictions out --kind metric --scale 1 --name mine")
    (found,) = results.select(results.load("folder")[0])
    assert found.label == "mine/judged" and found.method == "mine"


@pytest.mark.parametrize(
    ("kind", "change", "scale"),
    [
        ("metric", lambda z: z * 1000, 0.001),
        ("inverse", lambda z: 5 / z, 0.2),
        ("disparity", lambda z: 40 / z, 40.0),
        ("affine-depth", lambda z: 3 * z - 1, 1.0),
        ("affine-inverse", lambda z: 3 / z + 7, 1.0),
    ],
)
def test_every_kind_comes_to_the_same_depth(kind, change, scale, frames, tmp_path, reports):
    root, guesses = frames
    folder = write(tmp_path / "out", {name: change(values) for name, values in guesses.items()})
    judged = judge(folder, root, kind=kind, scale=scale)
    aligned = {"affine-depth": "/scale-shift", "affine-inverse": "/scale-shift-inverse"}.get(kind, "")
    test = data.open("folder", root, "test")
    preds = torch.stack([torch.from_numpy(guesses[each])[None] for each in test.frames["id"]])
    if kind == "affine-inverse":
        want = evaluation.evaluate(1 / preds, test, protocol=f"{test.protocol}{aligned}", kind=kind)
    else:
        want = evaluation.evaluate(preds, test, protocol=f"{test.protocol}{aligned}")
    assert judged.scored.summary["abs_rel"] == pytest.approx(want.summary["abs_rel"], rel=1e-3)
    assert judged.scored.protocol.alignment == (aligned[1:] or "none")


def test_a_kind_that_the_truth_contradicts_is_refused_and_a_wrong_scale_is_named(frames, tmp_path, reports):
    root, guesses = frames
    inverse = write(tmp_path / "inverse", {name: 1 / values for name, values in guesses.items()})
    with pytest.raises(ValueError, match=r"numbers of kind metric rise where .*are they inverse, disparity, affine"):
        judge(inverse, root)
    with pytest.raises(ValueError, match=r"numbers of kind disparity fall where .*are they metric, affine-depth"):
        judge(write(tmp_path / "metres", guesses), root, kind="disparity")
    millimetres = write(tmp_path / "mm", {name: values * 1000 for name, values in guesses.items()})
    (note,) = judge(millimetres, root).notes
    assert note.startswith("with scale 1 the depth is") and note.endswith("times the true one; is the scale right?")
    disparity = write(tmp_path / "disparity", {name: 40 / values for name, values in guesses.items()})
    assert "is the scale right?" in judge(disparity, root, kind="disparity").notes[-1]
    holes = write(
        tmp_path / "holes", {name: np.where(values > np.median(values), 0, values) for name, values in guesses.items()}
    )
    assert any("hold no depth above 0; they count as the nearest depth" in note for note in judge(holes, root).notes)
    shifted = write(tmp_path / "shifted", {name: values - 100 for name, values in guesses.items()})
    assert judge(shifted, root, kind="affine-depth").notes == ()
    nothing = write(tmp_path / "zero", {name: 0 * values for name, values in guesses.items()})
    with pytest.raises(ValueError, match="hold no number above 0 where the truth is known"):
        judge(nothing, root)
    flat = write(tmp_path / "flat", {name: 0 * values + 2 for name, values in guesses.items()})
    assert "the same everywhere" in judge(flat, root).notes[0]


def test_missing_frames_are_refused_or_left_out(frames, tmp_path, reports):
    root, guesses = frames
    first, *rest = guesses
    folder = write(tmp_path / "out", {name: guesses[name] for name in rest} | {"stranger": guesses[first]})
    with pytest.raises(
        ValueError, match=f"1 of 6 frames have no file in .*such as '{first}'; 1 files belong to no frame"
    ):
        judge(folder, root)
    judged = judge(folder, root, skip_missing=True)
    assert len(judged.scored.per_image) == 5 and "1 of 6 frames have no file and were left out" in judged.notes
    with pytest.raises(ValueError, match="6 of 6 frames have no file"):
        judge(write(tmp_path / "strangers", {"x": guesses[first]}), root, skip_missing=True)
    np.save(folder / f"{rest[0]}_again.npy", guesses[first])
    (folder / "deeper").mkdir()
    np.save(folder / "deeper" / f"{rest[0]}.npy", guesses[first])
    with pytest.raises(ValueError, match=f"frame '{rest[0]}' has two files"):
        judge(folder, root)


def test_a_map_of_another_size_changes_no_other_frame(frames, tmp_path, reports):
    root, guesses = frames
    first = next(iter(guesses))
    small = judge(write(tmp_path / "out", {**guesses, first: guesses[first][::2, ::2]}), root).scored.per_image
    large = judge(write(tmp_path / "out", guesses), root).scored.per_image
    assert small["abs_rel"].iloc[1:].equals(large["abs_rel"].iloc[1:]) and small["abs_rel"].iloc[0] < 0.2


def test_a_map_on_its_side_and_one_without_numbers_are_refused_by_name(frames, tmp_path, reports):
    root, guesses = frames
    first = next(iter(guesses))
    height, width = guesses[first].shape
    with pytest.raises(
        ValueError, match=f"'{first}' has {height} x {width} pixels and the frame {width} x {height}: it lies"
    ):
        judge(write(tmp_path / "out", {**guesses, first: guesses[first].T.copy()}), root)
    holes = guesses[first].copy()
    holes[:] = np.nan
    with pytest.raises(ValueError, match=rf"'{first}' is NaN or infinite at (\d+) of \1 pixels with a truth"):
        judge(write(tmp_path / "out", {**guesses, first: holes}), root)


def test_how_far_it_is_can_be_watched(frames, tmp_path, reports):
    root, guesses = frames
    told = []
    judge(write(tmp_path / "out", guesses), root, progress=lambda *each: told.append(each))
    assert told == [(number, 6) for number in range(1, 7)]
    judging.judge_run(
        "reports/02_bn_cnn/rooms-full",
        dataset="folder",
        root=str(root),
        progress=lambda *each: told.append(each),
    )
    assert told[6:] == [(6, 6)]


def test_every_container_gives_the_numbers_that_are_in_it(tmp_path):
    values = np.linspace(1, 3, 48, dtype=np.float32).reshape(6, 8)
    np.save(tmp_path / "a.npy", values[None])
    np.savez(tmp_path / "a.npz", values)
    Image.fromarray(values).save(tmp_path / "a.tif")
    Image.fromarray((values * 1000).round().astype(np.uint16)).save(tmp_path / "a.png")
    (tmp_path / "a.pfm").write_bytes(b"Pf\n8 6\n-1.0\n" + values[::-1].astype("<f4").tobytes())
    for name in ("a.npy", "a.npz", "a.tif", "a.pfm"):
        assert np.array_equal(predicted.read(tmp_path / name), values.astype(np.float64)), name
    assert np.abs(predicted.read(tmp_path / "a.png") / 1000 - values).max() < 0.001
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "b.tif").write_bytes(b"II*\0nothing")
    np.save(tmp_path / "c.npy", np.zeros((6, 8), np.uint8))
    np.save(tmp_path / "d.npy", np.zeros((6, 8), complex))
    np.save(tmp_path / "e.npy", np.zeros((0, 8), np.float32))
    for name, words in (
        ("c.npy", "depth of 8 bits"),
        ("d.npy", "array is complex128"),
        ("e.npy", "a map of 0 x 8 pixels"),
    ):
        with pytest.raises(ValueError, match=words):
            predicted.read(tmp_path / name)
    for name, words in (("b.png", "coloured pictures of depth are not depth"), ("b.tif", "not a whole .tif file")):
        with pytest.raises(ValueError, match=words):
            predicted.read(tmp_path / name)


def test_exr_names_the_package_that_reads_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(ImportError, match="pip install OpenEXR"):
        predicted.read(tmp_path / "a.exr")


def test_frames_are_found_by_their_ids(tmp_path):
    ids = ["office/1", "office/2", "kitchen/2", "hall", "a/b_c", "a_b/c"]
    for place in (
        "office/1.npy",
        "office_2.npy",
        "deep/kitchen/2.png",
        "kitchen-2.npy",
        "x/hall.pfm",
        "y.npy",
        "a_b_c.npy",
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    found, others = predicted.match(tmp_path, ids)
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "office/1": "office/1.npy",
        "office/2": "office_2.npy",
        "kitchen/2": "kitchen-2.npy",
        "hall": "x/hall.pfm",
    }
    assert [path.name for path in others] == ["a_b_c.npy", "2.png", "y.npy"], "2 is the end of two ids, a_b_c means two"
    with pytest.raises(FileNotFoundError, match="is no folder"):
        predicted.match(tmp_path / "gone", ids)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no predictions in"):
        predicted.match(tmp_path / "empty", ids)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"kind": "depth"}, "kind is 'depth'"), ({"name": "../x"}, "name is '../x'"), ({"scale": 0.0}, "scale is 0")],
)
def test_words_that_make_no_sense(options, words, frames, tmp_path):
    root, guesses = frames
    with pytest.raises(ValueError, match=words):
        judge(write(tmp_path / "out", guesses), root, **options)


def test_a_run_is_judged_on_other_data_and_on_its_own_as_before(frames, reports, capsys):
    root, _ = frames
    words = ["evaluate", "--net", "reports/02_bn_cnn/rooms-full", "--data", "folder", "--root", str(root)]
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert "02_bn_cnn/rooms-full, trained on rooms, asked at" in told and "aligned, over images" in told
    assert "mean image" in told, "the mean image of the rooms"
    record = json.loads((reports / "02_bn_cnn-on-folder" / "judged" / "run.json").read_text())
    assert record["command"].startswith(
        "depthnb evaluate --net reports/02_bn_cnn/rooms-full --name 02_bn_cnn-on-folder"
    )
    assert record["asked"]["trained_on"] == "rooms" and record["asked"]["at_home"]["test"]["abs_rel"] > 0
    assert set(record["baselines"]["aligned"]) == {"mean_depth", "mean_image"}
    by_image = pd.read_csv(reports / "02_bn_cnn-on-folder/judged/tables/by_image.csv")
    assert set(by_image["prediction"]) == {"net", "mean_depth", "mean_image"}
    means = by_image[by_image["prediction"] == "net"].groupby("measured")["abs_rel"].mean()
    for measured, split in (("direct", "test"), ("aligned", "aligned")):
        mean = means[measured]
        assert mean == pytest.approx(record["metrics"][split]["abs_rel"], rel=1e-4)
    assert record["metrics"]["aligned"]["abs_rel"] > 0 and len(record["content"]["test"]) > 5
    assert cli.main([*words, "--split", "all", "--json"]) == 0
    all_frames = json.loads(capsys.readouterr().out)
    assert all_frames["frames"] == 12 and all_frames["measured"].endswith("frames: all frames of folder")
    own = judging.judge_run("reports/02_bn_cnn/rooms-full", dataset="rooms")
    before = json.loads((runs.ROOT / "reports/02_bn_cnn/rooms-full/run.json").read_text())["metrics"]["test"]
    assert own.scored.summary["abs_rel"] == pytest.approx(before["abs_rel"], abs=0.0005)
    assert cli.main([*words, "--kind", "metric"]) == 1 and "belong to --predictions" in capsys.readouterr().err
    assert cli.main(["evaluate", "--predictions", str(root)]) == 1
    assert "takes --kind: metric, inverse" in capsys.readouterr().err


def test_a_python_function_is_asked_like_a_net(frames, tmp_path, reports, monkeypatch, capsys):
    root, guesses = frames
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_own_method.py").write_text(
        "import numpy as np, torch\n"
        "number = 3\n"
        "def depth(image):\n"
        "    assert image.dtype == np.float32 and image.shape[2] == 3 and 0 <= image.min() and image.max() <= 1\n"
        "    rows = np.linspace(3, 1, image.shape[0] // 2)[:, None]\n"
        "    return rows.repeat(image.shape[1] // 2, 1)\n"
        "def with_camera(image, intrinsics):\n"
        "    assert intrinsics.shape == (3, 3)\n"
        "    return torch.full((1, 1, *image.shape[:2]), 2.0, requires_grad=True)\n"
        "def flat(image):\n"
        "    return 2.0\n"
        "def broken(image):\n"
        "    return image['depth']\n"
        "def colours(image):\n"
        "    return image\n"
    )
    (tmp_path / "needs_more.py").write_text("import a_package_of_nobody\n")
    words = ["evaluate", "--data", "folder", "--root", str(root), "--kind", "metric", "--net"]
    assert cli.main([*words, "my_own_method:depth", "--name", "rows"]) == 0
    record = json.loads((reports / "rows/judged/run.json").read_text())
    assert record["metrics"]["test"]["abs_rel"] > 0 and "--net my_own_method:depth" in record["command"]
    judged = judging.judge_function(
        "my_own_method:with_camera", kind="metric", name="two", dataset="folder", root=str(root)
    )
    constant = torch.full((len(guesses), 1, 24, 32), 2.0)
    want = evaluation.evaluate(constant, data.open("folder", root, "test"))
    assert judged.scored.summary["abs_rel"] == pytest.approx(want.summary["abs_rel"])
    capsys.readouterr()
    for place, said in {
        "my_own_method:none": "has no function 'none'; it has depth, with_camera, flat, broken, colours",
        "my_own_method:number": "has no function 'number'",
        "no_such_method:depth": "there is no module 'no_such_method'",
        "my_own_method:flat": r"answers to frame 'frame_006' with ndarray of float64 []",
        "my_own_method:colours": "expected one map of numbers",
        "my_own_method:broken": "my_own_method:broken fails at frame 'frame_006': IndexError",
        "needs_more:depth": "needs_more cannot be imported: it needs 'a_package_of_nobody'",
    }.items():
        assert cli.main([*words, place]) == 1 and said in capsys.readouterr().err, place
    again = judging.judge_function("my_own_method.py:depth", kind="metric", name="py", dataset="folder", root=str(root))
    assert again.scored.summary["abs_rel"] == pytest.approx(record["metrics"]["test"]["abs_rel"])
    assert cli.main([*words[:-3], "--net", "my_own_method:depth"]) == 1
    assert "takes --kind" in capsys.readouterr().err
    assert cli.main([*words, "my_own_method:depth", "--skip-missing"]) == 1


def test_a_published_net_is_judged_aligned(frames, tmp_path, reports):
    root, _ = frames
    networks.depth_anything().save_pretrained(tmp_path / "tiny")
    judged = judging.judge_run(f"hub:{tmp_path / 'tiny'}", dataset="folder", root=str(root), name="tiny")
    assert judged.scored.protocol.alignment == evaluation.ALIGNED and judged.aligned is None
    record = json.loads((reports / "tiny/judged/run.json").read_text())
    assert record["asked"]["trained_on"] is None and str(tmp_path) not in json.dumps(record)
    assert set(record["baselines"]["test"]) == {"mean_depth", "mean_image"}


def test_a_borrowed_protocol_says_whose_frames_it_scored(frames, tmp_path, reports):
    root, guesses = frames
    rule = judge(write(tmp_path / "out", guesses), root, protocol="rooms").scored.protocol
    assert rule.frames == "test frames of folder" and rule.truth == "that of folder"
    judge(tmp_path / "out", root)
    assert len(list((reports / "mine").iterdir())) == 2, "another protocol, another run"


def test_a_frame_without_truth_is_scored_as_nothing_and_not_refused(frames, tmp_path, reports):
    root, guesses = frames
    first = next(iter(guesses))
    index = pd.read_csv(root / "index.csv", dtype=str, keep_default_na=False).set_index("id")
    file = root / index.loc[first, "depth"]
    shape = np.asarray(Image.open(file)).shape
    Image.fromarray(np.zeros(shape, np.uint16)).save(file)
    judged = judge(write(tmp_path / "out", guesses), root)
    assert judged.scored.per_image["abs_rel"].isna().sum() == 1 and judged.scored.summary["abs_rel"] < 0.2


def test_the_command_prints_three_ways_to_average(frames, tmp_path, reports, capsys):
    root, guesses = frames
    words = ["evaluate", "--predictions", str(write(tmp_path / "out", guesses)), "--kind", "metric", "--name", "mine"]
    words += ["--data", "folder", "--root", str(root)]
    assert cli.main(words) == 0
    told = capsys.readouterr().out
    assert all(row in told for row in ("mean over images", "median over images", "all pixels pooled"))
    assert cli.main([*words, "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["frames"] == 6 and 0 < line["scores"]["mean over images"]["abs_rel"] < 0.2


def test_frames_of_several_sizes_and_what_predict_writes(tmp_path, reports):
    root = tmp_path / "frames"
    root.mkdir()
    data_fixtures.write_folder(root, {"a": "train", "b": "val", "c": "test"}, per_scene=3, sizes=[(24, 32), (30, 20)])
    test = data.open("folder", root, "all")
    maps = {f"{test[i]['id']}_depth": np.full((9, 9), 2.0, np.float32) for i in range(len(test))}
    judged = judge(write(tmp_path / "out", maps), root, split="all")
    assert len(judged.scored.per_image) == 9 and set(judged.opponents) == {"mean_depth", "mean_image"}
    assert "mean image, aligned" in judged.table.index
    assert any("made of frames that are judged here" in note for note in judged.notes)
