"""Style transfer: Gram matrices, distances and their gradients, painting that survives a stop, pictures read as depth."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision.models.vgg import cfgs, make_layers
from toys import Net, Toy

from depthnb import evaluation, models, plotting, runs
from depthnb.models import style_transfer as model
from depthnb.studies.style_transfer import grid, measures
from depthnb.training import painting
from depthnb.training.loop import NonFiniteLoss
from depthnb.training.painting import Recipe, paint
from depthnb.weights import imagenet, timm_networks
from depthnb.weights.origin import Kind, Origin

SIZE = (17, 23)  # odd on purpose
BACKBONE = imagenet.backbone  # the real one
QUICK = {"device": "cpu", "progress": False}
ADAM = Recipe(optimizer="adam", learning_rate=0.02)


@pytest.fixture(autouse=True, scope="module")
def light():
    """VGG networks without their classifiers, which hold most of the weights and take seconds to draw."""

    def backbone(name, weights):
        letter = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}.get(name)
        if letter is None:
            return BACKBONE(name, weights)
        return SimpleNamespace(features=make_layers(cfgs[letter])), Origin(Kind.NONE, "random weights: of a test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.weights, "backbone", backbone)
        yield


def features(network="vgg11", layers="tutorial", **options):
    torch.manual_seed(0)
    return model.vgg(network, layers, **options)


@pytest.fixture(scope="module")
def vgg():
    return features()


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(3, 3, *SIZE, generator=generator), 0.3 * torch.rand(3, 3, *SIZE, generator=generator)


# ---- Gram matrices ------------------------------------------------------------------------------------------------------


def test_gram_is_that_of_a_plain_loop():
    maps = torch.randn(2, 3, 4, 5)
    array = maps.numpy()
    for normalised, divisor in ((True, 3 * 4 * 5), (False, 1)):
        found = model.gram(maps, normalised=normalised).numpy()
        for b in range(2):
            for c in range(3):
                for d in range(3):
                    expected = sum(array[b, c, y, x] * array[b, d, y, x] for y in range(4) for x in range(5)) / divisor
                    assert found[b, c, d] == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_gram_forgets_places_and_nothing_else():
    maps = torch.randn(1, 3, 4, 5)
    moved = maps.flatten(2)[:, :, torch.randperm(20)].view_as(maps)
    assert torch.allclose(model.gram(maps), model.gram(moved), atol=1e-6)
    assert not torch.allclose(model.gram(maps), model.gram(2 * maps))
    alone = maps.clone()
    alone[:, 0] = alone[:, 0].flip(-1)  # one channel moved against the others
    assert not torch.allclose(model.gram(maps), model.gram(alone), atol=1e-3)
    with pytest.raises(ValueError, match=r"\[B,C,H,W\], found shape \(3, 4, 5\)"):
        model.gram(maps[0])


# ---- features -----------------------------------------------------------------------------------------------------------


def test_layers_of_the_tutorial_are_its_first_five_convolutions(pictures):
    found = features("vgg19")(pictures[0])
    assert list(found) == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    assert [tuple(each.shape[1:]) for each in found.values()] == [
        (64, 17, 23), (64, 17, 23), (128, 8, 11), (128, 8, 11), (256, 4, 5),
    ]  # fmt: skip
    assert all(each.min() < 0 for each in found.values()), "taken before the ReLU"
    assert features("vgg19").content == ("conv2_2",)


def test_features_are_what_torchvision_computes(pictures):
    torch.manual_seed(0)
    net, _ = model.weights.backbone("vgg11", "none")
    found = features("vgg11", "gatys")(pictures[0].repeat(1, 1, 2, 2))
    with torch.no_grad():
        x = model.normalise(pictures[0].repeat(1, 1, 2, 2))
        for layer in net.features[:14]:  # up to the second convolution of the fourth block
            x = layer(x.clone())
    assert torch.equal(found["conv4_2"], x)


def test_average_pooling_and_other_networks():
    image = torch.rand(1, 3, 32, 32)
    one, other = features()(image), features(pooling="average")(image)
    assert torch.equal(one["conv1_1"], other["conv1_1"]) and not torch.equal(one["conv2_1"], other["conv2_1"])
    for name in ("vgg13", "vgg16"):
        assert "conv3_1" in features(name).style


def test_origin_is_said_and_real_weights_are_taken(tmp_path, monkeypatch):
    assert features().kind == "VGG-11, random weights" and not features().origin.pretrained
    body = {f"features.{key}": torch.full_like(value, 0.01) for key, value in light_state().items()}
    torch.save(body, tmp_path / "mine.pth")
    monkeypatch.setattr(model.weights, "backbone", BACKBONE)
    taken = features(pretrained=tmp_path / "mine.pth")
    assert taken.kind == "VGG-11, weights from the file mine.pth"
    assert (taken.trunk["conv1_1"].weight == 0.01).all()
    published = Origin(Kind.IMAGENET, "ImageNet weights from vgg11-8a719046.pth", "8a719046aaaa")
    monkeypatch.setattr(model.weights, "backbone", lambda *_: (taken_net(), published))
    assert features().kind == "VGG-11, ImageNet weights"


def taken_net():
    return SimpleNamespace(features=make_layers(cfgs["A"]))


def light_state():
    return taken_net().features.state_dict()


def test_the_same_network_at_other_layers(pictures):
    one = features("vgg19")
    other = one.at("gatys")
    assert other.content == ("conv4_2",) and other.kind == one.kind and other.fingerprint() != one.fingerprint()
    assert torch.equal(other.trunk["conv2_1"].weight, one.trunk["conv2_1"].weight)
    assert other.at("tutorial").fingerprint() == one.fingerprint() == features("vgg19").fingerprint()
    torch.manual_seed(1)
    assert model.vgg("vgg19").fingerprint() != one.fingerprint()


def test_the_encoder_of_a_depth_network():
    torch.manual_seed(0)
    net = models.DenseDepth("densenet121", decoder_width=0.1)
    found = model.depth_encoder(net, origin=Origin(Kind.TRAINED, "weights trained for depth, from a test"))
    maps = found(torch.rand(2, 3, 48, 64))
    assert set(maps) == {"conv0", "denseblock1", "denseblock2"} and len(maps["denseblock1"]) == 2
    assert found.kind == "depth encoder, weights trained for depth" and not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: model.vgg("vgg12"), "unknown network 'vgg12'; expected one of vgg11, vgg13, vgg16, vgg19"),
        (lambda: model.vgg("vgg19", "all"), "unknown layers 'all'; expected one of tutorial, gatys, first"),
        (lambda: model.vgg("vgg19", pooling="sum"), "unknown pooling 'sum'"),
        (lambda: features("vgg19", "gatys")(torch.rand(1, 3, 8, 8)), "8x8 .* too small"),
        (lambda: features()(torch.rand(3, 8, 8)), "found shape"),
        (lambda: Recipe(start="photo"), "start is 'photo'; expected one of content, noise, style"),
        (lambda: Recipe(optimizer="rprop"), "optimizer is 'rprop'"),
        (lambda: Recipe(style_weight=-1.0), "0 or more"),
        (lambda: Recipe(learning_rate=0.0), "above 0"),
        (lambda: model.as_picture(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2) > 0, "log", max_depth=10), "encoding 'log'"),
    ],
)  # fmt: skip
def test_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_pictures_that_do_not_fit_are_refused(vgg, pictures):
    one, other = pictures
    run = {"epochs": 1, **QUICK}
    for contents, styles, message in (
        (one, other[:2], "every picture needs one of each"),
        (one[0], other[0], r"expected pictures \[N,3,H,W\]"),
        (one, torch.full_like(other, torch.nan), "styles hold NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            paint(contents, styles, vgg, ADAM, **run)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        paint(one, other, vgg, ADAM, **{**run, "epochs": 0})


# ---- distances ----------------------------------------------------------------------------------------------------------


def test_distances_are_those_of_a_plain_loop(vgg, pictures):
    contents, styles = pictures
    painted = torch.rand(3, 3, *SIZE)
    content, style = model.Distances(vgg, contents, styles)(painted)
    maps, wanted, manner = vgg(painted), vgg(contents), vgg(styles)
    for b in range(3):
        expected = ((maps["conv2_1"][b] - wanted["conv2_1"][b]).numpy() ** 2).mean()
        assert content[b].item() == pytest.approx(expected, rel=1e-4)
        total = 0.0
        for name in ("conv1_1", "conv2_1", "conv3_1"):
            one, other = (each[name][b].flatten(1).numpy().astype(np.float64) for each in (maps, manner))
            total += ((one @ one.T / one.size - other @ other.T / other.size) ** 2).mean()
        assert style[b].item() == pytest.approx(total, rel=1e-3)


def test_a_picture_is_at_no_distance_from_itself(vgg, pictures):
    contents, styles = pictures
    distances = model.Distances(vgg, contents, styles)
    assert distances(contents)[0].abs().max() == 0 and distances(styles)[1].abs().max() == 0
    with pytest.raises(ValueError, match="3 contents and 2 styles"):
        model.Distances(vgg, contents, styles[:2])


def test_a_step_against_the_gradient_lowers_both_distances(vgg, pictures):
    contents, styles = pictures
    distances = model.Distances(vgg, contents, styles)
    for which in (0, 1):
        x = torch.rand(3, 3, *SIZE, generator=torch.Generator().manual_seed(2)).requires_grad_()
        before = distances(x)[which]
        (slope,) = torch.autograd.grad(before.sum(), x)
        step = 0.01 / slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        assert (distances(x - step * slope)[which] < before).all() and (
            distances(x + step * slope)[which] > before
        ).all()


# ---- painting -----------------------------------------------------------------------------------------------------------

RECIPES = {
    "lbfgs": Recipe(),
    "adam": ADAM.but(start="noise"),
    "sgd": Recipe(optimizer="sgd", learning_rate=0.1, start="style"),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_painting_continued_after_a_stop_has_the_same_bits(recipe, vgg, pictures, tmp_path):
    file = tmp_path / "paint.ckpt"
    whole, history = paint(*pictures, vgg, recipe, epochs=3, batch_size=2, **QUICK)
    paint(*pictures, vgg, recipe, epochs=1, batch_size=2, checkpoint=file, **QUICK)
    torch.rand(5)  # nothing hangs on torch's own generator
    resumed, other = paint(*pictures, vgg, recipe, epochs=3, batch_size=2, checkpoint=file, **QUICK)
    assert torch.equal(whole, resumed)
    columns = ["epoch", "train_loss", "content", "style", "deviation", "clipped"]
    assert history.frame[columns].equals(other.frame[columns]) and len(other.rows) == 3
    again, _ = paint(*pictures, vgg, recipe, epochs=3, batch_size=2, checkpoint=file, **QUICK)
    assert torch.equal(whole, again), "all epochs are there: nothing is painted anew"


def test_a_stop_in_the_middle_of_an_epoch_loses_that_epoch_alone(vgg, pictures, tmp_path, monkeypatch):
    file, looks = tmp_path / "paint.ckpt", []
    whole, _ = paint(*pictures, vgg, ADAM, epochs=2, batch_size=1, **QUICK)
    plain = painting._look

    def interrupted(*given):
        looks.append(1)
        if len(looks) == 5:  # the second picture of the second epoch
            raise KeyboardInterrupt
        return plain(*given)

    monkeypatch.setattr(painting, "_look", interrupted)
    with pytest.raises(KeyboardInterrupt):
        paint(*pictures, vgg, ADAM, epochs=2, batch_size=1, checkpoint=file, **QUICK)
    resumed, history = paint(*pictures, vgg, ADAM, epochs=2, batch_size=1, checkpoint=file, **QUICK)
    assert torch.equal(whole, resumed) and len(looks) == 5 + 3 and len(history.rows) == 2


def test_a_checkpoint_of_something_else_is_refused(vgg, pictures, tmp_path):
    file = tmp_path / "paint.ckpt"
    contents, styles = pictures
    paint(contents, styles, vgg, ADAM, epochs=1, checkpoint=file, **QUICK)
    for given, message in (
        ((contents, styles, vgg, ADAM.but(style_weight=1.0)), "style_weight 1000000.0, now 1.0"),
        ((contents, styles.flip(-1), vgg, ADAM), "styles '"),
        ((contents, styles, features(pooling="average"), ADAM), "features '"),
    ):
        with pytest.raises(ValueError, match=f"another training.*{message}"):
            paint(*given, epochs=2, checkpoint=file, **QUICK)


def test_no_picture_knows_of_the_others(vgg, pictures):
    contents, styles = pictures
    ids = ["a", "b", "c"]
    for recipe in (Recipe(), ADAM.but(start="noise")):
        together, _ = paint(contents, styles, vgg, recipe, epochs=1, batch_size=3, ids=ids, **QUICK)
        alone, _ = paint(contents[1:2], styles[1:2], vgg, recipe, epochs=1, ids=["b"], **QUICK)
        assert torch.allclose(together[1:2], alone, atol=1e-3)
        assert together.min() >= 0 and together.max() <= 1


def test_the_extremes_of_the_weights(vgg, pictures):
    contents, styles = pictures
    still, _ = paint(contents, styles, vgg, Recipe(style_weight=0.0), epochs=1, **QUICK)
    assert torch.equal(still, contents), "nothing pulls a photograph away from itself"
    _, history = paint(contents, styles, vgg, ADAM.but(content_weight=0.0), epochs=3, **QUICK)
    before = model.Distances(vgg, contents, styles)(contents)[1].mean().item()
    assert history.rows[-1]["style"] < 0.5 * before
    _, towards = paint(contents, styles, vgg, ADAM.but(style_weight=0.0, start="noise"), epochs=3, **QUICK)
    assert towards.rows[-1]["content"] < 0.7 * towards.rows[0]["content"]


def test_progress_and_history_are_those_of_every_training(vgg, pictures, capsys):
    _, history = paint(*pictures, vgg, ADAM, epochs=2, device="cpu", name="toy")
    assert capsys.readouterr().out.startswith("toy epoch 1/2: train loss")
    columns = history.frame.columns.tolist()
    assert columns[:5] == ["epoch", "train_loss", "val_loss", "learning_rate", "seconds"]
    assert columns[5:] == ["content", "style", "deviation", "clipped"]
    row = history.rows[-1]
    assert row["train_loss"] == pytest.approx(row["content"] + 1e6 * row["style"], rel=1e-4)


def test_a_loss_that_is_not_finite_names_the_picture(vgg, pictures):
    contents, styles = pictures
    styles = torch.cat([styles[:2], torch.full_like(styles[:1], 1e20)])  # its Gram matrix overflows
    with pytest.raises(NonFiniteLoss, match="after epoch 1 of the picture 2"):
        paint(contents, styles, vgg, ADAM, epochs=1, **QUICK)


# ---- pictures and depth -------------------------------------------------------------------------------------------------


def test_depth_maps_as_pictures_and_back():
    depth = torch.tensor([[[[1.0, 2.0, 4.0, 8.0, -1.0]]]])
    valid = depth > 0
    near = model.as_picture(depth, valid, "inverse", max_depth=10)
    assert near.shape == (1, 3, 1, 5) and near[0, 0, 0, :4].diff().max() < 0 and near.max() == 1
    far = model.as_picture(depth, valid, "depth", max_depth=10)
    assert torch.allclose(far[0, 1, 0], torch.tensor([0.1, 0.2, 0.4, 0.8, 0.375])), "the hole has the mean"
    for encoding in model.ENCODINGS:
        for coloured in (False, True):
            picture = model.as_picture(depth, valid, encoding, max_depth=10, coloured=coloured)
            read = model.as_inverse_depth(picture, encoding)
            found = measures.correlation(read, 1 / depth.abs(), valid).item()
            assert found > (0.999 if not coloured else 0.9)
    assert torch.isfinite(model.as_picture(depth, depth > 100, "inverse", max_depth=10)).all(), "no valid pixel"


def test_correlation_is_numpy_s():
    one, other = torch.randn(2, 1, 5, 6), torch.randn(2, 1, 5, 6)
    valid = torch.rand(2, 1, 5, 6) > 0.3
    other[~valid] = torch.nan
    for b, found in enumerate(measures.correlation(one, other, valid)):
        on = valid[b]
        assert found.item() == pytest.approx(np.corrcoef(one[b][on].numpy(), other[b][on].numpy())[0, 1], abs=1e-5)


def test_reading_a_true_depth_map_gives_depth():
    data = Toy(6, SIZE)
    data.depth = 1 + 6 * data.image[:, :1]
    for encoding in model.ENCODINGS:
        picture = model.as_picture(data.depth, data.valid, encoding, max_depth=data.max_depth)
        found = measures.read(picture, data, encoding=encoding, protocol="rooms/scale-shift-inverse")
        assert found.summary["correlation"] > 0.98 and found.summary["abs_rel"] < 0.05
        assert {"correlation", "with_photo", "deviation"} <= set(found.per_image)
    empty = measures.read(torch.ones(6, 3, *SIZE), data, encoding="inverse", protocol="rooms/scale-shift-inverse")
    assert empty.summary["correlation"] == 0 and empty.summary["abs_rel"] > 0.1
    with pytest.raises(ValueError, match="5 predictions for the 6 frames"):
        measures.read(picture[:5], data, encoding="inverse", protocol="rooms/scale-shift-inverse")


# ---- what the notebook measures ------------------------------------------------------------------------------------------


def test_wishes_and_forces(vgg):
    data, other = Toy(4, SIZE), Toy(4, SIZE, seed=1)
    found = measures.wishes(
        vgg, data.image, data.depth, data.valid, other.depth, other.valid, max_depth=10.0
    ).set_index("candidate")
    for encoding in model.ENCODINGS:
        assert found.loc["the depth map itself", encoding] == 0 and found.loc["the photograph", encoding] == 1
        assert found.loc["the best empty picture", encoding] > 0
    assert (
        found.loc["the depth map itself", "knows"] == pytest.approx(1)
        and found.loc["the best empty picture", "knows"] == 0
    )
    styles = model.as_picture(other.depth, other.valid, "inverse", max_depth=10.0)
    pulls = measures.forces(vgg, data.image, styles, ids=data.ids).set_index("start")
    assert pulls.loc["content", "content_gradient"] == 0 and pulls.loc["style", "style_gradient"] == 0
    noise = pulls.loc["noise"]
    assert noise["balance"] == pytest.approx(noise["content_gradient"] / noise["style_gradient"])


def test_the_empty_picture_comes_from_the_units(vgg):
    data = Toy(1, SIZE)
    data.depth = 3 + data.depth / 4
    table, pictures = measures.set_ups(vgg, data.image, data.depth, data.valid, max_depth=10.0, epochs=3, device="cpu")
    table = table.set_index("set-up")
    assert table.loc["metres, from the depth map", "empty"] and table.loc["8 bits, from the depth map", "empty"]
    assert table.loc["metres, from the depth map", "clipped"] == 1
    assert table.loc["the tutorial, saved as 8 bits without x 255", "empty"]
    assert not table.loc["the tutorial", "empty"] and table.loc["the tutorial", "style_after"] > 0
    assert list(pictures) == ["the photograph", "its depth map", *table.index] and all(
        torch.isfinite(each).all() for each in pictures.values()
    )


def test_the_grid_varies_one_thing_at_a_time_and_continues(tmp_path, reports, capsys):
    data, other = Toy(2, (32, 32)), Toy(2, (32, 32), seed=1)
    styles = model.as_picture(other.depth, other.valid, "inverse", max_depth=10.0)
    options = {
        "layers": "first", "encoding": "inverse", "protocol": "rooms/scale-shift-inverse",
        "epochs": 1, "batch_size": 2, "seed": 0, "device": "cpu", "checkpoint": lambda name: tmp_path / f"{name}.ckpt",
    }  # fmt: skip
    base = features("vgg11", "first")
    table = grid.grid(data, styles, base, ADAM, size="coarse", **options)
    assert table.groupby("axis").size().to_dict() == {"weight and start": 9, "layers": 3, "network": 2}
    same = table[(table["style_weight"] == 1e6) & (table["start"] == "content")]
    same = same[(same["network"] == "VGG-11") & (same["layers"] == "first")]
    assert len(same) == 3 and same["abs_rel"].nunique() == 1, "the base stands in every part"
    assert set(table["made_by"]) == {"VGG-11, random weights", "VGG-19, random weights"}
    assert "grid cell 14/14" in capsys.readouterr().out
    assert grid.grid(data, styles, base, ADAM, size="coarse", **options).equals(table)
    with pytest.raises(ValueError, match="unknown grid 'huge'; expected coarse or fine"):
        grid.grid(data, styles, base, ADAM, size="huge", **options)
    assert plotting.recipes(table, {"constant": 0.3}).axes[0].get_xscale() == "log"


def test_a_trained_encoder_is_found_where_there_is_one(reports):
    assert grid.trained_encoder("tutorial", dataset="toy")[0] is None
    torch.manual_seed(0)
    parameters = {"run": "quick", "seed": 0, "dataset": "toy"}
    done = runs.start("05_densenet", parameters, data={"test": Toy(2)})
    done.save_model(models.DenseDepth("densenet121", decoder_width=0.1))
    done.record(metrics={"test": {"abs_rel": 0.2}})
    done.finish()
    found, said = grid.trained_encoder("tutorial", dataset="toy")
    assert found.network == "depth encoder" and "05_densenet/quick (abs_rel 0.200)" in said
    assert grid.trained_encoder("tutorial", dataset="rooms")[0] is None


def test_without_the_weights_of_vgg_the_features_are_those_of_a_network_that_has_learnt(monkeypatch, pictures):
    monkeypatch.setattr(model.weights, "cached", lambda name: False)
    found = model.network(pretrained="auto")
    assert found.kind == "EfficientNet-Lite0, ImageNet weights" and found.colours == {
        "mean": (0.5,) * 3,
        "deviation": (0.5,) * 3,
    }
    assert model.network(model.LITE, pretrained="none").kind == "EfficientNet-Lite0, random weights"
    assert model.network("vgg11", pretrained="none").network == "VGG-11"
    monkeypatch.setattr(model.weights, "cached", lambda name: name == "vgg19")
    assert model.network(pretrained="auto").network == "VGG-19"
    with pytest.raises(ValueError, match="unknown network 'resnet50'; expected one of auto, vgg11"):
        model.network("resnet50")
    large = pictures[0].repeat(1, 1, 3, 3)
    for preset in model.PRESETS:
        maps = found.at(preset)(large)
        assert set(maps) == {
            *model._layers("efficientnetlite0", preset)[0],
            *model._layers("efficientnetlite0", preset)[1],
        }
        sides = [-(-large.shape[-1] // each.shape[-1]) for each in maps.values()]
        assert sides == sorted(sides) and sides[0] == 2
    assert not any(parameter.requires_grad for parameter in found.parameters())
    wanted = timm_networks.features(model.LITE, "auto")[0].eval()((large - 0.5) / 0.5)
    assert torch.allclose(found.at("gatys")(large)["block6"], wanted[-1], atol=1e-4)


def test_figures_say_what_made_them(vgg, pictures):
    contents, _ = pictures
    figure = plotting.signed(plotting.painted({"a": contents[0], "b": contents[1]}, notes={"a": "x"}), vgg.kind)
    assert "random weights" in figure.get_suptitle() and "VGG-11, random weights" in figure.alt
    _, history = paint(*pictures, vgg, ADAM, epochs=1, **QUICK)
    assert len(plotting.distances({"one": history}).axes) == 3


def test_predictions_made_before_score_as_their_model_does():
    class Whole(Toy):
        def subset(self, indices):
            return range(len(indices))  # only counted

    data, net = Whole(5, (12, 16)), Net()
    net.layers[-1].bias.data += 2  # metres that the protocol does not clip
    made = evaluation.predict(net, data)
    one, other = (evaluation.evaluate(each, data) for each in (net, made))
    assert one.summary == pytest.approx(other.summary, nan_ok=True) and one.per_image.equals(other.per_image)
    whole, small = (evaluation.gallery({"a": made}, data, [3, 1], size=size) for size in (None, (6, 8)))
    assert torch.equal(whole["preds"]["a"], made[[3, 1]])
    assert {tuple(each.shape[-2:]) for each in (*small["preds"].values(), small["depth"], small["image"])} == {(6, 8)}
    with pytest.raises(ValueError, match="4 predictions for the 5 frames"):
        evaluation.evaluate(made[:4], data)
