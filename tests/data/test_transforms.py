"""Resizing, cropping, flipping, augmenting: geometry holds, nothing is mixed, and chance depends on (seed, epoch, id) alone."""

import math

import pytest
import torch

from depthnb.data import transforms
from depthnb.data.transforms import augment, crop, hflip, resize, resize_depth, resize_image, resize_intrinsics

SIZES = [
    ((24, 32), (12, 16)),
    ((24, 32), (8, 8)),
    ((30, 40), (13, 17)),
    ((9, 7), (9, 7)),
    ((8, 10), (20, 25)),
    ((48, 64), (5, 64)),
    ((7, 11), (3, 2)),
]


def depth_and_valid(height, width, share=0.6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    depth = torch.rand(1, height, width, generator=generator) * 9 + 0.5
    return depth, torch.rand(1, height, width, generator=generator) < share


NORMAL, DISTANCE = (0.2, -0.3, 1.0), 3.0


def plane_sample(height, width, name="a"):
    """A sample that looks at the plane NORMAL . X = DISTANCE, with fx != fy and an off-centre principal point."""
    K = torch.tensor([[0.9 * width, 0, 0.3 * width], [0, 1.3 * height, 0.75 * height], [0, 0, 1]])
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rays = torch.stack(((x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], torch.ones(height, width)))
    depth = DISTANCE / (torch.tensor(NORMAL)[:, None, None] * rays).sum(0)
    assert (depth > 0).all()
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    valid = torch.ones(1, height, width, dtype=torch.bool)
    sample = {"image": image, "depth": depth[None], "valid": valid, "intrinsics": K}
    return {**sample, "id": name, "scene": "s", "scene_type": "t"}


def off_plane(sample, normal=NORMAL):
    """Greatest distance in metres of the valid pixels, back-projected through the sample's own K, from that plane.

    The plane is given, not fitted: whatever K is, a plane in the world is a plane again, but another one.
    """
    _, height, width = sample["depth"].shape
    K, n = sample["intrinsics"].double(), torch.tensor(normal, dtype=torch.float64)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    z = sample["depth"][0].double()
    points = torch.stack(((x - K[0, 2]) / K[0, 0] * z, (y - K[1, 2]) / K[1, 1] * z, z), -1)[sample["valid"][0]]
    return ((points @ n - DISTANCE) / n.norm()).abs().max().item()


def collate(samples):
    keys = ("image", "depth", "valid", "intrinsics")
    return {**{k: torch.stack([s[k] for s in samples]) for k in keys}, "id": [s["id"] for s in samples]}


def test_check_size_refuses_what_is_no_size():
    for bad in ("12x16", (12,), (12.5, 16), (0, 4), 7, (1, 2, 3), None):
        with pytest.raises(ValueError, match="expected \\(height, width\\)"):
            transforms.check_size(bad)


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_resized_depth_is_the_nearest_valid_pixel_of_its_cell(before, after):
    """Against a loop over every pixel of every cell, in exact fractions."""
    from fractions import Fraction as Q

    depth, valid = depth_and_valid(*before)
    small, small_valid = resize_depth(depth, valid, after)
    for y in range(after[0]):
        for x in range(after[1]):
            centre, cells = [], []
            for n, m, out in ((before[0], after[0], y), (before[1], after[1], x)):
                step = Q(n, m)
                centre.append((out + Q(1, 2)) * step - Q(1, 2))
                inside = [i for i in range(n) if out * step <= i + Q(1, 2) < (out + 1) * step]
                cells.append(inside if m < n else [int((out + Q(1, 2)) * step)])
            found = [
                ((i - centre[0]) ** 2 + (j - centre[1]) ** 2, i, j)
                for i in cells[0]
                for j in cells[1]
                if valid[0, i, j]
            ]
            assert small_valid[0, y, x] == bool(found)
            if found:
                nearest = min(found)[0]
                assert small[0, y, x].item() in {depth[0, i, j].item() for far, i, j in found if far == nearest}
            else:
                assert small[0, y, x] == 0


def test_resized_depth_never_invents_or_mixes():
    depth, valid = depth_and_valid(40, 60, share=0.05)
    depth[~valid] = 1e6  # poison: must not come through
    small, small_valid = resize_depth(depth, valid, (17, 23))
    assert torch.isin(small[small_valid], depth[valid]).all()
    assert (small[~small_valid] == 0).all()
    assert valid.float().mean() < small_valid.float().mean() < 1


def test_sparse_truth_survives_and_holes_stay():
    depth, valid = torch.ones(1, 64, 64), torch.zeros(1, 64, 64, dtype=torch.bool)
    valid[0, ::8, ::8] = True  # one measurement for each 8x8 cell, as a LiDAR gives
    assert resize_depth(depth, valid, (8, 8))[1].all()
    valid[:] = True
    valid[0, 16:32, 16:32] = False  # a hole of 4x4 cells stays a hole of 4x4 cells
    assert (~resize_depth(depth, valid, (16, 16))[1]).sum() == 16


def test_an_edge_stays_sharp():
    depth = torch.ones(1, 30, 30)
    depth[..., 11:] = 5.0
    small, _ = resize_depth(depth, torch.ones_like(depth, dtype=torch.bool), (10, 10))
    assert set(small.unique().tolist()) == {1.0, 5.0}


def test_batched_resize_equals_one_by_one():
    depth, valid = zip(*(depth_and_valid(21, 33, seed=s) for s in range(3)), strict=True)
    together = resize_depth(torch.stack(depth), torch.stack(valid), (8, 12))
    for i in range(3):
        alone = resize_depth(depth[i], valid[i], (8, 12))
        assert torch.equal(together[0][i], alone[0]) and torch.equal(together[1][i], alone[1])


def test_resize_depth_wants_a_bool_mask():
    with pytest.raises(ValueError, match="expected equal shapes, bool"):
        resize_depth(torch.ones(1, 4, 4), torch.ones(1, 4, 4), (2, 2))


def test_resize_image_antialiases_and_keeps_the_mean():
    stripes = torch.zeros(3, 32, 32)
    stripes[..., ::2] = 1.0
    assert (resize_image(stripes, (8, 8)) - 0.5).abs().max() < 0.2  # without antialiasing: all 0 or all 1
    eight_bit = resize_image((stripes * 255).to(torch.uint8), (8, 8))
    assert eight_bit.dtype == torch.uint8
    assert (eight_bit.float() / 255 - resize_image(stripes, (8, 8))).abs().max() < 1.5 / 255


def test_intrinsics_follow_the_pixels():
    """A ray through the edge of a pixel block stays the same ray: checked on the image's corners."""
    K = torch.tensor([[500.0, 0, 310.0], [0, 520.0, 250.0], [0, 0, 1]])
    small = resize_intrinsics(K, (480, 640), (120, 200))
    for axis, n, m in ((0, 640, 200), (1, 480, 120)):
        for edge in (0.0, 1.0):
            before = (edge * n - 0.5 - K[axis, 2]) / K[axis, axis]
            after = (edge * m - 0.5 - small[axis, 2]) / small[axis, axis]
            assert after == pytest.approx(before.item(), abs=1e-6)
    assert resize_intrinsics(torch.full((3, 3), float("nan")), (4, 4), (2, 2)).isnan().all()


@pytest.mark.parametrize("size", [(24, 32), (16, 30), (10, 11), (96, 100)])
def test_a_plane_stays_that_plane_to_half_a_step(size):
    before = plane_sample(48, 64)
    after = resize(before, size)
    steps = [before["depth"].diff(dim=axis).abs().max().item() for axis in (1, 2)]
    assert off_plane(before) < 1e-5
    assert off_plane(after) < 0.5 * sum(steps)  # depth of a place half an input pixel away along both axes
    wrong = {**after, "intrinsics": before["intrinsics"]}
    assert off_plane(wrong) > 2 * sum(steps)


def test_crop_and_flip_keep_the_plane():
    sample = plane_sample(48, 64)
    mirrored = (-NORMAL[0], *NORMAL[1:])
    assert off_plane(crop(sample, 5, 9, 30, 40)) < 1e-5
    assert off_plane(hflip(sample), mirrored) < 1e-5 < 0.1 < off_plane(hflip(sample))
    assert off_plane(hflip(crop(sample, 0, 3, 48, 50)), mirrored) < 1e-5
    assert torch.equal(hflip(hflip(sample))["image"], sample["image"])
    assert torch.allclose(hflip(hflip(sample))["intrinsics"], sample["intrinsics"])
    assert crop(sample, 5, 9, 30, 40)["image"][0, 0, 0] == sample["image"][0, 5, 9]


def test_crop_outside_is_refused():
    with pytest.raises(ValueError, match="does not lie inside"):
        crop(plane_sample(48, 64), 20, 0, 30, 64)


COLOURS = {"channel_permutation": 0.5, "gamma": 0.1, "brightness": 0.1, "colour": 0.1, "blur": 1.0, "noise": 0.05}
ALL = {"rotate": 5.0, "flip": 0.5, **COLOURS}


@pytest.mark.parametrize("crop_size", [None, (20, 24)])
def test_augmentation_does_not_depend_on_the_batch(crop_size):
    samples = [plane_sample(30, 43, name=f"f{i}") for i in range(7)]
    kwargs = {"seed": 3, "epoch": 4, "crop_size": crop_size, **ALL}
    together = augment(collate(samples), **kwargs)
    for order in ([6, 2], [0], [5, 4, 3, 1, 0]):
        some = augment(collate([samples[i] for i in order]), **kwargs)
        for place, i in enumerate(order):
            for key in ("image", "depth", "valid", "intrinsics"):
                assert torch.equal(some[key][place], together[key][i]), (key, i)


def test_chance_follows_seed_epoch_and_id():
    batch = collate([plane_sample(20, 20, name=f"f{i}") for i in range(4)])
    one = augment(batch, seed=0, epoch=0, **ALL)["image"]
    assert torch.equal(one, augment(batch, seed=0, epoch=0, **ALL)["image"])
    for other in (augment(batch, seed=1, epoch=0, **ALL), augment(batch, seed=0, epoch=1, **ALL)):
        assert not torch.equal(one, other["image"])
    assert not torch.equal(one[0], one[1])  # same picture, other id


def test_draws_are_uniform_and_independent():
    draws = torch.tensor(transforms._uniform(0, 0, [str(i) for i in range(4000)]), dtype=torch.float64)
    assert draws.min() >= 0 and draws.max() < 1
    assert (draws.mean(0) - 0.5).abs().max() < 0.02 and (draws.var(0) - 1 / 12).abs().max() < 0.006
    off_diagonal = torch.corrcoef(draws.T) - torch.eye(8)
    assert off_diagonal.abs().max() < 0.06


def test_one_augmentation_leaves_the_others_draws_alone():
    batch = collate([plane_sample(20, 24, name=f"f{i}") for i in range(16)])
    flips = augment(batch, seed=0, epoch=0, flip=0.5)
    both = augment(batch, seed=0, epoch=0, flip=0.5, channel_permutation=1.0)
    assert torch.equal(flips["depth"], both["depth"]) and torch.equal(flips["intrinsics"], both["intrinsics"])
    assert not torch.equal(flips["image"], both["image"])


def test_the_input_is_left_as_it_is():
    batch = collate([plane_sample(20, 24, name=f"f{i}") for i in range(3)])
    before = {k: v.clone() for k, v in batch.items() if isinstance(v, torch.Tensor)}
    augment(batch, seed=0, epoch=0, crop_size=(10, 10), **ALL)
    assert all(torch.equal(batch[k], v) for k, v in before.items())


def test_in_place_writes_the_same_over_the_batch_that_is_given():
    whole = {"flip": 0.5, "channel_permutation": 1.0}
    batch = collate([plane_sample(6, 8, name=f"f{i}") for i in range(9)])
    expected = augment(batch, seed=0, epoch=0, **whole)
    assert not torch.equal(expected["depth"], batch["depth"])
    found = augment(batch, seed=0, epoch=0, **whole, in_place=True)
    assert all(torch.equal(found[key], expected[key]) for key in ("image", "depth", "valid", "intrinsics"))
    assert found["depth"] is batch["depth"]


def test_flip_probability():
    batch = collate([plane_sample(6, 8, name=f"f{i}") for i in range(400)])
    out = augment(batch, seed=0, epoch=0, flip=0.3)
    flipped = (out["image"] == batch["image"].flip(-1)).flatten(1).all(1)
    kept = (out["image"] == batch["image"]).flatten(1).all(1)
    assert (flipped ^ kept).all() and 0.23 < flipped.float().mean() < 0.37
    assert torch.allclose(out["intrinsics"][flipped, 0, 2], 7 - batch["intrinsics"][flipped, 0, 2])


def test_rotation_is_a_roll_of_the_camera():
    """The plane seen is the old one, mirrored and turned about the optical axis by the angle drawn."""
    names = [f"f{i}" for i in range(12)]
    samples = [plane_sample(48, 64, name=name) for name in names]
    out = augment(collate(samples), seed=0, epoch=0, rotate=30.0, flip=0.5)
    draws = transforms._uniform(0, 0, names)
    steps = sum(samples[0]["depth"].diff(dim=axis).abs().max().item() for axis in (1, 2))
    assert {draw[1] < 0.5 for draw in draws} == {True, False}
    with_old = []
    for i, draw in enumerate(draws):
        angle = math.radians(30) * (2 * draw[0] - 1)
        x, y, z = -NORMAL[0] if draw[1] < 0.5 else NORMAL[0], NORMAL[1], NORMAL[2]
        turned = (math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y, z)
        one = {key: out[key][i] for key in ("depth", "valid", "intrinsics")}
        assert torch.isin(one["depth"][one["valid"]], samples[i]["depth"]).all()  # nearest: no new depth
        assert off_plane(one, turned) < 0.6 * steps
        if abs(angle) > 0.2:
            assert off_plane(one) > 2 * steps
        with_old.append(off_plane({**one, "intrinsics": samples[i]["intrinsics"]}, turned))
    assert max(with_old) > 2 * steps  # the principal point had to move


def test_corners_turned_in_are_invalid():
    batch = collate([plane_sample(48, 64, name=f"f{i}") for i in range(12)])
    out = augment(batch, seed=0, epoch=0, rotate=30.0)
    invalid = (~out["valid"]).float().mean(dim=(1, 2, 3))
    assert (invalid > 0.05).any() and (invalid < 0.5).all()
    assert (out["depth"][~out["valid"]] == 0).all()
    batch["valid"][:, :, 20:30, 20:40] = False  # and invalid pixels inside stay invalid, about as many
    batch["depth"][~batch["valid"]] = 77.0
    holes = augment(batch, seed=0, epoch=0, rotate=30.0)
    assert (holes["depth"][holes["valid"]] != 77).all()
    lost = out["valid"].float().sum((1, 2, 3)) - holes["valid"].float().sum((1, 2, 3))
    assert (lost - 200).abs().max() < 25


def test_rotation_moves_image_and_depth_alike():
    sample = plane_sample(60, 60)
    sample["intrinsics"] = torch.tensor([[60.0, 0, 29.5], [0, 60.0, 29.5], [0, 0, 1]])
    sample["image"] = torch.zeros(3, 60, 60)
    sample["image"][:, 10:20, 40:50] = 1.0
    sample["depth"] = 1 + sample["image"][:1]
    out = augment(collate([sample] * 1), seed=0, epoch=0, rotate=25.0)
    box = (out["depth"] > 1.5) & out["valid"]
    assert box.sum() > 60 and out["image"][:, :1][box].mean() > 0.85
    assert torch.allclose(out["intrinsics"][0], sample["intrinsics"], atol=1e-4)  # centred: nothing moves
    assert out["image"].min() >= 0 and out["image"].max() <= 1


def test_unknown_intrinsics_pass_through():
    batch = collate([plane_sample(20, 24, name=f"f{i}") for i in range(3)])
    batch["intrinsics"][:, :2] = float("nan")
    out = augment(batch, seed=0, epoch=0, rotate=10.0, flip=0.5)
    assert out["intrinsics"][:, 0, 0].isnan().all() and out["image"].isfinite().all() and out["valid"].any()


def test_colours_stay_in_range_and_depth_alone():
    batch = collate([plane_sample(20, 24, name=f"f{i}") for i in range(30)])
    out = augment(batch, seed=0, epoch=0, channel_permutation=1.0, gamma=0.3, brightness=0.5, colour=0.5)
    assert out["image"].min() >= 0 and out["image"].max() <= 1 and not torch.equal(out["image"], batch["image"])
    assert torch.equal(out["depth"], batch["depth"]) and torch.equal(out["valid"], batch["valid"])
    orders = augment(batch, seed=0, epoch=0, channel_permutation=1.0)["image"]
    assert torch.allclose(orders.sum(1), batch["image"].sum(1), atol=1e-6)  # permuted, nothing else
    assert len({tuple(o[:, 0, 0].tolist()) for o in orders}) == 6


def test_noise_is_as_strong_as_it_says_and_only_on_the_image():
    batch = collate([plane_sample(40, 48, name=f"f{i}") for i in range(60)])
    batch["image"] = torch.full_like(batch["image"], 0.5)
    out = augment(batch, seed=0, epoch=0, noise=0.1)
    strengths = (out["image"] - 0.5).flatten(1).std(1)
    assert 0 <= strengths.min() < 0.01 and 0.09 < strengths.max() < 0.102 and abs(strengths.mean() - 0.05) < 0.01
    assert abs((out["image"] - 0.5).mean()) < 1e-3
    assert torch.equal(out["depth"], batch["depth"]) and torch.equal(out["valid"], batch["valid"])


def test_blur_is_a_gaussian_of_at_most_its_width():
    batch = collate([plane_sample(31, 41, name=f"f{i}") for i in range(60)])
    batch["image"] = torch.zeros_like(batch["image"])
    batch["image"][..., 15, 20] = 1.0  # a point of light
    out = augment(batch, seed=0, epoch=0, blur=2.0)["image"][:, 0]
    assert torch.allclose(out.sum((1, 2)), torch.ones(60), atol=1e-5)
    y, x = torch.meshgrid(torch.arange(31.0) - 15, torch.arange(41.0) - 20, indexing="ij")
    widths = [((out * axis**2).sum((1, 2))).sqrt() for axis in (x, y)]
    assert torch.allclose(*widths, atol=1e-4) and widths[0].max() < 2 and 0.7 < widths[0].mean() < 1.3
    assert widths[0].min() < 0.3
    level = torch.full((3, 9, 11), 0.7)
    assert torch.allclose(transforms._blurred(level, 3.0), level), "the border is no edge"


def test_crops_lie_inside_and_move_the_principal_point():
    batch = collate([plane_sample(30, 40, name=f"f{i}") for i in range(40)])
    out = augment(batch, seed=0, epoch=0, crop_size=(20, 30))
    assert out["image"].shape == (40, 3, 20, 30)
    left = batch["intrinsics"][:, 0, 2] - out["intrinsics"][:, 0, 2]
    top = batch["intrinsics"][:, 1, 2] - out["intrinsics"][:, 1, 2]
    assert left.unique().numel() > 5 and 0 <= left.min() and left.max() <= 10 and 0 <= top.min() and top.max() <= 10
    for i in range(40):
        row, column = int(top[i].round()), int(left[i].round())
        assert torch.equal(out["depth"][i], batch["depth"][i, :, row : row + 20, column : column + 30])


def test_bad_strengths_are_refused():
    batch = collate([plane_sample(8, 8)])
    with pytest.raises(ValueError, match=r"flip is 1\.5; expected a probability"):
        augment(batch, seed=0, epoch=0, flip=1.5)
    with pytest.raises(ValueError, match="rotate is -5"):
        augment(batch, seed=0, epoch=0, rotate=-5)
    with pytest.raises(ValueError, match="larger than the image"):
        augment(batch, seed=0, epoch=0, crop_size=(9, 8))
    with pytest.raises(ValueError, match="1 images but 2 ids"):
        augment({**batch, "id": ["a", "b"]}, seed=0, epoch=0)


# --- a longer lens ----------------------------------------------------------------------------------------------------


def lens_batch(n=3, size=(24, 32)):
    generator = torch.Generator().manual_seed(1)
    height, width = size
    depth = 1 + torch.rand(n, 1, height, width, generator=generator)
    K = torch.tensor([[40.0, 0, (width - 1) / 2], [0, 40.0, (height - 1) / 2], [0, 0, 1]])
    return {"image": torch.rand(n, 3, height, width, generator=generator), "depth": depth,
            "valid": torch.rand(n, 1, height, width, generator=generator) > 0.2,
            "intrinsics": K.expand(n, 3, 3).clone(), "id": [f"f{i}" for i in range(n)]}  # fmt: skip


def test_zoom_magnifies_and_says_so():
    batch = lens_batch()
    factors = []
    for epoch in range(60):
        seen = transforms.augment(batch, seed=0, epoch=epoch, zoom=2.0)
        assert seen["image"].shape == batch["image"].shape and seen["depth"].shape == batch["depth"].shape
        factors += (seen["intrinsics"][:, 0, 0] / 40.0).tolist()
        measured = seen["depth"][seen["valid"]]
        assert torch.isin(measured, batch["depth"][batch["valid"]]).all(), "no depth is invented"
        # a window of whole pixels: both focal lengths grow alike, within half a pixel of its sides
        torch.testing.assert_close(seen["intrinsics"][:, 0, 0], seen["intrinsics"][:, 1, 1], rtol=0.06, atol=0)
    assert 0.99 < min(factors) < 1.1 and 1.9 < max(factors) < 2.1
    assert 1.35 < sum(factors) / len(factors) < 1.55, "uniform in its logarithm: the mean is 1 / ln 2 = 1.44"


def test_a_zoomed_point_lies_on_the_ray_that_its_intrinsics_tell():
    batch = lens_batch(1, (60, 80))
    batch["image"][:] = 0
    batch["image"][..., 20:24, 50:54] = 1  # a spot, whose middle lies at (51.5, 21.5)
    ray = ((51.5 - 39.5) / 40, (21.5 - 29.5) / 40)
    checked = 0
    for epoch in range(30):
        seen = transforms.augment(batch, seed=1, epoch=epoch, zoom=1.5)
        weight = seen["image"][0, 0]
        if weight[[0, -1]].any() or weight[:, [0, -1]].any() or not weight.any():
            continue
        y, x = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
        K = seen["intrinsics"][0]
        found = (
            ((x * weight).sum() / weight.sum() - K[0, 2]) / K[0, 0],
            ((y * weight).sum() / weight.sum() - K[1, 2]) / K[1, 1],
        )
        assert found[0].item() == pytest.approx(ray[0], abs=0.01) and found[1].item() == pytest.approx(ray[1], abs=0.01)
        checked += 1
    assert checked > 5


def test_zoom_to_a_smaller_size_is_what_a_resize_gives_where_nothing_is_magnified():
    batch = lens_batch(2)
    seen = transforms.augment(batch, seed=0, epoch=0, size=(12, 16))
    plain = transforms.resize(batch, (12, 16))
    for key in ("image", "depth", "valid", "intrinsics"):
        torch.testing.assert_close(seen[key], plain[key], rtol=0, atol=1e-6)


def test_zoom_depends_on_seed_epoch_and_id_alone_and_leaves_the_other_draws_as_they_were():
    batch = lens_batch()
    whole = transforms.augment(batch, seed=3, epoch=2, zoom=1.7, flip=0.5, gamma=0.1)
    part = transforms.augment({k: v[1:2] for k, v in batch.items()}, seed=3, epoch=2, zoom=1.7, flip=0.5, gamma=0.1)
    assert all(torch.equal(whole[key][1:2], part[key]) for key in ("image", "depth", "valid", "intrinsics"))
    assert not torch.equal(
        whole["image"], transforms.augment(batch, seed=3, epoch=3, zoom=1.7, flip=0.5, gamma=0.1)["image"]
    )


@pytest.mark.parametrize("zoom", [0.5, float("nan"), float("inf")])
def test_a_zoom_that_is_none_is_refused(zoom):
    with pytest.raises(ValueError, match="expected the greatest magnification, a number not below 1"):
        transforms.augment(lens_batch(), seed=0, epoch=0, zoom=zoom)
