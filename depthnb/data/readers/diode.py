r"""`diode`, `diode-indoors`, `diode-outdoor`: laser-scanned rooms and streets, dense depth under a mask.

Layout, as the archives unpack:

    <train|val>/<indoors|outdoor>/scene_00019/scan_00183/00019_00183_indoors_000_040.png      1024x768 RGB
                                                         00019_00183_indoors_000_040_depth.npy       float32 [768,1024,1]
                                                         00019_00183_indoors_000_040_depth_mask.npy  0 or 1 [768,1024]

- Truth: `_depth.npy` in metres, valid where the mask is 1 (the laser returned), depth is finite, above 0 and within the
  scanner's 350 m. What lies under mask 0 is never read as depth.
- Split: the official validation set serves as test (the official test set was never published); for validation 10 % of
  the training scenes of each kind, at least one, by a fixed hash of their names.
- Camera: the frames are crops of a panorama seen by a computed camera; the devkit gives fx 886.81, fy 927.06, cx 512,
  cy 384, which is 60 x 45 degrees with pixels counted from the image's edge. With pixel centres at integers the centre is
  half a pixel less. One user measured 42.3 x 32.4 degrees from walls that should meet at right angles, without an
  answer (diode-devkit, issue 20). Scores do not depend on it; angles in a point cloud do.
- Depth is taken as z, along the optical axis, not as the ray's length. The technical report says only "depth"; the maps
  pass for z in a public measurement (ground planes in 42 outdoor validation frames, all flatter as z;
  github.com/johnhong06/vlm-depth-rmse). `depthnb.data.planarity.compare` repeats it on your copy. A focal length
  that is off by a factor would not change the verdict for z: it stretches planes, but does not bend them.

Source: Vasiljevic et al. 2019 (arXiv:1908.00463) and github.com/diode-dataset/diode-devkit.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import files
from depthnb.data.download import locate
from depthnb.data.readers.arrays import read_npy
from depthnb.data.readers.listing import Listing, require, state_of
from depthnb.data.readers.pixels import read_image
from depthnb.data.source import Source, clone_data
from depthnb.data.splits import derive_splits

KINDS = ("indoors", "outdoor")
SIZE = (768, 1024)
RANGE = 350.0  # metres, of the scanner (FARO Focus S350)
PROTOCOLS = {"indoors": ("diode-indoors", 50.0), "outdoor": ("diode", RANGE), "both": ("diode", RANGE)}
FOCAL = (886.81, 927.06)
CENTRE = (512 - 0.5, 384 - 0.5)
_PARTS = {"train": "train", "val": "test"}  # folder -> split
_ENDINGS = {"_depth.npy": "depth maps", "_depth_mask.npy": "depth masks"}
_REMEDY = "Unpack the archive again (depthnb.data.download.download('diode', folder) checks its sum)"


class Diode(Source):
    """The frames of one kind, or of both; FileNotFoundError for missing files, ValueError for wrong ones (see the module).

    Args:
        root: the folder that holds train/ and val/ (one of them is enough to open that split).
        kind: "indoors", "outdoor" or "both".
        name: as in `Source`.
    """

    def __init__(self, root: Path | str | None, kind: str = "both", name: str = "diode"):
        self.root, self.name = locate("diode", tuple(reversed(_PARTS)), root).parent, name
        self.protocol, self.max_depth = PROTOCOLS[kind]
        files = Listing()
        kinds = KINDS if kind == "both" else (kind,)
        found = [_frames(self.root, one, files) for one in kinds]
        self.index = pd.concat([frames for frames, _ in found], ignore_index=True)
        if self.index.empty:
            raise FileNotFoundError(
                f"{self.root}: no frame of DIODE ({' or '.join(kinds)}) in {' or '.join(_PARTS)}; expected "
                f"<train|val>/{kinds[0]}/scene_*/scan_*/*.png. {_REMEDY}"
            )
        self.notes = tuple(note for _, notes in found for note in notes)
        self.fingerprint = hashlib.sha256("\n".join([kind, *self.index["path"]]).encode()).hexdigest()[:12]

    @functools.cached_property
    def state(self) -> str:
        """Found when frames are prepared, not before: at native size nobody needs to ask 80,000 files."""
        frames = self.index[["path", "ending"]].itertuples(index=False)
        return state_of(path for frame in frames for path in self._files(*frame))

    def _files(self, path: str, ending: str) -> list[str]:
        """Image, depth and mask of a frame; plain text, since making a Path takes longer than to ask for its time."""
        return [f"{self.root}/{path}{end}" for end in (ending, *_ENDINGS)]

    def files(self, row: int) -> list[str]:
        return self._files(*self.index.iloc[row][["path", "ending"]])

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        image_path, depth_path, mask_path = map(Path, self._files(frame["path"], frame["ending"]))
        image = read_image(image_path)
        if tuple(image.shape[-2:]) != SIZE:
            raise ValueError(
                f"{image_path}: {image.shape[-1]}x{image.shape[-2]} (width x height); expected {SIZE[1]}x{SIZE[0]} as "
                f"published. {_REMEDY}"
            )
        depth, mask = read_array(depth_path, "f"), read_array(mask_path, "bifu")
        if not np.isin(mask, (0, 1)).all():
            raise ValueError(f"{mask_path}: values {np.unique(mask)[:5].tolist()}; expected 0 and 1. {_REMEDY}")
        measured = (mask == 1) & np.isfinite(depth) & (depth > 0)
        valid = measured & (depth <= RANGE)
        if measured.any() and not valid.sum() > measured.sum() / 2:
            raise ValueError(
                f"{depth_path}: the median depth under the mask is {np.median(depth[measured]):g}; expected metres, at most "
                f"{RANGE:g}, so this is not the published file. {_REMEDY}"
            )
        K = torch.tensor([[FOCAL[0], 0, CENTRE[0]], [0, FOCAL[1], CENTRE[1]], [0, 0, 1]], dtype=torch.float32)
        return {
            "image": image,
            "depth": torch.from_numpy(np.where(valid, depth, np.float32(0)).astype(np.float32))[None],
            "valid": torch.from_numpy(valid)[None],
            "intrinsics": K,
        }


def open_source(root: Path | str | None, kind: str = "both", name: str = "diode") -> Diode:
    """Open the frames under `root` or under `DEPTHNB_DATA`.

    Args:
        kind: "indoors", "outdoor" or "both".
    """
    return Diode(root, kind, name)


def read_array(path: Path, kinds: str) -> np.ndarray:
    """Read a depth map or mask as [768,1024], whether it was stored with a third axis or not.

    Args:
        kinds: NumPy's letters of the types allowed; "f" is float32 only.

    Raises:
        FileNotFoundError, ValueError: naming the file, what was expected and what was found.
    """
    stored = read_npy(path, _REMEDY[0].lower() + _REMEDY[1:])
    wanted = "float32" if kinds == "f" else "numbers"
    right = stored.dtype == np.float32 if kinds == "f" else stored.dtype.kind in kinds
    if not right or stored.shape not in (SIZE, (*SIZE, 1)):
        raise ValueError(
            f"{path}: array is {stored.dtype} {stored.shape}; expected {wanted} {(*SIZE, 1)} or {SIZE}. {_REMEDY}"
        )
    return stored.reshape(SIZE)


def _frames(root: Path, kind: str, files: Listing) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """All frames of one kind: id, scene, scene_type, split, path (relative), ending of the image's name; and notes.

    A frame is whatever has an image or a depth map, so that one without its image is told, not passed over.
    """
    rows = []
    for part, split in _PARTS.items():
        for scene in sorted(files[root / part / kind]):
            for scan in sorted(files[root / part / kind / scene]):
                folder = Path(part, kind, scene, scan)
                names = files[root / folder]
                # sorted, so that .png is the one taken where .PNG (some tools for FAT disks write it) is there too
                images = {name[:-4]: name[-4:] for name in sorted(names) if name.lower().endswith(".png")}
                stems = sorted({*images, *(n.removesuffix("_depth.npy") for n in names if n.endswith("_depth.npy"))})
                require(root / folder, [s + images.get(s, ".png") for s in stems], names, "images", _REMEDY)
                for ending, what in _ENDINGS.items():
                    require(root / folder, [stem + ending for stem in stems], names, what, _REMEDY)
                rows += [(s, scene, kind, split, (folder / s).as_posix(), images[s]) for s in stems]
    index = pd.DataFrame(rows, columns=["id", "scene", "scene_type", "split", "path", "ending"])
    both = set(index.loc[index["split"] == "train", "scene"]) & set(index.loc[index["split"] == "test", "scene"])
    if both:
        raise ValueError(
            f"{root}: {sorted(both)[0]} is in train/{kind} and in val/{kind}; expected different scenes, as published: "
            "take it out of train"
        )
    found = "has no frame scene_*/scan_*/*.png in it"
    lacks = {part: f"{part}/{kind} {found if files[root / part / kind] else 'is not here'}" for part in _PARTS}
    notes = _test_notes(index[index["split"] == "test"], kind, lacks["val"])
    if not (index["split"] == "train").any():
        notes += (f"{kind}: {lacks['train']}, so there is nothing to train on (train.tar.gz, 81 GB).",)
    elif (index["split"] == "test").any():
        index, derived = derive_splits(index)
        notes += tuple(f"{kind}: {note}" for note in derived)
    return index, notes


def _test_notes(test: pd.DataFrame, kind: str, lacking: str) -> tuple[str, ...]:
    official = files.read_table(clone_data("splits", "diode_val_scans.csv"), text=("kind", "scene", "scan"))
    expected = official.loc[official["kind"] == kind, "frames"].sum()
    if test.empty:
        return (f"{kind}: {lacking}; it holds the {expected} frames that serve as test (val.tar.gz, 2.6 GB).",)
    said = f"{kind}: the official validation set serves as test, since no test set was published"
    return (f"{said}." if len(test) == expected else f"{said}; {len(test)} of its {expected} frames are here.",)
