"""Finished runs of a notebook, as run.json alone: what verdicts are made from."""

import json

from depthnb import runs

MEAN_IMAGE = {"abs_rel": 0.40, "rmse": 1.0, "delta1": 0.4}
MEAN_DEPTH = {"abs_rel": 0.45, "rmse": 1.2, "delta1": 0.35}
SCORES = {"abs_rel": 0.2, "rmse": 0.6, "delta1": 0.7}


def finish(folder, notebook, run, seed, *, dataset="rooms", nets=None, metrics=None, made=700, **params):
    """Write one finished run; `metrics` are those of its main net on the test split, made: steps."""
    record = {
        "notebook": notebook,
        "run": run,
        "seed": seed,
        "dataset": dataset,
        "data": {"test": "f00d"},
        "finished": True,
        "parameters": 1000,
        "steps": made,
        "metrics": {"test": {**SCORES, **(metrics or {})}},
        "baselines": {"test": {"mean_image": MEAN_IMAGE, "mean_depth": MEAN_DEPTH}},
        "nets": nets or {},
        "params": {"dataset": dataset, "run": run, "seed": seed, **params},
    }
    (folder / notebook / run).mkdir(parents=True)
    (folder / notebook / run / runs.RECORD).write_text(json.dumps(record))


def full(folder, notebook, nets, *, seeds=5, fixed=(), **options):
    """Full runs with several seeds, whose nets have these numbers, each seed a little different; and one of twice the steps.

    fixed: names of nets that are trained no longer in it.
    """
    options = {"epochs": 10, **options}
    for seed in range(seeds):
        noise = 1 + 0.002 * (seed % 3)
        noisy = {net: {name: value * noise for name, value in numbers.items()} for net, numbers in nets.items()}
        run = "rooms-full" if seed == 0 else f"rooms-full-seed{seed}"
        finish(folder, notebook, run, seed, nets={net: {"steps": 700, **n} for net, n in noisy.items()}, **options)
    longer = {net: {"steps": 700 if net in fixed else 1400, **numbers} for net, numbers in nets.items()}
    twice = {**options, "epochs": 2 * options["epochs"]}
    finish(folder, notebook, "ablation-full-doubled-0", 0, nets=longer, made=1400, **twice)


def ablation(folder, notebook, name, abs_rel, *, seeds=5, epochs=10, **params):
    """Runs of one line of the ablations, and one of twice the steps."""
    for seed in range(seeds):
        scores = {"abs_rel": abs_rel * (1 + 0.002 * (seed % 3))}
        finish(folder, notebook, f"ablation-{name}-{seed}", seed, metrics=scores, epochs=epochs, **params)
    scores, twice = {"abs_rel": abs_rel}, {**params, "epochs": 2 * epochs}
    finish(folder, notebook, f"ablation-{name}-doubled-0", 0, metrics=scores, made=1400, **twice)
