"""Depth of pictures that belong to no data set: read them, ask a net, write what it says."""

from depthnb.photos.nets import BEST, Net, net, usable_device
from depthnb.photos.pages import slider
from depthnb.photos.prediction import Depth, Known, predict
from depthnb.photos.reading import USUAL_VIEW, Photo, find, names, read
from depthnb.photos.writing import FORMATS, check, describe, write

__all__ = [
    "BEST",
    "FORMATS",
    "USUAL_VIEW",
    "Depth",
    "Known",
    "Net",
    "Photo",
    "check",
    "describe",
    "find",
    "names",
    "net",
    "predict",
    "read",
    "slider",
    "usable_device",
    "write",
]
