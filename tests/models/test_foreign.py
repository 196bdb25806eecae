"""Networks that others trained: read from every form they come in, refused by name, and never waited for."""

import json
import os
import pickle
import shutil
import socket
import sys
import time
from pathlib import Path

import networks
import numpy as np
import pytest
import torch
from hostile_server import serve_repository, server  # noqa: F401, a fixture
from torch import nn
from toys import Toy

from depthnb import evaluation, files
from depthnb.models import foreign
from depthnb.models.midas import Input, SwappedColours, ZeroShot, as_depth
from depthnb.studies import midas as study
from depthnb.weights import hub, zoo

transformers = pytest.importorskip("transformers")
from huggingface_hub import constants  # noqa: E402

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 64,
    "patch_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "backbone_out_indices": [0, 1, 2, 3],
}  # fmt: skip
REFERENCE = Path(__file__).parents[1] / "reference" / "midas_dpt.npz"


def alive(network: nn.Module, last: nn.Module) -> nn.Module:
    """A network of random weights in which something arrives at the end: those that transformers draws are too small."""
    with torch.no_grad():
        for value in network.parameters():
            if value.ndim > 1:
                nn.init.kaiming_normal_(value, nonlinearity="relu")
        last.weight.mul_(0.1)
        last.bias.fill_(1.0)
    return network.eval()


@pytest.fixture(scope="module")
def dpt():
    torch.manual_seed(5)
    network = transformers.DPTForDepthEstimation(transformers.DPTConfig(**SMALL))
    return alive(network, network.head.head[4])


@pytest.fixture(scope="module")
def saved(dpt, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "small-dpt"
    dpt.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "small-dpt"))


def change(folder, **values):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


# --- a folder as save_pretrained writes it ----------------------------------------------------------------------------


def test_a_folder_gives_the_very_network_with_its_own_resizing_and_colours(dpt, saved):
    ours = foreign.from_path(saved)
    assert (ours.name, ours.kind) == ("small-dpt", "affine-inverse") and "small-dpt" in str(ours.origin)
    assert ours.wants == Input(64, 64) and not ours.training
    image = torch.rand(2, 3, 64, 64)  # at the network's own size nothing is resized
    with torch.no_grad():
        expected = dpt((image - 0.5) / 0.5).predicted_depth[:, None]
        assert torch.equal(ours(image), expected) and expected.std() > 0.01
        assert ours(torch.rand(1, 3, 37, 151)).shape == (1, 1, 37, 151)


def test_an_image_that_is_not_square_keeps_its_aspect(dpt, saved):
    image = torch.rand(1, 3, 64, 96)
    assert Input(64, 64).size((64, 96)) == (64, 96)
    with torch.no_grad():
        pixels = (image - 0.5) / 0.5
        states = dpt.dpt(pixels, output_hidden_states=True).hidden_states[1:]
        expected = dpt.head(dpt.neck(list(states), 4, 6))[:, None]  # 4 x 6 patches
        assert torch.equal(foreign.from_path(saved)(image), expected)
        with pytest.raises(RuntimeError):
            dpt(pixels)  # which transformers alone cannot do


def test_it_agrees_with_transformers_own_preparation(dpt, saved):
    processor = transformers.DPTImageProcessor(size={"height": 64, "width": 64}, keep_aspect_ratio=False)
    picture = torch.randint(0, 256, (3, 48, 80), dtype=torch.uint8)
    picture = nn.functional.avg_pool2d(picture.float(), 7, 1, 3).round().to(torch.uint8)
    ours = foreign.from_path(saved)
    ours.wants = Input(64, 64, keep_aspect=False)
    with torch.no_grad():
        theirs = dpt(processor(picture, return_tensors="pt")["pixel_values"])
        expected = processor.post_process_depth_estimation(theirs, target_sizes=[(48, 80)])[0]["predicted_depth"]
        got = ours(picture[None].float() / 255)[0, 0]
    # theirs resizes with another cubic (Pillow's) and rounds to 8 bits in between
    assert torch.corrcoef(torch.stack([got.flatten(), expected.flatten()]))[0, 1] > 0.995


def test_depth_anything_wants_multiples_of_14_and_the_colours_of_imagenet(tmp_path):
    network = networks.depth_anything(70)
    alive(network, network.head.conv3).save_pretrained(tmp_path)
    ours = foreign.from_path(tmp_path)
    assert (ours.wants.height, ours.wants.multiple, ours.wants.keep_aspect) == (70, 14, True)
    assert ours.wants.mean[0] == 0.485
    with torch.no_grad():
        pixels = (torch.rand(1, 3, 70, 98) - ours.mean) / ours.deviation
        expected = network(pixels).predicted_depth[:, None]
        got = ours(pixels * ours.deviation + ours.mean)
    torch.testing.assert_close(got, expected)
    transformers.DPTImageProcessor(size={"height": 42, "width": 42}, ensure_multiple_of=14).save_pretrained(tmp_path)
    assert foreign.from_path(tmp_path).wants == Input(42, 42, 14, False)  # what the folder says has the last word
    for changed in ({"depth_estimation_type": "metric"}, {"depth_estimation_type": "relative", "max_depth": 20}):
        change(tmp_path, **changed)
        with pytest.raises(ValueError, match="metric variant"):
            foreign.from_path(tmp_path)


def test_dpt_on_dinov2_predicts_metres_and_is_refused(folder):
    """As published for NYU and KITTI: read as inverse depth, near and far would change places without a word."""
    change(folder, backbone_config={"model_type": "dinov2"})
    with pytest.raises(ValueError, match="DPT on dinov2, as published for NYU and KITTI: it predicts depth in metres"):
        foreign.from_path(folder)


def test_pickled_weights_are_taken_and_code_in_them_is_not(dpt, folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"small-dpt holds config.json but no weights"):
        foreign.from_path(folder)
    torch.save(dpt.state_dict(), folder / "pytorch_model.bin")
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(foreign.from_path(folder)(image)[:, 0], dpt((image - 0.5) / 0.5).predicted_depth)

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(folder / "exploded"),)

    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Bomb()}, protocol=2))
    with pytest.raises(ValueError, match=r"pytorch_model.bin cannot be read as dpt"):
        foreign.from_path(folder)
    assert not (folder / "exploded").exists()


def test_a_damaged_folder_is_refused_by_name(folder):
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model.safetensors cannot be read as dpt; get it again"):
        foreign.from_path(folder)
    (folder / "config.json").write_text('{"model_type": "dpt", ')
    with pytest.raises(ValueError, match=r"config.json is damaged"):
        foreign.from_path(folder)


def test_weights_that_do_not_fill_the_network_are_refused(dpt, folder):
    from safetensors.torch import save_file

    state = {key: value.clone() for key, value in dpt.state_dict().items()}
    unused = [
        key for key in state if "fusion_stage.layers.0.residual_layer1" in key
    ]  # nor are they in any published file
    fewer = {key: value for key, value in state.items() if key not in unused}
    save_file(fewer, folder / "model.safetensors", metadata={"format": "pt"})
    assert isinstance(foreign.from_path(folder), ZeroShot)
    del fewer["head.head.4.weight"]
    save_file(fewer, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"does not hold the weights of this dpt: it lacks head\.head\.4\.weight$"):
        foreign.from_path(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    change(folder, fusion_hidden_size=16)
    with pytest.raises(ValueError, match=r"model.safetensors (cannot be read as dpt|does not hold the weights)"):
        foreign.from_path(folder)


def test_a_network_in_metres_is_refused(folder):
    change(folder, model_type="zoedepth")
    with pytest.raises(ValueError, match=r"type 'zoedepth'.*Models in metres belong to another protocol"):
        foreign.from_path(folder)


def test_a_path_to_nothing_and_to_something_else(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing at .*expected 'cache', 'hub', 'require', 'none'"):
        foreign.from_path(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is no network: expected config.json"):
        foreign.from_path(tmp_path)


# --- MiDaS's own file -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference():
    """Weights under MiDaS's names, an image, and what MiDaS's own code made of it (tests/reference/README.md)."""
    with np.load(REFERENCE) as stored:
        arrays = {key: torch.from_numpy(stored[key]).float() for key in stored}
    return {"image": arrays.pop("image"), "inverse_depth": arrays.pop("inverse_depth"), "state": arrays}


def test_midas_s_file_runs_in_transformers_class_as_in_midas_s_own_code(reference, tmp_path):
    torch.save(reference["state"], tmp_path / "dpt_large_384.pt")
    ours = foreign.from_path(tmp_path / "dpt_large_384.pt")
    assert ours.wants == Input(64, 64) and ours.name == "dpt-large" and "dpt_large_384.pt" in str(ours.origin)
    with torch.no_grad():
        got = ours(reference["image"])[:, 0, ::2, ::2]
    torch.testing.assert_close(got, reference["inverse_depth"], atol=2e-5, rtol=0)
    assert reference["inverse_depth"].std() > 0.05


def test_other_files_are_refused_and_named(reference, dpt, tmp_path):
    file = tmp_path / "other.pt"
    state = reference["state"]
    for other, said in (
        ({"pretrained.model.patch_embed.backbone.stem.conv.weight": torch.ones(1)}, "DPT-Hybrid"),
        ({"pretrained.layer1.0.weight": torch.ones(1)}, r"MiDaS v2\.1"),
        (dpt.state_dict(), "DPT as transformers names it"),
        ({**state, "scratch.surprise": torch.ones(1)}, r"no place for scratch\.surprise"),
        ({key: value for key, value in state.items() if "cls_token" not in key}, "it lacks .*cls_token"),
        ({key: value for key, value in state.items() if "blocks.2.mlp.fc1" not in key}, r"it lacks .*layer\.2\."),
    ):
        torch.save(other, file)
        with pytest.raises(ValueError, match=rf"other\.pt does not hold .*{said}"):
            foreign.from_path(file)
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match=r"other\.pt is not a file of weights|other\.pt cannot be read as weights"):
        foreign.from_path(file)


# --- a checkout of MiDaS ----------------------------------------------------------------------------------------------

HUBCONF = """
dependencies = ["torch"]
import torch
from tiny_midas_net import Net

def DPT_Large(pretrained=True, **kwargs):
    assert not pretrained, "would download, without a time limit"
    return Net()
"""
NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 1, 1)

    def forward(self, x):
        return self.conv(x)[:, 0]
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delitem(sys.modules, "tiny_midas_net", raising=False)
    place = tmp_path / "MiDaS"
    (place / "weights").mkdir(parents=True)
    (place / "hubconf.py").write_text(HUBCONF)
    (place / "tiny_midas_net.py").write_text(NET)
    state = {"conv.weight": torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), "conv.bias": torch.zeros(1)}
    torch.save(state, place / "weights" / "dpt_large_384.pt")
    return place


def test_a_checkout_runs_its_own_code(checkout):
    ours = foreign.from_path(checkout)
    assert ours.name == "DPT_Large (checkout)" and str(ours.origin) == "weights from dpt_large_384.pt, code of MiDaS"
    image = torch.full((1, 3, 384, 384), 0.75)
    image[:, 0] = 0.5  # red weighs 1, green 2, blue 4: the order of the channels is RGB
    with torch.no_grad():
        torch.testing.assert_close(ours(image), torch.full((1, 1, 384, 384), 2 * 0.5 + 4 * 0.5))
        torch.testing.assert_close(SwappedColours(ours)(image), torch.full((1, 1, 384, 384), 1 * 0.5 + 2 * 0.5))


def test_a_checkout_s_weights_may_lie_in_torch_hub_s_cache(checkout, tmp_path):
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    (checkout / "weights" / "dpt_large_384.pt").rename(cache / "dpt_large-midas-2f21e586.pt")
    assert "dpt_large-midas-2f21e586.pt" in str(foreign.from_path(checkout).origin)
    (cache / "dpt_large-midas-2f21e586.pt").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no weights of DPT_Large: put dpt_large-midas-2f21e586.pt into"):
        foreign.from_path(checkout)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return self.conv(x)[:, 0]", "return self.conv.drop_path(x)", "AttributeError.*drop_path.*timm 0.6.12"),
        ("self.conv = torch.nn.Conv2d(3, 1, 1)", "import timm_of_2022", "ModuleNotFoundError.*timm 0.6.12"),
    ],
)
def test_a_checkout_that_does_not_run_here_is_refused_in_one_sentence(checkout, old, new, said):
    file = checkout / "tiny_midas_net.py"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ValueError, match=rf"DPT_Large of the checkout .*MiDaS does not run \({said}") as caught:
        foreign.from_path(checkout)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 600


def test_wrong_weights_and_entries_of_a_checkout(checkout):
    torch.save({"other": torch.ones(1)}, checkout / "weights" / "dpt_large_384.pt")
    with pytest.raises(ValueError, match=r"dpt_large_384.pt does not hold weights of DPT_Large: .*conv"):
        foreign.from_path(checkout)
    with pytest.raises(ValueError, match="entry 'DPT_Huge' of a checkout is unknown; expected one of DPT_Large"):
        foreign.from_path(checkout, entry="DPT_Huge")
    file = checkout / "hubconf.py"
    file.write_text(file.read_text().replace("return Net()", "return 3"))
    with pytest.raises(ValueError, match="returned int, expected a network"):
        foreign.from_path(checkout)


# --- the caches and the network ---------------------------------------------------------------------------------------


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Empty caches of the hub and of torch.hub, leave to use the network, and a server that nobody runs."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("DEPTHNB_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def at(port: int) -> None:
        address = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(zoo, "DPT_LARGE_URL", f"{address}/dpt_large-midas-2f21e586.pt")

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        at(probe.getsockname()[1])  # free again in a moment: whoever connects is refused
    return at


def in_cache(tmp_path, saved, repository="Intel/dpt-large"):
    place = tmp_path / "hub" / ("models--" + repository.replace("/", "--"))
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("a" * 40)
    shutil.copytree(saved, place / "snapshots" / ("a" * 40))
    return place / "snapshots" / ("a" * 40)


def test_the_cache_of_the_hub_is_used_without_asking_anybody(caches, saved, tmp_path):
    snapshot = in_cache(tmp_path, saved)
    found, said = foreign.find("dpt-large, depth-anything-v2-small")
    assert list(found) == ["dpt-large"] and found["dpt-large"].name == "dpt-large"
    assert said.startswith(
        "dpt-large: weights of Intel/dpt-large from Hugging Face's cache. depth-anything-v2-small: not here"
    )
    assert "0.1 GB" in said and str(tmp_path) not in said
    assert foreign.from_path(snapshot).name == "dpt-large"
    (snapshot / "model.safetensors").unlink()  # a download that was cut off
    assert foreign.find("dpt-large")[0] == {}


def test_the_cache_of_torch_hub_is_used_too(caches, reference, tmp_path, monkeypatch):
    torch.save(reference["state"], tmp_path / "weights.pt")
    name = f"dpt_large-midas-{files.digest(tmp_path / 'weights.pt')[:8]}.pt"
    monkeypatch.setattr(zoo, "DPT_LARGE_URL", f"http://127.0.0.1:1/{name}")
    place = tmp_path / "torch" / "hub" / "checkpoints" / name
    place.parent.mkdir(parents=True)
    (tmp_path / "weights.pt").rename(place)
    found, said = foreign.find("dpt-large")
    assert list(found) == ["dpt-large"] and "torch.hub's cache" in said
    place.write_bytes(place.read_bytes()[:-1] + b"?")
    assert foreign.find("dpt-large")[0] == {}, "it is damaged"


def test_nothing_on_this_machine_is_said_in_one_paragraph(caches):
    found, said = foreign.find(list(zoo.NETWORKS))
    assert found == {} and "\n" not in said
    for name in zoo.NETWORKS:
        assert f"{name}: not here (whole in neither cache)." in said
    assert "Ask for 'hub' to download (dpt-large 1.4 GB," in said and "Intel/dpt-large" in said
    assert foreign.find("dpt-large", "none") == ({}, "No pretrained network: none was asked for.")


def test_without_a_network_it_says_so_at_once_and_asks_only_once(caches):
    began = time.monotonic()
    found, said = foreign.find(list(zoo.NETWORKS), "hub")
    assert found == {} and said.count("cannot be reached") >= 3 and "\n" not in said
    assert time.monotonic() - began < 10
    with pytest.raises(ConnectionError, match="cannot be reached"):
        foreign.find("depth-anything-v2-small", "require")


def test_a_server_that_says_nothing_is_given_up(caches):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(8)  # connections are taken, and never answered
        caches(mute.getsockname()[1])
        began = time.monotonic()
        found, said = foreign.find("depth-anything-v2-small, dpt-hybrid, dpt-large", "hub", timeout=1.5)
        assert time.monotonic() - began < 8
    assert found == {} and said.count("was silent for 1.5 s") == 3


def test_the_network_can_be_forbidden(caches, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConnectionError, match="HF_HUB_OFFLINE is set"):
        hub.download("Intel/dpt-large")


@pytest.fixture
def filled(caches, server, saved):  # noqa: F811
    """A hub of one repository, Intel/dpt-large."""
    caches(server.server_port)
    serve_repository(server, "Intel/dpt-large", "b" * 40, {file.name: file.read_bytes() for file in saved.iterdir()})
    return server


def test_an_answer_for_one_network_says_nothing_of_the_next(filled):
    found, said = foreign.find("dpt-hybrid, dpt-large", "hub", timeout=15)
    assert list(found) == ["dpt-large"] and "dpt-hybrid: not here" in said and "answered 404" in said


def test_what_is_downloaded_stays_in_the_hub_s_cache(filled, tmp_path):
    found, said = foreign.find("dpt-large", "hub", timeout=15)
    assert list(found) == ["dpt-large"] and said == "dpt-large: weights of Intel/dpt-large, downloaded."
    before = len(filled.requests)
    assert "from Hugging Face's cache" in foreign.find("dpt-large", "hub")[1] and len(filled.requests) == before
    (weights,) = (tmp_path / "hub").rglob("model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")  # one number is another one
    assert "dpt-large: not here (whole in neither cache)" in foreign.find("dpt-large")[1]
    assert foreign.referred("hub:dpt-large").origin.detail == "weights of Intel/dpt-large, downloaded"


def test_names_and_training_sets():
    with pytest.raises(ValueError, match="unknown network 'dpt_large'; did you mean 'dpt-large'"):
        foreign.find("dpt_large")
    table = study.training_sets().set_index("network")
    assert not table.loc["dpt-large", zoo.NYU] and table.loc["dpt-large", "sets"] == 10
    assert table.loc[zoo.NEWER[0], zoo.NYU] and table.loc[zoo.NEWER[0], "sets"] == 12


# --- the way in and out -----------------------------------------------------------------------------------------------


def test_sizes_follow_midas_s_transform():
    assert Input().size((375, 1242)) == (384, 1280)  # the side that changes least: KITTI's height
    assert Input(518, 518, 14).size((240, 320)) == (392, 518)
    assert Input(64, 64).size((4, 400)) == (32, 64)  # never without a pixel


def test_depth_is_read_off_inverse_depth_without_infinities():
    assert as_depth(torch.tensor([0.25, 0.5, 0.0, -1.0])).tolist() == pytest.approx([4.0, 2.0, 1e6, 1e6])


def test_photographs_are_asked_about_at_their_own_size_one_at_a_time(tmp_path):
    sizes = []

    class Red(nn.Module):
        def forward(self, image):
            sizes.append(tuple(image.shape))
            return image[:, :1]

    class Frames:
        def __init__(self, images):
            self.images = images

        def native(self):
            return [{"image": image} for image in self.images]

    images = [torch.rand(3, 6, 8), torch.rand(3, 12, 16)]
    answers = study.ask(Red(), Frames(images))
    assert sizes == [(1, 3, 6, 8), (1, 3, 12, 16)] and answers.shape == (2, 1, 6, 8)
    assert torch.equal(answers[0], images[0][:1])


def test_ours_and_published_ones_are_compared_in_three_ways():
    class Channel(nn.Module):
        def __init__(self, number):
            super().__init__()
            self.number = number

        def forward(self, image):
            return image[:, self.number, None] + 0.1

    class Inverse(nn.Module):  # right up to scale and shift
        def forward(self, image):
            return 2 / (1 + 6 * image.mean(1, keepdim=True)) + 3

    frames = Toy(4, size=(32, 48))
    published = ZeroShot(
        Channel(0), Input(32, 48, multiple=16, mean=(0, 0, 0), deviation=(1, 1, 1)), name="red", origin=""
    )
    answers, scored = study.compared({"ours": Inverse(), "red": published}, frames)
    assert list(answers) == ["ours", "red"] and answers["red"].shape == (4, 1, 32, 48)
    assert list(scored)[:3] == ["ours", "ours, fed BGR", "ours, by median"] and len(scored) == 6
    assert scored["ours"].summary["abs_rel"] == pytest.approx(0, abs=1e-4)  # aligned
    assert scored["ours, by median"].summary["abs_rel"] > 0.05  # the unknown shift bends it
    blue, _ = study.compared({"blue": Channel(2)}, frames)
    again = evaluation.evaluate(blue["blue"], frames, protocol="rooms/scale-shift-inverse", kind="affine-inverse")
    assert scored["red, fed BGR"].summary["abs_rel"] == pytest.approx(again.summary["abs_rel"], rel=1e-4)


def test_a_network_that_returns_something_else_is_named():
    class Features(nn.Module):
        def forward(self, x):
            return torch.zeros(len(x), 4, 2, 2)

    with pytest.raises(ValueError, match=r"odd returned \(1, 4, 2, 2\); expected inverse depth"):
        ZeroShot(Features(), Input(32, 32), name="odd", origin="")(torch.rand(1, 3, 32, 32))
