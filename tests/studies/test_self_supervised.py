"""Notebook 13's own measures: films drawn, poses proven, scales and textures measured, claims that turn with the numbers."""

import pandas as pd
import pytest
import torch

from depthnb import data, evaluation, models
from depthnb.data.sequences import Films
from depthnb.models.self_supervised import PoseNet, SelfSupervised
from depthnb.models.warping import rigid_motion
from depthnb.studies import self_supervised as study

SIZE = (48, 64)


@pytest.fixture(scope="module")
def films():
    return study.open_films("rooms-sequences", "", "val", SIZE)[1]


@pytest.fixture(scope="module")
def test_split():
    return data.open("rooms", split="test", size=SIZE).subset(6)


def test_films_are_drawn_whole_and_smaller_draws_lie_in_larger_ones():
    drawn = {n: study.open_films("rooms-sequences", "", "val", SIZE, scenes=n, seed=1) for n in (2, 5, 0)}
    scenes = {n: set(frames.frames["scene"]) for n, (frames, _) in drawn.items()}
    assert [len(scenes[n]) for n in (2, 5, 0)] == [2, 5, 8] and scenes[2] < scenes[5] < scenes[0]
    assert len(drawn[2][1]) == 6
    with pytest.raises(ValueError, match="scenes is -1"):
        study.open_films("rooms-sequences", "", "val", SIZE, scenes=-1)


def test_the_proof_fails_for_a_wrong_camera(films):
    right = study.proof(films)
    assert right["agree"] > 0.95 and right["moved"] < 0.6 * right["unmoved"]
    wrong = Films(films.frames)
    wrong.poses[:, :3, 3] *= -1
    wrong = study.proof(wrong)
    assert wrong["agree"] < right["agree"] - 0.1 and wrong["moved"] > right["moved"]


def test_the_factor_of_each_net_is_found(test_split):
    truth = test_split.batch(range(6))["depth"].clamp_min(0.1)
    varied = truth * torch.tensor([1.0, 2, 1, 2, 1, 2]).view(-1, 1, 1, 1)
    table = study.scales({"right": truth, "half": truth / 2, "varied": varied}, test_split).set_index("net")
    assert table["factor"].round(3).to_dict() == {"right": 1.0, "half": 2.0, "varied": 0.5}  # the lower of two medians
    assert table["spread"]["half"] < 1e-5 < 0.3 < table["spread"]["varied"]
    assert table["scale error"]["half"] == pytest.approx(0.6931, abs=1e-3)


def test_aligned_by_the_median_a_factor_is_forgiven(test_split):
    truth = test_split.batch(range(6))["depth"].clamp_min(0.1)
    nets = {study.GIVEN: truth, study.LEARNT: truth / 3}
    known = data.open("rooms", split="train", size=SIZE).subset(10)
    judged = evaluation.judge({study.GIVEN: truth}, known, test_split, test_split, main=study.GIVEN)
    table, scored = study.aligned(nets, known, test_split, judged)
    errors = table.set_index(["aligned", "prediction"])["abs_rel"]
    assert len(table) == 8 and errors["by the median", study.LEARNT] == pytest.approx(
        errors["by the median", study.GIVEN], rel=1e-4
    )
    assert errors["by the median", study.GIVEN] < 0.1 < errors["by the median", "mean image"]
    assert scored[study.LEARNT, evaluation.ALIGNED].summary["abs_rel"] < 0.1


def test_blank_pixels_come_first_and_errors_are_found_where_they_are(test_split):
    batch = test_split.batch(range(6))
    truth = batch["depth"].clamp_min(0.1)
    steps = study._steps(batch["image"])
    rich = steps > steps.flatten(1).quantile(0.85, dim=1).view(-1, 1, 1, 1)  # too few to move a median
    spoilt = torch.where(rich, 1.3 * truth, truth)
    table = study.by_texture({"right": truth, "wrong where rich": spoilt}, test_split)
    assert table["brightness step"].is_monotonic_increasing and table["right"].max() < 1e-4
    wrong = table["wrong where rich"]
    assert wrong.iloc[0] < 0.5 * wrong.iloc[-1] and wrong.iloc[-1] > 0.05


class Told(torch.nn.Module):
    """A pose net that knows the true ways and says them at another scale, turned a little."""

    def __init__(self, motion, factor):
        super().__init__()
        self.nothing = torch.nn.Parameter(torch.zeros(1))
        self.motion = motion.clone()
        self.motion[..., :3, 3] /= factor

    def forward(self, seen):
        return None, self.motion


def test_learnt_poses_are_compared_up_to_their_scale(films):
    motion = films.batch(range(len(films)))["motion"]
    told = study.poses_apart(Told(motion, 4.0), films)
    assert told["turn"] < 0.1 and told["direction"] < 0.1 and told["factor"] == pytest.approx(4.0, rel=1e-3)
    turned = rigid_motion(torch.tensor([[0.0, 0.0524, 0.0, 0.0, 0.0, 0.0]]))  # 3 degrees
    assert study.poses_apart(Told(turned @ motion, 1.0), films)["turn"] == pytest.approx(3.0, abs=0.05)
    still = study.poses_apart(Told(torch.eye(4).expand(len(films), 2, 4, 4), 1.0), films)
    assert still["turn"] == pytest.approx(still["still"], abs=1e-3)


def test_the_pose_net_has_a_rate_of_its_own():
    nets = study.network(
        encoder="mobilenetv3_small_050", width=8, start=2.0, max_depth=10.0, pretrained="none", pose_channels=4
    )
    assert isinstance(nets, SelfSupervised) and isinstance(nets.depth, models.BoundedFPN)
    assert isinstance(nets.pose, PoseNet)
    rates = [group["lr"] for group in study.groups(nets, learning_rate=0.1, encoder_factor=0.5, pose_factor=2.0)]
    assert sorted(rates) == pytest.approx([0.05, 0.1, 0.2])
    held = sum(p.numel() for g in study.groups(nets, learning_rate=0.1, encoder_factor=0.5) for p in g["params"])
    assert held == models.parameter_count(nets)


def test_what_the_loss_sees_of_a_frame(films):
    seen = study.look(films, 1)
    assert seen["image"].shape == seen["moved"].shape == (3, *SIZE)
    assert seen["error moved"][seen["inside"]].mean() < seen["error unmoved"][seen["inside"]].mean()
    flat = study.look(films, 1, torch.full((1, *SIZE), 0.5))
    assert flat["error moved"][flat["inside"]].mean() > seen["error moved"][seen["inside"]].mean()


def facts(agree=0.99, least=1.0, scaled=0.1):
    proven = {"agree": agree, "depth error": 0.002, "moved": 0.08, "unmoved": 0.19}
    table = pd.DataFrame(
        {"factor": [0.5, 1.0, 2.0], study.GIVEN: [0.2, 0.2, 0.2], "poses scaled too": [0.1, 0.1, scaled]}
    )
    table.loc[table["factor"] == least, study.GIVEN] = 0.1
    return {each.text: each.verdict for each in study.claims("rooms", proven=proven, table=table)}


def test_facts_turn_with_their_numbers(reports):
    right, poses, scale = (
        list(facts().values())[:2],
        next(iter(facts(agree=0.5).values())),
        list(facts(least=2.0).values())[1],
    )
    assert right == ["holds", "holds"] and poses == "does not hold" and scale == "does not hold"
    assert list(facts(scaled=0.2).values())[1] == "does not hold"
