"""The RGB-D folder that an import writes: each file whole or not at all, index.csv last, and continued where it stopped."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from depthnb import files
from depthnb.data.importing.fitting import Whole
from depthnb.data.importing.frames import Frame
from depthnb.data.readers.index_csv import COLUMNS
from depthnb.files.locks import InUse, Lock

RECORD, _JOURNAL, _LOCK = "import.json", ".import-frames.jsonl", ".import.lock"
_QUALITY = 95  # of a JPEG that had to be made smaller


class Target:
    """A folder that is being filled; `with Target(...) as target`.

    Args:
        root: a folder that is not there, or empty, or holds the same import, unfinished.
        identity: plain values that say what is imported and how.
        link: make links where a file can be used as it is, hard ones or else symbolic ones.

    Attributes:
        rows: id -> row of index.csv, of the frames that are there.
        counts: how many files were copied, linked, made smaller ...
        begun: frames that an earlier run had done.

    Raises:
        ValueError: if the folder holds anything else.
        RuntimeError: if another process fills it.
        OSError: if it cannot be written.
    """

    def __init__(self, root: Path, identity: dict, *, link: bool = False) -> None:
        self.root, self.identity, self.link = root, identity, link
        self.rows: dict[str, list[str]] = {}
        self.counts: Counter[str] = Counter()
        self.begun = 0
        self._lock = Lock(root / _LOCK)
        self._journal: io.TextIOBase | None = None

    def __enter__(self) -> Target:
        check_free(self.root)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OSError(
                error.errno, f"{self.root}: the folder cannot be made ({error.strerror}); give another --out"
            ) from None
        try:
            self._lock.take()
        except InUse as error:
            raise RuntimeError(f"{self.root}: {error} imports into it; wait for it, or give another --out") from None
        try:
            self._continue()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()
        if not self.rows:  # nothing came of it, so nothing shall be in the way of another try
            for name in (_JOURNAL, RECORD):
                (self.root / name).unlink(missing_ok=True)
        self._lock.release()
        if not self.rows:
            for folder in (self.root / "image", self.root / "depth", self.root):
                with contextlib.suppress(OSError):  # it is not empty, or was not made
                    folder.rmdir()

    def _continue(self) -> None:
        record, journal = self.root / RECORD, self.root / _JOURNAL
        if record.is_file():
            old = json.loads(record.read_text(encoding="utf-8")).get("import")
            if old != self.identity:
                other = [name for name in self.identity if not old or old.get(name) != self.identity[name]]
                raise ValueError(
                    f"{self.root}: holds an unfinished import with another {', '.join(other)}; delete the folder, or give "
                    "another --out"
                )
            for line in journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else ():
                with contextlib.suppress(ValueError, KeyError, TypeError):  # the last line may be cut short
                    self._remember(json.loads(line))
            self.begun = len(self.rows)
        else:
            files.write_text(record, json.dumps({"import": self.identity, "finished": False}, indent=1) + "\n")
        for part in self.root.glob("**/.*.part"):  # of a run that was killed; nobody else writes here
            part.unlink(missing_ok=True)
        self._journal = open(journal, "a", encoding="utf-8")
        self._journal.write("\n")  # after a line that was cut short

    def _remember(self, entry: dict) -> None:
        row = entry["row"]
        if all((self.root / row[COLUMNS.index(part)]).is_file() for part in ("image", "depth")):
            self.rows[row[0]] = row
            self.counts.update(entry["counts"])

    def add(self, name: str, frame: Frame, whole: Whole) -> None:
        """Write one frame.

        Raises:
            OSError: if the disk cannot take it.
        """
        counts = [f"smaller {whole.resized}"] if whole.resized else []
        counts += [] if whole.measured else ["unmeasured"]
        counts += ["lost camera"] if whole.lost_camera else []
        paths = {}
        for part, source in (("image", whole.image), ("depth", whole.depth)):
            if isinstance(source, Path):
                paths[part] = f"{part}/{name}{source.suffix.lower()}"
                counts.append(self._same(source, self.root / paths[part]))
            else:
                suffix, writer = _writer(part, source, frame)
                paths[part] = f"{part}/{name}{suffix}"
                files.write(self.root / paths[part], writer)
                counts.append("written")
        camera = [repr(value) for value in whole.camera] if whole.camera else [""] * 4
        row = [
            name,
            frame.scene,
            frame.scene_type,
            frame.split,
            paths["image"],
            paths["depth"],
            "",
            repr(float(whole.scale)),
        ]
        entry = {"row": [*row, *camera], "counts": dict(Counter(counts))}
        self._journal.write(json.dumps(entry) + "\n")
        self._journal.flush()
        self._remember(entry)

    def _same(self, source: Path, target: Path) -> str:
        """Bring a file over as it is; what was done, for `counts`."""
        if not self.link:
            files.write(target, lambda part: shutil.copyfile(source, part))
            return "copied"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        real = source.resolve()
        with contextlib.suppress(OSError):  # another disk, or one without hard links
            os.link(real, target)
            return "hard link"
        try:
            os.symlink(real, target)
        except OSError as error:
            raise OSError(
                error.errno, f"could not link {target} to {real} ({error.strerror}); leave --link out"
            ) from error
        return "symbolic link"

    def finish(self, order: list[str], facts: dict) -> Path:
        """Write the record, then index.csv with the rows in this order; returns the latter's path."""
        content = {"import": self.identity, **facts, "finished": True}
        files.write_text(self.root / RECORD, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [COLUMNS, *(self.rows[name] for name in order if name in self.rows)]
        )
        path = files.write_text(self.root / "index.csv", text.getvalue())
        self._journal.close()
        (self.root / _JOURNAL).unlink(missing_ok=True)
        return path


def check_free(root: Path) -> None:
    """Raise ValueError if a folder cannot be imported into: it is finished, or holds something else."""
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root}: a file; --out is a folder that is not there yet")
    if (root / "index.csv").exists():
        raise ValueError(f"{root}: holds an RGB-D folder already (index.csv); give another --out, or delete it")
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    strange = [name for name in names if not name.startswith(".import")]
    if strange and RECORD not in names:
        raise ValueError(
            f"{root}: holds {strange[0]} and is no unfinished import; give an empty folder, or one that is not there"
        )


def _writer(part: str, source, frame: Frame) -> tuple[str, Callable[[Path], object]]:
    """Ending and writer of a picture or a depth map that cannot be used as its file is."""
    if part == "depth":
        if source.dtype == np.uint16:
            return ".png", lambda path: Image.fromarray(source).save(path, format="PNG")
        return ".npy", lambda path: _save(path, source)
    picture = Image.fromarray(source.numpy().transpose(1, 2, 0))
    if isinstance(frame.image, Path) and frame.image.suffix.lower() in (".jpg", ".jpeg"):
        return ".jpg", lambda path: picture.save(path, format="JPEG", quality=_QUALITY)
    return ".png", lambda path: picture.save(path, format="PNG")


def _save(path: Path, array: np.ndarray) -> None:
    with open(path, "wb") as stream:
        np.save(stream, array.astype(np.float32))
