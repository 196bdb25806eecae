"""Files of weights as training scripts leave them: unwrapped, or refused by a sentence that names the wrapping."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from depthnb.weights import imagenet, reading

SMALL = "squeezenet1_1"


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(5)
    return {key: torch.rand_like(value) for key, value in imagenet.backbone(SMALL, "none")[0].state_dict().items()}


def prefixed(state, *prefixes):
    return {f"{prefix}{key}": value for prefix in prefixes for key, value in state.items()}


WRAPPED = {
    "tutorial": lambda s: {"epoch": 3, "model_state_dict": s, "optimizer_state_dict": {"state": {}, "lr": 0.1}, "loss": 0.3},
    "net": lambda s: {"net": s, "epoch": 3},
    "compiled": lambda s: prefixed(s, "_orig_mod."),
    "compiled, parallel": lambda s: prefixed(s, "module._orig_mod."),
    "Lightning": lambda s: {"state_dict": prefixed(s, "model."), "epoch": 3, "hyper_parameters": {"lr": 0.1}},
    "Lightning, compiled, beside a loss": lambda s: {
        "state_dict": {**prefixed(s, "net._orig_mod."), "loss.weight": torch.ones(3)}, "epoch": 3,
    },
    "encoder of a depth net": lambda s: {**prefixed(s, "backbone."), "decoder.0.weight": torch.ones(3)},
    "deep in one": lambda s: {"model": prefixed(s, "student.encoder.body."), "epoch": 1},
    "twice wrapped": lambda s: {"model": {"state_dict": prefixed(s, "module.")}, "args": {"lr": 1}},
    "average beside it": lambda s: {"model": s, "model_ema": {k: v + 1 for k, v in s.items()}},
    "average alone": lambda s: {"state_dict_ema": s},
}  # fmt: skip


@pytest.mark.parametrize("case", WRAPPED)
def test_usual_wrappings_are_taken_off(state, tmp_path, case):
    torch.save(WRAPPED[case](state), tmp_path / "some.pth")
    loaded = imagenet.backbone(SMALL, tmp_path / "some.pth")[0].state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_two_networks_in_one_file_are_not_guessed_between(state, tmp_path):
    torch.save(prefixed(state, "student.", "teacher."), tmp_path / "two.pth")
    with pytest.raises(
        ValueError, match=r"squeezenet1_1 2 times, as 'student.' and 'teacher.'; keep one .*removeprefix"
    ):
        imagenet.backbone(SMALL, tmp_path / "two.pth")
    torch.save({"generator": state, "critic": state, "epoch": 3}, tmp_path / "gan.pth")
    with pytest.raises(ValueError, match=r"networks 'generator', 'critic'.*torch.load\(FILE\)\['generator'\]"):
        imagenet.backbone(SMALL, tmp_path / "gan.pth")


def test_a_deeper_network_under_a_prefix_is_still_another_network(state, tmp_path):
    more = {**prefixed(state, "backbone."), "backbone.features.13.squeeze.weight": torch.ones(1)}
    torch.save(more, tmp_path / "some.pth")
    with pytest.raises(ValueError, match=r"has no place for backbone\.features\.13\.squeeze\.weight$"):
        imagenet.backbone(SMALL, tmp_path / "some.pth")


def test_a_whole_model_is_refused_with_the_line_that_converts_it(tmp_path):
    torch.save({"state_dict": {}, "args": SimpleNamespace(lr=1)}, tmp_path / "some.ckpt")
    with pytest.raises(ValueError, match=r"could run code: refused.*weights_only=False\)\['state_dict'\]"):
        reading.read(tmp_path / "some.ckpt")


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("net.h5", b"\x89HDF\r\n\x1a\n", "a TensorFlow or Keras file"),
        ("net.gguf", b"GGUF\x03", "a GGUF file"),
        ("net.onnx", b"\x08\x07\x12", "an ONNX file"),
    ],
)
def test_weights_of_other_frameworks_are_called_by_their_name(tmp_path, name, start, what):
    (tmp_path / name).write_bytes(start + bytes(200))
    with pytest.raises(ValueError, match=f"is not a file of weights but {what}: .*PyTorch version"):
        reading.read(tmp_path / name)


def test_a_net_saved_through_its_wrappings_loads_as_itself(tmp_path):
    from depthnb import models

    class Wrapped(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

    net = models.BNCNN(width=4, depth=1)
    models.save(Wrapped(Wrapped(net)), tmp_path / "net.safetensors")
    loaded = models.load(tmp_path / "net.safetensors").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in net.state_dict().items())
