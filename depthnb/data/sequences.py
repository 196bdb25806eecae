"""Short films as self-supervised training sees them: every frame with its neighbours and the way between them, no depth."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from depthnb import files
from depthnb.data import transforms
from depthnb.data.sample import Dataset

POSES = "poses.csv"
COLUMNS = tuple(f"m{row}{column}" for row in range(3) for column in range(4))
NEIGHBOURS = 2


class Films:
    """The frames of a data set, each with two neighbours of its scene and the poses between them; `len(films)`, `batch`.

    A data set becomes one by a file `poses.csv` beside its index.csv: `id` and the upper three rows of the 4x4 matrix that
    takes points from the camera (x right, y down, z forward, metres) to the world, `m00` to `m23` row by row. Frames of a scene
    follow each other in the order of the index. True depth is not handed out.

    Args:
        frames: opened at a size; each of its scenes has at least three frames and known cameras.

    Attributes:
        frames: the data set itself.
        poses: float64 [N,4,4], camera to world.
        neighbours: int64 [N,2], the numbers of each frame's neighbours.

    Raises:
        FileNotFoundError: without a poses.csv.
        ValueError: for a frame without a pose, a pose that is no rigid motion, a scene of fewer than three frames, and frames
            of unknown cameras.
    """

    def __init__(self, frames: Dataset) -> None:
        if frames.size is None:
            raise ValueError("films need frames of one size: open the data set with size=(height, width)")
        self.frames = frames
        self.poses = read_poses(_beside(frames.root), frames.frames["id"].tolist())
        self.neighbours = _neighbours(frames)
        cameras = frames.batch(range(len(frames)))["intrinsics"]
        if not cameras.isfinite().all():
            unknown = frames.frames["id"][int((~cameras.isfinite()).flatten(1).any(1).nonzero()[0])]
            raise ValueError(
                f"{frames.root}: the camera of frame {unknown!r} is unknown, so nothing can be projected from one frame into "
                "another; fill fx, fy, cx and cy of its row in index.csv"
            )

    @property
    def name(self) -> str:
        return self.frames.name

    @property
    def fingerprint(self) -> str:
        """Which frames and which poses these are."""
        return f"{self.frames.fingerprint} {zlib.crc32(self.poses.tobytes()):08x}"

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, indices: Sequence[int] | Tensor | np.ndarray, device: torch.device | str | None = None) -> dict:
        """Several frames with their neighbours.

        Returns:
            image float [B,3,H,W]; sources float [B,2,3,H,W], its neighbours; seen float [B,3,3,H,W], the three of them, as
            augmentation changes them for the nets' eyes; motion float [B,2,4,4], target camera to each source camera;
            intrinsics float [B,3,3]; valid bool [B,1,H,W], True everywhere, since every pixel is a picture's pixel; id, scene,
            scene_type, lists of str.
        """
        numbers = np.asarray(indices, dtype=np.int64).ravel()
        together = np.concatenate([numbers[:, None], self.neighbours[numbers]], 1)  # [B,3]
        read = self.frames.batch(together.ravel(), device)
        seen = read["image"].unflatten(0, together.shape)
        places = torch.from_numpy(self.poses[together])
        motion = torch.linalg.inv(places[:, 1:]) @ places[:, :1]
        own = slice(None, None, 1 + NEIGHBOURS)
        return {
            "image": seen[:, 0],
            "sources": seen[:, 1:],
            "seen": seen,
            "motion": motion.float().to(seen.device),
            "intrinsics": read["intrinsics"][own],
            "valid": torch.ones_like(read["valid"][own]),
            **{key: read[key][own] for key in ("id", "scene", "scene_type")},
        }


def _beside(root: Path) -> Path:
    return (root if root.is_dir() else root.parent) / POSES


def read_poses(file: Path, ids: Sequence[str]) -> np.ndarray:
    """Poses of some frames, float64 [N,4,4], camera to world, from a file as `Films` describes it.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it lacks a column or a frame, names a frame twice, or holds what is no rigid motion.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is missing: self-supervised training needs the pose of every frame there, with the columns id,"
            f"{','.join(COLUMNS)} (camera to world, metres)"
        )
    table = files.read_table(file)
    missing = [column for column in ("id", *COLUMNS) if column not in table.columns]
    if missing:
        raise ValueError(f"{file} lacks the column {missing[0]!r}; expected id,{','.join(COLUMNS)}")
    table = table.assign(id=table["id"].astype(str))
    if table["id"].duplicated().any():
        raise ValueError(
            f"{file} names frame {table['id'][table['id'].duplicated()].iloc[0]!r} twice; keep one row each"
        )
    table = table.set_index("id")
    absent = [name for name in ids if name not in table.index]
    if absent:
        raise ValueError(
            f"{file} has no pose of frame {absent[0]!r} ({len(absent)} of {len(ids)} are missing); add its row"
        )
    numbers = table.loc[list(ids), list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    poses = np.tile(np.eye(4), (len(ids), 1, 1))
    poses[:, :3] = numbers.reshape(-1, 3, 4)
    _refuse_no_motion(poses, ids, file)
    return poses


def _refuse_no_motion(poses: np.ndarray, ids: Sequence[str], file: Path) -> None:
    rotation = poses[:, :3, :3]
    with np.errstate(invalid="ignore"):
        off = np.abs(rotation @ rotation.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
        good = np.isfinite(poses).all((1, 2)) & (off < 1e-3) & (np.linalg.det(np.nan_to_num(rotation)) > 0)
    if not good.all():
        raise ValueError(
            f"{file}: the pose of frame {ids[int(np.argmin(good))]!r} is no rigid motion; expected m00 to m22 to be a rotation "
            "(orthogonal, determinant 1), not a mirrored, scaled or transposed 4x4 matrix, and all twelve to be numbers"
        )


def _neighbours(frames: Dataset) -> np.ndarray:
    """For each frame the numbers of its two nearest of the same scene in the order of the index, int64 [N,2]."""
    scenes = frames.frames["scene"].to_numpy()
    others = np.empty((len(frames), NEIGHBOURS), np.int64)
    for scene in pd.unique(scenes):
        rows = np.flatnonzero(scenes == scene)
        if len(rows) <= NEIGHBOURS:
            raise ValueError(
                f"{frames.root}: scene {scene!r} has {len(rows)} frames in the split {frames.split}; expected at least "
                f"{NEIGHBOURS + 1} that follow each other, since every frame is explained by its neighbours"
            )
        for place, row in enumerate(rows):
            first = min(max(place - 1, 0), len(rows) - NEIGHBOURS - 1)
            window = rows[first : first + NEIGHBOURS + 1]
            others[row] = window[window != row]
    return others


def augment(
    batch: dict,
    *,
    seed: int,
    epoch: int,
    flip: float = 0.0,
    gamma: float = 0.0,
    brightness: float = 0.0,
    colour: float = 0.0,
) -> dict:
    """Mirror whole films, and change the colours that the nets see, a function of (seed, epoch, id) alone.

    A mirrored film is one of a mirrored world: the pictures are turned, cx becomes W - 1 - cx, and the camera's way goes to
    the other side. Colours change in `seen` alone and alike in all pictures of a film: the loss compares the true ones.

    Args:
        batch: as `Films.batch` gives it.
        flip: probability of the mirror.
        gamma, brightness, colour: as for `transforms.augment`.
    """
    keys = [zlib.crc32(f"film/{seed}/{epoch}/{name}".encode()) / 2**32 for name in batch["id"]]
    flipped = torch.tensor([key < flip for key in keys], device=batch["image"].device)
    batch = mirrored(batch, flipped) if flipped.any() else dict(batch)
    if gamma or brightness or colour:
        count, together = batch["seen"].shape[1], batch["seen"].flatten(0, 1)
        nothing = torch.zeros_like(together[:, :1])
        given = {"image": together, "depth": nothing, "valid": nothing > 0}
        given["intrinsics"] = batch["intrinsics"].repeat_interleave(count, 0)
        given["id"] = [name for name in batch["id"] for _ in range(count)]
        options = {"gamma": gamma, "brightness": brightness, "colour": colour}
        changed = transforms.augment(given, seed=seed, epoch=epoch, **options)["image"]
        batch["seen"] = changed.unflatten(0, batch["seen"].shape[:2])
    return batch


def mirrored(batch: dict, flipped: Tensor) -> dict:
    """A batch of `Films` with some of its films in a mirrored world.

    Args:
        flipped: bool [B].
    """
    out = dict(batch)
    for key in ("image", "sources", "seen"):
        where = flipped.view(-1, *(1,) * (batch[key].ndim - 1))
        out[key] = torch.where(where, batch[key].flip(-1), batch[key])
    camera = transforms.mirrored_camera(batch["intrinsics"], batch["image"].shape[-1])
    out["intrinsics"] = torch.where(flipped.view(-1, 1, 1), camera, batch["intrinsics"])
    mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1], device=camera.device))
    out["motion"] = torch.where(flipped.view(-1, 1, 1, 1), mirror @ batch["motion"] @ mirror, batch["motion"])
    return out
