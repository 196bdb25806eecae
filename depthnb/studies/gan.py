"""What documents 000, 001 and 003 say about adversarial training for depth, for notebook 09."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from scipy import stats

from depthnb import runs
from depthnb.evidence.scenes import over_scenes
from depthnb.evidence.seeds import NOT_COMPARED, compare
from depthnb.evidence.verdicts import UNDECIDED, against_baselines, row
from depthnb.training import History

NOTEBOOK = "09_gan"
GAN, ALONE = "GAN", "L1 alone"  # the generator with its adversary, and the same one without
HIGHER = ("delta1", "edge_f1_025", "edge_f1_050", "edge_f1_100", "sharpness")  # of the measures below: higher is better
MEASURES = ("abs_rel", "rmse", "delta1", "edge_f1_025", "edge_f1_050", "sharpness", "relief", "variation")

# as the documents' own lists of references print them
PRECEDENTS = (
    ("003", "[11]", 2017, "Jung et al.", "Depth prediction from a single image with conditional adversarial networks"),
    (
        "001",
        "[5]",
        2018,
        "Aleotti et al.",
        "Generative adversarial networks for unsupervised monocular depth prediction",
    ),
)
NEWEST = ("[9]", 2020)  # the newest dated work that document 000 itself cites: Ranftl et al.


def precedents() -> pd.DataFrame:
    """Works on GANs for depth that the other documents cite, and whether each is older than the newest that 000 cites."""
    frame = pd.DataFrame(PRECEDENTS, columns=["cited by document", "as", "year", "authors", "title"])
    return frame.assign(**{f"before {NEWEST[1]}, the newest work 000 cites": frame["year"] < NEWEST[1]})


def over_seeds(dataset: str, preset: str = "rooms-full") -> pd.DataFrame:
    """With and without the adversary over the seeds of finished runs of one preset; a pair has one seed, so the same start.

    Columns: measure, then mean and range over the seeds with the adversary and without as text, the mean paired difference
    (with minus without), `seeds`, and `apart`: by Student's t-test of pairs the mean difference is not chance (5 %; None for
    fewer than two seeds). Of runs that differ in more than the seed, the largest group counts.
    Empty without a finished run that trained both.
    """
    rows = []
    for each in runs.finished(NOTEBOOK, f"{preset}*"):
        both = each.get("with_and_without", {})
        if each["dataset"] == dataset and {GAN, ALONE} <= both.keys():
            others = {k: v for k, v in each["params"].items() if k not in NOT_COMPARED}
            values = {(name, m): both[name].get(m) for name in (GAN, ALONE) for m in MEASURES}
            rows.append({"others": repr(sorted(others.items())), "seed": each["seed"], **values})
    table = pd.DataFrame(rows)
    if table.empty:
        return pd.DataFrame(columns=["measure", GAN, ALONE, "difference", "seeds", "apart"])
    table = table[table["others"] == table["others"].mode().iloc[0]].drop_duplicates("seed")
    return pd.DataFrame([_measure(name, table[(GAN, name)], table[(ALONE, name)]) for name in MEASURES])


def over_frames(tests: Mapping) -> pd.DataFrame:
    """With against without the adversary, test frame by test frame: what other rooms might say of these two trained nets.

    tests: GAN and ALONE -> Evaluation on the same split. One row a measure that single frames have: measure, `difference`
    (mean over scenes, with minus without), `low` and `high`, two standard errors of it to either side (frames of a scene
    are no independent witnesses, so scenes count), `scenes`, and `beyond chance`, whether 0 lies outside. Other seeds are
    another question: `over_seeds`. Empty without one of the two.
    """
    if not {GAN, ALONE} <= tests.keys():
        return pd.DataFrame(columns=["measure", "difference", "low", "high", "scenes", "beyond chance"])
    one, other = tests[GAN].per_image, tests[ALONE].per_image
    rows = []
    for name in (name for name in MEASURES if name in one):
        gains = (one[name] - other[name]).dropna()
        mean, error = over_scenes(gains, one["scene"])
        low, high = mean - error, mean + error
        scenes = one["scene"][gains.index].nunique()
        found = {"low": low, "high": high, "scenes": scenes, "beyond chance": bool(low > 0 or high < 0)}
        rows.append({"measure": name, "difference": mean, **found})
    return pd.DataFrame(rows)


def frames_said(table: pd.DataFrame) -> str:
    """A sentence: in which measures of `over_frames` the adversary's net differs beyond chance, and in which it does not."""
    if table.empty:
        return "Only one of the two nets was trained, so there is nothing to compare."
    said = table["measure"] + table["difference"].map(" ({:+.3f})".format)
    parts = {"more": said[table["low"] > 0], "less": said[table["high"] < 0], "": said[~table["beyond chance"]]}
    return (
        "With the adversary, beyond what other rooms would explain: "
        + "; ".join(f"{how}: {', '.join(names) or 'nothing'}" for how, names in parts.items() if how)
        + f". No difference to speak of: {', '.join(parts['']) or 'nothing'}."
    )


def _measure(name: str, one: pd.Series, other: pd.Series) -> dict:
    one, other = one.astype(float), other.astype(float)
    pairs = one - other  # of one seed each, so of the same first weights
    few = stats.t.ppf(0.975, len(pairs) - 1) if len(pairs) > 1 else None  # 4.3 for three pairs, far more than two
    apart = bool(abs(pairs.mean()) > few * pairs.sem()) if few else None
    said = {key: f"{v.mean():.3f} [{v.min():.3f}, {v.max():.3f}]" for key, v in ((GAN, one), (ALONE, other))}
    return {"measure": name, **said, "difference": pairs.mean(), "seeds": len(one), "apart": apart}


def checked(
    *, tests: Mapping, opponents: Mapping, signs: pd.DataFrame, measures: pd.DataFrame, seeds: pd.DataFrame
) -> pd.DataFrame:
    """The table of claims.

    tests: GAN and ALONE (those that were trained) -> Evaluation on the test split; signs: `adversarial.failure_signs`;
    measures: one row each, indexed like tests, with the columns `MEASURES`; seeds: `over_seeds`.
    """
    older = precedents()
    named = "; ".join(f"{who} {year}, {place} of document {document}" for document, place, year, who, _ in PRECEDENTS)
    before = int(older.iloc[:, -1].sum())
    rows = [
        row(
            "GANs have not been used for depth estimation till now (000, 2.1 and 2.5)",
            f"{named}: {before} of {len(older)} are older than 000's own reference {NEWEST[0]} of {NEWEST[1]}",
            before == 0,
        ),
        _seeds_claim(
            seeds, measures, "abs_rel", "adversarial networks reach lower errors than non-adversarial ones (003, 5)"
        ),
        _seeds_claim(
            seeds,
            measures,
            "edge_f1_025",
            "and better looking outputs (003, 5), read as: depth edges where the true ones are",
        ),
        _seeds_claim(seeds, measures, "sharpness", "(ours) the adversary makes edges steeper"),
    ]
    rows += _sign_claims(signs)
    sweeps = [
        ("adversarial_weight", 0.0, 0.1, "abs_rel", -1, "(ours) some weight on the adversary lowers the error"),
        ("adversarial_weight", 0.0, 1.0, "abs_rel", 1, "(ours) too much weight raises it"),
        ("adversarial_weight", 0.0, 1.0, "edge_f1_025", 1, "(ours) too much weight still finds more edges"),
        ("spectral", False, True, "abs_rel", 0, "(ours) it does not matter whether the discriminator's weights are bounded"),
        ("patch_layers", 2, 3, "abs_rel", 0, "(ours) the size of a patch hardly matters"),
    ]  # fmt: skip
    rows += [compare(NOTEBOOK, p, a, b, claim=said, metric=m, sign=s) for p, a, b, m, s, said in sweeps]
    for name, test in tests.items():
        rows += against_baselines(
            "the GAN's generator" if name == GAN else "the same net without adversary", test.summary, opponents
        )
    return pd.DataFrame(rows)


def _seeds_claim(seeds: pd.DataFrame, measures: pd.DataFrame, measure: str, claim: str) -> dict[str, str]:
    """A claim that the adversary improves a measure: by the finished runs over several seeds, where there are any."""
    sign = 1 if measure in HIGHER else -1
    both = {GAN, ALONE} <= {*measures.index}
    here = (
        f"this run: {measures.loc[GAN, measure]:.3f} with, {measures.loc[ALONE, measure]:.3f} without" if both else ""
    )
    found = seeds[seeds["measure"] == measure]
    if found.empty or int(found["seeds"].iloc[0]) < 2:
        need = "one seed decides nothing: needs finished rooms-full runs with two seeds or more"
        return row(claim, f"{measure}, {here}; {need}" if here else need, None)
    one = found.iloc[0]
    text = (
        f"{measure} {one[GAN]} with, {one[ALONE]} without, over {int(one['seeds'])} seeds of rooms-full; "
        f"{one['difference']:+.3f} on average, {'larger than' if one['apart'] else 'within'} the spread of the pairs"
    )
    return row(
        claim, f"{text}; {here}" if here else text, bool(sign * one["difference"] > 0) if one["apart"] else UNDECIDED
    )


def _sign_claims(signs: pd.DataFrame) -> list[dict[str, str]]:
    rows = []
    for each in signs.to_dict("records"):
        if each["training"] != GAN:
            continue
        true, predicted = each["true recognised"], each["predicted recognised"]
        shares = f"recognises {true:.0%} of the true and {predicted:.0%} of the predicted patches"
        rows += [
            row(
                "(ours) neither player has won: the discriminator is no longer sure, and better than a coin",
                f"it {shares} of validation frames, {(true + predicted) / 2:.0%} on average",
                not each["discriminator has won"] and (true + predicted) / 2 > 0.55,
            ),
            row(
                "(ours) the generator does not collapse to one answer",
                f"its maps vary {each['variation']:.2f} times as much from photograph to photograph as the true ones",
                not each["collapsed"],
            ),
        ]
    spectator = signs[signs["training"] == ALONE]
    if len(spectator) and (signs["training"] == GAN).any():
        seen, heard = (
            (part["true recognised"] + part["predicted recognised"]).iloc[0] / 2
            for part in (spectator, signs[signs["training"] == GAN])
        )
        rows.append(
            row(
                "(ours) a generator that listens is harder to tell from the truth",
                f"patches called right: {seen:.0%} where nobody listens, {heard:.0%} where the generator does; one pair of "
                "trainings decides nothing",
                UNDECIDED,
            )
        )
    return rows


WON = 0.95  # a discriminator that calls more than this right, of both kinds, has nothing left to teach


COLLAPSED = 0.3  # a generator that varies less than this, relative to the truth, answers all photographs alike


def failure_signs(histories: Mapping[str, History]) -> pd.DataFrame:
    """The two ways in which adversarial training fails, looked for in its last epoch, one row a training.

    histories: name -> History of `adversarial.fit`, trained with a validation split. Columns, all on validation frames:
    `true recognised` and `predicted recognised`, shares; `discriminator has won`, both above `WON`; `memorised`, by how
    much more of the true patches it recognises on the training frames, which it has seen before; `adversarial loss` of the
    last epoch over that of the first, which grows when the generator falls behind; `variation`, as the function of that
    name, and `collapsed`, below `COLLAPSED`.
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
