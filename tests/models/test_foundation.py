"""A published network taught metres: calibrated by two numbers, trained with its encoder as it was or with it."""

import networks
import pytest
import torch
from toys import Toy

from depthnb import evaluation, losses, training
from depthnb.models import foundation
from depthnb.models.foundation import MetricFoundation
from depthnb.models.midas import Input, ZeroShot
from depthnb.studies import today
from depthnb.weights.origin import Kind, Origin


def tiny() -> ZeroShot:
    return ZeroShot(networks.depth_anything(), Input(28, 28, 14), name="tiny", origin=Origin(Kind.FILE, "a test"))


class Says(torch.nn.Module):
    """Stands for a network whose inverse depth is that of the truth, up to scale and shift."""

    def __init__(self, depth):
        super().__init__()
        self.backbone = torch.nn.Conv2d(3, 1, 1)
        self.said = 3 / depth + 2

    def forward(self, pixels):
        return torch.nn.functional.interpolate(self.said, pixels.shape[-2:], mode="bilinear")


def test_two_numbers_make_metres_of_the_right_inverse_depth():
    data = Toy(4, (28, 42))
    says = ZeroShot(Says(data.depth), Input(28, 28, 14), name="says", origin=Origin(Kind.FILE, "a test"))
    batch = data.batch(range(4))
    for head in foundation.HEADS:
        net = MetricFoundation(says, head=head, max_depth=20.0, start=2.0)
        before = evaluation.evaluate(net, data, protocol="rooms").summary["abs_rel"]
        net.calibrate(batch)
        after = evaluation.evaluate(net, data, protocol="rooms").summary["abs_rel"]
        constant = evaluation.evaluate(evaluation.Constant(batch["depth"].mean((0, 1))[None]), data, protocol="rooms")
        assert after < 0.5 * before and after < 0.6 * constant.summary["abs_rel"]


@pytest.mark.parametrize("head", foundation.HEADS)
def test_what_it_says_is_depth_within_its_range(head):
    net = MetricFoundation(tiny(), head=head, max_depth=10.0, start=3.0)
    for scale in (1.0, 1e6, -1e6):
        with torch.no_grad():
            net.scale.fill_(scale)
            depth = net(torch.rand(2, 3, 40, 56))
        assert depth.shape == (2, 1, 40, 56) and depth.isfinite().all() and (depth > 0).all()
        assert head != "bounded" or (depth < 10).all()


def test_the_encoder_learns_only_where_it_is_asked_to_and_the_given_network_never():
    given, data = tiny(), Toy(4, (28, 42))
    published = {name: value.clone() for name, value in given.state_dict().items()}
    for rate in (0.0, 1e-3):
        net = MetricFoundation(given, max_depth=10.0, start=3.0)
        net.calibrate(data.batch(range(4)))
        optimizer = torch.optim.AdamW(net.groups(learning_rate=1e-3, encoder_rate=rate))
        training.fit(
            net, data, loss=losses.log_l1, optimizer=optimizer, epochs=1, batch_size=2, device="cpu", progress=False
        )
        own = net.published.state_dict()
        moved = {name for name, value in published.items() if not torch.equal(value, own[name])}
        assert any(name.startswith("network.head") for name in moved)
        assert any(name.startswith("network.backbone") for name in moved) == (rate > 0)
    assert all(torch.equal(value, published[name]) for name, value in given.state_dict().items())


def test_every_way_has_a_row(tmp_path):
    data = Toy(4, (28, 42))
    data.max_depth = 10.0
    table = today.fine_tuned(
        tiny(), data, data, epochs=1, batch_size=2, learning_rate=1e-3, encoder_rate=1e-4, gradient=0.5,
        side=14, seed=0, device="cpu", checkpoint=lambda name: tmp_path / f"{name}.ckpt",
    )  # fmt: skip
    ways = ["nothing, calibrated", "decoder", "decoder and encoder"]
    assert list(zip(table["head"], table["trained"], strict=True)) == [
        (head, way) for head in foundation.HEADS for way in ways
    ]
    assert table["steps"].tolist() == [0, 2, 2] * 2 and table["abs_rel"].notna().all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"head": "linear"}, "head is 'linear'; expected one of logarithmic, bounded"),
        ({"max_depth": 0.0}, "max_depth 0.0 and start 1.0: expected metres"),
        ({"side": 30}, "side is 30; expected a multiple of 14"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        MetricFoundation(tiny(), **{"max_depth": 10.0, **options})


def test_a_network_without_an_encoder_of_that_name_and_one_that_says_nothing_are_refused():
    class Plain(torch.nn.Module):
        def forward(self, pixels):
            return pixels.mean(1)

    plain = ZeroShot(Plain(), Input(28, 28, 14), name="plain", origin=Origin(Kind.FILE, "a test"))
    with pytest.raises(ValueError, match="plain has no `backbone`"):
        MetricFoundation(plain, max_depth=10.0)
    data = Toy(2, (28, 42))
    flat = ZeroShot(
        Says(torch.ones_like(data.depth)), Input(28, 28, 14), name="flat", origin=Origin(Kind.FILE, "a test")
    )
    with pytest.raises(ValueError, match="flat says the same of all"):
        MetricFoundation(flat, max_depth=10.0).calibrate(data.batch(range(2)))
