"""`depthnb predict`: depth of pictures."""

from __future__ import annotations

import argparse
import json
import sys

from depthnb.cli.words import one_line

HELP = "depth of your pictures"
DESCRIPTION = "Depth of pictures: as numbers, as a point cloud, in colours, and as a page with a slider."
EXAMPLES = """examples:
  depthnb predict me.jpg
  depthnb predict holiday/ --out depth --formats png ply
  depthnb predict 'shots/*.jpg' --known 812,604=2.4 --fov 70
  depthnb predict me.jpg --net reports/04_unet/rooms-full --net hub:depth-anything-v2-small --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help="file, folder, or pattern in quotes")
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
        help="png npy picture ply glb html json (default: all that are possible)",
    )
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
    if known and len(paths) > 1:
        raise ValueError(f"--known belongs to one picture, and there are {len(paths)}")
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
    failed = 0
    for number, (path, name) in enumerate(photos.names(paths).items(), 1):
        if not given.json and len(paths) > 1:
            print(f"[{number}/{len(paths)}] {path}", file=sys.stderr)
        try:
            photo = photos.read(path, focal=given.focal, view=given.fov, name=name)
            for net, folder in zip(nets, folders, strict=True):
                depth = photos.predict(net, photo, known=known, device=device)
                written = photos.write(depth, folder, formats=given.formats)
                _report(depth, written, path, as_json=given.json)
        except BrokenPipeError:
            raise
        except (OSError, ValueError, RuntimeError, MemoryError) as error:
            if len(paths) == 1:
                raise
            failed += 1
            print(f"depthnb: {path}: {one_line(error)}".replace(f"{path}: {path}", str(path)), file=sys.stderr)
    if failed:
        print(f"depthnb: {failed} of {len(paths)} pictures could not be done", file=sys.stderr)
    return 1 if failed else 0


def _report(depth, written, path, *, as_json: bool) -> None:
    from depthnb import photos

    facts = photos.describe(depth)
    if as_json:
        files = {name: str(file) for name, file in written.items()}
        print(json.dumps({"file": str(path), **facts, "files": files}), flush=True)
        return
    if "metres" in facts:
        least, median, most = (facts["metres"][key] for key in ("least", "median", "most"))
        print(f"{depth.photo.name}: {least:.2f} to {most:.2f} m, median {median:.2f} m")
    else:
        print(f"{depth.photo.name}: inverse depth without a unit")
    for line in depth.said:
        print(f"  {line}")
    print("  " + " ".join(str(file) for file in written.values()), flush=True)
