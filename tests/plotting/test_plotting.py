"""Figures: what they show is right, they are small, and they leave nothing behind."""

import dataclasses
import gc
import io
import subprocess
import sys
import warnings
import weakref

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from depthnb import plotting
from depthnb.data.statistics import DepthSummary
from depthnb.plotting import beside, palette, reduced, style
from depthnb.report import results

GREY = np.array([0xB8] * 3)


def frames(count=3, height=48, width=64):
    """Smooth made-up frames: a floor that comes nearer downwards, a box, a strip of invalid pixels at the right."""
    rows = torch.linspace(8, 1, height)[None, None, :, None].expand(count, 1, height, width).clone()
    rows[:, :, 10:30, 10:30] = 2.0
    image = (rows / 8).repeat(1, 3, 1, 1).clamp(0, 1)
    valid = torch.ones_like(rows, dtype=torch.bool)
    valid[..., 48:] = False
    return image, rows, valid


def history(epochs=12, drop=6):
    epoch = np.arange(1, epochs + 1)
    loss = np.exp(-epoch / 5)
    rate = np.where(epoch < drop, 0.1, 0.01)
    return pd.DataFrame({"epoch": epoch, "train_loss": loss, "val_loss": loss * 1.1, "learning_rate": rate})


def bands(scale=1.0):
    lower = np.arange(0.0, 10.0)
    pixels = np.array([0, 50, 100, 80, 60, 40, 20, 10, 5, 2])
    return pd.DataFrame({"lower": lower, "upper": lower + 1, "pixels": pixels, "abs_rel": scale * 0.1 * (1 + lower)})


def per_image(scale=1.0):
    types = ["bedroom", "office", "kitchen"] * 4
    return pd.DataFrame({"scene_type": types, "abs_rel": scale * np.linspace(0.1, 0.4, 12)})


def methods():
    return pd.DataFrame(
        {
            "method": ["mean_image", "fine", "coarse"],
            "kind": ["baseline", "ours", "ours"],
            "abs_rel": [0.5, 0.2, 0.215],
            "rmse": [1.5, 0.8, np.nan],
            "delta1": [0.4, 0.7, 0.61],
            "parameters": [0, 1e6, 8e7],
            "seconds": [0, 30.0, 900.0],
        }
    )


def compared():
    names = ["today", "a method with a long name (quick, random weights)", "U-Net", "GAN"]
    rows = [
        {"better": names[i], "worse": names[j], "change (%)": -10.0 * (j - i), "verdict": verdict}
        for (i, j), verdict in {
            (0, 1): "holds", (0, 2): "holds", (0, 3): "undecided",
            (1, 2): "no difference that matters", (1, 3): "not tested here", (2, 3): "holds",
        }.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def rivals():
    names = ["adversarial", "discriminator", "true_recognised", "false_recognised"]
    columns = {name: [0.5, 0.6, 0.7] for name in [*names, *(f"val_{name}" for name in names), "val_variation"]}
    return pd.DataFrame({"epoch": [1, 2, 3], **columns})


def activations():
    rows = [
        (init, f"layer{i}", 0.1**i if init == "small" else 1.0, 0.0) for init in ("small", "good") for i in range(4)
    ]
    return pd.DataFrame(rows, columns=["initialisation", "layer", "activation_std", "gradient_std"])


def summary():
    _, depth, valid = frames()
    depth, valid, edges = depth.numpy()[:, 0], valid.numpy()[:, 0], np.linspace(0, 10, 51)
    counts = (np.histogram(d, edges)[0] for d in (depth[valid], depth))
    return DepthSummary(edges, *counts, np.where(valid[0], depth[0], np.nan), valid.sum(0), len(depth))


def swept(n):
    """A table of evidence.ablations: the base and n - 1 changes, the last of them not tested."""
    changes = range(1, n)
    notes = [*("" for _ in changes[:-1]), "too few seeds"]
    effects = [*(-3.0 * i for i in changes[:-1]), None]
    columns = {"changed": ["(base)", *(f"scales={i}" for i in changes)], "note": ["", *notes]}
    columns["beside"] = ["", *("(base)" for _ in changes)]
    columns |= {"change (%)": [None, *effects], "low": [None, *(e and e - 2 for e in effects)]}
    return pd.DataFrame({**columns, "high": [None, *(e and e + 2 for e in effects)]}).convert_dtypes(
        convert_string=False
    )


def changed():
    """A table of studies.robustness: two nets and a third one that is not told its camera, changes and corruptions."""
    changes = [("base", 0, "unchanged"), ("wall-dark", 0, "dark walls"), ("view-90", 0, "wider view (90°)")]
    changes += [(name, strength, name) for name in ("noise", "motion") for strength in (1, 2, 3)]
    rows = []
    for i, method in enumerate(["U-Net", "Today's recipe", "Today's recipe, not told"]):
        for j, (change, strength, said) in enumerate(changes):
            ratio = 1.0 if change == "base" else 1.1 + 0.2 * i + 0.1 * j
            columns = {"method": method, "change": change, "strength": strength, "said": said, "ratio": ratio}
            rows.append({**columns, "low": 0.9 * ratio, "high": 1.2 * ratio, "beside": 0.4 + 0.1 * j})
    return pd.DataFrame(rows)


def of_views():
    table = changed().query("change in ['base', 'view-90']")
    return table.assign(degrees=table["change"].map({"base": 57.0, "view-90": 90.0}))


def left_out():
    shares = np.linspace(0, 0.95, 20)
    return pd.DataFrame(
        {
            "left out": shares,
            "its own": 0.2 - 0.1 * shares,
            "mirror": 0.2 - 0.05 * shares,
            "oracle": 0.2 - 0.2 * shares,
            "random": 0.2,
        }
    )


def every_figure():
    image, depth, valid = frames()
    counted = pd.DataFrame({"scene_type": ["office", "bedroom"], "frames": [3, 9]})
    listed = pd.DataFrame(
        {"scene_type": ["a", "a", "b"], "scene": ["a1", "a2", "b1"], "split": ["train", "test", "test"]}
    )
    noisy = depth * 1.1
    return {
        "depth_grid": plotting.depth_grid(image, depth, valid, titles=["one", "two", "three"]),
        "predictions_grid": plotting.predictions_grid(
            image, depth, valid, {"ours": noisy}, scores={"ours": [1, 2, "x"]}
        ),
        "methods_grid": plotting.methods_grid(image, depth, valid, {"a": noisy, "b": depth[..., ::2, ::2]}),
        "showcase": plotting.showcase(image, depth, valid, noisy, [[np.ones((6, 8, 3))] * 2] * len(image)),
        "scales_grid": plotting.scales_grid(
            image,
            depth,
            valid,
            noisy.repeat(1, 2, 1, 1),
            torch.full((3, 2, 48, 64), 0.5),
            names=["H/2", "H"],
            starts=[0.6, 0.4],
        ),
        "sparsification": plotting.sparsification(left_out()),
        "doubts": plotting.doubts(image, noisy / 10, noisy / 20, valid, label="difference from the mirror image"),
        "curves": plotting.curves(history()),
        "curves of two": plotting.curves({"a": history(), "b": history()}, log=True),
        "players": plotting.players({"GAN": rivals(), "L1 alone": rivals()}),
        "verdicts": plotting.verdicts(
            image,
            valid,
            {"truth": depth, "GAN": noisy},
            {"truth": torch.rand(3, 1, 5, 7), "GAN": torch.rand(3, 1, 5, 7)},
        ),
        "activation_stats": plotting.activation_stats(activations()),
        "distribution": plotting.distribution({"ours": listed, "theirs": counted}, hue="split"),
        "depth_histogram": plotting.depth_histogram({"train": summary(), "val": summary()}),
        "valid_fraction": plotting.valid_fraction(summary()),
        "mean_depth_image": plotting.mean_depth_image(summary()),
        "by_distance": plotting.by_distance({"mean_depth": bands(2), "ours": bands()}),
        "by_scene_type": plotting.by_scene_type({"mean_depth": per_image(2), "ours": per_image()}),
        "scatter": plotting.scatter_truth_pred(pred=noisy, depth=depth, valid=valid, max_depth=10),
        "radial_profile": plotting.radial_profile(plotting.radial_table({"ours": noisy}, depth, valid)),
        "ranking": plotting.ranking(methods()),
        "pairs": plotting.pairs(compared(), decided="holds", same="no difference that matters"),
        "error_vs_cost": plotting.error_vs_cost(methods()),
        "spread": plotting.spread(pd.DataFrame({"method": ["a", "a", "b"], "abs_rel": [0.1, 0.2, 0.3]})),
        "changes": plotting.changes(changed()),
        "corrupted": plotting.corrupted(changed()),
        "fields_of_view": plotting.fields_of_view(of_views()),
        "ablations": plotting.ablations({"one": swept(4), "two": swept(3), "three": swept(2)}),
    }


@pytest.fixture(scope="module")
def figures():
    state = np.random.get_state
    before, settings = state()[1].copy(), dict(mpl.rcParams)
    made = every_figure()
    assert (state()[1] == before).all(), "drawing used numpy's global random numbers"
    assert dict(mpl.rcParams) == settings, "drawing changed matplotlib's settings"
    for figure in made.values():  # drawn once for all tests: this takes most of their time
        figure.content = plotting.encode(figure)
    return made


def pixels(figure, ax):
    """RGB of the rendered figure inside one axes, as [h,w,3] integers."""
    picture = np.asarray(Image.open(io.BytesIO(plotting.encode(figure, "png"))).convert("RGB")).astype(int)
    box = ax.get_window_extent()
    height = picture.shape[0]
    return picture[round(height - box.y1) : round(height - box.y0), round(box.x0) : round(box.x1)]


def test_every_figure_fits_a_notebook_and_is_small(figures):
    for name, figure in figures.items():
        assert isinstance(figure, plotting.Figure), name
        assert figure.get_size_inches()[0] <= plotting.MAX_WIDTH, name
        content = figure.content
        assert len(content) < 150_000, f"{name}: {len(content)} bytes"
        assert content[:3] == (b"\xff\xd8\xff" if figure.image_format == "jpeg" else b"\x89PN"), name
        width, _ = Image.open(io.BytesIO(content)).size
        assert width == round(figure.get_size_inches()[0] * plotting.DPI), name


def test_text_is_large_enough_and_nothing_is_cut_off(figures):
    for name, figure in figures.items():
        sizes = {t.get_fontsize() for t in figure.findobj(mpl.text.Text) if t.get_visible() and t.get_text().strip()}
        assert min(sizes) >= 8, name
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(drawn.x0, drawn.y0) >= -0.03 and drawn.x1 <= width + 0.03 and drawn.y1 <= height + 0.03, name


def test_columns_are_labelled_where_the_last_row_is_not_full(figures):
    labels = [ax.get_xlabel() for ax in figures["depth_grid"].axes[:12]]
    assert labels == ["", "", "", "image", "depth", "valid (white)", "image", "depth", "valid (white)", "", "", ""]


def test_no_figure_describes_itself_with_nothing(figures):
    assert all(len(figure.alt) > 10 for figure in figures.values())


def test_pyplot_stays_out_of_it(figures):
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []
    code = "import sys; import depthnb.plotting; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0, "import depthnb.plotting imported pyplot"


def test_figures_are_freed():
    image, depth, valid = frames()
    alive = []
    for _ in range(5):
        figure = plotting.depth_grid(image, depth, valid)
        plotting.encode(figure)
        plotting.show(figure)
        alive.append(weakref.ref(figure))
        del figure
    gc.collect()
    assert [ref() for ref in alive] == [None] * 5


@pytest.mark.parametrize("name", ["depth_grid", "predictions_grid", "methods_grid"])
def test_depth_limits_are_shared_and_in_metres(figures, name):
    figure = figures[name]
    maps = [m for ax in figure.axes for m in ax.images if m.get_cmap().name == "viridis_r"]
    assert len(maps) >= 3
    assert len({m.get_clim() for m in maps}) == 1
    assert any("(m)" in ax.get_xlabel() and "near is bright" in ax.get_xlabel() for ax in figure.axes)


def test_invalid_is_grey_and_near_is_brighter_than_far():
    image, depth, valid = frames(1)
    figure = plotting.depth_grid(image, depth, valid)
    shown = pixels(figure, figure.axes[1])
    height, width = shown.shape[:2]
    right = shown[height // 4 : -height // 4, int(width * 0.8) : -3]
    left = shown[height // 4 : -height // 4, 3 : int(width * 0.7)]
    assert np.abs(right - GREY).max() <= 3
    assert np.abs(left - GREY).sum(-1).min() > 10
    assert shown[height - 4, 4].sum() > shown[4, 4].sum() + 100  # the floor in front against the far wall


def test_error_map_ignores_what_invalid_pixels_hold():
    image, depth, valid = frames(1)
    nonsense = torch.where(valid, depth, torch.tensor(float("nan")))
    wild = torch.where(valid, depth, torch.tensor(-1e9))
    for error in ("abs_rel", "metres"):
        made = [
            plotting.predictions_grid(image, d, valid, {"p": depth + 0.5}, error=error) for d in (depth, nonsense, wild)
        ]
        contents = {plotting.encode(figure) for figure in made}
        assert len(contents) == 1


def test_error_values_are_right():
    image, depth, valid = frames(1)
    figure = plotting.predictions_grid(image, depth, valid, {"p": depth * 1.25})
    shown = figure.axes[3].images[0].get_array()
    assert np.allclose(shown.compressed(), 0.25, atol=1e-5)
    assert shown.mask.mean() == pytest.approx(0.25)


def test_sparse_depth_stays_visible_when_shrunk():
    depth = torch.full((1, 1, 370, 1240), 20.0)
    valid = torch.zeros_like(depth, dtype=torch.bool)
    valid[..., ::12, ::31] = True
    figure = plotting.depth_grid(torch.ones(1, 3, 370, 1240), depth, valid)
    shown = pixels(figure, figure.axes[1])
    coloured = np.abs(shown - GREY).sum(-1) > 30
    assert coloured.mean() > 0.03, "LiDAR points are lost"
    assert figure.axes[2].get_title(loc="right") == f"{100 * valid.float().mean():.1f} % valid"


def test_shapes_that_do_not_fit_are_named():
    image, depth, valid = frames()
    with pytest.raises(ValueError, match=r"\[B,1,H,W\]"):
        plotting.depth_grid(image, depth[:, 0], valid)
    with pytest.raises(ValueError, match="resize predictions"):
        plotting.predictions_grid(image, depth, valid, {"p": depth[..., ::2]})
    with pytest.raises(ValueError, match="methods_grid"):
        plotting.predictions_grid(image, depth, valid, {str(i): depth for i in range(4)})
    with pytest.raises(ValueError, match="2 titles for 3 frames"):
        plotting.depth_grid(image, depth, valid, titles=["a", "b"])


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="upper"):
        plotting.by_distance(bands().drop(columns="upper"))
    with pytest.raises(ValueError, match="no row 'nobody' to compare with; the table has mean_image, fine, coarse"):
        plotting.ranking(methods(), opponent="nobody")
    with pytest.raises(ValueError, match="no column to draw"):
        plotting.curves(history()[["epoch"]])


def test_curves_mark_best_epoch_and_learning_rate_drop():
    frame = history()
    frame.loc[4, "val_loss"] = 0.001
    ax = plotting.curves(frame).axes[0]
    labels = [line.get_label() for line in ax.lines]
    assert "least validation loss: 0.001 at epoch 5" in labels
    assert list(ax.lines[labels.index("learning rate reduced")].get_xdata()) == [6, 6]


def test_curves_take_stages_and_smooth_schedules():
    staged = pd.concat([history().assign(stage="coarse"), history().assign(stage="fine")])
    figure = plotting.curves(staged)
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == ["coarse", "fine"]
    smooth = history(40)
    smooth["learning_rate"] = 0.85 ** smooth["epoch"]
    assert all(line.get_label() != "learning rate reduced" for line in plotting.curves(smooth).axes[0].lines)


def test_populations_get_panels_of_their_own(figures):
    axes = figures["distribution"].axes
    titles = [ax.get_title() for ax in axes]
    assert titles == ["ours: 3 frames", "ours: 3 scenes", "theirs: 12 frames", ""]
    assert [t.get_text() for t in axes[2].get_yticklabels()] == ["bedroom", "office"]  # most frequent first


def test_valid_fraction_leaves_out_what_the_data_cannot_say():
    assert len(plotting.valid_fraction(summary()).axes) == 2
    alone = plotting.valid_fraction(dataclasses.replace(summary(), known_pixels=None))
    assert [ax.get_title() for ax in alone.axes] == ["by image region, mean 75%"]


def test_mean_depth_image_says_the_mean_over_valid_pixels():
    _, depth, valid = frames()
    title = plotting.mean_depth_image(summary()).axes[0].get_title()
    assert title == f"mean of 3 frames, {depth[valid].mean():.2f} m overall"


def test_radial_table_is_the_mean_of_rings():
    depth = torch.zeros(1, 1, 41, 41)
    y, x = torch.meshgrid(torch.arange(41) - 20.0, torch.arange(41) - 20.0, indexing="ij")
    depth[0, 0] = torch.hypot(x, y) / (20 * 2**0.5)  # depth equals the radius, so every ring's mean lies in the ring
    valid = torch.rand(depth.shape, generator=torch.Generator().manual_seed(0)) > 0.3
    table = plotting.radial_table({"double": 2 * depth}, depth, valid, bins=5)
    assert np.allclose(table["true"], table["radius"], atol=0.1)
    assert np.allclose(table["double"], 2 * table["true"])
    assert table["pixels"].sum() == valid.sum()


def test_saved_files_are_whole_and_repeatable(tmp_path):
    first, second = (plotting.save(plotting.curves(history()), tmp_path / name / "loss") for name in "ab")
    assert [p.name for p in first] == ["loss.png", "loss.pdf"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert "loss per epoch" in Image.open(first[0]).text["Description"]
    assert first[1].read_bytes().startswith(b"%PDF")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["loss.pdf", "loss.png"]


def test_too_wide_a_figure_is_refused():
    with pytest.raises(ValueError, match="9"):
        plotting.new_figure(10, 3, alt="too wide")


def test_figures_show_in_a_notebook(tmp_path):
    """A cell's last expression, display() and show() each leave exactly one small picture of explicit width."""
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "import torch; from depthnb import plotting; d = torch.ones(1, 1, 8, 8); v = d > 0; i = torch.ones(1, 3, 8, 8)",
        "figure = plotting.depth_grid(i, d, v)\nfigure",
        "display(figure)",
        "plotting.show(figure, kind='png')",
        "import seaborn  # imports pyplot, whose inline backend must not draw the figure a second time\nfigure",
        "from matplotlib import pyplot as plt; assert plt.get_fignums() == []",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook = NotebookClient(
        notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": tmp_path}}
    ).execute()
    for index, kind in ((1, "image/jpeg"), (2, "image/jpeg"), (3, "image/png"), (4, "image/jpeg")):
        (output,) = notebook.cells[index].outputs
        assert [key for key in output.data if key.startswith("image/")] == [kind]
        assert output.metadata[kind]["width"] == 900
    assert notebook.cells[5].outputs == []


def long_range(end, pixels_within):
    """A summary of 0.2 m bins up to `end` whose pixels lie evenly within `pixels_within` metres, but for a few at the end."""
    edges = np.linspace(0, end, round(end / 0.2) + 1)
    pixels = np.where(edges[1:] <= pixels_within, 1000, 0)
    pixels[-1] = 1
    return DepthSummary(edges, pixels, 2 * pixels, np.ones((12, 16)), np.ones((12, 16), int), 2)


def test_a_long_range_is_drawn_as_far_as_there_are_pixels():
    ax = plotting.depth_histogram(long_range(350, 30)).axes[0]
    assert 29 < ax.get_xlim()[1] < 31 and "between 30 and 350 m" in ax.get_xlabel()
    density, edges, _ = ax.patches[0].get_data()
    assert 25 <= (edges <= 30).sum() <= 51 and edges[-1] == 350
    assert np.isclose((density * np.diff(edges)).sum(), 1) and np.allclose(density[:20], 1 / 30, rtol=0.01)
    full = plotting.depth_histogram({"a": long_range(350, 30), "b": long_range(350, 300)}).axes[0]
    assert full.get_xlim()[1] == 350 and full.get_xlabel() == "depth (m)"
    by_depth = plotting.valid_fraction(long_range(350, 350)).axes[1].patches[0].get_data()
    assert len(by_depth.values) == 50 and np.allclose(by_depth.values, 0.5)


def test_truth_against_prediction_ends_where_the_depths_do():
    depth = torch.linspace(0.5, 9, 4000).view(1, 1, 40, 100)
    depth[0, 0, 0, 0] = 200
    valid = torch.ones_like(depth, dtype=torch.bool)
    axes = plotting.scatter_truth_pred(pred=depth, depth=depth, valid=valid, max_depth=350).axes[0]
    assert 8.9 < axes.get_xlim()[1] < 9.1 and axes.get_ylim() == axes.get_xlim()
    assert plotting.scatter_truth_pred(pred=depth, depth=depth, valid=valid, max_depth=10).axes[0].get_xlim()[1] == 10


def test_a_mask_that_has_not_moved_is_white_and_the_others_differ_by_where_they_went():
    image, depth, valid = frames(1)
    masks = torch.full((1, 2, 48, 64), 0.5)
    masks[:, 0, :, :32], masks[:, 1, :, :32] = 0.9, 0.1  # on the left half one scale has won what the other lost
    depths = depth.repeat(1, 2, 1, 1)
    figure = plotting.scales_grid(image, depth, valid, depths, masks, names=["H/2", "H"], starts=[0.5, 0.5])
    first, second = (pixels(figure, ax).astype(int) for ax in figure.axes[5:7])
    middle, left, right = slice(10, -10), slice(10, 40), slice(-40, -10)
    assert (first[middle, right] > 240).all() and (second[middle, right] > 240).all()
    assert (first[middle, left, 2] > first[middle, left, 0]).all(), "more than at the start is violet"
    assert (second[middle, left, 0] > second[middle, left, 2]).all(), "less is orange"
    with pytest.raises(ValueError, match=r"frames and sizes \(B, H, W\) differ"):
        plotting.scales_grid(image, depth, valid, depths, masks[..., :32], names=["H/2", "H"], starts=[0.5, 0.5])
    with pytest.raises(ValueError, match="1 starts for 2 scales"):
        plotting.scales_grid(image, depth, valid, depths, masks, names=["H/2", "H"], starts=[0.5])


def test_players_marks_guessing_and_draws_the_validation():
    frame = rivals()
    frame["val_discriminator"] = [0.1, 0.2, 0.3]
    losses, shares, _ = plotting.players({"GAN": frame}).axes
    drawn = [list(line.get_ydata()) for line in losses.lines]
    assert [0.1, 0.2, 0.3] in drawn and [0.5, 0.6, 0.7] in drawn
    assert any(np.allclose(line.get_ydata(), np.log(2)) for line in losses.lines if len(line.get_ydata()))
    assert any(np.allclose(line.get_ydata(), 0.5) for line in shares.lines if len(line.get_ydata()))
    with pytest.raises(ValueError, match="discriminator"):
        plotting.players({"GAN": frame.drop(columns="discriminator")})


def test_bands_that_widen_are_drawn_on_a_logarithmic_axis():
    bands = pd.DataFrame(
        {"lower": [0, 1, 2, 5], "upper": [1, 2, 5, 350], "pixels": [5, 9, 9, 2], "abs_rel": [0.4, 0.2, 0.1, 0.3]}
    )
    ax, below = plotting.by_distance({"ours": bands, "mean_depth": bands}).axes
    assert below.get_xscale() == "log" and below.get_xlim() == (0.5, 350)
    assert [tick.get_text() for tick in below.get_xticklabels()] == ["1", "2", "5", "350"]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), np.sqrt([0.5, 2, 10, 1750]))
    equal = bands.assign(lower=[0, 1, 2, 3], upper=[1, 2, 3, 4])
    ax, below = plotting.by_distance(equal).axes
    assert below.get_xscale() == "linear" and below.get_xlim() == (0, 4)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.5, 1.5, 2.5, 3.5])


def test_far_scenes_may_be_drawn_with_equal_colours_for_equal_ratios():
    image, depth, valid = frames(2)
    far = depth * 10
    figure = plotting.methods_grid(image, far, valid, {"a": far}, log=True)
    norm = figure.axes[2].images[0].norm
    low, high = norm.vmin, norm.vmax
    assert low > 0 and norm((low * high) ** 0.5) == pytest.approx(0.5)
    labels = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert labels and all(float(text) == float(f"{float(text):g}") for text in labels), "no powers of ten"


def test_the_ranking_is_of_what_is_left_of_the_opponents_error():
    ax = plotting.ranking(methods(), columns=("abs_rel", "delta1")).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["fine", "coarse", "mean image"]
    left = {line.get_label(): line.get_xdata() for line in ax.lines if not line.get_label().startswith("_")}
    assert np.allclose(left["abs_rel"], [0.4, 0.43, 1]) and np.allclose(left["1 - delta1"], [0.5, 0.65, 1])


def test_every_pair_of_methods_has_its_field():
    ax = plotting.pairs(compared(), decided="holds", same="no difference that matters").axes[0]
    texts = {text.get_position(): text.get_text() for text in ax.texts}
    assert texts == {(0, 1): "-10", (0, 2): "-20", (0, 3): "-30", (1, 2): "-10", (1, 3): "-20", (2, 3): "-10"}
    filled = {patch.get_xy(): patch.get_facecolor() for patch in ax.patches}
    assert filled[(-0.5, 0.5)] == filled[(1.5, 2.5)] != filled[(-0.5, 2.5)] == filled[(0.5, 2.5)] == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="table of pairs has no rows"):
        plotting.pairs(compared().iloc[:0], decided="holds", same="")


@pytest.mark.parametrize("runs", [5, 9])
def test_seeds_that_agree_are_all_drawn(runs):
    table = pd.DataFrame({"method": ["a"] * runs + ["b"], "abs_rel": [0.2] * runs + [0.9]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # seaborn warns where points have no room
        plotting.encode(plotting.spread(table))


def test_changes_are_drawn_at_their_ratio_and_white_where_the_mean_image_is_as_good():
    table = changed()
    figure = plotting.changes(table[table["method"] != "Today's recipe, not told"])
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["dark walls", "wider view (90°)"]
    drawn = {float(x) for line in ax.lines if line.get_label().startswith("_") for x in line.get_xdata()}
    assert {1.2, 1.3, 1.4, 1.5} <= {round(x, 6) for x in drawn}
    assert "the largest, 1.5 times, is that of Today's recipe with wider view (90°)" in figure.alt
    whites = [
        line for ax in plotting.corrupted(table).axes for line in ax.lines if line.get_markerfacecolor() == "white"
    ]
    assert sum(len(line.get_xdata()) for line in whites) == 3 * 3, "beside is 1 and more from the seventh change on"


def test_a_net_that_is_not_told_its_camera_has_the_colour_of_the_one_that_is():
    ax = plotting.fields_of_view(of_views()).axes[0]
    labels = {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}
    told, untold = labels["Today's recipe"], labels["Today's recipe, not told"]
    assert told.get_color() == untold.get_color() != labels["U-Net"].get_color()
    assert (told.get_linestyle(), untold.get_linestyle()) == ("-", "--")


def test_a_legend_takes_as_many_rows_as_its_texts_need():
    table = pd.concat(
        [changed().assign(method=lambda t, i=i: f"{i} " + t["method"] + " with more words") for i in (1, 2)]
    )
    for figure in (plotting.changes(table), plotting.corrupted(table), plotting.changes(changed())):
        (legend,) = figure.legends
        figure.draw_without_rendering()
        drawn = legend.get_window_extent()
        assert drawn.x0 >= 0 and drawn.x1 <= figure.bbox.width, "cut off"


def test_tables_of_changes_that_cannot_be_drawn_are_named():
    with pytest.raises(ValueError, match="table of changes lacks the column"):
        plotting.changes(changed().drop(columns="low"))
    with pytest.raises(ValueError, match="without corruptions and unchanged frames, has no rows"):
        plotting.changes(changed().query("strength > 0"))
    with pytest.raises(ValueError, match="has no rows"):
        plotting.corrupted(changed().query("strength == 0"))
    with pytest.raises(ValueError, match="degrees"):
        plotting.fields_of_view(changed())


def test_where_numbers_are_colours_all_shades_stay_and_lines_need_few():
    def shades(figure):
        picture = Image.open(io.BytesIO(style.encode(figure))).convert("RGB")
        return np.unique(np.asarray(picture).reshape(-1, 3), axis=0).astype(int)

    random = torch.Generator().manual_seed(0)
    depth = 0.5 + 9 * torch.rand(2, 1, 24, 32, generator=random)
    pred = depth * (1 + 0.2 * torch.randn(depth.shape, generator=random))
    figure = plotting.scatter_truth_pred(pred=pred, depth=depth, valid=depth > 0, max_depth=10)
    kept, wanted = shades(figure), 255 * mpl.colormaps["cividis"](np.linspace(0, 1, 20))[:, :3]
    assert (np.abs(wanted[:, None] - kept).max(2).min(1) < 12).all(), "the colour bar has steps"
    lines = plotting.by_distance(
        pd.DataFrame({"lower": [0, 1], "upper": [1, 2], "pixels": [3, 4], "abs_rel": [0.1, 0.2]})
    )
    assert len(shades(lines)) <= 64


def test_methods_differ_in_colour_and_mark_and_colours_stay_what_they_are():
    """Ten methods are more than the palette of seven that many take; a reduced PNG must not give two of them one colour."""
    names = [f"method {number}" for number in range(10)]
    values = np.arange(1.0, 11.0)
    table = pd.DataFrame({"method": names, "abs_rel": 0.1 * values, "parameters": 1e5 * values, "seconds": 60 * values})
    figure = plotting.error_vs_cost(table)
    looks = {(line.get_color(), line.get_marker()) for line in figure.axes[0].lines}
    assert len({colour for colour, _ in looks}) == len({mark for _, mark in looks}) == 10
    for content in (plotting.encode(figure), style.printed(figure)["png"]):
        shown = np.unique(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).reshape(-1, 3), axis=0)
        wanted = [[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour, _ in looks]
        assert all((np.array(each) == shown).all(1).any() for each in wanted)


def test_a_lone_dot_keeps_its_colour_beside_much_text():
    names = [f"{i}: a name with many letters, ABCDEFGHIJKLM nopqrstuvwxyz" for i in range(12)]
    ours = pd.DataFrame({"method": names, "kind": "baseline", "abs_rel": np.linspace(0.2, 0.3, 12)})
    ours.loc[0, "kind"] = "ours"  # one dot
    in_print = ours.assign(dataset="nyu-v2", split="test", protocol="nyu-eigen")
    figure = beside.beside_published(ours, in_print, measured="every letter of this text has edges in many greys")
    shown = np.asarray(Image.open(io.BytesIO(plotting.encode(figure))).convert("RGB")).reshape(-1, 3)
    assert (shown == (0x00, 0x72, 0xB2)).all(1).any(), "the one dot of ours is grey"


def test_the_edge_of_a_line_has_no_other_lines_colour():
    picture = Image.new("RGB", (300, 300), "white")
    for number, colour in enumerate(palette.PALETTE):
        picture.paste(colour, (0, 20 * number, 30, 20 * number + 4))
        rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
        for step in range(1, 4):  # what a renderer mixes at the edge
            mixed = tuple(int(x) for x in (rgb + (255 - rgb) * step / 4).round())
            picture.paste(mixed, (30, 20 * number + step, 60, 20 * number + step + 1))
    for grey in range(256):  # and many greys, each more frequent than any colour
        picture.paste(
            (grey,) * 3, (100 + grey % 16 * 12, 18 * (grey // 16), 112 + grey % 16 * 12, 18 * (grey // 16) + 18)
        )
    before = np.asarray(picture).astype(int)
    after = np.asarray(reduced.with_few_colours(picture).convert("RGB")).astype(int)
    assert (before[:, :60] == after[:, :60]).all(), "52 colours have room among 64"
    assert np.abs(before - after).max() <= 32, "a grey is near its own"


def test_a_method_has_its_colour_and_mark_in_every_figure_and_its_further_nets_have_others():
    names = list(results.METHODS.values())
    for looks in (plotting.colors(names), palette.markers(names)):
        assert len(set(looks.values())) == len(names)
    for name in names:
        variants = [f"{name} (random weights)", f"{name} (ImageNet)", "mean_image", "ours"]
        assert plotting.colors(variants)[variants[0]] == plotting.colors(names)[name]
        assert palette.markers(variants)[variants[0]] == palette.markers(names)[name]
        assert len(set(plotting.colors(variants).values())) == len(variants)
    assert plotting.colors(["GANs"])["GANs"] != plotting.colors(["GAN"])["GAN"], "another word"
    many = [f"net {number}" for number in range(100)]
    assert len(set(zip(plotting.colors(many).values(), palette.markers(many).values(), strict=True))) == 100


def test_two_figures_of_the_same_methods_agree_whatever_their_order():
    table = changed()
    figures = [plotting.changes(rows) for rows in (table, table.iloc[::-1])]
    figures.append(plotting.corrupted(table[table["method"] != "U-Net"]))
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in figure.axes[0].lines} for figure in figures
    ]
    assert looks[0]["Today's recipe"] == looks[1]["Today's recipe"] == looks[2]["Today's recipe"]
    assert looks[0]["U-Net"] == looks[1]["U-Net"] != looks[0]["Today's recipe"]


def test_types_of_scenes_are_words_in_the_figure():
    frame = per_image().replace({"scene_type": {"office": "living_room"}})
    frame.loc[0, "scene_type"] = "living_room"
    (ax,) = plotting.by_scene_type({"a": frame, "b": frame}).axes
    assert any(label.get_text().startswith("living room (") for label in ax.get_yticklabels())
