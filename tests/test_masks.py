"""What lies under a mask changes nothing: NaN and both infinities there, through every public function that takes `valid`.

The functions are found in the package itself, so that a new one without a case here fails.
"""

import importlib
import inspect
import pkgutil
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from toys import Net, Toy

import depthnb
from depthnb import evaluation, losses, metrics, models, plotting, pointcloud, training
from depthnb.data import planarity, statistics, transforms
from depthnb.data.inspection import pairs, planes
from depthnb.metrics import alignment, boundaries, edges, ssim, surfaces, variation
from depthnb.metrics.regions import regions
from depthnb.metrics.uncertainty import Uncertainty, Unit, sparsification
from depthnb.models import gan, style_transfer
from depthnb.studies import bn_cnn, densenet, eigen, hma, today, unet
from depthnb.training import adversarial

SIZE = (48, 64)
JUNK = (torch.nan, torch.inf, -torch.inf)
K = torch.tensor([[50.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
ROOMS = {"protocol": "rooms"}


def maps(junk: float, batch: int = 3) -> dict[str, torch.Tensor]:
    """image, pred, depth and valid [B,C,H,W]; `junk` in pred and depth wherever valid is False; `whole`, pred without it."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 3, *SIZE, generator=generator)
    depth = 1 + 3 * torch.linspace(0, 1, SIZE[1]).expand(batch, 1, *SIZE) + 0.01 * image.mean(1, keepdim=True)
    depth[..., 30:] += 2.0
    pred = depth * (0.8 + 0.4 * torch.rand(depth.shape, generator=generator))
    valid = torch.rand(depth.shape, generator=generator) > 0.002
    valid[:, :, 20:30, 10:24] = False
    valid[:, :, :, -7:] = False
    depth, masked = (torch.where(valid, values, junk) for values in (depth, pred))
    return {"image": image, "pred": masked, "whole": pred, "depth": depth, "valid": valid}


class Frames(Toy):
    """A data set whose truth is `junk` wherever it is not valid."""

    def __init__(self, junk: float, frames: int = 4) -> None:
        super().__init__(frames, SIZE)
        given = maps(junk, frames)
        self.image, self.depth, self.valid = given["image"], given["depth"], given["valid"]

    @property
    def valid_share(self) -> float:
        return float(self.valid.float().mean())

    def batch(self, indices) -> dict:
        return {**super().batch(indices), "intrinsics": K.expand(len(indices), 3, 3)}

    def subset(self, indices, seed: int = 0):
        numbers = list(range(indices)) if isinstance(indices, int) else list(indices)
        part = Frames(0.0, len(numbers))
        part.image, part.depth, part.valid = (each[numbers] for each in (self.image, self.depth, self.valid))
        return part


def three(given: dict) -> dict:
    return {name: given[name] for name in ("pred", "depth", "valid")}


def known(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """The values that count, where a function returns maps and may leave anything elsewhere."""
    return torch.where(valid, values, 0.0)


def measured(function, **options):
    return lambda given: function(**three(given), **options)


def drawn(figure: Figure) -> np.ndarray:
    figure.set_dpi(50)
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba()).copy()
    plt.close(figure)
    return picture


def resized(given):
    depth, valid = transforms.resize_depth(given["depth"], given["valid"], (17, 23))
    return known(depth, valid), valid


def augmented(given):
    batch = {**given, "intrinsics": K.expand(3, 3, 3), "id": ["a", "b", "c"]}
    made = transforms.augment(batch, seed=0, epoch=1, rotate=5.0, flip=0.5, crop_size=(40, 50), zoom=1.5)
    return made["image"], known(made["depth"], made["valid"]), made["valid"]


def discriminated(given):
    torch.manual_seed(0)
    judge = models.PatchDiscriminator(channels=4)
    return judge(given["image"], given["pred"], given["valid"])


def varied(given):
    sums = variation.Variation("rooms")
    sums.add(**three(given))
    return sums.ratio(), sums.sums


def scored(given):
    rule = metrics.protocol("kitti-garg")
    maps_only = {name: given[name] for name in ("depth", "valid")}
    return rule.counts(**maps_only), rule.in_range(**maps_only)


def masked_by(function, *names, **options):
    """A function of positional maps, called with these of the maps."""
    return lambda given: function(*(given[name] for name in names), **options)


def initialised(given):
    image = torch.nn.functional.interpolate(given["image"], (64, 80))
    depth, valid = (torch.nn.functional.interpolate(given[name].float(), (64, 80)) for name in ("depth", "valid"))
    return eigen.initialisations((64, 80), {"image": image, "depth": depth, "valid": valid > 0})


def points(given):
    cloud = pointcloud.points(given["depth"][0], given["valid"][0], K, given["image"][0])
    return tuple(cloud) if isinstance(cloud, tuple) else cloud


def grid(function, **options):
    def draw(given):
        shown = {name: given[name] for name in ("image", "depth", "valid")}
        # a picture shows the whole prediction: where the truth has a hole, that is what one wants to see
        return drawn(function(**shown, preds={"net": given["whole"]}, **options))

    return draw


def scales(given):
    masks = torch.full((3, 2, *SIZE), 0.5)
    depths = given["whole"].expand(-1, 2, -1, -1)
    shown = (given[name] for name in ("image", "depth", "valid"))
    return drawn(plotting.scales_grid(*shown, depths, masks, names=("H/2", "H"), starts=(0.5, 0.5)))


def doubted(given):
    shown = {"error": given["pred"], "unsure": given["whole"], "valid": given["valid"]}
    return drawn(plotting.doubts(given["image"], **shown, label=""))


def doubting(given):
    pred = torch.cat([given["pred"], given["whole"]], 1)  # a net that doubts does so everywhere
    return today.loss_with_doubt(pred=pred, depth=given["depth"], valid=given["valid"])


def verdicts(given):
    said = {"net": torch.full((1, 1, 3, 4), 0.5)}
    return drawn(plotting.verdicts(given["image"][:1], given["valid"][:1], {"net": given["pred"][:1]}, said))


# module.function -> what it returns of the maps
def looked_at(given: dict, collector: object, *names: str) -> object:
    """`collector` after the frames of a batch, twice as large so that no picture is too small to look at."""
    for i in range(len(given["valid"])):
        large = [given[name][i].repeat_interleave(2, -1).repeat_interleave(2, -2) for name in names]
        collector.add(i, *large, *([K] if isinstance(collector, planes.Planes) else []))
    assert len(vars(collector)["maps" if isinstance(collector, pairs.Pairs) else "parts"]) == len(given["valid"])
    return collector


CASES = {
    **{
        f"losses.{name}": measured(getattr(losses, name))
        for name in ("l1", "log_l1", "mse", "gradient", "scale_shift_invariant", "gradient_matching", "midas")
    },
    "losses.silog": measured(losses.silog, lam=0.85, root=True, per_image=False),
    "losses.ssim": measured(losses.ssim, data_range=10.0, window=7),
    "losses.keras_example": measured(losses.keras_example, data_range=10.0, window=7),
    "losses.mare": measured(losses.mare, edge_weighting=True),
    "losses.densedepth": measured(losses.densedepth, max_depth=10.0),
    "metrics.alignment.fit_scale_shift": lambda given: alignment.fit_scale_shift(
        pred=given["pred"], target=given["depth"], valid=given["valid"]
    ),
    "metrics.alignment.align": lambda given: [
        known(metrics.align(**three(given), how=how, max_depth=10.0), given["valid"]) for how in metrics_alignments()
    ],
    "plotting.doubt.doubts": doubted,
    "studies.today.loss": measured(today.loss),
    "studies.today.loss_with_doubt": doubting,
    "metrics.edges.edges": measured(edges.edges, **ROOMS),
    "metrics.measures.evaluate": measured(metrics.evaluate, **ROOMS),
    "metrics.measures.per_image": measured(metrics.per_image, protocol="rooms/median"),
    "metrics.measures.band_statistics": measured(metrics.band_statistics, **ROOMS, edges=(0.1, 2, 5)),
    "metrics.measures.all_statistics": lambda given: [
        *metrics.all_statistics(**three(given), **ROOMS, edges=(0.1, 2, 5))
    ],
    "metrics.measures.by_distance": measured(metrics.by_distance, **ROOMS, edges=(0.1, 2, 5)),
    "metrics.measures.aligned": lambda given: known(
        metrics.aligned(**three(given), protocol="rooms/scale-shift-inverse"), given["valid"]
    ),
    "metrics.measures.statistics": measured(metrics.statistics, **ROOMS),
    "metrics.protocols.Protocol.counts": scored,
    "metrics.protocols.Protocol.in_range": scored,
    "metrics.ssim.wholly_valid": masked_by(ssim.wholly_valid, "valid", window=3),
    "metrics.ssim.trusted_windows": masked_by(ssim.trusted_windows, "valid", window=3, share=0.5),
    "metrics.boundaries.boundary_f1": measured(boundaries.boundary_f1, **ROOMS),
    "metrics.surfaces.normal_error": measured(surfaces.normal_error, **ROOMS, intrinsics=K.expand(3, 3, 3), smooth=2.0),
    "metrics.surfaces.plane_residual": measured(
        surfaces.plane_residual, **ROOMS, intrinsics=K.expand(3, 3, 3), flat=0.05
    ),
    "metrics.uncertainty.sparsification": lambda given: sparsification(
        **three(given), **ROOMS, uncertainty=Uncertainty(given["whole"] / 10, Unit.METRES, "")
    ),
    "metrics.variation.contrast": measured(variation.contrast, **ROOMS),
    "metrics.variation.log_as_scored": measured(variation.log_as_scored, **ROOMS),
    "metrics.variation.centre_over_border": measured(variation.centre_over_border, **ROOMS),
    "metrics.regions.regions": lambda given: [
        regions(depth, valid) for depth, valid in zip(given["depth"], given["valid"], strict=True)
    ],
    "metrics.variation.correlation": masked_by(variation.correlation, "pred", "depth", "valid"),
    "metrics.variation.Variation.add": varied,
    "metrics.variation.variation": measured(variation.variation, **ROOMS),
    "data.inspection.planes.readings": lambda given: planes.readings(
        given["depth"][0, 0].double().numpy(), given["valid"][0, 0].numpy(), K.double().numpy()
    ),
    "data.inspection.planes.Planes.add": lambda given: looked_at(given, planes.Planes(), "depth", "valid"),
    "data.inspection.pairs.depth_edges": lambda given: pairs.depth_edges(
        given["depth"][0, 0].double().numpy(), given["valid"][0, 0].numpy()
    ),
    "data.inspection.pairs.Pairs.add": lambda given: looked_at(given, pairs.Pairs(), "image", "depth", "valid"),
    "data.planarity.residuals": lambda given: planarity.residuals(given["depth"][0], given["valid"][0], K),
    "data.transforms.resize_depth": resized,
    "data.transforms.augment": augmented,
    "models.gan.bounded": masked_by(gan.bounded, "depth", "valid", max_depth=10.0),
    "models.gan.PatchDiscriminator.forward": discriminated,
    "models.gan.PatchDiscriminator.judged": lambda given: models.PatchDiscriminator(channels=4).judged(given["valid"]),
    "models.style_transfer.as_picture": lambda given: [
        style_transfer.as_picture(given["depth"], given["valid"], how, max_depth=10.0)
        for how in style_transfer.ENCODINGS
    ],
    "plotting.errors.scatter_truth_pred": lambda given: drawn(plotting.scatter_truth_pred(**three(given), max_depth=10.0)),
    "plotting.errors.radial_table": lambda given: plotting.radial_table(
        {"net": given["pred"]}, given["depth"], given["valid"]
    ),
    "plotting.pictures.depth_grid": lambda given: drawn(
        plotting.depth_grid(given["image"], given["depth"], given["valid"])
    ),
    "plotting.pictures.predictions_grid": grid(plotting.predictions_grid),
    "plotting.pictures.methods_grid": grid(plotting.methods_grid),
    "plotting.pictures.showcase": lambda given: drawn(
        plotting.showcase(
            given["image"],
            given["depth"],
            given["valid"],
            given["whole"],
            [[np.ones((4, 4, 3))] * 2] * len(given["image"]),
        )
    ),
    "plotting.scales.scales_grid": scales,
    "plotting.players.verdicts": verdicts,
    "pointcloud.points": points,
    "studies.bn_cnn.loss_in_unit": lambda given: bn_cnn.loss_in_unit(losses.mse, 100.0, **three(given)),
    "studies.bn_cnn.loss_ranges": lambda given: bn_cnn.loss_ranges(
        {"net": given["pred"]}, depth=given["depth"], valid=given["valid"]
    ),
    "studies.densenet.loss_terms": lambda given: densenet.loss_terms(
        [(24, 32)], pred=1 + given["image"][:, :1], depth=given["depth"], valid=given["valid"], max_depth=10.0
    ),
    "studies.today.in_space": lambda given: today.in_space(
        {"image": given["image"][0], "intrinsics": K}, given["depth"][0], given["valid"][0]
    ),
    "studies.unet.cross_entropies": lambda given: unet.cross_entropies(depth=given["depth"], valid=given["valid"]),
    # which shows what a formula makes of the prediction where a hole is taken for 0 m
    "studies.unet.with_and_without_mask": lambda given: unet.with_and_without_mask(
        pred=given["whole"], depth=given["depth"], valid=given["valid"]
    ),
    "studies.eigen.initialisations": initialised,
}  # fmt: skip
# they look at shapes or at the mask alone, refuse what is not finite where it counts, or hand what they get to a function above
EXEMPT = {
    "metrics.checks.check_maps",
    "metrics.checks.check_finite",
    # 08 trains pictures for minutes; what they take of a depth map is `as_picture`
    "studies.style_transfer.measures.wishes",
    "studies.style_transfer.measures.set_ups",
    # which says whether a gradient is 0 under the mask, so what lies there is the question
    "course.gradients.slopes",
}


def metrics_alignments():
    return ("none", "median", "scale", "scale-shift", "scale-shift-inverse")


def a_net() -> torch.nn.Module:
    torch.manual_seed(0)
    return models.UNet(channels=2, start=3.0).eval()


def trained(frames):
    net = Net(plain=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    given = {"loss": losses.l1, "optimizer": optimizer, "epochs": 1, "batch_size": 2, "progress": False}
    history = training.fit(net, frames, frames, **given, augment=partial(transforms.augment, rotate=3.0))
    return history.frame[["train_loss", "val_loss"]], net.state_dict()


def played(frames):
    torch.manual_seed(0)
    nets = models.Pix2PixGenerator(channels=2, steps=2), models.PatchDiscriminator(channels=2)
    players = [adversarial.Player(net, torch.optim.SGD(net.parameters(), lr=0.01)) for net in nets]
    history = adversarial.fit(
        *players, frames, frames, loss=losses.log_l1, adversarial_weight=0.1, epochs=1, batch_size=2, progress=False
    )
    return history.frame.drop(columns="seconds"), nets[0].state_dict(), nets[1].state_dict()


def shared_out(frames):
    torch.manual_seed(0)
    table = hma.shares(models.HMADepth("resnet18", width=32), frames, [0, 1])
    return table, table.attrs


def judged(frames):
    result = evaluation.evaluate(a_net(), frames)
    return result.summary, result.per_image, result.by_distance, result.predictions


def shown(frames):
    made = evaluation.gallery({"net": a_net()}, frames, [0, 1], size=(24, 32))
    return {**made, "depth": known(made["depth"], made["valid"])}


# of a whole data set
SETS = {
    "statistics.summary": statistics.summary,
    "statistics.depth": lambda frames: vars(statistics.depth(frames)),
    "statistics.mean_depth": statistics.mean_depth,
    "statistics.geometric_mean_depth": statistics.geometric_mean_depth,
    "statistics.middle_and_border": statistics.middle_and_border,
    "statistics.lookup": statistics.lookup,
    "evaluation.evaluate": judged,
    "evaluation.baselines": lambda frames: [each.summary for each in evaluation.baselines(frames, frames).values()],
    "evaluation.gallery": shown,
    "evaluation.ceiling": lambda frames: evaluation.ceiling(frames, (24, 32)),
    "evaluation.flatness": lambda frames: evaluation.flatness({"net": a_net()}, frames, [0, 1]),
    "studies.unet.bridges": lambda frames: unet.bridges(a_net(), frames),
    "studies.hma.shares": shared_out,
    "training.fit": trained,
    "training.adversarial.fit": played,
}


def same(one, two) -> bool:
    """Equal to the last bit, in whatever they are wrapped; NaN equals NaN."""
    if isinstance(one, torch.Tensor):
        return one.shape == two.shape and torch.equal(one.nan_to_num(-7.0), two.nan_to_num(-7.0))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
    if isinstance(one, pd.DataFrame | pd.Series):
        return one.equals(two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    if hasattr(one, "__dict__"):
        return same(vars(one), vars(two))
    return one == two or (one != one and two != two)


def taking_masks() -> set[str]:
    """Names of the package's public functions and methods with an argument `valid`."""
    names = set()
    for info in pkgutil.walk_packages(depthnb.__path__, "depthnb."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        own = {name: each for name, each in vars(module).items() if getattr(each, "__module__", "") == info.name}
        for name, each in list(own.items()):
            if inspect.isclass(each):
                own |= {f"{name}.{key}": value for key, value in vars(each).items() if inspect.isfunction(value)}
        for name, each in own.items():
            hidden = any(part.startswith("_") for part in name.split("."))
            if inspect.isfunction(each) and not hidden and "valid" in inspect.signature(each).parameters:
                names.add(f"{info.name.removeprefix('depthnb.')}.{name}")
    return names


def test_every_public_function_with_a_mask_has_a_case():
    assert taking_masks() - CASES.keys() - EXEMPT == set()
    by_batch = {"data.transforms.augment", "studies.eigen.initialisations", "plotting.pictures.depth_grid"}
    assert (CASES.keys() | EXEMPT) - taking_masks() == by_batch, "cases of functions that are no more"


@pytest.mark.parametrize("name", CASES)
def test_junk_under_the_mask_changes_nothing(name):
    expected = CASES[name](maps(0.0))
    for junk in JUNK:
        assert same(CASES[name](maps(junk)), expected), junk


@pytest.mark.parametrize("name", SETS)
def test_junk_under_the_masks_of_a_data_set_changes_nothing(name):
    expected = SETS[name](Frames(0.0))
    for junk in JUNK:
        assert same(SETS[name](Frames(junk)), expected), junk


def test_the_comparison_sees_a_difference():
    changed = maps(0.0)
    changed["pred"][0, 0, 0, 1] += 0.5  # the corner alone is in no surface
    numbers = {name: case for name, case in CASES.items() if name.startswith(("losses", "metrics"))}
    unmoved = [name for name, case in numbers.items() if same(case(changed), case(maps(0.0)))]
    assert set(unmoved) == {
        "metrics.regions.regions",
        "metrics.ssim.wholly_valid",
        "metrics.ssim.trusted_windows",
        *(f"metrics.protocols.Protocol.{name}" for name in ("counts", "in_range")),
    }, "only these do not look at the prediction"
