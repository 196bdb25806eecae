"""`depthnb export`: a trained net as one file for other programs."""

from __future__ import annotations

import argparse
import json

HELP = "a trained net as one file that other programs run"
DESCRIPTION = (
    "Writes the net of a run as an ONNX file. It takes images of any size and resizes inside; before it is kept, its "
    "answers are compared with the net's own."
)
PROGRAM = """\
import numpy, onnxruntime, PIL.Image
image = numpy.float32(PIL.Image.open("me.jpg").convert("RGB")).transpose(2, 0, 1)[None] / 255
camera = numpy.float32([[[500, 0, 320], [0, 500, 240], [0, 0, 1]]])  # pixels of me.jpg; numpy.nan where unknown
net = onnxruntime.InferenceSession("11_today-rooms-full.onnx")
depth = net.run(None, {"image": image, "intrinsics": camera})[0]  # metres [1,1,height,width]
"""
EXAMPLES = f"""examples:
  depthnb export reports/11_today/rooms-full --onnx
  depthnb export reports/04_unet/rooms-full --onnx --out nets/unet.onnx
  depthnb predict me.jpg --net 11_today-rooms-full.onnx

in Python, with onnxruntime alone (04 and 07 take the image only):
{"".join(f"  {line}" for line in PROGRAM.splitlines(keepends=True))}"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add what this subcommand understands."""
    add = parser.add_argument
    add("net", metavar="RUN", help="folder of a run with its weights, such as reports/11_today/rooms-full")
    add("--onnx", action="store_true", required=True, help="as ONNX, the only kind of file so far")
    add("--out", metavar="FILE", help="the file, which must not exist (default: the run's name here, .onnx)")
    add("--json", action="store_true", help="one line of JSON on standard output, nothing else")


def run(given: argparse.Namespace) -> int:
    """Do it; returns the exit status."""
    from depthnb.runs import exporting

    written = exporting.export(given.net, given.out)
    size = written.file.stat().st_size
    if given.json:
        differences = {f"{width}x{height}": each for (height, width), each in written.differences.items()}
        print(json.dumps({"file": str(written.file), "bytes": size, **written.told, "differences": differences}))
        return 0
    print(f"{written.file}: {size / 1e6:.1f} MB, {written.told['unit']}")
    for (height, width), each in written.differences.items():
        print(f"  {width} x {height}: differs from the net by {each:.0e} of its answer at most")
    print(f"  {written.told['licence']}")
    return 0
