"""The networks: shapes, counts from formulas, what is frozen, what is refused, and weights that come back bit for bit."""

import json
import os
import resource
import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from depthnb import models
from depthnb.models import blocks, eigen

SMALL = (64, 80)  # the smallest that Eigen's layers allow, nearly


def nets() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    coarse = models.EigenCoarse(SMALL)
    return {"BNCNN": models.BNCNN(width=4, depth=3), "EigenCoarse": coarse, "EigenFine": models.EigenFine(coarse)}


# --- shapes and counts ------------------------------------------------------------------------------------------------


def test_the_unit_of_the_target_changes_the_scale_and_nothing_else():
    one, centi = (models.BNCNN(width=2, depth=2, unit=unit) for unit in (1.0, 100.0))
    centi.load_state_dict(one.state_dict())
    image = torch.rand(2, 3, 16, 16)
    assert torch.allclose(one.eval()(image), 100 * centi.eval()(image), rtol=1e-5)


@pytest.mark.parametrize(("size", "output"), [((114, 152), (26, 36)), ((63, 63), (14, 14)), ((65, 130), (14, 30))])
def test_eigen_predicts_at_a_quarter(size, output):
    coarse = models.EigenCoarse(size)
    image = torch.rand(2, 3, *size)
    assert eigen.output_size(size) == output
    assert coarse(image).shape == models.EigenFine(coarse)(image).shape == (2, 1, *output)


@pytest.fixture(scope="module")
def printed():
    """The nets at the size of the paper, 304x228 -> 74x55 (width x height): 67 million weights, so made once."""
    return models.EigenFine(models.EigenCoarse((228, 304)))


def test_eigen_is_as_printed_layer_by_layer(printed):
    """Figure 1 of Eigen et al. and section 3.1 of Lacelle and Nofal."""
    assert printed(torch.rand(1, 3, 228, 304)).shape == (1, 1, 55, 74)
    table = models.describe(printed, (228, 304))
    expected = [
        "96 x 55 x 74", "96 x 27 x 37", "256 x 27 x 37", "256 x 13 x 18", "384 x 13 x 18", "256 x 6 x 8", "4096", "4070",
        "63 x 110 x 148", "63 x 55 x 74", "64 x 55 x 74", "1 x 55 x 74",
    ]  # fmt: skip
    positions = [table.output.tolist().index(shape) for shape in expected]
    assert positions == sorted(positions)
    assert table.columns.tolist() == ["layer", "kind", "output", "parameters"]


def conv(channels_in, channels_out, kernel, bias=True):
    return channels_in * channels_out * kernel**2 + bias * channels_out


@pytest.mark.parametrize(("width", "depth"), [(32, 4), (8, 1), (16, 5)])
def test_bn_cnn_has_as_many_weights_as_its_formula(width, depth):
    widths = [width * 2**i for i in range(depth)]
    down = sum(conv(i, o, 3, bias=False) + 2 * o for i, o in zip([3, *widths[:-1]], widths, strict=True))
    ups = zip(widths[::-1], [*widths[-2::-1], width], strict=True)
    up = sum(conv(i, o, 4, bias=False) + 2 * o for i, o in ups)
    assert models.parameter_count(models.BNCNN(width=width, depth=depth)) == down + up + conv(width, 1, 3)


def test_eigen_has_as_many_weights_as_its_formula(printed):
    convolutions = conv(3, 96, 11) + conv(96, 256, 5) + conv(256, 384, 3) + conv(384, 384, 3) + conv(384, 256, 3)
    linear = (256 * 6 * 8) * 4096 + 4096 + 4096 * (55 * 74) + 55 * 74
    assert models.parameter_count(printed.coarse) == convolutions + linear
    fine = conv(3, 63, 9) + conv(64, 64, 5) + conv(64, 1, 5)
    assert models.parameter_count(printed) == convolutions + linear + fine


def test_describe_leaves_the_net_as_it_was():
    for name, net in nets().items():
        before = {key: value.clone() for key, value in net.state_dict().items()}
        net.train()
        modes = [module.training for module in net.modules()]
        table = models.describe(net, SMALL)
        assert table.parameters.sum() == models.parameter_count(net), name
        assert modes == [module.training for module in net.modules()]
        assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
        assert not any(module._forward_hooks for module in net.modules())


def test_describe_counts_a_module_that_runs_twice_once():
    layer = nn.Conv2d(3, 3, 1)
    assert models.describe(nn.Sequential(layer, layer), (4, 4)).parameters.tolist() == [12, 0]


# --- learning ---------------------------------------------------------------------------------------------------------


def test_the_fine_net_learns_alone_and_its_coarse_net_sleeps():
    torch.manual_seed(0)
    fine = models.EigenFine(models.EigenCoarse(SMALL, dropout=0.9)).train()
    assert fine.training and not any(module.training for module in fine.coarse.modules())
    image = torch.rand(2, 3, *SMALL)
    assert torch.equal(fine(image), fine(image)), "dropout of the coarse net is off"
    fine(image).sum().backward()
    learning = {name for name, parameter in fine.named_parameters() if parameter.grad is not None}
    assert learning == {name for name, _ in fine.named_parameters() if not name.startswith("coarse.")}
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in fine.coarse.parameters())


def test_the_coarse_net_drops_out_in_training_only():
    torch.manual_seed(0)
    coarse, image = models.EigenCoarse(SMALL), torch.rand(2, 3, *SMALL)
    assert not torch.equal(coarse.train()(image), coarse(image))
    assert torch.equal(coarse.eval()(image), coarse(image))


def test_the_fine_net_joins_the_coarse_prediction():
    torch.manual_seed(0)
    fine, image = models.EigenFine(models.EigenCoarse(SMALL)).eval(), torch.rand(1, 3, *SMALL)
    before = fine(image)
    with torch.no_grad():
        fine.coarse.coarse7.bias += 1.0
    assert not torch.allclose(before, fine(image))


def test_learning_rates_reach_the_layers_that_document_003_gives_them_to():
    coarse = models.EigenCoarse(SMALL)
    fine = models.EigenFine(models.EigenCoarse(SMALL))

    def rates(net):
        rate = {id(p): group["lr"] for group in net.parameter_groups() for p in group["params"]}
        return {name.split(".")[0]: rate.get(id(p)) for name, p in net.named_parameters()}

    assert rates(coarse) == {**{f"coarse{i}": 0.001 for i in range(1, 6)}, "coarse6": 0.1, "coarse7": 0.1}
    assert rates(fine) == {"fine1": 0.001, "fine3": 0.01, "fine4": 0.001, "coarse": None}


@pytest.mark.parametrize(
    ("how", "conv_std", "linear_std"),
    [
        ("kaiming-xavier", (2 / (96 * 25)) ** 0.5, None),
        ("normal-0.01", 0.01, 0.01),
        ("normal-1", 1.0, 1.0),
        ("uniform-1", 3**-0.5, 3**-0.5),
        ("zeros", 0.0, 0.0),
    ],
)
def test_initialisations_are_what_they_are_called(how, conv_std, linear_std):
    torch.manual_seed(0)
    net = models.EigenCoarse(SMALL, initialisation=how)
    linear = net.coarse7.weight
    linear_std = (2 / sum(linear.shape)) ** 0.5 if linear_std is None else linear_std
    assert net.coarse2[0].weight.std().item() == pytest.approx(conv_std, rel=0.02)
    assert linear.std().item() == pytest.approx(linear_std, rel=0.02)
    assert not any(parameter.any() for name, parameter in net.named_parameters() if name.endswith("bias"))


def test_the_default_of_pytorch_is_one_of_them():
    torch.manual_seed(0)
    net = models.EigenCoarse(SMALL, initialisation="pytorch")
    for layer, inputs in ((net.coarse2[0], 96 * 25), (net.coarse7, 4096)):
        for values in (layer.weight, layer.bias):
            assert 0.97 * inputs**-0.5 < values.abs().max() <= inputs**-0.5, "uniform up to one over the root"


def test_eigen_starts_at_a_depth():
    image = torch.full((1, 3, *SMALL), 0.5)  # which both nets shift to zero: no feature, so only biases are left
    coarse = models.EigenCoarse(SMALL).eval().start_at(2.5)
    assert torch.allclose(coarse(image), torch.tensor(2.5))
    fine = models.EigenFine(coarse).start_at(3.0).eval()
    fine.fine3[0].weight.data.zero_()  # else the coarse output shines through
    assert torch.allclose(fine(image), torch.tensor(3.0))
    for depth in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="above 0"):
            coarse.start_at(depth)


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_wrong_sizes_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"image size 15x40 .* at least 16"):
        models.BNCNN(width=2, depth=4)(torch.rand(1, 3, 15, 40))
    for name in ("EigenCoarse", "EigenFine"):
        with pytest.raises(
            ValueError, match=r"built for images of 64 x 80 \(H x W\), found 80 x 64; open the data with size="
        ):
            nets()[name](torch.rand(1, 3, 80, 64))
    with pytest.raises(ValueError, match=r"at least 63 pixels a side, found 62 x 80"):
        models.EigenCoarse((62, 80))
    with pytest.raises(ValueError, match=r"unknown initialisation 'he'; known: kaiming-xavier, pytorch, normal-0.01"):
        models.EigenCoarse(SMALL, initialisation="he")
    with pytest.raises(ValueError, match=r"32.*next size that fits is 64x96"):
        blocks.check_image(torch.rand(1, 3, 40, 65), multiple=32)


def test_unknown_models_are_refused():
    with pytest.raises(ValueError, match="unknown model 'VNet'; known: BNCNN"):
        models.build("VNet", {})


# --- weights ----------------------------------------------------------------------------------------------------------


def test_pth_of_document_000_loads_with_weights_only(tmp_path):
    """Its network was kept as a .pth file: a state_dict, loaded without running anything that a pickle may hold."""
    net, again = (models.BNCNN(width=2, depth=2) for _ in range(2))
    torch.save(net.state_dict(), tmp_path / "model.pth")
    again.load_state_dict(torch.load(tmp_path / "model.pth", weights_only=True))
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(net.eval()(image), again.eval()(image))
    torch.save(net, tmp_path / "whole.pth")  # the whole module is what weights_only refuses
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(tmp_path / "whole.pth", weights_only=True)


def test_missing_weights_name_the_command_that_makes_them(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no weights at .*model.safetensors; make them with: the notebook of that"
    ):
        models.load(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"command": "papermill notebooks/02.ipynb out.ipynb -p seed 3"}))
    with pytest.raises(FileNotFoundError, match=r"make them with: papermill notebooks/02.ipynb out.ipynb -p seed 3"):
        models.load(tmp_path)


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path):
    file = models.save(models.BNCNN(width=2, depth=1), tmp_path / "model.safetensors")
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:-1], b"not safetensors at all, but long enough to be read"):
        file.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"model\.safetensors is not a readable safetensors file .*delete it and train"
        ):
            models.load(file)
    config = json.dumps({"width": 2, "depth": 1, "unit": 1.0})
    for metadata, said in (
        (None, "was not written by depthnb.models.save"),
        ({"model": "BNCNN", "config": "{"}, "does not fit"),
        ({"model": "BNCNN", "config": '{"breadth": 2}'}, "does not fit"),
        ({"model": "VNet", "config": "{}"}, "does not fit .*unknown model 'VNet'"),
        ({"model": "BNCNN", "config": config}, "does not fit"),
    ):
        save_file({"weight": torch.ones(3)}, file, metadata=metadata)
        with pytest.raises(ValueError, match=f"model.safetensors.*{said}"):
            models.load(file)


def test_a_full_disk_leaves_the_weights_before(tmp_path, monkeypatch):
    file = models.save(models.BNCNN(width=2, depth=1), tmp_path / "model.safetensors")
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", _no_room)
        with pytest.raises(OSError, match=r"could not write .*model\.safetensors .*No space left"):
            models.save(models.BNCNN(width=4, depth=1), file)
    assert file.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == ["model.safetensors"]


def _no_room(*_):
    raise OSError(28, "No space left on device")


def crafted(path, model, config, tensors=None):
    """A file of weights as a stranger may write it."""
    text = config if isinstance(config, str) else json.dumps(config)
    save_file(tensors or {"head.weight": torch.zeros(1)}, path, metadata={"model": model, "config": text})
    return path


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("BNCNN", {"depth": 24}),
        ("BNCNN", {"width": 4096, "depth": 9}),
        ("BNCNN", {"width": 10**9}),
        ("BNCNN", {"depth": 10**300}),
        ("UNet", {"channels": 4096}),
        ("UNet", {"encoder": "convnext_xxlarge"}),
        ("DenseDepth", {"encoder": "vgg19"}),
        ("EigenCoarse", {"size": [100_000, 100_000]}),
        ("HMADepth", {"backbone": "resnet50", "width": 65536}),
        ("Pix2PixGenerator", {"channels": 4096}),
        ("PatchDiscriminator", {"layers": 5_000_000}),
        ("CanonicalCamera", {"net": "BNCNN", "config": {"depth": 24}, "focal": 100.0}),
        ("FPN", {"width": 5_000_000}),
    ],
)
def test_a_file_cannot_ask_for_a_larger_net_than_it_holds(tmp_path, model, config):
    file = crafted(tmp_path / "m.safetensors", model, config)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(
        ValueError, match=r"m\.safetensors does not fit this version of depthnb \(.+\); delete it"
    ) as error:
        models.load(file)
    assert time.process_time() - started < 20 and len(str(error.value)) < 700
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 700_000, "kB; the nets take gigabytes"


@pytest.mark.parametrize("where", ["plain", "inside"])
def test_a_file_cannot_lead_to_other_weights(tmp_path, where):
    """`pretrained` would read any file of the machine."""
    (tmp_path / "private.pth").write_text("private")
    config = {"encoder": "resnet18", "pretrained": str(tmp_path / "private.pth")}
    asked = (
        ("UNet", config) if where == "plain" else ("CanonicalCamera", {"net": "UNet", "config": config, "focal": 9.0})
    )
    with pytest.raises(ValueError, match=r"asks for other weights, pretrained '/.+; expected its own alone"):
        models.load(crafted(tmp_path / "m.safetensors", *asked))


@pytest.mark.parametrize(
    "text", ['{"depth": ' + "[" * 100_000, "[1]", '{"depth": "4"}', '{"depth": null}', '{"unit": NaN}']
)
def test_a_configuration_that_is_none_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"m\.safetensors does not fit this version of depthnb"):
        models.load(crafted(tmp_path / "m.safetensors", "BNCNN", text))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, value):
    net = models.BNCNN(width=4, depth=2)
    file = models.save(net, tmp_path / "m.safetensors")
    whole = file.read_bytes()
    with torch.no_grad():
        net.up[0].weight[0, 0, 0, 0] = value
    with pytest.raises(
        ValueError, match=r"not saved to .*: up\.0\.weight of this BNCNN holds NaN or infinite.*learning rate"
    ):
        models.save(net, file)
    assert file.read_bytes() == whole and [each.name for each in tmp_path.iterdir()] == [file.name]
    crafted(file, "BNCNN", net.config, net.state_dict())
    with pytest.raises(ValueError, match=r"m\.safetensors: up\.0\.weight holds NaN or infinite values"):
        models.load(file)


def test_the_same_weights_are_the_same_bytes(tmp_path):
    net = models.BNCNN(width=2, depth=2)
    files = [models.save(net, tmp_path / f"{number}.safetensors") for number in range(12)]
    assert len({file.read_bytes() for file in files}) == 1
    loaded = models.load(files[0])
    assert loaded.config == net.config
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in net.state_dict().items())
