"""`depthnb predict`: depth of pictures and films."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from depthnb.cli.progress import Progress
from depthnb.cli.words import one_line

if TYPE_CHECKING:
    from pathlib import Path

HELP = "depth of your pictures and films"
DESCRIPTION = (
    "Depth of pictures: as numbers, as a point cloud, in colours, and as a page with a slider. "
    "Depth of films: as a film beside the pictures, as numbers, and how much it flickers."
)
EXAMPLES = """examples:
  depthnb predict me.jpg
  depthnb predict holiday/ --out depth --formats png ply
  depthnb predict 'shots/*.jpg' --known 812,604=2.4 --fov 70
  depthnb predict me.jpg --net reports/04_unet/rooms-full --net hub:depth-anything-v2-small --json
  depthnb predict walk.mp4 --every 5
  depthnb predict frames/ --film --rate 30
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add(
        "pictures", nargs="+", metavar="PICTURE", help="picture or video file, folder of pictures, or pattern in quotes"
    )
    add(
        "--net", "--run", dest="nets", action="append", metavar="NET",
        help="folder of a run, an ONNX file, or hub:NAME for a published net; may be given several times "
        "(default: reports/11_today/rooms-full, which comes with the clone)",
    )  # fmt: skip
    add("--out", default="depth", metavar="DIR", help="where the files go (default: depth)")
    add(
        "--formats",
        nargs="+",
        metavar="FORMAT",
        help="png npy picture ply glb html json (default: all that are possible; of a film's single frames none)",
    )
    add("--film", action="store_true", help="the pictures are the frames of one film, in the order of their names")
    add("--every", type=int, default=1, metavar="N", help="of a film each N-th frame (default: 1)")
    add("--rate", type=float, metavar="N", help="frames a second of a film of pictures (default: 25)")
    view = parser.add_mutually_exclusive_group()
    view.add_argument("--fov", type=float, metavar="DEGREES", help="field of view across the longer side")
    view.add_argument("--focal", type=float, metavar="PIXELS", help="focal length in pixels of the file")
    add(
        "--known",
        action="append",
        default=[],
        metavar="X,Y=METRES",
        help="a distance you know, at a column and row; may be given several times",
    )
    add("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    add("--json", action="store_true", help="one line of JSON a picture and net on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from pathlib import Path

    from depthnb import photos

    known = [photos.Known.parse(text) for text in given.known]
    paths = photos.find(given.pictures)
    _refuse_mixtures(given, paths)
    left = photos.films_in(given.pictures)
    if left:
        print(
            f"depthnb: films in a folder are left out, {left[0]} is one; name them: '{left[0].parent}/*{left[0].suffix}'",
            file=sys.stderr,
        )
    chosen = given.nets or [photos.BEST]
    photos.check(given.formats or [])
    device = photos.usable_device(given.device)
    nets = [photos.net(each) for each in dict.fromkeys(chosen)]
    names = [net.name for net in nets]
    if len(set(names)) < len(names):
        raise ValueError(
            f"two of the nets are called alike ({', '.join(names)}) and would overwrite each other; take one"
        )
    folders = [Path(given.out) / name if len(nets) > 1 else Path(given.out) for name in names]
    among = {path.resolve().parent for path in paths} & {folder.resolve() for folder in folders}
    if among:
        raise ValueError(f"the files would lie among the pictures in {among.pop()}; give --out another folder")
    jobs = _jobs(given, paths)
    failed = 0
    for number, (path, job) in enumerate(jobs.items(), 1):
        if not given.json and len(jobs) > 1:
            print(f"[{number}/{len(jobs)}] {path}", file=sys.stderr)
        try:
            job(nets, folders, known, device)
        except BrokenPipeError:
            raise
        except (OSError, ValueError, RuntimeError, MemoryError, ImportError) as error:
            if len(jobs) == 1:
                raise
            failed += 1
            print(f"depthnb: {path}: {one_line(error)}".replace(f"{path}: {path}", str(path)), file=sys.stderr)
    if failed:
        print(f"depthnb: {failed} of {len(jobs)} pictures could not be done", file=sys.stderr)
    return 1 if failed else 0


def _refuse_mixtures(given: argparse.Namespace, paths: Sequence[Path]) -> None:
    from depthnb import photos

    films = [path for path in paths if photos.is_film(path)]
    if given.known and len(paths) > 1:
        raise ValueError(f"--known belongs to one picture, and there are {len(paths)}")
    if given.known and films:
        raise ValueError("--known belongs to one picture, and a film has many")
    if given.film and films:
        raise ValueError(f"--film makes a film of pictures, and {films[0]} is one already")
    if given.rate is not None and not given.film:
        raise ValueError("--rate is of a film of pictures; add --film, or leave it away: a video knows its own")
    if given.every != 1 and not (films or given.film):
        raise ValueError("--every takes each N-th frame of a film, and there are only pictures; is --film meant?")


def _jobs(given: argparse.Namespace, paths: Sequence[Path]) -> dict[Path, Callable[..., None]]:
    """What there is to do: a film of all pictures, or each picture and each film by itself."""
    from depthnb import photos

    camera = {"focal": given.focal, "view": given.fov}
    if given.film:
        rate = {} if given.rate is None else {"rate": given.rate}
        film = photos.film_of_pictures(paths, every=given.every, **camera, **rate)
        return {paths[0].parent: partial(_film, given, paths[0].parent, lambda: film)}
    jobs = {}
    for path, name in photos.names(paths).items():
        if photos.is_film(path):
            jobs[path] = partial(_film, given, path, partial(photos.film, path, every=given.every, name=name, **camera))
        else:
            jobs[path] = partial(_picture, given, path, partial(photos.read, path, name=name, **camera))
    return jobs


def _picture(given, path, read, nets, folders, known, device) -> None:
    from depthnb import photos

    photo = read()
    for net, folder in zip(nets, folders, strict=True):
        depth = photos.predict(net, photo, known=known, device=device)
        written = photos.write(depth, folder, formats=given.formats)
        _report(photos.describe(depth), depth.said, written, path, as_json=given.json)


def _film(given, path, read, nets, folders, _known, device) -> None:
    from depthnb import photos

    film = read()
    for net, folder in zip(nets, folders, strict=True):
        with Progress() as progress:
            depth = photos.predict_film(
                net,
                film,
                folder,
                formats=given.formats or (),
                device=device,
                progress=lambda done, total: progress.show(done // 2, total // 2),  # every frame is read twice
            )
        _report(photos.describe_film(depth), depth.said, depth.files, path, as_json=given.json)


def _report(facts: dict, said: Sequence[str], written: dict, path, *, as_json: bool) -> None:
    from depthnb.data.words import plural

    if as_json:
        files = {name: str(file) for name, file in written.items()}
        print(json.dumps({"file": str(path), **facts, "files": files}), flush=True)
        return
    name = f"{facts['film']}: {plural(facts['frames'], 'frame')}" if "film" in facts else facts["photo"]
    if "metres" in facts:
        least, median, most = facts["metres"].values()
        print(f"{name}: {least:.2f} to {most:.2f} m, median {median:.2f} m")
    else:
        print(f"{name}: inverse depth without a unit")
    for line in said:
        print(f"  {line}")
    print("  " + " ".join(str(file) for file in written.values()), flush=True)
