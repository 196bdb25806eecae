"""Pretrained image networks: what is read, what is refused, and that no network is ever waited for."""

import hashlib
import http.server
import os
import pickle
import re
import socket
import threading
import time

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from depthnb.models.blocks import normalise
from depthnb.weights import imagenet
from depthnb.weights.origin import Kind

SMALL = "squeezenet1_1"  # 5 MB


def other_weights(name=SMALL):
    """A network whose weights are not the ones that the next call would draw."""
    with torch.random.fork_rng():
        torch.manual_seed(77)
        return torchvision.models.get_model(name, weights=None)


@pytest.fixture(scope="module")
def network():
    return other_weights()


@pytest.fixture
def pth(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "some.pth")
    return tmp_path / "some.pth"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and leave to use the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("DEPTHNB_OFFLINE", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


def same(one, two):
    return all(torch.equal(value, two.state_dict()[key]) for key, value in one.state_dict().items())


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_of_either_format_fills_the_network(network, pth, tmp_path):
    save_file(network.state_dict(), tmp_path / "some.safetensors")
    for path in (pth, str(pth), tmp_path / "some.safetensors"):
        loaded, origin = imagenet.backbone(SMALL, path)
        assert same(network, loaded) and loaded.training
        assert str(origin) == f"weights from the file {os.path.basename(path)}"
        assert (origin.kind, len(origin.content)) == ("file", 12)


def test_weights_wrapped_by_a_training_script_and_without_a_classifier_are_taken(network, tmp_path):
    body = {f"module.{k}": v for k, v in network.state_dict().items() if not k.startswith("classifier")}
    for wrapped in (
        {"state_dict": body, "epoch": 3},
        {**body, "module.classifier.1.weight": torch.ones(10, 512, 1, 1)},
    ):
        torch.save(wrapped, tmp_path / "wrapped.pth")
        loaded, _ = imagenet.backbone(SMALL, tmp_path / "wrapped.pth")
        assert same(network.features, loaded.features)
        assert loaded.classifier[1].out_channels == 1000


def test_published_densenet_files_name_their_layers_in_the_old_way(tmp_path):
    network = other_weights("densenet121")
    old = {}
    for key, value in network.state_dict().items():
        for layer in ("norm1", "norm2", "conv1", "conv2"):
            if "denselayer" in key:
                key = key.replace(f".{layer}.", f".{layer[:-1]}.{layer[-1]}.")
        if not key.endswith("num_batches_tracked"):  # younger than those files
            old[key] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth", _use_new_zipfile_serialization=False)  # as they are stored
    assert same(network, imagenet.backbone("densenet121", tmp_path / "old.pth")[0])


def test_weights_of_another_network_are_refused_by_name(pth, tmp_path):
    torch.save(other_weights("resnet18").state_dict(), tmp_path / "resnet.pth")
    with pytest.raises(
        ValueError, match=r"resnet\.pth does not hold weights of squeezenet1_1: it lacks features.* more"
    ):
        imagenet.backbone(SMALL, tmp_path / "resnet.pth")
    deeper = {**torch.load(pth, weights_only=True), "features.13.squeeze.weight": torch.ones(1)}
    torch.save(deeper, pth)
    with pytest.raises(ValueError, match=r"squeezenet1_1 has no place for features\.13\.squeeze\.weight$"):
        imagenet.backbone(SMALL, pth)
    del deeper["features.13.squeeze.weight"]
    torch.save({**deeper, "features.0.weight": torch.ones(64, 1, 3, 3)}, pth)
    with pytest.raises(ValueError, match=r"it has another shape of features\.0\.weight$"):
        imagenet.backbone(SMALL, pth)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_damaged_file_is_refused_by_name(network, tmp_path, suffix, damage):
    path = tmp_path / f"some{suffix}"
    save_file(network.state_dict(), path) if suffix == ".safetensors" else torch.save(network.state_dict(), path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"<html>not found</html>"}[damage])
    with pytest.raises(ValueError, match=rf"some\{suffix} (cannot be read as weights|is not a file of weights)"):
        imagenet.backbone(SMALL, path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("\ufeff\n<!DOCTYPE html><html><head><title>404</title>", "a web page: the download failed, get it again"),
        ("<script>{", "a web page: "),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:abc\n",
            "a Git LFS pointer: get them with git lfs pull",
        ),
    ],
)
def test_what_is_often_taken_for_weights_is_called_by_its_name(tmp_path, suffix, start, said):
    (tmp_path / f"some{suffix}").write_text(start * 20, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"some\{suffix} is not a file of weights but {said}"):
        imagenet.backbone(SMALL, tmp_path / f"some{suffix}")


def test_a_file_is_read_by_what_is_in_it_not_by_its_name(network, tmp_path):
    save_file(network.state_dict(), tmp_path / "renamed.pth")
    torch.save(network.state_dict(), tmp_path / "renamed.safetensors")
    # headers of such lengths begin with the bytes of a zip file, of a pickle and of a web page
    for length, name in ((0x4B50, "zip"), (0x4A80, "pickle"), (0x4A3C, "page")):
        whole = (tmp_path / "renamed.pth").read_bytes()
        own = int.from_bytes(whole[:8], "little")
        padded = length.to_bytes(8, "little") + whole[8 : 8 + own].ljust(length) + whole[8 + own :]
        (tmp_path / f"{name}.bin").write_bytes(padded)
    for file in tmp_path.iterdir():
        assert same(network, imagenet.backbone(SMALL, file)[0]), file.name


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("exploded",)


@pytest.mark.parametrize("writer", [torch.save, lambda obj, path: path.write_bytes(pickle.dumps(obj, protocol=2))])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch, writer):
    monkeypatch.chdir(tmp_path)
    writer({"features.0.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(ValueError, match=r"bomb\.pth .*holds more than tensors, which could run code: refused"):
        imagenet.backbone(SMALL, tmp_path / "bomb.pth")
    assert not (tmp_path / "exploded").exists()


def test_what_is_no_state_dict_is_refused(tmp_path):
    for content in ([torch.ones(1)], {}, {"epoch": 3}, {1: torch.ones(2)}):
        torch.save(content, tmp_path / "list.pth")
        with pytest.raises(ValueError, match=r"list\.pth holds (list|dict), expected a state_dict: tensors by name"):
            imagenet.backbone(SMALL, tmp_path / "list.pth")


USELESS = {
    "NaN": (lambda x: torch.full_like(x, torch.nan), "holds NaN or infinite values: .*take another"),
    "one infinity, in half precision": (lambda x: (x + torch.eye(3) * 1e6).half(), "holds NaN or infinite values"),
    "int8": (lambda x: (10 * x).to(torch.int8), "is torch.int8, expected floats"),
    "complex": (lambda x: x.to(torch.complex64), "is torch.complex64, expected floats"),
    "sparse": (lambda x: x.to_sparse(), "is stored as torch.sparse_coo; save it dense"),
    "meta": (lambda x: x.to("meta"), "has no values .*; save the model after its weights were loaded"),
}


@pytest.mark.filterwarnings("ignore:Validating sparse")
@pytest.mark.parametrize("case", USELESS)
def test_tensors_that_are_no_weights_are_refused_by_file_and_layer(network, tmp_path, case):
    change, said = USELESS[case]
    state = network.state_dict()
    torch.save({**state, "features.0.weight": change(state["features.0.weight"])}, tmp_path / "some.pth")
    with pytest.raises(ValueError, match=rf"some\.pth: features\.0\.weight {said}"):
        imagenet.backbone(SMALL, tmp_path / "some.pth")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken(network, tmp_path, dtype):
    torch.save({key: value.to(dtype) for key, value in network.state_dict().items()}, tmp_path / "some.pth")
    loaded, _ = imagenet.backbone(SMALL, tmp_path / "some.pth")
    assert torch.equal(loaded.features[0].weight, network.features[0].weight.to(dtype).float())


def test_wrong_names_and_missing_files_are_answered_with_the_right_ones(tmp_path):
    with pytest.raises(ValueError, match=r"unknown network 'densenet196'; did you mean .*densenet169"):
        imagenet.backbone("densenet196", "none")
    with pytest.raises(FileNotFoundError, match=r"no weights at .*requires; expected 'auto', 'none', 'require' or"):
        imagenet.backbone(SMALL, tmp_path / "requires")
    with pytest.raises(ValueError, match="weights is True; expected 'auto', 'none', 'require' or the path of a file"):
        imagenet.backbone(SMALL, True)


# --- cache and network ------------------------------------------------------------------------------------------------


class Server:
    """A web server of this machine that sends `content`, and as much of it as the test wants."""

    def __init__(self, content: bytes, *, status: int = 200, sent: int | None = None, hold: bool = False) -> None:
        server, self.asked, self.released = self, 0, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked += 1
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[:sent])
                if hold:
                    server.released.wait(30)

            def log_message(self, *_):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.httpd.server_port}"

    def __enter__(self):
        threading.Thread(target=self.httpd.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.httpd.shutdown()
        self.httpd.server_close()


@pytest.fixture
def published(pth, monkeypatch):
    """(content of the published file, its name, how to publish it at a host)"""
    content = pth.read_bytes()
    prefix = hashlib.sha256(content).hexdigest()[:8]
    name = f"{SMALL}-{prefix}.pth"

    def publish(host):
        monkeypatch.setattr(imagenet, "_published", lambda _: (f"http://{host}/models/{name}", prefix))

    return content, name, publish


def test_what_is_downloaded_is_checked_kept_and_not_asked_for_again(network, cache, published):
    content, name, publish = published
    with Server(content) as server:
        publish(server.host)
        for _ in range(2):
            loaded, origin = imagenet.backbone(SMALL)
            assert same(network, loaded) and str(origin) == f"ImageNet weights from {name}"
            assert origin.kind is Kind.IMAGENET and origin.pretrained
        assert server.asked == 1 and [file.name for file in cache.iterdir()] == [name]
        (cache / name).write_bytes(content[:-1])  # a damaged copy is fetched anew
        assert same(network, imagenet.backbone(SMALL, "require")[0])
        assert server.asked == 2 and (cache / name).read_bytes() == content


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"sent": 1000}, r"broke off \(\w+\)"),
        ({"status": 404}, r"answered 404"),
        ({"sent": 1000, "hold": True}, r"was silent for 0\.3 s"),
        ({"sent": 0, "hold": True}, r"was silent for 0\.3 s"),
    ],
)
def test_a_server_that_fails_gives_random_weights_and_one_sentence(cache, published, server, said):
    content, name, publish = published
    with Server(content, **server) as running:
        publish(running.host)
        started = time.monotonic()
        torch.manual_seed(3)
        drawn, origin = imagenet.backbone(SMALL, timeout=0.3)
        assert time.monotonic() - started < 5
        with pytest.raises(
            ConnectionError, match=rf"no ImageNet weights for {SMALL}: .*{said}\. Get http.* put it at /"
        ):
            imagenet.backbone(SMALL, "require", timeout=0.3)
    torch.manual_seed(3)
    assert same(drawn, imagenet.backbone(SMALL, "none")[0])
    assert re.match(
        rf"random weights: no ImageNet weights for {SMALL} \({name} is not in torch\.hub's cache, and .*{said}\)$",
        str(origin),
    )
    assert origin.kind is Kind.NONE and not origin.pretrained
    assert "\n" not in str(origin) and str(cache) not in str(origin)
    assert not [file for file in cache.iterdir() if not file.name.startswith(".")]  # what arrived is kept to go on


def test_what_has_another_checksum_is_thrown_away(cache, published):
    content, name, publish = published
    with Server(content[::-1]) as server:
        publish(server.host)
        _, origin = imagenet.backbone(SMALL)
    assert str(origin).endswith(
        f"({name} is not in torch.hub's cache, and what was downloaded does not have the published checksum)"
    )
    assert not list(cache.iterdir())


def test_no_network_at_all_and_a_name_look_up_that_hangs(cache, published, monkeypatch):
    _, _, publish = published
    publish("127.0.0.1:1")  # nobody listens
    assert "127.0.0.1:1 cannot be reached (ConnectionError)" in str(imagenet.backbone(SMALL)[1])
    publish("weights.invalid")
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(30))
    started = time.monotonic()
    try:
        assert "weights.invalid was silent for 0.2 s" in str(imagenet.backbone(SMALL, timeout=0.2)[1])
        assert time.monotonic() - started < 5
    finally:
        released.set()


def test_offline_the_cache_is_used_and_nobody_is_asked(network, cache, published, monkeypatch):
    content, name, publish = published
    monkeypatch.setenv("DEPTHNB_OFFLINE", "1")
    with Server(content) as server:
        publish(server.host)
        assert "and DEPTHNB_OFFLINE is set" in str(imagenet.backbone(SMALL)[1])
        with pytest.raises(ConnectionError, match="DEPTHNB_OFFLINE is set"):
            imagenet.backbone(SMALL, "require")
        cache.mkdir(parents=True)
        (cache / name).write_bytes(content)
        assert same(network, imagenet.backbone(SMALL, "require")[0])
        assert server.asked == 0


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(cache, published):
    _, _, publish = published
    publish("127.0.0.1:1")
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert "torch.hub's cache, and file exists)" in str(imagenet.backbone(SMALL)[1])


@pytest.mark.parametrize(
    "name",
    ["densenet121", "densenet161", "densenet169", "densenet201", "resnet18", "resnet50", "resnext50_32x4d", "vgg19"],
)
def test_torchvision_still_publishes_what_the_methods_need(name):
    url, prefix = imagenet._published(name)
    assert url.endswith(f"/{name}-{prefix}.pth") and len(prefix) >= 8


def test_random_weights_leave_the_generator_where_found_weights_do(pth):
    torch.manual_seed(0)
    imagenet.backbone(SMALL, "none")
    after = torch.rand(1)
    torch.manual_seed(0)
    imagenet.backbone(SMALL, pth)
    assert torch.equal(after, torch.rand(1))


# --- images -----------------------------------------------------------------------------------------------------------


def test_images_are_normalised_as_torchvision_does():
    image = torch.rand(2, 3, 4, 5)
    preset = torchvision.models.DenseNet169_Weights.IMAGENET1K_V1.transforms()
    assert torch.allclose(
        normalise(image), torchvision.transforms.functional.normalize(image, preset.mean, preset.std), atol=1e-6
    )
    assert normalise(image.bfloat16()).dtype == torch.bfloat16
