"""What a net says of a photograph: its size, the camera, known distances, and the files that are made of it."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from photo_nets import Says, net
from PIL import Image

from depthnb import models, photos
from depthnb.runs.trained import INVERSE, METRIC


def photo(height=60, width=80, focal=80.0):
    image = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    return photos.Photo("me", image, focal, "as told")


def test_the_answer_has_the_size_of_the_photograph_and_the_net_sees_its_shape():
    module = Says()
    depth = photos.predict(net(module), photo(120, 160))
    assert depth.metres.shape == (1, 120, 160) and depth.inverse is None and module.seen == (48, 64)
    photos.predict(net(module), photo(160, 90))
    assert module.seen == (72, 40), "upright, with about as many pixels"
    photos.predict(net(module), photo(20, 2000))
    assert min(module.seen) >= 32
    photos.predict(net(module), photo(1, 1))
    assert module.seen == (56, 56)


def test_a_net_that_takes_the_camera_is_told_the_focal_length_at_its_own_size():
    told = models.CanonicalCamera(Says(2.0, 2.0), focal=64.0)
    depth = photos.predict(net(told), photo(60, 80, focal=160.0))
    assert depth.metres.unique().tolist() == [pytest.approx(2 * 128 / 64)], "160 pixels of 80 are 128 of 64"


def test_one_known_distance_scales_everything():
    known = photos.Known.parse("79,30=10")
    depth = photos.predict(net(), photo(), known=[known])
    before = photos.predict(net(), photo())
    factor = (depth.metres / before.metres).unique()
    assert factor.max() - factor.min() < 1e-5 and factor[0] == pytest.approx(2.0, abs=0.05)
    assert "the known distance makes everything" in depth.said[-1]
    two = photos.predict(net(), photo(), known=[known, photos.Known(40, 30, 6.0)])
    assert "the one that fits worst is then" in two.notes[0]


def test_depths_that_the_net_has_never_seen_are_named():
    assert photos.predict(net(), photo()).notes == ()
    (note,) = photos.predict(net(Says(2.0, 18.0)), photo()).notes
    assert note == "the net's own answer lies beyond 0.1 to 10 m, all that it has seen, in 50% of the picture"


def test_known_pixels_are_those_of_the_file_and_not_of_the_reduced_picture():
    large = replace(photo(), original=(600, 800))
    one = photos.predict(net(), large, known=[photos.Known(795, 300, 10.0)])
    other = photos.predict(net(), photo(), known=[photos.Known(79, 30, 10.0)])
    torch.testing.assert_close(one.metres, other.metres)
    with pytest.raises(ValueError, match="outside the picture of 800 x 600 pixels"):
        photos.predict(net(), large, known=[photos.Known(800, 300, 10.0)])


def test_inverse_depth_becomes_metres_by_two_known_distances():
    raw = net(Says(9.0, 1.0), kind=INVERSE)  # 2 / z + 1 of depths from 0.25 m to the horizon
    depth = photos.predict(raw, photo())
    assert depth.metres is None and "knows no metres" in depth.notes[0]
    at = [depth.inverse[0, 30, column].item() for column in (8, 70)]
    known = [photos.Known(column, 30, 2 / (value - 1)) for column, value in zip((8, 70), at, strict=True)]
    fitted = photos.predict(raw, photo(), known=known)
    want = (2 / (depth.inverse - 1).clamp_min(0.002)).clamp_max(1000)
    torch.testing.assert_close(fitted.metres, want, rtol=0.02, atol=0.02)
    assert fitted.metres.max() <= 1000.001
    with pytest.raises(ValueError, match="takes two known distances or more; found one"):
        photos.predict(raw, photo(), known=known[:1])
    turned = [replace(known[0], metres=known[1].metres), replace(known[1], metres=known[0].metres)]
    with pytest.raises(ValueError, match="the known distances contradict toy"):
        photos.predict(raw, photo(), known=turned)
    for alike in ([known[0], known[0]], [known[0], photos.Known(8, 50, 4.0)]):
        with pytest.raises(ValueError, match="calls the places of the known distances equally far"):
            photos.predict(raw, photo(), known=alike)
    assert photos.describe(fitted)["kind"] == METRIC and photos.describe(depth)["kind"] == INVERSE


@pytest.mark.parametrize("text", ["", "1=2", "1,2", "1,2=0", "1,2=-3", "a,b=c", "1,2=inf", "1,2=nan"])
def test_a_known_distance_that_says_nothing(text):
    with pytest.raises(ValueError, match="a known distance is"):
        photos.Known.parse(text)


def test_a_known_distance_outside_the_picture_and_damaged_weights():
    with pytest.raises(ValueError, match="at 80,5 lies outside the picture of 80 x 60 pixels"):
        photos.predict(net(), photo(), known=[photos.Known(80, 5, 1.0)])
    with pytest.raises(ValueError, match="toy answers with numbers that are not finite"):
        photos.predict(net(Says(float("nan"))), photo())


def test_every_file_holds_the_depth(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    depth = photos.predict(net(Says(0.0004, 80.0)), photo())
    files = photos.write(depth, tmp_path / "new" / "folder", formats=list(photos.FORMATS))
    metres = depth.metres[0].numpy()
    assert np.array_equal(np.load(files["npy"]), metres)
    stored = np.asarray(Image.open(files["png"]))
    assert stored.dtype == np.uint16 and stored.min() == 0
    assert ((stored == 0) == (metres > 65.535)).all(), "too far for 16 bits is not known; near is at least 1 mm"
    kept = stored > 0
    assert np.abs(stored[kept] / 1000 - metres[kept]).max() < 0.0011
    assert Image.open(files["picture"]).size[0] > 300
    cloud = trimesh.load(files["ply"])
    assert len(cloud.vertices) == metres.size and cloud.vertices[:, 2].max() == pytest.approx(metres.max(), rel=1e-6)
    scene = trimesh.load(files["glb"])
    assert -scene.bounds[0][2] == pytest.approx(metres.max(), rel=0.05), "metres, the camera looks along -z"
    page = files["html"].read_text()
    assert "data:image/jpeg;base64," in page and 'src="http' not in page and "supposed" not in page
    facts = json.loads(files["json"].read_text())
    assert facts["metres"]["most"] == pytest.approx(80.0) and facts["focal_pixels"] == 80.0
    assert sorted(path.name for path in files["png"].parent.iterdir()) == sorted(path.name for path in files.values())


def test_every_file_that_can_hold_words_says_what_was_supposed(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    given = replace(photo(), camera="65 degrees across the longer side, supposed", name="größe \udcff")
    depth = photos.predict(net(Says(2.0, 80.0)), given)
    files = photos.write(depth, tmp_path)
    for name in ("png", "picture"):
        with Image.open(files[name]) as picture:
            assert picture.text["Description"].splitlines() == depth.said
    header = files["ply"].read_bytes().split(b"end_header\n")[0].decode("ascii").splitlines()
    assert [line.removeprefix("comment ") for line in header if line.startswith("comment ")] == depth.said
    assert len(trimesh.load(files["ply"]).vertices) == depth.metres.numel()
    content = files["glb"].read_bytes()
    length = int.from_bytes(content[12:16], "little")
    assert json.loads(content[20 : 20 + length])["asset"]["extras"]["said"] == depth.said
    for name in ("html", "json"):
        assert "supposed" in files[name].read_text()
    assert "supposed" in depth.said[1] and "lies beyond 65.535 m, which 16 bits cannot hold" in depth.said[-1]


def test_without_metres_there_is_no_file_of_metres(tmp_path):
    depth = photos.predict(net(kind=INVERSE), photo())
    assert set(photos.write(depth, tmp_path)) == {"npy", "picture", "html", "json"}
    assert np.load(tmp_path / "me_inverse.npy").shape == (60, 80)
    with pytest.raises(ValueError, match="png, ply needs metres, which toy does not know"):
        photos.write(depth, tmp_path, formats=["png", "ply"])
    with pytest.raises(ValueError, match="unknown format exr; known: png, npy"):
        photos.write(depth, tmp_path, formats=["exr"])


def test_names_in_a_page_are_no_code(tmp_path):
    depth = photos.predict(net(), replace(photo(), name="<script>alert(1)"))
    page = photos.write(depth, tmp_path, formats=["html"])["html"].read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_a_depth_that_is_the_same_everywhere_can_be_drawn(tmp_path):
    depth = photos.predict(net(Says(2.0, 2.0)), photo())
    assert set(photos.write(depth, tmp_path, formats=["picture", "html"])) == {"picture", "html"}


def test_a_net_without_its_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is no folder of a run; .* Nets that are here: reports/02_bn_cnn/"):
        photos.net(tmp_path)
    (tmp_path / "run.json").write_text('{"command": "make it"}')
    with pytest.raises(FileNotFoundError, match=r"no weights at .*make them with: make it"):
        photos.net(tmp_path)
    models.save(models.BNCNN(width=4, depth=2), tmp_path / "weights" / "model.safetensors")
    with pytest.raises(ValueError, match="holds weights but no whole run"):
        photos.net(tmp_path)
    with pytest.raises(ValueError, match="unknown network 'dpt-larg'; did you mean 'dpt-large'"):
        photos.net("hub:dpt-larg")
    with pytest.raises(ValueError, match="device 'quantum' cannot be used here"):
        photos.usable_device("quantum")


@pytest.mark.parametrize("notebook", ["02_bn_cnn", "04_unet", "07_midas", "11_today"])
def test_the_nets_of_the_clone_answer(notebook, tmp_path):
    chosen = photos.net(f"reports/{notebook}/rooms-full")
    depth = photos.predict(chosen, photo(48, 64, focal=60.0))
    if notebook == "07_midas":
        assert depth.metres is None and depth.inverse.shape == (1, 48, 64)
    else:
        assert depth.metres.shape == (1, 48, 64) and 0 < depth.metres.min() and depth.metres.max() < 30


def test_a_published_net_from_a_folder(tmp_path):
    networks = pytest.importorskip("networks")
    networks.depth_anything().save_pretrained(tmp_path / "tiny")
    chosen = photos.net(f"hub:{tmp_path / 'tiny'}")
    depth = photos.predict(chosen, photo(42, 56))
    assert depth.metres is None and depth.inverse.shape == (1, 42, 56) and math.isfinite(depth.inverse.sum())


def test_two_distances_that_disagree_weigh_alike_and_a_slip_is_doubted():
    both = net(Says(2.0, 2.0))
    two = photos.predict(both, photo(), known=[photos.Known(10, 10, 1.0), photos.Known(60, 20, 4.0)])
    assert float(two.metres.mean()) == pytest.approx(2.0), "half and double together change nothing"
    slip = photos.predict(both, photo(), known=[photos.Known(10, 10, 200.0)])
    assert "is the number in metres" in slip.notes[-1] and "is the number in metres" not in two.notes[-1]
