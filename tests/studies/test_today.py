"""Notebook 11's recipe: its loss, its network, what the camera is worth, and where the net doubts."""

import math

import pytest
import torch
from finished_runs import finish
from torch import nn
from toys import Toy

from depthnb import losses, models, pointcloud, training
from depthnb.models import encoders
from depthnb.models.camera import Ensemble
from depthnb.models.today import WithDoubt
from depthnb.studies import today


def camera(focal):
    return torch.tensor([[focal, 0.0, 31.5], [0.0, focal, 23.5], [0.0, 0.0, 1.0]])


class Views(Toy):
    """Photographs of a bar of 1 m at several distances, seen by one lens; frames of 48 x 64 pixels."""

    size = (48, 64)
    protocol = "rooms"
    FOCAL = 60.0

    def __init__(self, frames=6):
        super().__init__(frames, (48, 64))
        self.distance = torch.tensor([5.0 + i % 3 for i in range(frames)])
        for i, distance in enumerate(self.distance.tolist()):
            half = round(self.FOCAL / distance / 2)
            self.image[i] = 0.0
            self.image[i, :, 24 - half : 24 + half, 32 - half : 32 + half] = 1.0
            self.depth[i], self.valid[i] = distance, True

    def batch(self, indices):
        return {**super().batch(indices), "intrinsics": camera(self.FOCAL).expand(len(indices), 3, 3).clone()}

    def native(self):
        return [
            {key: value[0] for key, value in self.batch([i]).items() if torch.is_tensor(value)}
            for i in range(len(self))
        ]

    def subset(self, indices):
        few = Views(len(indices))
        for name in ("image", "depth", "valid"):
            setattr(few, name, getattr(self, name)[list(indices)])
        return few


class FromWidth(nn.Module):
    """Measures the bar: a net that has learnt what its lens shows."""

    def __init__(self):
        super().__init__()
        self.focal = nn.Parameter(torch.tensor(Views.FOCAL))

    def forward(self, image):
        wide = (image[:, 0] > 0.5).float().sum(-1).amax(-1).clamp_min(1)
        return (self.focal / wide).view(-1, 1, 1, 1).expand(len(image), 1, *image.shape[-2:])


def test_the_loss_is_the_sum_that_the_notebook_prints_and_needs_no_valid_pixel():
    generator = torch.Generator().manual_seed(0)
    depth = 1 + torch.rand(2, 1, 6, 8, generator=generator)
    pred = (depth * (0.8 + 0.4 * torch.rand(depth.shape, generator=generator))).requires_grad_()
    valid = torch.rand(depth.shape, generator=generator) > 0.3
    parts = losses.silog(pred=pred, depth=depth, valid=valid) + 0.5 * losses.log_l1(pred=pred, depth=depth, valid=valid)
    for step in (1, 2, 4, 8):  # neighbours one, two, four and eight pixels apart
        some = (..., slice(None, None, step), slice(None, None, step))
        near = losses.gradient(pred=pred[some].log(), depth=depth[some].log(), valid=valid[some])
        parts = parts + today.GRADIENT * near
        assert step != 1 or today.loss(pred=pred, depth=depth, valid=valid, scales=1) == parts
    torch.testing.assert_close(today.loss(pred=pred, depth=depth, valid=valid), parts)
    without = today.loss(pred=pred, depth=depth, valid=valid, gradient=0.0)
    assert 0 < without < parts
    today.loss(pred=pred, depth=torch.where(valid, depth, torch.nan), valid=valid).backward()
    assert pred.grad.isfinite().all() and (pred.grad[~valid] == 0).all()
    assert today.loss(pred=pred, depth=depth * torch.nan, valid=valid & False) == 0


def test_the_canonical_focal_length_is_that_of_the_data():
    assert today.canonical_focal(Views()) == pytest.approx(60.0)

    class Unknown(Views):
        def batch(self, indices):
            return {**super().batch(indices), "intrinsics": torch.full((len(indices), 3, 3), torch.nan)}

    assert today.canonical_focal(Unknown()) == pytest.approx(32 / math.tan(math.radians(pointcloud.USUAL_VIEW / 2)))


@pytest.mark.parametrize("decoder", today.DECODERS)
def test_every_decoder_with_and_without_the_camera(decoder):
    options = {"encoder": "mobilenetv3_small_050", "channels": 4, "start": 3.0, "pretrained": "none"}
    for focal in (None, 50.0):
        net = today.network(decoder, focal=focal, **options)
        assert isinstance(net, models.CanonicalCamera) == (focal is not None)
        assert not today.origin_of(net).pretrained
        new, taught = encoders.parameter_groups(net, today.encoder_of(net), learning_rate=0.1, encoder_rate=0.03)
        assert (new["lr"], taught["lr"]) == (0.1, 0.03)
        count = sum(p.numel() for group in (new, taught) for p in group["params"])
        assert count == models.parameter_count(net)
        assert sum(p.numel() for p in taught["params"]) == models.parameter_count(today.encoder_of(net))
    with pytest.raises(ValueError, match="decoder is 'dpt'; expected one of fpn, unet"):
        today.network("dpt", focal=None, **options)


def test_a_net_that_is_told_its_lens_is_right_under_every_lens():
    net = models.CanonicalCamera(FromWidth(), focal=Views.FOCAL)
    table = today.lenses(net, Views(), magnifications=(1.0, 2.0)).set_index("magnification")
    assert table.loc[1.0, "told"] == pytest.approx(1.0, abs=0.15) == table.loc[1.0, "not told"]
    assert table.loc[2.0, "told"] == pytest.approx(1.0, abs=0.15)
    assert table.loc[2.0, "not told"] == pytest.approx(0.5, abs=0.1)
    assert table.loc[2.0, "told: abs_rel"] < 0.2 < table.loc[2.0, "not told: abs_rel"]


def test_a_net_that_takes_no_camera_has_equal_columns():
    table = today.lenses(FromWidth(), Views(), magnifications=(1.0, 1.5))
    assert table["told"].equals(table["not told"])


class Lopsided(nn.Module):
    """Right on the left, and on the right wrong by what brightness is there: its mirrored answer differs."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.5))
        self.norm = nn.BatchNorm2d(3)

    def forward(self, image):
        self.norm(image)
        depth = torch.full_like(image[:, :1], 5.0)
        half = image.shape[-1] // 2
        return torch.cat([depth[..., :half], depth[..., half:] * self.factor], -1)


def test_doubt_is_the_difference_from_the_mirrored_answer_and_asking_teaches_nothing():
    net = Lopsided().train()
    before = net.norm.running_mean.clone()
    truth, unsure = today.doubts(net, Views())
    assert torch.equal(net.norm.running_mean, before) and net.training and list(unsure) == [today.MIRROR]
    values = unsure[today.MIRROR].values
    torch.testing.assert_close(values, torch.full_like(values, math.log(1.5)))
    table = today.left_out(truth, unsure, "rooms")
    assert today.worth(table)["AURG"].tolist() == [pytest.approx(0, abs=1e-9)], (
        "the same doubt everywhere is worth nothing"
    )
    shown = today.doubtful(net, Views(), [0, 2])
    assert shown["image"].shape[0] == shown["error"].shape[0] == shown["unsure"].shape[0] == 2


def pyramid(**options):
    torch.manual_seed(0)
    return today.network(
        "fpn", encoder="mobilenetv3_small_050", channels=4, start=5.0, pretrained="none", focal=60.0, **options
    )


def test_the_depth_is_the_same_with_and_without_learning_to_doubt():
    frames, nets = Views(), {}
    for doubting in (True, False):
        net = nets[doubting] = pyramid()
        training.fit(
            WithDoubt(net) if doubting else net, frames, batch_size=6, epochs=3, progress=False,
            loss=today.loss_with_doubt if doubting else today.loss, optimizer=torch.optim.Adam(net.parameters(), lr=1e-3),
        )  # fmt: skip
    for (name, one), other in zip(nets[True].state_dict().items(), nets[False].state_dict().values(), strict=True):
        assert torch.equal(one, other) != ("doubt" in name), name


def test_it_learns_where_it_is_wrong():
    """The right half of these photographs is noise in depth that no picture tells; the left half is plain."""

    class Half(Views):
        def __init__(self, frames=8):
            super().__init__(frames)
            generator = torch.Generator().manual_seed(0)
            self.image[:] = torch.rand(self.image.shape, generator=generator) * 0.1
            self.image[..., 32:] += 0.5
            self.depth[:] = 4.0
            self.depth[..., 32:] *= (
                (0.5 * torch.randn(self.depth[..., 32:].shape, generator=generator)).exp().clamp(0.4, 2.4)
            )

        def subset(self, indices):
            return self

    frames, net = Half(), pyramid()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    training.fit(
        WithDoubt(net), frames, batch_size=8, epochs=40, progress=False, loss=today.loss_with_doubt, optimizer=optimizer
    )
    truth, unsure = today.doubts(net, frames)
    doubt = unsure[today.OWN].values
    assert doubt[..., 40:60].median() > 2 * doubt[..., 4:24].median()
    worth = today.worth(today.left_out(truth, unsure, "rooms")).set_index("uncertainty")
    assert worth.loc[today.OWN, "AURG"] > 0.3 * worth.loc[today.OWN, "best possible AURG"]


def test_the_likelihood_is_that_of_a_laplace_distribution():
    depth = torch.full((1, 1, 1, 2), 2.0)
    valid = torch.tensor([[[[True, False]]]])
    pred = torch.tensor([[[[3.0, 1.0]], [[0.3, 0.7]]]], requires_grad=True)
    residual = torch.tensor(1.5).log()
    expected = -torch.distributions.Laplace(0.0, 0.3).log_prob(residual)
    plain = today.loss(pred=pred[:, :1], depth=depth, valid=valid)
    whole = today.loss_with_doubt(pred=pred, depth=depth, valid=valid)
    torch.testing.assert_close(whole - plain, expected)
    (whole - plain).backward()
    assert pred.grad[0, 0].abs().max() < 1e-6 and pred.grad[0, 1, 0, 0] != 0 and pred.grad[0, 1, 0, 1] == 0


def test_the_numbers_that_seeds_are_paired_by():
    lens = today.lenses(models.CanonicalCamera(FromWidth(), focal=Views.FOCAL), Views(), magnifications=(1.0, 2.0))
    errors = today.lens_errors(lens)
    assert errors["error under a long lens, told"] < 0.2 and errors["error under a long lens, not told"] > 0.5


def test_an_edge_behind_a_row_of_holes_is_seen_by_pixels_that_are_farther_apart():
    depth = torch.ones(1, 1, 16, 16)
    depth[..., 8:] = 3.0
    valid = torch.ones_like(depth) > 0
    valid[..., 6:8] = False  # what a depth camera does not see beside an edge
    flat = torch.full_like(depth, 3.0**0.5, requires_grad=True)
    seen = {
        scales: today.loss(pred=flat, depth=depth, valid=valid, scales=scales)
        - today.loss(pred=flat, depth=depth, valid=valid, gradient=0.0)
        for scales in (1, 4)
    }
    assert seen[1] == 0 and seen[4] > 0.1


def test_the_answer_has_no_frame():
    """Zeros beyond the border would be taken for something: the last layers repeat the border instead."""
    torch.manual_seed(0)
    net = models.FPN(encoder="mobilenetv3_small_050", width=16, doubt=True).eval()
    blank = torch.rand(1, 16 // 2 + 3, 1, 1).expand(-1, -1, 12, 16)
    last = net.last(blank)
    for answer in (net.head(last), net.doubt(last)):
        assert (answer - answer[..., 5:6, 5:6]).abs().max() < 1e-5


class Says(nn.Module):
    def __init__(self, metres):
        super().__init__()
        self.metres = nn.Parameter(torch.tensor(metres))

    def forward(self, image):
        return torch.ones_like(image[:, :1]) * self.metres


def test_several_nets_answer_with_their_mean_and_doubt_where_they_differ():
    team = [Says(4.0), Says(9.0)]
    assert today.team_of(team[:1]) == {}
    ((name, mean),) = today.team_of(team).items()
    assert name == "mean of 2 nets" and mean(torch.zeros(1, 3, 4, 5)).unique().item() == pytest.approx(6.0)
    _, unsure = today.doubts(team[0], Views(), team)
    assert list(unsure) == [today.MIRROR, today.TEAM]
    assert unsure[today.TEAM].values.unique().item() == pytest.approx(math.log(9 / 4) / 2, rel=1e-5)
    assert list(today.doubts(team[0], Views(), team[:1])[1]) == [today.MIRROR]


def test_members_all_take_the_camera_or_none_does():
    cameras = [models.CanonicalCamera(Says(4.0), focal=60.0) for _ in range(2)]
    K = camera(120.0).expand(1, 3, 3)
    assert Ensemble(cameras)(torch.zeros(1, 3, 4, 5), K).unique().item() == pytest.approx(8.0)
    assert Ensemble(cameras).takes_camera
    for wrong in ([], [cameras[0], Says(4.0)]):
        with pytest.raises(ValueError, match=f"{len(wrong)} members; expected at least one"):
            Ensemble(wrong)


def test_what_an_ensemble_is_worth_is_read_from_its_runs(reports):
    assert today.ensembles("rooms").empty
    finish(reports, today.NOTEBOOK, "rooms-full", 0, epochs=24)
    nets = {"today": {"abs_rel": 0.16, "steps": 498}, "mean of 5 nets": {"abs_rel": 0.14}}
    finish(reports, today.NOTEBOOK, "ablation-base-ensemble-0", 0, nets=nets, epochs=6)
    table = today.ensembles("rooms")
    assert table["net"].tolist() == ["today", "mean of 5 nets"] and table["abs_rel"].tolist() == [0.16, 0.14]
