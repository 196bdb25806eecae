"""Document 001's claims and its table of epochs, for notebook 04."""

from __future__ import annotations

import math

import pandas as pd

from depthnb import published
from depthnb.claims.rules import HARDLY, UNDECIDED, against_baselines, compare, over_scenes, row

NOTEBOOK = "04_unet"


def epochs_table(history, *, steps: int) -> pd.DataFrame:
    """Document 001's Table 1 beside our own epochs, one row an epoch, as many as the longer of the two has.

    history: `training.History`; steps: training batches an epoch. Our milliseconds are an epoch's wall time, validation
    included, over its steps. The document's columns are read from published.csv.
    """
    theirs = published.table("001", "1").set_index(pd.RangeIndex(1, 11, name="epoch"))
    frame = history.frame.set_index("epoch")
    ours = pd.DataFrame(
        {
            "ours, training loss": frame["train_loss"],
            "ours, validation loss": frame["val_loss"],
            "ours, ms/step": 1000 * frame["seconds"] / steps,
        }
    )
    columns = {
        "tensorflow_loss": '001, "Tensorflow Loss"',
        "custom_loss": '001, "Custom Loss"',
        "ms_per_step": "001, ms/step",
    }
    return pd.concat([theirs[list(columns)].rename(columns=columns), ours], axis=1).reset_index()


def checked(*, layers, entropies, masks, tests, opponents, bridges, relative, ceiling) -> pd.DataFrame:
    """The table of claims.

    layers: `models.describe` of the net; entropies, masks, bridges: the tables of `analysis`; tests: split -> Evaluation;
    relative: (predicted - true) / true of test pixels, a tensor; ceiling: `analysis.ceiling` at the size of the net's output.
    """
    test = tests["test"].summary
    rows = [_region_claim(layers), *_loss_claims(entropies, masks, relative)]
    rows.append(_training_images(tests["train"], tests["test"]))
    rows += _detail_claims(test["edge_f1_025"], ceiling["edge_f1_025"], bridges)
    rows += [
        compare(NOTEBOOK, "loss", "l1", "ssim+mare", claim="the combined loss improved overall performance (VI)"),
        compare(NOTEBOOK, "loss", "mare", "ssim+mare", claim="SSIM adds information (I, III)"),
        compare(
            NOTEBOOK, "edge_weighting", False, True,
            claim="MARE focuses on edges by gradients (III): edge F1 rises", metric="edge_f1_025", sign=1,
        ),
        compare(NOTEBOOK, "dropout", 0.0, 0.2, claim="dropout is the answer to overfitting (IV)"),
        compare(NOTEBOOK, "encoder", "plain", "resnet18", claim="a ResNet can improve it (VI)"),
        compare(NOTEBOOK, "epochs", 4, 12, claim="more epochs would improve it: 200 are realistic, ten too few (V.B)"),
        compare(NOTEBOOK, "frames", 160, 0, claim="more training data improve it (VI)"),
        compare(NOTEBOOK, "batch_norm", False, True, claim="(ours) batch normalisation, of which it says nothing, helps"),
    ]  # fmt: skip
    rows.append(
        row(
            "trained indoors and outdoors it should do well on any image (IV)",
            "needs two domains and a test on each: notebook 07 does that with rooms and streets",
            None,
        )
    )
    ratio = 1 + float(relative.median())
    rows.append(
        row(
            "(ours) a relative error prefers depths that are too near",
            f"predicted over true depth, median of the test pixels: {ratio:.3f}",
            bool(ratio < 1),
        )
    )
    return pd.DataFrame(rows + against_baselines("the U-Net", test, opponents))


def _training_images(train, test) -> dict[str, str]:
    """Scenes differ, so that a difference counts from two standard errors on; less than 5 % is none."""
    (old, one), (new, other) = (
        over_scenes(each.per_image["abs_rel"], each.per_image["scene"]) for each in (train, test)
    )
    difference, noise, hardly = new - old, math.hypot(one, other), HARDLY / 100 * old
    here = f"abs_rel {old:.3f} in scenes of training frames, {new:.3f} in new ones, a difference of {difference:+.3f} "
    here += f"with two standard errors over scenes of {noise:.3f}"
    verdict = False if difference > max(noise, hardly) else True if difference + noise < hardly else UNDECIDED
    return row("results can be shown on training images (figure 4)", here, verdict)


def _region_claim(layers: pd.DataFrame) -> dict[str, str]:
    kinds = sorted(set(layers["kind"]))
    return row(
        "the U-Net is an RCNN, a region-based network (I to VI)",
        f"its layers: {', '.join(kinds)}; output {layers['output'].iloc[-1]}: a number for every pixel, no regions proposed",
        any("roi" in kind.lower() or "linear" in kind.lower() for kind in kinds),
    )


def _loss_claims(entropies: pd.DataFrame, masks: pd.DataFrame, relative) -> list[dict[str, str]]:
    table = published.table("001", "1")
    first, last = table["tensorflow_loss"].iloc[[0, -1]]
    alone, far = entropies.iloc[0], entropies["loss"].iloc[-2:]
    lower = int((table["custom_loss"] < table["tensorflow_loss"]).sum())
    agree = table["tensorflow_loss"].rank().corr(table["custom_loss"].rank())  # Spearman's
    rows = [
        row(
            "SparseCategoricalCrossentropy measures the training (I, Table 1)",
            f"of a map with one channel it is {alone.loss:g} with gradient {alone.gradient:g}; over classes it costs "
            f"{far.iloc[0]:.2f} to be one class off and {far.iloc[1]:.2f} to be many off",
            bool(alone.gradient > 0),
        ),
        row(
            "its two loss columns are two losses of one training (Table 1)",
            f"both fall (rank correlation {agree:.2f}), the second is the lower one in {lower} of {len(table)} epochs, as if "
            f"one loss had been taken on two sets of frames; read as a cross-entropy, the first would say that the right class "
            f"got a probability of {math.exp(-first):.2f}, then {math.exp(-last):.2f}",
            None,  # no number of the table can tell
        ),
    ]
    bare = masks.set_index("error")["holes as 0 m"]
    masked = masks.set_index("error")["masked"]
    if (bare["MAE (m)"] - masked["MAE (m)"]) == 0:
        rows.append(row("MARE needs no mask for missing depth (III)", "no frame here has a hole", None))
    else:
        rows.append(
            row(
                "MARE, unlike MAE and RMSE, is not disturbed by missing depth (III)",
                f"holes stored as 0 m: MAE {masked['MAE (m)']:.2f} -> {bare['MAE (m)']:.2f} m, MARE {masked['MARE']:.3f} -> "
                f"{bare['MARE']:.3g}; with a mask both are as they should be",
                math.isfinite(bare["MARE"]),
            )
        )
    signed, absolute = float(relative.mean()), float(relative.abs().mean())
    rows.append(
        row(
            "absolute values let positive and negative errors cancel (III)",
            f"mean relative error {signed:+.3f} with signs, {absolute:.3f} without: it is the signs that cancel",
            bool(absolute < abs(signed)),
        )
    )
    return rows


def _detail_claims(whole: float, ceiling: float, bridges: pd.DataFrame) -> list[dict[str, str]]:
    known = not (pd.isna(whole) or pd.isna(ceiling))
    edges = bridges.set_index("bridge")["edge_f1_025"]
    before, cut = edges["all whole"], edges["without the finest"]
    return [
        row(
            "the U-Net captures coarse and fine details (IV)",
            f"edge F1 {whole:.3f}; the truth itself has {ceiling:.3f} at the size of the output, and half of that would count",
            bool(whole >= ceiling / 2) if known else None,
        ),
        row(
            "(ours) what details it has come through its finest bridge",
            f"edge F1 {before:.3f}; {cut:.3f} when that bridge no longer says where (counted from a tenth less)",
            None if pd.isna(before) or pd.isna(cut) else bool(cut < 0.9 * before),
        ),
    ]
