"""Evaluation: hand-computed values, the two baselines, the frames that are kept, and frames that cannot be judged."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from data_fixtures import write_folder
from torch import nn
from toys import Net, Toy

from depthnb import data, evaluation, metrics
from depthnb.data import statistics
from depthnb.evaluation import scored


class Two(Toy):
    """Two frames of one row: truth 2 and 4 m, then 5 m and a hole with NaN in it."""

    def __init__(self) -> None:
        super().__init__(2, (1, 2))
        self.image[:] = 0.5
        self.depth = torch.tensor([[[[2.0, 4.0]]], [[[5.0, math.nan]]]])
        self.valid = self.depth.isfinite()


class Says(nn.Module):
    """Predicts what it is told, in order, whatever it sees."""

    def __init__(self, *depth: torch.Tensor) -> None:
        super().__init__()
        self.depth, self.shown = torch.stack(depth), 0

    def forward(self, image):
        self.shown += len(image)
        return self.depth[self.shown - len(image) : self.shown]


def test_equals_a_hand_computed_value():
    """Prediction 3 m everywhere: errors 1 and -1 m, then -2 m."""
    found = evaluation.evaluate(evaluation.Constant(torch.tensor([[[3.0, 3.0]]])), Two())
    assert found.per_image.id.tolist() == ["frame_0_000", "frame_0_001"]
    assert found.per_image.abs_rel.tolist() == pytest.approx([(1 / 2 + 1 / 4) / 2, 2 / 5])
    assert found.per_image.rmse.tolist() == pytest.approx([1.0, 2.0])
    assert found.summary["abs_rel"] == pytest.approx((0.375 + 0.4) / 2)
    assert found.summary["rmse"] == pytest.approx(1.5)
    assert list(found.summary) == list(metrics.NAMES)
    assert math.isnan(found.summary["ssim"]), "no window is wholly valid"
    bands = found.by_distance
    assert bands[["lower", "upper", "pixels"]].values.tolist() == [[2, 3, 1], [4, 5, 1], [5, 6, 1]]
    assert bands.rmse.tolist() == pytest.approx([1, 1, 2]) and bands.abs_rel.tolist() == pytest.approx([0.5, 0.25, 0.4])
    assert found.protocol == metrics.protocol("rooms")


def test_a_protocol_that_pools_pixels_is_obeyed():
    pooled = dataclasses.replace(metrics.protocol("rooms"), name="pooled", average="pixels")
    found = evaluation.evaluate(evaluation.Constant(torch.tensor([[[3.0, 3.0]]])), Two(), protocol=pooled)
    assert found.summary["rmse"] == pytest.approx(math.sqrt((1 + 1 + 4) / 3))
    assert found.per_image.rmse.tolist() == pytest.approx([1.0, 2.0])
    over_images = evaluation.evaluate(evaluation.Constant(torch.tensor([[[3.0, 3.0]]])), Two())
    afterwards = over_images.pooled()
    assert afterwards.summary == pytest.approx(found.summary, nan_ok=True) and afterwards.protocol.average == "pixels"
    assert over_images.summary["rmse"] == pytest.approx(1.5), "the first is left as it was"
    pd.testing.assert_frame_equal(afterwards.per_image, found.per_image)


def test_predictions_are_enlarged_to_each_frames_own_size():
    """Frames of different native sizes; what was predicted at 16x24 is judged at theirs."""
    sizes = [(16, 24), (33, 40), (64, 96)]
    data, model = Toy(3, sizes=sizes), Net(plain=True)
    found = evaluation.evaluate(model, data)
    for i, size in enumerate(sizes):
        frame = data[i]
        with torch.no_grad():
            full = evaluation.upsample(model(data.image[i : i + 1]), size)
        assert frame["depth"].shape[-2:] == size
        score = metrics.evaluate(pred=full, depth=frame["depth"][None], valid=frame["valid"][None], protocol="rooms")
        assert found.per_image.loc[i, list(metrics.NAMES)].tolist() == pytest.approx(list(score.values()), nan_ok=True)


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [("rooms", "metric"), ("kitti-garg", "metric"), ("rooms/median", "metric"), ("zero-shot", "affine-inverse")],
)
def test_bands_pool_all_pixels_of_all_frames(protocol, kind):
    data, model = Toy(3, (20, 30)), Net(plain=True)
    nn.init.constant_(model.layers[-1].bias, 3.0)
    options = {"protocol": metrics.protocol(protocol), "kind": kind}
    found = evaluation.evaluate(model, data, **options).by_distance
    options["edges"] = evaluation.distance_edges(options["protocol"])
    rows = []
    for batch in (data.batch([i]) for i in range(3)):
        with torch.no_grad():
            pred = model(batch["image"])
        bands = metrics.by_distance(pred=pred, depth=batch["depth"], valid=batch["valid"], **options)
        rows.append(pd.DataFrame(bands))
    for lower, upper, pixels, abs_rel, rmse in found[["lower", "upper", "pixels", "abs_rel", "rmse"]].values:
        ours = pd.concat([row[(row.near == lower) & (row.far == upper)] for row in rows])
        weights = ours.pixels / ours.pixels.sum()
        assert pixels == ours.pixels.sum() > 0
        assert abs_rel == pytest.approx((weights * ours.abs_rel.fillna(0)).sum())
        assert rmse == pytest.approx(math.sqrt((weights * ours.rmse.fillna(0) ** 2).sum()))
    assert found.pixels.sum() == sum(row.pixels.sum() for row in rows)


def test_a_frame_without_a_valid_pixel_counts_nowhere():
    data = Toy(3)
    data.valid[1] = False
    found = evaluation.evaluate(Net(plain=True), data)
    assert found.per_image.loc[1, list(metrics.NAMES)].isna().all() and found.per_image.id[1] == "frame_0_001"
    few = evaluation.evaluate(Net(plain=True), Toy(3))
    assert found.summary["abs_rel"] == pytest.approx(few.per_image.abs_rel[[0, 2]].mean())
    assert 1 not in found.ranked() and len(found.predictions) == 3
    data.valid[:] = False
    nothing = evaluation.evaluate(Net(plain=True), data)
    assert math.isnan(nothing.summary["abs_rel"]) and nothing.by_distance.empty
    with pytest.raises(ValueError, match="no frame has a value of abs_rel"):
        nothing.ranked()


def test_a_prediction_that_is_not_finite_is_blamed_on_its_frame():
    wrong = torch.full((1, 16, 24), 2.0)
    data = Toy(3)
    for hole, finite in ((True, False), (False, True)):
        data.valid[2, 0, 0, 0] = hole
        bad = wrong.clone()
        bad[0, 0, 0] = math.nan
        model = Says(wrong, wrong, bad)
        if finite:  # under the mask it does not count
            assert evaluation.evaluate(model, data).summary["abs_rel"] > 0
        else:
            with pytest.raises(ValueError, match="frame frame_0_002: pred is NaN or infinite on 1 of"):
                evaluation.evaluate(model, data)


def test_the_baselines_are_the_training_means():
    """Two frames, one pixel valid in both, one in the second alone, one in neither."""
    train = Toy(2, (1, 3))
    train.depth = torch.tensor([[[[2.0, 9.0, math.nan]]], [[[4.0, 6.0, 9.0]]]])
    train.valid = torch.tensor([[[[True, False, False]]], [[[True, True, False]]]])
    test = Toy(1, (1, 3))
    test.depth, test.valid = torch.tensor([[[[3.0, 3.0, 3.0]]]]), torch.ones(1, 1, 1, 3, dtype=torch.bool)
    found = evaluation.baselines(train, test)
    assert statistics.mean_depth(train)[1].tolist() == [[[3.0, 6.0, 4.0]]]
    assert found["mean_depth"].summary["rmse"] == pytest.approx(1.0)
    assert found["mean_image"].summary["rmse"] == pytest.approx(math.sqrt((0 + 9 + 1) / 3))


def test_best_median_and_worst_follow_the_metric():
    found = evaluation.evaluate(evaluation.Constant(torch.full((1, 16, 24), 4.0)), Toy(7))
    for metric in ("abs_rel", "delta1"):
        best, median, worst = found.ranked(metric)
        values = found.per_image[metric]
        low, high = (best, worst) if metric == "abs_rel" else (worst, best)
        assert values[low] == values.min() and values[high] == values.max() and values[median] == values.median()
    found.per_image["delta1"] = 0.5
    assert found.ranked("delta1") == (0, 3, 6), "ties go to the earlier frame"


def test_the_same_twelve_frames_are_kept_whatever_the_method():
    assert evaluation.kept_frames(100) == [0, 9, 18, 27, 36, 45, 54, 63, 72, 81, 90, 99]
    for n in (*range(1, 60), 100, 654, 697):
        kept = evaluation.kept_frames(n)
        assert len(kept) == min(n, 12) and kept[0] == 0 and kept[-1] == n - 1
    data = Toy(30)
    found = evaluation.evaluate(Net(plain=True), data)
    assert list(found.predictions) == [data.ids[i] for i in evaluation.kept_frames(30)]


@pytest.mark.parametrize("size", [(240, 320), (480, 360), (192, 640), (16, 24)])
def test_kept_predictions_stay_small_and_true(tmp_path, size):
    """Twelve maps that compress badly: smooth, with noise in every digit that float16 has."""
    torch.manual_seed(0)
    smooth = nn.functional.interpolate(torch.rand(12, 1, 6, 8), size=size, mode="bilinear")[:, 0]
    maps = 1 + 5 * smooth[:, None] + 0.01 * torch.rand(12, 1, *size)
    found = evaluation.Evaluation(
        "", {}, pd.DataFrame(), pd.DataFrame(), {f"room/{i}": scored.reduced(maps[i]) for i in range(12)}
    )
    found.save_predictions(tmp_path / "predictions.npz")
    assert (tmp_path / "predictions.npz").stat().st_size < 150_000
    stored = np.load(tmp_path / "predictions.npz")
    assert len(stored.files) == 12 and stored["room/0"].dtype == np.float16
    height, width = stored["room/0"].shape[-2:]
    assert width / height == pytest.approx(size[1] / size[0], rel=0.02) and height * width <= 96 * 128
    assert stored["room/3"].mean() == pytest.approx(maps[3].mean().item(), rel=1e-3)
    np.testing.assert_allclose(stored["room/7"], found.predictions["room/7"], rtol=1 / 256)


def test_predictions_are_kept_by_id_whatever_the_frames_are_called(tmp_path):
    ids = ["file", "allow_pickle", "a/b", "../up", "x.npy", "x", "NA", "007", "caf\u00e9 (1)", "arr_0", "args", "kwds"]
    maps = {name: torch.full((1, 3, 4), 1.0 + i) for i, name in enumerate(ids)}
    found = evaluation.Evaluation("", {}, pd.DataFrame(), pd.DataFrame(), maps)
    found.save_predictions(tmp_path / "predictions.npz")
    with np.load(tmp_path / "predictions.npz") as kept:
        assert kept.files == ids
    again = evaluation.load_predictions(tmp_path / "predictions.npz")
    assert list(again) == ids and all(torch.equal(again[name], maps[name]) for name in ids)
    before = (tmp_path / "predictions.npz").read_bytes()
    found.save_predictions(tmp_path / "predictions.npz")
    assert (tmp_path / "predictions.npz").read_bytes() == before, "the same predictions are the same file in git"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", "flipped"])
def test_damaged_predictions_are_one_clear_error(tmp_path, content):
    file = tmp_path / "predictions.npz"
    evaluation.Evaluation("", {}, pd.DataFrame(), pd.DataFrame(), {"a": torch.rand(1, 30, 40)}).save_predictions(file)
    whole = file.read_bytes()
    file.write_bytes(
        whole[:200] + bytes(byte ^ 255 for byte in whole[200:240]) + whole[240:] if content == "flipped" else content
    )
    with pytest.raises(ValueError, match=r"predictions\.npz: not whole predictions"):
        evaluation.load_predictions(file)
    with pytest.raises(OSError):
        evaluation.load_predictions(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("where", ["eval", "forward"])
def test_stopped_while_predicting_a_model_has_its_modes_back(where):
    class Stops(Net):
        def eval(self):
            super().eval()
            return self._stop("eval")

        def forward(self, image):
            self._stop("forward")
            return super().forward(image)

        def _stop(self, here):
            if here == where:
                raise KeyboardInterrupt
            return self

    model = Stops().train()
    with pytest.raises(KeyboardInterrupt):
        evaluation.predict(model, Toy(2))
    assert all(module.training for module in model.modules())


@pytest.mark.parametrize("mode", [True, False])
def test_predicting_is_done_in_eval_mode_and_leaves_every_mode(mode):
    model, data = Net().train(mode), Toy(5)
    model.layers[1].train(not mode)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    preds = evaluation.predict(model, data, batch_size=2)
    assert preds.shape == (5, 1, 16, 24) and not preds.requires_grad
    assert model.training is mode and model.layers[1].training is not mode
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with torch.no_grad():
        assert torch.allclose(preds, model.eval()(data.image), atol=1e-6)


class Inverse(nn.Module):
    """Inverse depth of the toy frames (1 + 6 times the brightness), up to a scale and a shift."""

    def forward(self, image):
        return 5 / (1 + 6 * image.mean(1, keepdim=True)) - 2


def test_a_net_that_says_it_knows_no_metres_is_not_judged_in_metres():
    net = Inverse()
    net.kind = "affine-inverse"
    with pytest.raises(
        ValueError, match="predicts affine-inverse depth, but is to be judged as metric: give kind='aff"
    ):
        evaluation.evaluate(net, Toy(3, (40, 60)), protocol="rooms/median")
    assert (
        evaluation.evaluate(net, Toy(3, (40, 60)), protocol="zero-shot", kind="affine-inverse").summary["abs_rel"] < 1
    )


def test_what_is_kept_of_an_affine_inverse_net_is_depth_in_metres():
    data = Toy(3, (40, 60))
    found = evaluation.evaluate(Inverse(), data, protocol="zero-shot", kind="affine-inverse")
    assert found.summary["abs_rel"] < 1e-5 and found.protocol.name == "zero-shot"
    kept = torch.stack(list(found.predictions.values()))
    assert torch.allclose(kept, data.depth, rtol=1e-4)


def test_gallery_aligns_where_it_is_told_to():
    class Whole(Toy):
        def subset(self, indices):
            return self

    data = Whole(2)
    shown = evaluation.gallery({"net": Inverse()}, data, [0, 1], protocol="zero-shot", kind="affine-inverse")
    assert torch.allclose(shown["preds"]["net"], data.depth, rtol=1e-4)
    with pytest.raises(ValueError, match="an affine-inverse prediction has no metres"):
        evaluation.gallery({"net": Inverse()}, data, [0, 1], protocol="rooms", kind="affine-inverse")


def test_gallery_is_ready_to_draw():
    class Small(Toy):
        def subset(self, indices):
            part = Toy(len(indices), self.size)
            part.image = self.image[list(indices)]
            return part

    data, net = Small(4, sizes=[(32, 48), (32, 48), (20, 30), (32, 48)]), Net(plain=True)
    net.layers[-1].bias.data += 2  # metres that the protocol does not clip
    shown = evaluation.gallery({"net": net}, data, [2, 0])
    assert shown["image"].shape == (2, 3, 20, 30), "the size of the first"
    with torch.no_grad():
        expected = evaluation.upsample(net(data.image[[2, 0]]), tuple(shown["image"].shape[-2:]))
    assert torch.allclose(shown["preds"]["net"], expected, atol=1e-6)
    assert shown["valid"].dtype == torch.bool and shown["depth"].shape == shown["valid"].shape == (2, 1, 20, 30)


def test_what_is_shown_kept_and_measured_is_what_is_scored():
    """A map of a few centimetres is one blank colour from 10 cm on: in the score, the picture and the run folder alike."""

    class Few(Toy):
        def subset(self, indices):
            return self

    data = Few(2)
    noise = 0.01 + 0.04 * torch.rand(2, 1, *data.size, generator=torch.Generator().manual_seed(0))
    found, shown = evaluation.evaluate(noise, data), evaluation.gallery({"net": noise}, data, [0, 1])
    for pred in (shown["preds"]["net"], torch.stack(list(found.predictions.values()))):
        assert pred.unique().tolist() == pytest.approx([0.1])
    near = metrics.Protocol("near", 1e-3, 10.0)
    assert torch.equal(evaluation.gallery({"net": noise}, data, [0, 1], protocol=near)["preds"]["net"], noise)


def test_a_net_on_a_data_set_it_never_saw(tmp_path):
    """The truth of the other set, ten times too far, is wrong in metres and right once aligned."""
    (tmp_path / "own").mkdir()
    (tmp_path / "other").mkdir()
    write_folder(tmp_path / "own", {"a": "train", "b": "val", "c": "test"}, per_scene=2)
    write_folder(tmp_path / "other", {"a": "train", "b": "test"}, per_scene=2)
    train = data.open("folder", tmp_path / "own", "train")
    (other,) = data.open_third("folder", tmp_path / "other").values()
    assert data.open_third("") == {} and len(other) == 2, "its own test split"
    far = 10 * torch.stack([other[i]["depth"].nan_to_num(1.0).clamp_min(0.2) for i in range(len(other))])
    table = evaluation.elsewhere(far, train, other).set_index(["measured", "prediction"])["abs_rel"]
    assert table["in metres", "the net"] > 1 > 0.02 > table["aligned", "the net"]
    assert table["aligned", "each image's best constant"] > table["aligned", "the net"]
    assert set(table.index.get_level_values("measured")) == {"in metres", "aligned"} and len(table) == 6


def test_frames_spread_over_the_ranking_are_neither_the_best_nor_the_worst():
    found = evaluation.evaluate(evaluation.Constant(torch.full((1, 40, 60), 2.0)), Toy(9, (40, 60)), protocol="rooms")
    order = found.per_image["abs_rel"].sort_values(kind="stable").index.tolist()
    assert found.spread(3) == [order[1], order[4], order[7]]
    assert found.spread(9) == order and found.spread(1) == [found.ranked()[1]]


def test_metric_nets_are_judged_aligned_as_well():
    data = Toy(4, (40, 60))
    net = evaluation.Constant(torch.full((1, 40, 60), 2.0))
    judged = evaluation.judge({"net": net}, data, data, data, main="net", protocol="rooms")
    assert set(judged.aligned) == {"net", "mean_depth", "mean_image"}
    fitted = evaluation.evaluate(net, data, protocol="rooms/scale-shift-inverse")
    assert (
        judged.aligned["net"].per_image.equals(fitted.per_image) and judged.aligned["net"].protocol == fitted.protocol
    )
    already = evaluation.judge({"net": net}, data, data, data, main="net", protocol="rooms/median")
    assert already.aligned == {}


def test_the_cost_of_one_answer_counts_multiplications_and_time():
    data = Toy(2, (40, 60))
    net = torch.nn.Conv2d(3, 1, 3, padding=1).train()
    found = evaluation.cost(net, data)
    assert found["multiply_adds"] == pytest.approx(40 * 60 * 27 / 1e9) and found["milliseconds"] > 0
    assert net.training, "left as it was"


def test_a_constant_stays_one_when_it_is_enlarged():
    """Else an alignment fits a scale to the rounding, and each image's best constant is better than it can be."""
    pred = torch.stack([torch.full((1, 3, 4), value) for value in (2.5312, 1.713, 1.0)])
    large = evaluation.upsample(pred, (24, 32))
    assert large.shape == (3, 1, 24, 32) and [each.unique().tolist() for each in large] == [
        [p.max().item()] for p in pred
    ]
    pred[0, 0, 0, 0] = torch.nan
    assert torch.isfinite(evaluation.upsample(pred, (24, 32))[0, 0, -1]).all()
