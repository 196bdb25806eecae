"""Several data sets as one: equal parts, windows that cover every frame, and rows that belong together."""

import numpy as np
import pytest
import torch
from data_fixtures import Memory

from depthnb import training
from depthnb.data import mixed, sample, transforms
from depthnb.losses import midas
from depthnb.models import UNet

WINDOW = (24, 32)


def part(frames: int, width: int, name: str) -> sample.Dataset:
    """The training split of a data set in memory: two frames fewer than there are."""
    source = Memory(frames=frames + 2, height=24, width=width)
    source.name, source.fingerprint = name, f"{name}-{frames}-{width}"
    source.index["id"] = [f"{name}{i}" for i in range(frames + 2)]
    return sample.Dataset(source, "train", (24, width))


@pytest.fixture(scope="module")
def parts():
    return part(7, 32, "narrow"), part(2, 80, "wide")


def test_alone_and_mixed_have_equally_many_images(parts):
    narrow, wide = parts
    found = mixed.alone_and_mixed({"a": narrow, "b": wide}, WINDOW, together="both")
    assert {name: each.shares for name, each in found.items()} == {"a": [14], "b": [14], "both": [7, 7]}
    assert len(mixed.alone_and_mixed({"a": narrow}, WINDOW, together="both", images=5)["both"]) == 5


def test_a_frame_just_covers_the_window_and_keeps_its_aspect():
    assert mixed.covering((480, 640), (96, 128)) == (96, 128)
    assert mixed.covering((375, 1242), (96, 128)) == (96, 318)
    assert mixed.covering((640, 480), (96, 128)) == (171, 128)  # upright: the width decides


def test_equal_parts_whatever_the_sizes(parts):
    both = mixed.Mixed(parts, WINDOW)
    assert len(both) == 14 and both.shares == [7, 7] and both.name == "narrow+wide"
    ids = both.batch(range(14))["id"]
    assert ids[:7] == [f"narrow{i}" for i in range(7)]
    # two frames of three windows each, then the first again under a name of its own
    assert ids[7:] == ["wide0@0", "wide0@1", "wide0@2", "wide1@0", "wide1@1", "wide1@2", "wide0@0#1"]
    assert len(set(ids)) == 14
    assert "7 of narrow, 7 of wide" in repr(both)


def test_as_they_come_the_larger_part_has_more(parts):
    assert mixed.Mixed(parts, WINDOW, images=13, balanced=False).shares == [7, 6]  # 7 frames, 2 frames of 3 windows
    assert mixed.Mixed(parts, WINDOW, images=26, balanced=False).shares == [14, 12]


@pytest.mark.parametrize("images", [2, 5, 12, 31])
@pytest.mark.parametrize("balanced", [True, False])
def test_any_number_of_images_spreads_evenly(parts, images, balanced):
    one = mixed.Mixed(parts, WINDOW, images=images, balanced=balanced)
    assert len(one) == images and sum(one.shares) == images
    if balanced:
        assert max(one.shares) - min(one.shares) <= 1
    rows = [identity.partition("#")[0] for identity in one.batch(range(images))["id"]]
    for name in ("narrow", "wide"):
        counts = [rows.count(row) for row in {row for row in rows if row.startswith(name)}]
        assert not counts or max(counts) - min(counts) <= 1


def test_windows_cover_every_column_and_every_tensor_is_cut_alike(parts):
    wide = parts[1]
    one = mixed.Mixed([wide], WINDOW)
    batch, whole = one.batch(range(len(one))), wide.batch([0, 1])
    assert batch["image"].shape == (6, 3, 24, 32) and batch["valid"].dtype == torch.bool
    for row, identity in enumerate(batch["id"]):
        frame, place = int(identity[4]), int(identity[6])
        left = (0, 24, 48)[place]  # the last window ends where the frame does
        for key in ("image", "depth", "valid"):
            assert torch.equal(batch[key][row], whole[key][frame, ..., left : left + 32])
        # the camera follows: the same ray meets the same point
        assert batch["intrinsics"][row, 0, 2] == whole["intrinsics"][frame, 0, 2] - left


def test_order_and_repeats_of_a_batch_are_those_asked_for(parts):
    both = mixed.Mixed(parts, WINDOW)
    single = [both.batch([i]) for i in range(len(both))]
    asked = [13, 0, 8, 0, 3, 12]
    batch = both.batch(torch.tensor(asked))
    assert batch["id"] == [single[i]["id"][0] for i in asked]
    assert batch["scene"] == [single[i]["scene"][0] for i in asked]
    for row, i in enumerate(asked):
        assert torch.equal(batch["image"][row], single[i]["image"][0])
        assert torch.equal(batch["depth"][row], single[i]["depth"][0])
    with pytest.raises(IndexError, match="there are 14"):
        both.batch([14])


def test_repetitions_are_augmented_differently(parts):
    both = mixed.Mixed(parts, WINDOW, images=60)
    batch = both.batch(range(60))
    turned = transforms.augment(batch, seed=0, epoch=1, flip=0.5)["image"]
    same = [i for i, identity in enumerate(batch["id"]) if identity.startswith("wide1@2")]
    flipped = [not torch.equal(turned[i], batch["image"][i]) for i in same]
    assert len(same) == 5 and 0 < sum(flipped) < 5


def test_the_fingerprint_follows_everything_that_matters(parts):
    marks = {
        mixed.Mixed(parts, WINDOW).fingerprint,
        mixed.Mixed(parts, WINDOW, images=20).fingerprint,
        mixed.Mixed(parts, WINDOW, balanced=False).fingerprint,
        mixed.Mixed(parts[:1], WINDOW).fingerprint,
        mixed.Mixed([parts[0].subset(3), parts[1]], WINDOW).fingerprint,
    }
    assert len(marks) == 5 and mixed.Mixed(parts, WINDOW).fingerprint in marks


def test_what_cannot_be_mixed(parts):
    with pytest.raises(ValueError, match="expected parts with frames"):
        mixed.Mixed([], WINDOW)
    with pytest.raises(ValueError, match=r"narrow is open at \(24, 32\) .* does not cover the window of 24x40"):
        mixed.Mixed(parts, (24, 40))
    with pytest.raises(ValueError, match="too few for 2 data sets"):
        mixed.Mixed(parts, WINDOW, images=1)


def test_a_net_learns_from_a_mixture(parts):
    both = mixed.Mixed(parts, WINDOW, images=8)
    torch.manual_seed(0)
    net = UNet(channels=2, output="inverse")
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    history = training.fit(net, both, both, loss=midas, optimizer=optimizer, epochs=8, batch_size=4, progress=False)
    losses = history.frame["train_loss"].tolist()
    assert losses[-1] < 0.95 * losses[0] and np.isfinite(losses).all()


def test_embedded_rooms_open_at_the_size_of_the_window():
    rooms = mixed.open_covering("rooms", None, "val", (48, 64))
    assert rooms.size == (48, 64) and rooms.name == "rooms"
