r"""Where the real data sets come from: their pages, sizes, terms and files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remote:
    """One file to fetch.

    Attributes:
        url: where it is.
        bytes, checksum: ("sha256:..." or "md5:...") None where no sure value is known.
        part: the part of the data set that it belongs to, such as a split; empty if that comes in one piece.
        most: bytes that it can have at most, where their number is not known.
        mirrors: other addresses of the same file.
    """

    url: str
    bytes: int | None = None
    checksum: str | None = None
    part: str = ""
    most: int = 10**10
    mirrors: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.mirrors)


@dataclass(frozen=True)
class Origin:
    """Where a data set lives: its page, about how large it is, how its files must lie, its terms.

    Attributes:
        unpacked: whether its archives are read unpacked.
    """

    page: str
    size: str
    layout: str
    terms: str
    files: tuple[Remote, ...] = ()
    unpacked: bool = True


_HUB = "https://huggingface.co/datasets"
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
    # large files of the hub have their SHA-256 in the answer's header, which `fetch` checks
    "nyu-v2-h5": Origin(
        page=f"{_HUB}/sayakpaul/nyu_depth_v2",
        size="35.2 GB (validation 2 GB)",
        layout="train-000000.tar ... and val-*.tar, not unpacked; open it as data set shards",
        terms="as nyu-v2; prepared by Wofk et al. 2019 (FastDepth)",
        files=tuple(
            Remote(
                f"{_HUB}/sayakpaul/nyu_depth_v2/resolve/main/data/{part}-{number:06d}.tar", part=part, most=4 * 10**9
            )
            for part, shards in (("val", 2), ("train", 12))
            for number in range(shards)
        ),
        unpacked=False,
    ),
    "nyu-v2-288": Origin(
        page=f"{_HUB}/tanganke/nyuv2",
        size="2.97 GB (training 1.6 GB)",
        layout="train-*.parquet and val-*.parquet, 795 and 654 frames of 384x288; open it as data set shards",
        terms="as nyu-v2",
        files=tuple(
            Remote(
                f"{_HUB}/tanganke/nyuv2/resolve/main/data/{part}-{number:05d}-of-{shards:05d}.parquet",
                part=part,
                most=10**9,
            )
            for part, shards in (("val", 6), ("train", 8))
            for number in range(shards)
        ),
        unpacked=False,
    ),
    "diode": Origin(
        page="https://diode-dataset.org",
        size="2.6 GB (validation), 81 GB (training)",
        layout="val/<indoors|outdoor>/scene_*/scan_*/*.png, *_depth.npy, *_depth_mask.npy; train/ alike",
        terms="MIT",
        files=(  # checksums of the data set's devkit
            Remote(f"{_S3}/val.tar.gz", 2774625282, "md5:5c895d09201b88973c8fe4552a67dd85", "val"),
            Remote(f"{_S3}/train.tar.gz", None, "md5:3a94632398fe1d002d89f11743f748b1", "train", 10**11),
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
            Remote(f"{_MAKE3D}/Train400Img.tar.gz", part="train", most=2 * 10**9),
            Remote(f"{_MAKE3D}/Train400Depth.tgz", part="train", most=2 * 10**9),
            Remote(f"{_MAKE3D_TEST}/Test134.tar.gz", part="test", most=2 * 10**9),
            Remote(f"{_MAKE3D_TEST}/Test134Depth.tar.gz", part="test", most=2 * 10**9),
        ),
    ),
}
