"""A hundred damaged inputs, the same ones every time: each gives the right result or one clear error.

None is silently wrong where the format of the file lets that be seen.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from data_fixtures import write_folder, write_index

from depthnb import data, files, models, runs
from depthnb.data.readers import index_csv
from depthnb.runs import records

SCENES = {"hall": "train", "den": "train", "loft": "val", "attic": "test"}
WAYS = ("flipped", "cut", "emptied", "swapped")


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    make: writes one into a folder, and returns the file to damage. read: what a user gets from it. seen: ways of damage after
    which the format shows that it is damaged, so that a result has to be that of the whole file.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    seen: tuple[str, ...]


def frames(file: Path) -> list:
    ds = data.open("folder", file.parent, "all")
    read = [{key: value.numpy() for key, value in ds[i].items() if torch.is_tensor(value)} for i in range(len(ds))]
    for frame in read:
        assert frame["image"].shape[1:] == frame["depth"].shape[1:] == frame["valid"].shape[1:]
        assert np.isfinite(frame["depth"][frame["valid"]]).all() and (frame["depth"][frame["valid"]] > 0).all()
    return read


def folder_file(name: str) -> Callable[[Path], Path]:
    def make(root: Path) -> Path:
        rows = write_folder(root, SCENES, per_scene=1)
        if name.endswith(".npy"):
            np.save(root / name, np.linspace(1, 5, 24 * 32, dtype=np.float32).reshape(24, 32))
            rows[0][5], rows[0][7] = name, "1"
            write_index(root, rows)
        return root / name

    return make


def run_json(root: Path) -> Path:
    file = root / "02_bn_cnn" / "quick" / "run.json"
    record = {
        "notebook": "02_bn_cnn",
        "run": "quick",
        "hash": "a" * 12,
        "params": {"epochs": 3},
        "metrics": {},
        "seed": 0,
    }
    files.write_text(file, json.dumps({**record, "finished": True}, indent=1))
    return file


def read_record(file: Path) -> list:
    problems: list[str] = []
    found = records.finished(reports=file.parents[2], problems=problems)
    if problems:
        raise ValueError(problems[0])
    return [{key: value for key, value in each.items() if key != "folder"} for each in found]


def table(root: Path) -> Path:
    rows = "".join(f"frame_{i},bedroom,{i / 7:.6g},{0.9 - i / 100:.6g}\n" for i in range(20))
    return files.write_text(root / "per_image.csv", "id,scene_type,abs_rel,delta1\n" + rows)


def weights(root: Path) -> Path:
    torch.manual_seed(0)
    return models.save(models.BNCNN(width=2, depth=2), root / "m.safetensors")


def parameters(file: Path) -> dict:
    """The values as papermill hands them on, checked by the notebook; papermill itself refuses what is no YAML."""
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{file.name}: {error}") from None
    scope = {"__annotations__": {"epochs": "int", "learning_rate": "float", "run": "str"}, "epochs": 1}
    scope |= {"learning_rate": 0.1, "run": "quick"}
    if given is not None and not isinstance(given, dict):
        raise ValueError(f"{file.name}: no names with values")
    return runs.check_parameters({**scope, **(given or {})}, {})


KINDS = {
    "index.csv": Kind(folder_file("index.csv"), frames, ()),
    "image PNG": Kind(folder_file("0.png"), frames, WAYS),
    "depth PNG": Kind(folder_file("0_depth.png"), frames, WAYS),
    "NPY": Kind(folder_file("depth.npy"), frames, ("cut", "emptied")),
    "JSON": Kind(run_json, read_record, ("cut", "emptied")),
    "CSV": Kind(table, lambda file: files.read_table(file).to_dict("list"), ("emptied",)),
    "safetensors": Kind(
        weights,
        lambda file: {key: each.numpy() for key, each in models.load(file).state_dict().items()},
        ("cut", "emptied"),
    ),
    "YAML": Kind(
        lambda root: files.write_text(root / "p.yaml", "epochs: 41\nlearning_rate: 1.0e-3\nrun: paper\n"),
        parameters,
        (),
    ),
}
CASES = [(kind, WAYS[number % 4], number) for kind in KINDS for number in range(13)][:100]


def damage(content: bytes, way: str, rng: np.random.Generator) -> bytes:
    """The bytes with up to eight of them changed, without their end, gone, or with two parts of them exchanged."""
    if way == "emptied":
        return b"" if rng.integers(2) else bytes(len(content))
    if way == "cut":
        return content[: rng.integers(1, len(content) - 1)]
    if way == "swapped":
        a, b, c = sorted(rng.choice(len(content) - 1, 3, replace=False))
        return content[:a] + content[b:c] + content[a:b] + content[c:]
    changed = bytearray(content)
    for place in rng.integers(0, len(changed), rng.integers(1, 9)):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def equal(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other, equal_nan=True)
    return one == other


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole input of each kind, and what is read from it."""
    made = {}
    for name, kind in KINDS.items():
        root = tmp_path_factory.mktemp("whole")
        file = kind.make(root)
        made[name] = root, file.relative_to(root), kind.read(file)
    return made


def test_there_are_a_hundred():
    assert len(CASES) == 100 and len({kind for kind, *_ in CASES}) == len(KINDS)


@pytest.mark.parametrize(("name", "way", "number"), CASES)
def test_a_damaged_input_gives_the_right_result_or_one_clear_error(name, way, number, whole, tmp_path):
    root, place, expected = whole[name]
    shutil.copytree(root, tmp_path / "in")
    file = tmp_path / "in" / place
    content = file.read_bytes()
    broken = damage(content, way, np.random.default_rng([number, sorted(KINDS).index(name)]))
    file.write_bytes(broken)
    try:
        found = KINDS[name].read(file)
    except (ValueError, OSError) as error:
        assert type(error).__module__.startswith(("builtins", "depthnb")), f"{type(error)} is another library's"
        assert 20 < len(str(error)) < 1500 and " " in str(error), error
    else:
        if broken == content or way in KINDS[name].seen:
            assert equal(found, expected), "silently wrong"


@pytest.mark.parametrize("number", range(6))
def test_a_check_of_damaged_folders_names_everything_and_stops_at_nothing(number, tmp_path):
    rng = np.random.default_rng(number)
    root = tmp_path / "in"
    root.mkdir()
    write_folder(root, SCENES, per_scene=1)
    for file in sorted(root.iterdir()):
        if rng.random() < 0.4:
            file.write_bytes(damage(file.read_bytes(), WAYS[rng.integers(4)], rng))
    said, findings = data.examine("folder", root, every=True)
    assert said and all(finding.found for finding in findings)


def test_a_header_that_asks_for_gigabytes_is_refused_before_they_are_taken(tmp_path):
    import struct
    import tracemalloc
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12000, 12000, 8, 2, 0, 0, 0))
    picture = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    write_folder(tmp_path, SCENES, per_scene=1)
    for name in ("0.png", "1_depth.png"):
        (tmp_path / name).write_bytes(picture)
        tracemalloc.start()
        with pytest.raises(ValueError, match=rf"{name}: the image is too large \(12000 x 12000 pixels, at most"):
            frames(tmp_path / "index.csv")
        assert tracemalloc.get_traced_memory()[1] < 50e6
        tracemalloc.stop()
        write_folder(tmp_path, SCENES, per_scene=1)


def test_index_columns_that_are_exchanged_are_refused(tmp_path):
    rows = write_folder(tmp_path, SCENES, per_scene=1)
    image, depth, valid = (index_csv.COLUMNS.index(name) for name in ("image", "depth", "valid"))
    for a, b in ((image, depth), (depth, valid), (image, valid)):
        spoilt = [list(row) for row in rows]
        for row in spoilt:
            row[a], row[b] = row[b], row[a]
        write_index(tmp_path, spoilt)
        with pytest.raises(ValueError, match="expected"):
            frames(tmp_path / "index.csv")
