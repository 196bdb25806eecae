r"""`shards`: NYU, DIODE and KITTI in the tar and parquet files in which they are had today, read where they lie.

The layout is told by what is in the files. These are known, with where the layout is written down:

1. `train-000000.tar`, `val-*.tar`: `<scene>/<n>.h5` with rgb uint8 [3,480,640] and depth float32 [480,640] in metres; 47,584
   and 654 frames of NYU V2;
2. `train-00000-of-00008.parquet`, `val-*`: image float32 [3,288,384] in 0..1 and depth float32 [1,288,384] in metres, as nested
   lists; the 795 and 654 labelled frames;
3. `train-*.parquet`, `val-*`, `test-*`: rgb or image, and depth, as pictures; depth of 16 bits in millimetres; 1014, 290, 145;
4. `diode_val.tar`, or `val.tar.gz` of its makers once it is gunzipped: `<kind>/scene_*/scan_*/*.png`, `*_depth.npy`,
   `*_depth_mask.npy`; 771 frames;
5. `kitti_eigen_split_test.tar`: `<date>/<drive>_sync/image_02/data/*.png` and
   `<drive>_sync/proj_depth/groundtruth/image_02/*.png`; 652 frames.

- Depth is as in the data sets' own files, so DIODE is under its mask and KITTI in 1/256 m. The NYU depth of 1 is in-painted.
- The split is that of the name of the file, else of the folder in it; without a test split "val" serves as test, as everywhere
  here, and for validation 10 % of the training scenes by a fixed hash.
- Scenes are the folders in the files. Parquet names none, so every frame counts as a scene of its own.
- Cameras: those of the data sets where frames are known to be uncropped (1: test frames; DIODE), else unknown (NaN).
- Parquet needs pyarrow (`pip install 'depthnb[parquet]'`). A group of rows is decoded at once, in 2 about 180 MB.

Sources: 1 huggingface.co/datasets/sayakpaul/nyu_depth_v2 (nyu_depth_v2.py; files of Wofk et al. 2019, arXiv:1903.03273);
2 huggingface.co/datasets/tanganke/nyuv2 (its card); 3 huggingface.co/datasets/jagennath-hari/nyuv2 (as public readers of it
describe it); 4 and 5 the lists of files of github.com/prs-eth/Marigold (Ke et al. 2024, arXiv:2312.02145), data_split/.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb.data.readers import diode, kitti, nyu_v2
from depthnb.data.readers import shard_files as stored
from depthnb.data.source import Source
from depthnb.data.splits import derive_splits
from depthnb.data.words import plural

_UNKNOWN = nyu_v2.camera((float("nan"),) * 2, (float("nan"),) * 2)
_KNOWN = "tar files of .h5 (NYU), of DIODE or of KITTI, or parquet files with the columns image or rgb, and depth"
_ARRAYS = (288, 384)


class Shards(Source):
    """Frames in tar or parquet files; a layout is a subclass that lists and reads them.

    Args:
        root: as given.
        files: their members or rows.
        rows: frame by frame, id, scene, scene_type, split and what `read` needs.
        notes: sentences on what was decided.
    """

    name = "shards"

    def __init__(self, root: Path, files: stored.Tars | stored.Tables, rows: pd.DataFrame, *notes: str):
        self.root, self.stored = root, files
        twice = rows.loc[rows["id"].duplicated(), "id"]
        if len(twice):
            raise ValueError(f"{root}: frame {twice.iloc[0]} is there twice; keep one of its files")
        if "test" not in set(rows["split"]) and "val" in set(rows["split"]):
            rows = rows.assign(split=rows["split"].replace("val", "test"))
            notes += ("The files call their test frames val; they serve as test.",)
        both = rows.groupby("scene")["split"].nunique()
        if (both > 1).any():
            raise ValueError(f"{root}: scene {both.idxmax()} is in several splits; expected different scenes in each")
        self.own_test = (rows["split"] == "test").any()
        self.index, derived = derive_splits(rows.reset_index(drop=True))
        self.notes = (*notes, *derived)
        facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files.paths]
        self.fingerprint = hashlib.sha256(repr([fact[:2] for fact in facts]).encode()).hexdigest()[:12]
        self.state = repr(facts)


class NyuHdf5(Shards):
    """NYU Depth V2 as .h5 in tar files (1 of the module)."""

    protocol, max_depth = "nyu-eigen-filled", nyu_v2.MAX_DEPTH

    def __init__(self, root: Path, files: stored.Tars):
        rows = []
        for name in (each for each in files.members if each.endswith(".h5")):
            path = PurePosixPath(name)
            split = _split(files.paths[files.members[name][0]].name, name)
            if split == "train":
                scene, kind = nyu_v2.place_and_type(path.parent.name or path.stem)
            else:  # all of them lie in one folder
                scene, kind = f"{path.parent.name or 'test'}_{path.stem}", "unknown"
            rows.append((path.with_suffix("").as_posix(), scene, kind, split, name))
        super().__init__(root, files, pd.DataFrame(rows, columns=["id", "scene", "scene_type", "split", "member"]))

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        said = self.stored.said(frame["member"])
        image, depth = stored.hdf5_of(self.stored.read(frame["member"]), ("rgb", "depth"), said)
        if image.dtype != np.uint8 or image.shape != (3, *nyu_v2.SIZE) or depth.shape != nyu_v2.SIZE:
            raise ValueError(
                f"{said}: rgb {image.dtype} {image.shape} and depth {depth.shape}; expected uint8 {(3, *nyu_v2.SIZE)} and "
                f"{nyu_v2.SIZE}"
            )
        known = nyu_v2.camera(nyu_v2.FOCAL, nyu_v2.CENTRE) if frame["split"] == "test" else _UNKNOWN.clone()
        return _sample(image, *nyu_v2.check_metres(depth.astype(np.float32), said), known)


class DiodeTar(Shards):
    """DIODE in its own layout, not unpacked."""

    protocol, max_depth = diode.PROTOCOLS["both"]

    def __init__(self, root: Path, files: stored.Tars):
        rows = []
        for name in (each for each in files.members if each.endswith("_depth.npy")):
            stem, path = name.removesuffix("_depth.npy"), PurePosixPath(name)
            for ending in (".png", "_depth_mask.npy"):
                if stem + ending not in files.members:
                    raise ValueError(f"{files.said(name)}: {path.name} has no {ending} beside it; {stored.REMEDY}")
            if len(path.parts) < 4:
                raise ValueError(f"{files.said(name)}: expected <indoors|outdoor>/scene_*/scan_*/ before its name")
            split = _split(files.paths[files.members[name][0]].name, name)
            rows.append((PurePosixPath(stem).name, path.parts[-3], path.parts[-4], split, stem))
        super().__init__(root, files, pd.DataFrame(rows, columns=["id", "scene", "scene_type", "split", "stem"]))

    def read(self, row: int) -> dict[str, Tensor]:
        stem = self.index["stem"].iloc[row]
        names = [stem + ending for ending in (".png", "_depth.npy", "_depth_mask.npy")]
        image = stored.colours_of(self.stored.read(names[0]), self.stored.said(names[0]))
        depth, mask = (stored.npy_of(self.stored.read(name), self.stored.said(name)).squeeze() for name in names[1:])
        if not depth.shape == mask.shape == image.shape[1:] or depth.dtype != np.float32:
            raise ValueError(
                f"{self.stored.said(names[1])}: depth {depth.dtype} {depth.shape}, mask {mask.shape}, image "
                f"{image.shape[1:]}; expected float32 and equal sizes"
            )
        if not np.isin(mask, (0, 1)).all():
            raise ValueError(f"{self.stored.said(names[2])}: values {np.unique(mask)[:5].tolist()}; expected 0 and 1")
        valid = (mask == 1) & np.isfinite(depth) & (depth > 0) & (depth <= diode.RANGE)
        whole = image.shape[1:] == diode.SIZE
        known = nyu_v2.camera(diode.FOCAL, diode.CENTRE) if whole else _UNKNOWN.clone()
        return _sample(image, np.where(valid, depth, 0), valid, known)


class KittiTar(Shards):
    """Frames of KITTI with annotated depth, each named as in the lists of the Eigen split."""

    protocol, max_depth = kitti.PROTOCOLS["annotated"], kitti.MAX_DEPTH
    _IMAGE = re.compile(r"(?:.*/)?(\d{4}_\d\d_\d\d_drive_\d{4})_sync/image_(0[23])/data/(\d{10})\.(?:png|jpg)")
    _TRUTH = re.compile(
        r"(?:.*/)?(\d{4}_\d\d_\d\d_drive_\d{4})_sync/proj_depth/groundtruth/image_(0[23])/(\d{10})\.png"
    )

    def __init__(self, root: Path, files: stored.Tars):
        images = {match.groups(): name for name in files.members if (match := self._IMAGE.fullmatch(name))}
        truths = {match.groups(): name for name in files.members if (match := self._TRUTH.fullmatch(name))}
        rows = []
        for key in sorted(images.keys() & truths.keys()):
            split = _split(files.paths[files.members[images[key]][0]].name, "")
            rows.append(("_".join(key), key[0], "unknown", split, images[key], truths[key]))
        if not rows:
            raise ValueError(f"{root}: images of KITTI, but annotated depth for none of them; {stored.REMEDY}")
        alone = len(images) - len(rows)
        notes = (f"{plural(alone, 'image')} without annotated depth left out.",) if alone else ()
        columns = ["id", "scene", "scene_type", "split", "image", "truth"]
        super().__init__(root, files, pd.DataFrame(rows, columns=columns), *notes)

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        image = stored.colours_of(self.stored.read(frame["image"]), self.stored.said(frame["image"]))
        depth = stored.stored_of(self.stored.read(frame["truth"]), self.stored.said(frame["truth"]))
        _check_equal(self.stored.said(frame["truth"]), image, depth)
        return _sample(image, depth / 256, depth > 0, _UNKNOWN.clone())


class NyuParquet(Shards):
    """NYU Depth V2 in parquet files, as arrays or as pictures (2 and 3 of the module)."""

    protocol, max_depth = "folder-10", nyu_v2.MAX_DEPTH

    def __init__(self, root: Path, files: stored.Tables):
        self.image = next(name for name in ("image", "rgb") if name in files.columns)
        splits = [_split(path.name, "") for path in files.paths]
        rows, counts = [], dict.fromkeys(splits, 0)
        for file, _, _ in files.places:
            name = f"{splits[file]}_{counts[splits[file]]:05d}"
            counts[splits[file]] += 1
            rows.append((name, name, "unknown", splits[file]))
        note = "These files do not name scenes: frames of one room may be in several splits, as far as their makers let them."
        super().__init__(root, files, pd.DataFrame(rows, columns=["id", "scene", "scene_type", "split"]), note)

    def read(self, row: int) -> dict[str, Tensor]:
        said = self.stored.said(row)
        cells = self.stored.row(row, (self.image, "depth"))
        if hasattr(cells["depth"], "values") and not hasattr(cells["depth"], "keys"):
            image = stored.array_of(cells[self.image], (3, *_ARRAYS), said)
            depth = stored.array_of(cells["depth"], (1, *_ARRAYS), said)[0].astype(np.float32)
            if not (np.isfinite(image).all() and 0 <= image.min() and image.max() <= 1.01):
                raise ValueError(f"{said}: an image from {image.min():g} to {image.max():g}; expected 0 to 1")
            image = np.clip(np.round(image * 255), 0, 255).astype(np.uint8)
        else:
            image = stored.colours_of(cells[self.image].as_py()["bytes"], said)
            depth = (stored.stored_of(cells["depth"].as_py()["bytes"], said) * 0.001).astype(np.float32)
            _check_equal(said, image, depth)
        return _sample(image, *nyu_v2.check_metres(depth, said), _UNKNOWN.clone())


def open_source(root: Path | str | None) -> Shards:
    """Open the files under `root`, or `root` itself, or what lies under `DEPTHNB_DATA`; see the module for what is known.

    Raises:
        FileNotFoundError: without a tar or parquet file.
        ValueError: for files of another layout, with what is in them.
        ImportError: for parquet without pyarrow.
    """
    if root is None:
        raise ValueError("data set 'shards' needs root (in a notebook: data_root), the folder that holds its files")
    root = Path(root).expanduser()
    found = [root] if root.is_file() else sorted(path for path in root.rglob("*") if not path.name.startswith("."))
    tars, tables = (
        [path for path in found if path.suffix == suffix and path.is_file()] for suffix in (".tar", ".parquet")
    )
    if bool(tars) == bool(tables):
        there = "both .tar and .parquet files" if tars else "neither .tar nor .parquet files"
        raise (ValueError if tars else FileNotFoundError)(
            f"{root}: {there}; expected {_KNOWN}, one data set in a folder"
        )
    if tables:
        files = stored.Tables(tables)
        if "depth" in files.columns and {"image", "rgb"} & set(files.columns):
            return NyuParquet(root, files)
        raise ValueError(f"{root}: parquet files with the columns {', '.join(files.columns)}; expected {_KNOWN}")
    members = stored.Tars(tars)
    marks = ((".h5", NyuHdf5), ("_depth.npy", DiodeTar))
    for ending, layout in marks:
        if any(name.endswith(ending) for name in members.members):
            return layout(root, members)
    if any(KittiTar._IMAGE.fullmatch(name) for name in members.members):
        return KittiTar(root, members)
    first = ", ".join(list(members.members)[:3]) or "nothing"
    raise ValueError(f"{root}: tar files that hold {first}; expected {_KNOWN}")


def _split(file: str, member: str) -> str:
    """The split that the name of a file tells, else the folder at the top of a member; train, where neither does.

    >>> _split("train-000001.tar", ""), _split("kitti_eigen_split_test.tar", ""), _split("a.tar", "val/x"), _split("a", "b")
    ('train', 'test', 'val', 'train')
    """
    for words in (file, member.rpartition("/")[0]):
        for split in ("train", "test", "val"):
            if split in words.lower():
                return split
    return "train"


def _check_equal(said: str, image: np.ndarray, depth: np.ndarray) -> None:
    if image.shape[1:] != depth.shape:
        raise ValueError(f"{said}: depth {depth.shape}, but its image {image.shape[1:]}; expected equal sizes")


def _sample(image: np.ndarray, depth: np.ndarray, valid: np.ndarray, camera: Tensor) -> dict[str, Tensor]:
    return {
        "image": torch.from_numpy(image),
        "depth": torch.from_numpy(np.asarray(depth, np.float32))[None],
        "valid": torch.from_numpy(np.asarray(valid, bool))[None],
        "intrinsics": camera,
    }
