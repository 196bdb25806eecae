"""Nets as ONNX files: what they answer, what they say about themselves, and what is refused."""

import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from torch import nn

from depthnb import cli, metrics, models, photos, runs
from depthnb.cli.export import PROGRAM
from depthnb.runs import exported, exporting, tracing
from depthnb.runs.trained import METRIC, Trained, trained

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SHIPPED = ("04_unet", "07_midas", "11_today")
TINY = {
    "BNCNN": lambda: models.BNCNN(width=4, depth=5),
    "BoundedFPN": lambda: models.BoundedFPN(width=8, encoder="mobilenetv3_small_050"),
    "CanonicalCamera": lambda: models.CanonicalCamera(models.BNCNN(width=4, depth=3), focal=90.0),
    "DenseDepth": lambda: models.DenseDepth("densenet121", decoder_width=0.02),
    "EigenCoarse": lambda: models.EigenCoarse((64, 80)),
    "EigenFine": lambda: models.EigenFine(models.EigenCoarse((64, 80))),
    "FPN": lambda: models.FPN(width=8, encoder="mobilenetv3_small_050", doubt=True),
    "HMADepth": lambda: models.HMADepth("resnet18", width=64),
    "HMADepth with planes": lambda: models.HMADepth("resnet18", attention="lpg", width=64),
    "Pix2PixGenerator": lambda: models.Pix2PixGenerator(channels=4, steps=5),
    "UNet": lambda: models.UNet(channels=4, output="inverse", dropout=0.2),
    "UNet of an EfficientNet": lambda: models.UNet(channels=4, encoder="tf_efficientnet_lite0"),
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Each shipped net exported once, by the notebook's name."""
    folder, made = tmp_path_factory.mktemp("nets"), {}

    def get(notebook):
        if notebook not in made:
            made[notebook] = exporting.export(f"reports/{notebook}/rooms-full", folder / f"{notebook}.onnx")
        return made[notebook]

    return get


def run_folder(folder, model, *, protocol="rooms"):
    """A finished run with this net, as small as it can be."""
    models.save(model, folder / models.WEIGHTS)
    record = {"protocol": dataclasses.asdict(metrics.protocol(protocol)), "size": [64, 80], "dataset": "rooms"}
    (folder / "run.json").write_text(json.dumps({**record, "hash": "0a", "params": {}, "finished": True}))
    return folder


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    return run_folder(tmp_path / "11_tiny" / "quick", models.UNet(channels=2))


def pictures(size, batch=2):
    """Smooth pictures with some noise; no two are alike."""
    generator = torch.Generator().manual_seed(sum(size))
    coarse = nn.functional.interpolate(torch.rand(batch, 3, 5, 7, generator=generator), size, mode="bilinear")
    return (0.9 * coarse + 0.1 * torch.rand(batch, 3, *size, generator=generator)).clamp(0, 1)


def answers(net, images, focal):
    """What `depthnb predict` would say of each image alone, [B,1,H,W]."""
    depths = [photos.predict(net, photos.Photo("me", image, focal, "as told")) for image in images]
    return torch.stack([depth.inverse if depth.metres is None else depth.metres for depth in depths])


def by_onnxruntime(file, images, focal):
    """As another program asks: nothing of ours is between."""
    session = onnxruntime.InferenceSession(str(file))
    batch, _, height, width = images.shape
    camera = np.float32([[[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]]).repeat(batch, 0)
    given = {"image": images.numpy(), "intrinsics": camera}
    return torch.from_numpy(session.run(None, {each.name: given[each.name] for each in session.get_inputs()})[0])


@pytest.mark.parametrize("notebook", SHIPPED)
def test_the_file_answers_as_the_net_does(shipped, notebook):
    file = shipped(notebook).file
    net, same = photos.net(f"reports/{notebook}/rooms-full"), photos.net(file)
    assert same.kind == net.kind and same.range == net.range and same.name == notebook
    for size in ((120, 160), (301, 217)):
        images = pictures(size)
        own = answers(net, images, 140.0)
        assert own.std() / own.mean() > 0.05 and exporting.difference(own[:1], own[1:]) > 0.05, "no answer is trivial"
        assert exporting.difference(by_onnxruntime(file, images, 140.0), own) < 1e-4
        assert exporting.difference(answers(same, images, 140.0), own) < 1e-4


def test_an_unknown_camera_is_the_canonical_one(shipped):
    file = shipped("11_today").file
    own = trained("reports/11_today/rooms-full")
    images = pictures(own.size)
    with torch.no_grad():
        want = own.module(images, None)
    assert exporting.difference(by_onnxruntime(file, images, np.nan), want) < 1e-4
    assert exporting.difference(by_onnxruntime(file, images, 100.0), want) > 0.1


@pytest.mark.parametrize("notebook", SHIPPED)
def test_the_file_says_all_that_one_has_to_know(shipped, notebook):
    written = shipped(notebook)
    model = onnx.load(written.file)
    onnx.checker.check_model(model, full_check=True)
    said = {each.key: each.value for each in model.metadata_props}
    told, net = json.loads(said["depthnb"]), trained(f"reports/{notebook}/rooms-full")
    assert told == written.told and told["hash"] == net.record["hash"] and told["run"] == f"{notebook}/rooms-full"
    assert told["kind"] == ("affine-inverse" if notebook == "07_midas" else "metric")
    assert told["data"] == ("rooms and streets" if notebook == "07_midas" else "rooms")
    assert ("metres" in told["unit"]) == (told["kind"] == "metric") and told["size"] == list(net.size)
    assert told["weights"] in (runs.ROOT / "reports" / notebook / "rooms-full/README.md").read_text()
    outputs = [each.name for each in model.graph.output]
    assert outputs == ["inverse_depth" if told["kind"] == "affine-inverse" else "depth"]
    assert ("Apache License" in told["licence"]) == (notebook == "11_today")
    assert ("END OF TERMS" in said.get("LICENSE-Apache-2.0.txt", "")) == (notebook == "11_today")
    content = written.file.read_bytes()
    assert str(runs.ROOT).encode() not in content and b"site-packages" not in content, "no path of this machine"


@pytest.mark.parametrize("name", TINY)
def test_every_depth_net_of_the_registry_can_be_exported(tmp_path, name):
    torch.manual_seed(0)
    model = TINY[name]()
    with torch.no_grad():
        model.train()(torch.rand(2, 3, 64, 80))  # batch statistics that are not the first ones
    protocol = "zero-shot" if name == "UNet" else "rooms"
    folder = run_folder(tmp_path / "tiny", model, protocol=protocol)
    file = exporting.export(folder, tmp_path / "net.onnx").file
    images = pictures((97, 123))
    own = answers(photos.net(folder), images, 90.0)
    wrong = (by_onnxruntime(file, images, 90.0) - own).abs().max()
    assert wrong < 0.01 * own.std(), "an untrained net answers nearly the same everywhere; what varies is right too"


def test_which_nets_of_the_registry_are_exported(tmp_path):
    assert {name.partition(" ")[0] for name in TINY} == set(models._BUILDERS) - {"PatchDiscriminator"}
    folder = run_folder(tmp_path / "critic", models.PatchDiscriminator(channels=4))
    with pytest.raises(ValueError, match="holds a PatchDiscriminator, which judges depth and gives none"):
        exporting.export(folder, tmp_path / "net.onnx")


class Size(nn.Module):
    """Says at which size it is asked: 1000 times the height and the width."""

    def forward(self, image):
        return torch.zeros_like(image[:, :1]) + 1000 * image.shape[-2] + image.shape[-1]


def test_the_graph_resizes_as_a_run_does(tmp_path):
    for size in ((144, 192), (192, 640), (96, 128)):
        run = Trained(tmp_path, Size(), METRIC, size, False, metrics.protocol("rooms"), {})
        session = onnxruntime.InferenceSession(tracing.graph(run).SerializeToString())
        generator = np.random.default_rng(0)
        for own in [(1, 1), (3, 900), (900, 3), (240, 320), *generator.integers(1, 700, (40, 2)).tolist()]:
            said = session.run(None, {"image": np.zeros((1, 3, *own), np.float32)})[0]
            height, width = run.sees(tuple(own))
            assert said.shape == (1, 1, *own) and abs(said - (1000 * height + width)).max() < 0.5, own


def test_a_file_that_answers_otherwise_is_not_kept(tiny, tmp_path, monkeypatch):
    whole = tracing.graph

    def damaged(run):
        model = whole(run)
        first = next(each for each in model.graph.initializer if each.name.endswith("head.bias"))
        first.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(first) + np.float32(1e-3), first.name))
        return model

    monkeypatch.setattr(tracing, "graph", damaged)
    with pytest.raises(ValueError, match=r"differs from the net itself by \d.* nothing was written"):
        exporting.export(tiny, tmp_path / "out" / "net.onnx")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_stopped_while_writing_it_leaves_nothing(tiny, tmp_path, monkeypatch, stop):
    def half(model, file):
        file.write_bytes(model.SerializeToString()[:1000])
        raise stop

    monkeypatch.setattr(onnx, "save", half)
    with pytest.raises(type(stop) if isinstance(stop, OSError) else stop):
        exporting.export(tiny, tmp_path / "out" / "net.onnx")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_in_the_way_stays(tiny, tmp_path):
    file = tmp_path / "net.onnx"
    file.write_text("mine")
    with pytest.raises(FileExistsError, match=r"net\.onnx exists already; delete it, or choose another name"):
        exporting.export(tiny, file)
    assert file.read_text() == "mine"
    with pytest.raises(OSError, match="could not write"):
        exporting.export(tiny, file / "inner.onnx")
    for name in ("net.pt", "folder/"):
        with pytest.raises(ValueError, match=r"the name of an ONNX file ends in \.onnx"):
            exporting.export(tiny, tmp_path / name)
    with pytest.raises(FileNotFoundError, match="is no folder of a run"):
        exporting.export(tmp_path / "nothing", tmp_path / "new.onnx")
    with pytest.raises(ValueError, match="is an ONNX file, which depthnb predict takes"):
        exporting.export(file, tmp_path / "new.onnx")


MEAN = "g (float[n, 3, h, w] image) => (float[n, 1, h, w] y) { y = ReduceMean<keepdims = 1>(image, axis) }"


def other(file, *, told=None, text=MEAN):
    """An ONNX file of another program."""
    graph = onnx.parser.parse_graph(text)
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "axis"))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    if told is not None:
        onnx.helper.set_model_props(model, {"depthnb": told})
    onnx.save(model, file)
    return file


def test_another_programs_file_says_what_it_is(tmp_path):
    net = photos.net(other(tmp_path / "mean.ONNX", told='{"kind": "metric"}'))
    images = pictures((40, 50), batch=1)
    assert net.name == "mean" and net.range is None and net.kind == METRIC
    torch.testing.assert_close(answers(net, images, 50.0), images.mean(1, keepdim=True))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            None,
            "does not say what its numbers are, metres or inverse depth.*take a file that depthnb export wrote, or say",
        ),
        ("no json", "is no JSON"),
        ("[1]", "of the kind None; expected metric or affine-inverse"),
        ('{"kind": "metres"}', "of the kind 'metres'; expected metric or affine-inverse"),
        ('{"kind": "metric", "protocol": {"name": "x"}}', "does not fit this version of depthnb"),
    ],
)
def test_a_file_that_does_not_say_what_it_is(tmp_path, told, words):
    with pytest.raises(ValueError, match=words):
        photos.net(other(tmp_path / "other.onnx", told=told))


def test_what_is_no_file_of_ours(shipped, tmp_path, capfd):
    whole = shipped("04_unet").file.read_bytes()
    for content in (b"", b"hello\n", b"<html>", whole[: len(whole) // 2], b"PK\x03\x04" + bytes(100)):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ValueError, match=r"bad\.onnx (cannot be opened as an ONNX file|has the inputs)"):
            photos.net(tmp_path / "bad.onnx")
    with pytest.raises(FileNotFoundError, match=r"gone\.onnx is not there"):
        photos.net(tmp_path / "gone.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(FileNotFoundError, match=r"folder\.onnx is a folder"):
        photos.net(tmp_path / "folder.onnx")
    text = "g (float[n, 3] x) => (float[n, 3] y) { y = Relu(x) }"
    with pytest.raises(ValueError, match="has the inputs x and the outputs y; expected image"):
        photos.net(other(tmp_path / "relu.onnx", told='{"kind": "metric"}', text=text))
    fixed = "g (float[1, 3, 8, 8] image) => (float[1, 3, 8, 8] y) { y = Relu(image) }"
    net = photos.net(other(tmp_path / "fixed.onnx", told='{"kind": "metric"}', text=fixed))
    with pytest.raises(ValueError, match=r"fixed\.onnx cannot answer an image of 50 x 40"):
        answers(net, pictures((40, 50), 1), 50.0)
    flat = MEAN.replace("[n, 1, h, w]", "[n, h, w]").replace("keepdims = 1", "keepdims = 0")
    with pytest.raises(ValueError, match=r"answers with numbers of shape \(1, 40, 50\); expected \[B,1,H,W\]"):
        answers(
            photos.net(other(tmp_path / "flat.onnx", told='{"kind": "metric"}', text=flat)), pictures((40, 50), 1), 50.0
        )
    told = capfd.readouterr()
    assert not told.out and not told.err, "onnxruntime's own words stay away"


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_without_the_packages_it_says_what_to_install(tiny, tmp_path, monkeypatch, capsys, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert cli.main(["export", str(tiny), "--onnx", "--out", str(tmp_path / "net.onnx")]) == 1
    assert capsys.readouterr().err == f"depthnb: ONNX files take the package {name}: pip install 'depthnb[onnx]'\n"


def test_without_a_gpu_in_onnxruntime_the_cpu_answers(tiny, tmp_path, monkeypatch):
    module = exported.exported(exporting.export(tiny, tmp_path / "net.onnx").file).module
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.warns(UserWarning, match=r"this onnxruntime cannot use the GPU, so net\.onnx runs on the CPU"):
        session = module._session("cuda")
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_the_command_and_the_lines_of_its_help(tmp_path, monkeypatch, capfd):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    pixels = (255 * pictures((48, 64), 1)[0].permute(1, 2, 0)).round().byte().numpy()
    Image.fromarray(pixels).save("me.jpg")
    assert cli.main(["export", "reports/11_today/rooms-full", "--onnx"]) == 0
    told = capfd.readouterr()
    assert "11_today-rooms-full.onnx: " in told.out and "metres" in told.out and "192 x 144: differs" in told.out
    assert not told.err, "torch's own words stay away"
    words = ["predict", "me.jpg", "--focal", "500", "--formats", "npy"]
    assert cli.main([*words, "--net", "11_today-rooms-full.onnx", "--out", "one"]) == 0
    assert cli.main([*words, "--net", "reports/11_today/rooms-full", "--out", "two"]) == 0
    one, two = (torch.from_numpy(np.load(f"{folder}/me_depth.npy")) for folder in ("one", "two"))
    assert exporting.difference(one, two) < 1e-4
    lines = {}
    exec(PROGRAM, lines)
    assert exporting.difference(torch.from_numpy(lines["depth"][0, 0]), two) < 1e-4
    capfd.readouterr()
    assert cli.main(["export", "reports/04_unet/rooms-full", "--onnx", "--out", "new/u.onnx", "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert (
        facts["kind"] == "metric" and max(facts["differences"].values()) < 1e-4 and (tmp_path / "new/u.onnx").exists()
    )
