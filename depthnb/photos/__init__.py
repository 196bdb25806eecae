"""Depth of pictures and films that belong to no data set: read them, ask a net, write what it says."""

from depthnb.photos.film_depth import FilmDepth, describe_film, predict_film
from depthnb.photos.films import FILMS, Film, film, film_of_pictures, films_in, is_film
from depthnb.photos.nets import BEST, Net, net, usable_device
from depthnb.photos.pages import slider
from depthnb.photos.prediction import Depth, Known, predict
from depthnb.photos.reading import USUAL_VIEW, Photo, find, names, of_frame, read
from depthnb.photos.writing import FORMATS, check, describe, write

__all__ = [
    "BEST",
    "FILMS",
    "FORMATS",
    "USUAL_VIEW",
    "Depth",
    "Film",
    "FilmDepth",
    "Known",
    "Net",
    "Photo",
    "check",
    "describe",
    "describe_film",
    "film",
    "film_of_pictures",
    "films_in",
    "find",
    "is_film",
    "names",
    "net",
    "of_frame",
    "predict",
    "predict_film",
    "read",
    "slider",
    "usable_device",
    "write",
]
