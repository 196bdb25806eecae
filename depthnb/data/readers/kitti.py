r"""`kitti`: the Eigen split of KITTI's raw recordings, with annotated depth or with the laser scans themselves.

Layout, under the root (the folders `raw` and `depth` may be missing or be called as the archives unpack):

    raw/<date>/calib_cam_to_cam.txt, calib_velo_to_cam.txt
    raw/<date>/<date>_drive_<number>_sync/image_02/data/<frame>.png
    raw/<date>/<date>_drive_<number>_sync/velodyne_points/data/<frame>.bin            for truth "raw"
    depth/<train|val>/<date>_drive_<number>_sync/proj_depth/groundtruth/image_02/<frame>.png   for truth "annotated"

- Truth "annotated" (default, protocol kitti-garg): eleven scans accumulated and cleaned (Uhrig et al., 3DV 2017), 16-bit
  PNG in units of 1/256 m. It exists for 23,158 training and 652 of the 697 test frames. Truth "raw" (protocol kitti-eigen):
  one scan projected by `depthnb.data.readers.velodyne`, for 23,488 and 697. Both are z-depth in metres, sparse, 0 = no point.
- Split: Eigen et al. 2014, 33 drives for training and 28 for testing, left colour camera. Ten percent of the training
  drives, by a fixed hash of their names, serve as validation; split="train+val" is the published training set.
- Images differ in size by date (1242x375 to 1224x370); intrinsics are P_rect of the frame's date and camera. Nothing is
  cropped: the 1216x352 of many training recipes is a choice of theirs.
- Part of the set is enough: drives that are not there are left out, and a note says so.

A scene is a drive; its type is the category under which the raw-data page lists it (city, residential, road).
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
from depthnb.data.download import ORIGINS, locate
from depthnb.data.readers import velodyne
from depthnb.data.readers.listing import Listing, require, state_of
from depthnb.data.readers.pixels import check_same_size, read_depth, read_image
from depthnb.data.source import Source, clone_data
from depthnb.data.splits import derive_splits
from depthnb.data.words import plural

MAX_DEPTH = 80.0
PROTOCOLS = {"annotated": "kitti-garg", "raw": "kitti-eigen"}
DATES = ("2011_09_26", "2011_09_28", "2011_09_29", "2011_09_30", "2011_10_03")
_RAW_FOLDERS, _DEPTH_FOLDERS = ("raw", "raw_data", "."), ("depth", "data_depth_annotated", ".")
_UNANNOTATED = 5  # frames at either end of a drive: their neighbours, which annotated depth accumulates, do not exist
_SUFFIXES = (".png", ".jpg")  # KITTI's own, and what many convert it to


class Kitti(Source):
    """The Eigen split at a folder; FileNotFoundError if the folder or files of a drive are missing (see the module)."""

    max_depth = MAX_DEPTH

    def __init__(self, root: Path | str | None, truth: str = "annotated", name: str = "kitti"):
        places = [str(Path(folder, date)) for folder in _RAW_FOLDERS for date in DATES]
        self.raw = locate("kitti", places, root).parent
        self.root = self.raw.parent if self.raw.name in _RAW_FOLDERS else self.raw
        self.name, self.truth, self.protocol = name, truth, PROTOCOLS[truth]
        files = Listing()
        frames, notes = official_index(truth)
        self.index, self.folders, found = _on_disk(frames, self.raw, truth, self._annotations(), files)
        self.notes = (*notes, *found)
        self.calibrations = {
            (date, camera): velodyne.read_calibration(self.raw / date, camera, scanner=truth == "raw")
            for date, camera in sorted(set(zip(self.index["date"], self.index["camera"], strict=True)))
        }
        content = hashlib.sha256("\n".join([truth, *self.index["id"] + self.index["suffix"]]).encode())
        content.update(repr(self.calibrations).encode())
        self.fingerprint = content.hexdigest()[:12]

    @functools.cached_property
    def state(self) -> str:
        """Found when frames are prepared, not before: at native size nobody needs to ask 48,000 files."""
        frames = self.index[["scene", "camera", "frame", "suffix"]].itertuples(index=False)
        return state_of(path for frame in frames for path in self._files(*frame))

    def _files(self, scene: str, camera: str, frame: str, suffix: str) -> tuple[str, str]:
        """Image and truth of a frame; plain text, since making a Path takes longer than to ask for the file's time."""
        images, truths = self.folders[scene, camera]
        return f"{images}/{frame}{suffix}", f"{truths}/{frame}{'.bin' if self.truth == 'raw' else '.png'}"

    def files(self, row: int) -> tuple[str, str]:
        return self._files(*self.index.iloc[row][["scene", "camera", "frame", "suffix"]])

    def _annotations(self) -> list[Path]:
        """Folders that may hold the drives of annotated depth: train/ and val/ as published, or merged into one."""
        bases = [self.root / folder for folder in _DEPTH_FOLDERS]
        return [place for base in bases for place in (base / "train", base / "val", base) if place.is_dir()]

    def read(self, row: int) -> dict[str, Tensor]:
        frame = self.index.iloc[row]
        image_path, path = map(Path, self._files(*frame[["scene", "camera", "frame", "suffix"]]))
        calibration = self.calibrations[frame["date"], frame["camera"]]
        image = read_image(image_path)
        if tuple(image.shape[-2:]) != calibration.size:
            (h, w), (height, width) = image.shape[-2:], calibration.size
            raise ValueError(
                f"{image_path}: {w}x{h} (width x height), but calib_cam_to_cam.txt of {frame['date']} says {width}x{height} "
                f"(S_rect_{frame['camera']}); expected the images of *_sync.zip as published, neither resized nor cropped"
            )
        if self.truth == "raw":
            points = velodyne.read_scan(path)
            depth = torch.from_numpy(velodyne.project(points, calibration))[None]
            valid = depth > 0
        else:
            depth, valid = read_depth(path, 1 / 256)
            check_same_size(image, depth, image_path, path)
        K = torch.from_numpy(calibration.intrinsics.astype(np.float32))
        return {"image": image, "depth": depth, "valid": valid, "intrinsics": K}


def open_source(root: Path | str | None, truth: str = "annotated", name: str = "kitti") -> Kitti:
    """Open the recordings under `root` or under `DEPTHNB_DATA`.

    Args:
        truth: "annotated" or "raw".
    """
    return Kitti(root, truth, name)


def official_index(truth: str = "annotated") -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The Eigen split as later papers list it, with validation drives taken by hash, and sentences about it.

    Args:
        truth: "annotated": frames that have annotated depth; "raw": all of them, with the five frames at either end of each
            training drive that no annotated depth can exist for.

    Returns:
        Columns id, scene, scene_type, split, date, camera ("02" or "03"), frame (ten digits); and the notes.

    >>> [len(official_index(truth)[0]) for truth in ("annotated", "raw")]
    [23810, 24185]
    """
    names = ("date", "drive", "scene_type", "split", "camera", "frame")
    drives = files.read_table(clone_data("splits", "kitti_eigen_drives.csv"), text=names)
    margin = _UNANNOTATED if truth == "raw" else 0
    train = drives[drives["split"] == "train"]
    margins = 2 * _UNANNOTATED * len(train)
    frames = [range(a - margin, b + margin + 1) for a, b in zip(train["first"], train["last"], strict=True)]
    train = train.assign(frame=frames).explode("frame")
    train["frame"] = train["frame"].map("{:010d}".format)
    listed = files.read_table(clone_data("splits", "kitti_eigen_test.csv"), text=names)
    test = listed if truth == "raw" else listed[listed["has_ground_truth"] == 1]
    drive = ["date", "drive", "camera"]
    test = test.merge(drives[[*drive, "scene_type", "split"]], on=drive, validate="many_to_one")
    both = pd.concat([train, test], ignore_index=True)
    both["scene"] = both["date"] + "_drive_" + both["drive"]
    both["id"] = both["scene"] + "_" + both["camera"] + "_" + both["frame"]
    both, notes = derive_splits(both[["id", "scene", "scene_type", "split", "date", "camera", "frame"]])
    what = "have a laser scan"
    if truth == "annotated":
        ends = f"{_UNANNOTATED} at either end of each drive, which cannot"
        what = f"have annotated depth ({len(train) + margins:,} with the {ends})"
    val = ", ".join(sorted(set(both.loc[both["split"] == "val", "scene"])))
    said = (
        f"The Eigen split's lists: {len(train):,} training frames and {len(test)} of {len(listed)} test frames {what}; "
        "split='train+val' is the published training set."
    )
    return both, (said, *notes, f"They are {val}.")


def _on_disk(
    frames: pd.DataFrame, raw: Path, truth: str, annotations: list[Path], files: Listing
) -> tuple[pd.DataFrame, dict[tuple[str, str], tuple[Path, Path]], tuple[str, ...]]:
    """Keep the frames that are there.

    Returns:
        The index with the suffix of the image files; (scene, camera) -> folders of images and of truth; notes.

    Raises:
        FileNotFoundError: where a drive that is there lacks images or scans, or where no frame is left.
    """
    kept, folders, absent, unannotated = [], {}, [], 0
    for (scene, date, camera), group in frames.groupby(["scene", "date", "camera"], sort=False):
        drive = raw / date / f"{scene}_sync"
        if not files[drive]:
            absent.append(scene)
            continue
        remedy = f"Unpack {scene}_sync.zip again, or take the folder of this drive away to do without it"
        images = drive / f"image_{camera}" / "data"
        suffix = next((s for s in _SUFFIXES if any(name.endswith(s) for name in files[images])), _SUFFIXES[0])
        require(images, [frame + suffix for frame in group["frame"]], files[images], "images of the split", remedy)
        if truth == "raw":
            truths = drive / "velodyne_points" / "data"
            require(truths, [f"{frame}.bin" for frame in group["frame"]], files[truths], "laser scans", remedy)
        else:
            inside = Path(f"{scene}_sync", "proj_depth", "groundtruth", f"image_{camera}")
            truths = next((place / inside for place in annotations if files[place / inside]), raw / inside)
            there = group["frame"].map(lambda frame, names=files[truths]: f"{frame}.png" in names)
            group, unannotated = group[there], unannotated + int((~there).sum())
        folders[scene, camera] = images, truths
        kept.append(group.assign(suffix=suffix))
    index = pd.concat(kept, ignore_index=True) if kept else frames[:0]
    if index.empty:
        raise FileNotFoundError(_nothing_found(raw, annotations, unannotated))
    notes, scenes = [], frames["scene"].nunique()
    if absent:
        notes.append(
            f"Only {scenes - len(absent)} of {scenes} drives are here, so scores are not those of the Eigen split; the first "
            f"that is missing is {absent[0]}_sync."
        )
    if unannotated:
        verbs = ("has", "is") if unannotated == 1 else ("have", "are")
        notes.append(
            f"{plural(unannotated, 'frame')} that the lists name {verbs[0]} no annotated depth here and {verbs[1]} left out."
        )
    return index, folders, tuple(notes)


def _nothing_found(raw: Path, annotations: list[Path], unannotated: int) -> str:
    layout = f"Layout: {ORIGINS['kitti'].layout}"
    if not unannotated:
        return f"{raw}: dates, but none of the 61 drives of the Eigen split (folders *_sync). {layout}"
    looked = ", ".join(map(str, annotations))
    return (
        f"{raw}: images of {unannotated:,} frames, but annotated depth for none (looked in {looked}). Get "
        f"data_depth_annotated.zip (14 GB) from {ORIGINS['kitti'].page} and unpack it to depth/ beside raw/, or open the laser "
        f"scans: data set 'kitti-raw'. {layout}"
    )
