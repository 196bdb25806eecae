"""Points: geometry against hand-computed values, the PLY file read back, the view's size."""

import json

import numpy as np
import pytest
import torch
from kornia.geometry.depth import depth_to_3d_v2

from depthnb import pointcloud


def camera(fx=50.0, fy=60.0, cx=15.5, cy=11.5):
    return torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def test_known_pixel():
    depth = torch.zeros(1, 24, 32)
    depth[0, 20, 30] = 3.0
    image = torch.zeros(3, 24, 32)
    image[:, 20, 30] = torch.tensor([1.0, 0.5, 0.0])
    xyz, rgb = pointcloud.points(depth, depth > 0, camera(), image)
    assert np.allclose(xyz, [[(30 - 15.5) * 3 / 50, (20 - 11.5) * 3 / 60, 3.0]])
    assert np.allclose(rgb, [[1, 0.5, 0]])


def test_equals_kornia():
    draw = torch.Generator().manual_seed(0)
    depth = torch.rand(1, 24, 32, generator=draw, dtype=torch.float64) * 9 + 1
    valid = torch.rand(1, 24, 32, generator=draw) > 0.3
    theirs = depth_to_3d_v2(depth, camera().double()[None])[0][valid[0]]
    xyz, _ = pointcloud.points(depth, valid, camera())
    assert np.allclose(xyz, theirs.numpy(), rtol=1e-6, atol=1e-6)


def test_slanted_plane_stays_a_plane():
    k = camera()
    v, u = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    rays = torch.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], torch.ones_like(u)])
    normal = torch.tensor([0.3, -0.4, 0.8])
    depth = (2.0 / (normal[:, None, None] * rays).sum(0))[None]
    xyz, _ = pointcloud.points(depth, torch.ones_like(depth, dtype=torch.bool), k)
    assert np.abs(xyz @ normal.numpy() - 2).max() < 1e-5
    off_by_half = camera(cx=16.0, cy=12.0)  # the other convention of pixel centres is not a plane here
    assert np.abs(pointcloud.points(depth, depth > 0, off_by_half)[0] @ normal.numpy() - 2).max() > 5e-4


def test_points_are_the_valid_pixels_in_order():
    depth = torch.rand(1, 6, 7, generator=torch.Generator().manual_seed(0)) + 1
    valid = depth > 1.4
    xyz, rgb = pointcloud.points(depth, valid, camera())
    assert np.allclose(xyz[:, 2], depth[valid])
    assert xyz.dtype == rgb.dtype == np.float32 and rgb.shape == xyz.shape
    nearest, farthest = rgb[xyz[:, 2].argmin()], rgb[xyz[:, 2].argmax()]
    assert nearest.sum() > farthest.sum()  # without an image near is bright


@pytest.mark.parametrize("where", [(0, 0), (0, 2)])
def test_unknown_intrinsics_name_the_remedy(where):
    k = camera()
    k[where] = float("nan")
    depth = torch.ones(1, 4, 4)
    with pytest.raises(ValueError, match="intrinsics_from_fov"):
        pointcloud.points(depth, depth > 0, k)


def test_wrong_shapes_are_named():
    depth = torch.ones(1, 4, 4)
    with pytest.raises(ValueError, match=r"\[1,H,W\]"):
        pointcloud.points(depth[None], depth[None] > 0, camera())
    with pytest.raises(ValueError, match=r"image \[3,4,4\]"):
        pointcloud.points(depth, depth > 0, camera(), torch.ones(3, 8, 8))
    with pytest.raises(ValueError, match="positive"):
        pointcloud.points(depth, depth > 0, camera(fx=0.0))
    with pytest.raises(ValueError, match="180"):
        pointcloud.intrinsics_from_fov((4, 4), 180)
    with pytest.raises(ValueError, match="no pixel"):
        pointcloud.view(np.zeros((0, 3)), np.zeros((0, 3)))


def test_field_of_view_reaches_from_edge_to_edge():
    k = pointcloud.intrinsics_from_fov((24, 32), 70)
    left, right = ((edge - k[0, 2]) / k[0, 0] for edge in (-0.5, 31.5))
    assert float(torch.rad2deg(torch.atan(right) - torch.atan(left))) == pytest.approx(70, abs=1e-4)
    assert k[0, 0] == k[1, 1]


def test_ply_read_back(tmp_path):
    rng = np.random.default_rng(0)
    xyz, rgb = rng.normal(size=(50, 3)).astype(np.float32), rng.random((50, 3))
    path = pointcloud.write_ply(tmp_path / "new" / "room.ply", xyz, rgb)
    header, body = path.read_bytes().split(b"end_header\n", 1)
    lines = header.decode().splitlines()
    assert lines[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 50"]
    assert lines[3:] == [f"property float {n}" for n in "xyz"] + [
        f"property uchar {n}" for n in ("red", "green", "blue")
    ]
    stored = np.frombuffer(body, dtype=[("xyz", "<f4", 3), ("rgb", "u1", 3)])
    assert len(stored) == 50
    assert (stored["xyz"] == xyz).all()
    assert np.abs(stored["rgb"] / 255 - rgb).max() <= 0.5 / 255 + 1e-6
    assert [p.name for p in path.parent.iterdir()] == ["room.ply"]


def test_view_is_small_true_and_offline():
    rng = np.random.default_rng(0)
    xyz = (rng.random((30_000, 3)) * [6, 3, 8]).astype(np.float32)
    rgb = rng.random((30_000, 3)).astype(np.float32)
    figure = pointcloud.view(xyz, rgb)
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.plotly.v1+json", "image/jpeg", "text/plain"}
    assert len(json.dumps(bundle["application/vnd.plotly.v1+json"])) < 150_000
    assert sum(len(json.dumps(part)) for part in bundle.values()) < 400_000  # random colours: the worst case for JPEG
    assert "http" not in json.dumps(bundle["application/vnd.plotly.v1+json"])
    trace = figure.data[0]
    assert len(trace.x) == 12_000
    stored = np.stack([trace.x, trace.y, trace.z], 1) / 1000  # millimetres
    nearest = np.abs(xyz[:, None, 0] - stored[None, :20, 0]).min(0)
    assert nearest.max() <= 0.0006
    assert [float(t) * 1000 for t in figure.layout.scene.zaxis.ticktext] == list(figure.layout.scene.zaxis.tickvals)


def test_view_of_far_points_fits_its_integers():
    xyz = np.array([[0, 0, 5.0], [-90, 3, 210.0]])
    figure = pointcloud.view(xyz, np.ones((2, 3)))
    assert np.allclose(np.array([figure.data[0].x, figure.data[0].z]).T / 100, xyz[:, [0, 2]])


def test_colours_survive_the_palette():
    rgb = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], float)
    marker = pointcloud.view(np.arange(12.0).reshape(4, 3), rgb).data[0].marker
    stops = [colour for _, colour in marker.colorscale]
    assert [stops[i] for i in marker.color] == ["rgb(255,0,0)", "rgb(0,255,0)", "rgb(0,0,255)", "rgb(255,255,255)"]


def test_clouds_side_by_side_keep_their_shape_and_do_not_touch():
    rng = np.random.default_rng(0)
    clouds = [(rng.normal(size=(50, 3)) * 5, rng.random((50, 3))), (rng.normal(size=(20, 3)) + 30, rng.random((20, 3)))]
    xyz, rgb = pointcloud.beside(clouds, gap=0.2)
    first, second = xyz[:50], xyz[50:]
    assert np.allclose(first, clouds[0][0], atol=1e-5) and len(rgb) == 70
    moved = second - clouds[1][0]
    assert np.allclose(moved[:, 1:], 0, atol=1e-5) and np.ptp(moved[:, 0]) < 1e-4
    assert second[:, 0].min() - first[:, 0].max() == pytest.approx(0.2 * np.ptp(first[:, 0]), rel=1e-4)
    with pytest.raises(ValueError, match="nothing to set side by side"):
        pointcloud.beside([])


def test_two_clouds_share_their_camera_and_their_frame():
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 3)) + np.array([0, 0, 2])).astype(np.float32), rng.random((400, 3))
    wrong = (truth[0] * 0.5).astype(np.float32), truth[1]
    figure = pointcloud.static_beside({"true": truth, "predicted": wrong})
    turned, above = figure.axes[:2], figure.axes[2:]
    assert [ax.get_title() for ax in turned] == ["true", "predicted"]
    for one, other in (turned, above):
        assert one.get_xlim() == other.get_xlim() and one.get_ylim() == other.get_ylim()
    for ax, (xyz, _) in zip(above, (truth, wrong), strict=True):
        drawn = ax.collections[0].get_offsets()
        assert np.allclose(sorted(drawn[:, 1]), sorted(xyz[:, 2]), atol=1e-5)
    pointcloud.static_beside({"true": truth, "nothing": (truth[0] * 1e-4, truth[1])})  # all of it behind the camera
    with pytest.raises(ValueError, match="nothing to draw"):
        pointcloud.static_beside({})


def test_view_of_two_clouds_names_them_and_falls_back_on_their_picture():
    cloud = np.random.default_rng(0).random((60, 3)), np.ones((60, 3))
    bundle = pointcloud.view_beside({"true": cloud, "predicted": cloud}, max_points=50)._repr_mimebundle_()
    shown = bundle["application/vnd.plotly.v1+json"]
    assert shown["layout"]["title"]["text"].split() == ["true", "|", "predicted"]
    assert bundle["text/plain"] == "point cloud of 120 points" and len(bundle["image/jpeg"]) > 1000


def test_a_picture_of_points_shows_the_near_before_the_far_and_white_where_nothing_is():
    side = np.linspace(-1, 1, 60, dtype=np.float32)
    x, y = (each.ravel() for each in np.meshgrid(side, side))
    far = np.stack([x, y, np.full_like(x, 3.0)], 1)
    near = np.stack([0.2 * x, 0.2 * y, np.full_like(x, 2.0)], 1)
    colours = np.concatenate([np.tile([[1.0, 0, 0]], (3600, 1)), np.tile([[0, 0, 1.0]], (3600, 1))])
    shown = pointcloud.picture(np.concatenate([far, near]), colours, size=(60, 80), degrees=(0, 0))
    assert shown.shape == (60, 80, 3) and shown.dtype == np.float32
    assert shown[30, 40].tolist() == [0, 0, 1] and shown[5, 40].tolist() == [1, 0, 0]
    assert shown[30, 1].tolist() == [1, 1, 1]
    again = pointcloud.picture(np.concatenate([near, far]), colours[::-1], size=(60, 80), degrees=(0, 0))
    assert np.array_equal(shown, again), "whatever the order of the points"
    turned = pointcloud.picture(np.concatenate([far, near]), colours, size=(60, 80))
    assert not np.array_equal(turned, shown)
    with pytest.raises(ValueError, match="no point to show"):
        pointcloud.picture(np.empty((0, 3)), np.empty((0, 3)))
