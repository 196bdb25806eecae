"""`depthnb evaluate`: scores of depth maps that any method has written, or of a net on other data."""

from __future__ import annotations

import argparse
import json
import math
import sys

_SHOWN = ["abs_rel", "rmse", "log10", "silog", "delta1", "edge_f1_025"]

HELP = "score depth maps that any method has written, or a net on other data"
DESCRIPTION = (
    "Scores a folder of depth maps, or the answers of a net, on the test frames of a data set, and keeps the scores as a run "
    "that notebook 10 and the report show beside the others."
)
EXAMPLES = """kinds:
  metric          depth in metres, times --scale
  inverse         1 / depth, times --scale in 1 / metres
  disparity       pixels; --scale is focal length times baseline (pixels times metres), depth = scale / disparity
  affine-depth    depth up to a scale and a shift, which are fitted to each image
  affine-inverse  1 / depth up to a scale and a shift, which are fitted to each image

a function of yours, in mymethod.py of the working directory:
  def depth(image):              # float32 [H,W,3] in 0..1
      return my_network(image)   # [h,w], of the kind that --kind says

examples:
  depthnb evaluate --predictions out/ --kind metric --scale 0.001 --name mynet
  depthnb evaluate --net reports/11_today/rooms-full --data folder --root my_frames/
  depthnb evaluate --net mymethod:depth --kind metric --name mine
  depthnb evaluate --net hub:depth-anything-v2-small --data folder --root my_frames/
  depthnb evaluate --predictions midas/ --kind affine-inverse --data nyu-v2 --root nyu_depth_v2_labeled.mat --protocol nyu-eigen
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--predictions", metavar="DIR", help="a file a frame, named after the frame's id")
    what.add_argument(
        "--net", "--run", dest="net", metavar="NET",
        help="a net is asked: folder of a run, hub:NAME for a published one, or module:function for a function of yours",
    )  # fmt: skip
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
    add("--device", default="auto", help="on which the net of a run is asked: auto, cpu or cuda (default: auto)")
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    import contextlib

    from depthnb.cli.progress import Progress
    from depthnb.photos import usable_device
    from depthnb.runs import judging

    function = bool(given.net) and judging.is_function(given.net)
    if given.net and not function and (given.kind or given.protocol or given.skip_missing or given.scale != 1):
        raise ValueError(
            "--kind, --scale, --protocol and --skip-missing belong to --predictions and functions, and not to a net; a "
            "function is written module:function"
        )
    if (given.predictions or function) and not given.kind:
        raise ValueError(f"depth of another method takes --kind: {', '.join(judging.KINDS)}")
    where = {"dataset": given.data, "root": given.root, "split": given.split}
    what = {"kind": given.kind, "scale": given.scale, "protocol": given.protocol, **where}
    with contextlib.redirect_stdout(sys.stderr), Progress() as progress:  # the run says where it is
        what["progress"] = progress.show
        if function:
            if given.skip_missing:
                raise ValueError("--skip-missing belongs to --predictions: a function answers to every frame")
            judged = judging.judge_function(given.net, name=given.name or given.net.replace(":", "."), **what)
        elif given.net:
            device = usable_device(given.device)
            judged = judging.judge_run(given.net, name=given.name, device=device, progress=progress.show, **where)
        else:
            name = given.name or "predictions"
            judged = judging.judge(given.predictions, name=name, skip_missing=given.skip_missing, **what)
    frames, table = len(judged.scored.per_image), judged.table[_SHOWN]
    if given.json:
        facts = {"name": judged.folder.parent.name, "measured": str(judged.scored.protocol), "frames": frames}
        facts["shape"] = {name: value if math.isfinite(value) else None for name, value in judged.shape.items()}
        facts |= {"scores": json.loads(table.to_json(orient="index")), "notes": judged.notes}  # NaN as null
        print(json.dumps({**facts, "run": str(judged.folder)}))
        return 0
    print(judged.scored.protocol)
    for note in judged.notes:
        print(f"note: {note}")
    print(f"{frames} frames")
    print(table.to_string(float_format="{:.4f}".format, na_rep="--"))
    print("outlines and surfaces, means over images:")
    print(*(f"  {name}: {value:.3f}" for name, value in judged.shape.items() if math.isfinite(value)), sep="\n")
    print(f"{judged.folder}: run.json, per_image.csv, by_distance.csv, tables/shape.csv")
    return 0
