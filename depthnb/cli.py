"""The command `depthnb`: reads the words, calls a public function, prints what came out.

Nothing heavy is imported before a subcommand needs it, so that `depthnb --help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence

from depthnb import __version__

_EXAMPLES = """examples:
  depthnb predict me.jpg
  depthnb predict holiday/ --out depth --formats png ply
  depthnb predict 'shots/*.jpg' --known 812,604=2.4 --fov 70
  depthnb predict me.jpg --net reports/04_unet/rooms-full --net hub:depth-anything-v2-small --json
"""

_KINDS = """kinds:
  metric          depth in metres, times --scale
  inverse         1 / depth, times --scale in 1 / metres
  disparity       pixels; --scale is focal length times baseline (pixels times metres), depth = scale / disparity
  affine-depth    depth up to a scale and a shift, which are fitted to each image
  affine-inverse  1 / depth up to a scale and a shift, which are fitted to each image

examples:
  depthnb evaluate --predictions out/ --kind metric --scale 0.001 --name mynet
  depthnb evaluate --net reports/11_today/rooms-full --data folder --root my_frames/
  depthnb evaluate --predictions midas/ --kind affine-inverse --data nyu-v2 --root nyu_depth_v2_labeled.mat --protocol nyu-eigen
"""
_CHECKS = """examples:
  depthnb check my_frames/
  depthnb check nyu_depth_v2_labeled.mat --data nyu-v2
"""

_SHOWN = ["abs_rel", "rmse", "log10", "silog", "delta1", "edge_f1_025"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these words (default: those of the process); returns its exit status.

    0: done. 1: something could not be done, each with one line on standard error. 2: the words make no sense.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.run is None:
        parser.print_help()
        return 2
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what a console cannot show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return given.run(given)
    except KeyboardInterrupt:
        print("stopped; every file that was begun is whole or not there", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of a pipe has gone
        sys.stderr.close()
        return 1
    except MemoryError:
        print("depthnb: the memory is full; take smaller pictures, or fewer at a time", file=sys.stderr)
        return 1
    except (OSError, ValueError, ImportError, RuntimeError) as error:
        print(f"depthnb: {_one_line(error)}", file=sys.stderr)
        return 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depthnb", description="Monocular depth: one image in, a depth for every pixel out."
    )
    parser.add_argument("--version", action="version", version=f"depthnb {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], **texts: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, formatter_class=argparse.RawDescriptionHelpFormatter, **texts)
        made.set_defaults(run=run)
        return made

    predict = command(
        "predict",
        _predict,
        help="depth of your pictures",
        description="Depth of pictures: as numbers, as a point cloud, in colours, and as a page with a slider.",
        epilog=_EXAMPLES,
    )
    add = predict.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help="file, folder, or pattern in quotes")
    add(
        "--net", "--run", dest="nets", action="append", metavar="NET",
        help="folder of a run, or hub:NAME for a published net; may be given several times "
        "(default: reports/11_today/rooms-full, which comes with the clone)",
    )  # fmt: skip
    add("--out", default="depth", metavar="DIR", help="where the files go (default: depth)")
    add(
        "--formats",
        nargs="+",
        metavar="FORMAT",
        help="png npy picture ply glb html json (default: all that are possible)",
    )
    view = predict.add_mutually_exclusive_group()
    view.add_argument("--fov", type=float, metavar="DEGREES", help="field of view across the longer side")
    view.add_argument("--focal", type=float, metavar="PIXELS", help="focal length in pixels of the file")
    add(
        "--known",
        action="append",
        default=[],
        metavar="X,Y=METRES",
        help="a distance you know; may be given several times",
    )
    add("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    add("--json", action="store_true", help="one line of JSON a picture and net on standard output, nothing else")
    check = command(
        "check",
        _check,
        help="what is wrong with an RGB-D folder",
        description="Looks at a few frames of each split: units, cameras, masks, values that stand for 'nothing there'. "
        "Exit status 1 if something cannot be right.",
        epilog=_CHECKS,
    )
    check.add_argument(
        "place", metavar="DIR", help="folder with index.csv, or the place of the data set that --data names"
    )
    check.add_argument(
        "--data", default="folder", metavar="NAME", help="folder, nyu-v2, diode, kitti ... (default: folder)"
    )
    check.add_argument("--truth", metavar="NAME", help="which depth counts, where a data set stores several")
    check.add_argument("--json", action="store_true", help="one line of JSON on standard output, nothing else")
    evaluate = command(
        "evaluate",
        _evaluate,
        help="score depth maps that any method has written, or a trained net on other data",
        description="Scores a folder of depth maps, or the net of a run, on the test frames of a data set, and keeps the "
        "scores as a run that notebook 10 and the report show beside the others.",
        epilog=_KINDS,
    )
    add = evaluate.add_argument
    what = evaluate.add_mutually_exclusive_group(required=True)
    what.add_argument("--predictions", metavar="DIR", help="a file a frame, named after the frame's id")
    what.add_argument("--net", metavar="RUN", help="folder of a run: its net is asked")
    add("--kind", help="of predictions: what the numbers are, see below; it is never guessed")
    add(
        "--scale",
        type=float,
        default=1.0,
        help="by which the stored numbers are multiplied (16-bit millimetres: 0.001)",
    )
    add("--name", default="", help="of the method, for the run folder and the tables")
    add("--data", default="rooms", metavar="NAME", help="rooms, streets, folder, nyu-v2, kitti ... (default: rooms)")
    add("--root", default="", metavar="PATH", help="where the data set lies")
    add("--protocol", metavar="NAME", help="rooms, nyu-eigen, kitti-garg ... (default: the data set's)")
    add(
        "--split",
        default="",
        metavar="NAME",
        help="train, val, test or all (default: test where there is one, else all)",
    )
    add("--skip-missing", action="store_true", help="judge the frames that have a file")
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")
    return parser


def _evaluate(given: argparse.Namespace) -> int:
    import contextlib

    from depthnb.runs import judging

    with contextlib.redirect_stdout(sys.stderr):  # the run says where it is
        if given.net:
            if given.kind or given.protocol or given.skip_missing or given.scale != 1:
                raise ValueError(
                    "--kind, --scale, --protocol and --skip-missing belong to --predictions, and not to --net"
                )
            judged = judging.judge_run(
                given.net, dataset=given.data, root=given.root, name=given.name, split=given.split
            )
        else:
            if not given.kind:
                raise ValueError(f"--predictions takes --kind: {', '.join(judging.KINDS)}")
            judged = judging.judge(
                given.predictions,
                kind=given.kind,
                name=given.name or "predictions",
                dataset=given.data,
                root=given.root,
                scale=given.scale,
                protocol=given.protocol,
                skip_missing=given.skip_missing,
                split=given.split,
            )
    frames, table = len(judged.scored.per_image), judged.table[_SHOWN]
    if given.json:
        facts = {"name": judged.folder.parent.name, "measured": str(judged.scored.protocol), "frames": frames}
        facts |= {"scores": json.loads(table.to_json(orient="index")), "notes": judged.notes}  # NaN as null
        print(json.dumps({**facts, "run": str(judged.folder)}))
        return 0
    print(judged.scored.protocol)
    for note in judged.notes:
        print(f"note: {note}")
    print(f"{frames} frames")
    print(table.to_string(float_format="{:.4f}".format, na_rep="--"))
    print(f"{judged.folder}: run.json, per_image.csv, by_distance.csv")
    return 0


def _check(given: argparse.Namespace) -> int:
    from depthnb import data

    said, findings = data.examine(given.data, given.place, truth=given.truth)
    wrong = sum(finding.sure for finding in findings)
    if given.json:
        rows = [{"wrong": finding.sure, "said": finding.sentence} for finding in findings]
        print(json.dumps({"place": given.place, "data": given.data, "there": said, "findings": rows}))
        return 1 if wrong else 0
    print(f"{given.place}: {said}.")
    for finding in findings:
        print(f"{'wrong' if finding.sure else 'note '}  {finding.sentence}")
    print("Nothing was found that cannot be right." if not wrong else f"{wrong} found that cannot be right.")
    return 1 if wrong else 0


def _predict(given: argparse.Namespace) -> int:
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
            print(f"depthnb: {path}: {_one_line(error)}".replace(f"{path}: {path}", str(path)), file=sys.stderr)
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
