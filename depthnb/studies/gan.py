"""What Akondi, Chapre and Deshpande, and Lacelle and Nofal say about adversarial training for depth, for notebook 09."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from depthnb import evidence, metrics
from depthnb.evidence import Claim
from depthnb.training import History

NOTEBOOK = "09_gan"

GAN, ALONE = "GAN", "L1 alone"  # the generator with its adversary, and the same one without
MEASURES = ("abs_rel", "rmse", "delta1", "edge_f1_025", "edge_f1_050", "sharpness", "relief", "variation")

# as the documents' own lists of references print them
PRECEDENTS = (
    (
        "Lacelle and Nofal",
        "[11]",
        2017,
        "Jung et al.",
        "Depth prediction from a single image with conditional adversarial networks",
    ),
    (
        "Chapre and Deshpande",
        "[5]",
        2018,
        "Aleotti et al.",
        "Generative adversarial networks for unsupervised monocular depth prediction",
    ),
)
NEWEST = ("[9]", 2020)  # the newest dated work that Akondi cites: Ranftl et al.


def precedents() -> pd.DataFrame:
    """Works on GANs for depth that the other documents cite, and whether each is older than the newest that Akondi cites."""
    frame = pd.DataFrame(PRECEDENTS, columns=["cited by", "as", "year", "authors", "title"])
    return frame.assign(**{f"before {NEWEST[1]}, the newest work that Akondi cites": frame["year"] < NEWEST[1]})


WON = 0.95  # a discriminator that calls more than this right, of both kinds, has nothing left to teach


COLLAPSED = 0.3  # a generator that varies less than this, relative to the truth, answers all photographs alike


def failure_signs(histories: Mapping[str, History]) -> pd.DataFrame:
    """The two ways in which adversarial training fails, looked for in its last epoch, one row a training.

    Args:
        histories: name -> History of `adversarial.fit`, trained with a validation split.

    Returns:
        Columns, all on validation frames: `true recognised` and `predicted recognised`, shares; `discriminator has won`, both
        above `WON`; `memorised`, by how much more of the true patches it recognises on the training frames, which it has seen
        before; `adversarial loss` of the last epoch over that of the first, which grows when the generator falls behind;
        `variation`, as the function of that name, and `collapsed`, below `COLLAPSED`.
    """
    rows = []
    for name, history in histories.items():
        first, last = history.rows[0], history.rows[-1]
        shares = {key: last[f"val_{key}_recognised"] for key in ("true", "false")}
        rows.append(
            {
                "training": name,
                "true recognised": shares["true"],
                "predicted recognised": shares["false"],
                "discriminator has won": min(shares.values()) > WON,
                "memorised": last["true_recognised"] - shares["true"],
                "adversarial loss, last / first": last["val_adversarial"] / first["val_adversarial"],
                "variation": last["val_variation"],
                "collapsed": last["val_variation"] < COLLAPSED,
            }
        )
    return pd.DataFrame(rows)


def over_rooms(tests: Mapping) -> pd.DataFrame:
    """Whether the difference between the two nets would survive other test scenes; other seeds are another question.

    Args:
        tests: GAN and L1 alone -> Evaluation on the same frames; other nets are left out.

    Returns:
        One row a metric: `measure`, `better` (lower or higher), `change` from the one without the adversary to the GAN in
        percent, `low` and `high` (its 95 % interval) and `scenes`. Frames of one scene count once, by their mean. Empty without
        both nets.
    """
    columns = ["measure", "better", "change", "low", "high", "scenes"]
    if not {GAN, ALONE} <= set(tests):
        return pd.DataFrame(columns=columns)
    rows = []
    for name in [name for name in MEASURES if name in metrics.BETTER]:
        with_it, without = (
            tests[net].per_image.dropna(subset=name).groupby("scene")[name].mean().to_dict() for net in (GAN, ALONE)
        )
        effect = evidence.Effect.of(without, with_it, over="scenes")
        rows.append([name, metrics.BETTER[name], effect.change, *effect.interval(), effect.pairs])
    return pd.DataFrame(rows, columns=columns)


def claims(*, dataset: str) -> list[Claim]:
    """What Akondi, Chapre and Deshpande, and Lacelle and Nofal say about adversarial training for depth."""
    older = precedents()
    named = "; ".join(f"{who} {year} ({document}, reference {place})" for document, place, year, who, _ in PRECEDENTS)
    before = int(older.iloc[:, -1].sum())
    return [
        evidence.fact(
            "Akondi (2.1, 2.5): GANs have not been used for depth estimation till now",
            f"{named}: {before} of {len(older)} are older than Akondi's own reference {NEWEST[0]} of {NEWEST[1]}",
            before == 0,
        ),
        _pair(
            "Lacelle and Nofal (5), after Jung et al.: adversarial networks reach lower errors",
            "abs_rel",
            evidence.LOWER,
            dataset,
        ),
        _pair(
            "Lacelle and Nofal (5), after Jung et al.: and better qualitative outputs; read as: depth edges are where the "
            "true ones are",
            "edge_f1_025",
            evidence.HIGHER,
            dataset,
        ),
        _pair("the adversary makes edges steeper", "sharpness", evidence.HIGHER, dataset),
        _pair("the adversary makes up relief where there is none", "relief", evidence.HIGHER, dataset, appendix=True),
        evidence.measured(
            NOTEBOOK,
            GAN,
            COLLAPSED,
            measure="variation",
            claim=f"the generator does not collapse: its maps vary more than {COLLAPSED} times as much as the true ones",
            direction=evidence.HIGHER,
            dataset=dataset,
            appendix=True,
        ),
        evidence.against_baselines(NOTEBOOK, dataset, name="the GAN's generator"),
    ]


def _pair(claim: str, measure: str, direction: int, dataset: str, *, appendix: bool = False) -> Claim:
    options = {"measure": measure, "direction": direction, "dataset": dataset, "appendix": appendix}
    return evidence.within(NOTEBOOK, ALONE, GAN, claim=claim, **options)
