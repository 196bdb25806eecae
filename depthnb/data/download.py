r"""Where the real data sets come from, and fetching files safely.

A download goes to a temporary name, is checked, then renamed: a file of the right name is whole. The data sets' home
pages have been unreachable for months at times, so a file brought by hand is as good: `locate` finds it, and a missing
file is named with its page, size and place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch
import requests

from depthnb import files

_STALL_SECONDS = 60.0


@dataclass(frozen=True)
class Remote:
    """One file to fetch. `bytes` and `checksum` ("sha256:..." or "md5:...") are None where no sure value is known."""

    url: str
    bytes: int | None = None
    checksum: str | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Origin:
    """Where a data set lives: its page, about how large it is, how its files must lie, its terms."""

    page: str
    size: str
    layout: str
    terms: str
    files: tuple[Remote, ...] = ()


_S3 = "http://diode-dataset.s3.amazonaws.com"
_MAKE3D = "http://cs.stanford.edu/group/reconstruction3d"
_MAKE3D_TEST = "http://www.cs.cornell.edu/~asaxena/learningdepth"

ORIGINS = {
    "nyu-v2": Origin(
        page="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html (formerly ~silberman/datasets)",
        size="2.97 GB (the page says 2.8 GB)",
        layout="nyu_depth_v2_labeled.mat (the 'labeled dataset', 1449 frames)",
        terms="cite Silberman, Hoiem, Kohli and Fergus, ECCV 2012",
        files=(
            # size and MD5 as several public projects recorded them; the authors publish no checksum
            Remote(
                "http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/nyu_depth_v2_labeled.mat",
                2972037809,
                "md5:520609c519fba3ba5ac58c8fefcc3530",
            ),
        ),
    ),
    "nyu-v1": Origin(
        page="https://cs.nyu.edu/~silberman/datasets/nyu_depth_v1.html",
        size="about 4 GB",
        layout="nyu_depth_data_labeled.mat (the 'labeled dataset', 2284 frames)",
        terms="cite Silberman and Fergus, ICCV workshops 2011",
    ),
    "nyu-v2-50k": Origin(
        page="https://github.com/ialhashim/DenseDepth",
        size="4.1 GB",
        layout="data/nyu2_train.csv, data/nyu2_test.csv, data/nyu2_train/<scene>/<n>.jpg and .png, data/nyu2_test/",
        terms="as nyu-v2; prepared by Alhashim and Wonka 2018",
        files=(Remote("https://s3-eu-west-1.amazonaws.com/densedepth/nyu_data.zip"),),
    ),
    "diode": Origin(
        page="https://diode-dataset.org",
        size="2.6 GB (validation), 81 GB (training)",
        layout="val/<indoors|outdoor>/scene_*/scan_*/*.png, *_depth.npy, *_depth_mask.npy; train/ alike",
        terms="MIT",
        files=(  # checksums of the data set's devkit
            Remote(f"{_S3}/val.tar.gz", 2774625282, "md5:5c895d09201b88973c8fe4552a67dd85"),
            Remote(f"{_S3}/train.tar.gz", None, "md5:3a94632398fe1d002d89f11743f748b1"),
        ),
    ),
    "kitti": Origin(
        page="https://www.cvlibs.net/datasets/kitti/eval_depth.php?benchmark=depth_prediction",
        size="about 175 GB of raw images and 14 GB of annotated depth",
        layout="raw/<date>/calib_*.txt, raw/<date>/<drive>_sync/image_02/data/*.png (and velodyne_points/data/*.bin), "
        "depth/<train|val>/<drive>_sync/proj_depth/groundtruth/image_02/*.png",
        terms="CC BY-NC-SA 3.0, free registration; cite Geiger et al. 2013 and Uhrig et al. 2017",
    ),
    "make3d": Origin(
        page="http://make3d.cs.cornell.edu/data.html",
        size="about 1 GB",
        layout="Train400Img/*.jpg, Train400Depth/*.mat, Test134/*.jpg, Gridlaserdata/*.mat",
        terms="cite Saxena, Sun and Ng 2009",
        files=(
            Remote(f"{_MAKE3D}/Train400Img.tar.gz"),
            Remote(f"{_MAKE3D}/Train400Depth.tgz"),
            Remote(f"{_MAKE3D_TEST}/Test134.tar.gz"),
            Remote(f"{_MAKE3D_TEST}/Test134Depth.tar.gz"),
        ),
    ),
}


def locate(name: str, inside: str | Sequence[str], root: Path | str | None) -> Path:
    """Find a data set's file or folder.

    Args:
        name: data set, a key of `ORIGINS`.
        inside: what to look for, relative to the data set's root, such as "nyu_depth_v2_labeled.mat"; or several, the
            first that is there counts.
        root: the folder that holds it, or the file itself; None: `$DEPTHNB_DATA/<name>`, then `$DEPTHNB_DATA`.

    Raises:
        FileNotFoundError: saying where it was looked for, and page, size and layout of the data set.
    """
    data = os.environ.get("DEPTHNB_DATA")
    if root is not None:
        bases = [Path(root).expanduser()]
    else:
        bases = [Path(data).expanduser() / name, Path(data).expanduser()] if data else []
    single = isinstance(inside, str)
    choices = [inside] if single else inside
    for base in bases:
        if base.is_file() and not single:
            raise ValueError(f"{base}: a file; expected the folder that its archive was unpacked into")
        for place in [base] if base.is_file() else [base / choice for choice in choices]:
            if place.exists():
                return place
    origin = ORIGINS[name]
    places = [str(base / inside) if single else f"{base} for {' or '.join(choices)}" for base in bases]
    looked = ", ".join(places) or "nowhere: neither root nor DEPTHNB_DATA is set"
    raise FileNotFoundError(
        f"data set {name} not found (looked at: {looked}).{_nearby(bases, choices)} "
        f"Get it from {origin.page}: {origin.size}; {origin.terms}. "
        f"Layout: {origin.layout}. Then give root= (in a notebook: data_root), or put it in the folder {name} under the "
        "one that DEPTHNB_DATA names"
    )


def _nearby(bases: Sequence[Path], choices: Sequence[str]) -> str:
    """A sentence that names the folder that was meant, where it is one or two levels above or below what was given."""
    for base in (base for base in bases if base.is_dir()):
        around = [
            *(base / ".." / up for up in ("", "..")),
            *sorted(base.glob("*/"))[:100],
            *sorted(base.glob("*/*/"))[:400],
        ]
        for place in (folder.resolve() for folder in around):
            if any((place / choice).exists() for choice in choices):
                return f" It looks as if {place} is meant: give that as root."
    return ""


def search(name: str, patterns: Sequence[str], root: Path | str | None) -> Path:
    """Find a data set whose archives people unpack in several ways, such as into a folder of their own.

    Args:
        name, root: as for `locate`, but `root` is a folder.
        patterns: glob patterns relative to the root; the first match of the first one that has any counts.

    Raises:
        FileNotFoundError: as `locate`.
        ValueError: if `root` is a file, such as the archive itself.
    """
    data = os.environ.get("DEPTHNB_DATA")
    where = [root] if root is not None else [Path(data) / name, data] if data else []
    for base in (Path(folder).expanduser() for folder in where):
        if base.is_file():
            raise ValueError(f"{base}: a file; expected the folder that the archive of {name} was unpacked into")
        for pattern in patterns:
            for found in sorted(base.glob(pattern)):
                return found
    return locate(name, patterns[0], root)


def fetch(
    url: str, target: Path | str, *, checksum: str | None, size: int | None = None, stall: float = _STALL_SECONDS
) -> Path:
    """Download one file to `target`, unless a file is there already that passes the check.

    Args:
        url: http or https.
        target: path of the file; its folder is made.
        checksum: "sha256:<hex>" or "md5:<hex>"; None only where nobody published one: then size is all that is checked.
        size: bytes expected, or None.
        stall: seconds without a byte from the server after which to give up.

    Returns:
        `target`.

    Raises:
        ConnectionError: if the server cannot be reached, stalls or refuses; with what to do without a network.
        ValueError: if what came has another checksum or size; nothing is left under the name of `target`.
    """
    target = Path(target).expanduser()
    if target.is_file():
        check_file(target, checksum, size)
        return target

    def writer(part: Path) -> None:
        try:
            pooch.HTTPDownloader(progressbar=False, timeout=stall)(url, str(part), None)
        except requests.exceptions.RequestException as error:
            raise ConnectionError(
                f"cannot download {url} ({type(error).__name__}: {error}). Without a network: get the file elsewhere "
                f"and put it at {target}"
            ) from error
        check_file(part, checksum, size, said=f"download of {url}")

    return files.write(target, writer)


def check_file(path: Path, checksum: str | None, size: int | None, said: str | None = None) -> None:
    """Raise ValueError if a file has another size or checksum than expected."""
    said = said or str(path)
    found = path.stat().st_size
    if size is not None and found != size:
        raise ValueError(
            f"{said}: {found} bytes, expected {size}; it is cut short or another file: delete it, get it again"
        )
    if checksum is None:
        return
    algorithm, _, expected = checksum.partition(":")
    if algorithm not in ("sha256", "md5") or not expected:
        raise ValueError(f"checksum is {checksum!r}; expected 'sha256:<hex>' or 'md5:<hex>'")
    with open(path, "rb") as handle:
        digest = hashlib.file_digest(handle, algorithm).hexdigest()
    if digest != expected.lower():
        raise ValueError(
            f"{said}: {algorithm} {digest}, expected {expected}; it is damaged or another file: get it again"
        )


def download(name: str, root: Path | str, *, unpack_archives: bool = True) -> list[Path]:
    """Fetch all files of a known data set into `root`, and unpack archives there.

    Raises:
        ValueError: if the set cannot be fetched without a person (registration), with its page.
    """
    if name not in ORIGINS:
        raise ValueError(f"data set {name!r} has no known origin; expected one of {', '.join(ORIGINS)}")
    origin, root = ORIGINS[name], Path(root).expanduser()
    if not origin.files:
        raise ValueError(
            f"data set {name} cannot be fetched by a program; get it from {origin.page} ({origin.size}); "
            f"layout: {origin.layout}"
        )
    paths = [fetch(file.url, root / file.name, checksum=file.checksum, size=file.bytes) for file in origin.files]
    for path in paths:
        if unpack_archives and path.name.endswith((".zip", ".tar.gz", ".tgz")):
            unpack(path, root)
    return paths


def unpack(archive: Path | str, folder: Path | str) -> list[str]:
    """Unpack a .zip, .tar or .tar.gz into `folder`; nothing is written outside of it.

    All members are unpacked to a temporary folder, then moved in, so that a broken archive leaves nothing behind.

    Returns:
        Names of the members at the top.

    Raises:
        ValueError: for an absolute path, `..`, a link or a device in the archive, or one that is damaged.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder))
    try:
        try:
            (_unpack_zip if zipfile.is_zipfile(archive) else _unpack_tar)(archive, temporary)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"{archive}: not an archive that can be unpacked ({error}); get it again") from error
        top = sorted(temporary.iterdir())
        for part in top:
            _merge(part, folder / part.name)
        return [part.name for part in top]
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _merge(source: Path, target: Path) -> None:
    """Move a file or folder to a place where a folder of that name may exist already."""
    if source.is_dir() and target.is_dir():
        for part in source.iterdir():
            _merge(part, target / part.name)
    else:
        source.replace(target)


def _inside(archive: Path, name: str) -> None:
    """Refuse an archive that was made to write elsewhere; the libraries would put its members inside without a word."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts[0] if path.parts else ""):
        raise ValueError(f"{archive}: member {name!r} would be written outside the folder; do not trust this archive")


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as handle:
        for name in handle.namelist():
            _inside(archive, name)
        handle.extractall(folder)


def _unpack_tar(archive: Path, folder: Path) -> None:
    def checked(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        _inside(archive, member.name)
        if not (member.isreg() or member.isdir()):
            raise ValueError(f"{archive}: member {member.name!r} is a link or device; do not trust this archive")
        return tarfile.data_filter(member, path)

    with tarfile.open(archive) as handle:
        handle.extractall(folder, filter=checked)
