"""Copies of notebooks for nbval whose trainings are short: `python shortened.py FOLDER 03_eigen ...` writes them.

Of what a cell asserts, and of what nbval compares, nothing depends on how long a net was trained, or on how many frames. A
pass over some of them runs every line that the notebook's own values run.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONE_PASS = {"epochs": 1, "min_steps": 0}
FEW = {**ONE_PASS, "frames": 160}
VALUES = {
    "02_bn_cnn": {**ONE_PASS, "channels": 4},  # six nets, four of them with epochs of their own
    "03_eigen": FEW,
    "04_unet": FEW,
    "05_densenet": FEW,
    "06_hma": FEW,
    "07_midas": {**ONE_PASS, "images": 160},
    "09_gan": ONE_PASS,
    "11_today": {"weights": "shipped"},  # the net that comes with the clone
    "13_self_supervised": {**ONE_PASS, "scenes": 24},
}


def write(name: str, folder: Path) -> Path:
    """Put a notebook with its short values into `folder`, as papermill does it, with its outputs as they are."""
    from papermill.execute import execute_notebook

    file = folder / f"{name}.ipynb"
    execute_notebook(ROOT / f"notebooks/{name}.ipynb", file, VALUES[name], prepare_only=True)
    return file


def main(folder: str, *names: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        write(name, Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
