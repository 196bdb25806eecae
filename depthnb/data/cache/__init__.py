r"""The cache: frames resized once, stored as plain arrays that any process maps into memory.

One folder for each (data, split, size) under `DEPTHNB_CACHE` (default: the user's cache folder), since data may be
read-only:

    rooms-train-120x160-<key>/  image.npy uint8 [N,3,H,W]   depth.npy float32 [N,1,H,W]   valid.npy bool [N,1,H,W]
                                intrinsics.npy float32 [N,3,3]   counts.npy int64 [N,3]   sums.npy uint32 [N]
                                index.json (what it was made from, content, ids, checksums)

The key is a hash of what the frames are made from: data set, state of its files, split, size, and the version of this code.
Counts are taken at a frame's native size: pixels, valid ones, and those whose depth lies outside of the protocol's range.

A folder is written as `<name>.part` and renamed when everything, index.json last, is on the disk. So a folder of the right name
is complete, however a preparation ended; one that was killed goes on where it was (`writing`). Headers, sizes and lists are
looked at whenever a folder is opened, each frame's checksum when it is first read (`layout`, `prepared`): what is damaged is
prepared anew. Deleting the cache folder is always safe; it is made again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from depthnb.data import transforms
from depthnb.data.cache import layout, making, writing
from depthnb.data.cache.frames import digest
from depthnb.data.cache.prepared import Prepared

if TYPE_CHECKING:
    from depthnb.data.source import Source

__all__ = ["FORMAT", "Prepared", "cache_folder", "content", "prepare"]

FORMAT = 3  # raise when the arrays or the resizing change, so that older caches are not taken for current


def cache_folder() -> Path:
    """Folder of the cache: `DEPTHNB_CACHE` if set, else the user's cache folder. Not created here."""
    chosen = os.environ.get("DEPTHNB_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import pooch

    return Path(pooch.os_cache("depthnb"))


def prepare(source: Source, split: str, size: Sequence[int]) -> Prepared:
    """Return the prepared arrays of one split at one size, preparing them if need be.

    Safe for several processes at once, also on several machines: one prepares, the others wait for it and say so. One that was
    stopped or killed goes on where it was. What takes more than a few seconds says beforehand how much space and time it needs.

    Args:
        source: where the frames come from.
        split: one of train, val, test.
        size: (height, width).

    Raises:
        OSError: if the cache folder cannot be written or the disk is too small; nothing is left that looks complete.
        ValueError: from the reader, for a frame that cannot be read.
    """
    size = transforms.check_size(size)
    ids = source.index["id"].to_numpy()[making.rows_of(source, split)].tolist()
    facts = {
        "format": FORMAT,
        "data": source.name,
        "protocol": source.protocol,
        "fingerprint": source.fingerprint,
        "state": hashlib.sha256(source.state.encode()).hexdigest()[:12],
        "split": split,
        "size": list(size),
        "frames": len(ids),
        "ids": hashlib.sha256("\0".join(ids).encode()).hexdigest()[:12],
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    folder = cache_folder() / f"{source.name}-{split}-{size[0]}x{size[1]}-{key}"
    if layout.fault(folder, facts):
        making.make(source, folder, facts)
    else:
        making.clear(folder)
    return Prepared(folder, facts, functools.partial(making.renew, source, folder, facts))


def content(source: Source, rows: Sequence[int]) -> str:
    """Twelve hexadecimal digits that stand for the frames of some rows, as their files hold them; reads all of these."""
    return writing.joined([digest(source, int(row), None) for row in rows])
